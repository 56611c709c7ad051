#!/bin/bash
# What conntrack(8) 1.4.7 finds with each of its filters, on a table of every kind: writes fixtures/filter-table.txt and
# fixtures/filter-found.txt (`OPTIONS => IDS`). As root:
#     TZ=UTC unshare -n -m bash filters.sh [FOLDER]
set -u
out=${1:-$(cd "$(dirname "$0")" && pwd)/fixtures}
tmp=$(mktemp -d)
mount --make-rprivate /
mkdir "$tmp/up" "$tmp/work"
trap 'umount -l /etc; rm -rf "$tmp"' EXIT
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$tmp/up,workdir=$tmp/work" /etc
mkdir -p /etc/xtables
printf '0 eth0-in\n5 db\n77 last\n' > /etc/xtables/connlabel.conf
ip link set lo up
iptables-legacy -A OUTPUT -p udp -m connlabel --label eth0-in # labels take room only where a rule asks for them
add() { conntrack -I "$@" > /dev/null 2>&1 || echo "not made: $*"; }
T='-p tcp -s 10.0.0.1 -d 10.0.0.2 --dport 80 -t 9000'
add $T --sport 1000 --state ESTABLISHED -u SEEN_REPLY,ASSURED
add $T --sport 1001 --state SYN_SENT
add $T --sport 1002 --state LISTEN -m 17
add $T --sport 1003 --state TIME_WAIT -u SEEN_REPLY -w 5
add $T --sport 1004 --state LAST_ACK -u SEEN_REPLY --orig-zone 6
add $T --sport 1005 --state CLOSE_WAIT -u SEEN_REPLY --reply-zone 7
add $T --sport 1007 --state FIN_WAIT -u SEEN_REPLY -n 192.0.2.1
add $T --sport 1008 --state CLOSE -u SEEN_REPLY -g 192.0.2.2:8080
add $T --sport 1009 --state NONE -u SEEN_REPLY
add $T --sport 1010 --state ESTABLISHED -u SEEN_REPLY,ASSURED,FIXED_TIMEOUT
add $T --sport 1011 --state ESTABLISHED -u SEEN_REPLY -n 192.0.2.1:77 -g 192.0.2.2:8080
add $T --sport 1012 --state ESTABLISHED -u SEEN_REPLY -g 10.0.0.2:8080
add $T --sport 1013 --state ESTABLISHED -u ASSURED -m 0x12345678 --label-add db
add $T --sport 1015 --state ESTABLISHED -u UNSET -m 0xffff --label-add eth0-in
add $T --sport 1016 --state ESTABLISHED -u SEEN_REPLY -n 192.0.2.7 -m 3 -w 4
add $T --sport 1017 --state ESTABLISHED -u SEEN_REPLY --label-add db,last
add $T --sport 1018 --state ESTABLISHED -n 192.0.2.2 -g 192.0.2.2:8080 --label-add db
add -p udp -s 10.0.0.1 -d 10.0.0.2 --sport 1000 --dport 53 -t 9000
add -p udp -s 10.0.0.3 -d 10.0.1.2 --sport 1000 --dport 53 -t 9000 -u SEEN_REPLY
add -p udp -s fd00::1 -d fd00::2 --sport 1000 --dport 53 -t 9000 -u SEEN_REPLY
add -p udp -s ::1.2.3.4 -d ::ffff:1.2.3.4 --sport 1001 --dport 53 -t 9000
add -p udp -s 2001:db8:0:1::1 -d 2001:db8:0:0:1:0:0:1 --sport 1001 --dport 53 -t 9000
add -p udp -s fd00::1 -d fd00::2 --sport 1005 --dport 80 -t 9000 -n fd00::77
add -p tcp -s fd00::1 -d fd00::2 --sport 1000 --dport 80 -t 9000 --state SYN_RECV -u SEEN_REPLY -w 9 -m 0xffffffff
add -p tcp -s fd00::1 -d fd00::2 --sport 1001 --dport 80 -t 9000 --state SYN_RECV -u SEEN_REPLY -n fd00::99
add -p tcp -s fd00::1 -d fd00::2 --sport 1002 --dport 80 -t 9000 --state SYN_RECV -u SEEN_REPLY -g fd00::98
add -p tcp -s fd00::1 -d fd00::2 --sport 1003 --dport 80 -t 9000 --state ESTABLISHED -g '[fd00::2]:8080'
add -p tcp -s fd00::1 -d fd00::2 --sport 1004 --dport 80 -t 9000 --state ESTABLISHED -n '[fd00::77]:8080'
add -p udplite -s 10.0.0.1 -d 10.0.0.2 --sport 1000 --dport 53 -t 9000
add -p icmp -s 10.0.0.1 -d 10.0.0.2 --icmp-type 8 --icmp-code 0 --icmp-id 77 -t 9000
add -p icmp -s 10.0.0.1 -d 10.0.0.2 --icmp-type 13 --icmp-code 0 --icmp-id 77 -t 9000
add -p icmpv6 -s fd00::1 -d fd00::2 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 78 -t 9000
add -p sctp -s 10.0.0.1 -d 10.0.0.2 --sport 1000 --dport 53 -t 9000 --state ESTABLISHED --orig-vtag 1 --reply-vtag 2
add -p sctp -s 10.0.0.1 -d 10.0.0.2 --sport 1001 --dport 53 -t 9000 --state COOKIE_ECHOED --orig-vtag 3 --reply-vtag 4
add -p gre -s 10.0.0.1 -d 10.0.0.2 --srckey 0x10 --dstkey 0x20 -t 9000
add -p dccp -s 10.0.0.1 -d 10.0.0.2 --sport 1000 --dport 53 -t 9000 --state OPEN --role client
add -p 50 -s 10.0.0.1 -d 10.0.0.2 -t 9000
add -p 2 -s 10.0.0.1 -d 10.0.0.2 -t 9000
add -p 50 -s fd00::1 -d fd00::2 -t 9000
conntrack -L -o id,extended,labels 2> /dev/null > "$out/filter-table.txt"
while IFS= read -r options; do
  ids=$(conntrack -L $options -o id,extended 2> /dev/null | sed -n 's/.* use=[0-9]* id=\([0-9]*\).*/\1/p' | sort -n | tr '\n' ' ')
  echo "$options => $ids" | sed 's/ *$//'
done > "$out/filter-found.txt" <<'ROWS'
-f ipv4
-f ipv6
-u ASSURED
-u SEEN_REPLY
-u ASSURED,SEEN_REPLY
-u UNREPLIED
-u EXPECTED
-u FIXED_TIMEOUT
-u OFFLOAD
-u HW_OFFLOAD
-u SEEN_REPLY,FIXED_TIMEOUT
-u SEEN_REPLY,UNREPLIED
-u UNREPLIED,ASSURED
-u ASSURED -u SEEN_REPLY
-u ASSURED -u UNREPLIED
-u SEEN_REPLY -u UNREPLIED
-u UNREPLIED -u ASSURED
-m 0
-m 0/0
-m 3
-m 0x12345678
-m 0x5600/0xff00
-m 0xffff/0xf
-m 5/5
-m 0xffffffff
-n
-g
-j
-n 192.0.2.1
-n 192.0.2.1:77
-n 192.0.2.1:1007
-n 192.0.2.1:1011
-n 10.0.0.1
-n -g
-n 192.0.2.1 -g
-n 192.0.2.1 -g 192.0.2.2
-n 192.0.2.1 -g 192.0.2.9
-g 192.0.2.2
-g 192.0.2.2:8080
-g 192.0.2.2:8081
-g 10.0.0.2:8080
-j 192.0.2.1
-j 192.0.2.1:77
-j 192.0.2.1:8080
-j 192.0.2.2
-j 192.0.2.2:8080
-j 10.0.0.2:8080
-p tcp -j
-p tcp -j 192.0.2.2
-p tcp -j 192.0.2.2:8080
-s 10.0.0.1 -j 192.0.2.2
-r 192.0.2.2 -j 192.0.2.2
-m 0 -j 192.0.2.2
-u SEEN_REPLY -j 192.0.2.2
-w 0 -j 192.0.2.2
--orig-zone 0 -j 192.0.2.2
--reply-zone 0 -j 192.0.2.2
-c 1 -j 192.0.2.2
-l db -j 192.0.2.2
-f ipv4 -j 192.0.2.2
-f ipv6 -n
-f ipv6 -g
-f ipv6 -j
-n fd00::99
-n fd00::77
-n [fd00::77]:8080
-n [fd00::1]:8080
-g fd00::2
-g [fd00::2]:8080
-g [fd00::98]:80
-j fd00::77
-j [fd00::77]:8080
-j [fd00::77]:81
-p tcp -n [fd00::77]:8080
-p tcp -j [fd00::77]:8080
-p udp -n fd00::2
-s 10.0.0.1
-s 10.0.0.0/24
-s 10.0.0.99/24
-s 10.0.0.1/32
-s 10.0.0.0/0
-s 10.0.0.2/31
-s ::/0
-s fd00::1
-s fd00::/16
-s 2001:db8:0:1::/64
-s 2001:db8:0:1:8000::/65
-s fd00::/64 -d fd00::2
-s 10.0.0.0 --mask-src 255.255.255.0
-s 10.0.0.99 --mask-src 255.0.255.0
-s 10.0.0.3 --mask-src 0.0.0.3
-s fd00:: --mask-src ffff::
-d 10.0.1.0/24
-d 10.0.0.0/23
-d 10.0.0.0 --mask-dst 255.255.255.0 -p udp
-r 10.0.0.2
-r 192.0.2.2
-q 192.0.2.1
-q fd00::77
-p tcp
-p udp
-p 50
-p 0
-p icmp
-p icmpv6
-p gre
-p sctp
-p dccp
-p udplite
-f ipv6 -p tcp
-p tcp --sport 1000
-p tcp --dport 80
-p tcp --dport 0
-p tcp --reply-port-src 8080
-p tcp --reply-port-dst 1000
-p tcp --reply-port-dst 77
-p tcp --state ESTABLISHED
-p tcp --state NONE
-p tcp --state LISTEN
-p tcp --state SYN_SENT2
-p tcp --state SYN_RECV
-p udp --sport 1000
-p udp --sport 1000 -s 10.0.0.1
-p udp --reply-port-src 53
-p udp --reply-port-src 54
-p udplite --sport 1
-p udplite --sport 1000
-p udplite --reply-port-dst 1
-p icmp --icmp-type 8
-p icmp --icmp-type 13
-p icmp --icmp-type 0
-p icmp --icmp-code 0
-p icmp --icmp-code 1
-p icmp --icmp-id 77
-p icmp --icmp-id 78
-p icmpv6 --icmpv6-type 128
-p icmpv6 --icmpv6-type 129
-p icmpv6 --icmpv6-code 3
-p icmpv6 --icmpv6-id 78
-p icmpv6 --icmpv6-id 3
-p gre --srckey 16
-p gre --srckey 17
-p gre --dstkey 0x21
-p gre --reply-key-src 0x21
-p gre --reply-key-dst 0x21
-p sctp --state ESTABLISHED
-p sctp --state CLOSED
-p sctp --sport 1001
-p sctp --sport 1
-p sctp --reply-port-dst 1001
-p dccp --sport 0
-p dccp --sport 1000
-w 0
-w 5
-w 6
-w 9
--orig-zone 0
--orig-zone 5
--orig-zone 6
--reply-zone 0
--reply-zone 5
--reply-zone 7
--orig-zone 6 --reply-zone 0
-w 5 --orig-zone 5
-w 0 --orig-zone 6
-l db
-l last
-l eth0-in
-l db -l last
-l db,last
-l db,eth0-in
-c 0
-c 1
-s 10.0.0.1 -p tcp --dport 80 -u ASSURED -m 0x12345678 -l db -w 0
ROWS
