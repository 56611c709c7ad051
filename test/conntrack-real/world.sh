#!/bin/sh
# A namespace to compare conntrack(8) with ours in: labels by name, accounting, a helper, an FTP command that leaves expectations.
# As root: unshare -n -m sh world.sh; it says "ready" and ends when its standard input does.
set -e
mount --make-rprivate /
work=$(mktemp -d)
mount -t tmpfs none "$work"
mkdir "$work/up" "$work/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$work/up,workdir=$work/work" /etc
mkdir -p /etc/xtables
printf '0 zero\n1 one\n2 two\n5 eth0-in\n127 last\n' >/etc/xtables/connlabel.conf
ip link set lo up
ip addr add 10.0.0.1/24 dev lo
ip addr add 10.0.0.2/24 dev lo
sysctl -qw net.netfilter.nf_conntrack_acct=1 net.netfilter.nf_conntrack_timestamp=1 net.netfilter.nf_conntrack_tcp_timeout_close=9000
modprobe nf_conntrack_ftp 2>/dev/null || true
iptables-legacy -t raw -A OUTPUT -p tcp --dport 21 -j CT --helper ftp
iptables-legacy -A INPUT -m connlabel --label one -j ACCEPT
echo ready
cat >/dev/null
