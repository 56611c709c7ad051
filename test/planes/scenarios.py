"""Records what a kernel does that has rules of iptables-legacy and of iptables-nft at once.

    PYTHONPATH=DIR python3 test/planes/scenarios.py        (as root; DIR has record.py and packets.py of the kernel cases)

Each case is a folder as those of test/kernel/cases, with `nft.v4` (`nft.v6`) beside `rules.v4`, the same in `expect`, and in
case.yaml `first`: the plane whose tables were made last, which the kernel runs first.
"""
import os
import sys

import packets as P
import record

HERE = os.path.dirname(os.path.abspath(__file__))
A, B, R = '10.1.0.2', '10.2.0.2', '10.1.0.1'
A6, B6 = 'fd00:1::2', 'fd00:2::2'


def clean(text):
    return ''.join(x + '\n' for x in text.splitlines() if not x.startswith('#'))


CHAINS = {'raw': 'PREROUTING OUTPUT', 'mangle': 'PREROUTING INPUT FORWARD OUTPUT POSTROUTING',
          'nat': 'PREROUTING INPUT OUTPUT POSTROUTING', 'filter': 'INPUT FORWARD OUTPUT', 'security': 'INPUT FORWARD OUTPUT'}


def full(text):
    """With a line for each built-in chain: nf_tables counts what meets a policy only where the text had one."""
    out = ''
    for line in text.splitlines():
        out += line + '\n'
        if line[0] == '*':
            table = text.split(line)[1].split('COMMIT')[0]
            out += ''.join(':%s ACCEPT [0:0]\n' % c for c in CHAINS[line[1:]].split() if ':%s ' % c not in table)
    return out


class Planes(record.Scenario):
    def __init__(self, name, covers, first, nft4, nft6=None, steps=(), **kw):
        super().__init__(name + '-' + first, 'planes', covers, run=self.play_and_save, **kw)
        self.steps, self.first, self.nft = list(steps), first, {'4': nft4, '6': nft6}
        self.saved = {}

    def play_and_save(self, lab):
        self.play(lab)
        for f in self.families():
            self.saved['expect/nft.v' + f] = clean(lab.run_in('r', [self.tool(f) + '-save', '-c'], check=True))

    def families(self):
        return [f for f in '46' if self.nft[f] is not None]

    def tool(self, f):
        return ('iptables' if f == '4' else 'ip6tables') + '-nft'


class Lab(record.Lab):
    def load(self):
        planes = [super().load, self.load_nft]
        for plane in planes if self.s.first == 'nft' else planes[::-1]:
            plane()
        for f in self.s.families():
            self.s.saved['nft.v' + f] = clean(self.run_in('r', [self.s.tool(f) + '-save'], check=True))

    def load_nft(self):
        for f in self.s.families():
            self.run_in('r', [self.s.tool(f) + '-restore'], full(self.s.nft[f]), check=True)


record.Lab = Lab

FILTER = '''*mangle
-A PREROUTING -m mark --mark 2 -j MARK --set-mark 3
-A PREROUTING -m mark --mark 0 -j MARK --set-mark 1
-A FORWARD -m mark --mark 1
-A FORWARD -m mark --mark 3
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
-A INPUT -p icmp -j ACCEPT
-A INPUT -p udp --dport 7 -j DROP
-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A FORWARD -j LOG --log-prefix "legacy "
-A FORWARD -p tcp --dport 81 -j DROP
-A FORWARD -p tcp --dport 83 -j REJECT --reject-with tcp-reset
-A FORWARD -p udp --dport 53 -j ACCEPT
-A FORWARD -p udp --dport 54 -j DROP
-A FORWARD -p udp --dport 56 -j REJECT
COMMIT
'''
FILTER_NFT = '''*mangle
-A PREROUTING -m mark --mark 1 -j MARK --set-mark 2
-A PREROUTING -m mark --mark 0 -j MARK --set-mark 2
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p icmp -j ACCEPT
-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A FORWARD -j LOG --log-prefix "nft "
-A FORWARD -p tcp --dport 82 -j DROP
-A FORWARD -p tcp --dport 84 -j REJECT --reject-with tcp-reset
-A FORWARD -p tcp --dport 80:83 -j ACCEPT
-A FORWARD -p udp --dport 53:54 -j ACCEPT
-A FORWARD -p udp --dport 56 -j REJECT --reject-with icmp-host-prohibited
-A OUTPUT -p tcp --tcp-flags RST RST
-A OUTPUT -p icmp
COMMIT
'''
FILTER6 = FILTER.replace('-p icmp', '-p icmpv6')
FILTER6_NFT = FILTER_NFT.replace('-p icmp', '-p icmpv6').replace('icmp-host-prohibited', 'icmp6-adm-prohibited')


def filter_steps(a, b):
    steps = [(0.01, 'a', P.tcp(a, b, 1000 + p, p, seq=1)) for p in (80, 81, 82, 83, 84, 85)]
    steps += [(0.01, 'a', P.udp(a, b, 2000 + p, p, payload=b'x')) for p in (53, 54, 55, 56)]
    steps += [(0.01, 'b', P.udp(b, a, 53, 2053, payload=b'y')), (0.01, 'b', P.tcp(b, a, 80, 1080, seq=9, ack=2, flags=P.SYN | P.ACK))]
    return steps


NAT = '''*nat
-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.2.0.8
-A PREROUTING -p tcp --dport 81 -j ACCEPT
-A PREROUTING -p tcp --dport 82 -j DNAT --to-destination 10.2.0.8
-A PREROUTING -p tcp --dport 83
-A POSTROUTING -p tcp --dport 80 -j SNAT --to-source 10.2.0.1
-A POSTROUTING -p tcp --dport 81 -j ACCEPT
-A POSTROUTING -p tcp
COMMIT
*filter
-A FORWARD -d 10.2.0.8
-A FORWARD -d 10.2.0.9
COMMIT
'''
NAT_NFT = '''*nat
-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.2.0.9
-A PREROUTING -p tcp --dport 81 -j DNAT --to-destination 10.2.0.9
-A PREROUTING -p tcp --dport 82 -j ACCEPT
-A PREROUTING -p tcp --dport 83
-A POSTROUTING -p tcp --dport 80 -j SNAT --to-source 10.2.0.77
-A POSTROUTING -p tcp --dport 81 -j MASQUERADE
-A POSTROUTING -p tcp --dport 83 -j MASQUERADE
COMMIT
'''


def nat_steps(first):
    steps = [(0.01, 'a', P.tcp(A, B, 1000 + p, p, seq=1)) for p in (80, 81, 82, 83, 84)]
    steps += [(0.01, 'a', P.tcp(A, B, 1080, 80, seq=1))]
    server, address = ('10.2.0.9', '10.2.0.77') if first == 'nft' else ('10.2.0.8', '10.2.0.1')
    return steps + [(0.01, 'b', P.tcp(server, address, 80, 1080, seq=9, ack=2, flags=P.SYN | P.ACK))]


RAW = '''*raw
-A PREROUTING -p udp --dport 1 -j DROP
-A PREROUTING -p udp --dport 2 -j CT --notrack
-A PREROUTING -p udp --dport 3 -j CT --zone 3
COMMIT
*security
-A FORWARD -p udp --dport 5 -j DROP
-A INPUT -p udp --dport 9
-A INPUT -p udp --dport 10 -j DROP
COMMIT
*nat
-A INPUT -p udp --dport 9 -j SNAT --to-source 10.1.0.77
COMMIT
*filter
-A FORWARD -m conntrack --ctstate UNTRACKED
-A FORWARD -m recent --name seen --rcheck
-A FORWARD -p udp --dport 6 -m recent --name seen --set
COMMIT
'''
RAW_NFT = '''*raw
-A PREROUTING -p udp --dport 1:3
-A PREROUTING -p udp --dport 4 -j DROP
COMMIT
*security
-A FORWARD -p udp --dport 5
-A INPUT -p udp --dport 9 -s 10.1.0.77
-A INPUT -p udp --dport 9 -s 10.1.0.2
-A INPUT -p udp --dport 10
-A INPUT -p udp --dport 11 -j DROP
COMMIT
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate UNTRACKED
-A FORWARD -m recent --name seen --rcheck
-A FORWARD -p udp --dport 7 -m recent --name seen --set
COMMIT
'''


def raw_steps():
    return [(0.01, 'a', P.udp(A, B, 100, p, payload=b'abc')) for p in (1, 2, 3, 4, 5, 6, 6, 7, 8)] + [
        (0.01, 'a', P.udp(A, R, 100, p, payload=b'abc')) for p in (9, 10, 11)]


def scenarios():
    out = []
    for first in ('nft', 'legacy'):
        out.append(Planes('filter', 'a packet passes the filter tables of both planes', first, FILTER_NFT, rules4=FILTER, log=True,
                          steps=filter_steps(A, B)))
        out.append(Planes('filter6', 'the same for IPv6', first, None, nft6=FILTER6_NFT, rules6=FILTER6, log=True,
                          steps=filter_steps(A6, B6)))
        out.append(Planes('nat', 'the first plane whose nat table settles a half of the connection', first, NAT_NFT, rules4=NAT,
                          steps=nat_steps(first)))
        out.append(Planes('raw', 'raw and security of both planes, lists by name in common', first, RAW_NFT, rules4=RAW,
                          steps=raw_steps()))
    return out


for s in scenarios():
    if sys.argv[1:] and s.name not in sys.argv[1:]:
        continue
    folder = os.path.join(HERE, 'cases', s.name)
    record.record(s, folder)
    for name, text in s.saved.items():
        with open(os.path.join(folder, name), 'w') as f:
            f.write(text)
    with open(os.path.join(folder, 'case.yaml'), 'a') as f:
        f.write('first: %s\n' % s.first)
    print(s.name)
