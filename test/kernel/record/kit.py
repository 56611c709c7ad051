"""What the cases of this folder are made with: rules in chains that count, packets of lengths that tell them apart, the check that every
rule was hit and missed, and the recording itself (a recorder of kernel cases lies beside the checkout: README.md of the folder above).
"""
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
import time

RECORDER = os.environ.get('RECORDER', os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../../../shared/kernel-cases'))
sys.path.insert(0, os.path.abspath(RECORDER))
import packets as P  # noqa: E402
import record as R  # noqa: E402

A, B, R0, R1 = '10.1.0.2', '10.2.0.2', '10.1.0.1', '10.2.0.1'
A6, B6, R06, R16 = 'fd00:1::2', 'fd00:2::2', 'fd00:1::1', 'fd00:2::1'
CHAINS = {'raw': ['PREROUTING', 'OUTPUT'], 'mangle': ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
          'nat': ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'], 'filter': ['INPUT', 'FORWARD', 'OUTPUT'],
          'security': ['INPUT', 'FORWARD', 'OUTPUT']}
ACCT = {'net.netfilter.nf_conntrack_acct': 1}


class Kit:
    """Builds one family's packets of one case; the same seed gives the same bytes."""

    def __init__(self, name, family):
        self.rng = random.Random('%s %d' % (name, family))
        self.v6 = family == 6
        self.a, self.b = (A6, B6) if self.v6 else (A, B)
        self.r0, self.r1 = (R06, R16) if self.v6 else (R0, R1)
        self.used = set()
        self.id = 0

    def ends(self, side):
        return {'a': (self.a, self.b), 'b': (self.b, self.a), 'r': (self.r1, self.b)}[side]

    def pad(self, base=0, most=200):
        """Random bytes that make a packet of a length that no other has: the byte counters then tell which packets were counted."""
        for _ in range(200):
            n = self.rng.randrange(most)
            if base + n not in self.used:
                break
        self.used.add(base + n)
        return self.rng.randbytes(n)

    def ip(self, proto, payload, side='a', src=None, dst=None, **kw):
        s, d = self.ends(side)
        if self.v6:
            kw = {{'tos': 'tc'}.get(k, k): v for k, v in kw.items() if k in ('ttl', 'tos', 'flow', 'plen')}
            kw['hlim'] = kw.pop('ttl', 64)
            return P.ip6(src or s, dst or d, proto, payload, **kw)
        self.id += 1
        kw.setdefault('id', self.id)
        return P.ip4(src or s, dst or d, proto, payload, **kw)

    def ports(self, side, sport, dport):
        return (sport, dport) if side != 'b' else (dport, sport)

    def udp(self, sport=1000, dport=2000, payload=None, side='a', proto=P.UDP, udpkw=None, **kw):
        s, d = self.ends(side)
        body = self.pad() if payload is None else payload
        seg = P.udp_seg(kw.get('src') or s, kw.get('dst') or d, sport, dport, body, proto=proto, **(udpkw or {}))
        return self.ip(proto, seg, side, **kw)

    def tcp(self, sport=1000, dport=2000, flags=P.SYN, opts=b'', payload=None, side='a', tcpkw=None, **kw):
        s, d = self.ends(side)
        body = self.pad(len(opts)) if payload is None else payload
        seg = P.tcp_seg(kw.get('src') or s, kw.get('dst') or d, sport, dport, flags=flags, opts=opts, payload=body, **(tcpkw or {}))
        return self.ip(P.TCP, seg, side, **kw)

    def icmp(self, type, code=0, rest=b'\0\1\0\1', payload=None, side='a', badsum=False, **kw):
        s, d = self.ends(side)
        body = self.pad() if payload is None else payload
        if self.v6:
            return self.ip(P.ICMP6, P.icmp6_msg(kw.get('src') or s, kw.get('dst') or d, type, code, rest, body, badsum), side, **kw)
        return self.ip(P.ICMP, P.icmp_msg(type, code, rest, body, badsum), side, **kw)

    def sctp(self, chunks, sport=1000, dport=2000, vtag=1, side='a', **kw):
        return self.ip(P.SCTP, P.sctp_seg(sport, dport, vtag, chunks), side, **kw)


def table(name, rules, policy=None):
    """iptables-save text of one table: {chain: [rule, ...]}."""
    policy = policy or {}
    own = [c for c in rules if c not in CHAINS[name]]
    t = '*%s\n' % name + ''.join(':%s %s [0:0]\n' % (c, policy.get(c, 'ACCEPT')) for c in CHAINS[name])
    t += ''.join(':%s - [0:0]\n' % c for c in own)
    t += ''.join('-A %s %s\n' % (c, r) for c in CHAINS[name] + own for r in rules.get(c, []))
    return t + 'COMMIT\n'


def counting(rules, places=(('raw', 'PREROUTING', '-i r0 '), ('mangle', 'FORWARD', ''))):
    """
    The rules in a chain `t` that the given hooks call, by table; its first rule counts everything that comes. A rule about a
    connection's state is added: the kernel tracks only while some rule asks for it.
    """
    tables = {'filter': {'FORWARD': ['-m conntrack --ctstate NEW']}}
    for place in places:
        name, hook, when = place if len(place) == 3 else (*place, '')
        chains = tables.setdefault(name, {})
        chains.setdefault(hook, []).append('%s-j t' % when)
        chains['t'] = [''] + list(rules)
    return ''.join(table(n, c) for n, c in tables.items())


class Case(R.Scenario):
    """
    One recorded case.
    rules4, rules6: iptables-save text. packets: [packet, (side, packet), (side, packet, seconds before it), function(lab) ...].
    odd: {pattern that stands in 'TABLE RULE': why it cannot be hit and missed}. Checked are rules of chains whose first rule counts everything.
    prepare(lab): runs before the rules are loaded; after: {file: function that gives its text}, written at the end; host: lines for host.yaml, by its
    top-level key, or a function that changes its text.
    """

    def __init__(self, name, covers, rules4=None, rules6=None, packets=(), odd=None, prepare=None, host=None, after=None, **kw):
        kw.setdefault('deaf', True)
        kw.setdefault('sysctl', ACCT)
        super().__init__('ext-' + name, 'extension', covers, rules4=rules4, rules6=rules6, run=self.play_all, **kw)
        self.packets, self.odd, self.prepare, self.host, self.after = packets, odd or {}, prepare, host or {}, after or {}

    def play_all(self, lab):
        for x in self.packets:
            if callable(x):
                x(lab)
                continue
            side, packet, wait = x if isinstance(x, tuple) and len(x) == 3 else (*x, 0) if isinstance(x, tuple) else ('a', x, 0)
            lab.sleep(wait)
            lab.send(side, packet)


class Talk:
    """A TCP conversation; each `put` is one packet with the right numbers."""

    def __init__(self, kit, sport=1000, dport=2000, side='a', isn=(1000, 9000)):
        self.kit, self.port, self.side = kit, (sport, dport), side
        self.next = dict(zip('cs', isn))
        self.out = []

    def put(self, who, flags, payload=b'', **kw):
        side = self.side if who == 'c' else {'a': 'b', 'b': 'a'}[self.side]
        sport, dport = self.port if who == 'c' else self.port[::-1]
        ack = self.next['s' if who == 'c' else 'c'] if flags & P.ACK else 0
        tcpkw = dict(seq=self.next[who], ack=ack, **kw.pop('tcpkw', {}))
        self.out.append((side, self.kit.tcp(sport, dport, flags, payload=payload, side=side, tcpkw=tcpkw, **kw)))
        self.next[who] += len(payload) + bool(flags & P.SYN) + bool(flags & P.FIN)
        return self

    def open(self):
        return self.put('c', P.SYN).put('s', P.SYN | P.ACK).put('c', P.ACK)

    def close(self):
        return self.put('c', P.FIN | P.ACK).put('s', P.FIN | P.ACK).put('c', P.ACK)


def frame(side, l3, dst=None, src=None, gap=0.0003):
    """A packet in an Ethernet frame of one's own: other addresses than the router's."""
    def send(lab):
        peer, dev, s = ('a0', 'r0', lab.inj_a) if side == 'a' else ('b0', 'r1', lab.inj_b)
        kind = b'\x86\xdd' if l3[0] >> 4 == 6 else b'\x08\0'
        s.send(P.mac(dst or R.MAC[dev]) + P.mac(src or R.MAC[peer]) + kind + l3)
        time.sleep(gap + 0.001)
        lab.drain()
    return send


# rules as saved, with their counters

def read_counters(path):
    """[(table, chain, rule text, packets)], in order."""
    out, where = [], None
    for line in open(path):
        if line.startswith('*'):
            where = line[1:].strip()
        m = re.match(r'\[(\d+):\d+\] -A (\S+) ?(.*)$', line)
        if m:
            out.append((where, m.group(2), m.group(3), int(m.group(1))))
    return out


def unproven(folder, odd):
    """Rules of counting chains that were never hit, or never missed, and are not said to be odd; and odd ones that are not."""
    bad, seen = [], set()
    for v in ('v4', 'v6'):
        path = os.path.join(folder, 'expect', 'rules.' + v)
        if not os.path.exists(path):
            continue
        first = {}
        for tab, chain, text, n in read_counters(path):
            if (tab, chain) not in first:
                first[tab, chain] = n if text == '' else None
                continue
            total = first[tab, chain]
            if total is None or 0 < n < total:
                continue
            why = [o for o in odd if re.search(o, '%s %s' % (tab, text))]
            seen.update(why)
            if not why:
                bad.append('%s %s %s: %s [%d of %d]' % (v, tab, chain, text, n, total))
    return bad + ['not odd at all: ' + o for o in odd if o not in seen]


def finish(case, folder):
    """Checks a recorded case and writes down what was special about it."""
    with open(os.path.join(folder, 'case.yaml'), 'a') as f:
        if case.odd:
            f.write('odd:\n' + ''.join('  - {rule: %s, why: %s}\n' % (json.dumps(k), json.dumps(v)) for k, v in case.odd.items()))
    for name in ('rules.v4', 'rules.v6', 'expect/rules.v4', 'expect/rules.v6'):
        # iptables-save warns of missing files of names
        path = os.path.join(folder, name)
        if os.path.exists(path):
            lines = open(path).read().splitlines(True)
            open(path, 'w').write(''.join(x for x in lines if not x.startswith('Warning: ')))
    for name, made in case.after.items():
        with open(os.path.join(folder, name), 'w') as f:
            f.write(made())
    path = os.path.join(folder, 'host.yaml')
    text = open(path).read()
    for key, lines in ({} if callable(case.host) else case.host).items():
        added = ''.join('  %s\n' % x for x in lines)
        text = re.sub(r'(?m)^%s:\n' % key, lambda m: m.group(0) + added, text) if re.search('(?m)^%s:\n' % key, text) else text + '%s:\n%s' % (key, added)
    if callable(case.host):
        text = case.host(text)
    if case.host:
        with open(path, 'w') as f:
            f.write(text)
    return unproven(folder, case.odd)


def with_preparation():
    """Makes the recorder call a case's `prepare` before it loads the rules."""
    load = R.Lab.load

    def prepared(lab):
        if getattr(lab.s, 'prepare', None):
            lab.s.prepare(lab)
        load(lab)
    R.Lab.load = prepared


def main(cases, to, names, listing):
    with_preparation()
    todo = [c for c in cases if not names or c.name in names or c.name[4:] in names]
    failed = 0
    for case in todo:
        if listing:
            print('%-26s %s' % (case.name, case.covers))
            continue
        case.to, folder = to, os.path.join(to, case.name)
        # rules may depend on the time of the recording
        case.rules4, case.rules6 = (r() if callable(r) else r for r in (case.rules4, case.rules6))
        try:
            n = R.record(case, folder)
        except Exception as e:
            print('%-26s FAILED %s: %s' % (case.name, type(e).__name__, e), flush=True)
            failed += 1
            continue
        bad = finish(case, folder)
        print('%-26s %4d packets%s' % (case.name, n, ''.join('\n    ' + b for b in bad)), flush=True)
        failed += bool(bad)
    return 1 if failed else 0


__all__ = [n for n in dir() if not n.startswith('_')]
