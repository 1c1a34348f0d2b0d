# Runs a private dockerd for as long as its standard input stays open: a test process that dies in
# whatever way closes it. $1 is the directory of the daemon, $2 the cgroup for its containers, $3 its
# network. A daemon that several test processes use has a FIFO for its standard input, $5, which is held open
# for the tests to come as long as the process $4 is there.
set -u
dir=$1
cgroup=$2
network=$3

if [ $# -gt 3 ]; then
    (while kill -0 "$4"; do sleep 0.5; done) <&- >/dev/null 2>&1 3>"$5" &
fi

# Its own mount, process and network namespaces: when the inner shell ends, the kernel ends every
# process and mount in there, and neither bridges nor ports can clash with those of the machine.
unshare --mount --pid --net --ipc --uts --fork --kill-child --mount-proc --propagation private \
    sh "$dir/daemon.sh" "$dir" "$cgroup" "$network"

find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} + 2>/dev/null
rm -rf "$dir"
