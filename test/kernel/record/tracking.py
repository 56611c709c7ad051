"""
Cases of what tracking does beside the protocols: zones with NAT, labels, templates, IPv6 headers and fragments, loopback, hairpin NAT, two
NATs in a row, the limit of the table, NAT of what the router itself makes.
"""
import fcntl
import os
import tempfile

from kit import ACCT, A, A6, B, B6, R0, R06, R1, R16, Kit, P, struct
from plain import Plain, rules

SA, FA, PA, RA = P.SYN | P.ACK, P.FIN | P.ACK, P.PSH | P.ACK, P.RST | P.ACK
COUNT = ['-m conntrack --ctstate ' + s for s in ('NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED', 'SNAT', 'DNAT')]
HOOKS = ('INPUT', 'FORWARD', 'OUTPUT')
FILTER = {c: COUNT for c in HOOKS}


def back(k, packet, side='b', payload=b'answer', **kw):
    """What comes back for a packet that came out: the same addresses and ports, the other way round."""
    p = packet
    if p.proto == P.UDP:
        return k.ip(P.UDP, P.udp_seg(p.dst, p.src, p.dport, p.sport, payload), side, src=p.dst, dst=p.src, **kw)
    if p.proto in (P.ICMP, P.ICMP6):
        return P.echo(p.dst, p.src, *struct.unpack('!HH', p.l4[4:8]), payload=payload, reply=True)
    flags, seq = p.l4[13], struct.unpack('!I', p.l4[4:8])[0]
    n = len(p.l4) - (p.l4[12] >> 4) * 4 + bool(flags & P.SYN) + bool(flags & P.FIN)
    answer = SA if flags & P.SYN else FA if flags & P.FIN else P.ACK
    mine = 700000 if flags & P.SYN else struct.unpack('!I', p.l4[8:12])[0]
    return k.ip(P.TCP, P.tcp_seg(p.dst, p.src, p.dport, p.sport, seq=mine, ack=seq + n, flags=answer), side, src=p.dst, dst=p.src, **kw)


def about(k, packet, side='b', type=3, code=3, src=None):
    """An ICMP error about a packet that came out."""
    p = packet
    at = src or p.dst
    if k.v6:
        return k.ip(P.ICMP6, P.icmp6_msg(at, p.src, 1 if type == 3 else 3, 4 if type == 3 else 0, b'\0\0\0\0', p.raw[:200]), side, src=at, dst=p.src)
    return k.ip(P.ICMP, P.icmp_msg(type, code, b'\0\0\0\0', p.raw[:60]), side, src=at, dst=p.src)


class Live:
    """Sends, and answers what came out at the other side: what a packet is answered with depends on how it was translated."""

    def __init__(self, lab, k):
        self.lab, self.k = lab, k

    def go(self, side, packet, *answers):
        """Sends; for each that came out, sends back what the given functions make of it (default: an answer)."""
        came = self.lab.send(side, packet)
        for p in came:
            if p.proto in (P.ICMP, P.ICMP6) and p.l4[0] not in (8, 128):
                continue
            other = {'r0': 'a', 'r1': 'b'}[p.dev]
            for make in answers or (back,):
                self.lab.send(other, make(self.k, p, other))
        return came


def live(families, f):
    def run(lab):
        for family in families:
            f(Live(lab, Kit('tracking', family)))
    return run


def tracked(name, covers, run, rules4=None, rules6=None, **kw):
    case = Plain('tracking-' + name, 'tracking', covers, rules4, rules6, **kw)
    case.run = run
    return case


def both(text4, to6):
    """Rules of IPv4, and of IPv6 by replacing."""
    text6 = text4
    for old, new in to6:
        text6 = text6.replace(old, new)
    return text4, text6


ADDRESSES6 = [('10.2.0.', 'fd00:2::'), ('10.1.0.', 'fd00:1::'), ('-p icmp -m icmp --icmp-type 8', '-p ipv6-icmp -m icmp6 --icmpv6-type 128'), ('-p icmp', '-p ipv6-icmp')]


# zones

def zones_nat():
    """Two tenants with the same addresses, told apart by DSCP: one in a zone of both directions, others of one, sharing the outer address."""
    raw = ['-i r0 -m dscp --dscp 1 -j CT --zone 1', '-i r0 -m dscp --dscp 2 -j CT --zone-orig 2', '-i r0 -m dscp --dscp 3 -j CT --zone-orig 3',
           '-i r0 -m dscp --dscp 4 -j CT --zone-reply 4', '-i r1 -m dscp --dscp 1 -j CT --zone 1', '-i r1 -m dscp --dscp 4 -j CT --zone-reply 4']
    nat = {'PREROUTING': ['-i r0 -p udp -m udp --dport 54 -m dscp --dscp 2 -j DNAT --to-destination 10.2.0.3:53', '-i r0 -p udp -m udp --dport 54 -j DNAT --to-destination 10.2.0.4'],
           'POSTROUTING': ['-o r1 -p udp -m dscp --dscp 2 -j SNAT --to-source 10.2.0.1:5000-5000', '-o r1 -p udp -m dscp --dscp 3 -j SNAT --to-source 10.2.0.1:5001-5001',
                           '-o r1 -p tcp -m dscp --dscp 2 -j SNAT --to-source 10.2.0.1:6000-6000', '-o r1 -p tcp -m dscp --dscp 3 -j SNAT --to-source 10.2.0.1:6000-6001', '-o r1 -p tcp -m dscp --dscp 1 -j MASQUERADE', '-o r1 -p udp -m dscp --dscp 4 -j MASQUERADE']}
    text4, text6 = both(rules(raw={'PREROUTING': raw}, nat=nat, filter=FILTER, probe=False), [(':5000', ']:5000'), (':5001', ']:5001'), (':6000', ']:6000'), ('10.2.0.3:53', '[fd00:2::3]:53'), ('--to-source 10.2.0.', '--to-source [fd00:2::')] + ADDRESSES6)

    def run(x):
        k = x.k
        for round in (1, 2):
            for dscp in (1, 2, 3, 4, 0):
                reply = (lambda k, p, side, d=dscp: back(k, p, side, tos=d << 2),)
                x.go('a', k.udp(1000, 53, tos=dscp << 2), *reply)
                x.go('a', k.udp(1001, 54, tos=dscp << 2), *reply, *((about,) if round == 2 else ()))
                if dscp in (1, 2, 3):
                    x.go('a', k.tcp(1002, 80, P.SYN if round == 1 else PA, tcpkw=dict(seq=10 if round == 1 else 11, ack=700001 if round == 2 else 0), payload=b'' if round == 1 else b'get', tos=dscp << 2), *reply)
        # the answer without the mark of its zone
        x.go('a', k.udp(1010, 53, tos=4), back)
        x.go('a', k.icmp(128 if k.v6 else 8, tos=8), back, about)
        x.go('a', k.icmp(128 if k.v6 else 8, tos=4), back)
    return tracked('zones-nat', 'zones of both directions and of one, with SNAT, DNAT and MASQUERADE: the same tuple in each', live((4, 6), run), text4, text6, sysctl=ACCT)


def zones_clash():
    """Mappings of different zones may be alike; those that answers find in one zone may not."""
    raw = ['-i r0 -m dscp --dscp 1 -j CT --zone 1', '-i r0 -m dscp --dscp 2 -j CT --zone 2', '-i r0 -m dscp --dscp 3 -j CT --zone-orig 3', '-i r0 -m dscp --dscp 4 -j CT --zone-orig 4',
           '-i r0 -m dscp --dscp 5 -j CT --zone-orig 5', '-i r1 -m dscp --dscp 1 -j CT --zone 1', '-i r1 -m dscp --dscp 2 -j CT --zone 2']
    # one port for the first three; of two, one is taken, then both (a choice of two would be drawn)
    nat = {'POSTROUTING': ['-o r1 -p %s -m dscp --dscp %d -j SNAT --to-source 10.2.0.1:%s' % (p, d, ports % {'n': n}) for p, n in (('udp', 700), ('tcp', 800))
                           for d, ports in ((1, '%(n)d0'), (2, '%(n)d0'), (3, '%(n)d0'), (4, '%(n)d0-%(n)d1'), (5, '%(n)d0-%(n)d1'))]}

    def run(x):
        k = x.k
        for dscp in (1, 2, 3, 4, 5):
            x.go('a', k.udp(1000, 53, tos=dscp << 2), lambda k, p, side, d=dscp: back(k, p, side, tos=d << 2))
        for dscp in (1, 1, 2, 3, 4, 5):
            x.go('a', k.udp(1000 + 10 * (dscp == 1), 53, tos=dscp << 2), lambda k, p, side, d=dscp: back(k, p, side, tos=d << 2))
        for dscp in (1, 2, 3, 4, 5):
            x.go('a', k.tcp(1000, 80, tos=dscp << 2, payload=b''), lambda k, p, side, d=dscp: back(k, p, side, tos=d << 2))
    return tracked('zones-clash', 'the same mapping in several zones, and where the answers share one', live((4,), run), rules(raw={'PREROUTING': raw}, nat=nat, filter=FILTER, probe=False), sysctl=ACCT)


# labels

def labels():
    """Labels of a connection are seen by both directions and by errors about it, under NAT too, and by no other connection."""
    ask = ['-m connlabel --label "%d"' % n for n in (0, 1, 5, 127)] + ['-m connlabel ! --label "1"']
    mangle = {'PREROUTING': ask, 'FORWARD': ['-p udp -m udp --dport 2000:2001 -m connlabel --label "0" --set', '-p udp -m udp --dport 2001 -m connlabel --label "127" --set', '-i r1 -p udp -m connlabel --label "1" --set',
                                             '-p tcp -m conntrack --ctstate ESTABLISHED -m connlabel ! --label "5" --set', '-m conntrack --ctstate INVALID,UNTRACKED -m connlabel --label "5" --set'] + ask,
              'POSTROUTING': ask}
    raw = {'PREROUTING': ['-p udp -m udp --dport 2009 -j CT --notrack']}
    text4, text6 = both(rules(mangle=mangle, raw=raw, nat={'POSTROUTING': ['-o r1 -p udp -m udp --dport 2001 -j MASQUERADE']}, filter=FILTER), ADDRESSES6)

    def run(x):
        k = x.k
        for port in (2000, 2001, 2002, 2009):
            x.go('a', k.udp(1000, port), back, about)
            x.go('a', k.udp(1000, port))
            x.go('a', k.udp(1001, port), about)
        x.go('a', k.tcp(1000, 80, payload=b''))
        x.go('a', k.tcp(1000, 80, P.ACK, payload=b'', tcpkw=dict(seq=1, ack=700001)))
        x.go('a', k.tcp(1000, 80, P.FIN | P.SYN, payload=b''))
        x.go('a', k.icmp(128 if k.v6 else 8))
    return tracked('connlabel', 'labels seen by both directions and by errors, under NAT', live((4, 6), run), text4, text6, sysctl=ACCT)


# templates

def templates():
    """What -j CT says counts for the packet that begins a connection; the first one that says anything wins."""
    raw = {'PREROUTING': ['-p udp -m udp --dport 100 -j CT --zone 1', '-p udp -m udp --dport 100 -j CT --zone 2', '-p udp -m udp --dport 100 -j CT --notrack',
                          '-p udp -m udp --dport 101 -j CT --notrack', '-p udp -m udp --dport 101 -j CT --zone 3',
                          '-p udp -m udp --dport 102 -j CT --ctevents destroy', '-p udp -m udp --dport 103 -j CT --ctevents new,mark', '-p udp -m udp --dport 104 -j CT --zone 4 --ctevents reply,destroy',
                          '-i r1 -p udp -m udp --sport 105 -j CT --zone 5', '-p udp -m udp --dport 106 -m mark --mark 0x6 -j CT --zone mark', '-p udp -m udp --dport 106 -j MARK --set-xmark 0x7', '-p udp -m udp --dport 106 -j CT --zone mark',
                          '-p tcp -m tcp --tcp-flags ACK ACK -j CT --zone 6', '-p icmp -m icmp --icmp-type 8 -j CT --zone 7 --ctevents new,destroy', '-p 253 -j CT --zone 8', '-p sctp -j CT --notrack'],
           'OUTPUT': ['-p udp -m udp --dport 100 -j CT --zone 9', '-p udp -m udp --dport 102 -j CT --ctevents reply', '-p icmp -j CT --zone 7', '-p tcp -j CT --notrack']}
    mangle = {'FORWARD': ['-p udp -m udp --dport 103 -j CONNMARK --set-xmark 0x3/0xffffffff', '-p udp -m udp --dport 102 -j CONNMARK --set-xmark 0x2/0xffffffff']}
    text4, text6 = both(rules(raw=raw, mangle=mangle, filter=FILTER), ADDRESSES6)

    def run(x):
        k = x.k
        for port in range(100, 108):
            x.go('a', k.udp(1000, port), back, about)
            x.go('a', k.udp(1000, port))
        x.go('a', k.tcp(1000, 80, payload=b''))
        x.go('a', k.tcp(1000, 80, P.ACK, payload=b'', tcpkw=dict(seq=1, ack=700001)))
        x.go('a', k.icmp(128 if k.v6 else 8), back, about)
        x.go('a', k.ip(253, b'unknown protocol'), lambda k, p, side: k.ip(253, b'and back', side))
        x.go('a', k.sctp(P.sctp_chunk(1, 0, struct.pack('!IIHHI', 5, 9000, 1, 1, 7))), lambda k, p, side: k.sctp(P.sctp_chunk(2, 0, struct.pack('!IIHHI', 6, 9000, 1, 1, 7)), 2000, 1000, 5, side=side))
        for port in (100, 102, 103):
            x.go('r', k.udp(1001, port, side='r'), back)
        x.go('r', k.icmp(128 if k.v6 else 8, side='r'), back)
        x.go('r', k.tcp(1003, 80, side='r', payload=b''))
    return tracked('templates', 'CT rules: the first that says anything wins, only the first packet counts, in PREROUTING and OUTPUT', live((4, 6), run), text4, text6, sysctl=ACCT)


def timeouts():
    """Policies of CT --timeout: each state has its own time, others the settings'; of another protocol they do nothing."""
    policies = {'u': ('udp', 'unreplied 1 replied 40'), 't': ('tcp', 'syn_sent 9 syn_recv 8 established 700 fin_wait 33 close_wait 22 last_ack 11 time_wait 44 close 1 unacknowledged 55'), 'i': ('%s', 'timeout 77'),
                's': ('sctp', 'cookie_wait 6 cookie_echoed 5'), 'g': ('generic', 'timeout 88'), 'r': ('gre', 'unreplied 66 replied 99')}
    raw = ['-p udp -m udp --dport 53 -j CT --timeout u%(f)s', '-p udp -m udp --dport 54 -j CT --timeout u%(f)s --zone 3 --ctevents new,destroy', '-p udp -m udp --dport 55 -j CT --ctevents destroy', '-p udp -m udp --dport 55 -j CT --timeout u%(f)s',
           '-p tcp -m tcp --dport 80 -j CT --timeout t%(f)s', '-p tcp -m tcp --dport 21 -j CT --timeout t%(f)s --helper ftp', '-p icmp -m icmp --icmp-type 8 -j CT --timeout i%(f)s', '-p sctp -j CT --timeout s%(f)s', '-p 253 -j CT --timeout g%(f)s', '-p gre -j CT --timeout r%(f)s']
    text4, text6 = both(rules(raw={'PREROUTING': raw, 'OUTPUT': raw[:1]}, nat={'POSTROUTING': ['-o r1 -p udp -m udp --dport 53 -j MASQUERADE']}, filter=FILTER), ADDRESSES6)
    text4, text6 = (t.replace('%(f)s', f) for t, f in ((text4, '4'), (text6, '6')))
    family = {'4': 'inet', '6': 'inet6'}

    def prepare(lab):
        for name, (proto, text) in policies.items():
            for f, inet in family.items():
                lab.run_in('r', ['nfct', 'add', 'timeout', name + f, inet, proto.replace('%s', {'4': 'icmp', '6': 'icmpv6'}[f]), *text.split()], check=True)

    def lines():
        for name, (proto, text) in policies.items():
            words = text.split()
            for f, inet in family.items():
                yield '%s%s: {protocol: %s, family: %s, %s}' % (name, f, proto.replace('%s', {'4': 'icmp', '6': 'icmpv6'}[f]), inet, ', '.join('%s: %s' % x for x in zip(words[::2], words[1::2])))

    def run(x):
        k = x.k
        for port in (53, 54, 55, 56):
            x.go('a', k.udp(1000, port))
            x.lab.send('a', k.udp(1001, port))
        x.go('r', k.udp(1005, 53, side='r'))
        talk = ((P.SYN, 0, 0), (P.ACK, 1, 1), (PA, 1, 1), (FA, 1, 1), (P.ACK, 2, 2))
        for port, n in ((80, 1), (80, 2), (80, 3), (80, 4), (80, 5), (21, 3), (81, 3)):
            for flags, seq, ack in talk[:n]:
                x.go('a', k.tcp(1000 + 10 * n, port, flags, payload=b'', tcpkw=dict(seq=seq, ack=700000 + ack if ack else 0)), *(() if flags != PA else (lambda *_: k.udp(9, 9),)))
        x.go('a', k.tcp(1090, 80, payload=b''), lambda k, p, side: k.tcp(1090, 80, RA, payload=b'', side='b', tcpkw=dict(ack=1)))
        x.go('a', k.tcp(1091, 80, payload=b''))
        x.lab.send('b', k.tcp(1091, 80, RA, payload=b'', side='b', tcpkw=dict(seq=700001, ack=1)))
        x.go('a', k.icmp(128 if k.v6 else 8))
        x.go('a', k.ip(253, b'unknown'), lambda k, p, side: k.ip(253, b'back', side))
        x.lab.send('a', P.gre(k.a, k.b, b'payload'))
        x.go('a', k.sctp(P.sctp_chunk(1, 0, struct.pack('!IIHHI', 5, 9000, 1, 1, 7)), vtag=0), lambda k, p, side: k.sctp(P.sctp_chunk(2, 0, struct.pack('!IIHHI', 6, 9000, 1, 1, 7)), 2000, 1000, 5, side=side))

    def both_then_wait(lab):
        live((4, 6), run)(lab)
        lab.sleep(1.7)
        for family in (4, 6):
            k = Kit('timeouts again', family)
            for port in (53, 54, 55, 56):
                lab.send('a', k.udp(1001, port))
    return tracked('timeouts', 'CT --timeout of every protocol, with zones, helpers and NAT', both_then_wait, text4, text6, prepare=prepare, sysctl=ACCT, host={'timeouts': list(lines())})


# IPv6

def hop(next, n=1, type=None):
    """Hop-by-hop or destination options: padding."""
    body = 8 * n - 2
    return struct.pack('!BB', next, n - 1) + bytes([1, body - 2]) + b'\0' * (body - 2)


def rt(next, left=0, type=2):
    return struct.pack('!BBBB', next, 2, type, left) + b'\0' * 4 + P.a6('fd00:2::9')


def fh(next, off=0, more=0, id=77):
    return struct.pack('!BBHI', next, 0, off | more, id)


def ah(next):
    return struct.pack('!BBHII', next, 4, 0, 256, 1) + b'\0' * 12


CHAINS6 = {
    'hop': (0, lambda n: hop(n)), 'dst': (60, lambda n: hop(n)), 'long': (60, lambda n: hop(n, 9)), 'rt0': (43, lambda n: rt(n)), 'rt-left': (43, lambda n: rt(n, 1, 4)),
    'hop-dst': (0, lambda n: hop(60) + hop(n)), 'dst-rt': (60, lambda n: hop(43) + rt(n)), 'all': (0, lambda n: hop(60) + hop(43) + rt(60) + hop(n)), 'atomic': (44, lambda n: fh(n)),
    'hop-atomic-dst': (0, lambda n: hop(44) + fh(60) + hop(n)), 'ah': (51, lambda n: ah(n)), 'hop-ah': (0, lambda n: hop(51) + ah(n)), 'dst-hop': (60, lambda n: hop(0) + hop(n)), 'mobility': (135, lambda n: struct.pack('!BBBBH', n, 0, 1, 0, 0) + b'\0\0'),
    'hip': (139, lambda n: struct.pack('!BBBB', n, 0, 1, 0) + b'\0' * 4)}


def transport(k, kind, src, dst, sport=1000, dport=2000):
    if kind == 'udp':
        return P.UDP, P.udp_seg(src, dst, sport, dport, b'data of udp')
    if kind == 'tcp':
        return P.TCP, P.tcp_seg(src, dst, sport, dport, seq=5)
    if kind == 'echo':
        return P.ICMP6, P.icmp6_msg(src, dst, 128, 0, struct.pack('!HH', sport, 1), b'ping')
    if kind == 'sctp':
        return P.SCTP, P.sctp_seg(sport, dport, 0, P.sctp_chunk(1, 0, struct.pack('!IIHHI', 5, 9000, 1, 1, 7)))
    if kind == 'none':
        return 59, b''
    return {'esp': (50, struct.pack('!II', 300, 1) + b'\0' * 16), 'other': (253, b'unknown')}[kind]


def headers6(nat):
    kinds = ('udp', 'tcp', 'echo', 'sctp', 'esp', 'other', 'none')
    table = {'PREROUTING': ['-d fd00:2::8 -j DNAT --to-destination fd00:2::3'], 'POSTROUTING': ['-o r1 -j MASQUERADE']} if nat else {}

    def run(x):
        k, port = x.k, 1000
        for name, (first, make) in CHAINS6.items():
            for kind in kinds:
                if nat and kind in ('sctp', 'esp', 'none') and name not in ('hop', 'all'):
                    continue
                port += 1
                for dst in (B6, 'fd00:2::8')[:1 + (nat and kind in ('udp', 'tcp', 'echo'))]:
                    proto, seg = transport(k, kind, A6, dst, port, 80 if kind != 'udp' else 53)
                    came = x.lab.send('a', P.ip6(A6, dst, first, make(proto) + seg))
                    for p in came:
                        if p.dev != 'r1' or kind not in ('udp', 'tcp', 'echo'):
                            continue
                        src = p.src
                        if kind == 'udp':
                            seg = P.udp_seg(p.dst, src, 53, port, b'back')
                        elif kind == 'tcp':
                            seg = P.tcp_seg(p.dst, src, 80, port, seq=9, ack=6, flags=SA)
                        else:
                            seg = P.icmp6_msg(p.dst, src, 129, 0, struct.pack('!HH', port, 1), b'pong')
                        x.lab.send('b', P.ip6(p.dst, src, first, make(proto) + seg))
                        # an error that quotes all of it
                        x.lab.send('b', P.ip6('fd00:2::5', src, 58, P.icmp6_msg('fd00:2::5', src, 1, 4, b'\0\0\0\0', p.raw)))
    tail = '-nat' if nat else ''
    return tracked('headers6' + tail, 'IPv6 extension headers before every transport, there and back, and in errors%s' % (', translated' if nat else ''), live((6,), run), rules6=rules(filter=FILTER, **(dict(nat=table) if nat else {})), sysctl=ACCT)


def cut(packet, at, size, ident):
    """Fragments of an IPv6 packet whose headers up to `at` are in each of them; the header that comes next is named there."""
    head, body = bytearray(packet[:at]), packet[at:]
    where = 6
    offset, nh = 40, head[6]
    while offset < at:
        where, nh = offset, head[offset]
        offset += (head[offset + 1] + 1) * 8
    head[where] = 44
    out = []
    for o in range(0, len(body), size):
        part = body[o:o + size]
        h = bytes(head[:4]) + struct.pack('!H', len(head) - 40 + 8 + len(part)) + bytes(head[6:])
        out.append(h + fh(nh, o, 1 if o + size < len(body) else 0, ident) + part)
    return out


def fragments6(nat):
    """Fragments with headers before and behind the fragment header, in any order, doubled, overlapping, and under NAT."""
    table = dict(nat={'PREROUTING': ['-d fd00:2::8 -j DNAT --to-destination fd00:2::3'], 'POSTROUTING': ['-o r1 -j MASQUERADE']}) if nat else {}

    def run(x):
        k, ident = x.k, 0x1000
        # bytes of headers that are in each fragment. (What comes behind, and would be in each fragment of the router's, is left out: buffers
        # that come from a packet socket over veth have no room for it, and are cut otherwise than those of a network card.)
        chains = [('hop', 8), ('dst', 8), ('hop-dst', 16), ('rt0', 24), ('all', 48), ('all', 40), ('long', 72), ('mobility', 0), ('hip', 0), ('ah', 0), (None, 0)]
        for name, before in chains:
            for kind in ('udp', 'tcp', 'echo'):
                ident += 1
                dst = 'fd00:2::8' if nat and ident % 2 else B6
                port = ident & 0xfff
                if kind == 'udp':
                    proto, seg = P.UDP, P.udp_seg(A6, dst, port + 2000, 53, bytes(range(256)) * 2)
                elif kind == 'tcp':
                    proto, seg = P.TCP, P.tcp_seg(A6, dst, port + 2000, 80, seq=5, payload=bytes(400))
                else:
                    proto, seg = P.ICMP6, P.icmp6_msg(A6, dst, 128, 0, struct.pack('!HH', port, 1), bytes(300))
                first, extra = (proto, b'') if name is None else (CHAINS6[name][0], CHAINS6[name][1](proto))
                pieces = cut(P.ip6(A6, dst, first, extra + seg), 40 + before, 128, ident)
                order = (pieces, pieces[::-1], pieces[1:] + pieces[:1], pieces[:1] + pieces)[ident % 4]
                for f in order:
                    x.lab.send('a', f)
        # only a first one, only a last one, overlapping, too small, a byte over
        whole = P.ip6(A6, B6, P.UDP, P.udp_seg(A6, B6, 4000, 53, bytes(500)))
        pieces = cut(whole, 40, 128, 0x2001)
        x.lab.send('a', pieces[0])
        x.lab.send('a', cut(whole, 40, 128, 0x2002)[-1])
        over = cut(whole, 40, 128, 0x2003)
        for f in (over[0], cut(whole, 40, 64, 0x2003)[1], over[1], over[2], over[3]):
            x.lab.send('a', f)
        x.lab.send('a', P.ip6(A6, B6, 44, fh(P.UDP, 0, 1, 0x2004) + b'12345678'))
        x.lab.send('a', P.ip6(A6, B6, 44, fh(P.UDP, 0, 1, 0x2005) + b'1234567'))
        x.lab.send('a', P.ip6(A6, B6, 44, fh(P.UDP, 65528, 0, 0x2006) + bytes(16)))
        x.lab.send('a', P.ip6(A6, B6, 44, fh(P.UDP, 0, 0, 0x2007) + P.udp_seg(A6, B6, 4001, 53, b'atomic')))
    return tracked('fragments6' + ('-nat' if nat else ''), 'IPv6 fragments with headers before and behind the fragment header, in any order%s' % (', translated' if nat else ''), live((6,), run), rules6=rules(filter=FILTER, **table), sysctl=ACCT)


def hop_options():
    """Hop-by-hop options that nobody knows: skipped, or the packet dropped before any hook, its sender told or not."""
    def run(lab):
        k = Kit('hop options', 6)
        for dst in (B6, R06, 'ff02::1', 'ff0e::5'):
            for type in (0x1e, 0x3e, 0x5e, 0x9e, 0xbe, 0xde, 0xfe):
                for proto, seg in (transport(k, 'udp', A6, dst), transport(k, 'echo', A6, dst), (58, P.icmp6_msg(A6, dst, 1, 0, b'\0' * 4, bytes(48))), (44, fh(P.UDP, 0, 1) + bytes(16)), (44, fh(58, 8) + bytes(8))):
                    for at, options in ((0, bytes([type, 4]) + bytes(4)), (1, bytes([5, 2, 0, 0, type, 0]))):
                        lab.send('a', P.ip6(A6, dst, 0, struct.pack('!BB', proto, 0) + options + seg))
        # jumbo payload: too short, with a length in the header, longer than the packet, of another length
        for options in (struct.pack('!BBI', 194, 4, 100), struct.pack('!BBI', 194, 4, 70000), struct.pack('!BBI', 194, 3, 70000)):
            for plen in (None, 0):
                lab.send('a', P.ip6(A6, B6, 0, struct.pack('!BB', 17, 0) + options + P.udp_seg(A6, B6, 1000, 53, b'data'), plen=plen))
        lab.send('a', P.ip6('::', B6, 0, struct.pack('!BB', 17, 0) + bytes([0x9e, 4, 0, 0, 0, 0]) + P.udp_seg('::', B6, 1000, 53, b'data')))
        lab.send('a', P.ip6('::1', B6, 0, struct.pack('!BB', 17, 0) + bytes([0x9e, 4, 0, 0, 0, 0]) + P.udp_seg('::1', B6, 1000, 53, b'data')))
    return tracked('hop-options', 'unknown hop-by-hop options, and jumbo payloads', run, rules6=rules(filter=FILTER), sysctl=ACCT)


def pulled(nat):
    """Transport headers that lie in a later fragment, or in two: what makes them writable moves them into the first."""
    tables = dict(nat={'PREROUTING': ['-d fd00:2::8 -j DNAT --to-destination fd00:2::3'], 'POSTROUTING': ['-o r1 -j MASQUERADE']}) if nat else {}
    tables4 = dict(nat={'POSTROUTING': ['-o r1 -j MASQUERADE']}) if nat else {}

    def segment(k, kind, dst, port):
        if kind in ('tcp', 'options'):
            return P.TCP, P.tcp_seg(k.a, dst, port, 80 if kind == 'tcp' else 81, seq=5, opts=b'' if kind == 'tcp' else b'\1\1\x08\x0atttteeee', payload=bytes(range(100)))
        return {'udp': (P.UDP, P.udp_seg(k.a, dst, port, 53, bytes(range(100)))), 'sctp': (P.SCTP, P.sctp_seg(port, 80, 0, P.sctp_chunk(1, 0, struct.pack('!IIHHI', 5, 9000, 1, 1, 7) + bytes(80)))),
                'other': (253, bytes(100)), 'echo': (P.ICMP6 if k.v6 else P.ICMP, P.echo(k.a, dst, port, 1, bytes(100))[40 if k.v6 else 20:])}[kind]

    def run(lab):
        ident, k = 0x500, Kit('pulled', 6)
        for kind in ('udp', 'tcp', 'options', 'echo', 'sctp', 'other'):
            for size in (24, 32, 40, 64):
                for first, make in (CHAINS6['ah'], CHAINS6['hip'], (51, lambda n: ah(51) + ah(n))):
                    ident += 1
                    proto, seg = segment(k, kind, 'fd00:2::8' if nat else B6, ident)
                    for f in cut(P.ip6(A6, 'fd00:2::8' if nat else B6, first, make(proto) + seg), 40, size, ident):
                        lab.send('a', f)
        k = Kit('pulled', 4)
        for kind in ('udp', 'tcp', 'options', 'echo', 'sctp', 'other'):
            for size in (8, 16, 24, 32):
                ident += 1
                proto, seg = segment(k, kind, B, ident)
                for o, e in ((0, size), (size, 80), (80, len(seg))):
                    lab.send('a', P.ip4(A, B, proto, seg[o:e], id=ident, off=o, mf=e < len(seg)))
    strip = {'FORWARD': ['-p tcp -m tcp --dport 81 -j TCPOPTSTRIP --strip-options timestamp']}
    return tracked('pulled' + ('-nat' if nat else ''), 'fragments whose transport header lies in a later one%s' % (', translated' if nat else ''), run, rules(filter=FILTER, mangle=strip, probe=False, **tables4), rules(filter=FILTER, mangle=strip, probe=False, **tables), sysctl=ACCT)


# NAT that comes back or comes twice

def hairpin():
    """Both ends are on one side and use the outer address: TCP, UDP, ping, errors."""
    nat = {'PREROUTING': ['-d 10.2.0.1 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.0.3:8080', '-d 10.2.0.1 -p udp -j DNAT --to-destination 10.1.0.3', '-d 10.2.0.1 -p icmp -j DNAT --to-destination 10.1.0.3'],
           'POSTROUTING': ['-s 10.1.0.0/24 -d 10.1.0.0/24 -j MASQUERADE', '-o r1 -j MASQUERADE']}
    text4, text6 = both(rules(nat=nat, filter=FILTER), [('10.1.0.3:8080', '[fd00:1::3]:8080'), ('10.1.0.0/24', 'fd00:1::/64')] + ADDRESSES6)

    def run(x):
        k = x.k
        outer, other = k.r1, 'fd00:1::3' if k.v6 else '10.1.0.3'
        x.go('a', k.tcp(1000, 80, dst=outer, payload=b''))
        x.go('a', k.tcp(1000, 80, PA, dst=outer, payload=b'get', tcpkw=dict(seq=1, ack=700001)))
        x.go('a', k.udp(1000, 53, dst=outer), back, about)
        x.go('a', k.icmp(128 if k.v6 else 8, dst=outer), back, about)
        # the server asks by its own published address
        x.go('a', k.tcp(1001, 80, src=other, dst=outer, payload=b''))
        x.go('a', k.udp(53, 53, src=other, dst=outer))
        # and from the other side
        x.go('b', k.tcp(80, 1002, src=k.b, dst=outer, payload=b'', side='b'))
        x.go('b', k.udp(53, 1003, src=k.b, dst=outer, side='b'), back, about)
    return tracked('hairpin', 'both ends on one side, by the outer address: DNAT and MASQUERADE through one interface', live((4, 6), run), text4, text6, sysctl=ACCT)


def twice():
    """What left translated comes in again at the other side and is translated once more: two connections of one conversation."""
    nat = {'PREROUTING': ['-i r1 -s 10.2.0.9 -d 10.22.0.5 -j DNAT --to-destination 10.1.0.7'],
           'POSTROUTING': ['-o r1 -s 10.1.0.2 -j SNAT --to-source 10.2.0.9', '-o r0 -s 10.2.0.9 -d 10.1.0.7 -j SNAT --to-source 10.1.0.1']}
    text4, text6 = both(rules(nat=nat, filter=FILTER), [('10.22.0.5', 'fd00:22::5')] + ADDRESSES6)

    def run(x):
        k, lab = x.k, x.lab
        far = 'fd00:22::5' if k.v6 else '10.22.0.5'

        def around(packet):
            for p in lab.send('a', packet):
                for q in lab.send('b', p.raw):                 # what the next router sends back to us
                    make = (about,) if q.dport == 99 else (back,)
                    for answer in make:
                        for r in lab.send('a', answer(k, q, 'a')):
                            lab.send('b', r.raw)
        around(k.udp(1000, 53, dst=far))
        around(k.udp(1000, 53, dst=far))
        around(k.udp(1000, 99, dst=far))
        around(k.tcp(1000, 80, dst=far, payload=b''))
        around(k.tcp(1000, 80, PA, dst=far, payload=b'get', tcpkw=dict(seq=1, ack=700001)))
        around(k.icmp(128 if k.v6 else 8, dst=far))
    return tracked('nat-twice', 'two NATs in a row: what left comes in again and is translated once more', live((4, 6), run), text4, text6, sysctl=ACCT)


# what the router itself makes

def loopback():
    """Traffic of the router with itself: on lo, by its other addresses, redirected, answered by errors."""
    nat = {'OUTPUT': ['-p udp -m udp --dport 54 -j REDIRECT --to-ports 53', '-p tcp -m tcp --dport 81 -j REDIRECT --to-ports 80', '-d 10.9.9.9 -p udp -j DNAT --to-destination 10.1.0.1', '-d 127.0.0.5 -p tcp -j DNAT --to-destination 127.0.0.1:8080'],
           'INPUT': ['-p udp -m udp --dport 55 -j SNAT --to-source 127.0.0.9'], 'POSTROUTING': ['-o lo -p udp -m udp --dport 56 -j SNAT --to-source 127.0.0.8:3000-3000']}
    every = ['-m conntrack --ctstate ' + s for s in ('NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'SNAT', 'DNAT')]
    mangle = {c: every for c in ('PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING')}
    to6 = [('127.0.0.1:8080', '[::1]:8080'), ('-d 10.9.9.9', '-d fd00:9::9'), ('-d 127.0.0.5', '-d fd00:1::1'), ('127.0.0.9', 'fd00:1::1'), ('127.0.0.8:3000', '[fd00:2::1]:3000')] + ADDRESSES6
    text4, text6 = both(rules(nat=nat, filter=FILTER, mangle=mangle, probe=False), to6)

    def run(lab):
        for family in (4, 6):
            k = Kit('loopback', family)
            lo, own = ('::1', R06) if k.v6 else ('127.0.0.1', R0)

            def ask(packet, answer=True):
                """Sends to itself; the answer goes to where the packet came from, as its receiver sees it."""
                n = len(lab.cap)
                lab.send_local(packet, dev='lo')
                for _, dev, out, frame in list(lab.cap[n:]):
                    if dev == 'lo' and out is False:
                        q = P.Parsed(frame[14:], 'lo')
                        if answer:
                            lab.send_local(answer(k, q, 'r') if callable(answer) else back(k, q, 'r'), dev='lo')
            for at, (src, dst) in enumerate(((lo, lo), (own, own), (own, k.r1))):
                at *= 100
                ask(k.udp(1000 + at, 53, src=src, dst=dst))
                ask(k.udp(1000 + at, 53, src=src, dst=dst))
                ask(k.udp(1001 + at, 54, src=src, dst=dst))
                ask(k.udp(1002 + at, 99, src=src, dst=dst), about)
                ask(k.tcp(1000 + at, 80, src=src, dst=dst, payload=b''))
                ask(k.tcp(1000 + at, 80, PA, src=src, dst=dst, payload=b'data', tcpkw=dict(seq=1, ack=700001)))
                ask(k.tcp(1001 + at, 81, src=src, dst=dst, payload=b''))
                ask(k.tcp(1001 + at, 81, PA, src=src, dst=dst, payload=b'data', tcpkw=dict(seq=1, ack=700001)))
                ask(k.icmp(128 if k.v6 else 8, src=src, dst=dst))
            ask(k.udp(1003, 55, src=lo, dst=lo))
            ask(k.udp(1004, 56, src=lo, dst=lo))
            ask(k.udp(1005, 57, src=own, dst='fd00:9::9' if k.v6 else '10.9.9.9'))
            ask(k.tcp(1006, 7, src=lo, dst=own if k.v6 else '127.0.0.5', payload=b''))
            # a handshake that is refused
            ask(k.tcp(1007, 9, src=lo, dst=lo, payload=b''), lambda k, q, side: k.ip(P.TCP, P.tcp_seg(q.dst, q.src, q.dport, q.sport, ack=1, flags=RA), 'r', src=q.dst, dst=q.src))
    return tracked('loopback', 'the router with itself: on lo and by its other addresses, redirected, source translated, refused', run, text4, text6, sysctl=ACCT, local=True)


def rerouted():
    """NAT of what the router makes: DNAT in OUTPUT may lead out by another interface, whose address MASQUERADE then takes."""
    nat = {'OUTPUT': ['-d 10.2.0.2 -p udp -m udp --dport 53 -j DNAT --to-destination 10.1.0.5', '-d 10.1.0.2 -p tcp -j DNAT --to-destination 10.2.0.4:8080', '-d 10.2.0.6 -p icmp -j DNAT --to-destination 10.1.0.6', '-d 10.2.0.7 -j DNAT --to-destination 10.22.0.7'],
           'POSTROUTING': ['-o r0 -p udp -m udp --dport 53 -j MASQUERADE', '-o r1 -p tcp -m tcp --dport 8080 -j MASQUERADE', '-o r0 -p icmp -j SNAT --to-source 10.1.0.1']}
    where = ['-o %s -p %s' % (d, p) for d in ('r0', 'r1') for p in ('udp', 'tcp', 'icmp')]
    to6 = [('10.2.0.4:8080', '[fd00:2::4]:8080'), ('10.22.0.7', 'fd00:22::7')] + ADDRESSES6
    text4, text6 = both(rules(nat=nat, filter=dict(FILTER, OUTPUT=COUNT + where), mangle={'OUTPUT': where, 'POSTROUTING': where}), to6)

    def run(x):
        k = x.k
        net2, net1 = ('fd00:2::', 'fd00:1::') if k.v6 else ('10.2.0.', '10.1.0.')
        for _ in 'ab':
            x.go('r', k.udp(1000, 53, side='r', src=k.r1, dst=net2 + '2'))
            x.go('r', k.udp(1000, 54, side='r', src=k.r1, dst=net2 + '2'))
        x.go('r', k.udp(1001, 53, side='r', src=k.r1, dst=net2 + '2'), about)
        x.go('r', k.tcp(1000, 80, side='r', src=k.r0, dst=net1 + '2', payload=b''))
        x.go('r', k.tcp(1000, 80, PA, side='r', src=k.r0, dst=net1 + '2', payload=b'get', tcpkw=dict(seq=1, ack=700001)))
        x.go('r', k.icmp(128 if k.v6 else 8, side='r', src=k.r1, dst=net2 + '6'), back, about)
        x.go('r', k.udp(1002, 99, side='r', src=k.r1, dst=net2 + '7'))
        # the other source address, from the start
        x.go('r', k.udp(1003, 53, side='r', src=k.r0, dst=net2 + '2'))
    return tracked('rerouted', 'what the router makes, sent elsewhere by DNAT in OUTPUT, with MASQUERADE behind it', live((4, 6), run), text4, text6, sysctl=ACCT)


# the limit of the table

LIMIT = '/proc/sys/net/netfilter/nf_conntrack_max'


def limited(max, f):
    """Runs with another limit: it is one for all network namespaces, and is put back at once."""
    def run(lab):
        with open(os.path.join(tempfile.gettempdir(), 'conntrack_max_lock'), 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with open(LIMIT) as was:
                old = was.read()
            try:
                with open(LIMIT, 'w') as now:
                    now.write('%d\n' % max)
                f(lab)
            finally:
                with open(LIMIT, 'w') as now:
                    now.write(old)
    return run


def full():
    """A full table: what begins a connection is dropped, what belongs to one passes; room is made by a RST, and by whoever comes again after its time."""
    sysctl = dict(ACCT, **{'net.netfilter.nf_conntrack_udp_timeout': 1})

    def run(lab):
        k, k6 = Kit('full', 4), Kit('full', 6)
        x = Live(lab, k)
        for port in range(1000, 1016):
            x.go('a', k.udp(port, 53))
        x.go('a', k.tcp(1000, 80, payload=b''))
        x.go('a', k.tcp(1000, 80, P.ACK, payload=b'', tcpkw=dict(seq=1, ack=700001)))
        # what is dropped before it is confirmed gives its place back
        for port in range(1100, 1104):
            lab.send('a', k.udp(port, 66))
        for port in range(1020, 1026):
            x.go('a', k.udp(port, 53))
        # full: new ones of every kind
        x.go('a', k.udp(1030, 53))
        x.go('a', k.tcp(1031, 80, payload=b''))
        x.go('a', k.icmp(8))
        lab.send('a', k6.udp(1000, 53))
        lab.send('r', k.udp(1032, 53, side='r'))
        lab.send('a', k.ip(253, b'unknown'))
        # known ones, their errors, what is untracked and what is invalid
        for p in x.go('a', k.udp(1003, 53)):
            lab.send('b', about(k, p))
        lab.send('a', k.udp(1000, 77))
        lab.send('b', k.icmp(0, side='b'))
        x.go('a', k.tcp(1000, 80, PA, payload=b'more', tcpkw=dict(seq=1, ack=700001)))
        # a place for one
        lab.send('b', k.tcp(1000, 80, RA, side='b', payload=b'', tcpkw=dict(seq=700001, ack=5)))
        x.go('a', k.udp(1033, 53))
        # whose time is over makes room for itself; for others only when the kernel comes by
        lab.sleep(1.6)
        for port in (1000, 1001, 1002):
            x.go('a', k.udp(port, 53))
    text = rules(raw={'PREROUTING': ['-p udp -m udp --dport 77 -j CT --notrack']}, filter=dict(FILTER, FORWARD=COUNT + ['-p udp -m udp --dport 66 -j DROP']))
    return tracked('full', 'a full table: new connections are dropped, known ones pass', limited(24, run), text, rules(filter=FILTER), sysctl=sysctl, host={'sysctl': ['net.netfilter.nf_conntrack_max: 24']})


CASES = [zones_nat, zones_clash, labels, templates, timeouts, lambda: headers6(False), lambda: headers6(True), lambda: fragments6(False), lambda: fragments6(True), hop_options, lambda: pulled(False), lambda: pulled(True), hairpin, twice, loopback, rerouted, full]
