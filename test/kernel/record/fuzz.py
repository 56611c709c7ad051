#!/usr/bin/env python3
"""Random rules of the recorded cases and mutants of their packets, to look for what nobody thought of: fuzz.py SEED N [--to DIR]

Writes N cases, fuzz-ext-SEED and on; each has 60 rules drawn from all cases and about 400 packets. The same seed gives the same
case. Nothing is checked here: compare them with the replay, and make a row of what differs.
"""
import argparse
import os
import random
import re
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import contents  # noqa: E402
import headers  # noqa: E402
import later  # noqa: E402
import states  # noqa: E402
from kit import P, R0, R06, R1, R16, Case, counting, main, table  # noqa: E402

MAKERS = [m for m in headers.CASES + contents.CASES + (later.mh, later.srh, later.bpf, later.eui64, states.addrtype, states.conntrack) if m is not contents.string_fragments]


def pool():
    """(rules of IPv4, rules of IPv6, packets) of all cases."""
    rules, packets = {4: [], 6: []}, []
    for make in MAKERS:
        case = make()
        for f, text in ((4, case.rules4), (6, case.rules6)):
            rules[f] += re.findall(r'^-A t (.+)$', text or '', re.M)
        packets += [p[1] if isinstance(p, tuple) else p for p in case.packets if not callable(p)]
    # what is left of a timeout depends on when within a tick the kernel looked
    return {f: sorted(x for x in set(r) if '--ctexpire' not in x) for f, r in rules.items()}, packets


def fix(p):
    """A right IPv4 header checksum, and right lengths."""
    if p[0] >> 4 == 4 and len(p) >= 20:
        ihl = max(20, min((p[0] & 15) * 4, len(p) // 4 * 4))
        p = p[:10] + b'\0\0' + p[12:]
        return p[:10] + struct.pack('!H', P.csum(p[:ihl])) + p[12:]
    return p


def seal(p):
    """A right transport checksum, if the packet has one."""
    v6 = p[0] >> 4 == 6
    at = 40 if v6 else (p[0] & 15) * 4
    proto = p[6] if v6 else p[9]
    where = {6: 16, 17: 6, 1: 2, 58: 2}.get(proto)
    if where is None or len(p) < at + where + 2:
        return p
    seg = p[at:at + where] + b'\0\0' + p[at + where + 2:]
    src, dst = (p[8:24], p[24:40]) if v6 else (p[12:16], p[16:20])
    head = b'' if proto == 1 else src + dst + (struct.pack('!IHBB', len(seg), 0, 0, proto) if v6 else struct.pack('!BBH', 0, proto, len(seg)))
    return p[:at + where] + struct.pack('!H', P.csum(head + seg) or 0xffff) + p[at + where + 2:]


def mutant(r, p):
    p, v6 = bytearray(p), p[0] >> 4 == 6
    l3 = 40 if v6 else 20
    for _ in range(r.choice((0, 1, 1, 2, 4))):
        kind = r.randrange(7)
        if kind == 0 and len(p) > l3:
            at = r.randrange(l3, min(len(p), l3 + 24))
            p[at] = r.choice((0, 1, 2, 4, 5, 6, 17, 43, 44, 58, 59, 60, 127, 128, 255, r.randrange(256)))
        elif kind == 1:
            at = r.choice((1, 7, 6) if v6 else (1, 8, 9))
            p[at] = r.choice((0, 1, 2, 6, 17, 33, 43, 44, 50, 51, 58, 59, 60, 64, 132, 136, 255, r.randrange(256)))
        elif kind == 2 and len(p) > l3:
            del p[r.randrange(l3, min(len(p), l3 + 64)):]
        elif kind == 3:
            p += r.randbytes(r.randrange(1, 40))
        elif kind == 4 and len(p) > l3 + 4:
            at = r.randrange(l3, len(p) - 3)
            p[at:at + 2] = struct.pack('!H', r.choice((0, 1, 2, 999, 1000, 1001, 2000, 65534, 65535)))
        elif kind == 5 and len(p) > l3:
            p[r.randrange(l3, min(len(p), l3 + 60))] ^= 1 << r.randrange(8)
        elif kind == 6 and not v6 and p[0] & 15 == 5 and len(p) < 1400:
            n = r.randrange(1, 11)
            p[20:20] = bytes(r.choice((0, 1, 1, 1, 7, 68, 130, 131, 148)) if r.random() < .3 else 1 for _ in range(4 * n))
            p[0] = 0x45 + n
    p = bytes(p[:1500])
    if r.random() < .9:
        p = p[:4] + struct.pack('!H', len(p) - 40) + p[6:] if v6 else p[:2] + struct.pack('!H', len(p)) + p[4:]
    if r.random() < .6:
        p = seal(p)
    return fix(p)


def is_plain(p):
    """Not from the router itself or from a broadcast address: answers to these come back to it. Not to a neighbour that is not there."""
    v6 = p[0] >> 4 == 6
    src, dst = (p[8:24], p[24:40]) if v6 else (p[12:16], p[16:20])
    own = [P.a6(R06), P.a6(R16)] if v6 else [P.a4(R0), P.a4(R1)]
    nets = ('fd00:1::', 'fd00:2::') if v6 else ('10.1.0.0', '10.2.0.0')
    absent = any(dst[:8 if v6 else 3] == P.addr(n)[:8 if v6 else 3] and not (dst in own or not any(dst[8 if v6 else 3:-1]) and 2 <= dst[-1] <= 9) for n in nets)
    return len(p) >= (40 if v6 else 20) and src not in own and src[-1] != 255 and not absent and dst[0] not in (0, 127, 169)


def case(seed, rules, packets):
    r = random.Random(seed)
    text = {}
    for f in (4, 6):
        some = r.sample(rules[f], 60)
        text[f] = counting(some, (('raw', 'PREROUTING', '-i r0 '), ('mangle', 'FORWARD'), ('mangle', 'INPUT')))
    picked = r.sample(packets, 400)
    mutants = [(r.choice('aab'), mutant(r, p)) for p in picked]
    # the other side's packets go the other way
    out = []
    for side, p in mutants:
        if side == 'b':
            p = p[:8] + p[24:40] + p[8:24] + p[40:] if p[0] >> 4 == 6 else p[:12] + p[16:20] + p[12:16] + p[20:]
        if is_plain(p):
            out.append((side, p))
    c = Case('', 'random rules and mutants of packets, seed %d' % seed, text[4], text[6], out)
    c.name, c.family = 'fuzz-ext-%d' % seed, 'fuzz-extension'
    return c


if __name__ == '__main__':
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument('seed', type=int)
    a.add_argument('count', type=int)
    a.add_argument('--to', default='.')
    a = a.parse_args()
    rules, packets = pool()
    made = [case(s, rules, packets) for s in range(a.seed, a.seed + a.count)]
    for c in made:
        c.odd = {'.': 'drawn by chance'}
    main(made, a.to, [], False)
