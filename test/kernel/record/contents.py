"""Cases of matches that read further into the packet: text, words, chunks, options, security and extension headers."""
from kit import *  # noqa: F401,F403
from kit import P, Kit, Case, counting, struct, A, B, A6, B6

BOTH = (4, 6)
HERE = (('raw', 'PREROUTING', '-i r0 '), ('mangle', 'FORWARD'))
FIRST = (('raw', 'PREROUTING'),)


def string():
    rules = ['-m string --string "needle" --algo %s' % a for a in ('bm', 'kmp')]
    for a in ('bm', 'kmp'):
        rules += ['-m string --string "needle" --algo %s %s' % (a, x) for x in ('--from 40', '--to 60', '--from 40 --to 46', '--from 41 --to 46', '--from 40 --to 45', '--from 28 --to 200', '--from 100', '--to 28', '--from 60 --to 100')]
        rules += ['-m string ! --string "needle" --algo %s' % a, '-m string --string "NeEdLe" --algo %s --icase' % a, '-m string --string "NEEDLE" --algo %s' % a, '-m string --hex-string "|00 ff|x|0a|" --algo %s' % a,
                  '-m string --hex-string "ab|63 64|" --algo %s --icase --from 30' % a, '-m string --string "aab" --algo %s' % a, '-m string --string "a" --algo %s --from 50 --to 52' % a, '-m string ! --string "needle" --algo %s --to 60' % a,
                  '-m string --string "abababac" --algo %s' % a, '-m string --string "a b" --algo %s' % a]
    pk = []
    for f in BOTH:
        k = Kit('string', f)
        h = 48 if f == 6 else 28
        at = lambda n, word: b'.' * max(0, n - h) + word
        for n in (0, 38, 39, 40, 41, 45, 46, 54, 55, 60, 61, 94, 99, 100, 101, 150):
            pk += [k.udp(payload=at(n, b'needle') + k.pad(n).replace(b'n', b'.')), k.udp(payload=at(n, b'needle'))]
        pk += [k.udp(payload=at(n, w)) for n in (45, 60) for w in (b'NEEDLE', b'NeEdLe', b'nEeDlE', b'needl', b'neeedle', b'needleneedle', b'eedle', b'\0\xffx\n', b'\0\xff', b'abcd', b'ABCD', b'aaab', b'aaaaaab', b'aaba', b'ababababac', b'abababab', b'a b')]
        pk += [k.udp(payload=w) for w in (b'', b'n', b'needle', b'x' * 22 + b'a', b'x' * 23 + b'a', b'x' * 24 + b'a', b'x' * 25 + b'a')]
        # across the header and the data, in the header, across fragments
        pk += [k.tcp(0x6e65, 0x6564, payload=b'le', tcpkw={'seq': 0x6c650000}), k.tcp(0x6e65, 0x6564, payload=b'', tcpkw={'seq': 0x6c652e2e}), k.udp(0x6e65, 0x6564, payload=b'le')]
        long = k.udp(payload=b'.' * 300 + b'needle' + b'.' * 400)
        pk += P.fragment4(long, 400) if f == 4 else P.fragment6(long, 400, 3)
        pk += [k.ip(253, b'needle'), k.ip(253, b''), k.udp(payload=b'.' * 1200 + b'needle')]
    odd = {'--from 4(1 --to 46|0 --to 45)': 'the text is longer', '"needle" --algo (bm|kmp) --to 28': 'an IPv6 header is longer'}
    return Case('m-string', 'both algorithms at offsets, across --from and --to and headers', counting(rules), counting(rules), pk, odd)


def string_fragments():
    rules = ['-m string --string "needle" --algo %s' % a for a in ('bm', 'kmp')]
    pk = []
    for f in BOTH:
        k = Kit('string', f)
        for n in (380, 386, 387, 391, 392, 393, 786, 787, 792):
            whole = k.udp(payload=b'.' * n + b'needle' + b'.' * (410 + n // 10))
            pk += P.fragment4(whole, 400) if f == 4 else P.fragment6(whole, 400, n)
    return Case('m-string-fragments', 'a text that crosses the border of two fragments', counting(rules, FIRST), counting(rules, FIRST), pk, {'--algo kmp': 'every packet has it'})


def u32():
    tests = ['6&0xFF=17', '6&0xFF=6', '6&0xFF=1,6,50:60', '4&0x1FFF=0', '0>>22&0x3C@0>>16=1000', '0>>22&0x3C@0&0xFFFF=2000:2100', '0>>22&0x3C@4&0xFFFF0000>>16=1:100', '0>>22&0x3C@12>>26&0x3C@0=0x64617461', '8&0xFF000000=0x40000000:0xff000000',
             '0&0xFF=40:120', '0>>24=0x45', '0>>24=0x46:0x4f', '12=0x0a010002&&16=0x0a020002', '12=0x0a010003', '20=0x03e807d0', '28=0x64617461', '28=0x64617461||24=0', '26&0xFF<<8=0x6400', '100=0:0xffffffff', '96=0:0xffffffff', '97=0:0xffffffff',
             '0&0=0', '0>>22&0x3C@28=0:0xffffffff', '6&0xFF=0:0xff', '6&0xFF=18:255', '0>>22&0x3C@0>>16&0xFFFF=999,1001:65535', '0&0xFFFF<<16>>16=60', '0<<4>>28=5', '32<<1>>1=0x64617461', '0>>22&0x3C@8>>24@0=0:0xffffffff']
    tests = [t for t in tests if '||' not in t]
    rules = ['-m u32 --u32 "%s"' % t for t in tests] + ['-m u32 ! --u32 "%s"' % t for t in ('6&0xFF=17', '100=0:0xffffffff', '12=0x0a010002&&16=0x0a020002')]
    rules6 = ['-m u32 --u32 "%s"' % t for t in ('4&0xFF00>>8=17', '4&0xFF00>>8=6,44', '40=0x03e807d0', '4&0xFF=64', '48=0x64617461', '8=0xfd000001&&20=2', '80=0:0xffffffff', '0>>28=6', '4>>16=8:40', '40>>16@0=0:0xffffffff', '0>>28&0=0')] + ['-m u32 ! --u32 "40=0x03e807d0"']
    pk = []
    for f in BOTH:
        k = Kit('u32', f)
        data = b'data'
        pk += [k.udp(s, d, payload=p) for s in (999, 1000, 1001) for d in (1999, 2000, 2100, 2101) for p in (data + k.pad(),)]
        pk += [k.udp(payload=b'd' * n) for n in (0, 1, 2, 3, 4, 5, 12, 32, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77)] + [k.tcp(payload=data + k.pad()), k.tcp(opts=b'\2\4\5\xb4', payload=data), k.tcp(payload=b'datb'), k.tcp(flags=0x10, payload=b'')]
        pk += [k.udp(ttl=t) for t in (1, 63, 64, 255)] + [k.icmp(128 if f == 6 else 8), k.ip(50, b'\0\0\0\1' + k.pad()), k.ip(55, k.pad()), k.ip(61, k.pad()), k.udp(src='fd00:1::3' if f == 6 else '10.1.0.3'), k.udp(tos=4, payload=b'x' * 12)]
        pk += [k.ip(253, bytes(range(n))) for n in (0, 1, 3, 4, 5, 8, 11, 12)]
        if f == 4:
            pk += [P.ip4(A, B, 17, P.udp_seg(A, B, 1000, 2000, data + k.pad()), opts=b'\1' * n) for n in (4, 8, 40)] + P.fragment4(k.udp(payload=data * 100), 200)
            pk += [k.tcp(payload=data, tcpkw={'seq': n, 'ack': n << 24}) for n in (1, 100, 101, 30 << 24, 40 << 24, 255 << 24)]
        pk += [k.udp(n, 2000, payload=data) for n in (20, 36, 48, 60)]
    odd = {r'"0x4&0x1fff=0x0"': 'connection tracking puts fragments together', r'"0x0&0x0=0x0"': 'always true', r'"0x6&0xff=0x0:0xff"': 'always true', r'"0x0>>0x1c&0x0=0x0"': 'always true', '"0x0>>0x1c=0x6"': 'all IPv6 packets are'}
    return Case('m-u32', 'words, masks, shifts, steps into the packet, at its end', counting(rules, FIRST), counting(rules6, FIRST), pk, odd)


def security():
    rules4 = ['-p ah -m ah --ahspi %s' % s for s in ('1', '0', '4294967295', '2:10', ':1', '10:', '0x100:0x200')] + ['-p ah -m ah ! --ahspi %s' % s for s in ('1', '2:10')] + ['-p ah', '-p ah -m ah']
    rules6 = ['-m ah --ahspi %s' % s for s in ('1', '0', '4294967295', '2:10', '10:')] + ['-m ah ! --ahspi 1', '-m ah --ahlen 12', '-m ah --ahlen 24', '-m ah ! --ahlen 12', '-m ah --ahres', '-m ah --ahspi 1 --ahlen 12 --ahres', '-m ah', '-m ah ! --ahspi 2:10 ! --ahlen 24']
    esp = ['-p esp -m esp --espspi %s' % s for s in ('1', '0', '4294967295', '2:10', ':1', '10:')] + ['-p esp -m esp ! --espspi %s' % s for s in ('1', '2:10')] + ['-p esp', '-p esp -m esp']
    pk = []
    for f in BOTH:
        k = Kit('security', f)
        for spi in (0, 1, 2, 9, 10, 11, 255, 256, 512, 513, 0x7fffffff, 0x80000000, 0xffffffff):
            w = struct.pack('!I', spi)
            pk.append(k.ip(50, w + b'\0\0\0\1' + k.pad()))
            for units, res in ((1, 0), (4, 0), (4, 7), (1, 1)):
                pk.append(k.ip(51, bytes([59, units]) + struct.pack('!H', res) + w + bytes(4 * units - 4) + k.pad()))
        pk += [k.ip(51, bytes([17, 1, 0, 0, 0, 0, 0, 1]) + bytes(4) + P.udp_seg(k.a, k.b, 1000, 2000, k.pad())), k.udp()]
        for side in 'ab':
            pk += [(side, k.ip(p, bytes([59, 4, 0, 0, 0, 0, 0, 1, 9, 9, 9, 9, 9])[:n], side)) for p in (50, 51) for n in (0, 3, 4, 7, 8, 11, 12, 13)]
    return Case('m-ah-esp', 'SPI ranges at their edges, AH lengths and reserved bits, cut headers', counting(rules4 + esp, HERE), counting(rules6 + esp, HERE), pk)


def ipcomp():
    rules = ['-p ipcomp -m ipcomp --ipcompspi %s' % s for s in ('1', '0', '65535', '2:10')] + ['-p ipcomp -m ipcomp ! --ipcompspi 2:10', '-p ipcomp', '-p ipcomp -m ipcomp --ipcompspi 0x1 --compres', '-p ipcomp -m ipcomp --compres']
    pk = []
    for f in BOTH:
        k = Kit('ipcomp', f)
        pk += [k.ip(108, bytes([59, res]) + struct.pack('!H', spi) + k.pad()) for spi in (0, 1, 2, 9, 10, 11, 256, 65535) for res in (0, 1)] + [k.udp()]
        pk += [(side, k.ip(108, bytes([59, 0, 0, 1])[:n], side)) for n in (0, 2, 3, 4) for side in 'ab']
    return Case('m-ipcomp', 'compression parameter indexes at the edges, cut headers', counting(rules, HERE), counting(rules, HERE), pk)


CHUNKS = 'DATA INIT INIT_ACK SACK HEARTBEAT HEARTBEAT_ACK ABORT SHUTDOWN SHUTDOWN_ACK ERROR COOKIE_ECHO COOKIE_ACK ECN_ECNE ECN_CWR SHUTDOWN_COMPLETE ASCONF ASCONF_ACK FORWARD_TSN'.split()
NUMBER = dict(zip(CHUNKS, list(range(15)) + [193, 128, 192]))


def sctp():
    rules = ['-p sctp -m sctp --dport 2000', '-p sctp -m sctp ! --dport 2000:2001', '-p sctp -m sctp --sport 1000:', '-p sctp -m sctp --sport 65535 --dport 0', '-p sctp']
    rules += ['-p sctp -m sctp --chunk-types any ' + c for c in CHUNKS]
    rules += ['-p sctp -m sctp --chunk-types %s %s' % (m, c) for m in ('all', 'any', 'only') for c in ('DATA,SACK', 'INIT', 'DATA:Be', 'DATA:UBE', 'DATA:bE,SACK', 'ABORT:T', 'ABORT:t', 'SHUTDOWN_COMPLETE:t', 'DATA:I', 'DATA,INIT,ABORT', 'ALL', 'NONE')]
    rules += ['-p sctp -m sctp ! --chunk-types any DATA', '-p sctp -m sctp ! --chunk-types all DATA,SACK', '-p sctp -m sctp ! --chunk-types only DATA', '-p sctp -m sctp --dport 2000 --chunk-types any DATA,INIT', '-p sctp -m sctp ! --sport 1000 --chunk-types only INIT']
    pk = []
    for f in BOTH:
        k = Kit('sctp', f)
        chunk = lambda t, fl=0, body=b'': P.sctp_chunk(NUMBER.get(t, t), fl, body)
        data = lambda fl=3: chunk('DATA', fl, bytes(12) + k.pad(most=80))
        pk += [k.sctp(chunk(c, 0, bytes(16))) for c in CHUNKS] + [k.sctp(chunk(c, 1, bytes(12) + k.pad(most=80))) for c in CHUNKS]
        pk += [k.sctp(data(fl)) for fl in range(16)] + [k.sctp(data(x) + data(y)) for x in (0, 3, 4, 7) for y in (0, 3, 4, 7)]
        pk += [k.sctp(data(1) + chunk('SACK', 0, bytes(12))), k.sctp(data() + chunk('SACK', 0, bytes(12))), k.sctp(chunk('SACK', 0, bytes(12)) + data()), k.sctp(chunk('SACK', 0, bytes(12)) + data(7) + chunk('HEARTBEAT', 0, b'h')), k.sctp(chunk(200, 0, b'u') + data()), k.sctp(chunk(200, 0, b'u')), k.sctp(chunk(64, 0, b''))]
        pk += [k.sctp(chunk('DATA', 3, bytes(12)) + chunk('INIT', 0, bytes(16)) + chunk('ABORT', 1)), k.sctp(chunk('ABORT', 1) + chunk('SHUTDOWN_COMPLETE', 1)), k.sctp(chunk('ABORT', 0) + data(2)), k.sctp(b''.join(chunk(c, 0, b'') for c in CHUNKS)), k.sctp(data(1), 1000, 2001),
               k.sctp(data(2), 999, 2002), k.sctp(data(), 65535, 0), k.sctp(chunk('INIT', 0, bytes(16)), 999, 2000)]
        # every chunk type at once, then lengths that lie
        pk.append(k.sctp(b''.join(struct.pack('!BBH', n, 255, 4) for n in range(256))))
        for side in 'ab':
            s = lambda c: (side, k.sctp(c, side=side))
            pk += [s(P.sctp_chunk(0, 3, bytes(12), length=n)) for n in (0, 1, 2, 3, 4, 5, 15, 17, 18, 100, 65535)] + [s(b''), s(b'\0'), s(b'\0\3'), s(b'\0\3\0'), s(data() + b'\0'), s(data() + b'\3\0\0'), s(data() + b'\3\0\0\0'), s(data() + b'\3\0\0\4'), s(chunk('SACK', 0, b'') + P.sctp_chunk(0, 3, bytes(12), length=99))]
            pk += [(side, k.ip(132, P.sctp_seg(1000, 2000, 1, b'')[:n], side)) for n in (0, 4, 11, 12)]
        pk += [k.udp()]
    return Case('m-sctp', 'all chunk types, alone and in company, with flags and lengths that lie', counting(rules, HERE), counting(rules, HERE), pk, {'--chunk-types all ALL': 'no packet has so many', '--chunk-types (any|all|only) NONE': 'there is nothing to be found'})


TYPES = 'REQUEST RESPONSE DATA ACK DATAACK CLOSEREQ CLOSE RESET SYNC SYNCACK'.split()


def dccp():
    rules = ['-p dccp -m dccp --dport 2000', '-p dccp -m dccp ! --sport 1000:1001', '-p dccp -m dccp --sport 0:999 --dport 2000:65535', '-p dccp'] + ['-p dccp -m dccp --dccp-types ' + t for t in TYPES + ['INVALID', 'REQUEST,RESPONSE', 'INVALID,SYNC', ','.join(TYPES)]]
    rules += ['-p dccp -m dccp ! --dccp-types REQUEST,DATA', '-p dccp -m dccp --dccp-option 1', '-p dccp -m dccp --dccp-option 32', '-p dccp -m dccp ! --dccp-option 32', '-p dccp -m dccp --dccp-option 255', '-p dccp -m dccp --dport 2000 --dccp-types DATA --dccp-option 41']
    pk = []
    for f in BOTH:
        k = Kit('dccp', f)

        def seg(type=0, opts=b'', x=1, off=None, sport=1000, dport=2000, body=None, cut=None):
            fixed = {0: 20, 1: 24, 2: 16, 3: 24, 4: 24, 5: 24, 6: 24, 7: 28, 8: 24, 9: 24}.get(type, 16)
            opts = opts + bytes(-len(opts) % 4)
            size = (fixed if x else max(12, fixed - 8)) + len(opts)
            head = struct.pack('!HHBBHBBH', sport, dport, size // 4 if off is None else off, 0, 0, type << 1 | x, 0, 0)
            return (head + bytes(size - len(opts) - 12) + opts + (k.pad() if body is None else body))[:cut]
        pk += [k.ip(33, seg(t, x=x)) for t in range(16) for x in (0, 1)] + [k.ip(33, seg(t, b'\x20\3\1\0')) for t in range(10)] + [k.ip(33, seg(t, b'\x29\6\0\0\0\1\1\1')) for t in (0, 2, 3, 4)]
        pk += [k.ip(33, seg(0, sport=s, dport=d)) for s, d in ((0, 2000), (999, 1999), (1001, 65535), (1002, 2000))]
        pk += [k.ip(33, seg(0, o)) for o in (b'\1\1\1\1', b'\0\0\0\0', b'\x20\0\0\0', b'\x20\1\0\0', b'\x20\2\xff\2', b'\xff\4\1\1', b'\x1f\x20\2\0', b'\x28\4\x20\2\x20\2\0\0', b'\x20', b'\0\0\0\x20', b'\x21\x08\0\0\0\0\0\0', b'\x29\xff\0\0')]
        for side in 'ab':
            pk += [(side, k.ip(33, seg(t), side)) for t in range(9, 16)]
            pk += [(side, k.ip(33, seg(2, b'\x20\2\0\0', off=n), side)) for n in (0, 1, 2, 3, 4, 5, 50, 255)] + [(side, k.ip(33, seg(0, cut=n), side)) for n in (0, 4, 8, 9, 11, 12, 16, 19)]
        pk += [k.udp()]
    return Case('m-dccp', 'all types with short and long sequence numbers, options in odd places, cut headers', counting(rules, HERE), counting(rules, HERE), pk)


def tcpmss():
    rules = ['-p tcp -m tcpmss --mss %s' % m for m in ('1460', '536:1460', '0', '65535', '1400:65535', '0:65535')] + ['-p tcp -m tcpmss ! --mss %s' % m for m in ('1460', '536:1460')] + ['-p tcp -m tcp --tcp-flags SYN,RST SYN -m tcpmss --mss 1000:1400', '-p tcp']
    pk = []
    for f in BOTH:
        k = Kit('tcpmss', f)
        mss = lambda n: b'\2\4' + struct.pack('!H', n)
        pk += [k.tcp(opts=mss(n), flags=fl) for n in (0, 1, 535, 536, 537, 1000, 1399, 1400, 1459, 1460, 1461, 65535) for fl in (2, 0x12, 0x10)]
        pk += [k.tcp(opts=o) for o in (b'', b'\1\1' + mss(1460), b'\3\3\7' + mss(1460), b'\0' + mss(1460), b'\2\3\5\xb4', b'\2\5\5\xb4\0', b'\2\0' + mss(1460), b'\2\1' + mss(1460), b'\2\2' + mss(1460), b'\4\2' + mss(1460), b'\1\1\1\2', b'\1\2\4\5', b'\2\4\5', b'\x08\x0a' + bytes(8) + mss(900), mss(100) + mss(1460), b'\xfe\0' + mss(1460))]
        for side in 'ab':
            pk += [(side, k.tcp(side=side, opts=mss(1460), tcpkw={'doff': n}, payload=b'')) for n in (0, 4, 5, 6, 7, 15)] + [(side, k.ip(6, P.tcp_seg(k.a, k.b, 1000, 2000, opts=mss(1460))[:n], side)) for n in (0, 12, 19, 20, 22, 23)]
        pk += [k.udp()]
    return Case('m-tcpmss', 'sizes at the edges, the option in odd places and of odd lengths', counting(rules, HERE), counting(rules, HERE), pk)


def headers6():
    rules = ['-m ipv6header --header %s' % h for h in ('hop', 'frag', 'esp', 'none', 'prot', 'hop,none', 'dst,esp', 'auth,prot', 'route,prot', 'hop,dst,prot', 'hop,route,prot', 'dst,prot', 'hop,dst,route,prot')] + ['-m ipv6header --header %s --soft' % h for h in ('hop', 'dst', 'route', 'auth', 'esp', 'none', 'prot', 'hop,dst')]
    rules += ['-m ipv6header ! --header hop --soft', '-m ipv6header ! --header dst,prot'] + ['-m %s' % m for m in ('hbh', 'dst')]
    for m in ('hbh', 'dst'):
        rules += ['-m %s --%s-len %s' % (m, m, n) for n in ('8', '16')] + ['-m %s ! --%s-len 8' % (m, m)] + ['-m %s --%s-opts %s' % (m, m, o) for o in ('5', '5:2', '5:2,1:2', '1', '38:6' if m == 'hbh' else '201:16', '0', '5,1', '1:4', '0,5:2')]
    rules += ['-m rt', '-m rt --rt-type 0', '-m rt --rt-type 2', '-m rt ! --rt-type 0', '-m rt --rt-segsleft 0', '-m rt --rt-segsleft 1:2', '-m rt ! --rt-segsleft 0:1', '-m rt --rt-len 40', '-m rt ! --rt-len 40', '-m rt --rt-type 0 --rt-0-res', '-m rt --rt-type 0 --rt-0-addrs fd00:2::7',
              '-m rt --rt-type 0 --rt-0-addrs fd00:2::7,fd00:2::8', '-m rt --rt-type 0 --rt-0-addrs fd00:2::8 --rt-0-not-strict', '-m rt --rt-type 0 --rt-0-addrs fd00:2::7,fd00:2::8 --rt-0-not-strict', '-m rt --rt-type 0 --rt-0-addrs fd00:2::8,fd00:2::7 --rt-0-not-strict',
              '-m frag', '-m frag --fragfirst', '-m frag --fragid 1:100', '-p tcp', '-p udp', '-p udp -m udp --dport 2000', '-p udp -m dst', '-p esp', '-p 59']
    k = Kit('headers6', 6)

    def ext(kind, next, body):      # options or routing header with `body` behind its two bytes
        body += bytes(-(len(body) + 2) % 8)
        return kind, bytes([next, (len(body) + 2) // 8 - 1]) + body

    def chain(*parts, last=17, tail=None):
        """parts: (kind, body); each header names the next."""
        out = P.udp_seg(A6, B6, 1000, 2000, k.pad()) if tail is None else tail
        next = last
        for kind, body in reversed(parts):
            if kind == 51:
                out, next = bytes([next, 1, 0, 0]) + bytes(8) + out, 51
            elif kind == 44:
                out, next = struct.pack('!BBHI', next, 0, 0, 7) + out, 44
            else:
                out, next = ext(kind, next, body)[1] + out, kind
        return k.ip(next, out)
    pad6, ra, one, none = b'\1\4\0\0\0\0', b'\5\2\0\0', b'\5\2\0\0\1\0', b''
    big, two, after = b'\5\2\0\0\1\x08' + bytes(8), b'\5\2\0\0\1\2\0\0\x26\4\0\0\0\0', b'\0\5\2\0\0\0'
    home = b'\xc9\x10' + bytes(16)
    jumbo = b'\xc2\4\0\1\0\0'
    routing = lambda type, left, *addrs, res=0: (43, bytes([type, left]) + struct.pack('!I', res) + b''.join(P.a6(a) for a in addrs))
    pk = [k.udp(), k.tcp(), k.ip(59, k.pad()), k.ip(59, b''), k.ip(50, b'\0\0\0\1' + k.pad()), chain(last=253, tail=k.pad())]
    for kind in (0, 60):
        for body in (pad6, ra + b'\1\0', one, big, two, after, b'\x26\6' + bytes(12), b'\0' * 6, b'\0\0\5\2\0\0', b'\0\1\1\0\0\0', b'\5\2\0\0\0\0', b'\1\2\0\0\5\2\0\0\1\0\0\0\0\0', b'\5\4\0\0\0\0', b'\5\0\1\2\0\0', home if kind == 60 else b'\5\2\0\0' + b'\x26\6' + bytes(6), b'\x01\x0c' + bytes(12)):
            pk.append(chain((kind, body)))
    pk += [chain((0, pad6), (60, pad6)), chain((60, pad6), (43, b'\0\0\0\0\0\0')), chain((0, pad6), (43, b'\0\0\0\0\0\0')), chain((0, pad6), (60, pad6), (43, b'\2\0\0\0\0\0'), (60, ra + b'\1\0')), chain((51, b''),), chain((0, pad6), (51, b'')), chain((51, b''), (60, pad6)),
           chain((60, pad6), last=59, tail=b''), chain((0, pad6), last=59, tail=b'ab'), chain((0, pad6), (60, pad6), (43, b'\2\0\0\0\0\0')), chain((60, pad6), last=50, tail=b'\0\0\0\1' + k.pad()), chain((0, pad6), last=50, tail=b'\0\0\0\1' + k.pad()), chain((60, pad6), (60, pad6)), chain((60, pad6), last=6, tail=P.tcp_seg(A6, B6, 1, 2000, payload=k.pad()))]
    for r in (routing(0, 0, 'fd00:2::7'), routing(0, 0, 'fd00:2::7', 'fd00:2::8'), routing(0, 0, 'fd00:2::8', 'fd00:2::7'), routing(0, 1, 'fd00:2::7', 'fd00:2::8'), routing(0, 2, 'fd00:2::7', 'fd00:2::8'), routing(0, 0, 'fd00:2::6', 'fd00:2::8', 'fd00:2::9'), routing(0, 0), routing(2, 0, 'fd00:2::7'), routing(2, 1, 'fd00:2::7'),
              routing(0, 0, 'fd00:2::7', res=1), routing(0, 3, 'fd00:2::7', 'fd00:2::8', 'fd00:2::9'), routing(4, 0), routing(4, 2, 'fd00:2::7'), routing(1, 0), routing(3, 0), routing(253, 0), routing(0, 0, 'fd00:2::7', 'fd00:2::7', 'fd00:2::8')):
        pk += [chain(r), chain((0, pad6), r)]
    # cut short, and headers that say they are longer than the packet
    for side in 'ab':
        for kind in (0, 43, 60, 51):
            pk += [(side, k.ip(kind, b, side)) for b in (b'', b'\x11', b'\x11\0', b'\x11\0\1\4\0\0\0', b'\x11\x0a\1\4\0\0\0\0', b'\x3c\0\1\4\0\0\0\0', b'\x11\0\5\5\0\0\0\0' + P.udp_seg(A6, B6, 1000, 2000, b'x'), b'\x11\1\5\x0d\0\0\0\0\0\0\0\0\0\0\0\0')]
        pk.append((side, chain((60, pad6), tail=b'\3\xe8')) if side == 'a' else ('b', k.ip(60, b'\x11\0\1\4\0\0\0\0\3\xe8', 'b')))
    # (a packet in fragments with options before the data leaves a veth device in another way than a network card: not here)
    pk += P.fragment6(k.udp(payload=bytes(600)), 400, 5) + [chain((44, b'')), chain((60, pad6), (44, b'')), chain((44, b''), (60, pad6))]
    whole = 'connection tracking puts fragments together before any rule'
    odd = {'-m frag': whole, 'header ipv6-frag': whole, 'header hop-by-hop$': 'something always follows'}
    return Case('m-headers6', 'ipv6header, hbh, dst, rt, frag: chains of extension headers in all orders, options, routing headers, cut short', None, counting(rules, HERE), pk, odd)


CASES = (string, string_fragments, u32, security, ipcomp, sctp, dccp, tcpmss, headers6)
