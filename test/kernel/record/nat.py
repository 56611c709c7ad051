"""
Cases of network address translation: which address and port a connection gets where there is a choice, every protocol that has ports or has none,
errors that quote translated packets, and what the router itself makes.
"""
from kit import ACCT, A, A6, B, B6, R0, R06, R1, R16, Kit, P, struct
from plain import Plain, rules
from tracking import ADDRESSES6, COUNT, FILTER, HOOKS, back, both

NO_SUMS = dict(ACCT, **{'net.netfilter.nf_conntrack_checksum': 0})
INIT = P.sctp_chunk(1, 0, struct.pack('!IIHHI', 5, 9000, 1, 1, 7))
INIT_ACK = P.sctp_chunk(2, 0, struct.pack('!IIHHI', 6, 9000, 1, 1, 7))


def case(name, covers, run, rules4=None, rules6=None, families=(4, 6), sysctl=ACCT, **kw):
    def every(lab):
        for family in families:
            run(lab, Kit('nat ' + name, family))
    c = Plain('nat-' + name, 'nat', covers, rules4, rules6, sysctl=sysctl, **kw)
    c.run = every
    return c


def host(k, n, side='a'):
    """The address of a host of the side's network."""
    return ('fd00:%d::%x' if k.v6 else '10.%d.0.%d') % (1 if side == 'a' else 2, n)


def opening(k, proto, src, dst, sport, dport, side='a', **kw):
    """The first packet of a connection; `sport` is the id of an echo."""
    if proto == P.TCP:
        return k.ip(proto, P.tcp_seg(src, dst, sport, dport, seq=1000), side, src=src, dst=dst, **kw)
    if proto in (P.UDP, P.UDPLITE):
        return k.ip(proto, P.udp_seg(src, dst, sport, dport, b'question', proto=proto), side, src=src, dst=dst, **kw)
    if proto == P.SCTP:
        return k.ip(proto, P.sctp_seg(sport, dport, 0, INIT), side, src=src, dst=dst, **kw)
    if proto in (P.ICMP, P.ICMP6):
        rest = struct.pack('!HH', sport, 1)
        message = P.icmp6_msg(src, dst, 128, 0, rest, b'ping') if k.v6 else P.icmp_msg(8, 0, rest, b'ping')
        return k.ip(proto, message, side, src=src, dst=dst, **kw)
    return k.ip(proto, struct.pack('!HH', sport, dport) + b'\0\0\0\0of a protocol', side, src=src, dst=dst, **kw)


def answer(k, p, side):
    """What comes back for a packet that came out."""
    if p.proto == P.SCTP:
        return k.ip(P.SCTP, P.sctp_seg(p.dport, p.sport, 5, INIT_ACK), side, src=p.dst, dst=p.src)
    if p.proto == P.UDPLITE:
        return k.ip(P.UDPLITE, P.udp_seg(p.dst, p.src, p.dport, p.sport, b'answer', proto=P.UDPLITE), side, src=p.dst, dst=p.src)
    if p.proto in (P.TCP, P.UDP, P.ICMP, P.ICMP6):
        return back(k, p, side)
    return k.ip(p.proto, p.l4[:4] + b'\0\0\0\0and back', side, src=p.dst, dst=p.src)


def ask(lab, k, side, packet):
    """Sends, and answers what came out at the other side."""
    for p in lab.send(side, packet):
        other = {'r0': 'a', 'r1': 'b'}[p.dev]
        if not (p.proto == P.ICMP and p.l4[0] not in (8, 13)) and not (p.proto == P.ICMP6 and p.l4[0] != 128):
            lab.send(other, answer(k, p, other))


# addresses

RANGES4 = ['10.2.0.3-10.2.0.9', '10.22.0.0-10.22.255.255', '10.22.5.7-10.22.9.9', '10.22.0.1-10.22.0.2', '0.0.0.1-223.255.255.255']
RANGES6 = ['fd00:2::3-fd00:2::9', 'fd00:22::1:0:5-fd00:22::3:0:7', 'fd00:22:1::2-fd00:22:4:5::9', 'fd00:22::-fd00:29:ffff::3', 'fd00:22::5-fd00:22::1:0:0', 'fd00:22::8000:0-fd00:22::ffff:ffff']


def ranges():
    """Which address of a range each client gets, by destination or not, in a zone or not."""
    def text(all):
        nat = {'PREROUTING': [], 'POSTROUTING': []}
        for i, r in enumerate(all):
            for j, o in enumerate(('', ' --persistent')):
                nat['PREROUTING'].append('-p udp -m udp --dport %d -j DNAT --to-destination %s%s' % (100 + 2 * i + j, r, o))
                nat['POSTROUTING'].append('-o r1 -p udp -m udp --dport %d -j SNAT --to-source %s%s' % (200 + 2 * i + j, r, o))
        raw = ['-m dscp --dscp %d -j CT %s' % (n, z) for n, z in enumerate(('--zone 1', '--zone-orig 2', '--zone-reply 3', '--zone 65535'), 1)]
        return rules(raw={'PREROUTING': raw}, nat=nat, filter=FILTER, probe=False)

    def run(lab, k):
        port = 1000
        for m in (100, 200):
            for n in range(2 * len(RANGES6 if k.v6 else RANGES4)):
                for src in ('fd00:11::1', 'fd00:11:9:8:7:6:5:4') if k.v6 else ('10.11.0.1', '10.11.99.7'):
                    for dst, tos in ((k.b, 0), ('fd00:22:1:2:3:4:5:6' if k.v6 else '10.22.200.100', 0), (k.b, 4 * (1 + n % 4))):
                        port += 1    # (of another port: else it gets the address that it has towards others)
                        lab.send('a', k.udp(port, m + n, src=src, dst=dst, payload=b'', tos=tos))
    return case('ranges', 'ranges of addresses, for source and destination, with --persistent, in zones', run, text(RANGES4), text(RANGES6))


def sources():
    """A client keeps its address and port towards every destination, zone by zone."""
    raw = {'PREROUTING': ['-i r0 -m dscp --dscp %d -j CT %s' % x for x in ((1, '--zone 5'), (2, '--zone-orig 5'), (3, '--zone-reply 5'), (4, '--zone 6'))]}
    nat = {'POSTROUTING': ['-o r1 -d 10.2.0.9 -j SNAT --to-source 10.2.0.7', '-o r1 -j SNAT --to-source 10.2.0.3-10.2.0.8']}
    text4, text6 = both(rules(raw=raw, nat=nat, filter=FILTER, probe=False), ADDRESSES6)

    def run(lab, k):
        port = 1000
        for proto in (P.TCP,) if k.v6 else (P.UDP, P.ICMP):
            for first in range(5):
                for second in range(5):
                    port += 1
                    for dst, n in ((host(k, 9, 'b'), first), (host(k, 2, 'b'), second), (host(k, 3, 'b'), second)):
                        lab.send('a', opening(k, proto, k.a, dst, port, 80, tos=n << 2))
    return case('sources', 'what a client is called towards one destination it is called towards others, in zones of both directions and of one', run, text4, text6)


def crossing():
    """Datagrams that would answer a connection, were they in its zone: they keep their port, and find no place."""
    raw = {'PREROUTING': ['-i r0 -j CT --zone-reply 1']}
    nat = {'POSTROUTING': ['-o r1 -p udp -m udp --dport 54 -j SNAT --to-source 10.1.0.2']}
    text4, text6 = both(rules(raw=raw, nat=nat, filter=FILTER, probe=False), ADDRESSES6)

    def run(lab, k):
        for proto, dport in ((P.UDP, 53), (P.UDPLITE, 53), (P.UDP, 54)):
            for src in (k.a, host(k, 3)):
                if dport == 54 and src != k.a:
                    continue
                lab.send('a', opening(k, proto, src, k.b, 1000, dport))
                for _ in 'ab':
                    lab.send('b', opening(k, proto, k.b, src, dport, 1000, 'b'))
        for proto in (47, 50, 253):
            lab.send('a', k.ip(proto, b'\0\0\x08\0ab'))
            lab.send('b', k.ip(proto, b'\0\0\x08\0ab', 'b'))
    return case('crossing', 'what looks like an answer but is in no zone to be one', run, text4, text6, sysctl=NO_SUMS)


# ports

def few_ports():
    """Ranges of which one port is free: what begins a connection gets that one. A single port is taken unseen, and clashes in the end."""
    kinds = [('tcp', P.TCP), ('udp', P.UDP), ('sctp', P.SCTP)]

    def text(v6):
        net = 'fd00:%d::%x' if v6 else '10.%d.0.%d'
        to = (lambda n, ports: '[fd00:2::%x]:%s' % (n, ports)) if v6 else (lambda n, ports: '10.2.0.%d:%s' % (n, ports))
        nat = {'PREROUTING': [], 'POSTROUTING': []}
        for name in [n for n, _ in kinds] + ([] if v6 else ['icmp']):
            for base, target in ((0, 'SNAT --to-source ' + to(7, '%d%s')), (4, 'MASQUERADE --to-ports %d%s')):
                for n, ports, option in ((2, (5000, ''), ''), (3, (5000, '-5001'), ''), (4, (5000, '-5002'), ' --random'), (5, (5000, '-5003'), ' --random-fully' if base else ' --random'), (6, (5003, '-5004'), ''), (8, (5000, ''), ' --random')):
                    dst = '' if name == 'icmp' and not base else '-d %s/%d ' % (net % (2, 3 + base), 128 if v6 else 32)
                    if name == 'icmp' and base:
                        continue
                    nat['POSTROUTING'].append('-s %s/%d %s-o r1 -p %s -j %s%s' % (net % (1, n), 128 if v6 else 32, dst, name, target % ports, option))
            if name == 'icmp':
                continue
            nat['PREROUTING'] += ['-i r0 -d %s/%d -p %s -j DNAT --to-destination %s' % (net % (2, n), 128 if v6 else 32, name, to(9, '6000-6002')) for n in (4, 5, 6)]
            nat['PREROUTING'] += ['-i r0 -d %s/%d -p %s -j REDIRECT --to-ports 6100-6101' % (net % (n, 1), 128 if v6 else 32, name) for n in (1, 2)]
        return rules(nat=nat, filter=FILTER)

    def run(lab, k):
        for name, proto in kinds + ([] if k.v6 else [('icmp', P.ICMP)]):
            # 2 holds the first port, 3 gets the second, 4 the third, 5 the fourth; 6 finds 5003 taken; 8 is refused
            for server in (3,) if proto == P.ICMP else (3, 7):
                for client in (2, 3, 4, 5, 6, 8):
                    ask(lab, k, 'a', opening(k, proto, host(k, client), host(k, server, 'b'), 900, 80))
                # what is in the range, and free there for another server, stays; what is taken does not
                if proto != P.ICMP:
                    ask(lab, k, 'a', opening(k, proto, host(k, 3), host(k, server, 'b'), 5001, 81))
            if proto == P.ICMP:
                continue
            # three servers that are one behind the router: the same client gets a port of it for each
            for server in (4, 5, 6):
                ask(lab, k, 'a', opening(k, proto, host(k, 2), host(k, server, 'b'), 2000, 80))
            ask(lab, k, 'a', opening(k, proto, host(k, 2), host(k, 4, 'b'), 2001, 6001))
            ask(lab, k, 'a', opening(k, proto, host(k, 2), host(k, 5, 'b'), 2001, 6001))
            for own in (R0, R1) if not k.v6 else (R06, R16):
                lab.send('a', opening(k, proto, host(k, 2), own, 2100, 80))
    return case('few-ports', 'ranges of ports with one left, of TCP, UDP, SCTP and ICMP: SNAT, MASQUERADE, DNAT, REDIRECT, --random', run, text(False), text(True))


def protocols():
    """Protocols with ports, with keys and with neither, both halves translated, there and back; two clients that cannot be told apart."""
    nat = {'PREROUTING': ['-i r0 -d 10.2.0.8 -j DNAT --to-destination 10.2.0.9', '-i r0 -d 10.2.0.7 -p dccp -j DNAT --to-destination 10.2.0.9:6000'],
           'POSTROUTING': ['-s 10.1.0.2 -o r1 -j SNAT --to-source 10.2.0.3', '-s 10.1.0.3 -o r1 -j SNAT --to-source 10.2.0.3', '-s 10.1.0.4 -o r1 -j MASQUERADE',
                           '-s 10.1.0.5 -o r1 -p dccp -j SNAT --to-source 10.2.0.3:5000-5001', '-s 10.1.0.6 -o r1 -j NETMAP --to 10.2.0.0/28']}
    text4, text6 = both(rules(nat=nat, filter=FILTER), [('10.2.0.9:6000', '[fd00:2::9]:6000'), ('10.2.0.3:5000', '[fd00:2::3]:5000'), ('10.2.0.0/28', 'fd00:2::/124')] + ADDRESSES6)

    def run(lab, k):
        for proto in (P.TCP, P.UDP, P.UDPLITE, P.SCTP, P.ICMP6 if k.v6 else P.ICMP, 33, 47, 50, 51, 89, 253):
            for client in (2, 4, 5, 6):
                for server in (2, 8, 7):
                    if proto == 51 and k.v6:
                        continue
                    ask(lab, k, 'a', opening(k, proto, host(k, client), host(k, server, 'b'), 1000 + client, 80))
            # the second one that looks the same to a server: nothing can be changed of these
            if proto in (33, 47, 50, 89, 253):
                ask(lab, k, 'a', opening(k, proto, host(k, 3), host(k, 2, 'b'), 1003, 80))
        # GRE with keys, as PPTP has them: of no call that anyone announced
        for client in (2, 3, 4):
            for p in lab.send('a', k.ip(47, struct.pack('!HHHHI', 0x3001, 0x880b, 4, 77, 1) + b'data', src=host(k, client), dst=k.b)):
                lab.send('b', k.ip(47, struct.pack('!HHHHI', 0x3001, 0x880b, 4, 77, 1) + b'data', 'b', src=p.dst, dst=p.src))
    return case('protocols', 'every protocol there and back, with ports, keys and neither, one or both halves translated', run, text4, text6, sysctl=NO_SUMS)


CASES = [ranges, sources, crossing, few_ports, protocols]
