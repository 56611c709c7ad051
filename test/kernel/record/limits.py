"""
Cases of how much helpers may expect: of each class of one connection, of all connections together, for how long, and who hears of it.
"""
import fcntl
import os
import signal
import socket
import struct
import tempfile
import time

from helpers import GAP, RESET, answer, ftp, invite, watched
from kit import ACCT, A, A6, B, B6, P
from plain import Plain
from scenarios import A2, SDP, Datagrams, Talk, hostport, sip_message

EXPECT_MAX = '/proc/sys/net/netfilter/nf_conntrack_expect_max'
NUMBER = struct.unpack('!I', socket.inet_aton(A))[0]
MEDIA = 'v=0\r\no=alice 1 1 IN IP4 {a}\r\ns=-\r\nc=IN IP4 {a}\r\nt=0 0\r\n'


def irc_many(lab):
    """Eight announcements of a connection wait; one more ends the oldest, and so on."""
    t = Talk(lab, sport=6667).open()
    t.say('s', 'x\r\n')
    for i in range(11):
        t.say('c', 'PRIVMSG b :\1DCC CHAT chat %d %d\1\r\n' % (NUMBER, 45000 + i))
    # one is met, which makes room
    Talk(lab, client=B, cport=20, server=t.addr['s'][2], sport=45005, cs='b', isn=(5000, 77000)).open()
    for i in range(11, 14):
        t.say('c', 'PRIVMSG b :\1DCC CHAT chat %d %d\1\r\n' % (NUMBER, 45000 + i))
    # the same again
    t.say('c', 'PRIVMSG b :\1DCC CHAT chat %d 45013\1\r\n' % NUMBER)


def sip_many(lab):
    """Streams of each type have a limit of their own: four audio, four video, two images; one registration."""
    d = Datagrams(lab, cport=5060, sport=5060)
    d.say('c', sip_message('REGISTER sip:%s SIP/2.0' % B, A, 1, 'REGISTER', expires=600))
    d.say('c', sip_message('REGISTER sip:%s SIP/2.0' % B, A, 2, 'REGISTER', expires=600).replace(':5060>', ':5070>'))
    for kind in ('audio', 'video', 'image'):
        for i in range(4):
            # UPDATE adds to what the INVITE has announced
            body = MEDIA.format(a=A) + 'm=%s %d RTP/AVP 0\r\n' % (kind, 30000 + 1000 * ('audio', 'video', 'image').index(kind) + 10 * i)
            d.say('c', sip_message('UPDATE sip:bob@%s SIP/2.0' % B, A, 3 + i, 'UPDATE', body))
    d.say('c', sip_message('UPDATE sip:bob@%s SIP/2.0' % B, A, 9, 'UPDATE', MEDIA.format(a=A) + ''.join('m=audio %d RTP/AVP 0\r\n' % p for p in (33000, 33010, 33020, 33030))))


def tftp_many(lab):
    """One request of a connection waits; the same again; another port of the client's."""
    for sport in (2000, 2000, 2001):
        for name in ('one', 'two'):
            lab.send('a', P.udp(A, B, sport, 69, b'\0\1' + name.encode() + b'\0octet\0'), gap=GAP)
    for i in (0, 1):
        lab.send('b', P.udp(B, A, 5000 + i, 2000 + i, b'\0\3\0\1data'), gap=GAP)
        lab.send('a', P.udp(A, B, 2000 + i, 5000 + i, b'\0\4\0\1'), gap=GAP)


def limited(most, f):
    """Runs with another limit of all expectations: it is one for all network namespaces, and is put back at once."""
    def run(lab):
        with open(os.path.join(tempfile.gettempdir(), 'expect_max_lock'), 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with open(EXPECT_MAX) as was:
                old = was.read()
            try:
                with open(EXPECT_MAX, 'w') as now:
                    now.write('%d\n' % most)
                f(lab)
            finally:
                with open(EXPECT_MAX, 'w') as now:
                    now.write(old)
    return run


def full(lab):
    """As many as there may be in all: more are refused, and their packets dropped, until one is met or its master ends."""
    talks = []
    for i in range(5):
        t = ftp(lab, cport=40000 + i)
        t.say('c', 'PORT %s\r\n' % hostport(A, 41000 + i))
        talks.append(t)
    talks[0].say('c', 'PORT %s\r\n' % hostport(A, 41100))
    talks[1].put('c', RESET)
    talks[3].say('c', 'PORT %s\r\n' % hostport(A, 41103))
    Talk(lab, client=talks[0].addr['s'][0], cport=20, server=A, sport=41100, cs='b', isn=(5000, 77000)).open()
    talks[4].say('c', 'PORT %s\r\n' % hostport(A, 41104))


def heard(lab):
    """What listeners hear: new ones, those that are met, replaced, taken back, those whose master ends, those that are permanent."""
    t = ftp(lab)
    for i in range(2):
        t.say('c', 'PORT %s\r\n' % hostport(A, 41000 + i))
    Talk(lab, client=t.addr['s'][0], cport=20, server=A, sport=41001, cs='b', isn=(5000, 77000)).open()
    t.say('c', 'PORT %s\r\n' % hostport(A, 41002))
    t.put('c', RESET)
    d = Datagrams(lab, cport=5060, sport=5060)
    d.say('c', sip_message('REGISTER sip:%s SIP/2.0' % B, A, 1, 'REGISTER', expires=600))
    d.say('s', answer(1, 'REGISTER', a=d.addr['s'][2], expires=600))
    d.say('c', invite(2, SDP.format(a=A, p=30000)))
    lab.send('b', P.udp(B, d.addr['s'][2], 31000, 30000, b'rtp'), gap=GAP)
    d.say('s', answer(2, code='486 Busy Here', contact=False))
    d.say('c', sip_message('REGISTER sip:%s SIP/2.0' % B, A, 3, 'REGISTER', expires=0))
    d.say('s', answer(3, 'REGISTER', a=d.addr['s'][2], expires=0))
    u = Talk(lab, cport=40001, sport=6667).open()
    u.say('s', 'x\r\n')
    u.say('c', 'PRIVMSG b :\1DCC CHAT chat %d 45000\1\r\n' % NUMBER)
    v = ftp(lab, client=A6, server=B6)
    v.say('c', 'EPRT |2|%s|41000|\r\n' % A6)
    w = ftp(lab, cport=40009)
    w.say('c', 'PORT %s\r\n' % hostport(A, 41009))


class Listening(Plain):
    """Also keeps what listeners hear about expectations, and those of IPv6."""

    def __init__(self, name, covers, run, rules4, rules6):
        super().__init__('helper-' + name, 'helper', covers, rules4, rules6, sysctl=ACCT, prepare=self.listen)
        self.told, self.run = run, self.play_and_keep
        self.after = {'expect/expect-events.txt': lambda: self.events, 'expect/expect6.txt': lambda: self.six}

    def listen(self, lab):
        self.file = tempfile.NamedTemporaryFile('w+')
        self.listener = lab.popen('r', ['conntrack', '-E', 'expect'], stdout=self.file)
        time.sleep(.3)

    def play_and_keep(self, lab):
        self.told(lab)
        time.sleep(.05)
        lab.kill(self.listener, signal.SIGINT)
        self.file.seek(0)
        self.events = self.file.read()
        listed = lab.run_in('r', ['conntrack', '-L', 'expect', '-f', 'ipv6'])
        self.six = ''.join(x for x in listed.splitlines(True) if 'proto=' in x)


def case(name, covers, run, rules4, **kw):
    made = Plain('helper-' + name, 'helper', covers, rules4, None, sysctl=ACCT, **kw)
    made.run = run
    return made


def cases():
    for tag, nat in (('', None), ('-masquerade', ['-o r1 -j MASQUERADE'])):
        yield case('irc-many' + tag, 'IRC: more announcements than may wait', irc_many, watched('tcp', 6667, 'irc', nat))
        yield case('sip-many' + tag, 'SIP: more streams of each type than may wait', sip_many, watched('udp', 5060, 'sip', nat))
        yield case('tftp-many' + tag, 'TFTP: more requests than may wait', tftp_many, watched('udp', 69, 'tftp', nat))
    yield case('expect-max', 'more expectations than there may be in all', limited(3, full), watched('tcp', 21, 'ftp'), host={'sysctl': ['net.netfilter.nf_conntrack_expect_max: 3']})
    raw = ['-p tcp -m tcp ! --sport 40009 --dport 21 -j CT --helper ftp', '-p tcp -m tcp --sport 40009 --dport 21 -j CT --helper ftp --expevents new', '-p udp -m udp --dport 5060 -j CT --helper sip', '-p tcp -m tcp --dport 6667 -j CT --helper irc --expevents new --ctevents new,destroy']
    text = watched('tcp', 21, 'ftp', raw=raw).replace(':FORWARD DROP', ':FORWARD ACCEPT')
    yield Listening('expect-events', 'what listeners hear of expectations', heard, text, watched('tcp', 21, 'ftp'))


CASES = [lambda c=c: c for c in cases()]
