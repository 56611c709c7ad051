"""
Cases of network address translation: which address and port a connection gets where there is a choice, every protocol that has ports or has none,
errors that quote translated packets, and what the router itself makes.
"""
import os
import re
import socket
import time

from kit import ACCT, R, R0, R06, R1, R16, Kit, P, struct
from plain import Plain, rules
from tracking import ADDRESSES6, COUNT, FILTER, HOOKS, back, both

LABELLESS = dict(ACCT, **{'net.ipv6.auto_flowlabels': 0})
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


# errors

def error(k, p, side, type=(3, 3), src=None, size=None, rest=b'\0\0\0\0', quoted=None, **kw):
    """An ICMP error about a packet that came out; `size`: bytes of its transport header that are quoted."""
    whole = quoted or p.raw
    if size is not None:
        whole = whole[:(40 if k.v6 else (whole[0] & 15) * 4) + size]
    at = src or p.dst
    ip = {'opts': kw.pop('opts')} if 'opts' in kw else {}
    if k.v6:
        return k.ip(P.ICMP6, P.icmp6_msg(at, p.src, *type, rest, whole[:1200], **kw), side, src=at, dst=p.src)
    return k.ip(P.ICMP, P.icmp_msg(*type, rest, whole[:548], **kw), side, src=at, dst=p.src, **ip)


def worn(p):
    """A packet as a router some hops on saw it: another TTL, header sum and TOS."""
    b = bytearray(p.raw)
    if p.v == 6:
        b[7] -= 5
        return bytes(b)
    b[1], b[8], b[10], b[11] = 8, b[8] - 5, 0, 0
    b[10:12] = struct.pack('!H', P.csum(bytes(b[:20])))
    return bytes(b)


def errors():
    """Errors about packets of either direction, of an end or of a router on the way, long and short, under SNAT, DNAT and both."""
    nat = {'PREROUTING': ['-d 10.2.0.8 -p tcp -j DNAT --to-destination 10.2.0.9:8080', '-d 10.2.0.8 -p udp -j DNAT --to-destination 10.2.0.9:5353', '-d 10.2.0.8 -p sctp -j DNAT --to-destination 10.2.0.9:8081',
                          '-d 10.2.0.8 -j DNAT --to-destination 10.2.0.9', '-d 10.2.0.6 -p udp -m udp --dport 99 -j DNAT --to-destination 10.2.0.9:8099', '-d 10.2.0.6 -j DNAT --to-destination 10.2.0.9'],
           'POSTROUTING': ['-d 10.2.0.2 -p tcp -j SNAT --to-source 10.2.0.7:4001', '-d 10.2.0.2 -p udp -j SNAT --to-source 10.2.0.7:4002', '-d 10.2.0.2 -p sctp -j SNAT --to-source 10.2.0.7:4003', '-d 10.2.0.2 -o r1 -j SNAT --to-source 10.2.0.7',
                           '-d 10.2.0.9 -s 10.1.0.4 -o r1 -j MASQUERADE']}
    text4, text6 = both(rules(nat=nat, filter=dict(FILTER, FORWARD=COUNT + ['-p udp -m udp --dport 8099 -j REJECT'])),
                        [('10.2.0.9:8080', '[fd00:2::9]:8080'), ('10.2.0.9:5353', '[fd00:2::9]:5353'), ('10.2.0.9:8081', '[fd00:2::9]:8081'), ('10.2.0.9:8099', '[fd00:2::9]:8099')] + [('10.2.0.7:400%d' % n, '[fd00:2::7]:400%d' % n) for n in (1, 2, 3)] + ADDRESSES6)

    def run(lab, k):
        types = [(1, 4), (1, 0), (2, 0), (3, 0), (3, 1), (4, 0), (137, 0)] if k.v6 else [(3, 3), (3, 1), (3, 4), (11, 0), (11, 1), (12, 0), (4, 0), (5, 1)]
        port = 1000
        for client, server in ((2, 2), (2, 8), (4, 6)):
            for proto in (P.TCP, P.UDP, P.SCTP, P.ICMP6 if k.v6 else P.ICMP, 47, 253):
                port += 1
                src, dst = host(k, client), host(k, server, 'b')
                for p in lab.send('a', opening(k, proto, src, dst, port, 80)):
                    far = 'fd00:22::5' if k.v6 else '10.22.0.5'
                    for n, type in enumerate(types):
                        at = (None, far, host(k, 5, 'b'))[n % 3]
                        lab.send('b', error(k, p, 'b', type, at, rest=struct.pack('!I', 1400) if type in ((3, 4), (2, 0)) else bytes(4)))
                    for size in (8, 9, 12, 16, 20, 7, 4, 0):
                        lab.send('b', error(k, p, 'b', types[0], far, size))
                    lab.send('b', error(k, p, 'b', types[1], far, quoted=worn(p)))
                    lab.send('b', error(k, p, 'b', types[1], far, 8, quoted=worn(p)))
                    lab.send('b', error(k, p, 'b', types[0], badsum=True))
                    near = 'fd00:11::5' if k.v6 else '10.11.0.5'
                    for q in lab.send('b', answer(k, p, 'b')):
                        for n, type in enumerate(types):
                            lab.send('a', error(k, q, 'a', type, (None, near)[n % 2]))
                        for size in (8, 12, 20):
                            lab.send('a', error(k, q, 'a', types[0], near, size))
                        lab.send('a', error(k, q, 'a', types[1], near, quoted=worn(q)))
        # datagrams without a checksum, and with one that is wrong
        for udpkw in ({'nosum': True}, {'badsum': True}):
            port += 1
            for p in lab.send('a', k.udp(port, 80, dst=host(k, 8, 'b'), udpkw=udpkw, payload=b'sum')):
                lab.send('b', error(k, p, 'b', types[0]))
        # what the router itself says of packets on their way: it quotes what the sender knows
        for dst, side, ttl, dport in ((host(k, 2, 'b'), 'a', 1, 80), (host(k, 8, 'b'), 'a', 1, 80), (host(k, 6, 'b'), 'a', 64, 99)):
            lab.send('a', k.udp(1200, dport, dst=dst, ttl=ttl, payload=b'too far'))
        for p in lab.send('a', k.udp(1201, 80, dst=host(k, 8, 'b'), payload=b'there')):
            lab.send('b', k.udp(p.dport, p.sport, src=p.dst, dst=p.src, ttl=1, side='b', payload=b'and back'))
        for p in lab.send('a', k.udp(1202, 80, payload=b'there')):
            lab.send('b', k.udp(p.dport, p.sport, src=p.dst, dst=p.src, ttl=1, side='b', payload=b'and back'))
    return case('errors', 'errors about packets of both directions under SNAT, DNAT and both: of the ends, of routers on the way and of this one; long quotes and short ones', run, text4, text6, sysctl=LABELLESS)


# what the router itself makes and gets

def local():
    """Both halves of connections of the router itself: SNAT in INPUT, DNAT, REDIRECT and NETMAP in OUTPUT, errors about them."""
    nat = {'PREROUTING': ['-i r0 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080', '-i r0 -p udp -m udp --dport 53 -j REDIRECT', '-i r0 -d 10.1.0.9 -p icmp -j REDIRECT', '-i r1 -d 10.2.0.64/26 -j NETMAP --to 10.2.0.1/32'],
           'INPUT': ['-i r0 -p tcp -m tcp --dport 8080 -j SNAT --to-source 10.1.0.7', '-i r0 -p udp -m udp --dport 53 -j SNAT --to-source 10.1.0.7:4000', '-i r1 -p udp -m udp --dport 54 -j NETMAP --to 10.2.0.128/28', '-p icmp -j SNAT --to-source 10.1.0.6'],
           'OUTPUT': ['-d 10.2.0.3 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080', '-d 10.2.0.3 -p udp -j REDIRECT', '-d 10.2.0.3 -p icmp -j REDIRECT', '-d 10.2.0.128/28 -j NETMAP --to 10.2.0.0/28',
                      '-d 10.2.0.4 -p udp -j DNAT --to-destination 10.2.0.5:5353', '-d 10.2.0.4 -p tcp -j DNAT --to-destination 10.1.0.5-10.1.0.6:8080', '-d 10.2.0.4 -j DNAT --to-destination 10.1.0.5'],
           'POSTROUTING': ['-o r0 -p tcp -m tcp --dport 8080 -j MASQUERADE --to-ports 6000', '-o r1 -p udp -m udp --dport 5353 -j SNAT --to-source 10.2.0.9', '-o r0 -p icmp -j MASQUERADE']}
    text4, text6 = both(rules(nat=nat, filter=FILTER, mangle={c: COUNT for c in HOOKS}, probe=False),
                        [('10.2.0.64/26', 'fd00:2::40/122'), ('10.2.0.1/32', 'fd00:2::1/128'), ('10.2.0.128/28', 'fd00:2::80/124'), ('10.2.0.0/28', 'fd00:2::/124'), ('10.2.0.5:5353', '[fd00:2::5]:5353'), ('10.1.0.5-10.1.0.6:8080', '[fd00:1::5-fd00:1::6]:8080'), ('10.1.0.7:4000', '[fd00:1::7]:4000')] + ADDRESSES6)

    def own(lab, k, packet, *makes):
        """What the router gets is answered by the router: to the source that its receiver sees, which a made-up tuple says here."""
        lab.send('a', packet)
        for make in makes:
            lab.send('r', make)

    def run(lab, k):
        ping = P.ICMP6 if k.v6 else P.ICMP
        seven, six = host(k, 7), host(k, 6)
        own(lab, k, opening(k, P.TCP, k.a, k.b, 1000, 80), k.ip(P.TCP, P.tcp_seg(k.r0, seven, 8080, 1000, seq=9, ack=1001, flags=P.SYN | P.ACK), 'r', src=k.r0, dst=seven))
        own(lab, k, opening(k, P.TCP, k.a, k.r0, 1001, 8080), k.ip(P.TCP, P.tcp_seg(k.r0, seven, 8080, 1001, seq=9, ack=1001, flags=P.SYN | P.ACK), 'r', src=k.r0, dst=seven))
        own(lab, k, opening(k, P.UDP, k.a, k.b, 1000, 53), k.ip(P.UDP, P.udp_seg(k.r0, seven, 53, 4000, b'answer'), 'r', src=k.r0, dst=seven))
        # a second client of the same name to the router: dropped as it is to enter the table
        own(lab, k, opening(k, P.UDP, host(k, 3), k.b, 1000, 53))
        # the router's error about what it got: quotes what it saw
        seen = k.ip(P.UDP, P.udp_seg(seven, k.r0, 4000, 53, b'question'), src=seven, dst=k.r0)
        # (a wrong checksum is not let through, though nobody has looked at it before)
        for wrong in (False, True):
            lab.send('r', k.ip(ping, P.icmp6_msg(k.r0, seven, 1, 4, bytes(4), seen, wrong) if k.v6 else P.icmp_msg(3, 3, bytes(4), seen, wrong), 'r', src=k.r0, dst=seven))
        for dst in (k.r0, host(k, 9)):
            lab.send('a', opening(k, ping, k.a, dst, 1000 + (dst != k.r0), 0))
            rest = struct.pack('!HH', 1000 + (dst != k.r0), 1)
            lab.send('r', k.ip(ping, P.icmp6_msg(k.r0, six, 129, 0, rest, b'ping') if k.v6 else P.icmp_msg(0, 0, rest, b'ping'), 'r', src=k.r0, dst=six))
        # from the other side, to one of many addresses
        for n in (66, 67, 125):
            lab.send('b', opening(k, P.UDP, host(k, 2 + n % 7, 'b'), host(k, n, 'b'), 1000, 54, 'b'))
            lab.send('b', opening(k, P.TCP, host(k, 2 + n % 7, 'b'), host(k, n, 'b'), 1000, 22, 'b'))
        # what the router begins
        for n in (130, 133, 137):
            ask(lab, k, 'r', opening(k, P.UDP, k.r1, host(k, n, 'b'), 1300, 90, 'r'))
        for proto, dport in ((P.UDP, 53), (P.TCP, 80), (ping, 0)):
            for p in lab.send('r', opening(k, proto, k.r1, host(k, 4, 'b'), 1400, dport, 'r')):
                other = {'r0': 'a', 'r1': 'b'}[p.dev]
                lab.send(other, answer(k, p, other))
                lab.send(other, error(k, p, other, (1, 0) if k.v6 else (3, 1)))
                lab.send(other, error(k, p, other, (3, 0) if k.v6 else (11, 0), 'fd00:11::9' if k.v6 else '10.11.0.9', 8))
            lab.send_local(opening(k, proto, k.r1, host(k, 3, 'b'), 1500, dport, 'r'), dev='lo')
    return case('local', 'SNAT in INPUT, DNAT, REDIRECT and NETMAP in OUTPUT, with MASQUERADE behind it; answers and errors', run, text4, text6, local=True)


# the router's addresses

MORE = [('r0', '10.1.0.40/24'), ('r0', '192.168.9.1/24'), ('r0', 'fd00:1::40/64'), ('r0', '2001:db8:9::1/64'), ('r0', 'fe80::40/64'), ('r1', '10.2.0.40/24'), ('r1', '203.0.113.1/24'), ('r1', '203.0.113.9/28'), ('r1', 'fd00:2::40/64'), ('r1', '2001:db8:7::1/64'), ('r1', 'fe80::7/64')]
WAYS = [('198.51.100.0/24', '203.0.113.2', 'r1'), ('198.51.101.0/24', '10.2.0.2', 'r1'), ('2001:db8:55::/48', '2001:db8:7::2', 'r1'), ('2001:db8:56::/48', 'fe80::77', 'r1')]
NEXT = [('203.0.113.2', 'r1'), ('203.0.113.5', 'r1'), ('2001:db8:7::2', 'r1'), ('2001:db8:7::5', 'r1'), ('fe80::77', 'r1')]


def neighbours(lab):
    for address, dev in NEXT:
        lab.run_in('r', ['ip', 'neigh', 'replace', address, 'lladdr', '02:00:00:00:02:02', 'dev', dev, 'nud', 'permanent'], check=True)


def addresses():
    """Of many addresses of an interface MASQUERADE takes one by the next hop, REDIRECT one by the scope of the destination."""
    nat = {'PREROUTING': ['-i r0 -p udp -m udp --dport 53 -j REDIRECT', '-i r0 -p tcp -j REDIRECT --to-ports 8080', '-i r1 -p udp -m udp --dport 53 -j REDIRECT --to-ports 99'], 'POSTROUTING': ['-o r1 -j MASQUERADE']}
    text = rules(nat=nat, filter=FILTER)

    def run(lab, k):
        far = ['fd00:2::2', '2001:db8:7::5', '2001:db8:55::1', '2001:db8:56::1', '2001:db8:99::1', 'fd00:22::1', 'ff0e::5'] if k.v6 else ['10.2.0.2', '203.0.113.2', '203.0.113.5', '198.51.100.1', '198.51.101.1', '192.0.2.1', '10.22.0.1']
        for n, dst in enumerate(far):
            lab.send('a', opening(k, P.UDP, k.a, dst, 1000 + n, 80))
            lab.send('r', opening(k, P.UDP, k.r0, dst, 1100 + n, 80, 'r')) if not dst.startswith('f') or dst.startswith('fd') else None
        near = ['fd00:1::1', 'fd00:1::40', '2001:db8:9::1', 'fd00:2::1', 'fe80::40', 'fe80::7', '2001:db8:99::1', 'ff02::fb', 'ff0e::5'] if k.v6 else ['10.1.0.1', '10.1.0.40', '192.168.9.1', '10.2.0.1', '203.0.113.9', '192.0.2.1', '10.1.0.255', '224.0.0.5']
        for src in (k.a, 'fe80::2' if k.v6 else '192.168.9.7'):
            for n, dst in enumerate(near):
                lab.send('a', opening(k, P.UDP, src, dst, 1200 + n, 53))
                lab.send('a', opening(k, P.TCP, src, dst, 1200 + n, 80))
        for n, dst in enumerate(near):
            lab.send('b', opening(k, P.UDP, k.b, dst, 1200 + n, 53, 'b'))
    return case('addresses', 'many addresses of an interface: which one MASQUERADE and REDIRECT take', run, text, text, addresses=MORE, routes=WAYS, prepare=neighbours, local=True)


def unnumbered():
    """An interface with nothing but a link-local address, and one with no IPv4 address: what is taken instead."""
    gone = [('r0', 'fd00:1::1/64'), ('r1', '10.2.0.1/24')]
    text = rules(nat={'PREROUTING': ['-i r0 -p udp -m udp --dport 53 -j REDIRECT'], 'POSTROUTING': ['-o r1 -j MASQUERADE']}, filter=FILTER)

    def prepare(lab):
        for dev, address in gone:
            lab.run_in('r', ['ip', 'address', 'del', address, 'dev', dev], check=True)
        lab.run_in('r', ['ip', 'route', 'replace', '10.22.0.0/16', 'dev', 'r1'], check=True)
        lab.run_in('r', ['ip', 'neigh', 'replace', '10.22.0.1', 'lladdr', '02:00:00:00:02:02', 'dev', 'r1', 'nud', 'permanent'], check=True)
        time.sleep(1)    # its reports about groups are over then

    def changed(text):
        for dev, address in gone:
            text = text.replace('"%s", ' % address, '')
        return re.sub(r'(?m)^.*(via: 10\.2\.0\.2|to: 10\.22\.0\.0/16).*\n', '', text).replace('routes:\n', 'routes:\n  - {to: 10.22.0.0/16, dev: r1}\n')

    def run(lab, k):
        for n, dst in enumerate(['fd00:1::9', '2001:db8::1', 'fe80::40', 'ff0e::5', 'ff02::fb'] if k.v6 else ['10.1.0.1', '192.0.2.1']):
            lab.send('a', opening(k, P.UDP, k.a, dst, 1000 + n, 53))
        lab.send('a', opening(k, P.UDP, k.a, k.b if k.v6 else '10.22.0.1', 1000, 80))
    return case('unnumbered', 'REDIRECT where there is a link-local address alone, MASQUERADE where there is none', run, text, text, addresses=[('r0', 'fe80::40/64'), ('r1', 'fe80::7/64')], prepare=prepare, host=changed)


def ways():
    """A connection whose packets are to leave by another interface than the first one did: it ends if that gave it its address."""
    nat = {'POSTROUTING': ['-p udp -m udp --dport 60 -j SNAT --to-source 10.2.0.7', '-p udp -m udp --dport 61 -j RETURN', '-j MASQUERADE']}
    mangle = {c: ['-m dscp --dscp 1 -j MARK --set-xmark 0x1/0xffffffff'] for c in ('PREROUTING', 'OUTPUT')}
    text4, text6 = both(rules(mangle=mangle, nat=nat, filter=FILTER, probe=False), ADDRESSES6)
    other = [('10.1.0.9', 'default'), ('fd00:1::9', '::/0')]

    def prepare(lab):
        for family, (via, _) in zip('46', other):
            lab.run_in('r', ['ip', '-' + family, 'rule', 'add', 'fwmark', '1', 'lookup', '100'], check=True)
            lab.run_in('r', ['ip', '-' + family, 'route', 'add', 'default', 'via', via, 'dev', 'r0', 'table', '100'], check=True)

    def run(lab, k):
        far = 'fd00:22::5' if k.v6 else '10.22.0.5'
        for dport in (53, 60, 61):
            for first in (0, 4):
                packet = [k.udp(1000 + first, dport, dst=far, tos=tos, payload=b'on its way') for tos in (first, 4 - first)]
                for p in lab.send('a', packet[0]):
                    other = {'r0': 'a', 'r1': 'b'}[p.dev]
                    lab.send(other, back(k, p, other))
                    # the other way, for what answers and for what asks
                    lab.send(other, back(k, p, other, tos=4 - first))
                    lab.send('a', packet[1])
                    lab.send(other, back(k, p, other))
                for p in lab.send('a', packet[1]):
                    other = {'r0': 'a', 'r1': 'b'}[p.dev]
                    lab.send(other, back(k, p, other))
        # what the router sends: SYNs, before and after
        for tos in (0, 4, 4, 0):
            lab.send('r', k.tcp(1100, 80, src=k.r1, dst=far, side='r', tos=tos, payload=b''))
    return case('ways', 'a masqueraded connection that is to leave by another interface ends, others go on', run, text4, text6, local=True, prepare=prepare,
                host={'routes': ['- {to: "%s", via: "%s", dev: r0, mark: 0x1}' % (to, via) for via, to in other]})


# prefixes

PREFIXES = [('fd00:11::/16', '2000::/16'), ('fd00:11:5::/48', '2001:db8:7::/48'), ('fd00:11:5:80::/57', '2001:db8:7:ff80::/57'), ('fd00:11:5::/56', '2001:db8:7:ff00::/56'), ('fd00:11::/32', '2001:db8:7:8::/64'), ('fd00:11:5:6::/64', '2001:db8::/32'), ('fd00:11:5::/49', 'fd00:11:5::/49'),
            ('fd00:11:5:6::/64', 'fec0:ffff:ffff:ffff::/64'), ('fd00:11:5:fffe::/63', 'fd00:22:5:0::/63')]


def prefixes():
    """Prefixes of many lengths; the 16 bits that take up the difference; every checksum; errors whose quotes are translated, too."""
    def masked(prefix):
        address, bits = prefix.split('/')
        n = int.from_bytes(P.a6(address), 'big') >> (128 - int(bits)) << (128 - int(bits)) if int(bits) else 0
        return '%s/%s' % (socket.inet_ntop(socket.AF_INET6, n.to_bytes(16, 'big')), bits)
    pairs = [(masked(a), masked(b)) for a, b in PREFIXES]
    out = ['-p %s -m %s --dport %d -j SNPT --src-pfx %s --dst-pfx %s' % (p, p, 2000 + n, a, b) for n, (a, b) in enumerate(pairs) for p in ('udp', 'tcp', 'sctp')]
    back = ['-p %s -m %s --sport %d -j DNPT --src-pfx %s --dst-pfx %s' % (p, p, 2000 + n, b, a) for n, (a, b) in enumerate(pairs) for p in ('udp', 'tcp', 'sctp')]
    first = pairs[1]
    out.append('-p ipv6-icmp -j SNPT --src-pfx %s --dst-pfx %s' % first)
    back.append('-p ipv6-icmp -j DNPT --src-pfx %s --dst-pfx %s' % first[::-1])
    text = rules(raw={'PREROUTING': ['-j CT --notrack'], 'OUTPUT': ['-j CT --notrack']}, mangle={'PREROUTING': ['-i r1 ' + r for r in back], 'POSTROUTING': ['-o r1 ' + r for r in out]}, filter=FILTER, probe=False)

    def run(lab, k):
        nets = ['fd00:11:5:6', 'fd00:11:5:ffff', 'fd00:11:5:0', 'fd00:11:5:fffe', 'fd00:11:5:ff80']
        hosts = ['::7', ':ffff::7', ':ffff:ffff::7', ':ffff:ffff:ffff:0', ':ffff:ffff:ffff:ffff', ':fffe:1:2:3']
        for n in range(len(pairs)):
            for m, (net, host) in enumerate((net, host) for net in nets for host in hosts):
                proto = (P.UDP, P.TCP, P.SCTP)[m % 3]
                for p in lab.send('a', opening(k, proto, net + host, k.b, 1000, 2000 + n)):
                    if p.dev == 'r1' and not p.dst.startswith('f0') and p.src[:2] != 'ff':
                        lab.send('b', answer(k, p, 'b'))
                        if m < 3:
                            lab.send('b', error(k, p, 'b', (1, 0), 'fd00:22::9'))
        # pings and errors of every type, by both sides, cut and whole
        for p in lab.send('a', opening(k, P.ICMP6, 'fd00:11:5:6::7', k.b, 1, 0)):
            lab.send('b', answer(k, p, 'b'))
            for type in ((1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (100, 0), (127, 0), (128, 0)):
                lab.send('b', error(k, p, 'b', type, 'fd00:22::9'))
            for size in (8, 4, 0):
                lab.send('b', error(k, p, 'b', (1, 0), 'fd00:22::9', size))
            for q in lab.send('b', answer(k, p, 'b')):
                lab.send('a', error(k, q, 'a', (1, 4)))
                lab.send('a', error(k, q, 'a', (3, 0), 'fd00:11:5:9::1'))
                lab.send('a', error(k, q, 'a', (3, 0), 'fd00:11:99::1'))
    return case('prefixes', 'SNPT and DNPT of many lengths, with what takes up the difference, and errors', run, None, text, families=(6,), sysctl=LABELLESS)


# what is seldom written, and seldom seen

def odd():
    """Ports without an address, ranges the wrong way round, networks of every length, ids of every ICMP query, port 0, options, fragments, untracked packets."""
    def text(v6):
        to = ['2001:db8::/32', '::/0', 'fd00:2::6/128', 'fd00:2::6/127', 'fd00:22:8000::/33', '8000::/1', 'fd00:22::/65'] if v6 else ['10.0.0.0/8', '0.0.0.0/0', '10.2.0.6/32', '10.2.0.6/31', '172.16.0.0/12', '128.0.0.0/1', '10.22.0.0/25']
        back, pre = ('fd00:22::9-fd00:22::3', 'fd00:98::/32') if v6 else ('10.22.0.9-10.22.0.3', '10.98.0.0/16')
        nat = {'PREROUTING': ['-i r0 -p udp -m udp --dport 8000 -j DNAT --to-destination :8080', '-i r0 -p udp -m udp --dport 8001 -j DNAT --to-destination :8080-8083', '-i r0 -p udp -m udp --dport 8002 -j DNAT --to-destination ' + back]
               + ['-i r0 -d %s -p udp -m udp --dport %d -j NETMAP --to %s' % (pre, 8010 + n, x) for n, x in enumerate(to)],
               'POSTROUTING': ['-o r1 -p udp -m udp --dport 9000 -j SNAT --to-source :5000', '-o r1 -p udp -m udp --dport 9001 -j SNAT --to-source :5000-5001', '-o r1 -p udp -m udp --dport 9002 -j SNAT --to-source ' + back, '-o r1 -p udp -m udp --dport 9003:9004 -j MASQUERADE',
                               '-o r1 -p %s -j MASQUERADE' % ('ipv6-icmp' if v6 else 'icmp'), '-o r1 -p tcp -j MASQUERADE'] + ['-o r1 -p udp -m udp --dport %d -j NETMAP --to %s' % (9010 + n, x) for n, x in enumerate(to)]}
        return rules(raw={'PREROUTING': ['-p udp -m udp --dport 9004 -j CT --notrack']}, nat=nat, filter=FILTER)

    def run(lab, k):
        far, away = ('fd00:22::5', 'fd00:98:7:8:9:a:b:c') if k.v6 else ('10.22.0.5', '10.98.200.201')
        clients = ['fd00:1::2', 'fd00:1::3', 'fd00:11:c8:1:2:3:4:5'] if k.v6 else ['10.1.0.2', '10.1.0.3', '10.11.200.33']
        for client in clients:
            for dport in [8000, 8001, 8002, 9000, 9001, 9002, 9003, 9004] + list(range(9010, 9017)):
                if dport in (9000, 9001) and client == clients[2]:
                    continue
                ask(lab, k, 'a', opening(k, P.UDP, client, far, 1000 + 100 * clients.index(client), dport))
            for n in range(7):
                ask(lab, k, 'a', opening(k, P.UDP, client, away, 1000 + n, 8010 + n))
        # the same client by the same new port, to several servers
        for dst in (far, host(k, 3, 'b')):
            ask(lab, k, 'a', opening(k, P.UDP, clients[2], dst, 1000, 8001))
        # ids
        for type in (128, 129) if k.v6 else (8, 13, 15, 17, 0, 14):
            for n, id in enumerate((0, 1, 65535)):
                for p in lab.send('a', k.icmp(type, n % 2, struct.pack('!HH', id, 7), payload=bytes(12), dst=far)):
                    if type not in (0, 14, 129):
                        reply = {8: 0, 13: 14, 15: 16, 17: 18, 128: 129}[type]
                        lab.send('b', k.icmp(reply, n % 2, p.l4[4:8], payload=bytes(12), side='b', src=p.dst, dst=p.src))
                        lab.send('b', error(k, p, 'b', (1, 0) if k.v6 else (3, 1), 'fd00:22::9' if k.v6 else '10.22.0.9', 8))
        # port 0, at either end
        for proto in (P.UDP, P.TCP):
            for sport, dport in ((0, 9003), (9, 0), (0, 0)):
                ask(lab, k, 'a', opening(k, proto, k.a, far, sport, dport))
        if k.v6:
            return
        # options, in what is translated and in what is quoted
        for opts in (b'\1\1\1\1', b'\x07\x0b\x04' + bytes(8) + b'\0', b'\x94\x04\0\0'):
            for proto in (P.TCP, P.UDP, P.ICMP):
                for p in lab.send('a', opening(k, proto, k.a, far, 2000 + opts[0], 9003, opts=opts)):
                    lab.send('b', answer(k, p, 'b'))
                    for size in (None, 8):
                        lab.send('b', error(k, p, 'b', (3, 1), '10.22.0.9', size))
                        lab.send('b', error(k, p, 'b', (11, 0), '10.22.0.9', size, opts=opts))
        # a datagram in fragments: errors about the first one and about another one
        whole = k.ip(P.UDP, P.udp_seg(k.a, far, 2100, 9003, bytes(700)), dst=far)
        for f in P.fragment4(whole, 400):
            for p in lab.send('a', f):
                for size in (None, 8):
                    lab.send('b', error(k, p, 'b', (11, 1), '10.22.0.9', size))
    return case('odd', 'ports without an address, reversed ranges, networks of every length, ids, port 0, options, fragments, untracked packets', run, text(False), text(True))


# two routers in a row

class Row:
    """Two routers: what the first one sends to its side B arrives at side A of the second one, and the other way round."""

    def __init__(self, first, second):
        self.labs = first, second

    def send(self, at, side, packet):
        """Sends to the router `at` (0, 1), and on to the other one what is for it; returns what came out at an end, as (end, packet)."""
        out = []
        for p in self.labs[at].send(side, packet):
            if (at, p.dev) == (0, 'r1'):
                out += self.send(1, 'a', p.raw)
            elif (at, p.dev) == (1, 'r0'):
                out += self.send(0, 'b', p.raw)
            else:
                out.append((at, p))
        return out

    def end(self, at, packet):
        """What an end sends: A to the first router, B to the second one."""
        return self.send(at, 'ab'[at], packet)

    def ask(self, k, at, packet, *makes):
        """Sends, and lets the end where it came out say what the given functions make of it (default: an answer)."""
        got = self.end(at, packet)
        for there, p in got:
            if p.proto in (P.ICMP, P.ICMP6) and p.l4[0] not in (8, 128):
                continue
            for make in makes or (answer,):
                self.end(there, make(k, p, 'ab'[there]))
        return got


OUTER, OUTER6 = '10.11.7.7', 'fd00:11:7::7'
FAR, FAR6 = '10.22.0.5', 'fd00:22::5'


def row(run):
    """Two cases of one conversation: while the first router is recorded, so is the second one."""
    filter = dict(FILTER, FORWARD=COUNT + ['-p udp -m udp --dport 66 -j DROP'])
    ftp = ['-p tcp -m tcp --dport 21 -j CT --helper ftp']
    inner = {'PREROUTING': ['-i r1 -d 10.11.7.7 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.1.0.5:80', '-i r1 -d 10.11.7.7 -p udp -m udp --dport 8080 -j DNAT --to-destination 10.1.0.5:53'],
             'POSTROUTING': ['-o r1 -p udp -m udp --sport 2000:2009 -j SNAT --to-source 10.11.7.7:6000', '-o r1 -j SNAT --to-source 10.11.7.7']}
    outer = {'PREROUTING': ['-d 10.22.9.9 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.11.7.7:8080', '-d 10.22.9.9 -p udp -m udp --dport 53 -j DNAT --to-destination 10.11.7.7:8080'],
             'POSTROUTING': ['-o r0 -s 10.11.7.7 -j SNAT --to-source 10.22.7.1', '-o r1 -p udp -m udp --sport 6000 -j SNAT --to-source 10.2.0.9:7000', '-o r1 -j MASQUERADE']}
    six = [('10.11.7.7:6000', '[fd00:11:7::7]:6000'), ('10.11.7.7:8080', '[fd00:11:7::7]:8080'), ('10.11.7.7', 'fd00:11:7::7'), ('10.1.0.5:80', '[fd00:1::5]:80'), ('10.1.0.5:53', '[fd00:1::5]:53'), ('10.2.0.9:7000', '[fd00:2::9]:7000'), ('10.22.9.9', 'fd00:22:9::9'), ('10.22.7.1', 'fd00:22:7::1')] + ADDRESSES6
    texts = [both(rules(raw={'PREROUTING': ftp}, nat=nat, filter=filter), six) for nat in (inner, outer)]

    def make():
        covers = 'two routers in a row that both translate, the %s: out and in, errors from everywhere, FTP, by the outer address from inside'
        second = Plain('nat-row-2', 'nat', covers % 'second', *texts[1], sysctl=LABELLESS)
        first = Plain('nat-row-1', 'nat', covers % 'first', *texts[0], sysctl=LABELLESS)

        def both_routers(lab):
            def through(other):
                for family in (4, 6):
                    run(Row(lab, other), Kit('row', family))
            second.run = through
            R.record_once(second, os.path.join(first.to, second.name))
            # the second one's tables have been read meanwhile: the first one's are read right after a packet
            lab.send('a', Kit('row end', 4).udp(1000, 66))
        first.run = both_routers
        return first
    return make


def conversation(row, k):
    far, net = (FAR6, 'fd00:1::%d') if k.v6 else (FAR, '10.1.0.%d')
    ping = P.ICMP6 if k.v6 else P.ICMP
    wide = OUTER6 if k.v6 else OUTER
    # out: two clients, every protocol, answered, and errors by the far end and by a router before it
    for client in (2, 3):
        for proto in (P.TCP, P.UDP, P.SCTP, ping):
            packet = opening(k, proto, net % client, far, 1000 + client, 53)
            row.ask(k, 0, packet)
            row.ask(k, 0, packet, lambda k, p, side: error(k, p, side, (1, 4) if k.v6 else (3, 3)), lambda k, p, side: error(k, p, side, (3, 0) if k.v6 else (11, 0), 'fd00:22::9' if k.v6 else '10.22.0.9', 8))
    row.ask(k, 0, opening(k, P.UDP, net % 2, far, 2000, 53))
    # the second one of the same name: its own port is taken at the first router, and it ends there
    row.ask(k, 0, opening(k, P.UDP, net % 3, far, 2001, 53))
    # too far: for the first router, for the second one, and for one behind it
    for ttl in (1, 2, 3):
        for there, p in row.end(0, k.udp(1100 + ttl, 53, dst=far, ttl=ttl, payload=b'far')):
            if there == 1:
                row.end(1, error(k, p, 'b', (3, 0) if k.v6 else (11, 0), 'fd00:22::9' if k.v6 else '10.22.0.9'))
    # an answer that is too far for the first router
    for there, p in row.end(0, k.udp(1110, 53, dst=far, payload=b'far')):
        row.end(1, k.ip(P.UDP, P.udp_seg(p.dst, p.src, p.dport, p.sport, b'back'), 'b', src=p.dst, dst=p.src, ttl=2))
    # in: a server behind both, asked from outside, and from inside by the outer address
    outer = 'fd00:22:9::9' if k.v6 else '10.22.9.9'
    for proto, port in ((P.TCP, 80), (P.UDP, 53)):
        row.ask(k, 1, opening(k, proto, far, outer, 3000, port, 'b'))
        row.ask(k, 1, opening(k, proto, far, outer, 3001, port, 'b'), lambda k, p, side: error(k, p, side, (1, 1) if k.v6 else (3, 13)))
        row.ask(k, 0, opening(k, proto, net % 2, outer, 3002, port))
        # the outer address of the first router from beside it
        row.ask(k, 0, opening(k, proto, net % 3, wide, 3003, 8080))
    # FTP: what the client announces is changed twice, in text and in length
    seq = {0: 100, 1: 900}

    def say(at, src, dst, sport, dport, flags, text=b''):
        acked = seq[1 - at] if flags & P.ACK else 0
        got = row.end(at, k.ip(P.TCP, P.tcp_seg(src, dst, sport, dport, seq=seq[at], ack=acked, flags=flags, payload=text), 'ab'[at], src=src, dst=dst))
        seq[at] += len(text) + bool(flags & P.SYN)
        return got
    ((_, p),) = say(0, k.a, far, 4000, 21, P.SYN)
    # (the far end answers in its own terms: how long what it got was)
    def back_of(p, flags, text=b'', extra=0):
        begin = struct.unpack('!I', p.l4[4:8])[0]
        n = len(p.l4) - (p.l4[12] >> 4) * 4 + bool(p.l4[13] & P.SYN)
        got = row.end(1, k.ip(P.TCP, P.tcp_seg(p.dst, p.src, p.dport, p.sport, seq=seq[1], ack=begin + n, flags=flags, payload=text), 'b', src=p.dst, dst=p.src))
        seq[1] += len(text) + bool(flags & P.SYN)
        return got
    back_of(p, P.SYN | P.ACK)
    back_of(p, P.PSH | P.ACK, b'220 welcome\r\n')
    ((_, p),) = say(0, k.a, far, 4000, 21, P.PSH | P.ACK, b'USER nobody\r\n')
    back_of(p, P.PSH | P.ACK, b'230 in\r\n')
    command = b'EPRT |2|%s|40000|\r\n' % k.a.encode() if k.v6 else b'PORT 10,1,0,2,156,64\r\n'
    ((_, p),) = say(0, k.a, far, 4000, 21, P.PSH | P.ACK, command)
    back_of(p, P.PSH | P.ACK, b'200 fine\r\n')
    text = p.l4[(p.l4[12] >> 4) * 4:].decode().strip()
    if k.v6:
        _, _, address, port, _ = text.split(' ')[1].split('|')
    else:
        n = text.split(' ')[1].split(',')
        address, port = '.'.join(n[:4]), int(n[4]) * 256 + int(n[5])
    row.ask(k, 1, opening(k, P.TCP, far, address, 20, int(port), 'b'))
    ((_, p),) = say(0, k.a, far, 4000, 21, P.PSH | P.ACK, b'NOOP\r\n')
    back_of(p, P.PSH | P.ACK, b'200 yes\r\n')


CASES = [ranges, sources, crossing, few_ports, protocols, errors, local, addresses, unnumbered, ways, prefixes, odd, row(conversation)]
