"""Cases of matches that need more than packets - programs, sets, processes, the clock - and of the rarer header matches."""
from kit import *  # noqa: F401,F403
from kit import ACCT, P, R, Kit, Case, Talk, counting, frame, os, struct, subprocess, sys, table, time, A, B, A6, B6, R0, R1, R06, R16

BOTH = (4, 6)
HERE = (('raw', 'PREROUTING', '-i r0 '), ('mangle', 'FORWARD'))
FIRST = (('raw', 'PREROUTING'),)
TRACKED = table('filter', {'FORWARD': ['-m conntrack --ctstate NEW']})


def eui64():
    text = counting(['-m eui64'], FIRST)
    k = Kit('eui64', 6)
    right = 'fd00:1::ff:fe00:102'      # 02:00:00:00:01:02
    other = ['fd00:1::200:ff:fe00:102', 'fd00:1::ff:fe00:103', 'fd00:1::ff:ff00:102', 'fd00:1::ff:fe00:202', 'fd00:1::1ff:fe00:102']
    pk = [k.udp(src=s) for s in [right, '2001:db8::ff:fe00:102', *other]] + [('b', k.udp(side='b', src='fd00:2::ff:fe00:202')), ('b', k.udp(side='b', src=right))]
    pk += [frame('a', k.udp(src='fd00:1::a8bb:ccff:fe00:f'), src='aa:bb:cc:00:00:0f'), frame('a', k.udp(src=right), src='aa:bb:cc:00:00:0f')]
    return Case('m-eui64', 'addresses that are and are not made of the MAC address', None, text, pk)


def mh():
    rules = ['-p 135 -m mh --mh-type %s' % t for t in ('0', 'binding-update', '1:4', '7', '5:', ':2', '8', '255')] + ['-p 135 -m mh ! --mh-type %s' % t for t in ('5', '1:4')] + ['-p 135 -m mh', '-p 135']
    k = Kit('mh', 6)
    msg = lambda t, next=59, units=0: bytes([next, units, t, 0, 0, 0]) + bytes(2)
    pk = [k.ip(135, msg(t) + k.pad()) for t in (*range(10), 254, 255)] + [k.ip(60, bytes([135, 0, 1, 4, 0, 0, 0, 0]) + msg(5) + k.pad()), k.udp()]
    for side in 'ab':
        pk += [(side, k.ip(135, msg(5)[:n], side)) for n in (0, 2, 5, 6)] + [(side, k.ip(135, msg(5, next=17) + k.pad(), side)), (side, k.ip(135, msg(5, units=9), side))]
    return Case('m-mh', 'types of mobility headers, alone and in ranges, cut short, something behind', None, counting(rules, HERE), pk)


def srh():
    o = lambda *names: ['-m srh --srh-%s' % n for n in names] + ['-m srh ! --srh-%s' % n for n in names]
    rules = ['-m srh'] + o('next-hdr 17', 'hdr-len-eq 4', 'hdr-len-gt 2', 'hdr-len-lt 4', 'segs-left-eq 0', 'segs-left-gt 0', 'segs-left-lt 2', 'last-entry-eq 1', 'last-entry-gt 0', 'last-entry-lt 1', 'tag 7', 'psid fd00:2::8', 'nsid fd00:2::8', 'lsid fd00:2::7', 'lsid fd00:2::/64', 'nsid fd00:2::/125', 'psid fd00:2::6/127') + ['-m srh --srh-segs-left-eq 1 --srh-last-entry-eq 1 --srh-tag 7']
    k = Kit('srh', 6)

    def header(left, *addrs, next=17, last=None, tag=0, type=4, units=None, flags=0):
        a = b''.join(P.a6(x) for x in addrs)
        return bytes([next, len(a) // 8 if units is None else units, type, left, len(addrs) - 1 & 255 if last is None else last, flags]) + struct.pack('!H', tag) + a
    udp = lambda: P.udp_seg(A6, B6, 1000, 2000, k.pad())
    pk = []
    for left in range(4):
        pk += [k.ip(43, header(left, 'fd00:2::7', 'fd00:2::8', tag=tag) + udp()) for tag in (0, 7, 0x700)] + [k.ip(43, header(left, 'fd00:2::8', 'fd00:2::7', 'fd00:2::6') + udp()), k.ip(43, header(left, 'fd00:2::7') + udp())]
    pk += [k.ip(43, header(0) + udp()), k.ip(43, header(1, 'fd00:2::7', 'fd00:2::8', next=59)), k.ip(43, header(0, 'fd00:2::7', type=0) + udp()), k.ip(43, header(1, 'fd00:2::7', 'fd00:2::8', last=9) + udp()), k.ip(43, header(9, 'fd00:2::7', 'fd00:2::8', 'fd00:2::9', last=9) + udp()), k.udp(), k.ip(43, header(1, '2001:db8::1', '2001:db8::2', tag=7) + udp())]
    pk += [k.ip(60, b'\x2b\0\1\4\0\0\0\0' + header(1, 'fd00:2::7', 'fd00:2::8') + udp())]
    for side in 'ab':
        pk += [(side, k.ip(43, header(1, 'fd00:2::7', 'fd00:2::8')[:n], side)) for n in (0, 4, 7, 8, 16, 24, 39)] + [(side, k.ip(43, header(1, 'fd00:2::7', units=9), side))]
    return Case('m-srh', 'fields and addresses of segment routing headers, at their ends, cut short', None, counting(rules, FIRST), pk)


def bpf():
    def code(expression):
        lines = subprocess.run(['tcpdump', '-y', 'RAW', '-ddd', expression], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout.split('\n')
        return ','.join(x for x in lines if x)
    texts = ['udp port 53', 'tcp[tcpflags] & (tcp-syn|tcp-fin) != 0', 'src net 10.1.0.0/29', 'ip[8] < 64', 'len > 100', 'udp[8:4] = 0x64617461', 'not ip proto 17', 'ip proto 1 and ip[20] = 8', 'ip6 and udp', 'greater 60 and less 90', 'ip[2:2] & 1 = 1', 'udp src portrange 1000-1001 or tcp dst port 80', 'ip[0] & 0xf > 5', 'ip6[6] = 58', 'ip6[7] > 63 and ip6[40] = 128']
    own = ['4,48 0 0 9,21 0 1 17,6 0 0 1,6 0 0 0', '3,128 0 0 0,37 0 0 60,22 0 0 0', '5,40 0 0 100,53 0 1 0,6 0 0 65535,6 0 0 0,6 0 0 1', '6,177 0 0 0,80 0 0 0,2 0 0 3,96 0 0 3,84 0 0 1,22 0 0 0', '4,0 0 0 7,1 0 0 7,28 0 0 0,22 0 0 0', '4,48 0 0 4294963200,21 0 1 17,6 0 0 1,6 0 0 0']
    rules = ['-m bpf --bytecode "%s"' % c for c in [code(t) for t in texts] + own]
    pk = []
    for f in BOTH:
        k = Kit('bpf', f)
        pk += [k.udp(s, d) for s in (999, 1000, 1001, 1002) for d in (53, 54)] + [k.udp(payload=b'data' + k.pad()), k.udp(payload=b'dat'), k.udp(payload=b''), k.udp(payload=bytes(40)), k.udp(payload=bytes(29))] + [k.tcp(1000, 80, flags=x) for x in (1, 2, 0x10, 0x12)] + [k.tcp(1000, 81)]
        pk += [k.icmp(*t) for t in (((8, 0), (0, 0)) if f == 4 else ((128, 0), (129, 0)))] + [k.udp(ttl=t) for t in (1, 63, 64, 65)] + [k.udp(src=s) for s in (('10.1.0.7', '10.1.0.8') if f == 4 else ('fd00:1::7',))] + [k.ip(253, b''), k.ip(253, k.pad())]
        if f == 4:
            pk += [P.ip4(A, B, 17, P.udp_seg(A, B, 1000, 53, k.pad()), opts=b'\1' * n) for n in (4, 40)] + P.fragment4(k.udp(1000, 53, payload=bytes(500)), 200)
    return Case('m-bpf', 'programs of the packet filter: loads at all widths and places, jumps, arithmetic, the end of the packet', counting(rules, FIRST), counting(rules, FIRST), pk, {'bytecode': 'some programs ask for the other family, or load beyond short packets'})


def cluster():
    text = lambda: counting(['-m cluster --cluster-total-nodes %d --cluster-local-node %d --cluster-hash-seed %s' % (t, n, s) for t, n, s in ((2, 1, '0xdeadbeef'), (2, 2, '0xdeadbeef'), (3, 2, '1'), (5, 5, '0'), (32, 6, '0xffffffff'))] + ['-m cluster --cluster-total-nodes 4 ! --cluster-local-node 3 --cluster-hash-seed 7', '-m cluster --cluster-total-nodes 4 --cluster-local-nodemask 5 --cluster-hash-seed 7', '-m cluster --cluster-total-nodes 1 --cluster-local-node 1 --cluster-hash-seed 7'], (('mangle', 'PREROUTING'),))
    pk = []
    for f in BOTH:
        k = Kit('cluster', f)
        for n in range(60):
            src = '2%03x:%x::1' % (n * 7, n * 1077) if k.v6 else '10.11.%d.%d' % (n % 7, n + 1)
            pk.append(k.udp(src=src))
            if n % 4 == 0:
                pk.append(('b', k.udp(2000, 1000, side='b', dst=src)))
        pk += [k.tcp(flags=0)]
    return Case('m-cluster', 'which of several machines takes a connection, by its source', text(), text(), pk)


def connlabel():
    rules = ['-m connlabel --label 0', '-m connlabel --label 7', '-m connlabel --label 127', '-m connlabel ! --label 7', '-p udp -m udp --dport 2000 -m connlabel --label 7 --set', '-p udp -m udp --dport 2001 -m connlabel --label 127 --set', '-m connlabel --label 7', '-p udp -m udp --sport 1001 -m connlabel ! --label 0 --set', '-m connlabel --label 0', '-p udp -m udp --sport 1001 -m connlabel --label 9 --set', '-m connlabel --label 9', '-m connlabel --label 64']
    text = counting(rules, (('mangle', 'FORWARD'),))
    pk = []
    for f in BOTH:
        k = Kit('connlabel', f)
        pk += [x for s in (1000, 1001) for d in (2000, 2001, 2002) for x in (k.udp(s, d), ('b', k.udp(d, s, side='b')), k.udp(s, d))] + [k.tcp(flags=0)]
    return Case('m-connlabel', 'labels that are set, asked for, and not there', text, text, pk, {'--label "64"': 'nobody sets it', '! --label "0" --set': 'once set, it is there'})


def cpu():
    rules = ['-m cpu --cpu 0', '-m cpu --cpu 1', '-m cpu ! --cpu 0', '-m cpu --cpu 7']
    text = counting(rules, HERE[1:] + (('raw', 'PREROUTING'),))
    pk = []

    def on(n):
        return lambda lab: os.sched_setaffinity(0, {n})
    for f in BOTH:
        k = Kit('cpu', f)
        pk += [on(0)] + [k.udp() for _ in range(3)] + [on(1)] + [('b', k.udp(side='b')) for _ in range(4)]
    return Case('m-cpu', 'packets that two CPUs handle', text, text, pk, {'--cpu 7': 'there are two'}, host=lambda t: t.replace('r0, mac', 'r0, cpu: 0, mac').replace('r1, mac', 'r1, cpu: 1, mac'))


def clock():
    """Around the time of the recording, which the capture has: a minute before and after, the second, the day of the week and the month."""
    def rules():
        now = int(time.time()) + 2
        g = lambda n, form: time.strftime(form, time.gmtime(now + n))
        day, month = int(g(0, '%u')), int(g(0, '%d'))
        days = 'Mon Tue Wed Thu Fri Sat Sun'.split()
        out = ['--timestart %s --timestop %s' % (g(-60, '%H:%M:%S'), g(x, '%H:%M:%S')) for x in (1, 60)] + ['--timestart %s' % g(1, '%H:%M:%S'), '--timestop %s' % g(1, '%H:%M:%S'), '--timestart %s --timestop %s' % (g(2, '%H:%M:%S'), g(-60, '%H:%M:%S')), '--timestart %s --timestop %s --contiguous --weekdays %s' % (g(1, '%H:%M:%S'), g(-60, '%H:%M:%S'), days[day - 1])]
        out += ['--weekdays %s' % days[day - 1], '--weekdays %s' % days[day % 7], '! --weekdays %s' % days[day - 1], '--monthdays %d' % month, '--monthdays %d' % (month % 28 + 1), '! --monthdays %d' % month, '--weekdays %s,%s --monthdays %d,31' % (days[day - 1], days[day % 7], month)]
        out += ['--datestart %s' % g(1, '%Y-%m-%dT%H:%M:%S'), '--datestop %s' % g(1, '%Y-%m-%dT%H:%M:%S'), '--datestart %s --datestop %s' % (g(-3600, '%Y-%m-%dT%H:%M:%S'), g(1, '%Y-%m-%dT%H:%M:%S')), '--datestart 2037-01-01', '--datestop 2020-01-01', '--kerneltz --timestart %s' % g(1, '%H:%M:%S')]
        return counting(['-m time ' + r for r in out], FIRST)
    k = [Kit('time', f) for f in BOTH]

    def play(lab):
        # in the middle of seconds, so that a clock read a little later says the same
        begin = int(time.time()) + 1
        for n in range(5):
            time.sleep(max(0, begin + n + .5 - time.time()))
            for x in k:
                lab.send('a', x.udp())
    return Case('m-time', 'before, within and after spans of time, on this day and on others', rules, rules, [play], {'days|date(start 2037|stop 2020)': 'the recording takes seconds, not days', 'timestart .*timestop': 'the recording takes seconds, not minutes'})


def rpfilter():
    rules = ['-m rpfilter', '-m rpfilter --invert', '-m rpfilter --loose', '-m rpfilter --loose --invert', '-m rpfilter --accept-local', '-m rpfilter --loose --accept-local', '-m rpfilter --validmark', '-m rpfilter --accept-local --invert']
    text = counting(rules, FIRST)
    pk = []
    for f in BOTH:
        k = Kit('rpfilter', f)
        some = ('10.1.0.9', '10.2.0.9', '10.11.3.3', '10.22.3.3', '8.8.8.8', R0, R1, '10.77.0.1', '10.78.0.1', '10.79.0.1', '127.0.0.1', '0.0.0.0', '10.1.0.255', '224.0.0.9') if f == 4 else ('fd00:1::9', 'fd00:2::9', 'fd00:11::9', 'fd00:22::9', '2001:db8::1', R06, R16, 'fd00:77::1', 'fd00:78::1', 'fd00:79::1', '::')
        for side in 'ab':
            pk += [(side, k.udp(src=s, side=side)) for s in some] + ([k.udp(src='fe80::5')] if k.v6 and side == 'a' else []) + [(side, k.udp(src='::' if k.v6 else '0.0.0.0', dst='ff02::1' if k.v6 else '255.255.255.255', side=side))]

    def routes(lab):
        for kind, n in (('blackhole', 77), ('unreachable', 78), ('prohibit', 79)):
            lab.run_in('r', ['ip', 'route', 'add', kind, '10.%d.0.0/16' % n], check=True)
            lab.run_in('r', ['ip', '-6', 'route', 'add', kind, 'fd00:%d::/32' % n], check=True)
        for dev in ('r0', 'r1'):
            lab.run_in('r', ['ip', 'addr', 'add', 'fe80::1/64', 'dev', dev, 'nodad'], check=True)
            lab.run_in('r', ['ip', 'neigh', 'replace', 'fe80::5', 'lladdr', R.MAC[dev.replace('r0', 'a0').replace('r1', 'b0')], 'dev', dev, 'nud', 'permanent'], check=True)
        lab.sleep(1)
    added = ['- {to: "%s", type: %s}' % (t % n, kind) for kind, n in (('blackhole', 77), ('unreachable', 78), ('prohibit', 79)) for t in ('10.%d.0.0/16', 'fd00:%d::/32')]

    def host(text):
        text = text.replace('routes:\n', 'routes:\n' + ''.join('  %s\n' % x for x in added))
        return text.replace('::1/64"]', '::1/64", "fe80::1/64"]')
    return Case('m-rpfilter', 'sources that are reached where they come from, elsewhere, or not at all', text, text, pk, prepare=routes, host=host)


def realm():
    rules = ['-m realm --realm 3', '-m realm ! --realm 3', '-m realm --realm 0x50003', '-m realm --realm 0x30005', '-m realm --realm 0x3/0xffff', '-m realm --realm 0x30000/0xffff0000', '-m realm --realm 0', '-m realm ! --realm 0x5/0xf']
    text = table('filter', {'FORWARD': ['-m conntrack --ctstate NEW']}) + table('mangle', {c: ['-j t'] for c in ('INPUT', 'FORWARD', 'POSTROUTING')} | {'t': [''] + rules})
    k = Kit('realm', 4)
    nets = ['10.33.0.1', '10.55.0.1', B, '10.35.0.1']
    pk = [(s, k.udp(src=src, dst=dst, side=s)) for s in 'ab' for src in ('10.44.0.1', '10.33.0.5', '10.55.0.5', '10.1.0.2', '10.35.0.5') for dst in nets + [R0, '10.44.0.9']]
    routes = [('10.33.0.0/16', '10.2.0.2', 'r1', '3'), ('10.55.0.0/16', '10.2.0.2', 'r1', '5'), ('10.44.0.0/16', '10.1.0.2', 'r0', '3'), ('10.35.0.0/16', '10.2.0.2', 'r1', '3/5')]

    def prepare(lab):
        for to, via, dev, realm in routes:
            lab.run_in('r', ['ip', 'route', 'add', to, 'via', via, 'dev', dev, 'realm', realm], check=True)
    added = ['- {to: "%s", via: "%s", dev: %s, realm: "%s"}' % x for x in routes]
    return Case('m-realm', 'realms of the route to the destination and of the one back to the source', text, None, pk, prepare=prepare, host={'routes': added})


def nothing_known():
    """What asks for things that the router does not have."""
    rules = ['-m physdev --physdev-is-bridged', '-m physdev ! --physdev-is-bridged', '-m physdev --physdev-in r0', '-m physdev ! --physdev-in r0', '-m physdev --physdev-out r1 --physdev-is-out', '-m physdev ! --physdev-is-in ! --physdev-is-out']
    v4 = ['-p tcp -m osf --genre Linux', '-p tcp -m osf --genre Linux --ttl 2', '-p tcp -m osf ! --genre Linux', '-p tcp -m osf --genre unknown']
    text = lambda own: counting(rules + own, (('mangle', 'FORWARD'),))
    pk = []
    for f in BOTH:
        k = Kit('nothing', f)
        pk += [k.udp(), k.tcp(), k.tcp(opts=b'\2\4\5\xb4\4\2\x08\x0a' + bytes(8) + b'\1\3\3\7', payload=b''), ('b', k.tcp(flags=0x12, side='b'))]
    return Case('m-physdev-osf', 'no bridge, no fingerprints: what is asked of them', text(v4), text([]), pk, {'physdev': 'there is no bridge', 'osf': 'no fingerprints are loaded'})


def nfacct():
    rules = ['-m nfacct --nfacct-name plain', '-p udp -m nfacct --nfacct-name pack', '-m nfacct --nfacct-name size', '-p tcp -m nfacct --nfacct-name pack']
    text = counting(rules, FIRST)

    def objects(lab):
        for name, flags, quota in (('plain', None, None), ('pack', 1, 6), ('size', 2, 900)):
            attr = lambda t, d: struct.pack('HH', 4 + len(d), t) + d + b'\0' * (-len(d) % 4)
            body = struct.pack('!BBH', 0, 0, 0) + attr(1, name.encode() + b'\0')
            if flags is not None:
                body += attr(5, struct.pack('!I', flags)) + attr(6, struct.pack('!Q', quota))
            lab.ns.enter('r')
            try:
                s = R.socket.socket(R.socket.AF_NETLINK, R.socket.SOCK_RAW, 12)
                s.send(struct.pack('IHHII', 16 + len(body), 7 << 8, 0x405, 1, 0) + body)
                answer = s.recv(4096)
                s.close()
            finally:
                lab.ns.leave()
            error = struct.unpack('i', answer[16:20])[0]
            if error:
                raise OSError(-error, 'nfacct ' + name)
    pk = []
    for f in BOTH:
        k = Kit('nfacct', f)
        pk += [k.udp() for _ in range(6)] + [k.tcp() for _ in range(4)]
    return Case('m-nfacct', 'objects without a quota, with one of packets and one of bytes', text, text, pk, {'nfacct': 'objects count for both families: one has no quota, those with one run out in the middle'}, prepare=objects, host={'nfacct': ['plain:', 'pack: {quota: 6, unit: packets}', 'size: {quota: 900, unit: bytes}']})


# name, create options, host.yaml, elements: (members4, members6)
SETS = [
    ('ips', 'hash:ip', '', ['10.1.0.3', '10.2.0.2', '10.11.0.0/30'], ['fd00:1::3', 'fd00:2::2']),
    ('nets', 'hash:net', '', ['10.1.0.0/24', '10.1.0.4/31 nomatch', '10.22.0.0/16'], ['fd00:1::/64', 'fd00:1::4/127 nomatch', 'fd00:22::/32']),
    ('ipport', 'hash:ip,port', '', ['10.1.0.2,udp:1000', '10.1.0.3,tcp:80-82', '10.1.0.2,icmp:echo-request', '10.2.0.2,udp:53'], ['fd00:1::2,udp:1000', 'fd00:1::3,tcp:80-82', 'fd00:1::2,icmpv6:128/0', 'fd00:2::2,udp:53']),
    ('netport', 'hash:net,port', '', ['10.1.0.0/29,udp:2000', '10.2.0.0/24,tcp:80', '10.1.0.3,udp:2000 nomatch'], ['fd00:1::/64,udp:2000', 'fd00:2::/64,tcp:80', 'fd00:1::3,udp:2000 nomatch']),
    ('ipportip', 'hash:ip,port,ip', '', ['10.1.0.2,udp:53,10.2.0.2', '10.1.0.3,tcp:80,10.2.0.3'], ['fd00:1::2,udp:53,fd00:2::2', 'fd00:1::3,tcp:80,fd00:2::3']),
    ('ipportnet', 'hash:ip,port,net', '', ['10.1.0.2,udp:53,10.2.0.0/31', '10.1.0.3,tcp:80,10.2.0.0/24'], ['fd00:1::2,udp:53,fd00:2::2/127', 'fd00:1::3,tcp:80,fd00:2::/64']),
    ('netif', 'hash:net,iface', '', ['10.1.0.0/24,r0', '10.2.0.0/24,r1', '10.2.0.3,r0'], ['fd00:1::/64,r0', 'fd00:2::/64,r1', 'fd00:2::3,r0']),
    ('counted', 'hash:ip', 'counters', ['10.1.0.2', '10.1.0.3'], ['fd00:1::2', 'fd00:1::3']),
    ('timed', 'hash:ip', 'timeout 100', ['10.1.0.2 timeout 1', '10.1.0.3', '10.1.0.4 timeout 0'], ['fd00:1::2 timeout 1', 'fd00:1::3', 'fd00:1::4 timeout 0']),
    ('added', 'hash:ip,port', 'timeout 50', [], []),
    ('short', 'hash:ip', 'timeout 50', [], []),
]
ONLY4 = [
    ('mapip', 'bitmap:ip', 'range 10.1.0.0/24', ['10.1.0.3', '10.1.0.8-10.1.0.9'], None),
    ('mapipmac', 'bitmap:ip,mac', 'range 10.1.0.0/24', ['10.1.0.2,02:00:00:00:01:02', '10.1.0.3,aa:bb:cc:00:00:0f', '10.1.0.4'], None),
    ('ports', 'bitmap:port', 'range 0-2100', ['53', '80-82', '2000'], None),
]


def sets():
    # (this kernel has no hash:mac, hash:ip,mac, hash:ip,mark, hash:net,net)
    one = ['ips src', 'ips dst', 'nets src', 'nets dst', 'ipport src,src', 'ipport src,dst', 'ipport dst,dst', 'netport src,dst', 'netport dst,dst', 'ipportip src,dst,dst', 'ipportip src,src,dst', 'ipportnet src,dst,dst', 'netif src,src', 'netif dst,src', 'netif src,dst', 'timed src', 'listed src', 'listed dst', 'ips src,dst', 'ipport src']
    four = ['mapip src', 'mapipmac src,src', 'ports dst', 'ports src']
    plain = lambda n, names: ['-m set --match-set %s%s' % (x.split()[0] + ('' if x.split()[0] in [y[0] for y in ONLY4] else str(n)), ' ' + x.split()[1]) for x in names]

    def rules(n):
        out = plain(n, one) + plain(n, four if n == 4 else ['ports dst']) + ['-m set ! --match-set ips%d src' % n, '-m set ! --match-set nets%d dst' % n, '-m set ! --match-set ipport%d src,dst' % n, '-m set --match-set nets%d src --return-nomatch' % n, '-m set ! --match-set nets%d src --return-nomatch' % n]
        c = '-m set --match-set counted%d src' % n
        out += [c + ' ! --update-counters --packets-%s' % x for x in ('eq 4', 'lt 5', 'gt 5')] + [c + ' ! --update-counters ! --packets-eq 4', c + ' ! --update-counters --bytes-gt 500', c + ' --bytes-lt 900', c + ' --packets-gt 2 --bytes-gt 200']
        out += ['-p udp -m udp --dport 2000 -j SET --add-set added%d src,dst' % n, '-p udp -m udp --dport 2001 -j SET --add-set added%d src,src --exist --timeout 2' % n, '-p udp -m udp --dport 2002 -j SET --del-set added%d src,src' % n, '-p tcp -j SET --add-set short%d src --timeout 1' % n, '-p tcp -j SET --add-set short%d dst --exist --timeout 0' % n, '-m set --match-set added%d src,dst' % n, '-m set --match-set added%d src,src' % n, '-m set --match-set short%d src' % n, '-m set --match-set short%d dst' % n]
        return counting(out, FIRST).replace('-A PREROUTING -j t', '-A PREROUTING -p udp -m udp --sport 1007 -j MARK --set-mark 7\n-A PREROUTING -j t', 1)
    pk = []
    for f in BOTH:
        k = Kit('set', f)
        a, b, c, d = ('fd00:1::%d', 'fd00:2::%d', 'fd00:11::%d', 'fd00:22::%d') if k.v6 else ('10.1.0.%d', '10.2.0.%d', '10.11.0.%d', '10.22.0.%d')
        for s in (2, 3, 4, 5, 6):
            for t in (2, 3):
                pk += [k.udp(1000, p, src=a % s, dst=b % t) for p in (53, 2000)] + [k.tcp(1001, p, src=a % s, dst=b % t) for p in (80, 83)]
        pk += [k.udp(53, 5), k.udp(1007, 53), k.udp(1007, 99, src=a % 3), k.icmp(128 if k.v6 else 8), k.icmp(129 if k.v6 else 0, src=a % 3), k.udp(src=c % 1), k.udp(src=c % 4), k.udp(dst=d % 1), k.udp(src=a % 9), k.udp(src=a % 8, dst=b % 9), ('b', k.udp(53, 1000, side='b')), ('b', k.udp(side='b', src=b % 3)), k.udp(2000, 2001), k.udp(2000, 5), k.udp(2000, 2002), k.udp(2000, 5), k.ip(253, k.pad()), k.udp(src=a % 7, dst=b % 8)]
        pk += [frame('a', k.udp(src=a % n), src='aa:bb:cc:00:00:0f') for n in (2, 3, 4)]
        if f == 4:
            pk += P.fragment4(k.udp(1000, 53, payload=bytes(300)), 160)
        pk += [('a', k.udp(2000, 2001, src=a % 3), 0.2), k.udp(2000, 6, src=a % 3), k.tcp(5, 6, src=a % 5)]
    # what times out, after it did
    late = [Kit('set-late', f) for f in BOTH]
    for n, k in enumerate(late):
        a = 'fd00:1::%d' if k.v6 else '10.1.0.%d'
        pk += [('a', k.udp(2000, 5, src=a % 3), 1.6 if n == 0 else 0), k.udp(src=a % 2), k.udp(src=a % 4), k.udp(src=a % 5)]
    for n, k in enumerate(late):
        a = 'fd00:1::%d' if k.v6 else '10.1.0.%d'
        pk += [('a', k.udp(2000, 6, src=a % 3), 1.0 if n == 0 else 0), k.udp(src=a % 5)]
    made = [(name + str(n), kind, ('' if n == 4 else 'family inet6 ') + opts, members[n // 6]) for name, kind, opts, *members in SETS for n in (4, 6)] + [(name, kind, opts, m) for name, kind, opts, m, _ in ONLY4]
    made += [('listed%d' % n, 'list:set', '', ['ips%d' % n, 'nets%d' % n]) for n in (4, 6)]

    def prepare(lab):
        text = ''.join('create %s %s %s\n' % (n, kind, opts) + ''.join('add %s %s\n' % (n, m) for m in members) for n, kind, opts, members in made)
        lab.run_in('r', ['ipset', 'restore'], text, check=True)

    def host(text):
        text += 'sets:\n'
        for n, kind, opts, members in made:
            words = opts.split()
            said = ['type: "%s"' % kind] + ['counters: true' for w in words if w == 'counters'] + ['%s: %s' % (words[i], words[i + 1]) for i, w in enumerate(words) if w in ('family', 'timeout', 'range')]
            text += '  %s: {%s, entries: [%s]}\n' % (n, ', '.join(said), ', '.join('"%s"' % m for m in members))
        return text
    return Case('m-set', 'sets of all kinds by all their parts, with exceptions, counters, timeouts; added to and taken from', rules(4), rules(6), pk, {'match-set ipport.? src$': 'fewer parts than the elements have', 'netif. src,dst': 'it is not known yet where the packet leaves'}, prepare=prepare, host=host)


ECHO = '''
import select, socket, sys
tcp, names = sys.argv[1] == "tcp", sys.argv[2:]
socks = []
for name in names:
    address, port = name.rsplit(".", 1)
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    if ":" in address:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((address, int(port)))
    if tcp:
        s.listen(5)
    socks.append(s)
while True:
    for s in select.select(socks, [], [])[0]:
        if tcp:
            s.accept()
        else:
            data, peer = s.recvfrom(2000)
            s.sendto(data[::-1], peer)
'''


def processes():
    """Servers of two users in the router that answer what they get."""
    out = ['-m owner --uid-owner 1001', '-m owner ! --uid-owner 1001', '-m owner --uid-owner 1000-1001', '-m owner --gid-owner 1002', '-m owner ! --gid-owner 1002', '-m owner --gid-owner 1003 --suppl-groups', '-m owner --socket-exists', '-m owner ! --socket-exists', '-m owner --uid-owner 0 --gid-owner 0', '-m owner ! --uid-owner 0 --gid-owner 1002', '-m owner --uid-owner 1002-1004']
    group = ['-m cgroup --cgroup 0', '-m cgroup ! --cgroup 0', '-m cgroup --cgroup 5']
    pre = ['-m socket', '-m socket --nowildcard', '-m socket --transparent', '-m socket --nowildcard --restore-skmark', '-p udp -m socket --nowildcard']
    text = lambda: table('raw', {'PREROUTING': ['-j t'], 't': [''] + pre}) + table('mangle', {'OUTPUT': ['-j t'], 'POSTROUTING': ['-j t'], 't': [''] + out + group, 'INPUT': ['-j u'], 'u': [''] + group, 'PREROUTING': ['-j v'], 'v': [''] + pre}) + TRACKED

    def start(lab):
        python = lambda *a: [sys.executable, '-c', ECHO, *a]
        lab.popen('r', ['setpriv', '--reuid', '1001', '--regid', '1002', '--groups', '1003,1005'] + python('udp', '0.0.0.0.5001', '::.5001', R0 + '.5003', R06 + '.5003'))
        lab.popen('r', python('udp', '0.0.0.0.5002', '::.5002'))
        lab.popen('r', ['setpriv', '--reuid', '1001', '--regid', '1002', '--clear-groups'] + python('tcp', R0 + '.5001', R06 + '.5001'))
        for port, proto in ((5001, 'udp'), (5002, 'udp'), (5003, 'udp'), (5001, 'tcp')):
            lab.wait_listen('r', port, proto)

    def play(lab):
        def send(packet):
            lab.send('a', packet)
            time.sleep(0.02)
            lab.drain()
        for f in BOTH:
            k = Kit('processes', f)
            for port in (5001, 5002, 5003, 5004):
                send(k.udp(1000 + port, port, dst=k.r0))
                send(k.udp(1000 + port, port, dst=k.r0))
            send(k.udp(7, 5003, dst=k.r1))
            send(k.udp(7, 5001, dst=k.r1))
            send(k.icmp(128 if k.v6 else 8, dst=k.r0))
            for port in (5001, 5005):
                send(k.tcp(1000, port, dst=k.r0, payload=b'', tcpkw={'seq': 5}))
            send(k.udp(1000, 5001))
            send(k.tcp(1000, 5001))
            # what a server's answer leads to
            send(k.icmp(*((1, 4) if k.v6 else (3, 3)), rest=bytes(4), payload=P.udp(k.r0, k.a, 5003, 6003, b'abcd'), dst=k.r0))
    name = lambda proto, port, local, more: '- {protocol: %s, local: "%s:%d", uid: %s}' % (proto, local, port, more)
    one, two, three = '1001, gid: 1002, groups: [1003, 1005]', '0, gid: 0', '1001, gid: 1002, groups: []'
    listed = [name('udp', 5001, '*', one), name('udp', 5003, R0, one), name('udp', 5003, '[%s]' % R06, one), name('udp', 5002, '*', two), name('tcp', 5001, R0, three), name('tcp', 5001, '[%s]' % R06, three)]
    return Case('m-owner-socket', 'servers of two users in the router: what they get and what they send', text(), text(), [play], {'--uid-owner 1002-1004': 'nobody is one of them', 'cgroup (! --cgroup 0|--cgroup 5)': 'all are of class 0', 'cgroup --cgroup 0$': 'a socket that is not connected is looked for behind INPUT', '--transparent': 'no socket is transparent'}, prepare=start, host={'sockets': listed}, deaf=False, local=True)


CASES = (processes, sets, eui64, mh, srh, bpf, cluster, connlabel, cpu, clock, rpfilter, realm, nothing_known, nfacct)
