"""
Cases of connection helpers: what they read and what they leave alone, message by message, through a plain router and behind MASQUERADE and
SNAT to an address whose text is longer. Conversations are made by hand: each end believes what came out of the router at its side.
"""
import socket
import struct

from kit import ACCT, A, A6, B, B6, P, R0
from plain import Plain, rules
from scenarios import A2, SDP, Datagrams, Talk, ftp_active, hostport, pptp_msg, sip_message

PUSH, RESET = P.ACK | P.PSH, P.RST | P.ACK
LONG, LONG6 = '10.22.122.133', 'fd00:22:1234:5678:9abc:def0:1234:5678'
WAYS = (('', None), ('-masquerade', ['-o r1 -j MASQUERADE']), ('-snat', ['-o r1 -j SNAT --to-source ' + LONG]))
GAP = .001


def watched(proto, port, helper, source=None, destination=None, raw=None):
    """The helper on a port; a firewall that lets in what the connections bring along."""
    nat = {}
    if source:
        nat['POSTROUTING'] = source
    if destination:
        nat['PREROUTING'] = destination
    rest = ['-m conntrack --ctstate INVALID -j DROP', '-m conntrack --ctstate ESTABLISHED -j ACCEPT', '-m helper --helper %s' % helper,
            '-m conntrack --ctstate RELATED -j ACCEPT', '-p %s -m %s --dport %d -j ACCEPT' % (proto, proto, port)]
    raw = raw or ['-p %s -m %s --dport %d -j CT --helper %s' % (proto, proto, port, helper)]
    return rules(raw={'PREROUTING': raw}, filter={'FORWARD': rest}, policy={'FORWARD': 'DROP'}, **({'nat': nat} if nat else {}))


def ftp(lab, **kw):
    t = Talk(lab, **kw).open()
    t.say('s', '220 ready\r\n')
    t.say('c', 'USER x\r\n')
    t.say('s', '331 password\r\n')
    return t


def ftp_long(lab):
    """Texts that become longer and shorter again and again, then segments that are repeated, out of order, with SACK."""
    t = ftp(lab)
    for i in range(4):
        for line in ('PORT %s\r\n' % hostport(A, 41000 + i), 'EPRT |1|%s|%d|\r\n' % (A, 42000 + i), 'NOOP\r\n'):
            t.say('c', line)
            t.say('s', '200 ok\r\n')
    t.nxt['c'] -= 6
    t.say('c', 'NOOP\r\n')
    first = t.nxt['c']
    t.nxt['c'] += 6
    t.put('c', PUSH, b'LIST\r\n')
    end = t.rcv['s']
    t.rcv['s'] = end - 12
    t.put('s', P.ACK, opts=b'\1\1\5\n' + struct.pack('!II', end - 6, end))
    t.nxt['c'] = first
    t.put('c', PUSH, b'STAT\r\n')
    t.nxt['c'] = first + 12
    t.rcv['s'] = end
    t.put('s', P.ACK)
    for opts in (b'\5\n%s\0\0', b'\1\5\n%s\0'):     # at other places, an odd one among them
        t.put('s', P.ACK, opts=opts.replace(b'%s', struct.pack('!II', end - 6, end)))
    t.put('s', RESET)


def ftp_errors(lab):
    """ICMP errors about a connection whose numbers are adjusted."""
    t = ftp(lab)
    t.say('c', 'PORT %s\r\n' % hostport(A, 41000))
    t.say('c', 'NOOP\r\n')
    quoted = P.tcp(t.addr['c'][2], t.addr['c'][0], 21, 40000, seq=t.nxt['s'], ack=t.rcv['s'], flags=P.ACK)[:48]
    lab.send('a', P.icmp(A, B, 3, 1, b'\0\0\0\0', quoted), gap=GAP)
    outside = t.addr['s'][2]
    quoted = P.tcp(outside, B, t.addr['s'][3], 21, seq=t.nxt['c'], ack=t.rcv['c'], flags=P.ACK)[:48]
    lab.send('b', P.icmp(B, outside, 3, 1, b'\0\0\0\0', quoted), gap=GAP)


def ftp_evict(lab):
    """One expectation a control connection; those of a connection that was reset; the same one of two clients."""
    t = ftp(lab)
    for i in range(3):
        t.say('c', 'PORT %s\r\n' % hostport(A, 41000 + i))
    u = ftp(lab, client=A2, cport=40001)
    u.say('c', 'PORT %s\r\n' % hostport(A2, 41002))
    u.put('c', RESET)
    Talk(lab, client=B, cport=20, server=t.addr['s'][2], sport=41002, cs='b', isn=(5000, 77000)).open().put('c', RESET)
    t.put('c', RESET)


def ftp6(lab):
    t = ftp(lab, client=A6, server=B6)
    for line in ('EPRT |2|%s|41000|\r\n' % A6, 'EPRT |2|fd00:1:0:0::2|41001|\r\n', 'EPRT |1|%s|41001|\r\n' % A):
        t.say('c', line)
        t.say('s', '200 ok\r\n')
    t.put('c', RESET)


def ftp_published(lab):
    """A server behind DNAT: passive, extended passive, active."""
    t = ftp(lab, server=R0)
    t.say('s', '227 Entering (%s)\r\n' % hostport(B, 42000))
    Talk(lab, server=R0, cport=43000, sport=42000).open()
    t.say('s', '229 x (|||42001|)\r\n')
    Talk(lab, server=R0, cport=43001, sport=42001).open()
    t.say('c', 'PORT %s\r\n' % hostport(A, 41000))
    Talk(lab, client=t.addr['s'][0], cport=20, server=A, sport=41000, cs='b').open()


def irc_odd(lab):
    number = struct.unpack('!I', socket.inet_aton(A))[0]
    lines = ('b :\1DCC SEND f %d  45001 1\1\r\n', 'b :\1DCC CHAT %d 45002\1\r\n', 'b :hey :\1DCC CHAT chat %d 45003\1\r\n', ':\1DCC CHAT chat %d 45004\1\r\n',
             'b :\1DCC CHAT chat %d 45005\1', 'b :\1DCC CHAT chat %d 99999\1\r\n', 'b :\1DCC CHAT chat 0 45008\1 :\1DCC CHAT chat %d 45007\1\r\n',
             'b :\1DCC XXXX chat 0 1\1 :\1DCC CHAT chat %d 45009\1\r\n', 'b :\1DCC CHAT SEND x %d 45010\1\r\n', 'b :\1DCC SEND CHAT %d 45011\1\r\n')
    for i, line in enumerate(['PRIVMSG ' + x for x in lines] + [x + 'b :\1DCC CHAT chat %d 450{}\1\r\n' for x in ('PrivMsg ', '\tPRIVMSG ', ' PRIVMSG ', '\r\nPRIVMSG ')]):
        t = Talk(lab, sport=6667, cport=40000 + i).open()
        t.say('s', 'x\r\n')
        t.say('c', line.replace('{}', str(20 + i)) % number)


def amanda_odd(lab):
    for i, text in enumerate((b'CONNECT DATA 50011 MESG 0 INDEX 3\n', b'CONNECT  DATA 50012STATE 7 DATA 9\nx', b'CONNECT DATA 500112 MESG 5\n', b'CONNECT DATA 1 MESG 2 INDEX 3 STATE 4',
                              b'CONNECT DATA 1 MESG 2 INDEX 3 STATE 4\n', b'CONNECT DATA x MESG 8\n', b'')):
        d = Datagrams(lab, cport=850 + i, sport=10080)
        d.say('c', b'request')
        d.say('s', text)


def sane(lab):
    t = Talk(lab, sport=6566).open()
    for request, port in ((7, 7001), (6, 7002), (7, 7003)):
        t.say('c', struct.pack('!II', request, 1))
        t.say('c', b'abc')
        t.say('s', struct.pack('!IHH', 0, 0, port) + b'more')
    Talk(lab, cport=50000, sport=7003).open()


def pptp_calls(lab):
    """A call that the server makes, then one that the client makes in the same control connection; errors about frames."""
    t = Talk(lab, sport=1723).open()
    t.say('c', pptp_msg(1, struct.pack('!HHIIHH', 0x100, 0, 1, 1, 0, 1) + b'\0' * 128))
    t.say('s', pptp_msg(2, struct.pack('!HBBIIHH', 0x100, 1, 0, 1, 1, 0, 1) + b'\0' * 128))
    t.say('s', pptp_msg(9, struct.pack('!HHIIHH', 0x80, 1, 0, 0, 0, 0) + b'\0' * 192))
    t.say('c', pptp_msg(10, struct.pack('!HHBBHHH', 0x4000, 0x80, 1, 0, 0, 0, 0)))
    t.say('s', pptp_msg(11, struct.pack('!HHIHHI', 0x4000, 0, 0, 0, 0, 0)))
    lab.send('a', P.gre(A, B, b'ppp', version=1, callid=0x80, seq=1), gap=GAP)
    lab.send('b', P.gre(B, t.addr['s'][2], b'ppp', version=1, callid=0x4000, seq=1), gap=GAP)
    t.say('c', pptp_msg(7, struct.pack('!HHIIIIHHHH', 0x4001, 1, 300, 10 ** 8, 3, 3, 64, 0, 0, 0) + b'\0' * 128))
    told = t.seen['s'][-1][12:14]
    t.say('s', pptp_msg(8, struct.pack('!H', 0x81) + told + struct.pack('!BBHIHHI', 1, 0, 0, 10 ** 8, 64, 0, 0)))
    lab.send('a', P.gre(A, B, b'ppp', version=1, callid=0x81, seq=1), gap=GAP)
    lab.send('a', P.icmp(A, B, 3, 2, b'\0\0\0\0', P.gre(B, A, b'ppp', version=1, callid=0x4000, seq=1)[:28]), gap=GAP)
    t.say('s', pptp_msg(14, struct.pack('!HH', 0x4000, 0) + b'\0' * 24))
    t.put('c', RESET)


def invite(cseq, body='', a=A, **kw):
    return sip_message('INVITE sip:bob@%s SIP/2.0' % B, a, cseq, 'INVITE', body, **kw)


def answer(cseq, method='INVITE', body='', code='200 OK', a=A, **kw):
    return sip_message('SIP/2.0 ' + code, a, cseq, method, body, **kw)


def sip_tcp(lab):
    """Several messages in a segment, one in two segments, keep-alives."""
    t = Talk(lab, cport=5060, sport=5060).open()
    tcp = lambda text: text.replace('UDP', 'TCP')
    call = tcp(invite(2, SDP.format(a=A, p=30000)))
    t.say('c', tcp(sip_message('REGISTER sip:%s SIP/2.0' % B, A, 1, 'REGISTER', expires=3600)) + call)
    t.say('s', tcp(answer(1, 'REGISTER', expires=60)))
    t.say('s', tcp(answer(2, body=SDP.format(a=B, p=31000), contact=False, tag=';tag=2')))
    for text in (call[:50], call[50:], '\r\n\r\n', tcp(sip_message('OPTIONS sip:%s SIP/2.0' % B, A, 3, 'OPTIONS'))):
        t.say('c', text)
    t.say('s', tcp(answer(3, 'OPTIONS')))


def sip_odd(lab):
    d = Datagrams(lab, cport=5060, sport=5060)
    two = ('v=0\r\no=alice 1 1 IN IP4 {a}\r\ns=-\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\nc=IN IP4 {a}\r\na=x\r\nm=video 30011 RTP/AVP 31\r\nc=IN IP4 {a}\r\n'
           'm=image 30020 udptl t38\r\nc=IN IP4 10.9.9.9\r\n').format(a=A)
    one = SDP.format(a=A, p=30000)
    d.say('c', invite(1, two))
    d.say('s', answer(1, code='486 Busy Here', contact=False))
    for i, body in enumerate((two.replace('m=audio 30000', 'm=audio 0').replace('m=video 30011', 'm=application 30011'), two.replace('30000', '99'),
                              one.replace('c=IN IP4 %s\r\n' % A, ''), one.replace('o=alice', 'x=alice'), SDP.format(a=A, p=30001))):
        d.say('c', invite(2 + i, body))
    d.say('s', answer(6, body=SDP.format(a=B, p=31000), code='183 Progress'))
    d.say('s', answer(7, code='500 Error'))
    d.say('c', sip_message('UPDATE sip:bob@%s SIP/2.0' % B, A, 7, 'UPDATE', SDP.format(a=A, p=30100)))
    d.say('s', answer(7, 'UPDATE', SDP.format(a=B, p=31100)))
    d.say('c', sip_message('CANCEL sip:bob@%s SIP/2.0' % B, A, 6, 'CANCEL'))
    d.say('c', 'INVITE sip:bob@%s SIP/2.0\r\nVia: x\r\n\r\n' % B)
    d.say('s', 'SIP/2.0 abc OK\r\n\r\n')
    d.say('c', '\r\n\r\n')


def sip_register(lab):
    """Contacts, their parameters and times; short names of headers; parameters of Via."""
    d = Datagrams(lab, cport=5060, sport=5060)

    def register(cseq, extra='', contact='<sip:alice@%s:5060>' % A):
        return ('REGISTER sip:%s SIP/2.0\r\nv: SIP/2.0/UDP %s:5060;branch=1;rport=5060;maddr=%s;received=%s\r\nf: <sip:alice@%s>\r\nt: bob <sip:bob@%s>\r\n'
                'CSeq: %d REGISTER\r\nm: %s%s\r\nExpires: 600\r\nl: 0\r\n\r\n') % (B, A, A, B, A, B, cseq, contact, extra)

    def registered(cseq, contact, code='200 OK'):
        return ('SIP/2.0 %s\r\nVia: SIP/2.0/UDP %s:5060;branch=1\r\nFrom: <sip:alice@%s>\r\nTo: <sip:bob@%s>\r\nCSeq: %d REGISTER\r\n%sExpires: 300\r\n'
                'Content-Length: 0\r\n\r\n') % (code, A, A, B, cseq, contact)

    d.say('c', register(1))
    told = d.addr['s'][2]
    mine = 'Contact: <sip:alice@%s:5060>\r\n' % told
    d.say('s', registered(1, 'Contact: <sip:x@10.7.7.7:5060>, <sip:alice@%s:5060>;expires=120\r\n' % told))
    for port in (7777, 7778):
        lab.send('b', P.udp(B, told, port, d.addr['s'][3], b'INVITE sip:alice@%s SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n' % A.encode()), gap=GAP)
    d.say('c', register(2, ';expires=0'))
    d.say('s', registered(2, ''))
    for i, (extra, contact) in enumerate((('', '<sip:alice@10.9.9.9:5060>'), (';transport=tcp', None), (';transport=udp;expires=77', None))):
        d.say('c', register(3 + i, extra, contact or '<sip:alice@%s:5060>' % A))
    d.say('s', registered(5, mine, '100 Trying'))
    d.say('s', registered(5, mine))
    for i, contact in enumerate(('<sip:alice@%s:80>' % A, '*', '<sip:alice@%s:6060>' % A)):
        d.say('c', register(6 + i, contact=contact))
    d.say('s', registered(8, '', '401 No'))
    d.say('c', register(9, contact='<sip:alice@%s:6061>' % A))


def sip_numbers(lab):
    """Ports, sequence numbers and times that are none, too large, or followed by something."""
    for i, port in enumerate((':80', ':1023', ':0', ':65536', ':99999', ':abc', ':', '', ':5061x', ':1024', ':4294967376', ':07060')):
        d = Datagrams(lab, cport=6000 + i, sport=5060)
        d.say('c', 'REGISTER sip:%s SIP/2.0\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@%s%s>\r\nExpires: 60%d\r\n\r\n' % (B, A, port, i))
    for i, port in enumerate(('80', '1023', '0', '65536', '99999', 'abc', '30000x', '1024', '030010')):
        Datagrams(lab, cport=6020 + i, sport=5060).say('c', invite(4 + i, SDP.format(a=A, p=port)))
    for i, number in enumerate(('x', '', '00', '4294967297', '-1')):
        Datagrams(lab, cport=6040 + i, sport=5060).say('c', invite(4, SDP.format(a=A, p=31000 + 2 * i)).replace('CSeq: 4', 'CSeq: ' + number))
    for i, time in enumerate(('300', '3x', '3600 ', ' 77', '')):
        d = Datagrams(lab, cport=6060 + i, sport=5060)
        contact = 'CSeq: 1 REGISTER\r\nContact: <sip:a@%s:%d>;expires=%s\r\n\r\n' % (A, 6060 + i, time)
        d.say('c', 'REGISTER sip:%s SIP/2.0\r\n%s' % (B, contact))
        d.say('s', 'SIP/2.0 200 OK\r\n' + contact)


def sip_called(lab):
    """A phone that has registered is called; the call's own connection announces media; then it registers no longer."""
    d = Datagrams(lab, cport=5060, sport=5060)
    d.say('c', sip_message('REGISTER sip:%s SIP/2.0' % B, A, 1, 'REGISTER', expires=600))
    told = d.addr['s'][2]
    d.say('s', answer(1, 'REGISTER', a=told, expires=600))
    x = Datagrams(lab, client=B, cport=6000, server=told, sport=5060, cs='b')
    x.say('c', sip_message('INVITE sip:alice@%s SIP/2.0' % told, B, 5, 'INVITE', SDP.format(a=B, p=31000)))
    x.say('s', answer(5, body=SDP.format(a=A, p=30000), a=B))
    lab.send('b', P.udp(B, told, 31000, 30000, b'rtp'), gap=GAP)
    lab.send('a', P.udp(A, B, 30001, 31001, b'rtcp'), gap=GAP)
    x.say('c', sip_message('REGISTER sip:%s SIP/2.0' % A, B, 6, 'REGISTER', expires=600))
    d.say('c', sip_message('REGISTER sip:%s SIP/2.0' % B, A, 2, 'REGISTER', expires=0))
    d.say('s', answer(2, 'REGISTER', a=told, expires=0))


def sip_ports(lab):
    """Two phones with the same media port; a phone that sends from another port than it listens on."""
    Datagrams(lab, cport=5060, sport=5060).say('c', invite(2, SDP.format(a=A, p=30000)))
    for i, port in enumerate((30000, 30001)):
        d = Datagrams(lab, client=A2, cport=5061 + i, sport=5060)
        d.say('c', invite(2, SDP.format(a=A2, p=port), a=A2).replace(':5060;branch', ':%d;branch' % (5061 + i)))
    Datagrams(lab, cport=5063, sport=5060).say('c', invite(2, SDP.format(a=A, p=30000)))
    d = Datagrams(lab, cport=50123, sport=5060)
    d.say('c', invite(2, SDP.format(a=A, p=30100)))
    d.say('s', answer(2, body=SDP.format(a=B, p=31100)))
    for port in (30000, 30001, 30100):
        lab.send('b', P.udp(B, d.addr['s'][2], 31000, port, b'rtp'), gap=GAP)


def sip_published(lab):
    d = Datagrams(lab, cport=5060, sport=5060, server=R0)
    d.say('c', invite(2, SDP.format(a=A, p=30000)).replace(B, R0))
    d.say('s', answer(2, body=SDP.format(a=B, p=31000), contact=False).replace('alice@' + A, 'bob@%s:5060' % B))
    lab.send('a', P.udp(A, R0, 30000, 31000, b'rtp'), gap=GAP)
    lab.send('b', P.udp(B, A, 31001, 30001, b'rtcp'), gap=GAP)


def case(name, covers, run, rules4=None, rules6=None):
    made = Plain('helper-' + name, 'helper', covers, rules4, rules6, sysctl=ACCT)
    made.run = run
    return made


def cases():
    for tag, nat in WAYS:
        tcp = lambda port, helper: watched('tcp', port, helper, nat)
        udp = lambda port, helper: watched('udp', port, helper, nat)
        yield case('ftp-long' + tag, 'FTP: texts that change their length, repeated and unordered segments, SACK', ftp_long, tcp(21, 'ftp'))
        yield case('ftp-errors' + tag, 'FTP: ICMP errors about a connection whose numbers are adjusted', ftp_errors, tcp(21, 'ftp'))
        yield case('irc-odd' + tag, 'IRC: commands that do or do not make an expectation', irc_odd, tcp(6667, 'irc'))
        yield case('sane' + tag, 'SANE', sane, tcp(6566, 'sane'))
        yield case('pptp-calls' + tag, 'PPTP: calls from both sides', pptp_calls, tcp(1723, 'pptp'))
        yield case('sip-tcp' + tag, 'SIP over TCP: several messages in a segment, one in two', sip_tcp, tcp(5060, 'sip'))
        yield case('sip-odd' + tag, 'SIP: media descriptions that lack something, refusals, what is no SIP', sip_odd, udp(5060, 'sip'))
        yield case('sip-register' + tag, 'SIP: contacts and their parameters', sip_register, udp(5060, 'sip'))
        yield case('sip-called' + tag, 'SIP: a registered phone is called', sip_called, udp(5060, 'sip'))
        yield case('sip-ports' + tag, 'SIP: the same media port twice, other ports than usual', sip_ports, udp(5060, 'sip'))
        six = nat and [nat[0].replace(LONG, LONG6)]
        yield case('ftp6' + tag, 'FTP, IPv6: EPRT', ftp6, rules6=watched('tcp', 21, 'ftp', six))
    yield case('sip-numbers', 'SIP: numbers that are none', sip_numbers, watched('udp', 5060, 'sip'))
    yield case('ftp-evict', 'FTP: one expectation for each control connection', ftp_evict, watched('tcp', 21, 'ftp'))
    yield case('amanda-odd', 'Amanda: answers that do or do not make expectations', amanda_odd, watched('udp', 10080, 'amanda'))
    published = ['-d %s/32 -i r0 -j DNAT --to-destination %s' % (R0, B)]
    yield case('ftp-dnat', 'FTP: a server behind DNAT', ftp_published, watched('tcp', 21, 'ftp', destination=published))
    yield case('ftp-dnat-masquerade', 'FTP: a server behind DNAT and MASQUERADE', ftp_published, watched('tcp', 21, 'ftp', WAYS[1][1], published))
    yield case('sip-dnat', 'SIP: a server behind DNAT', sip_published, watched('udp', 5060, 'sip', destination=published))
    for name, zone, where in (('zone', 'zone', ''), ('zone-orig', 'zone-orig', '-i r0 ')):
        raw = ['%s-p tcp -m tcp --dport 21 -j CT --helper ftp --%s 7' % (where, zone), '%s-j CT --%s 7' % (where, zone)]
        yield case('ftp-' + name, 'FTP in a zone: %s' % zone, ftp_active, watched('tcp', 21, 'ftp', raw=raw))


CASES = [lambda c=c: c for c in cases()]
