# shellcheck shell=bash
#
# services.sh -- a private PostgreSQL 15 and a private Kafka, both real, in one folder. To source.
#
#   services_start DIR [--no-kafka] [--no-postgres] [--fast]
#   services_stop DIR [--keep]          end both and remove their data (not with --keep), never the logs
#   kafka_start, kafka_stop, kafka_kill9, postgres_start, postgres_stop, postgres_kill9 DIR
#                                       one of them, to disturb it in a test; data and port stay
#
# DIR is made when it is not there and holds all state. DIR/env is to be sourced and names brokers
# and database; DIR/kafka.log and DIR/postgres.log tell the rest. Several folders at once do not
# know of each other. --fast starts quicker and lets PostgreSQL skip fsync: for tests that neither
# claim durability nor measure. All functions return non-zero and say why on one line of stderr; none needs `set -e`.

services_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=processes.sh
. "$services_here/processes.sh"
# shellcheck source=postgres.sh
. "$services_here/postgres.sh"
# shellcheck source=kafka.sh
. "$services_here/kafka.sh"

services_env() {
    local dir=$1
    if server_runs "$dir" kafka; then
        echo "export FAULTBUCKET_KAFKA_BROKERS=127.0.0.1:$(cat "$dir/kafka.port")"
    fi
    if server_runs "$dir" postgres; then
        local port
        port=$(cat "$dir/postgres.port")
        echo "export FAULTBUCKET_POSTGRES_URL=\"host=127.0.0.1 port=$port dbname=faultbucket user=faultbucket\""
        echo "export PGHOST=127.0.0.1 PGPORT=$port PGDATABASE=faultbucket PGUSER=faultbucket"
    fi
}

services_start() {
    local dir=$1 kafka=yes postgres=yes fast=no option failed=0 jobs=() job began=$SECONDS
    shift
    mkdir -p "$dir" && dir=$(cd "$dir" && pwd) || return
    for option in "$@"; do
        case $option in
        --no-kafka) kafka=no ;;
        --no-postgres) postgres=no ;;
        --fast) fast=yes ;;
        *)
            say "unknown option '$option'; there are --no-kafka, --no-postgres and --fast"
            return 2
            ;;
        esac
    done
    rm -f "$dir/fast"
    [ "$fast" = no ] || touch "$dir/fast"
    if [ "$kafka" = yes ]; then kafka_start "$dir" & jobs+=($!); fi
    if [ "$postgres" = yes ]; then postgres_start "$dir" & jobs+=($!); fi
    for job in "${jobs[@]}"; do wait "$job" || failed=1; done
    if [ "$failed" = 1 ]; then
        services_stop "$dir" --keep
        return 1
    fi
    services_env "$dir" >"$dir/env.new" && mv "$dir/env.new" "$dir/env" || return
    say "ready after $((SECONDS - began)) s in $dir"
}

services_stop() {
    local dir=$1 failed=0
    dir=$(cd "$dir" 2>/dev/null && pwd) || return 0 # never started
    kafka_stop "$dir" || failed=1
    postgres_stop "$dir" || failed=1
    [ "$failed" = 0 ] || return 1
    rm -f "$dir/env"
    if [ "${2:-}" != --keep ]; then
        kafka_remove "$dir"
        postgres_remove "$dir"
        rm -f "$dir/fast"
    fi
}
