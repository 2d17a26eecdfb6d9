# shellcheck shell=bash
# What the scripts of this folder share: where things are, and how a component is started,
# watched and stopped. Sourced, never run.
#
# A component is a program that outlives the script. Three files tell of it, each named after it:
#   $run/cmd/NAME   the command line, quoted for the shell, so that it can be started again
#   $run/pid/NAME   its pid and its start time; together they never name somebody else's process
#   $run/log/NAME   what it says
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=${0##*/}

say() { echo "$program: $*" >&2; }
die() { say "$@"; exit 1; }

# the comment at the head of a script is its manual
usage() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }

name=${CLUSTER_NAME:-carrel}
[[ $name =~ ^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$ ]] ||
    die "CLUSTER_NAME '$name': want at most 30 of a-z, 0-9 and -"
cache=${CLUSTER_CACHE:-${CARREL_CACHE:-${HOME:-/tmp}/.cache/carrel}/cluster}
bin=$cache/bin
export PATH="$bin:$PATH:/usr/sbin:/sbin"

# Someone who may only read the cache keeps a cluster's state in a folder of their own.
run_root() {
    local root=${CLUSTER_RUN:-$cache/run}
    if ! { mkdir -p "$root" && [ -w "$root" ]; } 2>/dev/null; then
        root=${TMPDIR:-/tmp}/carrel-cluster-$(id -u)
        mkdir -p -m 700 "$root"
        [ -O "$root" ] || die "$root belongs to someone else"
    fi
    echo "$root"
}
run=$(run_root)/$name
kubeconfig=$run/kubeconfig
containerd_socket=$run/containerd.sock

# ${enter[@]} before a command runs it where the cluster is; empty when that is the host's network
enter=()
kind= netns= server=
if [ -f "$run/where" ]; then
    # shellcheck source=/dev/null
    . "$run/where"
    [ -z "$netns" ] || enter=(nsenter "--net=/run/netns/$netns" --)
fi

# In ticks since boot; the name in field 2 may hold blanks and brackets. A zombie with threads is
# still on its way out and holds its ports.
started_at() {
    local stat fields
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    read -ra fields <<<"${stat##*) }"
    { [ "${fields[0]}" = Z ] && [ "${fields[17]}" -le 1 ]; } || echo "${fields[19]}"
}

pid_of() { # component: its pid while it lives, else nothing and failure
    local pid since
    read -r pid since 2>/dev/null <"$run/pid/$1" || return 1
    [ -n "$since" ] && [ "$(started_at "$pid")" = "$since" ] && echo "$pid"
}
alive() { pid_of "$1" >/dev/null; }

# Starts what $run/cmd/NAME says, in a session of its own so that Ctrl-C stays with the caller, and
# with no descriptor of the caller's: a lock or pipe would be held for the cluster's life.
launch() {
    local what=$1 argv pid
    eval "argv=($(<"$run/cmd/$what"))"
    (
        cd "$run"
        exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
        exec setsid "${enter[@]}" "${argv[@]}" >>"$run/log/$what" 2>&1 </dev/null
    ) &
    pid=$!
    echo "$pid $(started_at "$pid")" >"$run/pid/$what"
}

wanted=() # what this script started or found alive
start() { # name command...: does nothing while it lives
    local what=$1
    shift
    wanted+=("$what")
    alive "$what" && return 0
    printf '%q ' "$@" >"$run/cmd/$what"
    launch "$what"
}

log_tail() {
    say "last lines of $run/log/$1:"
    tail -n 20 "$run/log/$1" 2>/dev/null | cut -c1-300 | sed 's/^/    /' >&2 || true
}

wait_for() { # component seconds command...: until the command succeeds; the component must live on
    local what=$1 until=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ! alive "$what"; then
            log_tail "$what"
            die "$what stopped"
        fi
        if [ "$SECONDS" -ge "$until" ]; then
            log_tail "$what"
            die "$what is not ready: '$*' still fails"
        fi
        sleep 0.1
    done
}

signal() { # signal component...: to those that live
    local sig=$1 what pid
    shift
    for what in "$@"; do
        if pid=$(pid_of "$what"); then kill "-$sig" "$pid" 2>/dev/null || true; fi
    done
}

gone() { # seconds component...: true when all have ended in time
    local until=$((SECONDS + $1)) what
    shift
    for what in "$@"; do
        while alive "$what"; do
            [ "$SECONDS" -lt "$until" ] || return 1
            sleep 0.05
        done
    done
}

api() { # path [curl option...]: one request to the apiserver as cluster-admin
    local path=$1
    shift
    "${enter[@]}" curl -fsS --max-time 10 --cacert "$run/pki/ca.crt" --cert "$run/pki/admin.crt" \
        --key "$run/pki/admin.key" "$@" "$server$path"
}

kubectl() { KUBECONFIG=$kubeconfig KUBECACHEDIR=$run/kubectl "${enter[@]}" "$bin/kubectl" "$@"; }
ctr() { "$bin/ctr" -a "$containerd_socket" -n k8s.io "$@"; }

lock() { # file: one at a time, until this script ends
    exec 9>"$1"
    flock 9
}
