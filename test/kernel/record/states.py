"""Cases of matches that ask the connection, the host, or what they have counted so far."""
from kit import *  # noqa: F401,F403
from kit import ACCT, P, re, R, Kit, Case, Talk, counting, frame, struct, table, A, B, A6, B6, R0, R1, R06, R16

BOTH = (4, 6)
HERE = (('raw', 'PREROUTING', '-i r0 '), ('mangle', 'FORWARD'))
FIRST = (('raw', 'PREROUTING'),)
ALL = (('mangle', 'PREROUTING'), ('mangle', 'FORWARD'), ('mangle', 'INPUT'), ('mangle', 'OUTPUT'), ('mangle', 'POSTROUTING'))
FORWARD = (('mangle', 'FORWARD'),)
SA, SAF = P.SYN | P.ACK, P.FIN | P.ACK


def addrtype():
    types4 = 'UNSPEC UNICAST LOCAL BROADCAST ANYCAST MULTICAST BLACKHOLE UNREACHABLE PROHIBIT'.split()
    rules = ['-m addrtype --%s-type %s' % (w, t) for w in ('src', 'dst') for t in types4] + ['-m addrtype ! --src-type LOCAL', '-m addrtype ! --dst-type UNICAST,LOCAL', '-m addrtype --src-type UNICAST --dst-type LOCAL', '-m addrtype --dst-type LOCAL --limit-iface-in',
             '-m addrtype ! --dst-type UNICAST --limit-iface-in', '-m addrtype --dst-type LOCAL,BROADCAST,MULTICAST', '-m addrtype --src-type LOCAL --limit-iface-in', '-m addrtype --dst-type UNICAST --limit-iface-in']
    odd = {'ANYCAST': 'the router has no such address', '-type UNSPEC': 'no route has such a type'}
    pk = []
    k = Kit('addrtype', 4)
    for d in (B, R0, R1, '10.1.0.255', '10.2.0.255', '224.0.0.1', '239.1.2.3', '255.255.255.255', '10.77.0.1', '10.78.0.1', '10.79.0.1', '127.0.0.1', '0.0.0.0', '10.1.0.9', '8.8.8.8', '240.0.0.1'):
        pk += [k.udp(dst=d), ('b', k.udp(dst=d, side='b'))]
    pk += [k.udp(src=s) for s in ('10.1.0.7', R0, R1, '10.77.0.1', '10.78.0.1', '10.79.0.1', '224.0.0.5', '10.1.0.255', '8.8.8.8', '0.0.0.0', '127.0.0.1', '255.255.255.255')]
    rules6 = [r for r in rules if not any(t in r for t in ('BROADCAST', 'BLACKHOLE', 'PROHIBIT'))] + ['-m addrtype --dst-type LOCAL,MULTICAST']
    k = Kit('addrtype', 6)
    for d in (B6, R06, R16, 'ff02::1', 'ff0e::5', 'fd00:77::1', 'fd00:78::1', 'fd00:79::1', '2001:db8::1', 'fd00:1::', 'fd00:2::'):
        pk += [k.udp(dst=d), ('b', k.udp(dst=d, side='b'))]
    pk += [k.udp(src=s) for s in ('fd00:1::7', R06, R16, 'fd00:77::1', 'fd00:78::1', 'fd00:79::1', '2001:db8::1')]

    def routes(lab):
        for kind, n in (('blackhole', 77), ('unreachable', 78), ('prohibit', 79)):
            lab.run_in('r', ['ip', 'route', 'add', kind, '10.%d.0.0/16' % n], check=True)
            lab.run_in('r', ['ip', '-6', 'route', 'add', kind, 'fd00:%d::/32' % n], check=True)
    added = ['- {to: "%s", type: %s}' % (t % n, kind) for kind, n in (('blackhole', 77), ('unreachable', 78), ('prohibit', 79)) for t in ('10.%d.0.0/16', 'fd00:%d::/32')]
    odd['--(src|dst)-type (BLACKHOLE|UNREACHABLE|PROHIBIT)'] = 'IPv4 asks the table of local addresses alone'
    odd['--src-type (UNICAST|MULTICAST)'] = odd['--dst-type LOCAL,MULTICAST'] = 'IPv6 looks at the kind of the address, and no source is multicast'
    return Case('m-addrtype', 'addresses of every type the routing knows', counting(rules, FIRST), counting(rules6, FIRST), pk, odd, prepare=routes, host={'routes': added})


def frames():
    rules = ['-m mac --mac-source 02:00:00:00:01:02', '-m mac ! --mac-source 02:00:00:00:01:02', '-m mac --mac-source 02:00:00:00:02:02', '-m mac --mac-source AA:bb:CC:00:00:0f'] + ['-m pkttype --pkt-type %s' % t for t in ('unicast', 'host', 'broadcast', 'multicast')] + ['-m pkttype ! --pkt-type broadcast', '-m pkttype ! --pkt-type unicast']
    rules += ['-m devgroup --src-group 5', '-m devgroup ! --src-group 5', '-m devgroup --src-group 0x4/0x6', '-m devgroup --src-group 0']
    out = ['-m devgroup --dst-group 7', '-m devgroup ! --dst-group 7', '-m devgroup --src-group 5 --dst-group 0x3/0x3', '-m devgroup --dst-group 5', '-m devgroup --src-group 7 ! --dst-group 7']
    same = ['-m policy --dir in --pol none', '-m policy --dir in --pol ipsec', '-m policy --dir in --pol ipsec --strict --proto esp', '-m comment --comment "words, and \\"more\\""', '-m comment --comment x -p udp']
    pk = []
    for f in BOTH:
        k = Kit('frames', f)
        for side in 'ab':
            pk += [(side, k.udp(side=side)), (side, k.tcp(side=side))]
            pk += [frame(side, k.udp(side=side, **kw), dst, src) for dst in (None, 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', '33:33:00:00:00:01') for src in (None, 'aa:bb:cc:00:00:0f') for kw in ({},)]
            pk += [frame(side, k.udp(side=side, dst='ff02::1' if k.v6 else '224.0.0.1'), '33:33:00:00:00:01' if k.v6 else '01:00:5e:00:00:01'), frame(side, k.udp(side=side, dst=k.r0), 'ff:ff:ff:ff:ff:ff')]

    def groups(lab):
        lab.run_in('r', ['ip', 'link', 'set', 'r0', 'group', '5'], check=True)
        lab.run_in('r', ['ip', 'link', 'set', 'r1', 'group', '7'], check=True)
        lab.sleep(1)     # the devices report their groups
    tables = lambda: table('filter', {'FORWARD': ['-m conntrack --ctstate NEW']}) + table('raw', {'PREROUTING': ['-j t'], 't': [''] + rules + same}) + table('mangle', {'FORWARD': ['-j t'], 't': [''] + rules[:4] + rules[10:] + out})
    odd = {'--comment "words': 'a comment matches everything', '--pol (none|ipsec)': 'there is no IPsec here', 'src-group (0|0x0|default)$': 'both devices have a group'}
    return Case('m-frames', 'mac, pkttype, devgroup, policy, comment: what a packet came in', tables(), tables(), pk, odd, prepare=groups, host=lambda t: t.replace('r0, mac', 'r0, group: 5, mac').replace('r1, mac', 'r1, group: 7, mac'))


def marks():
    # the mark is set by where a packet goes, in raw; then read
    values = (0, 1, 2, 5, 0x10, 0xff, 0x100, 0x7fffffff, 0x80000000, 0xffffffff)
    rules = ['-m mark --mark 0x%x' % v for v in values] + ['-m mark ! --mark 0x1', '-m mark --mark 0x1/0x3', '-m mark ! --mark 0x1/0x3', '-m mark --mark 0x80000000/0x80000000', '-m mark --mark 0x0/0xff', '-m mark --mark 0x10/0xf0']
    rules += [r.replace('mark --', 'connmark --').replace('mark !', 'connmark !') for r in rules]
    text = lambda: table('raw', {'PREROUTING': ['-p udp -m udp --dport %d -j MARK --set-xmark 0x%x/0xffffffff' % (2000 + n, v) for n, v in enumerate(values)]}) + \
        table('mangle', {'PREROUTING': ['-p udp -m udp --sport 1000 -j CONNMARK --save-mark', '-p udp -m udp --sport 1001 -j CONNMARK --save-mark --nfmask 0xf0 --ctmask 0xf0'], 'FORWARD': ['-j t'], 't': [''] + rules})
    pk = []
    for f in BOTH:
        k = Kit('marks', f)
        pk += [k.udp(s, 2000 + n) for n in range(len(values) + 1) for s in (1000, 1001, 1002)] + [('b', k.udp(2000 + n, 1000, side='b')) for n in range(len(values))] + [k.udp(1002, 2001), k.tcp()]
    return Case('m-mark-connmark', 'marks of packets and of connections, with masks, all bits', text(), text(), pk)


def conntrack():
    rules = ['-m conntrack --ctstate %s' % s for s in ('NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED', 'SNAT', 'DNAT', 'NEW,RELATED', 'ESTABLISHED,SNAT', 'INVALID,UNTRACKED', 'DNAT,NEW')] + ['-m conntrack ! --ctstate %s' % s for s in ('NEW', 'ESTABLISHED,RELATED', 'INVALID', 'DNAT', 'SNAT,DNAT')]
    rules += ['-m state --state %s' % s for s in ('NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED', 'NEW,ESTABLISHED')] + ['-m state ! --state %s' % s for s in ('NEW', 'INVALID', 'RELATED,ESTABLISHED')]
    rules += ['-m conntrack --ctstatus %s' % s for s in ('NONE', 'EXPECTED', 'SEEN_REPLY', 'ASSURED', 'CONFIRMED', 'ASSURED,CONFIRMED')] + ['-m conntrack ! --ctstatus %s' % s for s in ('SEEN_REPLY', 'ASSURED', 'CONFIRMED')]
    rules += ['-m conntrack --ctproto %s' % s for s in ('tcp', '17', '132')] + ['-m conntrack ! --ctproto udp', '-m conntrack --ctdir ORIGINAL', '-m conntrack --ctdir REPLY', '-m conntrack --ctproto udp --ctdir REPLY']
    for w in ('ctorigsrcport', 'ctorigdstport', 'ctreplsrcport', 'ctrepldstport'):
        rules += ['-m conntrack --ctproto %s %s--%s %s' % (p, i, w, s) for p in ('udp', 'tcp') for i, s in (('', '1000'), ('', '2000:2002'), ('! ', '1000:1001'), ('! ', '2001'))]
    rules += ['-m conntrack --ctexpire %s' % s for s in ('0:29', '30', '29', '100:120', '430000:432000')] + ['-m conntrack ! --ctexpire 29:30']
    v4 = ['-m conntrack --ctproto icmp'] + ['-m conntrack %s--%s %s' % (i, w, n) for w in ('ctorigsrc', 'ctorigdst', 'ctreplsrc', 'ctrepldst') for i, n in (('', '10.1.0.2'), ('', '10.2.0.0/24'), ('! ', '10.2.0.2'), ('', '10.2.0.9'), ('! ', '10.1.0.0/255.255.0.255'))]
    v6 = ['-m conntrack --ctproto 58'] + ['-m conntrack %s--%s %s' % (i, w, n) for w in ('ctorigsrc', 'ctorigdst', 'ctreplsrc', 'ctrepldst') for i, n in (('', 'fd00:1::2'), ('', 'fd00:2::/64'), ('! ', 'fd00:2::2'), ('', 'fd00:2::9'))]

    def text(own, nine, raw=True):
        nat = {'PREROUTING': ['-p udp -m udp --dport 2009 -j DNAT --to-destination %s' % nine], 'POSTROUTING': ['-p udp -m udp --dport 2008 -j SNAT --to-source %s' % ('[fd00:2::1]' if ':' in nine else '10.2.0.1').strip('[]')]}
        return table('raw', {'PREROUTING': ['-p udp -m udp --dport 2007 -j CT --notrack']}) + table('mangle', {'FORWARD': ['-j t'], 't': [''] + rules + own}) + table('nat', nat)
    pk, odd = [], {'--ctstatus NONE': 'some bit is always set where there is a nat table', '--ctstatus EXPECTED': 'no helper is at work', '--ctexpire (100:120|430000:432000)': ''}
    for f in BOTH:
        k = Kit('conntrack', f)
        nine = 'fd00:2::9' if k.v6 else '10.2.0.9'
        for s, d in ((1000, 2000), (1001, 2001), (1002, 2002), (1003, 2003), (999, 1999)):
            pk += [k.udp(s, d), k.udp(s, d), ('b', k.udp(d, s, side='b')), k.udp(s, d)]
        pk += [k.udp(1000, 2009), ('b', k.udp(2009, 1000, side='b', src=nine)), k.udp(1000, 2009), k.udp(1000, 2008), ('b', k.udp(2008, 1000, side='b', dst=k.r1)), k.udp(1000, 2007), ('b', k.udp(2007, 1000, side='b'))]
        for s, d in ((1000, 2000), (1001, 2001), (1002, 2003)):
            t = Talk(k, s, d).open().put('c', P.ACK | P.PSH, k.pad()).put('s', P.ACK | P.PSH, k.pad())
            if s != 1002:
                t.close()
            pk += t.out
        pk += [k.tcp(5, 6, flags=SA), k.tcp(7, 8, flags=0), k.tcp(9, 10, flags=P.RST), k.tcp(11, 12, flags=P.ACK, payload=k.pad())]
        echo, reply = (128, 129) if k.v6 else (8, 0)
        pk += [k.icmp(echo), ('b', k.icmp(reply, side='b')), ('b', k.icmp(reply, rest=b'\0\7\0\1', side='b'))]
        inner = k.udp(1000, 2000, payload=b'12345678')
        pk += [('b', k.icmp(*((1, 4) if k.v6 else (3, 3)), rest=bytes(4), payload=inner, side='b')), ('b', k.icmp(*((1, 4) if k.v6 else (3, 3)), rest=bytes(4), payload=k.udp(77, 78, payload=b'12345678'), side='b'))]
        pk += [k.sctp(P.sctp_chunk(1, 0, bytes(16) + k.pad()), vtag=0), k.udp(1000, 2000, src='fd00:1::3' if k.v6 else '10.1.0.3')]
        pk += Talk(k, 2001, 1000, 'b').open().out + Talk(k, 1000, 1000).open().out + [('b', k.udp(2001, 1000, side='b', src=nine)), k.udp(1003, 2003, dst=nine), k.udp(2000, 1001)]
    del odd['--ctexpire (100:120|430000:432000)']
    wait = [('a', Kit('conntrack-late', 4).udp(1000, 2000), 1.3)]
    return Case('m-conntrack-state', 'states, statuses, tuples of both directions, expiry, translated and untracked connections', text(v4, '10.2.0.9'), text(v6, 'fd00:2::9'), pk + wait, odd)


def connbytes():
    rules = []
    for mode, spans in (('packets', ('1', '2:3', '4:', '0:2')), ('bytes', ('200', '100:600', '0:150', '1000:')), ('avgpkt', ('100', '60:120', '0:80', '150:'))):
        rules += ['-m connbytes --connbytes %s --connbytes-dir %s --connbytes-mode %s' % (s, d, mode) for s in spans for d in ('original', 'reply', 'both')]
        rules += ['-m connbytes ! --connbytes %s --connbytes-dir both --connbytes-mode %s' % (spans[1], mode)]
    text = lambda: table('mangle', {'FORWARD': ['-j t'], 't': [''] + rules})
    pk = []
    for f in BOTH:
        k = Kit('connbytes', f)
        h = 48 if k.v6 else 28
        for n, pattern in enumerate(('aaaa', 'abababab', 'abbbbbbb', 'aaaaaaaab')):
            sizes = [100, 200, 50, 50, 400, 100, 600, 199, 201][n:] + [100] * 9
            for c, size in zip(pattern, sizes):
                pk.append((c, k.udp(*((1000 + n, 2000) if c == 'a' else (2000, 1000 + n)), payload=bytes(max(0, size - h)), side=c)))
        pk += [k.tcp(flags=0)]
    return Case('m-connbytes', 'packets, bytes and their average in each direction at the edges', text(), text(), pk)


def connlimit():
    rules = ['-p tcp -m connlimit --connlimit-above %d' % n for n in (0, 1, 3, 7)] + ['-p tcp -m connlimit --connlimit-upto %d' % n for n in (0, 1, 3, 7)] + ['-p tcp -m connlimit --connlimit-above 2 --connlimit-saddr', '-p tcp -m connlimit --connlimit-above 2 --connlimit-daddr', '-p udp -m connlimit --connlimit-upto 2']
    v4, v6 = ['-p tcp -m connlimit --connlimit-above 3 --connlimit-mask %d' % m for m in (0, 8, 24, 31, 32)], ['-p tcp -m connlimit --connlimit-above 3 --connlimit-mask %d' % m for m in (0, 32, 64, 127, 128)]
    text = lambda own: table('mangle', {'PREROUTING': ['-j t'], 't': [''] + rules + own}) + table('filter', {'FORWARD': ['-m conntrack --ctstate NEW']})
    pk = []
    for f in BOTH:
        k = Kit('connlimit', f)
        one, two = ('fd00:1::%d', 'fd00:2::%d') if k.v6 else ('10.1.0.%d', '10.2.0.%d')
        for n in range(10):
            src, dst = one % (2 + n % 3), two % (2 + n % 4 // 3)
            pk += [k.tcp(3000 + n, 80, src=src, dst=dst), k.tcp(3000 + n, 80, src=src, dst=dst), k.udp(3000 + n, 80, src=src, dst=dst)]
        pk += [('b', k.tcp(80, 3000 + n, flags=P.RST | P.ACK, src=two % (2 + n % 4 // 3), dst=one % (2 + n % 3), side='b', tcpkw={'ack': 1})) for n in range(5)] + [k.tcp(3100 + n, 80) for n in range(9)]
    return Case('m-connlimit', 'connections of an address and of a network, that end and begin', text(v4), text(v6), pk, {'--connlimit-upto 0 ': 'a connection counts itself'})


def counts():
    rules = ['-m statistic --mode nth --every %d --packet %d' % (n, p) for n in (1, 2, 3, 5) for p in range(n)] + ['-m statistic --mode nth ! --every %d --packet 1' % n for n in (2, 3)] + ['-m statistic --mode random --probability 1', '-m statistic --mode random ! --probability 1', '-m statistic --mode random --probability 0', '-p udp -m statistic --mode nth --every 4 --packet 0']
    rules += ['-m quota --quota %d' % n for n in (0, 100, 1000, 1001, 5000, 10 ** 12)] + ['-m quota ! --quota 1000', '-p udp -m quota --quota 3000', '-m quota --quota 0x100000000']
    pk = []
    for f in BOTH:
        k = Kit('counts', f)
        h = 48 if k.v6 else 28
        pk += [k.udp(payload=bytes(n - h)) for n in (100, 400, 499, 60, 61, 500, 64, 1400, 1300, 90)] + [k.tcp() for _ in range(7)] + [k.udp() for _ in range(6)]
    odd = {'--every 1 ': 'every packet', '--probability (1.00000000000|1)$': 'every packet or none', '--probability (0.00000000000|0)$': 'never', '--quota (1000000000000|4294967296)$': 'more than was sent', '--quota 0$': 'nothing'}
    return Case('m-statistic-quota', 'every nth packet, certain and impossible chance, quotas that run out within a packet', counting(rules, FIRST), counting(rules, FIRST), pk, odd)


def limits():
    rules = ['-m limit --limit %s' % s for s in ('1/hour', '1/hour --limit-burst 1', '20/hour --limit-burst 10', '2/sec --limit-burst 1', '4/sec --limit-burst 3', '1/sec --limit-burst 2', '1/day --limit-burst 3', '10/min --limit-burst 1', '5/sec')]
    name = iter(range(1000))
    hl = lambda s: '-m hashlimit --hashlimit-name x%d --hashlimit-htable-expire 100000 %s' % (next(name), s)

    def hashed(v6):
        out = [hl('--hashlimit-%s %s' % (d, s)) for d in ('upto', 'above') for s in ('1/hour --hashlimit-burst 3', '1/hour --hashlimit-burst 2 --hashlimit-mode srcip', '1/hour --hashlimit-burst 2 --hashlimit-mode dstip', '2/sec --hashlimit-burst 1 --hashlimit-mode srcip', '4/min --hashlimit-burst 2 --hashlimit-mode srcip,dstip')]
        out += ['-p udp ' + hl('--hashlimit-upto 1/hour --hashlimit-burst 2 --hashlimit-mode ' + m) for m in ('srcport', 'dstport', 'srcip,srcport', 'srcip,dstip,srcport,dstport')]
        out += [hl('--hashlimit-upto 1/hour --hashlimit-burst 2 --hashlimit-mode srcip --hashlimit-srcmask %d' % n) for n in ((0, 64, 126, 127) if v6 else (0, 24, 30, 31))]
        out += [hl('--hashlimit-upto 100b/s --hashlimit-mode srcip'), hl('--hashlimit-above 100b/s --hashlimit-mode srcip'), hl('--hashlimit-upto 100b/s --hashlimit-burst 500b --hashlimit-mode dstip'), hl('--hashlimit-above 300b/s --hashlimit-burst 1kb')]
        return out
    pk = []
    for f in BOTH:
        k = Kit('limits', f)
        one, two = ('fd00:1::%d', 'fd00:2::%d') if k.v6 else ('10.1.0.%d', '10.2.0.%d')
        waits = [0.12] * 5 + [0.33, 0.31, 0.62, 0.05, 0.05, 0.05, 1.05]
        for n in range(36):
            pk.append(('a', k.udp(1000 + n % 3, 2000 + n % 2, src=one % (2 + n % 4), dst=two % (2 + n % 3)), waits[n // 3] if n % 3 == 0 else 0.003))
    return Case('m-limit-hashlimit', 'rates and bursts over seconds, by address, network and port, in packets and bytes', counting(rules + hashed(False), FIRST), counting(rules + hashed(True), FIRST), pk, {})


def recent():
    rules = ['-p udp -m udp --dport 2000 -m recent --name a --set', '-m recent --name a --rcheck', '-m recent --name a ! --rcheck', '-m recent --name a --rcheck --hitcount 2', '-m recent --name a --rcheck --hitcount 4', '-m recent --name a --rcheck --seconds 1', '-m recent --name a --rcheck --seconds 1 --hitcount 3',
             '-p udp -m udp --dport 2001 -m recent --name b --set --rdest', '-m recent --name b --rcheck --rdest', '-m recent --name b --rcheck --rsource', '-p udp -m udp --dport 2002 -m recent --name a --remove', '-p udp -m udp --dport 2003 -m recent --name c --update', '-p udp -m udp --dport 2004 -m recent --name c --set',
             '-m recent --name c --rcheck --rttl', '-m recent --name c --rcheck --rttl --hitcount 2', '-m recent --name c --rcheck --seconds 1 --reap', '-m recent --name c ! --rcheck --seconds 1', '-p udp -m udp --dport 2005 -m recent --name d --set --mask %s', '-m recent --name d --rcheck --mask %s', '-m recent --name d --rcheck', '-p udp -m udp --dport 2003 -m recent --name c ! --update --seconds 2 --hitcount 2']
    # both families share lists by name, and the list its first rule's mask: all but `s` have names of their own
    shared = ['-p udp -m udp --dport 2000 -m recent --name s --set --mask %s', '-m recent --name s --rcheck --hitcount 3 --mask %s']
    text = lambda v6, m, full: counting([re.sub('--name (.)', '--name \\g<1>%d' % v6, r % m if '%s' in r else r + ' --mask ' + full if '-m recent' in r else r) for r in rules] + [r % full for r in shared], FIRST)
    pk = []
    for f in BOTH:
        k = Kit('recent', f)
        one = 'fd00:1::%d' if k.v6 else '10.1.0.%d'
        for n in range(4):
            src = one % (2 + n % 3)
            pk += [k.udp(1000, d, src=src, ttl=t) for d, t in ((2010, 64), (2000, 64), (2000, 64), (2001, 64), (2004, 64), (2004, 63), (2003, 64), (2010, 63), (2005, 64), (2010, 64), (2000, 9), (2000, 64))]
            if n % 2:
                pk += [k.udp(1000, 2002, src=src), k.udp(1000, 2010, src=src)]
            pk.append(('a', k.udp(1000, 2010, src=src), 1.15 if n % 2 else 0.4))
            pk += [k.udp(1000, 2003, src=src), k.udp(1000, 2010, src=src), k.udp(1000, 2010, src=one % 7), k.udp(1000, 2003, src=one % 8), ('b', k.udp(side='b'))]
    return Case('m-recent', 'lists by source and destination: set, check, update, remove, hits, seconds, TTL, masks', text(4, '255.255.255.254', '255.255.255.255'), text(6, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'), pk)


def helper():
    rules = ['-m helper --helper ftp', '-m helper ! --helper ftp', '-m helper --helper tftp', '-m helper --helper ftp-2121', '-m helper ! --helper tftp', '-m conntrack --ctstate RELATED']
    text = lambda: table('raw', {'PREROUTING': ['-p tcp -m tcp --dport 21 -j CT --helper ftp', '-p udp -m udp --dport 69 -j CT --helper tftp']}) + table('mangle', {'FORWARD': ['-j t'], 't': [''] + rules})
    pk = []
    for f in BOTH:
        k = Kit('helper', f)
        pk += Talk(k, 3000, 21).open().put('c', P.ACK | P.PSH, b'USER me\r\n').put('s', P.ACK | P.PSH, b'331 ok\r\n').close().out
        pk += Talk(k, 3001, 22).open().out + [k.udp(3000, 70), k.tcp(5, 6, flags=0), k.udp(3000, 53)]
    return Case('m-helper', 'the helper that -j CT gave', text(), text(), pk, {'.': 'the match asks the connection that expected this one, and no helper is at work'})


CASES = (addrtype, frames, marks, conntrack, connbytes, connlimit, counts, limits, recent, helper)
