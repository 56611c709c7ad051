"""Cases of what the router does by itself: how often it says that something went wrong, and which frames it takes."""
from kit import ACCT, A, A6, B, B6, Kit, P, frame
from plain import Plain, rules

LIMITS = {'net.ipv4.icmp_ratelimit': 1000, 'net.ipv4.icmp_ratemask': 6168, 'net.ipv6.icmp.ratelimit': 1000, 'net.ipv6.icmp.ratemask': '0-1,3-127'}
REJECT = {'FORWARD': ['-p udp -m udp --dport 99 -j REJECT']}


def shown(limits):
    return {'sysctl': ['%s: %s' % (k, '"%s"' % v if isinstance(v, str) else v) for k, v in limits.items()]}


def prepared(lab, limits):
    lab.sysctl(limits)
    lab.run_in('r', ['ip', 'route', 'add', 'unreachable', '10.44.0.0/16'], check=True)
    lab.run_in('r', ['ip', '-6', 'route', 'add', 'unreachable', 'fd00:44::/32'], check=True)


def icmp_limits(name, covers, limits):
    """Packets with a TTL of 1, rejected ones, ones without a route, pings: of several senders, at once and some time after."""
    pk = []
    for f in (4, 6):
        k = Kit('limits', f)
        none = 'fd00:44::1' if f == 6 else '10.44.0.1'
        ended = lambda src, n: [k.udp(2000 + i, 53, src=src, ttl=1) for i in range(n)]
        senders = ('fd00:1::2', 'fd00:1::3', 'fd00:1::4', 'fd00:11::5', 'fd00:1::6', 'fd00:1::7') if f == 6 else ('10.1.0.2', '10.1.0.3', '10.1.0.4', '10.11.0.5', '10.1.0.6', '10.1.0.7')
        a, b, c, far, d, e = senders
        pk += ended(a, 10) + [k.udp(3000 + i, 99, src=b) for i in range(10)] + [k.udp(4000, 99, src=a)]
        pk += [k.udp(5000 + i, 7, src=c, dst=none) for i in range(10)] + ended(c, 3) + ended(far, 10)
        pk += ended(d, 3) + [k.udp(5000 + i, 7, src=d, dst=none) for i in range(10)]
        pk += [P.echo(k.a, k.r0, 5, n) for n in range(12)] + ended('2001:db8::1' if f == 6 else '198.51.100.1', 8)
        pk += [('b', k.udp(2000 + i, 53, src='2001:db8::2' if f == 6 else '198.51.100.2', dst=k.a, side='b', ttl=1)) for i in range(9)]
        for wait in (0.03, 0.03, 0.04, 0.05, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 1.1):
            pk += [('a', x, wait if i == 0 else 0) for i, x in enumerate(ended(a, 2) + ended(far, 2) + [k.udp(6000, 99, src=b), k.udp(6001, 7, src=c, dst=none), k.udp(6002, 7, src=c, dst=none)])]
            pk += [('b', k.udp(2100, 53, src='2001:db8::2' if f == 6 else '198.51.100.2', dst=k.a, side='b', ttl=1))]
    text = rules(filter=REJECT)
    host = dict(shown(limits), routes=['- {to: "10.44.0.0/16", type: unreachable}', '- {to: "fd00:44::/32", type: unreachable}'])
    return Plain(name, 'host', covers, rules4=text, rules6=text, packets=pk, prepare=lambda lab: prepared(lab, limits), host=host, deaf=False, sysctl=ACCT)


def limits():
    return icmp_limits('host-icmp-limits', 'how many ICMP errors each sender is told, at the default limits', LIMITS)


def limits_else():
    return icmp_limits('host-icmp-limits-else', 'the same for destination unreachable alone, two a second', {'net.ipv4.icmp_ratelimit': 500, 'net.ipv4.icmp_ratemask': 8, 'net.ipv6.icmp.ratelimit': 500, 'net.ipv6.icmp.ratemask': '1'})


def frames():
    """Frames to the router, to another host, to everybody, to groups: of packets that it forwards, that are for it, that groups get."""
    pk = []
    to = (None, '02:00:00:00:01:99', '02:00:00:00:02:01', '06:00:00:00:01:01', '02:00:00:00:01:02', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', '33:33:00:00:00:01', '03:00:00:00:01:01')
    for f in (4, 6):
        k = Kit('frames', f)
        group = 'ff02::1' if f == 6 else '224.0.0.1'
        for n, mac in enumerate(to):
            pk += [frame('a', x, dst=mac) for x in (k.udp(2000 + n, 7), k.udp(2000 + n, 7, dst=k.r0), k.udp(3000 + n, 7, dst=group), k.tcp(2000 + n, 80), k.udp(4000 + n, 7, ttl=1), P.echo(k.a, k.r0, 5, n))]
        pk += [frame('b', k.udp(7, 2000 + n, side='b'), dst=mac) for n, mac in enumerate(to)]
    types = ['-m pkttype --pkt-type ' + t for t in ('unicast', 'broadcast', 'multicast')]
    text = rules(raw={'PREROUTING': types}, filter={'INPUT': types, 'FORWARD': types + ['-m conntrack --ctstate ' + s for s in ('NEW', 'ESTABLISHED')]})
    return Plain('host-frames', 'host', 'frames to the router, to other hosts, to everybody and to groups', rules4=text, rules6=text, packets=pk, sysctl=ACCT, deaf=False)


CASES = [limits, limits_else, frames]
