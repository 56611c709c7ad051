"""
Cases of -j SYNPROXY: handshakes whose client answers the cookie that the router drew. What follows from the cookie is in every later packet, so
a replay has to take over what the capture shows (docs/kernel-differences.md); the SYN/ACKs are compared with numbers relative to the cookie.
"""
import struct
import time

from kit import ACCT, B, B6, Kit, P, R
from plain import Plain, rules
import scenarios as apps

SA, FA, PA, RA = P.SYN | P.ACK, P.FIN | P.ACK, P.PSH | P.ACK, P.RST | P.ACK
COUNT = ['-m conntrack --ctstate ' + s for s in ('NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED')]
STRICT = dict(ACCT, **{'net.netfilter.nf_conntrack_tcp_loose': 0, 'net.netfilter.nf_conntrack_timestamp': 0})
FULL = '--sack-perm --timestamp --wscale 7 --mss 1460'


def mss(n):
    return struct.pack('!BBH', 2, 4, n)


def stamp(value, echo=0):
    return struct.pack('!BBBBII', 1, 1, 8, 10, value & 0xffffffff, echo & 0xffffffff)


def scale(n):
    return struct.pack('!BBBB', 1, 3, 3, n)


SACK = b'\1\1\4\2'
OFFER = mss(1400) + SACK + stamp(5000) + scale(5)


def options(packet):
    """{kind: value} of a segment's options."""
    at, end, out = 20, (packet.l4[12] >> 4) * 4, {}
    while at < end:
        kind = packet.l4[at]
        if kind == 0:
            break
        if kind == 1:
            at += 1
            continue
        n = packet.l4[at + 1]
        out[kind] = packet.l4[at + 2:at + n]
        at += n
    return out


def field(packet, name):
    return struct.unpack('!I', packet.l4[{'seq': 4, 'ack': 8}[name]:][:4])[0]


class Ends:
    """A client and a server with the router between them: each goes by what came out at its side."""

    def __init__(self, lab, kit, sport=1000, dport=80, isn=(1000, 700000), offer=OFFER, answer=mss(1300) + SACK + stamp(900000) + scale(3), dst=None, server='b'):
        self.lab, self.k, self.port = lab, kit, (sport, dport)
        self.isn, self.offer, self.answer, self.server = isn, offer, answer, server
        self.next = dict(zip('cs', isn))
        self.seen = {'c': 0, 's': 0}        # the highest number of the other end's
        self.clock = {'c': 5000, 's': 900000}
        self.echo = {'c': None, 's': None}  # what the other end's last timestamp said
        self.addr = {'c': (kit.a, dst or kit.b), 's': (dst or kit.b, kit.a)}
        self.ports = {'c': (sport, dport), 's': (dport, sport)}

    def put(self, who, flags, payload=b'', opts=None, seq=None, ack=None, win=None):
        """One segment; takes note of what comes out at the other ends. Returns it."""
        side = 'a' if who == 'c' else self.server
        if opts is None:
            opts = b'' if self.echo[who] is None else stamp(self.clock[who], self.echo[who])
        src, dst = self.addr[who]
        sport, dport = self.ports[who]
        seq = self.next[who] if seq is None else seq
        ack = (self.seen[who] if flags & P.ACK else 0) if ack is None else ack
        packet = self.k.ip(P.TCP, P.tcp_seg(src, dst, sport, dport, seq=seq, ack=ack, flags=flags, opts=opts, payload=payload, win=65000 if win is None else win), side, src=src, dst=dst)
        self.next[who] = max(self.next[who], seq + len(payload) + bool(flags & P.SYN) + bool(flags & P.FIN))
        out = self.lab.send(side, packet, gap=0.002)
        for p in out:
            self.hear(p)
        return out

    def hear(self, p):
        if p.proto != P.TCP:
            return
        who = 'c' if p.dev == 'r0' else 's'
        if self.server == 'r' and p.dev != 'lo' and who == 's':
            return
        flags = p.l4[13]
        n = len(p.l4) - (p.l4[12] >> 4) * 4 + bool(flags & P.SYN) + bool(flags & P.FIN)
        if who == 's' and flags & P.SYN:
            # what the server answers goes to whom the SYN names
            self.addr['s'], self.ports['s'] = (p.dst, p.src), (p.dport, p.sport)
        if not flags & P.RST:
            self.seen[who] = (field(p, 'seq') + n) & 0xffffffff
        told = options(p).get(8)
        if told is not None:
            self.echo[who] = struct.unpack('!I', told[:4])[0]

    def syn(self, flags=P.SYN, **kw):
        return self.put('c', flags, opts=self.offer, seq=self.isn[0], **kw)

    def ack(self, **kw):
        return self.put('c', P.ACK, **kw)

    def synack(self, flags=SA, opts=None, **kw):
        given = self.answer if opts is None else opts
        at = given.find(b'\x08\x0a')
        if at >= 0 and self.echo['s'] is not None:
            given = given[:at + 6] + struct.pack('!I', self.echo['s']) + given[at + 10:]
        return self.put('s', flags, opts=given, seq=self.isn[1], **kw)

    def open(self):
        self.syn()
        self.ack()
        self.synack()
        return self

    def talk(self):
        """A question, an answer, the end from both sides."""
        self.put('c', PA, b'get /')
        self.put('s', P.ACK)
        self.clock['s'] += 7
        self.put('s', PA, b'answer')
        self.put('c', P.ACK)
        self.put('c', FA)
        self.put('s', FA)
        self.put('c', P.ACK)


class Own(Ends):
    """The server is the router itself: what goes to it passes lo."""

    def put(self, who, flags, payload=b'', opts=None, seq=None, ack=None, win=None):
        n = len(self.lab.cap)
        if who == 's':
            self.server = 'r'
        out = super().put(who, flags, payload, opts, seq, ack, win)
        for _, dev, how, frame in self.lab.cap[n:]:
            if dev == 'lo' and how is True:
                self.hear(P.Parsed(frame[14:], dev))
        return out


def with_own_loopback(plain):
    """What the router sends to itself is made by SYNPROXY, and arrives on lo: only that is part of the input."""
    def classify(cap, own):
        inp, out = plain(cap, own)
        mine = bool(OWN)
        OWN.clear()
        if not mine or any(dev == 'lo' and how == 'made' for _, dev, how, _ in cap):
            return inp, out
        lo = [(ns, dev, frame, 1, None) for ns, dev, how, frame in cap if dev == 'lo' and not how]
        return sorted(inp + lo, key=lambda x: x[0]), out
    return classify


def with_answers(plain):
    """SYN/ACKs with a window of 0 are the router's, whatever came before them."""
    def classify(cap, local, own):
        inp, out = plain(cap, local, own)
        if not PROXIED:
            return inp, out
        PROXIED.clear()
        return inp, [(*x[:4], 'host-made' if is_answer(P.Parsed(x[2][14:], x[1])) else x[4]) for x in out]
    return classify


def is_answer(p):
    return p.proto == P.TCP and len(p.l4) >= 20 and p.l4[13] & 0x17 == SA and p.l4[14:16] == b'\0\0'


# what the case that runs is about; taken away when it has been looked at
OWN, PROXIED = [], []
R.classify = with_answers(R.classify)
R.classify_deaf = with_own_loopback(R.classify_deaf)


def own_server(lab, k):
    """A connection to the router itself; refused; a late answer."""
    OWN.append(True)
    Own(lab, k, dst=k.r0).open().talk()
    e = Own(lab, k, 1001, dst=k.r0)
    e.syn()
    e.ack()
    e.put('s', RA, seq=0, ack=1001, opts=b'')
    e = Own(lab, k, 1002, dst=k.r0)
    e.syn()
    e.ack()
    e.put('c', P.ACK, seq=1000)
    e.synack()
    e.put('c', PA, b'data')


def web(lab, server='b', address=None, v6=False):
    """curl, and a web server."""
    apps.web_server(lab, server, port=80, size=20000, v6=v6)
    for _ in range(2):
        apps.curl(lab, 'a', 'http://%s/' % ('[%s]' % B6 if v6 else address or B))
    time.sleep(.1)


def proxy(target=FULL, port=80, where=('FORWARD',), before=(), raw=None, nat=None, state='INVALID,UNTRACKED', drop=True):
    chain = list(before) + ['-p tcp -m tcp --dport %d -m conntrack --ctstate %s -j SYNPROXY %s' % (port, state, target)]
    if drop:
        chain += ['-m conntrack --ctstate INVALID -j DROP']
    tables = {'filter': {c: (chain if c in where else []) + COUNT for c in ('INPUT', 'FORWARD', 'OUTPUT')}}
    tables['raw'] = {'PREROUTING': raw or ['-p tcp -m tcp --dport %d --tcp-flags FIN,SYN,RST,ACK SYN -j CT --notrack' % port], 'OUTPUT': ['-p tcp']}
    if nat:
        tables['nat'] = nat
    return rules(**tables)


def case(name, covers, run, rules4, rules6=None, families=(4,), **kw):
    made = Plain('synproxy-' + name, 'synproxy', covers, rules4, rules6 or (rules4 if 6 in families else None), **dict(dict(sysctl=STRICT), **kw))

    def both(lab):
        PROXIED.append(True)
        for f in families:
            run(lab, Kit('synproxy ' + name, f))
    made.run = both
    return made


def plain(lab, k):
    Ends(lab, k).open().talk()


def no_options(lab, k):
    """Clients without timestamps, or without any option; targets that offer little."""
    for i, offer in enumerate((b'', mss(500), mss(1460), mss(9000) + scale(4) + SACK, stamp(77), stamp(77) + scale(2), stamp(77) + SACK, OFFER)):
        Ends(lab, k, 1000 + i, offer=offer, answer=mss(1460) + scale(6)).open().talk()


def congestion(lab, k):
    """Explicit congestion notification: asked for, told in the timestamp, answered or not."""
    for i, offer in enumerate((OFFER, OFFER.replace(SACK, b''), mss(1400))):
        for j, answer in enumerate((SA | P.ECE, SA)):
            e = Ends(lab, k, 1000 + 10 * i + j, offer=offer)
            e.syn(flags=P.SYN | P.ECE | P.CWR)
            e.ack()
            e.synack(flags=answer)
            e.talk()
    Ends(lab, k, 1100).syn(flags=P.SYN | P.ECE)


def cookies(lab, k):
    """ACKs whose cookie, number or flags are not what they should be; repeated ones; data with the first ACK."""
    for i, (what, kw) in enumerate((('seq', dict(seq=1002)), ('seq', dict(seq=1000)), ('seq', dict(seq=990)), ('flags', dict()), ('data', dict()), ('none', dict()))):
        e = Ends(lab, k, 1000 + i)
        if what != 'none':
            e.syn()
        if what == 'flags':
            e.put('c', FA)
            e.put('c', RA)
            e.put('c', P.ACK | P.URG)
        elif what == 'data':
            e.put('c', PA, b'early')
        else:
            e.ack(**kw)
        e.synack()
    e = Ends(lab, k, 1020)
    e.syn()
    e.syn()
    e.ack()
    e.ack()
    e.synack()
    e.ack()
    e.synack()
    e.talk()


def slow_server(lab, k):
    """The server does not answer at once: keep-alives and data of the client meanwhile, a challenge ACK, a RST."""
    for i, offer in enumerate((OFFER, mss(1300), mss(536), mss(1460) + stamp(5))):
        e = Ends(lab, k, 1000 + i, offer=offer)
        e.syn()
        e.ack()
        e.put('c', P.ACK, seq=1000)
        e.put('c', P.ACK, b'x', seq=1000)
        e.put('c', PA, b'data', seq=1001)
        e.synack()
        e.put('c', P.ACK, seq=1000)
        e.put('c', PA, b'data', seq=1001)
    e = Ends(lab, k, 1010)
    e.syn()
    e.ack()
    e.put('s', P.ACK, seq=5555, ack=4444)
    e.synack()
    e.talk()
    for i, (seq, ack) in enumerate(((0, 1001), (700000, 1001), (700000, 0), (0, 999))):
        e = Ends(lab, k, 1020 + i)
        e.syn()
        e.ack()
        e.put('s', RA if ack else P.RST, seq=seq, ack=ack, opts=b'')
        e.synack()


def refused(lab, k):
    """The server refuses; the next try it takes."""
    e = Ends(lab, k)
    e.syn()
    e.ack()
    e.put('s', RA, seq=0, ack=1001, opts=b'')
    Ends(lab, k, isn=(5000, 800000)).open().talk()


def streams(lab, k):
    """What is adjusted: SACK blocks, timestamps in odd places, segments out of order, errors about segments, a reset of the router."""
    e = Ends(lab, k).open()
    e.put('c', PA, b'0123456789')
    e.put('s', P.ACK)
    e.put('s', PA, b'second', seq=700011)
    n = e.seen['c']
    first = n - 16
    e.put('c', P.ACK, ack=first, opts=b'\1\1\5\n' + struct.pack('!II', first + 10, n))
    e.put('c', P.ACK, ack=first, opts=b'\1\5\n' + struct.pack('!II', first + 10, n) + b'\1')
    e.put('s', PA, b'first-half', seq=700001, opts=b'\1\x08\n' + struct.pack('!II', 900010, 5000) + b'\0')
    e.put('c', P.ACK, ack=n, opts=b'\x08\n' + struct.pack('!II', 5003, e.echo['c']) + b'\0\0')
    e.put('c', P.ACK, ack=n, opts=b'\1\1\x08\x09' + struct.pack('!II', 5003, e.echo['c'])[:7] + b'\0')
    e.put('s', P.ACK, seq=700017, opts=b'\x08\n' + struct.pack('!II', 900010, 5000) * 2 + b'\0\0')
    for side, who in (('b', 's'), ('a', 'c')):
        src, dst = e.addr[who]
        number = e.next['c' if who == 's' else 's'] if who == 's' else e.seen['c']
        quoted = P.tcp_seg(dst, src, *e.ports['c' if who == 's' else 's'], seq=number, ack=1, flags=P.ACK)
        quoted = k.ip(P.TCP, quoted, 'a', src=dst, dst=src)
        if k.v6:
            lab.send(side, k.ip(P.ICMP6, P.icmp6_msg(src, dst, 1, 4, b'\0\0\0\0', quoted), side, src=src, dst=dst))
        else:
            lab.send(side, k.ip(P.ICMP, P.icmp_msg(3, 3, b'\0\0\0\0', quoted), side, src=src, dst=dst))
    e.put('s', RA)


def translated(lab, k):
    """Behind NAT: the server is reached by an address of the router's, and sees the router's."""
    e = Ends(lab, k, dst=k.r0)
    e.addr['s'] = (k.b, k.a)
    e.open().talk()
    f = Ends(lab, k, 1001, dst=k.r0)
    f.syn()
    f.ack()
    f.put('s', RA, seq=0, ack=1001, opts=b'')


def noticed(lab, k):
    """Rules that take SYNs without taking them out of tracking, or let the ACK pass: what the target makes of connections."""
    e = Ends(lab, k)
    e.syn()
    e.ack()
    e.synack()
    e.put('c', P.ACK)
    lab.send('b', k.ip(P.TCP, P.tcp_seg(k.b, k.a, 80, 1001, seq=5, ack=6, flags=SA), 'b'))


NOTRACK = '--tcp-flags FIN,SYN,RST,ACK SYN -j CT --notrack'


def cases():
    yield case('handshake', 'a handshake with all options, data both ways, the end', plain, proxy(), families=(4, 6))
    yield case('options', 'clients with few options', no_options, proxy(), families=(4, 6))
    for name, target in (('none', ''), ('mss', '--mss 1300'), ('stamp', '--timestamp --mss 1460'), ('sack', '--sack-perm --wscale 9 --mss 70000'), ('wscale', '--timestamp --wscale 14'), ('ecn', '--timestamp --ecn --sack-perm')):
        yield case('offers-' + name, 'a target with the options: %s' % (target or 'none'), no_options, proxy(target))
    yield case('congestion', 'ECN', congestion, proxy(FULL + ' --ecn'), families=(4, 6))
    yield case('congestion-not', 'ECN that the target does not offer', congestion, proxy())
    yield case('cookies', 'ACKs that are not what they should be', cookies, proxy(), families=(4, 6))
    yield case('slow', 'a server that answers late, or not, or with something else', slow_server, proxy(), families=(4, 6))
    yield case('slow-loose', 'the same, with connections picked up in the middle', slow_server, proxy(), sysctl=ACCT)
    yield case('server-refuses', 'a server that refuses once', refused, proxy(), families=(4, 6))
    yield case('streams', 'SACK, timestamps, order, ICMP errors', streams, proxy(), families=(4, 6))
    nat = {'OUTPUT': ['-d %s/32 -p tcp -j DNAT --to-destination %s:80' % ('10.1.0.1', '10.2.0.2')], 'PREROUTING': ['-d 10.1.0.1/32 -p tcp -j DNAT --to-destination 10.2.0.2:80'], 'POSTROUTING': ['-o r1 -j MASQUERADE']}
    yield case('nat', 'a server behind DNAT and MASQUERADE: the target in INPUT', translated, proxy(where=('INPUT',), nat=nat))
    yield case('snat', 'clients behind MASQUERADE', plain, proxy(nat={'POSTROUTING': ['-o r1 -j MASQUERADE']}))
    yield case('tracked', 'SYNs that are tracked', noticed, proxy(raw=['-p udp'], state='NEW,INVALID,UNTRACKED', drop=False))
    yield case('zone', 'clients in a zone: the SYN to the server is in none', plain, proxy(raw=['-p tcp -m tcp --dport 80 ' + NOTRACK, '-i r0 -j CT --zone 3'], drop=False))
    raw = ['-p tcp -m tcp --dport 80 ' + NOTRACK]
    text = proxy(raw=raw).replace('-A OUTPUT -p tcp\n', '-A OUTPUT -p tcp -m tcp --sport 80 -j CT --notrack\n-A OUTPUT -p tcp -m tcp --dport 80 -j CT --notrack\n', 1)
    yield case('untracked', 'what the router makes is untracked: a SYN of SYNPROXY is tracked all the same', plain, text)
    yield case('refused', 'OUTPUT drops what the target makes', plain, proxy().replace('-A OUTPUT -m conntrack --ctstate NEW\n', '-A OUTPUT -p tcp -m conntrack --ctstate NEW -j DROP\n'))

    yield case('own', 'a server on the router itself', own_server, proxy(where=('INPUT',)), families=(4, 6), local=True)
    for name, kw, f in (('web', {}, None), ('web6', dict(v6=True), 6)):
        text = proxy()
        made = Plain('synproxy-' + name, 'synproxy', 'curl and a web server, IPv%d' % (f or 4), text, text if f else None, sysctl=STRICT, apps=True, deaf=False)
        made.run = lambda lab, kw=kw: PROXIED.append(True) or web(lab, **kw)
        yield made


CASES = [lambda c=c: c for c in cases()]
