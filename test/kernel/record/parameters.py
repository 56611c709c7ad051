"""
Cases of helpers whose modules have other parameters than usual. The parameters are one for all network namespaces: they are changed for the time
of a recording, and only those that can be written while the module is there (IRC's, and the timeouts of NetBIOS and SNMP, cannot).
"""
import fcntl
import os
import tempfile

from helpers import GAP, RESET, WAYS, answer, ftp, invite, watched
from kit import ACCT, A, B, P, R0
from plain import Plain
from scenarios import A2, SDP, Datagrams, Talk, hostport, sip_message

PATH = '/sys/module/nf_conntrack_%s/parameters/%s'


def changed(module, values, run):
    """Runs while the module's parameters have these values; they are put back at once."""
    def with_values(lab):
        with open(os.path.join(tempfile.gettempdir(), 'helper_parameters_lock'), 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            old = {}
            try:
                for name, value in values.items():
                    with open(PATH % (module, name), 'r+') as f:
                        old[name] = f.read().strip()
                        f.seek(0)
                        f.write('%s\n' % value)
                run(lab)
            finally:
                for name, value in old.items():
                    with open(PATH % (module, name), 'w') as f:
                        f.write('%s\n' % value)
    return with_values


def loose(lab):
    """Data connections to another host than the peer: from the client's commands, and from the server's answers."""
    t = ftp(lab)
    for line in ('PORT %s\r\n' % hostport(A2, 41000), 'EPRT |1|%s|41001|\r\n' % A2, 'PORT %s\r\n' % hostport(A, 41002)):
        t.say('c', line)
        t.say('s', '200 ok\r\n')
    t.say('s', '227 Entering (%s)\r\n' % hostport('10.2.0.5', 42000))
    Talk(lab, cport=43000, server='10.2.0.5', sport=42000).open()
    t.say('s', '227 Entering (%s)\r\n' % hostport(B, 42001))
    t.say('s', '229 x (|||42002|)\r\n')
    t.put('c', RESET)


def anybody(lab):
    """Media and calls of others than the two ends."""
    d = Datagrams(lab, cport=5060, sport=5060)
    d.say('c', invite(1, SDP.format(a=A2, p=30000)))
    d.say('s', answer(1, body=SDP.format(a='10.2.0.5', p=31000)))
    d.say('c', invite(2, SDP.format(a=A, p=30100)))
    d.say('s', answer(2, body=SDP.format(a=B, p=31100)))
    d.say('c', invite(3, SDP.format(a='10.2.0.9', p=30200)))
    d.say('s', answer(3, body=SDP.format(a='10.1.0.9', p=31200)))
    outside = d.addr['s'][2]
    for i, (side, src, dst, ports) in enumerate((('b', '10.2.0.7', outside, (31000, 30100)), ('b', B, outside, (31100, 30101)), ('a', A2, '10.2.0.5', (30000, 31000)), ('a', A, B, (30100, 31100)), ('b', '10.2.0.7', A2, (31000, 30000)))):
        lab.send(side, P.udp(src, dst, *ports, b'rtp%d' % i), gap=GAP)
    d.say('c', sip_message('REGISTER sip:%s SIP/2.0' % B, A, 4, 'REGISTER', expires=600))
    d.say('s', answer(4, 'REGISTER', a=outside, expires=600))
    for port in (7777, 5060):
        lab.send('b', P.udp('10.2.0.7', outside, port, d.addr['s'][3], b'INVITE sip:alice@%s SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n' % A.encode()), gap=GAP)


def waits(lab):
    d = Datagrams(lab, cport=5060, sport=5060)
    d.say('c', invite(1))
    d.say('s', answer(1))
    t = Talk(lab, cport=5061, sport=5060).open()
    t.say('c', invite(2).replace('UDP', 'TCP'))


def requested(lab):
    d = Datagrams(lab, cport=850, sport=10080)
    d.say('c', b'request')
    d.say('s', b'CONNECT DATA 50011 MESG 50012 INDEX 50013\n')


def case(name, covers, module, values, run, rules4):
    options = ' '.join('%s=%s' % x for x in values.items())
    made = Plain('helper-' + name, 'helper', covers, rules4, None, sysctl=ACCT, host=lambda text: text.replace('nf_conntrack_%s,' % module, 'nf_conntrack_%s %s,' % (module, options)))
    made.run = changed(module, values, run)
    return made


def cases():
    for tag, nat in WAYS[:2]:
        yield case('ftp-loose' + tag, 'FTP with loose=1', 'ftp', {'loose': 1}, loose, watched('tcp', 21, 'ftp', nat))
        sip = watched('udp', 5060, 'sip', nat)
        for name, values in (('media', {'sip_direct_media': 0}), ('signalling', {'sip_direct_signalling': 0}), ('external', {'sip_direct_media': 0, 'sip_external_media': 1}), ('neither', {'sip_direct_media': 0, 'sip_direct_signalling': 0})):
            yield case('sip-%s%s' % (name, tag), 'SIP with ' + ', '.join('%s=%s' % x for x in values.items()), 'sip', values, anybody, sip)
    yield case('sip-timeout', 'SIP with sip_timeout=77', 'sip', {'sip_timeout': 77}, waits, watched('udp', 5060, 'sip', raw=['-p %s -m %s --dport 5060 -j CT --helper sip' % (p, p) for p in ('udp', 'tcp')]))
    yield case('amanda-timeout', 'Amanda with master_timeout=66', 'amanda', {'master_timeout': 66}, requested, watched('udp', 10080, 'amanda'))


CASES = [lambda c=c: c for c in cases()]
