# Runs a private dockerd for as long as its standard input stays open: a test process that dies in
# whatever way closes it. $1 is the directory of the daemon, $2 the cgroup for its containers, $3 its
# network.
set -u
dir=$1
cgroup=$2
network=$3

# Its own mount, process and network namespaces: when the inner shell ends, the kernel ends every
# process and mount in there, and neither bridges nor ports can clash with those of the machine.
unshare --mount --pid --net --ipc --uts --fork --kill-child --mount-proc --propagation private \
    sh "$dir/daemon.sh" "$dir" "$cgroup" "$network"

find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} + 2>/dev/null
rm -rf "$dir"
