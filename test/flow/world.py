#!/usr/bin/env python3
"""
Makes a connection table of every kind that a namespace can hold, and records every text form of it. As root:
    TZ=UTC unshare -n -m python3 world.py FOLDER [FORMS [MAIN]]
Three phases, each a folder: `plain` (no accounting, no times), `counted` (accounting), `both`. FORMS: `some` leaves out combinations of -o and a phase, `all` does not.
MAIN, a program, is asked for the same listings as conntrack: what it says goes into files whose names begin with `ours-`.
Needs conntrack-tools, iptables-legacy; the network and mount namespaces have to be private.
"""
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time

OUT, SOME, MAIN = sys.argv[1], sys.argv[2:3] == ['some'], (sys.argv[3:] + [''])[0]
LINE_FORMS = ['', 'extended', 'id', 'ktimestamp', 'labels', 'timestamp', 'userspace', 'extended,id', 'id,labels', 'extended,ktimestamp', 'ktimestamp,labels',
              'extended,timestamp,userspace', 'extended,id,ktimestamp,labels']
XML_FORMS = ['xml', 'xml,ktimestamp', 'xml,labels', 'xml,id,timestamp', 'xml,ktimestamp,labels,extended,id']
EVENT_FORMS = ['', 'extended', 'id', 'timestamp', 'ktimestamp', 'labels', 'userspace', 'extended,id,timestamp,ktimestamp,labels', 'save', 'xml', 'xml,timestamp',
               'xml,ktimestamp,labels,timestamp']
EXPECT_FORMS = ['', 'extended', 'id', 'timestamp', 'labels', 'save', 'xml', 'xml,timestamp', 'extended,timestamp']
FILTERS = ['-n', '-g', '-j -o save', '-f ipv6', '-f ipv4 -p tcp', '-u ASSURED', '-u UNREPLIED', '-w 12', '-l db', '-m 17', '-p icmp -n', '-p sctp -o save', '-s fd00::/16', '-d 10.9.0.0/24']
if SOME:
    LINE_FORMS, XML_FORMS = [''], ['xml']
    EVENT_FORMS = ['', 'extended,id,timestamp,ktimestamp,labels', 'save', 'xml,ktimestamp,labels,timestamp']
    EXPECT_FORMS = ['', 'timestamp', 'xml', 'xml,timestamp']


def run(command, check=True):
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    if check and done.returncode:
        sys.exit('%s: %s' % (command, done.stderr.strip()))
    return done.stdout


def labels():
    """connlabel.conf of our own, over /etc as it is."""
    tmp = tempfile.mkdtemp()
    run('mount --make-rprivate /; mount -t tmpfs none %s' % tmp)
    os.mkdir(tmp + '/up')
    os.mkdir(tmp + '/work')
    run('mount -t overlay overlay -o lowerdir=/etc,upperdir=%s/up,workdir=%s/work /etc; mkdir -p /etc/xtables' % (tmp, tmp))
    with open('/etc/xtables/connlabel.conf', 'w') as f:
        f.write('0 eth0-in\n1 eth0-out\n5 db\n64 web-2\n77 last\n127 top\n')


def rules():
    run('ip link set lo up; ip addr add 10.0.0.1/24 dev lo; ip addr add 10.0.0.2/24 dev lo; ip addr add 192.0.2.1/24 dev lo')
    run('ip link add v0 type veth peer name v1; ip link set v1 up; ip addr add 10.9.0.1/24 brd 10.9.0.255 dev v0; ip link set v0 up')
    run('ip addr add fd00::1/64 dev lo nodad; ip addr add fd00::2/64 dev lo nodad; sysctl -qw net.ipv4.conf.all.accept_local=1')
    for name in os.listdir('/proc/sys/net/netfilter'):
        if '_timeout' in name and 'frag' not in name and int(run('sysctl -n net.netfilter.' + name)) < 1000:
            run('sysctl -qw net.netfilter.%s=1000' % name)
    text = '*raw\n'
    for protocol, port, helper in (('tcp', 21, 'ftp'), ('udp', 69, 'tftp'), ('udp', 5060, 'sip'), ('tcp', 6667, 'irc'), ('tcp', 1723, 'pptp'), ('udp', 10080, 'amanda'),
                                   ('udp', 137, 'netbios-ns'), ('udp', 161, 'snmp'), ('tcp', 6566, 'sane'), ('tcp', 1720, 'Q.931'), ('udp', 1719, 'RAS')):
        text += '-A OUTPUT -p %s --dport %d -j CT --helper %s\n' % (protocol, port, helper)
    text += '-A OUTPUT -p tcp --dport 2121 -j CT --helper ftp --zone 12\n-A OUTPUT -p tcp --sport 2121 -j CT --zone 12\n'
    text += '-A PREROUTING -p tcp --dport 2121 -j CT --helper ftp --zone 12\n-A PREROUTING -p tcp --sport 2121 -j CT --zone 12\n'
    text += ''.join('-A OUTPUT -p udp --dport %d -j CT %s\n' % (p, z) for p, z in ((5104, '--zone 3'), (5105, '--zone-orig 4'), (5106, '--zone-reply 5'), (5107, '--zone 65535')))
    text += 'COMMIT\n*filter\n'
    for port, names in ((5110, ['eth0-in']), (5111, ['eth0-in', 'db', 'top']), (5112, ['web-2', '99']), (5114, ['99'])):
        text += ''.join('-A OUTPUT -p udp --dport %d -m connlabel --label "%s" --set\n' % (port, n) for n in names)
    text += '-A OUTPUT -p udp --dport 5113 -j CONNMARK --set-mark 0xfedcba98\nCOMMIT\n*nat\n'
    text += '-A OUTPUT -p udp --dport 5120 -j DNAT --to 10.0.0.2:5121\n-A OUTPUT -p udp --dport 5122 -j REDIRECT --to-ports 5123\n'
    text += '-A OUTPUT -p tcp --dport 2122 -j DNAT --to 10.0.0.2:21\n-A POSTROUTING -p tcp --dport 21 -s 10.0.0.1 -d 10.0.0.2 -j SNAT --to 192.0.2.1\n'
    text += '-A POSTROUTING -p udp --dport 5124 -j SNAT --to 192.0.2.1\n-A POSTROUTING -p udp --dport 5125 -j SNAT --to 192.0.2.1:5999\n'
    text += '-A POSTROUTING -p icmp -d 10.0.0.2 --icmp-type echo-request -j SNAT --to 192.0.2.1\n-A OUTPUT -p udp --dport 5126 -j DNAT --to 10.0.0.2:5127\n'
    text += '-A POSTROUTING -p udp --dport 5127 -j SNAT --to 192.0.2.1:4999\nCOMMIT\n'
    subprocess.run(['iptables-legacy-restore'], input=text, text=True, check=True)
    text = '*raw\n-A OUTPUT -p tcp --dport 21 -j CT --helper ftp\nCOMMIT\n*nat\n-A POSTROUTING -p udp --dport 5124 -j SNAT --to fd00::2\n'
    text += '-A OUTPUT -p udp --dport 5120 -j DNAT --to [fd00::2]:5121\nCOMMIT\n'
    subprocess.run(['ip6tables-legacy-restore'], input=text, text=True, check=True)


def inserted():
    """What conntrack -I makes."""
    def add(text):
        subprocess.run(['conntrack', '-I'] + text.split(), capture_output=True)
    tcp = '-p tcp -s 10.0.0.1 -d 10.0.0.2 --dport 80 '
    states = 'NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE LISTEN'.split()
    for i, state in enumerate(states):
        add(tcp + '--sport %d -t 5000 --state %s%s' % (1000 + i, state, ' -u SEEN_REPLY' if i % 2 else ''))
    add(tcp + '--sport 1020 --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 432000')
    add(tcp + '--sport 1021 --state ESTABLISHED -u ASSURED -t 432000 -m 17')
    add(tcp + '--sport 1022 --state ESTABLISHED -u SEEN_REPLY,ASSURED,FIXED_TIMEOUT -t 5000')
    add(tcp + '--sport 1023 --state TIME_WAIT -u SEEN_REPLY -w 5 -t 5000')
    add(tcp + '--sport 1024 --state LAST_ACK -u SEEN_REPLY --orig-zone 6 -t 5000')
    add(tcp + '--sport 1025 --state CLOSE_WAIT -u SEEN_REPLY --reply-zone 7 -t 5000')
    add(tcp + '--sport 1026 --state FIN_WAIT -u SEEN_REPLY -n 192.0.2.1 -t 5000')
    add(tcp + '--sport 1027 --state CLOSE -u SEEN_REPLY -g 192.0.2.2:8080 -t 5000')
    add(tcp + '--sport 1028 --state ESTABLISHED -u SEEN_REPLY -n 192.0.2.1:77 -g 192.0.2.2:8080 -t 5000')
    add(tcp + '--sport 1029 --state ESTABLISHED -u SEEN_REPLY -g 10.0.0.2:8080 -t 5000')
    add(tcp + '--sport 1030 --state ESTABLISHED -r 10.0.0.77 -q 10.0.0.78 --reply-port-src 81 --reply-port-dst 2001 -t 5000')
    add(tcp + '--sport 1031 --state ESTABLISHED -t 4294967 -m 0xffffffff --label-add last -w 65535')
    add(tcp + '--sport 1032 --state ESTABLISHED -t 5000 -u OFFLOAD')
    add(tcp + '--sport 65535 --state ESTABLISHED -t 5000')
    for i, (s, d) in enumerate((('fd00::1', 'fd00::2'), ('::1.2.3.4', '::ffff:1.2.3.4'), ('2001:db8:0:1::1', '2001:db8:0:0:1:0:0:1'), ('::', '::1'), ('1:2:3:4:5:6:7:8', '1:0:3:0:5:0:7:0'),
                                ('ff02::1:ff00:0', 'fe80::'), ('::2', '1::'), ('0:0:1::', '::ffff:0:1.2.3.4'), ('64:ff9b::1.2.3.4', '1:0:0:2:0:0:0:3'), ('::fffe:1:2', '::1:0'))):
        add('-p udp -s %s -d %s --sport %d --dport 53 -t 5000%s' % (s, d, 1000 + i, ' -u SEEN_REPLY' if i % 2 else ''))
    add('-p tcp -s fd00::1 -d fd00::2 --sport 1000 --dport 80 -t 5000 --state SYN_RECV -u SEEN_REPLY -w 9 -m 0x80000000')
    add('-p tcp -s fd00::1 -d fd00::2 --sport 1001 --dport 80 -t 5000 --state ESTABLISHED -n [fd00::77]:8080 -g [fd00::78]:81')
    add('-p tcp -s fd00::1 -d fd00::2 --sport 1002 --dport 80 -t 5000 --state ESTABLISHED --orig-zone 8')
    add('-p udp -s 10.0.0.1 -d 10.0.0.2 --sport 1000 --dport 53 -t 5000')
    add('-p udplite -s 10.0.0.1 -d 10.0.0.2 --sport 1000 --dport 53 -t 5000')
    add('-p udplite -s fd00::1 -d fd00::2 --sport 1000 --dport 53 -t 5000 -u SEEN_REPLY')
    for kind in (8, 13, 15, 17):
        add('-p icmp -s 10.0.0.1 -d 10.0.0.2 --icmp-type %d --icmp-code 0 --icmp-id %d -t 5000' % (kind, kind * 4000))
    for kind in (128, 139):
        add('-p icmpv6 -s fd00::1 -d fd00::2 --icmpv6-type %d --icmpv6-code 0 --icmpv6-id 65535 -t 5000' % kind)
    for i, state in enumerate('NONE CLOSED COOKIE_WAIT COOKIE_ECHOED ESTABLISHED SHUTDOWN_SENT SHUTDOWN_RECD SHUTDOWN_ACK_SENT HEARTBEAT_SENT'.split()):
        add('-p sctp -s 10.0.0.1 -d 10.0.0.2 --sport %d --dport 53 -t 5000 --state %s --orig-vtag %d --reply-vtag %d' % (1000 + i, state, i, 4294967295 - i))
    add('-p sctp -s fd00::1 -d fd00::2 --sport 1000 --dport 53 -t 5000 --state ESTABLISHED --orig-vtag 1 --reply-vtag 2')
    add('-p gre -s 10.0.0.1 -d 10.0.0.2 --srckey 0x10 --dstkey 0x20 -t 5000')
    add('-p gre -s fd00::1 -d fd00::2 --srckey 0xffff --dstkey 0 -t 5000 -u SEEN_REPLY,ASSURED')
    add('-p dccp -s 10.0.0.1 -d 10.0.0.2 --sport 1000 --dport 53 -t 5000 --state OPEN --role client')
    for protocol in (2, 50, 51, 89, 103, 255):
        add('-p %d -s 10.0.0.1 -d 10.0.0.2 -t 5000' % protocol)
    add('-p 50 -s fd00::1 -d fd00::2 -t 5000')


KEEP = []


def udp(source, port, to, toport, data=b'x', reply=None):
    family = socket.AF_INET6 if ':' in source else socket.AF_INET
    a, b = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
    for s in (a, b):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.settimeout(.3)
    a.bind((source, port))
    b.bind((to if reply is not None else '', toport) if family == socket.AF_INET else (to, toport))
    a.sendto(data, (to, toport))
    if reply is not None:
        try:
            answer = reply if isinstance(reply, list) else [reply]
            _, peer = b.recvfrom(9999)
            for r in answer:
                b.sendto(r, peer)
            a.recvfrom(9999)
        except OSError as error:
            print('udp', toport, error, file=sys.stderr)
    a.close()
    b.close()


def tcp(source, port, to, toport, talk, listen=None):
    """A conversation: (who, bytes) in turn; the sockets stay open."""
    family = socket.AF_INET6 if ':' in source else socket.AF_INET
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(listen or (to, toport))
    s.listen(5)
    c = socket.socket(family)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    c.bind((source, port))
    c.settimeout(2)
    c.connect((to, toport))
    a, _ = s.accept()
    for who, data in talk:
        (c if who == 'c' else a).sendall(data)
        time.sleep(.02)
    KEEP.extend((s, c, a))
    return s, c, a


def raw(protocol, source, to, *packets):
    """IP payloads: (way, bytes), way +1 from source to destination."""
    family = socket.AF_INET6 if ':' in source else socket.AF_INET
    for way, data in packets:
        s = socket.socket(family, socket.SOCK_RAW, protocol)
        s.bind((source if way > 0 else to, 0))
        s.sendto(data, (to if way > 0 else source, 0))
        s.close()


def icmp_sum(data):
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def icmp(kind, ident):
    body = struct.pack('!BBHHH', kind, 0, 0, ident, 1) + b'\0' * 12
    return body[:2] + struct.pack('!H', icmp_sum(body)) + body[4:]


def sctp(ports, tag, kind, body=b''):
    chunk = struct.pack('!BBH', kind, 0, 4 + len(body)) + body
    return struct.pack('!HHII', ports[0], ports[1], tag, 0) + chunk


def pptp(kind, body):
    return struct.pack('!HHIHH', 12 + len(body), 1, 0x1a2b3c4d, kind, 0) + body


def traffic():
    for family in ('10.0.0.%d', 'fd00::%d'):
        a, b = family % 1, family % 2
        udp(a, 4000, b, 5000)
        udp(a, 4001, b, 5001, reply=b'y')
        udp(a, 4002, b, 5002, b'z' * 1000, [b'y' * 700] * 3)
        tcp(a, 40000, b, 8000, (('c', b'hello'), ('s', b'world' * 100)))
        s, c, x = tcp(a, 40001, b, 8001, (('c', b'hello'),))
        c.close()
        s, c, x = tcp(a, 40002, b, 8002, (('c', b'hello'),))
        x.close()
        c.close()
        for port in (5124, 5120):
            udp(a, 4003, b, port)
    for port in (5104, 5105, 5106, 5107, 5110, 5111, 5112, 5113, 5114, 5122, 5125, 5126):
        udp('10.0.0.1', 4100, '10.0.0.2', port)
    udp('10.0.0.1', 4101, '10.0.0.2', 5111, reply=b'y')
    raw(1, '10.0.0.1', '10.0.0.2', (1, icmp(8, 700)))
    raw(1, '10.0.0.2', '10.0.0.1', (1, icmp(8, 701)), (1, icmp(13, 702)))
    raw(58, 'fd00::1', 'fd00::2', (1, icmp(128, 703)))
    init = struct.pack('!IIHHI', 0x11111111, 9999, 1, 1, 7)
    ack = struct.pack('!IIHHI', 0xfedcba98, 9999, 1, 1, 8)
    p, q = (7001, 7002), (7002, 7001)
    raw(132, '10.0.0.1', '10.0.0.2', (1, sctp(p, 0, 1, init)), (-1, sctp(q, 0x11111111, 2, ack)), (1, sctp(p, 0xfedcba98, 10, b'cook')), (-1, sctp(q, 0x11111111, 11)))
    raw(132, '10.0.0.1', '10.0.0.2', (1, sctp((7003, 7004), 0, 1, init)))
    raw(132, 'fd00::1', 'fd00::2', (1, sctp((7005, 7006), 0, 1, init)), (-1, sctp((7006, 7005), 0x11111111, 2, ack)))
    raw(47, '10.0.0.1', '10.0.0.2', (1, struct.pack('!HH', 0, 0x800) + b'x'), (-1, struct.pack('!HH', 0, 0x800) + b'x'))
    raw(33, '10.0.0.1', '10.0.0.2', (1, struct.pack('!HHBBHBBHI', 1, 2, 7, 0, 0, 1, 0, 0, 1) + b'\0' * 12))
    for protocol in (50, 51, 89, 132, 200):
        raw(protocol, '10.0.0.2', '10.0.0.1', (1, struct.pack('!II', 7, 1) + b'\0' * 24))
    raw(50, 'fd00::2', 'fd00::1', (1, b'\0' * 24))
    helpers()


def helpers():
    for family in ('10.0.0.%d', 'fd00::%d'):
        a, b = family % 1, family % 2
        port = b'PORT 10,0,0,1,160,41\r\n' if a[0] == '1' else b'EPRT |2|fd00::1|41001|\r\n'
        tcp(a, 40021, b, 21, (('s', b'220 x\r\n'), ('c', b'USER x\r\n'), ('s', b'331 x\r\n'), ('c', port), ('s', b'200 x\r\n')))
    tcp('10.0.0.2', 40024, '10.0.0.1', 2121, (('s', b'220 x\r\n'), ('c', b'USER x\r\n'), ('s', b'331 x\r\n'), ('c', b'PORT 10,0,0,2,160,42\r\n')))
    udp('10.0.0.1', 4069, '10.0.0.2', 69, b'\0\1file\0octet\0')
    udp('10.9.0.1', 4137, '10.9.0.255', 137)
    udp('10.9.0.1', 4161, '10.9.0.255', 161)
    udp('10.0.0.1', 4137, '10.0.0.2', 137)
    sdp = 'v=0\r\no=a 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n'
    head = 'Via: SIP/2.0/UDP 10.0.0.1:5060;branch=1\r\nFrom: <sip:a@10.0.0.1>;tag=1\r\nTo: <sip:b@10.0.0.2>\r\nCall-ID: 1\r\nContact: <sip:a@10.0.0.1:5060>\r\n'
    invite = 'INVITE sip:b@10.0.0.2 SIP/2.0\r\n%sCSeq: 2 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s' % (head, len(sdp), sdp)
    register = 'REGISTER sip:10.0.0.2 SIP/2.0\r\n%sCSeq: 1 REGISTER\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n' % head
    udp('10.0.0.1', 5060, '10.0.0.2', 5060, register.encode(), ('SIP/2.0 200 OK\r\n%sCSeq: 1 REGISTER\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n' % head).encode())
    udp('10.0.0.1', 5060, '10.0.0.2', 5060, invite.encode())
    udp('10.0.0.1', 5061, '10.0.0.2', 5060, register.replace('10.0.0.1:5060', '10.0.0.1:5061').encode())
    number = struct.unpack('!I', socket.inet_aton('10.0.0.1'))[0]
    tcp('10.0.0.1', 46667, '10.0.0.2', 6667, (('s', b'x\r\n'), ('c', b'PRIVMSG b :\1DCC CHAT chat %d 45005\1\r\n' % number)))
    udp('10.0.0.1', 850, '10.0.0.2', 10080, b'request', b'CONNECT DATA 50011 MESG 50012 INDEX 50013\n')
    tcp('10.0.0.1', 46566, '10.0.0.2', 6566, (('c', struct.pack('!II', 7, 1)), ('c', b'abc'), ('s', struct.pack('!IHH', 0, 0, 7001) + b'more')))
    calls = (('c', pptp(1, struct.pack('!HHIIHH', 0x100, 0, 1, 1, 0, 1) + b'\0' * 128)), ('s', pptp(2, struct.pack('!HBBIIHH', 0x100, 1, 0, 1, 1, 0, 1) + b'\0' * 128)),
             ('c', pptp(7, struct.pack('!HHIIIIHHHH', 0x4001, 1, 300, 10 ** 8, 3, 3, 64, 0, 0, 0) + b'\0' * 128)),
             ('s', pptp(8, struct.pack('!HHBBHIHHI', 0x81, 0x4001, 1, 0, 0, 10 ** 8, 64, 0, 0))))
    tcp('10.0.0.1', 41723, '10.0.0.2', 1723, calls)
    tcp('10.0.0.2', 41724, '10.0.0.1', 1723, calls)
    mask = '--mask-src 255.255.255.0 --mask-dst 255.255.255.255 --mask-port-src 0 --mask-port-dst 65535'
    run('conntrack -I expect -p tcp -s 10.0.0.1 -d 10.0.0.2 --sport 46667 --dport 6667 --tuple-src 10.0.0.9 --tuple-dst 10.0.0.1 --tuple-port-src 0 --tuple-port-dst 7777 %s -t 500' % mask)
    raw(47, '10.0.0.1', '10.0.0.2', (1, struct.pack('!HHHHI', 0x3001, 0x880b, 3, 0x81, 1) + b'ppp'))


def save(folder, name, text):
    os.makedirs(os.path.join(OUT, folder), exist_ok=True)
    with open(os.path.join(OUT, folder, name + '.txt'), 'w') as f:
        f.write(text)


BASE = {'list-all': 'conntrack -L -o extended,id,ktimestamp,labels', 'list-save': 'conntrack -L -o save', 'list-xml-all': 'conntrack -L -o xml,ktimestamp,labels',
        'expect-default': 'conntrack -L expect'}


def listings(folder):
    """Every form of the same table; only the clock goes on between them."""
    commands = dict(BASE)
    commands.update({'list-' + (f or 'default'): 'conntrack -L' + (f and ' -o ' + f) for f in LINE_FORMS + XML_FORMS})
    commands.update({'expect-' + f: 'conntrack -L expect -o ' + f for f in EXPECT_FORMS if f})
    commands.update({'proc': 'cat /proc/net/nf_conntrack', 'proc-expect': 'cat /proc/net/nf_conntrack_expect', 'proc-stat': 'cat /proc/net/stat/nf_conntrack',
                     'stats': 'conntrack -S', 'stats-expect': 'conntrack -S expect', 'count': 'conntrack -C', 'count-expect': 'conntrack -C expect'})
    if MAIN and folder == 'both':
        commands.update({'filter-%d' % i: 'conntrack -L ' + f for i, f in enumerate(FILTERS)})
        commands.update({'zone-' + z.lower(): 'TZ=%s conntrack -L -o ktimestamp' % z for z in ('EST', 'HST')})
        commands.update({'ours-' + n: c.replace('conntrack', 'node %s conntrack' % MAIN, 1) for n, c in commands.items() if not c.startswith('cat')})
    ids = 'conntrack -L -o id | grep -o "use=.*"; conntrack -L expect | grep -o "proto=.*"'
    for _ in range(20):
        before = run(ids)
        done = {name: run(command, check=False) for name, command in commands.items()}
        if run(ids) == before:
            break
    else:
        sys.exit('the table does not stand still')
    for name, text in done.items():
        save(folder, name, text)


def heard(folder):
    """Waits until all listeners have heard the same, and no more comes."""
    names = os.listdir(os.path.join(OUT, folder))
    before = None
    for _ in range(60):
        time.sleep(.7)
        counts = {}
        for name in names:
            with open(os.path.join(OUT, folder, name)) as f:
                counts[name] = len([l for l in f if l[:2] != '<?' and l[:2] != '<c' and l[:2] != '<e'])
        same = len({c for n, c in counts.items() if n.startswith('expect-')}) == 1 and len({c for n, c in counts.items() if not n.startswith('expect-')}) == 1
        if same and counts == before:
            return
        before = counts
    sys.exit('listeners disagree: %s' % counts)


def phase(folder, accounting, times):
    os.makedirs(os.path.join(OUT, folder + '-events'))
    run('sysctl -qw net.netfilter.nf_conntrack_acct=%d net.netfilter.nf_conntrack_timestamp=%d' % (accounting, times))
    listeners = []
    for table, forms in (('', EVENT_FORMS), ('expect', [f for f in EXPECT_FORMS if f != 'save'])):
        for form in forms:
            file = open(os.path.join(OUT, folder + '-events', '%s%s.txt' % (table and table + '-', form or 'default')), 'w')
            listeners.append(subprocess.Popen(['conntrack', '-E'] + ([table] if table else ['-b', '4000000']) + (['-o', form] if form else []), stdout=file, stderr=subprocess.DEVNULL))
    time.sleep(.7)
    inserted()
    traffic()
    time.sleep(.3)  # the last segments are acknowledged
    listings(folder)
    run('conntrack -U -p tcp -s 10.0.0.1 -d 10.0.0.2 --sport 1020 --dport 80 -m 5', check=False)
    run('conntrack -F; conntrack -F expect', check=False)
    heard(folder + '-events')
    for l in listeners:
        l.terminate()
        l.wait()
    while KEEP:
        KEEP.pop().close()
    run('conntrack -F')


# One processor: every listener hears of events in the same order.
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
labels()
rules()
phase('plain', 0, 0)
if not SOME:
    phase('counted', 1, 0)
phase('both', 1, 1)
