# shellcheck shell=bash
#
# processes.sh -- start, recognise and end a server by its process id, and nothing but its id.
#
# Per server NAME, folder DIR holds NAME.pid, NAME.log and NAME.mark. The mark is a part of the
# server's own command line (a path beneath its folder), so an id that the kernel has meanwhile
# given to a stranger is never mistaken for ours.

say() {
    echo "services: $*" >&2
}

# Start "$@" as server $2 of folder $1, in a session of its own (a Ctrl-C at the terminal is for the
# caller, who stops us in order) and with none of the caller's files open (locks, pipes).
server_launch() {
    local dir=$1 name=$2
    shift 2
    : >"$dir/$name.pid" || return
    # shellcheck disable=SC2016 # the inner shell expands these
    setsid bash -c '
        echo $$ >"$1"
        shift
        for fd in /proc/$$/fd/*; do
            fd=${fd##*/}
            [ "$fd" -le 2 ] || eval "exec $fd>&-"
        done
        cd /
        exec "$@"' launch "$dir/$name.pid" "$@" </dev/null >>"$dir/$name.log" 2>&1 &
    disown $! 2>/dev/null || true # the end of a server that we kill is no news for the shell
    until [ -s "$dir/$name.pid" ]; do sleep 0.02; done
}

# The line of log $1 that most likely says why.
complaint() {
    grep -E 'FATAL|PANIC|ERROR|Exception' "$1" | tail -n 1 | grep . || tail -n 1 "$1"
}

# The process id of server $2 of folder $1, when it runs.
server_pid() {
    local dir=$1 name=$2 pid mark
    pid=$(cat "$dir/$name.pid" 2>/dev/null) && mark=$(cat "$dir/$name.mark" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ -n "$mark" ] || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$mark" || return 1
    echo "$pid"
}

server_runs() {
    server_pid "$@" >/dev/null
}

children_of() {
    grep -l "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status 2>/dev/null | cut -d/ -f3 || true
}

# A zombie has ended: whoever should collect it may never do so (process 1 of a container).
has_ended() {
    ! grep -qs '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status"
}

# Wait up to $1 seconds for the end of all the processes named after it.
wait_ended() {
    local ticks=$(($1 * 20)) pid
    shift
    for pid in "$@"; do
        until has_ended "$pid"; do
            [ $((ticks--)) -gt 0 ] || return 1
            sleep 0.05
        done
    done
}

# End server $2 of folder $1 by signal $3, with its children, and wait. After 30 s: SIGKILL.
server_end() {
    local dir=$1 name=$2 signal=$3 pid children
    if pid=$(server_pid "$dir" "$name"); then
        mapfile -t children < <(children_of "$pid")
        if [ "$signal" = KILL ]; then
            kill -KILL "$pid" "${children[@]}" 2>/dev/null || true
        else
            kill -"$signal" "$pid" 2>/dev/null || true
        fi
        if ! wait_ended 30 "$pid" "${children[@]}"; then
            say "$name (process $pid) did not end within 30 s of SIG$signal; killing it"
            kill -KILL "$pid" "${children[@]}" 2>/dev/null || true
            wait_ended 10 "$pid" "${children[@]}" || {
                say "$name (process $pid) survived SIGKILL; it hangs in the kernel, see its state with ps"
                return 1
            }
        fi
    fi
    rm -f "$dir/$name.pid"
}
