# Process 1 of the namespaces: starts containerd and dockerd, then obeys one command per line of
# standard input. $1 is the directory of the daemon, $2 the cgroup for its containers, $3 its network.
set -u
dir=$1
cgroup=$2
case $3 in
    # Containers have networks only where a test makes them; the daemon starts faster.
    none) network="--bridge=none --iptables=false --ip6tables=false" ;;
    # Published ports need the bridge, and rules, which are those of this namespace alone.
    bridge) network="--ip6tables=false" ;;
esac

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
        $network \
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
