"""
Cases of -j SYNPROXY: handshakes whose client answers the cookie that the router drew. What follows from the cookie is in every later packet, so
a replay has to take over what the capture shows (docs/kernel-differences.md); the SYN/ACKs are compared with numbers relative to the cookie.
"""
import struct

from kit import ACCT, Kit, P
from plain import Plain, rules

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
        for f in families:
            run(lab, Kit('synproxy ' + name, f))
    made.run = both
    return made


def plain(lab, k):
    Ends(lab, k).open().talk()


CASES = [lambda: case('handshake', 'a handshake with all options, data both ways, the end', plain, proxy(), families=(4, 6))]
