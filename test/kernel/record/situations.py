"""
Cases of six situations in which tracking of TCP has to bear with what one side cannot know, each through a router and with the router as
the server and as the client, IPv4 and IPv6. The kernel's own tests have the same situations; the packets are ours.
"""
from kit import ACCT, Kit, P
from plain import Plain, rules

F, S, R, PSH, A = P.FIN, P.SYN, P.RST, P.PSH, P.ACK
SA, FA, PA, RA = S | A, F | A, PSH | A, R | A
OPTS = {'plain': b'\2\4\5\xb4', 'scaled': b'\2\4\5\xb4\4\2\1\3\3\7'}
# what each hook saw of the states; the lengths of packets differ, so that bytes tell which
SEEN = ['-p tcp -m conntrack ' + m for m in ('--ctstate NEW', '--ctstate ESTABLISHED', '--ctstate INVALID', '--ctstatus ASSURED', '--ctdir REPLY', '--ctexpire 0:10', '--ctexpire 11:300')]
HOOKS = ('INPUT', 'FORWARD', 'OUTPUT')
RULES = rules(filter={c: SEEN for c in HOOKS})
NATTING = [rules(filter={c: SEEN + ['-m conntrack --ctstate SNAT'] for c in HOOKS}, nat={'POSTROUTING': ['-o r1 -p tcp -j SNAT --to-source ' + to]}) for to in ('10.2.0.9', 'fd00:2::9')]
DROPPING = rules(filter={c: SEEN + ['-p tcp -m conntrack --ctstate INVALID -j DROP'] for c in HOOKS})


class Line:
    """
    One pair of ports; `c` and `s` are a packet of the client or of the server with the numbers given, from the start of each side's
    sequence on: a SYN has 0, the first byte after it 1. An `isn` of a side may be changed for a later connection.
    """

    def __init__(self, kit, place, sport, dport=80, isn=(1000, 500000), opts='plain', out=None):
        self.kit, self.ports, self.isn, self.opts = kit, (sport, dport), list(isn), OPTS[opts]
        self.sides = {'router': ('a', 'b'), 'nat': ('a', 'b'), 'server': ('a', 'r'), 'client': ('r', 'a')}[place]
        host = kit.b if self.sides[1] == 'b' else kit.r0
        self.addr = (host, kit.a) if place == 'client' else (kit.a, host)
        # whom each side takes the other one for
        self.peer = (self.addr[1], self.addr[0] if place != 'nat' else 'fd00:2::9' if kit.v6 else '10.2.0.9')
        self.out = [] if out is None else out

    def put(self, who, flags, seq, ack, n, win, wait, opts):
        o = 1 - who
        if opts is None:
            opts = self.opts if flags & S else b''
        seg = P.tcp_seg(self.addr[who], self.peer[who], self.ports[who], self.ports[o], seq=self.isn[who] + seq, win=win, opts=opts,
                        ack=self.isn[o] + ack if ack is not None else 0, flags=flags, payload=b'x' * n)
        self.out.append((self.sides[who], self.kit.ip(P.TCP, seg, src=self.addr[who], dst=self.peer[who]), wait))
        return self

    def c(self, flags, seq, ack=None, n=0, win=20000, wait=0, opts=None):
        return self.put(0, flags, seq, ack, n, win, wait, opts)

    def s(self, flags, seq, ack=None, n=0, win=20000, wait=0, opts=None):
        return self.put(1, flags, seq, ack, n, win, wait, opts)

    def open(self, win=20000):
        return self.c(S, 0, win=win).s(SA, 0, 1, win=win).c(A, 1, 1, win=win)


def ack_loss_stall(new):
    """Acknowledgements are lost behind the tracker: what is sent again is known already, and must pass."""
    x = new(2001).open()
    x.c(PA, 1, 1, 1000).s(A, 1, 1001).c(PA, 1, 1, 1000).c(PA, 1, 1, 1000, wait=.2).s(A, 1, 1001).c(PA, 1001, 1, 300).s(A, 1, 1301)
    # the last of them again, when both sides are done
    x.c(FA, 1301, 1).s(A, 1, 1302).c(FA, 1301, 1).s(FA, 1, 1302).s(FA, 1, 1302).c(A, 1302, 2).c(PA, 1, 1, 1000)
    # more than the window allows, acknowledged late, and again
    x = new(2002).open(win=3000)
    for at in (1, 1001, 2001, 3001, 4001, 5001):
        x.c(PA, at, 1, 1000)
    x.s(A, 1, 1001, win=3000).s(A, 1, 3001, win=0)
    for at in (1, 1001, 2001, 3001):
        x.c(PA, at, 1, 1000)
    x.s(A, 1, 6001, win=3000).c(PA, 1, 1, 1000).c(A, 6001, 1).s(R, 1, 6001)
    # a byte of a probe into a closed window
    x = new(2003).open(win=1000)
    x.c(PA, 1, 1, 1000).s(A, 1, 1001, win=0).c(PA, 1001, 1, 1).s(A, 1, 1001, win=0).c(PA, 1000, 1, 1).c(A, 1000, 1).s(A, 1, 1001, win=4000).c(PA, 1001, 1, 999)
    # the server's data, the client's acknowledgements lost
    x = new(2004, opts='scaled').open()
    for _ in range(2):
        for at in (1, 1401, 2801):
            x.s(PA, at, 1, 1400)
        x.c(A, 1, 4201)
    x.c(A, 1, 1401).c(A, 1, 1).s(PA, 4201, 1, 70).c(A, 1, 4271)
    # the handshake's own last ACK is lost: the SYN/ACK comes again, then data
    x = new(2005).c(S, 0).s(SA, 0, 1).c(A, 1, 1).s(SA, 0, 1, wait=.1).s(SA, 0, 1).c(A, 1, 1).c(PA, 1, 1, 50).s(SA, 0, 1).s(A, 1, 51)


def inexact_rst(new):
    """A RST while the connection is closing need not have the exact number."""
    for i, (seq, flags) in enumerate(((51, R), (52, R), (61, R), (700, R), (50, R), (1, R), (0, R), (30000, R), (52, RA), (700, RA))):
        # the server has closed, the client sends on and resets: its RST has a number of before, or of a segment that never came
        x = new(2101 + i).open().c(PA, 1, 1, 50).s(A, 1, 51).s(FA, 1, 51).c(A, 51, 2).c(flags, seq, 2 if flags & A else None).s(A, 2, 51).c(R, 51)
    for i, seq in enumerate((2, 1, 3, 500, 40000)):
        # the one that closed resets
        new(2121 + i).open().c(PA, 1, 1, 60).s(FA, 1, 61).c(A, 61, 2).s(R, seq).c(A, 61, 2)
    for i, seq in enumerate((2, 3, 500, 40000)):
        # the FIN is not acknowledged yet; then from the other side
        new(2131 + i).open().s(FA, 1, 1).s(R, seq).c(A, 1, 2)
        new(2141 + i).open().s(FA, 1, 1).c(R, seq).s(A, 2, 1)
    for i, seq in enumerate((3, 2, 90, 40000)):
        # both closed: last ACK missing, and there
        new(2151 + i).open().s(FA, 1, 1).c(FA, 1, 2).c(R, seq).s(A, 2, 2)
        new(2161 + i).open().s(FA, 1, 1).c(FA, 1, 2).s(A, 2, 2).c(R, seq).s(A, 2, 2)
    for i, seq in enumerate((1, 2, 90, 40000)):
        # no FIN at all: only the exact number ends it
        new(2171 + i).open().c(PA, 1, 1, 9).s(PA, 1, 10, 9).s(A, 10, 10).c(R, seq + 9).c(PA, 10, 10, 5).s(A, 10, 15)


def rst_invalid(new):
    """A RST outside of the window is INVALID and changes nothing; the exact one ends the connection."""
    for i, (who, seq) in enumerate((w, q) for w in 'cs' for q in (20102, 21000, 100000, -1, -20000, -20001, -2000000, 0x7fffffff, 2, 20101, 20100)):
        x = new(2201 + i).open().c(PA, 1, 1, 100).s(A, 1, 101)
        getattr(x, who)(R, seq + (100 if who == 'c' else 0))
        x.c(PA, 101, 1, 7).s(A, 1, 108)
        # now the right one
        getattr(x, who)(R, 108 if who == 'c' else 1)
        x.c(PA, 108, 1, 3)
    # with an acknowledgement: of what was never sent, of old data
    for i, ack in enumerate((102, 5000, 90000, 1, 0, -5000)):
        new(2231 + i).open().c(PA, 1, 1, 100).s(A, 1, 101).s(RA, 1, ack).c(PA, 101, 1, 8).s(A, 1, 109).s(RA, 1, 109)
    # in the handshake: wrong acknowledgement of the SYN, wrong number, then the right ones
    new(2241).c(S, 0).s(RA, 0, 5).s(RA, 0, 1).s(SA, 0, 1).c(S, 0, wait=.1).s(SA, 0, 1)
    new(2242).c(S, 0).s(R, 0).s(SA, 0, 1).c(A, 1, 1)
    new(2243).c(S, 0).s(SA, 0, 1).c(R, 50000).c(A, 1, 1).c(PA, 1, 1, 4)
    new(2244).c(S, 0).s(SA, 0, 1).c(R, 1).c(A, 1, 1).c(PA, 1, 1, 4)
    new(2245).c(S, 0).s(SA, 0, 1).s(R, 70000).c(A, 1, 1).c(PA, 1, 1, 4)
    # no connection
    new(2246).c(R, 1).s(RA, 1, 1)


def syn_challenge_ack(new):
    """A SYN on an open connection: its owner has forgotten it. The server's challenge ACK passes, the RST that it brings clears the way."""
    def forgot(port, answer=True, **kw):
        x = new(port, **kw).open().c(PA, 1, 1, 200).s(PA, 1, 201, 300).c(A, 201, 301)
        before = x.isn[0]
        x.isn[0] = before + 40_000_000     # a new SYN with another number
        x.c(S, 0)
        x.s(A, 301, before + 201 - x.isn[0])
        if answer:
            x.put(0, R, 0, None, 0, 0, 0, None) if answer == 'wrong' else x.c(R, before + 201 - x.isn[0], win=0)
        x.isn[1] += 90_000_000
        return x
    forgot(2301).c(S, 0, wait=.2).s(SA, 0, 1).c(A, 1, 1).c(PA, 1, 1, 11).s(A, 1, 12)
    forgot(2302, opts='scaled').c(S, 0).s(SA, 0, 1).c(A, 1, 1).c(FA, 1, 1).s(FA, 1, 2).c(A, 2, 2)
    # the RST is lost before, comes twice, has another number
    forgot(2303, None).c(S, 0, wait=.1).c(S, 0).s(SA, 0, 1).c(A, 1, 1)
    forgot(2304).c(R, 5).c(S, 0).s(SA, 0, 1).c(A, 1, 1)
    forgot(2305, 'wrong').c(S, 0).s(SA, 0, 1).c(A, 1, 1).c(PA, 1, 1, 12)
    # the SYN has a number inside of the window, or the very old one; the challenge comes twice
    x = new(2306).open().c(PA, 1, 1, 20).s(A, 1, 21).c(S, 5).s(A, 1, 21).c(R, 21, win=0).c(S, 5).s(SA, 9, 6)
    x = new(2307).open().c(PA, 1, 1, 20).s(A, 1, 21).c(S, 0).s(A, 1, 21).s(A, 1, 21).c(A, 21, 1).c(PA, 21, 1, 30).s(A, 1, 51)
    # while closing, on both sides
    x = new(2308).open().s(FA, 1, 1).c(A, 1, 2).c(FA, 1, 2)
    x.isn[0] += 7_000_000
    x.c(S, 0).s(A, 2, 1 - 7_000_000).s(A, 2, 2 - 7_000_000).c(R, 2 - 7_000_000, win=0)
    x.isn[1] += 3_000_000
    x.c(S, 0).s(SA, 0, 1).c(A, 1, 1)
    # the server is the one that forgot: it answers data with a RST, then the client begins anew
    x = new(2309).open().c(PA, 1, 1, 20).s(R, 1)
    x.isn = [9_000_000, 77_000_000]
    x.c(S, 0).s(SA, 0, 1).c(A, 1, 1)


def synack_old(new):
    """The answer to a SYN of before arrives: its SYN/ACK passes, the client's RST does not end what the new SYN began."""
    def late(port, rst=True, **kw):
        x = new(port, **kw)
        before = x.isn[0] - 300_000_000
        x.c(S, 0)
        x.s(SA, -1_500_000_000, before - x.isn[0] + 1)
        if rst:
            x.c(R, before - x.isn[0] + 1, win=0)
        return x
    late(2401).c(S, 0, wait=.2).s(SA, 0, 1).c(A, 1, 1).c(PA, 1, 1, 30).s(A, 1, 31)
    late(2402, opts='scaled').c(S, 0).s(SA, 0, 1).c(A, 1, 1).c(FA, 1, 1).s(FA, 1, 2).c(A, 2, 2)
    late(2403, False).c(S, 0).s(SA, 0, 1).c(A, 1, 1).s(PA, 1, 1, 31)
    # twice, with no new SYN between, acknowledged by mistake, an acknowledgement just off
    late(2404).s(SA, -1_500_000_000, -299_999_999).c(R, -299_999_999).c(S, 0).s(SA, 0, 1).c(A, 1, 1)
    late(2405).s(SA, 0, 1).c(A, 1, 1).c(PA, 1, 1, 32)
    late(2406, False).c(A, -299_999_999, -1_499_999_999).c(S, 0).s(SA, 0, 1).c(A, 1, 1)
    for i, ack in enumerate((0, 2, 20001, -20000)):
        new(2411 + i).c(S, 0).s(SA, 5000, ack).c(R, ack).c(S, 0).s(SA, 0, 1).c(A, 1, 1)
    # a right one after which another comes, as if the first had been of an older server
    new(2421).c(S, 0).s(SA, 0, 1).s(SA, 600_000, 1).c(A, 1, 1).c(A, 1, 600_001).c(PA, 1, 600_001, 33).s(A, 600_001, 34)
    # both open at once
    new(2422).c(S, 0).s(S, 0).c(SA, 0, 1).s(SA, 0, 1).c(A, 1, 1).s(A, 1, 1).c(PA, 1, 1, 34)


def synack_reuse(new):
    """The same ports again: the former connection is closed, closing, or half open at the server only."""
    def again(x, by=(50_000_000, 60_000_000)):
        x.isn = [x.isn[0] + by[0], x.isn[1] + by[1]]
        return x.c(S, 0).s(SA, 0, 1).c(A, 1, 1).c(PA, 1, 1, 40).s(A, 1, 41)
    close = dict(both=lambda x: x.c(FA, 1, 1).s(FA, 1, 2).c(A, 2, 2), server=lambda x: x.s(FA, 1, 1).c(FA, 1, 2).s(A, 2, 2), rst=lambda x: x.c(R, 1), reset=lambda x: x.s(RA, 1, 1),
                 half=lambda x: x.c(FA, 1, 1).s(A, 1, 2), halfs=lambda x: x.s(FA, 1, 1).c(A, 1, 2), fin=lambda x: x.c(FA, 1, 1), last=lambda x: x.c(FA, 1, 1).s(FA, 1, 2), none=lambda x: x)
    for i, how in enumerate(close.values()):
        # the SYN is answered as if nothing had been
        again(how(new(2501 + i, opts=('plain', 'scaled')[i % 2]).open()))
        # a lower number than before
        again(how(new(2521 + i).open()), (-5000, -7000))
        # the server still knows the old one: its challenge, the client's RST, the SYN again
        x = how(new(2541 + i).open())
        x.isn[0] += 50_000_000
        x.c(S, 0).s(A, 2, 2 - 50_000_000).c(R, 2 - 50_000_000, win=0)
        again(x, (0, 60_000_000))
    # the server begins from the same ports, after the client's connection is closed
    for i, how in enumerate(('both', 'server', 'rst', 'none')):
        x = close[how](new(2561 + i).open())
        x.isn = [x.isn[0] + 800_000, x.isn[1] + 900_000]
        x.s(S, 0).c(SA, 0, 1).s(A, 1, 1).s(PA, 1, 1, 41)
    # a SYN that was never answered, then one with another number; three of them
    x = new(2571).c(S, 0)
    again(x)
    x = new(2572).c(S, 0).s(SA, 0, 1)
    again(x)
    x = new(2573).c(S, 0, wait=.05)
    x.isn[0] += 1000
    x.c(S, 0)
    x.isn[0] += 1000
    x.c(S, 0).s(SA, 0, 1 - 1000).s(SA, 0, 1).c(A, 1, 1)


SITUATIONS = (ack_loss_stall, inexact_rst, rst_invalid, syn_challenge_ack, synack_old, synack_reuse)
VARIANTS = (('-liberal', {'net.netfilter.nf_conntrack_tcp_be_liberal': 1}, ', be_liberal'),
            ('-forgiving', {'net.netfilter.nf_conntrack_tcp_ignore_invalid_rst': 1, 'net.netfilter.nf_conntrack_tcp_loose': 0}, ', ignore_invalid_rst, not loose'))


def case(situation, place, tail='', sysctl=None, words='', text=(RULES, RULES)):
    """The situation's packets, IPv4 then IPv6, where the router is what `place` says."""
    packets = []
    for family in (4, 6):
        kit = Kit(situation.__name__, family)
        situation(lambda port, **kw: Line(kit, place, port, out=packets, **kw))
    name = 'situation-%s%s%s' % (situation.__name__.replace('_', '-'), {'router': ''}.get(place, '-' + place), tail)
    doc = situation.__doc__.strip().split(':')[0].rstrip('.')
    return Plain(name, 'situation', '%s%s (%s)' % (doc, words, {'router': 'through a router', 'nat': 'through a router with SNAT'}.get(place, 'the host is the ' + place)), *text, packets, sysctl=dict(ACCT, **(sysctl or {})))


CASES = [lambda s=s, p=p: case(s, p) for s in SITUATIONS for p in ('router', 'server', 'client')]
CASES += [lambda s=s: case(s, 'nat', text=NATTING) for s in SITUATIONS]
# what else the answer depends on
CASES += [lambda s=s, v=v: case(s, 'router', *v) for s in SITUATIONS[1:5] for v in VARIANTS]
CASES += [lambda s=s: case(s, 'router', '-drop', words=', INVALID dropped', text=(DROPPING, DROPPING)) for s in SITUATIONS[:1]]
