#!/bin/sh
# a firewall of one's own
set -e
IPT=/sbin/iptables
IP6T="/sbin/ip6tables -w"
WAN=eth0
LAN="10.3.0.0/24"
export LAN

$IPT -F
$IPT -t nat -F
$IPT -X
$IPT -P INPUT DROP; $IPT -P FORWARD DROP
$IP6T -P INPUT DROP

$IPT -N log_drop
$IPT -A log_drop -m limit --limit 5/min -j LOG --log-prefix 'dropped: ' --log-level 4
$IPT -A log_drop -j DROP

# replies
$IPT -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
$IPT -A INPUT -i lo -j ACCEPT
sudo /usr/sbin/iptables -w 5 -A INPUT -i "$WAN" -p tcp --dport 22 \
    -m comment --comment "ssh, but it is limited" \
    -m limit --limit 10/min -j ACCEPT
iptables-legacy -A INPUT -s ${LAN} -j ACCEPT
ip6tables -A INPUT -p icmpv6 -j ACCEPT
ip6tables -A INPUT -s fe80::/10 -j ACCEPT
$IPT -A INPUT -j log_drop

$IPT -I FORWARD -i $WAN -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
$IPT -I FORWARD 1 -s $LAN -o $WAN -j ACCEPT
iptables -t nat -A POSTROUTING -s $LAN -o $WAN -j MASQUERADE
iptables -t nat -A PREROUTING -i $WAN -p tcp -m multiport --dports 80,443 -j DNAT --to-destination 10.3.0.80
iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu

# last words
exit 0
