# Process 1 of the namespaces: starts containerd and dockerd, then obeys one command per line of
# standard input. $1 is the directory of the daemon, $2 the cgroup for its containers.
set -u
dir=$1
cgroup=$2

# A containerd of its own, because one that dockerd manages dies with dockerd.
start_containerd() {
    containerd -c "$dir/containerd.toml" >>"$dir/containerd.log" 2>&1 </dev/null &
    tries=0
    while [ ! -S "$dir/containerd.sock" ] && [ $tries -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
}

start_dockerd() {
    rm -f "$dir/dockerd.pid"
    dockerd --config-file "$dir/daemon.json" --containerd "$dir/containerd.sock" \
        --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/dockerd.pid" \
        --host "unix://$dir/docker.sock" --cgroup-parent "/$cgroup" \
        --bridge=none --iptables=false --ip6tables=false \
        >>"$dir/dockerd.log" 2>&1 </dev/null &
    dockerd=$!
}

ip link set lo up
start_containerd
start_dockerd
while read -r command; do
    case $command in
        crash) kill -KILL "$dockerd" && wait "$dockerd" ;;
        terminate) kill -TERM "$dockerd" && wait "$dockerd" ;;
        freeze) kill -STOP "$dockerd" ;;
        thaw) kill -CONT "$dockerd" ;;
        start) start_dockerd ;;
    esac 2>>"$dir/supervisor.log"
    echo "$command"
done

# What is paused could not die: version 1 of cgroups delivers not even SIGKILL to a frozen process.
find "/sys/fs/cgroup/freezer/$cgroup" -name freezer.state 2>/dev/null | while read -r state; do
    echo THAWED >"$state"
done
