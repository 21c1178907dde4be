# shellcheck shell=bash
#
# postgres.sh -- a private PostgreSQL 15 beneath a folder. Sourced by services.sh.
#
# It listens on 127.0.0.1 alone and has no Unix socket, whose path could not be longer than 107
# bytes. PostgreSQL refuses to run as root, so root hands it to the user `postgres`; where that
# user cannot reach the folder, the data lies in a folder of its own under /tmp, and postgres.mark
# says where. Commits are durable unless the folder was started with --fast.

postgres_bin=/usr/lib/postgresql/15/bin

# Run "$@" as a user that PostgreSQL accepts.
as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"
    else
        "$@"
    fi
}

# psql as the superuser `postgres`, on the server of folder $1, untouched by the caller's settings.
postgres_admin() {
    local dir=$1
    shift
    env -u PGSERVICE -u PGOPTIONS -u PGSSLMODE PGCONNECT_TIMEOUT=5 psql -X -q -A -t -v ON_ERROR_STOP=1 \
        -h 127.0.0.1 -p "$(cat "$dir/postgres.port")" -U postgres "$@"
}

# Choose where the data lies, note it in postgres.mark, create it.
postgres_init() {
    local dir=$1 data=$1/postgres
    mkdir -p "$data" || return
    if [ "$(id -u)" = 0 ]; then
        chown postgres:postgres "$data" || return
        if ! (cd / && as_postgres test -w "$data"); then
            rmdir "$data"
            data=$(mktemp -d /tmp/faultbucket-postgres.XXXXXX) || return
            chown postgres:postgres "$data" || return
        fi
    fi
    chmod 700 "$data" && echo "$data" >"$dir/postgres.mark" || return
    (cd / && as_postgres env LC_ALL=C.UTF-8 "$postgres_bin/initdb" --pgdata="$data" --no-sync \
        --auth=trust --username=postgres --encoding=UTF8 --locale=C.UTF-8) >>"$dir/postgres.log" 2>&1 || {
        say "initdb failed: $(tail -n 1 "$dir/postgres.log"); see $dir/postgres.log"
        return 1
    }
}

# Is the server on our port ours, and does it answer?
postgres_answers() {
    local dir=$1
    [ "$(postgres_admin "$dir" -d postgres -c 'SHOW data_directory' 2>/dev/null)" = "$(cat "$dir/postgres.mark")" ]
}

# Start the server on the port that postgres.port names; fails when the process ends before it answers.
postgres_launch() {
    local dir=$1 data port sync=on ticks=600 run=()
    data=$(cat "$dir/postgres.mark") && port=$(cat "$dir/postgres.port") || return
    [ ! -e "$dir/fast" ] || sync=off
    [ "$(id -u)" != 0 ] || run=(setpriv --reuid=postgres --regid=postgres --clear-groups --)
    run+=(env LC_ALL=C.UTF-8 "$postgres_bin/postgres" -D "$data" -p "$port"
        -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=60
        -c shared_buffers=128MB -c fsync="$sync" -c full_page_writes="$sync" -c synchronous_commit=on)
    server_launch "$dir" postgres "${run[@]}" || return
    until postgres_answers "$dir"; do
        server_runs "$dir" postgres && [ $((ticks--)) -gt 0 ] || return 1
        sleep 0.1
    done
}

# On free ports, until one of them is not taken by another before we have it.
postgres_launch_first() {
    local dir=$1 try
    for try in 1 2 3 4 5; do
        /usr/bin/python3 "$services_here/ports.py" 1 >"$dir/postgres.port" || return
        if postgres_launch "$dir"; then return 0; fi
        postgres_kill9 "$dir"
        tail -n 5 "$dir/postgres.log" | grep -q 'could not create any TCP/IP sockets' || return
        say "port $(cat "$dir/postgres.port") was taken before PostgreSQL had it (try $try of 5); trying another"
    done
    return 1
}

# postgres_start DIR: start what DIR holds, on the port it had; on the first time, make it.
# postgres.made says that the making came to its end; without it, what lies there is a remnant.
postgres_start() {
    local dir=$1
    if server_runs "$dir" postgres; then return 0; fi
    [ -x "$postgres_bin/postgres" ] || {
        say "PostgreSQL 15 is missing; run docker/setup/install run"
        return 1
    }
    if [ -e "$dir/postgres.made" ]; then
        postgres_launch "$dir" && return
    else
        postgres_remove "$dir" && postgres_init "$dir" && postgres_launch_first "$dir" &&
            postgres_create "$dir" && touch "$dir/postgres.made" && return
    fi
    postgres_kill9 "$dir"
    say "PostgreSQL does not start: $(complaint "$dir/postgres.log"); see $dir/postgres.log"
    return 1
}

# The role owns its database and may create roles, but is no superuser: what works here works in
# production. For what only a superuser may do, `postgres` is there.
postgres_create() {
    postgres_admin "$1" -d postgres \
        -c 'CREATE ROLE faultbucket LOGIN CREATEROLE' \
        -c 'CREATE DATABASE faultbucket OWNER faultbucket' || {
        say "PostgreSQL runs but does not create database faultbucket; see $1/postgres.log"
        return 1
    }
}

# SIGINT is PostgreSQL's fast shutdown: it ends sessions, writes a checkpoint, and leaves.
postgres_stop() {
    server_end "$1" postgres INT
}

# Every process of it at once, as a crash would. What it leaves outside its data goes as well: the
# lock file, because where nobody collects the dead (process 1 of many a container) the next server
# takes the zombie for a living owner; shared memory, because nobody may ever start it again.
postgres_kill9() {
    local dir=$1 data pid shared=() segment
    if pid=$(server_pid "$dir" postgres); then
        mapfile -t shared < <(for pid in $pid $(children_of "$pid"); do cat "/proc/$pid/maps"; done 2>/dev/null |
            grep -o '/dev/shm/PostgreSQL\.[0-9]*' | sort -u)
    fi
    server_end "$dir" postgres KILL || return
    data=$(cat "$dir/postgres.mark" 2>/dev/null) || return 0
    [ -e "$data/postmaster.pid" ] || return 0
    segment=$(awk 'NR == 7 { print $2 }' "$data/postmaster.pid")
    [ -z "$pid" ] || [ -z "$segment" ] || ipcrm -m "$segment" 2>/dev/null || true
    rm -f "$data/postmaster.pid" "${shared[@]}"
}

# Forget the data, wherever it lies.
postgres_remove() {
    local dir=$1 data
    data=$(cat "$dir/postgres.mark" 2>/dev/null) || return 0
    case $data in "$dir/postgres" | /tmp/faultbucket-postgres.*) rm -rf -- "$data" ;; esac
    rm -f "$dir"/postgres.{made,mark,port,pid}
}
