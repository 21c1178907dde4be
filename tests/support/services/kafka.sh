# shellcheck shell=bash
#
# kafka.sh -- a private one-node Apache Kafka (KRaft) beneath a folder. Sourced by services.sh.
#
# The jars come from docker/setup/kafka/fetch. Each folder is a cluster with an id of its own, so
# that offsets stored for one never seem to belong to another. kill -9 loses nothing acknowledged
# (the page cache survives the process); a loss of power could.

kafka_setup=$(cd "$services_here/../../../docker/setup/kafka" && pwd)
kafka_home=${FAULTBUCKET_KAFKA_HOME:-$(cd "$kafka_setup/../../.." && pwd)/build/kafka}
kafka_archive=$kafka_home/classes.jsa

# The java command of folder $1, a word a line. With --fast the JVM leaves out its second compiler.
#
# Half of a broker's start is loading classes. The first one that is stopped in order leaves them in
# an archive, from which all later ones start in half the time; a JVM that finds the archive made
# by another version, or for other jars, goes on without it.
kafka_java() {
    printf '%s\n' java -Xmx512m -XX:+UseG1GC -XX:-UsePerfData -Dlog4j2.disable.jmx=true \
        "-Dlog4j2.configurationFile=$kafka_setup/log4j2.properties" -cp "$kafka_home/libs/*"
    [ ! -e "$1/fast" ] || echo -XX:TieredStopAtLevel=1
    [ ! -e "$kafka_archive" ] || echo "-XX:SharedArchiveFile=$kafka_archive"
}

# Write server.properties of folder $1 for ports $2 (clients) and $3 (controller). After kill -9 the
# controller lets the broker in again once the old session has run out: hence 3 s and not 9.
kafka_settings() {
    cat >"$1/kafka/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$3
listeners=PLAINTEXT://127.0.0.1:$2,CONTROLLER://127.0.0.1:$3
advertised.listeners=PLAINTEXT://127.0.0.1:$2
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$1/kafka/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
message.max.bytes=33554432
replica.fetch.max.bytes=33554432
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
num.network.threads=2
num.io.threads=2
log.segment.bytes=268435456
END
}

# A Kafka id: 16 random bytes in base64url. Kafka refuses one that begins with a dash.
kafka_new_id() {
    /usr/bin/python3 -c 'import base64, uuid
print(base64.urlsafe_b64encode(b"\x46" + uuid.uuid4().bytes[1:]).decode().rstrip("="))'
}

kafka_format() {
    local dir=$1 java
    mapfile -t java < <(kafka_java "$dir")
    "${java[@]}" -XX:TieredStopAtLevel=1 kafka.tools.StorageTool format \
        -t "$(cat "$dir/kafka.cluster")" -c "$dir/kafka/server.properties" >>"$dir/kafka.log" 2>&1 || {
        say "Kafka's storage tool failed: $(complaint "$dir/kafka.log"); see $dir/kafka.log"
        return 1
    }
}

# What a first start needs: settings on free ports, an id, a formatted folder.
kafka_init() {
    local dir=$1 ports
    mkdir -p "$dir/kafka" || return
    mapfile -t ports < <(/usr/bin/python3 "$services_here/ports.py" 2)
    [ "${#ports[@]}" = 2 ] || return
    kafka_settings "$dir" "${ports[@]}" || return
    kafka_new_id >"$dir/kafka.cluster" || return
    echo "${ports[0]}" >"$dir/kafka.port"
    echo "$dir/kafka/server.properties" >"$dir/kafka.mark"
    kafka_format "$dir"
}

# Start the broker that server.properties describes; fails when the process ends before it is ready.
kafka_launch() {
    local dir=$1 java tries=30
    mapfile -t java < <(kafka_java "$dir")
    if [ ! -e "$kafka_archive" ] && [ -w "$kafka_home" ]; then
        java+=("-XX:ArchiveClassesAtExit=$dir/kafka/classes.jsa" -Xlog:cds=off -Xlog:cds+dynamic=off)
    fi
    server_launch "$dir" kafka "${java[@]}" kafka.Kafka "$dir/kafka/server.properties" || return
    until /usr/bin/python3 "$services_here/kafka_wire.py" ready "127.0.0.1:$(cat "$dir/kafka.port")" \
        "$(cat "$dir/kafka.cluster")" 2; do
        server_runs "$dir" kafka && [ $((tries--)) -gt 0 ] || return 1
    done
}

# On free ports, until two of them are not taken by another before we have them.
kafka_launch_first() {
    local dir=$1 try
    for try in 1 2 3 4 5; do
        kafka_remove "$dir"
        kafka_init "$dir" || return
        if kafka_launch "$dir"; then return 0; fi
        server_end "$dir" kafka KILL
        tail -n 40 "$dir/kafka.log" | grep -q 'Address already in use' || return
        say "a port of Kafka's was taken before Kafka had it (try $try of 5); trying another"
    done
    return 1
}

# kafka_start DIR: start what DIR holds, on the ports it had; on the first time, make it.
# kafka.made says that the making came to its end; without it, what lies there is a remnant.
kafka_start() {
    local dir=$1
    if server_runs "$dir" kafka; then return 0; fi
    command -v java >/dev/null || {
        say "java is missing, Kafka needs 17 or later; run docker/setup/install run"
        return 1
    }
    "$kafka_setup/fetch" || return
    if [ -e "$dir/kafka.made" ]; then
        kafka_launch "$dir" && return
    else
        kafka_launch_first "$dir" && touch "$dir/kafka.made" && return
    fi
    server_end "$dir" kafka KILL
    say "Kafka does not start: $(complaint "$dir/kafka.log"); see $dir/kafka.log"
    return 1
}

# Put the archive of a broker that has ended in place; of several, whichever comes last.
kafka_keep_archive() {
    local made=$1/kafka/classes.jsa
    [ -e "$made" ] || return 0
    [ -e "$kafka_archive" ] || { cp "$made" "$kafka_archive.$$" && mv "$kafka_archive.$$" "$kafka_archive"; } || true
    rm -f "$made"
}

kafka_stop() {
    server_end "$1" kafka TERM && kafka_keep_archive "$1"
}

kafka_kill9() {
    server_end "$1" kafka KILL && rm -f "$1/kafka/classes.jsa"
}

kafka_remove() {
    rm -rf -- "$1/kafka"
    rm -f "$1"/kafka.{made,mark,cluster,port,pid}
}
