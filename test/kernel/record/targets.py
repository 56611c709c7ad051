"""Cases of targets: each rule takes the packets of one destination port, so that what leaves the router shows what it did."""
from kit import *  # noqa: F401,F403
from kit import ACCT, P, Kit, Case, Talk, struct, table, A, B, A6, B6, R0, R1, R06, R16

BOTH = (4, 6)
TRACKED = table('filter', {'FORWARD': ['-m conntrack --ctstate NEW']})


def by_port(targets, proto='udp', chain='FORWARD', name='mangle', first=2000, more=''):
    """One rule a port from 2000 on, in a chain that counts everything first."""
    return table(name, {chain: ['-j t'], 't': [''] + ['-p %s -m %s --dport %d %s-j %s' % (proto, proto, first + n, more, t) for n, t in enumerate(targets)]})


def mangle_marks():
    what = ['MARK --set-mark 0x5', 'MARK --set-mark 0x5/0xf', 'MARK --set-xmark 0xff/0xf0', 'MARK --and-mark 0xf0f0', 'MARK --or-mark 0x80000001', 'MARK --xor-mark 0xffffffff', 'MARK --set-xmark 0x0/0x0', 'CONNMARK --set-mark 0x7', 'CONNMARK --set-mark 0x70/0xf0', 'CONNMARK --set-xmark 0xff/0xf', 'CONNMARK --and-mark 0xff00',
            'CONNMARK --or-mark 0x11', 'CONNMARK --xor-mark 0xffff', 'CONNMARK --save-mark', 'CONNMARK --save-mark --nfmask 0xf0 --ctmask 0xff', 'CONNMARK --save-mark --mask 0xff', 'CONNMARK --restore-mark', 'CONNMARK --restore-mark --nfmask 0xff --ctmask 0xf', 'CONNMARK --restore-mark --mask 0xf0']
    seen = ['-m %s --mark 0x%x/0x%x' % (m, v, v) for m in ('mark', 'connmark') for v in (1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100, 0x8000, 0x10000, 0x80000000)]
    text = lambda: table('raw', {'PREROUTING': ['-p udp -m udp --sport 1001 -j MARK --set-xmark 0x33/0xffffffff', '-p udp -m udp --sport 1002 -j MARK --set-xmark 0xa5a5a5a5/0xffffffff']}) + \
        table('mangle', {'PREROUTING': ['-p udp -m udp --sport 1002:1003 -j CONNMARK --set-xmark 0x5a5a/0xffffffff'], 'FORWARD': ['-j t', '-j seen'], 't': [''] + ['-p udp -m udp --dport %d -j %s' % (2000 + n, t) for n, t in enumerate(what)], 'seen': [''] + seen})
    pk = []
    for f in BOTH:
        k = Kit('MARK', f)
        pk += [k.udp(s, 2000 + n) for n in range(len(what) + 1) for s in (1000, 1001, 1002, 1003)] + [('b', k.udp(2000 + n, 1002, side='b')) for n in range(0, len(what), 4)]
    return Case('j-MARK-CONNMARK', 'marks set, masked, saved and restored; read bit by bit afterwards', text(), text(), pk)


def tos():
    what = ['TOS --set-tos 0x10', 'TOS --set-tos 0xff', 'TOS --set-tos 0x02/0x03', 'TOS --and-tos 0xf0', 'TOS --or-tos 0x0f', 'TOS --xor-tos 0xaa', 'TOS --set-tos Maximize-Throughput', 'TOS --set-tos 0x00/0xff', 'DSCP --set-dscp 0', 'DSCP --set-dscp 0x2e', 'DSCP --set-dscp 63', 'DSCP --set-dscp-class CS3', 'DSCP --set-dscp-class AF43']
    v4 = table('mangle', {'FORWARD': ['-j t', '-j e'], 't': [''] + ['-p udp -m udp --dport %d -j %s' % (2000 + n, t) for n, t in enumerate(what)], 'e': [''] + ['-p tcp -j ECN --ecn-tcp-remove']})
    v6 = by_port(what)
    pk = []
    for f in BOTH:
        k = Kit('TOS', f)
        pk += [k.udp(1000, 2000 + n, tos=t) for n in range(len(what) + 1) for t in (0, 1, 3, 0x55, 0xaa, 0xfc, 0xff)] + [k.udp(1000, 2011, tos=t << 2) for t in range(0, 64, 5)]
        if f == 4:
            pk += [k.tcp(flags=x) for x in (2, 0x42, 0x82, 0xc2, 0xd2, 0x10, 0x90, 0xff)] + [k.tcp(flags=0xc2, tcpkw={'doff': n}) for n in (4, 6)] + [k.tcp(flags=0xc2, opts=b'\2\4\5\xb4'), k.tcp(flags=0xc2, tcpkw={'badsum': True})] + [k.ip(6, P.tcp_seg(A, B, 1, 2, flags=0xc2)[:n]) for n in (12, 14, 19)]
            pk += P.fragment4(k.udp(1000, 2009, payload=bytes(600), tos=0x40), 200)
        else:
            pk += [k.udp(1000, 2009, tos=0x40, flow=0xabcde)]
    return Case('j-TOS-DSCP-ECN', 'every way to write the TOS byte and TCP\'s ECN bits: checksums, fragments', v4 + TRACKED, v6 + TRACKED, pk)


def ttl():
    what = ['TTL --ttl-set 1', 'TTL --ttl-set 255', 'TTL --ttl-set 0', 'TTL --ttl-inc 1', 'TTL --ttl-inc 255', 'TTL --ttl-dec 1', 'TTL --ttl-dec 2', 'TTL --ttl-dec 255', 'TTL --ttl-inc 200']
    text = lambda v6: ''.join([table('mangle', {c: ['-j t'] for c in ('PREROUTING', 'FORWARD')} | {'t': [''] + ['-p udp -m udp --dport %d -j %s' % (2000 + n, t.replace('TTL', 'HL').replace('ttl', 'hl') if v6 else t) for n, t in enumerate(what)]})]) + TRACKED
    pk = []
    for f in BOTH:
        k = Kit('TTL', f)
        pk += [k.udp(1000, 2000 + n, ttl=t) for n in range(len(what) + 1) for t in (1, 2, 3, 64, 254, 255)] + [k.udp(1000, 2005, ttl=0), k.udp(1000, 2003, ttl=0)]
    return Case('j-TTL-HL', 'set, added and taken away before and after routing, at 0 and 255', text(False), text(True), pk)


def tcpmss():
    what = ['TCPMSS --set-mss 0', 'TCPMSS --set-mss 536', 'TCPMSS --set-mss 1400', 'TCPMSS --set-mss 65495', 'TCPMSS --clamp-mss-to-pmtu']
    text = lambda: by_port(what, 'tcp', more='--tcp-flags SYN,RST SYN ') + TRACKED
    pk = []
    for f in BOTH:
        k = Kit('TCPMSS', f)
        mss = lambda n: b'\2\4' + struct.pack('!H', n)
        opts = (b'', mss(0), mss(100), mss(536), mss(1399), mss(1400), mss(1401), mss(1440), mss(1460), mss(1461), mss(65535), b'\1' + mss(9000), b'\3\3\7' + mss(9000), mss(9000) + mss(8000), b'\4\2' + mss(9000), b'\x08\x0a' + bytes(8) + mss(9000), b'\2\3\x23\x28', b'\0' + mss(9000), b'\1' * 40, b'\1' * 36, b'\2\0' + mss(9000), b'\1\1\1\2')
        for n in range(len(what)):
            pk += [k.tcp(1000 + n, 2000 + n, opts=o, payload=b'') for o in opts] + [k.tcp(1000 + n, 2000 + n, P.SYN | P.ACK, opts=mss(9000), payload=b''), k.tcp(1000 + n, 2000 + n, P.ACK, opts=mss(9000)), k.tcp(1000 + n, 2000 + n, opts=mss(9000), payload=b'data'), k.tcp(1000 + n, 2000 + n, payload=b'data'), k.tcp(1000 + n, 2000 + n, opts=mss(9000), tcpkw={'badsum': True}, payload=b'')]
            pk += [k.tcp(1100 + n, 2000 + n, opts=mss(9000), tcpkw={'doff': d}, payload=b'') for d in (4, 5, 7)]
        pk += [k.tcp(1000, 2009, opts=mss(9000))]
    return Case('j-TCPMSS', 'sizes lowered and options added, in odd places, with data and bad checksums', text(), text(), pk)


def tcpoptstrip():
    what = ['TCPOPTSTRIP --strip-options %s' % o for o in ('mss', 'wscale', 'sack-permitted', 'timestamp', 'mss,wscale,sack-permitted,sack,timestamp', '5', '254', '2,3,4,5,6,7,8', 'md5')]
    text = lambda: by_port(what, 'tcp') + TRACKED
    pk = []
    for f in BOTH:
        k = Kit('TCPOPTSTRIP', f)
        every = b'\2\4\5\xb4\4\2\x08\x0a' + bytes(range(8)) + b'\1\3\3\7'
        opts = (b'', every, b'\5\x0a' + bytes(8) + b'\1\1', b'\xfe\4\1\2', b'\x13\x12' + bytes(16), b'\1\2\4\5\xb4', b'\0\2\4\5\xb4', b'\2\0\5\xb4', b'\2\1\3\3\7', b'\3\3\7\2\4\5', b'\1\1\1\2', b'\2\x28' + bytes(2), b'\x1e\4\1\2' + every)
        for n in range(len(what)):
            pk += [k.tcp(1000 + n, 2000 + n, x, opts=o) for o in opts for x in (P.SYN,)] + [k.tcp(1000 + n, 2000 + n, P.ACK, opts=b'\1\1\x08\x0a' + bytes(range(8))), k.tcp(1000 + n, 2000 + n, opts=every, tcpkw={'badsum': True})]
        pk += [k.tcp(1000, 2100, opts=every)] + [k.tcp(1200, 2004, opts=every, tcpkw={'doff': d}, payload=b'') for d in (4, 5, 8, 15)]
    return Case('j-TCPOPTSTRIP', 'single options and all of them, options that lie, padding, checksums', text(), text(), pk)


def reject():
    types4 = ['icmp-net-unreachable', 'icmp-host-unreachable', 'icmp-proto-unreachable', 'icmp-port-unreachable', 'icmp-net-prohibited', 'icmp-host-prohibited', 'icmp-admin-prohibited']
    types6 = ['icmp6-no-route', 'icmp6-adm-prohibited', 'icmp6-addr-unreachable', 'icmp6-port-unreachable', 'icmp6-policy-fail', 'icmp6-reject-route']
    pk = []

    def text(types, v6):
        one, echo = ('-p icmpv6', '-m icmp6 --icmpv6-type echo-request') if v6 else ('-p icmp', '-m icmp --icmp-type echo-request')
        r = ['-p udp -m udp --dport %d -j REJECT --reject-with %s' % (2000 + n, t) for n, t in enumerate(types)] + ['-p tcp -m tcp --dport 2000 -j REJECT --reject-with tcp-reset', '-p tcp -m tcp --dport 2001 -j REJECT', '%s %s -j REJECT' % (one, echo), '%s -m comment --comment rest -j REJECT' % one, '-p udplite -j REJECT', '-p 253 -j REJECT']
        return table('filter', {c: ['-j t'] for c in ('INPUT', 'FORWARD')} | {'t': [''] + r}) + table('mangle', {'OUTPUT': ['', '-m conntrack --ctstate RELATED', '-m conntrack --ctstate INVALID'], 'POSTROUTING': ['']})
    for f in BOTH:
        k = Kit('REJECT', f)
        for n in range(len(types6 if k.v6 else types4) + 1):
            pk += [k.udp(1000 + n, 2000 + n), k.udp(1000 + n, 2000 + n, payload=b''), k.udp(1000 + n, 2000 + n, dst=k.r0), ('b', k.udp(1000 + n, 2000 + n, side='b', ttl=1, dst=k.r1))]
        for fl in range(64):
            pk.append(k.tcp(1000 + fl, 2000 + fl % 3, fl, tcpkw={'seq': 5000 + fl, 'ack': fl * 70000000}))
        pk += [k.tcp(1500, 2000, P.ACK, payload=b'x' * 10), k.tcp(1501, 2000, P.SYN | P.FIN, payload=b'y' * 7), k.tcp(1502, 2000, dst=k.r0), k.tcp(1503, 2000, tcpkw={'badsum': True}), k.tcp(1504, 2001, tcpkw={'badsum': True}), k.udp(1504, 2003, udpkw={'badsum': True}), k.udp(1504, 2003, udpkw={'nosum': True}), k.tcp(1505, 2000, opts=b'\2\4\5\xb4'), k.tcp(1506, 2000, tcpkw={'win': 7, 'urg': 9})]
        t = Talk(k, 1600, 2009).open()
        pk += t.out + [k.tcp(1600, 2000, P.ACK | P.PSH, payload=b'data'), k.tcp(1600, 2000, P.RST)]
        echo, reply = (128, 129) if k.v6 else (8, 0)
        pk += [k.icmp(echo), k.icmp(reply), k.icmp(*((1, 4) if k.v6 else (3, 3)), rest=bytes(4), payload=k.udp(5, 6, payload=b'12345678')), k.icmp(*((135, 0) if k.v6 else (13, 0))), k.icmp(echo, badsum=True), k.icmp(5 if f == 4 else 137, 0)]
        pk += [k.udp(1, 2, proto=P.UDPLITE), k.ip(253, k.pad()), k.ip(253, bytes(1300)), k.udp(1000, 2003, payload=bytes(1400)), k.udp(1000, 2003, payload=bytes(1240)), k.ip(17, b'\3\xe8\7\xd3'), k.ip(6, P.tcp_seg(k.a, k.b, 1, 2000)[:12])]
        if f == 4:
            # (an answer to a broadcast address would come back to the router that broadcasts it: not here)
            pk += P.fragment4(k.udp(1000, 2003, payload=bytes(700)), 400) + [k.udp(1000, 2003, dst='224.0.0.1'), P.ip4(A, B, 17, P.udp_seg(A, B, 1000, 2003, b'o'), opts=b'\1\1\1\0'), k.udp(1000, 2003, tos=0xb8), k.tcp(1700, 2000, tos=0xb8, df=True)]
        else:
            pk += P.fragment6(k.udp(1000, 2003, payload=bytes(700)), 400, 5) + [k.ip(60, b'\x11\0\1\4\0\0\0\0' + P.udp_seg(A6, B6, 1000, 2003, k.pad())), k.ip(60, b'\6\0\1\4\0\0\0\0' + P.tcp_seg(A6, B6, 1000, 2000)), k.udp(1000, 2003, src='fd00:1::'), k.udp(1000, 2003, tos=0xb8, flow=77)]
    return Case('j-REJECT', 'every answer to every protocol: lengths, flags, checksums, errors, fragments, the router itself', text(types4, False), text(types6, True), pk, sysctl=ACCT)


def reject_options():
    """IPv4 options that the router has filled in by then make the header's checksum wrong: who gets an answer all the same."""
    text = table('raw', {'PREROUTING': ['-p udp -m udp --dport 2002 -j NOTRACK', '-p tcp -m tcp --dport 2002 -j NOTRACK']}) + table('filter', {c: ['-j t'] for c in ('INPUT', 'FORWARD')} | {'t': ['', '-m conntrack --ctstate NEW', '-p tcp -m tcp --dport 2003 -j REJECT', '-p tcp -j REJECT --reject-with tcp-reset', '-p udp -j REJECT', '-p icmp -j REJECT', '-p 253 -j REJECT']})
    k = Kit('REJECT-options', 4)
    pk = []
    for o in (b'\0\1\1\1', b'\7\7\4\0\0\0\0\0', b'\1\1\1\0', b'\x44\x08\5\0\0\0\0\0', b'\x44\x0c\5\1' + bytes(8)):
        for d in (2000, 2002):
            for dst in (B, R0):
                n = 1000 + len(pk)
                pk += [P.ip4(A, dst, p, seg, opts=o, id=n + p) for p, seg in ((6, P.tcp_seg(A, dst, n, d, opts=b'\2\4\5\xb4', payload=k.pad(most=20))), (17, P.udp_seg(A, dst, n, d, k.pad())), (1, P.icmp_msg(8, 0, struct.pack('!HH', n, 1), k.pad())), (253, k.pad()))]
    # lengths that lie: nobody has looked at the checksum then
    for n in (1, 9, 50):
        pk.append(P.ip4(A, B, 17, P.udp_seg(A, B, 1000 + n, 2000, b'x' * 20, length=n), opts=b'\7\7\4\0\0\0\0\0', id=n))
    # a size at an odd place: the rule that lowers it makes the checksum wrong, which no longer matters to an ICMP error
    text += table('mangle', {'FORWARD': ['-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 700']})
    for d in (2000, 2003):
        pk += [k.tcp(1000, d, opts=o, payload=b'') for o in (b'\1\2\4\x23\x28\1\1\1', b'\2\4\x23\x28', b'\1\1\1\2\4\x23\x28\1')] + [k.tcp(1001, d, tcpkw={'badsum': True}), k.tcp(1002, d, flags=0), k.tcp(1003, d, flags=0, opts=b'\1\2\4\x23\x28\1\1\1')]
    return Case('j-REJECT-options', 'answers to packets with options that the router fills in, with lengths that lie, with sizes lowered', text, None, pk + [k.udp(proto=P.UDPLITE)])


def reject_elsewhere():
    """Sources that are reached elsewhere than where they come from: which address answers, and where the answer leaves."""
    text = lambda v6: table('mangle', {'OUTPUT': ['', '-o r0', '-s ' + (R06 if v6 else R0)]}) + table('filter', {'FORWARD': ['-m conntrack --ctstate NEW', '-p udp -m udp --dport 2000 -j REJECT'], 'INPUT': ['-p udp -m udp --dport 2000 -j REJECT', '-p tcp -j REJECT --reject-with tcp-reset']})
    pk = []
    for f in BOTH:
        k = Kit('elsewhere', f)
        for src in ('2001:db8::5', 'fd00:2::9', 'fd00:22::1', 'fd00:1::3') if k.v6 else ('8.8.8.8', '10.2.0.9', '10.22.0.1', '10.1.0.3'):
            pk += [k.udp(src=src), k.udp(src=src, dport=2001, ttl=1), k.udp(src=src, dst=k.r0), k.udp(src=src, dst=k.r1), ('b', k.udp(src=src, side='b')), k.tcp(src=src, dst=k.r0), k.udp(src=src, dst='ff02::1' if k.v6 else '10.1.0.255'), k.udp(src=src, dst='fd00:50::1' if k.v6 else '10.50.0.1', dport=9)]

    def routes(lab):
        lab.run_in('r', ['ip', '-6', 'route', 'add', 'unreachable', 'fd00:50::/32'], check=True)
        lab.run_in('r', ['ip', 'route', 'add', 'unreachable', '10.50.0.0/16'], check=True)
    return Case('j-REJECT-elsewhere', 'answers to what is reached elsewhere than where it comes from', text(False), text(True), pk, prepare=routes, host={'routes': ['- {to: "%s", type: unreachable}' % n for n in ('fd00:50::/32', '10.50.0.0/16')]})


def log():
    options = ['--log-prefix "p%d "' % n for n in range(2)] + ['--log-tcp-sequence --log-prefix "seq "', '--log-tcp-options --log-prefix "opt "', '--log-ip-options --log-prefix "ip "', '--log-uid --log-prefix "uid "', '--log-macdecode --log-prefix "mac "', '--log-level 7 --log-prefix "debug "', '--log-tcp-sequence --log-tcp-options --log-ip-options --log-uid --log-macdecode --log-prefix "all of it, 29 letters long  "']
    text = lambda: table('mangle', {c: ['-j t'] for c in ('PREROUTING', 'FORWARD', 'POSTROUTING', 'INPUT')} | {'t': [''] + ['-m dscp --dscp %d -j LOG %s' % (n + 1, o) for n, o in enumerate(options)]}) + TRACKED
    pk = []
    for f in BOTH:
        k = Kit('LOG', f)
        all = len(options)
        pk += [k.udp(tos=n + 1 << 2) for n in range(all + 1)] + [k.tcp(tos=n + 1 << 2, opts=b'\2\4\5\xb4\1\1', tcpkw={'seq': 7, 'ack': 9, 'urg': 3}, flags=0x3b) for n in range(all)]
        t = all << 2
        pk += [k.udp(tos=t, side='a', dst=k.r0), k.tcp(tos=t, flags=0), k.tcp(tos=t, flags=0xff), k.udp(tos=t, proto=P.UDPLITE), k.ip(50, b'\0\0\1\0\0\0\0\1', tos=t), k.ip(51, bytes([59, 1, 0, 0, 0, 0, 2, 0]) + bytes(4) + k.pad(), tos=t), k.ip(253, k.pad(), tos=t), k.ip(253, b'', tos=t), k.ip(47, bytes(4), tos=t), k.sctp(P.sctp_chunk(1, 0, bytes(16)), tos=t)]
        inner4, inner6 = k.udp(5, 6, payload=b'12345678'), k.udp(5, 6, payload=b'12345678')
        types = ((8, 0), (0, 0), (3, 3), (3, 4), (11, 0), (5, 1), (12, 0), (13, 0), (14, 0), (17, 0), (4, 0), (30, 0), (255, 3)) if f == 4 else ((128, 0), (129, 0), (1, 4), (2, 0), (3, 0), (4, 0), (133, 0), (135, 0), (130, 0), (200, 1))
        for ty, co in types:
            pk.append(k.icmp(ty, co, rest=b'\5\xdc\0\7', payload=inner4 if (ty in (3, 4, 5, 11, 12) if f == 4 else 0 < ty < 5) else None, tos=t))
        pk += [k.icmp(3 if f == 4 else 1, 3, rest=bytes(4), payload=inner4[:n], tos=t) for n in (0, 12, 21)]
        for n in (0, 3, 4, 7, 12, 19):
            pk += [k.ip(p, P.tcp_seg(k.a, k.b, 1000, 2000)[:n], tos=t) for p in (6, 17, 132, 51)]
        if f == 4:
            pk += [P.ip4(A, B, 17, P.udp_seg(A, B, 1000, 2000, b'o'), tos=t, opts=o) for o in (b'\1\1\1\0', b'\x94\4\0\0', b'\7\7\4\0\0\0\0\0')] + [k.udp(tos=t, df=True), k.tcp(tos=t, ttl=1), k.ip(1, b'\x08\0', tos=t)] + P.fragment4(k.udp(payload=bytes(300), tos=t), 104)
        else:
            pk += [k.udp(tos=t, flow=0x12345), k.ip(60, b'\x11\0\1\4\0\0\0\0' + P.udp_seg(A6, B6, 1000, 2000, k.pad()), tos=t), k.ip(43, b'\x11\0\0\0\0\0\0\0' + P.udp_seg(A6, B6, 1000, 2000, k.pad()), tos=t), k.ip(0, b'\x3c\0\1\4\0\0\0\0\x3a\0\1\4\0\0\0\0' + P.icmp6_msg(A6, B6, 128, 0, payload=k.pad()), tos=t), k.ip(59, b'', tos=t), k.ip(58, b'\x80\0', tos=t), k.ip(51, bytes([17, 1, 0, 0, 0, 0, 2, 0]) + bytes(4) + P.udp_seg(A6, B6, 1000, 2000, k.pad()), tos=t), k.ip(0, b'\x3c', tos=t), k.ip(60, b'\x11\9\1\4\0\0\0\0', tos=t)]
    return Case('j-LOG', 'every option for every protocol, cut and odd headers, errors with what they are about', text(), text(), pk, log=True)


def trace():
    text = lambda: table('raw', {'PREROUTING': ['-p udp -m udp --dport 2000 -j TRACE', '-j t'], 't': ['', '-p udp -m udp --dport 2001 -j TRACE', '-p udp -j RETURN', '-p tcp']}) + \
        table('mangle', {'FORWARD': ['-p udp -g u'], 'u': ['-p udp -m udp --sport 1001 -j ACCEPT', '-m comment --comment x -j MARK --set-xmark 0x1/0x1', '-j v'], 'v': ['-p udp -m udp --sport 1002 -j RETURN', '-p tcp -j DROP']}) + \
        table('nat', {'PREROUTING': ['-p udp -m udp --dport 2001'], 'POSTROUTING': ['-p udp -j MASQUERADE']}) + table('filter', {'FORWARD': ['-m conntrack --ctstate INVALID -j DROP', '-p udp -m udp --sport 1003 -j DROP', '-p udp -m udp --sport 1004 -j REJECT', '-p udp -j w'], 'w': ['-j x'], 'x': []}, {'FORWARD': 'DROP'})
    pk = []
    for f in BOTH:
        k = Kit('TRACE', f)
        pk += [k.udp(s, d) for s in range(1000, 1006) for d in (2000, 2001, 2002)] + [k.udp(1000, 2000, dst=k.r0), k.tcp(1000, 2000), ('b', k.udp(2000, 1000, side='b', dst=k.r1))]
    return Case('j-TRACE', 'the way of packets through chains, jumps, goto, returns, policies, in all tables', text(), text(), pk, log=True)


def ct():
    what = ['CT --notrack', 'NOTRACK', 'CT --zone 5', 'CT --zone-orig 7', 'CT --zone-reply 9', 'CT --zone-orig mark', 'CT --ctevents new,destroy', 'CT --ctevents new', 'CT --zone 65535', 'CT', 'CT --zone mark']
    seen = ['-m conntrack --ctstate %s' % s for s in ('NEW', 'ESTABLISHED', 'UNTRACKED', 'INVALID')]
    text = lambda: table('raw', {'PREROUTING': ['-p udp -m udp --sport 1001 -j MARK --set-xmark 0x3/0xffffffff', '-j t'], 't': [''] + ['-p udp -m udp --dport %d -j %s' % (2000 + n, t) for n, t in enumerate(what)]}) + table('mangle', {'PREROUTING': ['-j seen'], 'FORWARD': ['-j seen'], 'seen': [''] + seen})
    pk = []
    for f in BOTH:
        k = Kit('CT', f)
        for n in range(len(what) + 1):
            for s in (1000, 1001):
                pk += [k.udp(s, 2000 + n), ('b', k.udp(2000 + n, s, side='b')), k.udp(s, 2000 + n), ('b', k.udp(2000 + n, s, side='b'))]
        pk += [k.tcp(flags=0), k.icmp(128 if k.v6 else 8)]
    return Case('j-CT-NOTRACK', 'untracked packets, zones of one and both directions, from marks, events', text(), text(), pk)


def nat():
    def text(v6):
        to = (lambda a, p='': ('[%s]:%s' % (a, p) if p else a)) if v6 else (lambda a, p='': '%s:%s' % (a, p) if p else a)
        net = 'fd00:2:%s' if v6 else '10.2.0.%s'
        n9, n7 = net % (':9' if v6 else 9), net % (':7' if v6 else 7)
        r1 = R16 if v6 else R1
        pre = ['-p udp -m udp --dport 2000 -j DNAT --to-destination ' + to(n9), '-p udp -m udp --dport 2001 -j DNAT --to-destination ' + to(n9, '53'), '-p udp -m udp --dport 2002 -j DNAT --to-destination ' + to(n9, '3000-3003'), '-p udp -m udp --dport 2003 -j REDIRECT', '-p udp -m udp --dport 2004 -j REDIRECT --to-ports 99', '-p udp -m udp --dport 2005 -j REDIRECT --to-ports 100-103',
               '-p udp -m udp --dport 2006 -j NETMAP --to ' + ('fd00:2::/120' if v6 else '10.2.0.0/29'), '-p tcp -m tcp --dport 2000 -j DNAT --to-destination ' + to(n9, '80'), '-p tcp -m tcp --dport 2001 -j REDIRECT --to-ports 8080', '-p %s -m comment --comment ping -j DNAT --to-destination %s' % ('icmpv6' if v6 else 'icmp', n7), '-p udp -m udp --dport 2100:2103 -j DNAT --to-destination ' + to(n9, '5000-5003/2100')]
        post = ['-p udp -m udp --sport 1100 -j SNAT --to-source ' + r1, '-p udp -m udp --sport 1101 -j SNAT --to-source ' + to(r1, '4000'), '-p udp -m udp --sport 1102 -j SNAT --to-source ' + to(n7), '-p udp -m udp --sport 1103 -j MASQUERADE', '-p udp -m udp --sport 1104 -j MASQUERADE --to-ports 5555', '-p udp -m udp --sport 1105 -j NETMAP --to ' + ('fd00:2::/120' if v6 else '10.2.0.0/29'), '-p tcp -m tcp --sport 1100 -j MASQUERADE',
                '-p sctp -j SNAT --to-source ' + r1, '-p udplite -j SNAT --to-source ' + r1, '-p 253 -j SNAT --to-source ' + r1]
        return table('nat', {'PREROUTING': ['-j t'], 't': [''] + pre, 'POSTROUTING': ['-j u'], 'u': [''] + post})
    pk = []
    for f in BOTH:
        k = Kit('NAT', f)
        n9, n7 = ('fd00:2::9', 'fd00:2::7') if k.v6 else ('10.2.0.9', '10.2.0.7')
        for n in range(8):
            pk += [k.udp(1000 + n, 2000 + n), k.udp(1000 + n, 2000 + n)]
        pk += [k.udp(1010, 2000), ('b', k.udp(2000, 1010, side='b', src=n9)), ('b', k.udp(53, 1001, side='b', src=n9)), ('b', k.udp(3000, 1002, side='b', src=n9)), k.udp(1011, 2002), k.udp(1010, 2100), k.udp(1010, 2103)]
        pk += [k.udp(1100 + n, 80) for n in range(7)] + [('b', k.udp(80, 1100, side='b', dst=k.r1)), ('b', k.udp(80, 4000, side='b', dst=k.r1)), ('b', k.udp(80, 1102, side='b', dst=n7)), ('b', k.udp(80, 1103, side='b', dst=k.r1)), ('b', k.udp(80, 5555, side='b', dst=k.r1))]
        for s, d, src, dst, port in ((1300, 2000, n9, None, 80), (1100, 2009, None, k.r1, 2009)):
            up = [k.tcp(s, d, x, tcpkw={'seq': 100 + (x != P.SYN), 'ack': 901 if x != P.SYN else 0}, payload=p) for x, p in ((P.SYN, b''), (P.ACK, b''), (P.ACK | P.PSH, b'hello'))]
            down = [('b', k.tcp(port, s, P.SYN | P.ACK, side='b', src=src, dst=dst, tcpkw={'seq': 900, 'ack': 101}, payload=b'')), ('b', k.tcp(port, s, P.ACK, side='b', src=src, dst=dst, tcpkw={'seq': 901, 'ack': 106}, payload=b''))]
            pk += [up[0], down[0], up[1], up[2], down[1]]
        # the kernel sums UDP-Lite up as if it were UDP
        pk += [k.tcp(1301, 2001), k.icmp(128 if k.v6 else 8), ('b', k.icmp(129 if k.v6 else 0, side='b', src=n7)), k.sctp(P.sctp_chunk(1, 0, bytes(16)), vtag=0), k.ip(136, P.udp_seg(k.a, k.b, 1106, 81, k.pad())), k.ip(253, k.pad()), k.udp(1100, 80, dst=n7), k.udp(1103, 2000), k.tcp(7, 8, flags=0), k.udp(1100, 99, udpkw={'nosum': True}), k.udp(1100, 99, udpkw={'badsum': True})]
        # an error about a translated packet comes back
        whole = k.udp(1000, 53, payload=b'12345678', dst=n9)
        pk += [('b', k.icmp(*((1, 4) if k.v6 else (3, 3)), rest=bytes(4), payload=k.udp(1001, 53, payload=b'12345678', dst=n9), side='b', src=n9)), ('b', k.icmp(*((1, 0) if k.v6 else (3, 1)), rest=bytes(4), payload=k.udp(4000, 80, payload=b'12345678', src=k.r1), side='b', dst=k.r1))]
        if f == 4:
            pk += P.fragment4(k.udp(1001, 2001, payload=bytes(700)), 400)
    return Case('j-NAT', 'DNAT, SNAT, REDIRECT, MASQUERADE, NETMAP: addresses, ports, ranges, both directions, errors, fragments', text(False), text(True), pk)


def output():
    """What the router sends itself: the rules of OUTPUT and POSTROUTING."""
    what = ['TOS --set-tos 0x10', 'MARK --set-xmark 0x7/0xffffffff', 'DSCP --set-dscp 0x2e', 'CONNMARK --set-xmark 0x3/0xffffffff', '%s']
    text = lambda v6: table('raw', {'OUTPUT': ['-j t'], 't': ['', '-p udp -m udp --dport 2006 -j NOTRACK', '-o r1', '-o r0', '-p udp']}) + table('mangle', {'OUTPUT': ['-j t'], 'POSTROUTING': ['-m mark --mark 0x7', '-m conntrack --ctstate UNTRACKED'], 't': [''] + ['-p udp -m udp --dport %d -j %s' % (2000 + n, t.replace('%s', 'HL --hl-set 9' if v6 else 'TTL --ttl-set 9')) for n, t in enumerate(what)] + ['-m addrtype --src-type LOCAL', '-m addrtype ! --dst-type LOCAL --limit-iface-out' if not v6 else '-m addrtype --dst-type UNICAST', '-o r1', '-p udp -m udp --sport 1000']}) + \
        table('nat', {'OUTPUT': ['-p udp -m udp --dport 2007 -j DNAT --to-destination %s' % ('[fd00:2::9]:53' if v6 else '10.2.0.9:53')], 'POSTROUTING': ['-p udp -m udp --sport 1008 -j SNAT --to-source %s' % ('[fd00:2::7]:77' if v6 else '10.2.0.7:77')]}) + table('filter', {'OUTPUT': ['-j t'], 't': ['', '-p udp -m udp --dport 2009 -j DROP', '-p tcp -m tcp --dport 2000 -m conntrack --ctstate NEW', '-p udp -m udp --dport 2010']})
    pk = []
    for f in BOTH:
        k = Kit('OUTPUT', f)
        for n in range(11):
            pk += [('r', k.udp(1000 + n, 2000 + n, side='r', src=k.r1, id=0) if f == 6 else k.udp(1000 + n, 2000 + n, side='r', src=k.r1))]
        pk += [('b', k.udp(53, 1007, side='b', src='fd00:2::9' if k.v6 else '10.2.0.9', dst=k.r1)), ('b', k.udp(2008, 77, side='b', dst='fd00:2::7' if k.v6 else '10.2.0.7')), ('r', k.tcp(1000, 2000, side='r', src=k.r1)), ('b', k.tcp(2000, 1000, P.SYN | P.ACK, side='b', dst=k.r1, tcpkw={'ack': 1})), ('r', k.udp(1, 2, side='r', src=k.r0, dst=k.a)), ('r', k.icmp(128 if k.v6 else 8, side='r', src=k.r1))]
    odd = {'--src-type LOCAL': 'all that the router sends', 'raw -p udp': ''}
    odd = {'--src-type LOCAL': 'all that the router sends', '--dst-type': 'all that the router sends'}
    return Case('j-OUTPUT', 'what the router sends itself, through raw, mangle, nat and filter', text(False), text(True), pk, odd)


def onwards():
    """Targets that change nothing in the packet: the next rule follows."""
    what = ['AUDIT --type accept', 'AUDIT --type drop', 'AUDIT --type reject', 'CLASSIFY --set-class 1:2', 'CLASSIFY --set-class ffff:ffff', 'CONNSECMARK --save', 'CONNSECMARK --restore', 'IDLETIMER --timeout 100 --label %s', 'NFLOG', 'NFLOG --nflog-group 5 --nflog-prefix "some words" --nflog-size 20 --nflog-threshold 3', 'CHECKSUM --checksum-fill']
    text = lambda name: table('mangle', {'FORWARD': ['-j t'], 't': [''] + [r for n, t in enumerate(what) for r in ('-p udp -m udp --dport %d -j %s' % (2000 + n, t.replace('%s', name)), '-p udp -m udp --dport %d:%d' % (2000 + n, 2000 + n + 1))]}) + TRACKED
    pk = []
    for f in BOTH:
        k = Kit('onwards', f)
        pk += [k.udp(1000, 2000 + n) for n in range(len(what) + 2)] + [k.udp(1000, 2010, udpkw=u) for u in ({'badsum': True}, {'nosum': True}, {'length': 3})] + [k.tcp()]
    return Case('j-onwards', 'AUDIT, CLASSIFY, CONNSECMARK, IDLETIMER, NFLOG, CHECKSUM: counted, and on', text('one4'), text('one6'), pk)


def queue():
    rules = ['-p udp -m udp --dport 2000 -j NFQUEUE', '-p udp -m udp --dport 2001 -j NFQUEUE --queue-bypass', '-p udp -m udp --dport 2002 -j NFQUEUE --queue-balance 3:5', '-p udp -m udp --dport 2003 -j NFQUEUE --queue-num 65535 --queue-bypass', '-p udp -m udp --dport 2004 -j QUEUE', '-p udp -m udp --dport 2005 -j NFQUEUE --queue-balance 3:5 --queue-bypass --queue-cpu-fanout', '-p udp']
    text = lambda: table('mangle', {'FORWARD': ['-j t'], 't': [''] + rules, 'POSTROUTING': ['', '-p udp']}) + table('filter', {'FORWARD': ['-m conntrack --ctstate NEW', '-p udp -m udp --dport 2003 -j NFQUEUE --queue-bypass', '-p udp']})
    pk = []
    for f in BOTH:
        k = Kit('queue', f)
        pk += [k.udp(1000, 2000 + n) for n in range(7) for _ in range(2)] + [k.tcp()]
    return Case('j-NFQUEUE', 'queues that nobody reads, with and without bypass', text(), text(), pk)


def hmark():
    what = ['HMARK --hmark-tuple src --hmark-mod 10 --hmark-rnd 1', 'HMARK --hmark-tuple src,dst --hmark-mod 16 --hmark-rnd 0xdeadbeef', 'HMARK --hmark-tuple src,dst,sport,dport --hmark-mod 8 --hmark-offset 100 --hmark-rnd 7', 'HMARK --hmark-tuple ct,src,dst,sport,dport,proto --hmark-mod 16 --hmark-rnd 3', 'HMARK --hmark-src-prefix %d --hmark-dst-prefix %d --hmark-mod 4 --hmark-rnd 5', 'HMARK --hmark-sport-mask 0xff00 --hmark-dport-mask 0x00ff --hmark-mod 16 --hmark-rnd 9 --hmark-tuple src', 'HMARK --hmark-spi-mask 0xff --hmark-mod 16 --hmark-rnd 2 --hmark-tuple src', 'HMARK --hmark-sport 5 --hmark-dport 6 --hmark-tuple dst --hmark-mod 32 --hmark-rnd 4', 'HMARK --hmark-tuple sport,dport,proto --hmark-mod 256 --hmark-rnd 0xffffffff']
    seen = ['-m mark --mark 0x%x/0x%x' % (1 << n, 1 << n) for n in range(9)] + ['-m mark --mark 0x%x' % n for n in (0, 1, 2, 3, 7, 100, 105)]

    def text(v6):
        fill = [t % ((64, 96) if v6 else (24, 16)) if '%d' in t else t for t in what]
        return table('mangle', {'PREROUTING': [x for n, t in enumerate(fill) for x in ('-j MARK --set-xmark 0x0/0xffffffff', '-j ' + t, '-j s%d' % n)]} | {'s%d' % n: [''] + seen for n in range(len(what))}) + TRACKED
    pk = []
    for f in BOTH:
        k = Kit('HMARK', f)
        a, b = ('fd00:1::%d', 'fd00:2::%d') if k.v6 else ('10.1.0.%d', '10.2.0.%d')
        for s in (2, 3, 4, 5):
            for d in (2, 3):
                pk += [k.udp(1000 + s, 2000 + 300 * d, src=a % s, dst=b % d), ('b', k.udp(2000 + 300 * d, 1000 + s, src=b % d, dst=a % s, side='b')), k.tcp(1000, 80 + s, src=a % s, dst=b % d)]
        pk += [k.icmp(128 if k.v6 else 8), ('b', k.icmp(129 if k.v6 else 0, side='b')), k.icmp(*((1, 4) if k.v6 else (3, 3)), rest=bytes(4), payload=k.udp(7, 8, payload=b'12345678', src=b % 7, dst=a % 9)), k.sctp(P.sctp_chunk(1, 0, bytes(16)), 5, 6), k.ip(253, k.pad()), k.ip(50, struct.pack('!II', 0x12345678, 1) + k.pad()), k.ip(50, struct.pack('!II', 0x42, 1) + k.pad()), k.ip(51, bytes([59, 1, 0, 0, 0, 0, 2, 1]) + bytes(4) + k.pad()), k.tcp(flags=0), k.udp(1, 1), k.ip(17, b'\3\xe8'), k.udp(1000, 2000, proto=P.UDPLITE)]
        if f == 4:
            pk += P.fragment4(k.udp(1000, 53, payload=bytes(300)), 160)
        else:
            pk += [k.ip(60, b'\x11\0\1\4\0\0\0\0' + P.udp_seg(A6, B6, 1000, 2000, k.pad()))] + P.fragment6(k.udp(1000, 53, payload=bytes(600)), 400, 8)
    return Case('j-HMARK', 'marks from hashes of addresses, ports, SPIs and connections, read bit by bit', text(False), text(True), pk, {'mark 0x': 'the marks of each rule are few'})


def tee():
    text = lambda v6, g1, g2: table('mangle', {'PREROUTING': ['-p udp -m udp --dport 2000 -j TEE --gateway ' + g1, '-p tcp -m tcp --dport 2000 -j TEE --gateway %s --oif r0' % g2], 'OUTPUT': ['', '-p udp'], 'POSTROUTING': ['', '-p udp', '-m conntrack --ctstate UNTRACKED', '-p tcp'], 'FORWARD': ['-p udp -m udp --dport 2001 -j TEE --gateway ' + g2, '-p udp -m udp --dport 2002 -j TEE --gateway ' + ('2001:db8::1' if v6 else '8.8.8.8')], 'INPUT': ['-p udp -m udp --dport 2004 -j TEE --gateway ' + g1]}) + TRACKED
    pk = []
    for f in BOTH:
        k = Kit('TEE', f)
        for n in range(5):
            pk += [k.udp(1000, 2000 + n), ('b', k.udp(1000, 2000 + n, side='b')), k.udp(1000, 2000 + n, dst=k.r0)]
        pk += [k.tcp(), k.tcp(dst=k.r0), k.udp(1000, 2000, ttl=1), k.udp(1000, 2001, ttl=1), k.udp(1000, 2001, ttl=2), k.udp(1000, 2000, udpkw={'badsum': True}), k.icmp(128 if k.v6 else 8)]
        if f == 4:
            pk += [k.udp(1000, 2000, df=True)]
    return Case('j-TEE', 'copies to a gateway before and after routing, of what is delivered, with little TTL', text(False, '10.2.0.5', '10.1.0.6'), text(True, 'fd00:2::5', 'fd00:1::6'), pk)


def npt():
    pairs = [('fd00:11::/64', 'fd00:9::/64'), ('fd00:11::/48', 'fd00:99:7::/48'), ('fd00:11::/32', 'fd00:77::/40'), ('fd00:11:0:0::/63', 'fd00:a:b:c::/63')]
    out = ['-p udp -m udp --dport %d -j SNPT --src-pfx %s --dst-pfx %s' % (2000 + n, a, b) for n, (a, b) in enumerate(pairs)]
    back = ['-p udp -m udp --sport %d -j DNPT --src-pfx %s --dst-pfx %s' % (2000 + n, b, a) for n, (a, b) in enumerate(pairs)]
    text = table('raw', {'PREROUTING': ['-j CT --notrack']}) + table('mangle', {'PREROUTING': ['-j t'], 't': [''] + back, 'POSTROUTING': ['-j u'], 'u': [''] + out, 'FORWARD': ['-d fd00:11::/64']}) + TRACKED
    k = Kit('NPT', 6)
    pk = []
    for n, (a, b) in enumerate(pairs):
        for host in ('2', 'ffff', '1:2:3:4', 'ffff:ffff:ffff:ffff', 'fffe:0:0:1'):
            pk.append(k.udp(1000, 2000 + n, src='fd00:11:0:0:' + ('0:0:0:' + host if ':' not in host else host)))
        pk += [('b', k.udp(2000 + n, 1000, side='b', dst=b.split('::')[0] + '::2')), ('b', k.udp(2000 + n, 1000, side='b', dst='fd00:9::ffff:ffff:ffff:ffff')), k.udp(1000, 2000 + n, src='fd00:11:0:1::5'), k.udp(1000, 2000 + n, src='2001:db8::5'), ('b', k.udp(2000 + n, 1000, side='b', dst='fd00:11::2'))]
    pk += [k.udp(1000, 2009), k.tcp(1000, 2000), k.icmp(1, 4, rest=bytes(4), payload=k.udp(2000, 1000, payload=b'12345678')), k.icmp(1, 4, src='fd00:11::2', rest=bytes(4), payload=k.udp(2000, 1000, payload=b'12345678', src='fd00:2::2', dst='fd00:9::2'))]
    return Case('j-SNPT-DNPT', 'prefixes of several lengths, out and back, checksum-neutral', None, text, pk)


def synproxy():
    """All but SYNs that are answered: what the answer says depends on a key that is drawn at boot."""
    rules = ['-p tcp -m tcp --dport 2000 -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460', '-p tcp -m tcp --dport 2001 -j SYNPROXY', '-p tcp']
    text = lambda: table('raw', {'PREROUTING': ['-p tcp -m tcp --dport 2000:2001 -j CT --notrack']}) + table('filter', {c: ['-j t'] for c in ('INPUT', 'FORWARD')} | {'t': [''] + rules})
    pk = []
    for f in BOTH:
        k = Kit('SYNPROXY', f)
        for d in (2000, 2001, 2002):
            pk += [k.tcp(1000, d, x, dst=dst, tcpkw={'ack': 77}) for x in (0x10, 0x18, 1, 4, 0x11, 0x12, 0x14, 0) for dst in (None, k.r0)] + [k.tcp(1000, d, tcpkw={'badsum': True}), k.ip(6, P.tcp_seg(k.a, k.b, 1000, d)[:16])]
        pk += [k.udp(), k.tcp(1000, 2002)]
    return Case('j-SYNPROXY', 'segments that are no SYN, and those with wrong checksums', text(), text(), pk, sysctl=dict(ACCT, **{'net.ipv4.tcp_syncookies': 1, 'net.netfilter.nf_conntrack_tcp_loose': 0}))


def rateest():
    make = ['-p udp -j RATEEST --rateest-name %s --rateest-interval 250ms --rateest-ewmalog 0.5s', '-p tcp -j RATEEST --rateest-name %st --rateest-interval 1s --rateest-ewmalog 2s']
    rules = ['-m rateest --rateest %s --rateest-lt --rateest-pps 1', '-m rateest --rateest %s --rateest-gt --rateest-pps 1', '-m rateest --rateest %s ! --rateest-lt --rateest-bps 8kbit', '-m rateest --rateest %s --rateest-eq --rateest-pps 0', '-m rateest --rateest1 %s --rateest-gt --rateest2 %st --rateest-pps', '-m rateest --rateest-delta --rateest1 %s --rateest-bps1 40kbit --rateest-lt --rateest2 %st --rateest-bps2 30kbit']
    text = lambda n: table('mangle', {'FORWARD': [r.replace('%s', n) for r in make] + ['-j t'], 't': [''] + [r.replace('%s', n) for r in rules]}) + TRACKED
    pk = []
    for f in BOTH:
        k = Kit('RATEEST', f)
        pk += [k.udp(), k.tcp()] * 2
    for n in range(4):
        for f in BOTH:
            k = Kit('RATEEST%d' % n, f)
            pk += [('a', k.udp(payload=bytes(400)), 0.35 if f == 4 else 0.01)] + [k.udp(payload=bytes(500)) for _ in range(8 if n < 2 else 1)]
    return Case('j-RATEEST', 'rates that rise and fall, compared with numbers and with each other', text('four'), text('six'), pk)



CASES = (synproxy, rateest, reject_elsewhere, reject_options, onwards, queue, hmark, tee, npt, mangle_marks, tos, ttl, tcpmss, tcpoptstrip, reject, log, trace, ct, nat, output)
