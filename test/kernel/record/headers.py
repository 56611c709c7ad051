"""Cases of matches that look into the packet alone."""
from kit import *  # noqa: F401,F403
from kit import P, Kit, Case, counting, struct, A, B, A6, B6, R0, R1, R06, R16

BOTH = (4, 6)
HERE = (('raw', 'PREROUTING'), ('mangle', 'FORWARD'))


def both_ways(make):
    """The same packet from either side: from A it meets the raw table's rules too, which may drop it there."""
    return [(side, make(side)) for side in 'ab']


def base():
    rules4 = ['-s 10.1.0.2', '! -s 10.1.0.2', '-s 10.1.0.0/24', '-s 10.1.0.2/255.0.255.255', '-d 10.2.0.0/23', '! -d 10.2.0.3', '-d 10.0.0.3/255.0.0.255',
              '-s 10.1.0.2 -d 10.2.0.2', '-s 10.1.0.2/31', '! -d 10.2.0.2/31', '-i r0', '! -i r0', '-i r+', '-i +', '! -i r1+', '-i r', '-i x+', '-p tcp', '! -p tcp',
              '-p 17', '-p 255', '! -p 255', '-p 254', '-p icmp -s 10.1.0.3', '-f', '! -f', '! -f -p tcp', '-s 10.1.0.3 -p udp', '-s 0.0.0.0/1', '-d 10.2.0.2/0.0.0.1']
    rules6 = ['-s fd00:1::2', '! -s fd00:1::2', '-s fd00:1::/64', '-s fd00:1::2/ffff:ffff::ffff', '-d fd00:2::/63', '! -d fd00:2::3', '-d ::3/::ff', '-s fd00:1::2/127', '! -d fd00:2::2/127',
              '-s fd00:1::2/128 -d fd00:2::2/128', '-i r0', '! -i r0', '-i r+', '-i +', '! -i r1+', '-i r', '-i x+', '-p tcp', '! -p tcp', '-p 17', '-p 255', '! -p 255',
              '-p icmpv6 -s fd00:1::3', '-p 59', '-p 43', '-p 44', '-p 60', '-s 8000::/1', '-d fd00:2::2/::1', '-s fd00:1::2/0:0:0:ffff::', '-p 50']
    pk = []
    for f in BOTH:
        k = Kit('base', f)
        one, two = ('fd00:1::%d', 'fd00:2::%d') if k.v6 else ('10.1.0.%d', '10.2.0.%d')
        for s in (2, 3, 4):
            for d in (2, 3):
                pk += [k.udp(src=one % s, dst=two % d), k.tcp(src=one % s, dst=two % d), ('b', k.udp(src=two % d, dst=one % s, side='b'))]
        pk += [k.ip(255, k.pad()), k.ip(254, k.pad()), k.icmp(128 if f == 6 else 8, src=one % 3), k.ip(50, b'\0\0\1\0\0\0\0\1' + k.pad())]
        if f == 4:
            pk += P.fragment4(k.udp(payload=bytes(900)), 400) + [('b', x) for x in P.fragment4(k.udp(payload=bytes(901), side='b'), 400)]
            pk += [k.udp(src='200.1.2.3'), k.udp(src='10.7.0.2')]
        else:
            pk += P.fragment6(k.udp(payload=bytes(900)), 400, 77) + [k.ip(59, k.pad()), k.ip(60, b'\x3b\0\1\4\0\0\0\0' + k.pad()), k.udp(src='2001:db8::1'), k.udp(src='fd00:1:0:5::2')]
            pk += [k.ip(43, b'\x11\0\0\0\0\0\0\0' + P.udp_seg(A6, B6, 1, 2, k.pad())), k.ip(60, b'\x11\x09\1\4\0\0\0\0')]
    whole = 'connection tracking puts fragments together before any rule'
    odd = {r'-f$': whole, r'-p ipv6-frag$': whole, r'-i r$': 'no interface has such a name', r'-i x\+$': 'no interface has such a name', r'-i r\+$': 'all interfaces are called so', r'(raw|mangle) $': 'any interface',
           r'-p ipv6-(route|opts)$': 'the protocol is what follows the extension headers'}
    return Case('m-base', 'addresses with all kinds of masks, protocols, interfaces, fragments', counting(rules4, HERE), counting(rules6, HERE), pk, odd)


def tcp():
    rules = ['-p tcp -m tcp --dport 2000', '-p tcp -m tcp --dport 2000:2002', '-p tcp -m tcp ! --dport 2001', '-p tcp -m tcp ! --dport 1999:2001', '-p tcp -m tcp --sport 0', '-p tcp -m tcp --sport 65535',
             '-p tcp -m tcp --sport 1000 --dport 2000', '-p tcp -m tcp ! --sport 1000:1001 --dport 2000:65535', '-p tcp -m tcp --dport 65535', '-p tcp -m tcp --sport :1000', '-p tcp -m tcp --syn', '-p tcp -m tcp ! --syn',
             '-p tcp -m tcp --tcp-flags ALL NONE', '-p tcp -m tcp --tcp-flags ALL ALL', '-p tcp -m tcp --tcp-flags SYN,FIN SYN,FIN', '-p tcp -m tcp ! --tcp-flags SYN,RST,ACK SYN', '-p tcp -m tcp --tcp-flags FIN FIN',
             '-p tcp -m tcp --tcp-flags SYN,ACK SYN,ACK', '-p tcp -m tcp --tcp-flags URG,PSH PSH', '-p tcp -m tcp ! --tcp-flags ALL FIN,PSH,URG', '-p tcp -m tcp --tcp-flags RST NONE', '-p tcp -m tcp --tcp-flags SYN FIN',
             '-p tcp -m tcp --tcp-option 2', '-p tcp -m tcp ! --tcp-option 2', '-p tcp -m tcp --tcp-option 3', '-p tcp -m tcp --tcp-option 8', '-p tcp -m tcp --tcp-option 1', '-p tcp -m tcp --tcp-option 254',
             '-p tcp -m tcp ! --tcp-option 8 --syn', '-p tcp -m tcp --dport 2000 --syn --tcp-option 4', '-p tcp -m tcp --tcp-option 255', '-p tcp']
    pk = []
    for f in BOTH:
        k = Kit('tcp', f)
        pk += [k.tcp(s, d) for s, d in ((1000, 2000), (1000, 1999), (1001, 2001), (1002, 2002), (999, 2003), (0, 2000), (65535, 65535), (65534, 65534), (1, 0))]
        pk += [k.tcp(flags=x) for x in range(256)][:256:3] + [k.tcp(flags=x) for x in (0x3f, 0xff, 0, 3, 2, 18, 0x29, 0x2a, 0xc2, 0xd2)]
        mss, ws, ts, sack = b'\2\4\5\xb4', b'\3\3\7', b'\x08\x0a' + bytes(8), b'\4\2'
        for o in (mss, ws, ts, sack, mss + sack + ts + b'\1' + ws, b'\1\1\1\1', b'\1' + mss, b'\0' + mss, b'\xfe\4\1\2', b'\xff\3\1\1', b'\2\0\5\xb4', b'\2\1\5\xb4', b'\2\1\2\4\5\xb4', b'\x1e\x28\1\2', b'\2',
                  b'\1\1\1\2', b'\1\1\1\x08', b'\5\x0a' + bytes(8) + b'\2\4\5\xb4', b'\x22\1\2\4\1\1', b'\0\0\0\2', b'\x08\x01\x08\x0a', b'\4\2\x02'):
            pk += [k.tcp(opts=o), k.tcp(opts=o, flags=P.ACK)]
        # headers that lie about their length, or are cut short: dropped at the first rule that reads them
        for side in 'ab':
            s, d = k.ends(side)
            for doff in (0, 4, 6, 15):
                pk.append((side, k.tcp(side=side, tcpkw={'doff': doff}, payload=b'')))
                pk.append((side, k.tcp(side=side, tcpkw={'doff': doff})))
            for n in (0, 4, 7, 8, 12, 16, 19):
                pk.append((side, k.ip(6, P.tcp_seg(s, d, 1000, 2000)[:n], side)))
            pk.append((side, k.tcp(side=side, tcpkw={'badsum': True})))
        if f == 4:
            pk += P.fragment4(k.tcp(payload=bytes(500)), 8)[:3] + [('b', x) for x in P.fragment4(k.tcp(payload=bytes(333), side='b'), 16)]
            pk += [k.tcp(opts=mss, **{'side': 'a'}), P.ip4(A, B, 6, P.tcp_seg(A, B, 1000, 2000, payload=k.pad()), opts=b'\1\1\1\0')]
        pk.append(k.udp())
    odd = {'--tcp-flags SYN FIN': 'FIN is not in the mask'}
    return Case('m-tcp', 'ports, flags, options at the edges and in odd places, lying and cut headers', counting(rules), counting(rules), pk, odd)


def udp():
    rules = ['-p udp -m udp --dport 53', '-p udp -m udp ! --dport 53', '-p udp -m udp --dport 50:60', '-p udp -m udp ! --dport 50:60', '-p udp -m udp --sport 1000', '-p udp -m udp --sport 1000:1001 --dport 53:65535',
             '-p udp -m udp ! --sport 0:1023', '-p udp -m udp --sport 0', '-p udp -m udp --dport 65535', '-p udp -m udp --dport 0', '-p udp', '-p udp -m udp', '! -p udp']
    lite = ['-p udplite -m multiport --dports 53', '-p udplite -m multiport ! --sports 1000', '-p udplite']
    pk = []
    for f in BOTH:
        k = Kit('udp', f)
        for s in (0, 999, 1000, 1001, 1002, 1023, 1024, 65535):
            pk += [k.udp(s, d) for d in (0, 49, 50, 53, 60, 61, 65535)]
        for s, d in ((1000, 53), (1001, 53), (1000, 54)):
            pk.append(k.udp(s, d, proto=P.UDPLITE))
        pk += [k.tcp(), k.icmp(128 if f == 6 else 8)]
        for side in 'ab':
            s, d = k.ends(side)
            for n in (0, 2, 4, 7):
                pk.append((side, k.ip(17, P.udp_seg(s, d, 1000, 53)[:n], side)))
            for kw in ({'badsum': True}, {'nosum': True}, {'length': 7}, {'length': 8}, {'length': 1000}, {'length': 0}):
                pk.append((side, k.udp(1000, 53, side=side, udpkw=kw)))
            pk.append((side, k.udp(1000, 53, side=side, proto=P.UDPLITE, udpkw={'coverage': 4})))
        pk += P.fragment4(k.udp(payload=bytes(777)), 120) if f == 4 else P.fragment6(k.udp(payload=bytes(777)), 400, 9)
    return Case('m-udp', 'ports at the edges, wrong lengths and checksums, cut headers, UDP-Lite', counting(rules + lite), counting(rules + lite), pk)


def icmp():
    types = [(t, c) for t in (0, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 30, 255) for c in (0, 1, 2, 255)] + [(3, c) for c in range(3, 17)] + [(5, 3), (5, 4), (254, 255), (1, 0), (2, 0), (7, 0)]
    names = ['any', 'echo-reply', 'destination-unreachable', 'network-unreachable', 'host-unreachable', 'protocol-unreachable', 'port-unreachable', 'fragmentation-needed', 'source-route-failed', 'network-unknown',
             'host-unknown', 'network-prohibited', 'host-prohibited', 'TOS-network-unreachable', 'TOS-host-unreachable', 'communication-prohibited', 'host-precedence-violation', 'precedence-cutoff', 'source-quench',
             'redirect', 'network-redirect', 'host-redirect', 'TOS-network-redirect', 'TOS-host-redirect', 'echo-request', 'router-advertisement', 'router-solicitation', 'time-exceeded', 'ttl-zero-during-transit',
             'ttl-zero-during-reassembly', 'parameter-problem', 'ip-header-bad', 'required-option-missing', 'timestamp-request', 'timestamp-reply', 'address-mask-request', 'address-mask-reply', '8/1', '3/255', '255/255', '30/2',
             '17/0', '0/255', '254']
    rules = ['-p icmp -m icmp --icmp-type ' + n for n in names] + ['-p icmp -m icmp ! --icmp-type ' + n for n in ('echo-request', '3', '3/4', '255', '11/1')] + ['-p icmp']
    k = Kit('icmp', 4)
    inner = P.udp(B, A, 2000, 1000, b'12345678')
    pk = []
    for t, c in types:
        pk.append(k.icmp(t, c, payload=(inner + k.pad()) if t in (3, 4, 5, 11, 12) else None))
    pk += [('b', k.icmp(3, 3, payload=inner[:n], side='b')) for n in (0, 8, 20, 27)]
    for side in 'ab':
        pk += [(side, k.icmp(8, 0, badsum=True, side=side))] + [(side, k.ip(1, bytes([8, 0, 0xf7, 0xff, 0, 0, 0, 0])[:n], side)) for n in (0, 1, 2, 3, 4, 7)]
    pk += [k.udp(), k.tcp()] + P.fragment4(k.icmp(8, 0, payload=bytes(600)), 200)
    return Case('m-icmp', 'every type name, types and codes as numbers, cut and broken messages', counting(rules), None, pk, {'! --icmp-type any': 'all are any'})


def icmp6():
    names = ['destination-unreachable', 'no-route', 'communication-prohibited', 'beyond-scope', 'address-unreachable', 'port-unreachable', 'failed-policy', 'reject-route', 'packet-too-big', 'time-exceeded',
             'ttl-zero-during-transit', 'ttl-zero-during-reassembly', 'parameter-problem', 'bad-header', 'unknown-header-type', 'unknown-option', 'echo-request', 'echo-reply', 'router-solicitation', 'router-advertisement',
             'neighbour-solicitation', 'neighbour-advertisement', 'redirect', '128/1', '1/255', '255', '255/255', '100', '127/1', '0', '130', '143']
    rules = ['-p icmpv6 -m icmp6 --icmpv6-type ' + n for n in names] + ['-p icmpv6 -m icmp6 ! --icmpv6-type ' + n for n in ('echo-request', '1', '1/4', '255', '3/1')] + ['-p icmpv6']
    k = Kit('icmp6', 6)
    inner = P.udp(B6, A6, 2000, 1000, b'12345678')
    types = [(t, c) for t in (0, 1, 2, 3, 4, 100, 127, 128, 129, 133, 134, 135, 136, 137, 139, 144, 200, 255) for c in (0, 1, 255)] + [(1, c) for c in range(2, 9)] + [(4, 2), (4, 3), (130, 0), (143, 0), (131, 0)]
    pk = [k.icmp(t, c, payload=(inner + k.pad()) if 0 < t < 5 else None) for t, c in types]
    pk += [('b', k.icmp(1, 4, payload=inner[:n], side='b')) for n in (0, 8, 40, 47)]
    for side in 'ab':
        pk += [(side, k.icmp(128, 0, badsum=True, side=side))] + [(side, k.ip(58, bytes([128, 0, 0xf7, 0xff, 0, 0, 0, 0])[:n], side)) for n in (0, 1, 2, 3, 4, 7)]
    pk += [k.udp(), k.tcp(), k.ip(60, b'\x3a\0\1\4\0\0\0\0' + P.icmp6_msg(A6, B6, 128, 0, payload=k.pad())), k.ip(0, b'\x3a\0\1\4\0\0\0\0' + P.icmp6_msg(A6, B6, 3, 1, payload=inner + k.pad()))]
    pk += P.fragment6(k.icmp(128, 0, payload=bytes(600)), 400, 5)
    return Case('m-icmp6', 'every type name, types and codes as numbers, cut messages, behind extension headers', None, counting(rules), pk)


def multiport():
    P15 = ','.join(str(n) for n in range(100, 130, 2))
    rules = []
    for p in ('tcp', 'udp', 'sctp', 'udplite', 'dccp'):
        rules += ['-p %s -m multiport --%s %s' % (p, w, s) for w in ('sports', 'dports', 'ports') for s in ('0,1000,65535', '100:102,1000:1001,65534:65535')]
        rules += ['-p %s -m multiport ! --%s 1000,2000:3000' % (p, w) for w in ('sports', 'dports', 'ports')]
    rules += ['-p tcp -m multiport --dports ' + P15, '-p udp -m multiport --ports ' + P15, '-p tcp -m multiport --dports 99:101,103:105,107:109,111:113,115:117,119:121,123:125,127']
    pk = []
    for f in BOTH:
        k = Kit('multiport', f)
        ports = [(s, d) for s in (0, 99, 100, 102, 103, 999, 1000, 1001, 1002, 2000, 65534, 65535) for d in (0, 100, 1000, 1002, 1999, 2000, 3000, 3001, 65535)]
        for n, (s, d) in enumerate(ports):
            proto = n % 5
            pk.append([lambda: k.tcp(s, d), lambda: k.udp(s, d), lambda: k.sctp(P.sctp_chunk(1, 0, bytes(16) + k.pad()), s, d), lambda: k.udp(s, d, proto=P.UDPLITE),
                       lambda: k.ip(33, struct.pack('!HHBBHBBH', s, d, 4, 0, 0, 0, 0, 0) + bytes(4) + k.pad())][proto]())
        pk += [k.tcp(5, d) for d in (98, 99, 101, 103, 106, 127, 128, 129)] + [k.udp(d, 5) for d in (98, 99, 106, 128, 129)] + [k.tcp(1000, 1000), k.udp(65535, 1), k.udp(1, 65535), k.udp(1000, 3000)]
        for p in (6, 17, 132, 136):
            pk += [(side, k.ip(p, b'\3\xe8\7\xd0'[:n], side)) for n in (0, 3, 4) for side in 'ab']
        for s, d in ((0, 1), (1000, 1), (1, 1000), (65535, 0), (101, 2500), (7, 7)):
            pk += [k.sctp(P.sctp_chunk(1, 0, bytes(16) + k.pad()), s, d), k.udp(s, d, proto=P.UDPLITE), k.ip(33, struct.pack('!HHBBHBBH', s, d, 4, 0, 0, 0, 0, 0) + bytes(4) + k.pad()), k.udp(s, d), k.tcp(s, d)]
    return Case('m-multiport', 'lists and ranges of source, destination and either ports for five protocols', counting(rules), counting(rules), pk)


def length():
    rules = ['-m length --length %s' % x for x in ('28', '60', '61:', ':60', '0', '100:200', '65535', '1500', '0:65535', '99:99')] + ['-m length ! --length %s' % x for x in ('60', '100:200', '0:59', '1000:')]
    pk = []
    for f in BOTH:
        k = Kit('length', f)
        h = 48 if f == 6 else 28
        pk += [k.udp(payload=bytes(n - h)) for n in (h, h + 1, 59, 60, 61, 99, 100, 101, 199, 200, 201, 999, 1000, 1001, 1499, 1500) if n >= h]
        if f == 4:
            whole = k.udp(payload=bytes(1000 - 28))
            pk += [k.udp(payload=b'') + bytes(18), P.ip4(A, B, 17, P.udp_seg(A, B, 1000, 2000, b'x' * 12), opts=b'\1' * 20)] + P.fragment4(whole, 400)
        else:
            pk += [k.udp(payload=b'') + bytes(9), k.ip(60, b'\x11\0\1\4\0\0\0\0' + P.udp_seg(A6, B6, 1000, 2000, b'x' * 4)), k.ip(59, b'')] + P.fragment6(k.udp(payload=bytes(1000 - 48)), 400, 3)
    odd = {'--length 0:65535': 'every packet', '--length 65535': 'more than the link takes', r'--length 0$': 'no packet is empty', '--length 28': 'shorter than an IPv6 header'}
    return Case('m-length', 'lengths at the edges of ranges, padding behind, after reassembly', counting(rules), counting(rules), pk, odd)


def ttl():
    values = (0, 1, 2, 3, 63, 64, 65, 127, 128, 129, 254, 255)
    rules4 = ['-m ttl --ttl-%s %d' % (op, n) for op in ('eq', 'lt', 'gt') for n in (1, 2, 64, 128, 255)] + ['-m ttl ! --ttl-eq 64', '-m ttl --ttl-eq 0', '-m ttl --ttl-gt 0', '-m ttl --ttl-gt 254', '-m ttl --ttl-lt 1']
    rules6 = [r.replace('ttl', 'hl') for r in rules4]
    pk = []
    for f in BOTH:
        k = Kit('ttl', f)
        pk += [k.udp(ttl=n) for n in values] + [('b', k.udp(ttl=n, side='b')) for n in values] + [k.udp(dst=k.r0, ttl=n) for n in (0, 1, 64)]
    places = (('raw', 'PREROUTING'), ('mangle', 'FORWARD'), ('mangle', 'INPUT'), ('mangle', 'POSTROUTING'))
    spent = 'it has been decremented'
    odd = {'-gt 255': 'there is no more', 'mangle .*-(eq 255|lt 255|gt 254)': spent}
    return Case('m-ttl-hl', 'TTL and hop limit 0, 1, 255 and at the edges, before and after they are decremented', counting(rules4, places), counting(rules6, places), pk, odd)


def tos_dscp_ecn():
    values = (0, 1, 2, 4, 8, 0x10, 0x1e, 0x28, 0x60, 0x80, 0xb8, 0xfc, 0xff)
    rules = ['-m tos --tos 0x%02x' % v for v in (0, 2, 4, 8, 0x10, 0xb8, 0xff)] + ['-m tos --tos 0x10/0x3f', '-m tos ! --tos 0x00', '-m tos --tos 0x01/0x01', '-m tos --tos Minimize-Delay', '-m tos --tos Normal-Service', '-m tos ! --tos 0xb8/0xfc']
    rules += ['-m dscp --dscp 0x%02x' % n for n in range(64)] + ['-m dscp ! --dscp 0x2e', '-m dscp --dscp-class EF', '-m dscp ! --dscp-class CS1', '-m dscp --dscp-class AF41', '-m dscp --dscp-class BE']
    rules += ['-m ecn --ecn-ip-ect %d' % n for n in range(4)] + ['-m ecn ! --ecn-ip-ect 0', '-m ecn ! --ecn-ip-ect 3'] + \
             ['-p tcp -m ecn --ecn-tcp-cwr', '-p tcp -m ecn --ecn-tcp-ece', '-p tcp -m ecn ! --ecn-tcp-cwr', '-p tcp -m ecn ! --ecn-tcp-ece', '-p tcp -m ecn --ecn-tcp-cwr ! --ecn-tcp-ece --ecn-ip-ect 2', '-p tcp -m ecn --ecn-tcp-ece --ecn-tcp-cwr']
    pk = []
    for f in BOTH:
        k = Kit('tos', f)
        pk += [k.udp(tos=n << 2 | n & 3) for n in range(64)] + [k.udp(tos=v) for v in values] + [k.tcp(flags=x, tos=v) for x in (2, 0x42, 0x82, 0xc2, 0x10, 0x50, 0x90, 0xd0) for v in (0, 2, 3)]
        pk += [(side, k.ip(6, P.tcp_seg(*k.ends(side), 1000, 2000)[:n], side, tos=2)) for n in (0, 13, 19) for side in 'ab']
    where = (('raw', 'PREROUTING', '-i r0 '),)
    return Case('m-tos-dscp-ecn', 'all 64 code points, masks of the TOS byte, both ECN fields and TCP\'s bits', counting(rules, where), counting(rules, where), pk)


def ranges():
    rules4 = ['-m iprange --src-range 10.1.0.3-10.1.0.4', '-m iprange ! --src-range 10.1.0.3-10.1.0.4', '-m iprange --dst-range 10.2.0.2-10.2.0.3', '-m iprange ! --dst-range 10.2.0.3-10.2.0.3',
              '-m iprange --src-range 10.1.0.2-10.1.0.3 --dst-range 10.2.0.3-10.2.0.9', '-m iprange --src-range 10.1.0.4', '-m iprange ! --src-range 10.1.0.2-10.1.0.3 ! --dst-range 10.2.0.2-10.2.0.2',
              '-m iprange --src-range 0.0.0.0-10.1.0.3', '-m iprange --src-range 127.0.0.1-255.255.255.255']
    rules6 = ['-m iprange --src-range fd00:1::3-fd00:1::4', '-m iprange ! --src-range fd00:1::3-fd00:1::4', '-m iprange --dst-range fd00:2::2-fd00:2::3', '-m iprange --src-range fd00:1::2-fd00:1::3 --dst-range fd00:2::3-fd00:2::9',
              '-m iprange ! --src-range fd00:1::2-fd00:1::3 ! --dst-range fd00:2::2-fd00:2::2', '-m iprange --src-range ::-fd00:1::3', '-m iprange --src-range fd00:1::ffff-fd00:2::', '-m iprange --src-range fd00:1::ffff:ffff-fd00:1:0:1::1']
    pk = []
    for f in BOTH:
        k = Kit('iprange', f)
        one, two = ('fd00:1::%x', 'fd00:2::%x') if k.v6 else ('10.1.0.%d', '10.2.0.%d')
        pk += [k.udp(src=one % s, dst=two % d) for s in (2, 3, 4, 5) for d in (2, 3, 4)]
        pk += [k.udp(src=s) for s in (('200.0.0.1', '126.255.255.255', '127.0.0.2') if f == 4 else ('fd00:1::ffff:ffff', 'fd00:1:0:1::1', 'fd00:1:0:1::2', 'fd00:2::', 'fd00:1::ffff', '2001:db8::'))]
    return Case('m-iprange', 'addresses at both ends of ranges', counting(rules4), counting(rules6), pk)


def options():
    """IPv4 options that the router fills in, and those that it answers as wrong."""
    rules = ['-m u32 --u32 "0>>24&0xF=%s"' % n for n in ('6', '7', '8:15')] + ['-m u32 --u32 "20>>24=%d"' % n for n in (0x44, 7)] + ['-m length --length 41:45']
    k = Kit('options', 4)
    put = lambda o: P.ip4(A, B, 17, P.udp_seg(A, B, 1000, 2000, k.rng.randbytes(k.rng.randrange(9))), opts=o + b'\1' * (-len(o) % 4), id=k.rng.randrange(1, 60000))
    pk = []
    for kind in (0, 1, 2, 3, 7, 0x13, 0xf0, 0xf1, 0xf3):
        for n in (3, 4, 7, 8, 12, 13):
            for at in {0, 4, 5, n - 2, n, n + 1}:
                pk.append(put(bytes([0x44, n, at, kind])[:n] + b'\1' * max(0, n - 4)))
    for n in (2, 3, 4, 6, 7, 8, 11):
        pk += [put((bytes([7, n, at]) + bytes(n))[:n]) for at in {0, 3, 4, 5, n - 2, n, n + 1} if at >= 0]
    rr, time = b'\7\7\4\0\0\0\0', b'\x44\x08\5\0\0\0\0\0'
    pk += [put(o) for o in (rr + time, time + time, rr + rr, time + b'\7\3\3', b'\x94\4\0\0', b'\x94\3\0', b'\x82\4\0\0', b'\0' + rr, b'\x83\7\4\x0a\2\0\2', b'\x89\7\4\x0a\2\0\2', b'\x55\2', b'\x55\1', b'\x55', rr + b'\x44\x0c\5\1' + bytes(8))]
    return Case('m-options', 'IPv4 options: record route and timestamps with room and without, wrong ones, two of a kind', counting(rules, HERE), None, pk + [k.udp()])


def icmp_elsewhere():
    """ICMPv6 in IPv4 and ICMP in IPv6."""
    text = counting(['-m conntrack --ctstate %s' % s for s in ('NEW', 'INVALID', 'RELATED,ESTABLISHED', 'UNTRACKED')], (('mangle', 'FORWARD'),))
    k4, k6 = Kit('icmp-elsewhere', 4), Kit('icmp-elsewhere', 6)
    inner4, inner6 = k4.udp(1, 2, payload=b'12345678'), k6.udp(1, 2, payload=b'12345678')
    pk = [inner4, inner6]
    for t in (0, 1, 2, 3, 4, 5, 8, 11, 12, 13, 128, 129, 130, 133, 135, 200):
        for side in 'ab':
            pk += [(side, k4.ip(58, P.icmp6_msg(*k4.ends(side), t, 1, b'\0\5\0\6', inner4 + k4.pad()), side)), (side, k6.ip(1, P.icmp_msg(t, 1, b'\0\5\0\6', inner6 + k6.pad()), side))]
    pk += [k4.ip(58, b'\x80\0'), k6.ip(1, b'\x08\0'), k4.ip(58, b''), k6.ip(1, b'')]
    return Case('m-icmp-elsewhere', 'ICMPv6 in IPv4 and ICMP in IPv6: queries, errors, what is not tracked', text, text, pk, {'--ctstate (RELATED|UNTRACKED)': 'all of it is INVALID'})


CASES = (icmp_elsewhere, options, base, tcp, udp, icmp, icmp6, multiport, length, ttl, tos_dscp_ecn, ranges)
