"""
Cases of real programs on both sides of a router that translates: curl, vsftpd, tftp, irssi and ngircd, sipp, dig and dnsmasq, ping,
traceroute. Most go out through MASQUERADE; `dnat` cases come in through DNAT to a server behind it.
"""
import os
import pty
import time

from kit import ACCT, A, A6, B, B6, R0, R1, R16
from plain import Plain, rules
import scenarios as apps

OUT = {'POSTROUTING': ['-o r1 -j MASQUERADE']}
GUARD = ['-m conntrack --ctstate INVALID -j DROP', '-m conntrack --ctstate ESTABLISHED -j ACCEPT', '-m conntrack --ctstate RELATED -j ACCEPT']


def guarded(proto='tcp', *ports, into='r0', helper=None, nat=OUT, at=None):
    """A firewall that lets new connections to the ports in from one side, and what belongs to them; `helper` for the port `at`."""
    new = ['-i %s -p %s -m %s --dport %d -m conntrack --ctstate NEW -j ACCEPT' % (into, proto, proto, p) for p in ports]
    raw = {}
    if helper:
        new.insert(0, '-m helper --helper %s' % helper)
        raw['raw'] = {'PREROUTING': ['-p %s -m %s --dport %d -j CT --helper %s' % (proto, proto, at or ports[0], helper)]}
    return rules(nat=nat, filter={'FORWARD': GUARD + new}, policy={'FORWARD': 'DROP'}, **raw)


def web(lab):
    apps.web_server(lab, 'b', size=2000)
    for _ in range(2):
        apps.curl(lab, 'a', 'http://%s/' % B)
    apps.curl(lab, 'a', 'http://%s:443/' % B)                # refused by the server
    apps.curl(lab, 'a', 'http://%s:81/' % B, timeout='0.4')     # dropped by the router
    apps.curl(lab, 'b', 'http://%s/' % R1, timeout='0.4')
    time.sleep(.1)


def web6(lab):
    apps.web_server(lab, 'b', size=2000, v6=True)
    apps.curl(lab, 'a', 'http://[%s]/' % B6)
    apps.curl(lab, 'a', 'http://[%s]:443/' % B6)
    lab.run_in('a', ['ping', '-6', '-c', '2', '-i', '0.05', '-s', '2500', B6])
    lab.run_in('a', ['traceroute', '-6', '-n', '-q', '1', '-w', '0.4', '-m', '3', '-N', '1', B6])
    time.sleep(.1)


def published(lab):
    """A server behind the router, asked from outside by the router's address."""
    apps.web_server(lab, 'a', port=8080, size=2000)
    for _ in range(2):
        apps.curl(lab, 'b', 'http://%s/' % R1)
    apps.curl(lab, 'b', 'http://%s:81/' % R1)
    time.sleep(.1)


def published6(lab):
    apps.web_server(lab, 'a', port=8080, size=2000, v6=True)
    apps.curl(lab, 'b', 'http://[%s]/' % R16)
    apps.curl(lab, 'b', 'http://[%s]:81/' % R16)
    time.sleep(.1)


def hairpin(lab):
    """The client and the server are on the same side, and the client uses the outer address."""
    apps.web_server(lab, 'a', port=8080, size=2000)
    lab.run_in('a', ['ip', 'addr', 'add', '10.1.0.3/24', 'dev', 'a0'], check=True)
    # its own address would be reached without the router
    lab.run_in('a', ['curl', '-s', '-o', '/dev/null', '--interface', '10.1.0.3', '--max-time', '1', 'http://%s/' % R1])
    time.sleep(.1)


def ping(lab):
    lab.run_in('a', ['ping', '-c', '3', '-i', '0.05', B])
    lab.run_in('a', ['ping', '-c', '2', '-i', '0.05', '-s', '3000', B])
    lab.run_in('a', ['ping', '-c', '1', '-W', '0.3', '10.2.0.9'])         # nobody there
    lab.run_in('a', ['ping', '-c', '1', '-t', '1', '-W', '0.3', B])
    lab.run_in('b', ['ping', '-c', '2', '-i', '0.05', '-W', '0.3', R1])


def traceroute(lab):
    for how in ([], ['-I'], ['-T', '-p', '80']):
        lab.run_in('a', ['traceroute', '-n', '-q', '2', '-w', '0.4', '-m', '3', '-N', '1'] + how + [B])


def dns(lab, ask='a', at='b', server=B):
    """UDP, a long answer that is asked for again by TCP, a name that is not there."""
    conf = os.path.join(lab.tmp, 'dnsmasq.conf')
    with open(conf, 'w') as f:
        f.write('no-resolv\nno-hosts\nport=53\nlocal=/test/\naddress=/one.test/192.0.2.1\n' + ''.join('txt-record=long.test,"%s"\n' % (chr(97 + i) * 120) for i in range(14)))
    lab.popen(at, ['dnsmasq', '-k', '-C', conf, '-u', 'root', '-x', os.path.join(lab.tmp, 'pid')])
    lab.wait_listen(at, 53, 'udp')
    for args in (['one.test'], ['one.test', 'AAAA'], ['missing.test'], ['+bufsize=512', 'long.test', 'TXT'], ['+tcp', 'one.test'], ['+bufsize=4000', '+notcp', '+ignore', 'long.test', 'TXT']):
        lab.run_in(ask, ['dig', '+tries=1', '+time=1', '+nocookie', '@' + server] + args)
    time.sleep(.1)


def ftp(*args, at='b', ask='a', server=B, pasv='', v6=False, file=True):
    def run(lab):
        apps.vsftpd(lab, at, v6=v6, pasv=pasv)
        path = os.path.join(lab.tmp, 'ftp/file')
        with open(path, 'w') as f:
            f.write('0123456789' * 250)
        host = '[%s]' % server if v6 else server
        apps.curl(lab, ask, 'ftp://%s/' % host, *args, timeout='4')
        if file:
            apps.curl(lab, ask, 'ftp://%s/file' % host, *args, timeout='4')
        time.sleep(.1)
    return run


def tftp(lab, at='b', ask='a', server=B):
    d = os.path.join(lab.tmp, 'tftp')
    os.makedirs(d)
    os.chmod(lab.tmp, 0o755)
    os.chmod(d, 0o777)
    with open(os.path.join(d, 'file'), 'w') as f:
        f.write('x' * 1500)
    lab.popen(at, ['/usr/sbin/in.tftpd', '-L', '-4', '-a', '0.0.0.0:69', '-c', '-p', '-s', d])
    lab.wait_listen(at, 69, 'udp')
    for args in (['get', 'file', lab.tmp + '/got'], ['put', lab.tmp + '/got', 'copy'], ['get', 'missing', lab.tmp + '/got2']):
        lab.run_in(ask, ['tftp', '-4', '-m', 'binary', server, '-c'] + args)
    time.sleep(.1)


def irc(lab):
    """A client behind the router offers a file by DCC to one outside, who takes it."""
    os.chmod(lab.tmp, 0o755)
    conf = os.path.join(lab.tmp, 'ngircd.conf')
    with open(conf, 'w') as f:
        f.write('[Global]\nName = irc.test\nInfo = test\nListen = 0.0.0.0\nPorts = 6667\nPidFile = %s/ngircd.pid\nServerUID = root\nServerGID = root\nMotdPhrase = hello\n[Options]\nDNS = no\nIdent = no\nPAM = no\n' % lab.tmp)
    os.chmod(conf, 0o644)
    lab.popen('b', ['/usr/sbin/ngircd', '-n', '-f', conf])
    lab.wait_listen('b', 6667)
    with open(os.path.join(lab.tmp, 'gift'), 'w') as f:
        f.write('given ' * 300)
    taker = irssi(lab, 'b', 'taker', '127.0.0.1')
    giver = irssi(lab, 'a', 'giver', B)
    time.sleep(4)      # it waits before it connects
    os.write(giver, ('/dcc send taker %s\n' % os.path.join(lab.tmp, 'gift')).encode())
    time.sleep(6)      # ... and before it says anything
    for side in (giver, taker):
        os.write(side, b'/quit\n')
    time.sleep(.5)
    os.close(giver)
    os.close(taker)


def irssi(lab, side, nick, server):
    """A client on a terminal of its own, joined to the server; what is typed is written to what comes back."""
    home = os.path.join(lab.tmp, nick)
    os.makedirs(home)
    with open(os.path.join(home, 'config'), 'w') as f:
        f.write('settings = { "irc/dcc" = { dcc_autoget = "yes"; dcc_download_path = "%s"; dcc_upload_path = "%s"; dcc_mirc_ctcp = "no"; }; core = { real_name = "x"; user_name = "x"; nick = "%s"; }; "fe-common/core" = { autolog = "no"; }; };\n' % (home, lab.tmp, nick))
    mine, theirs = pty.openpty()
    lab.popen(side, ['irssi', '--home', home, '-c', server, '-n', nick], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    return mine


SIP_REGISTER = '''<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="register">
  <send retrans="500"><![CDATA[
    REGISTER sip:[remote_ip] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    From: <sip:phone@[remote_ip]>;tag=[call_number]
    To: <sip:phone@[remote_ip]>
    Call-ID: [call_id]
    CSeq: 1 REGISTER
    Contact: <sip:phone@[local_ip]:[local_port]>
    Max-Forwards: 70
    Expires: 600
    Content-Length: 0

  ]]></send>
  <recv response="200"/>
</scenario>
'''
SIP_REGISTRAR = '''<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="registrar">
  <recv request="REGISTER"/>
  <send><![CDATA[
    SIP/2.0 200 OK
    [last_Via:]
    [last_From:]
    [last_To:];tag=[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    [last_Contact:]
    Expires: 600
    Content-Length: 0

  ]]></send>
</scenario>
'''


SIP_CALLER = '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="caller">\n' + ''.join('''
  <send%s><![CDATA[
    %s sip:echo@[remote_ip]:[remote_port] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    From: <sip:phone@[local_ip]:[local_port]>;tag=[call_number]
    To: <sip:echo@[remote_ip]:[remote_port]>%s
    Call-ID: [call_id]
    CSeq: %d %s
    Contact: <sip:phone@[local_ip]:[local_port]>
    Max-Forwards: 70
%s
  ]]></send>%s
''' % x for x in (
    (' retrans="500"', 'INVITE', '', 1, 'INVITE', '''    Content-Type: application/sdp
    Content-Length: [len]

    v=0
    o=phone 1 1 IN IP[media_ip_type] [media_ip]
    s=-
    c=IN IP[media_ip_type] [media_ip]
    t=0 0
    m=audio 7400 RTP/AVP 0
    a=rtpmap:0 PCMU/8000''', '<recv response="180" optional="true"/><recv response="200" rtd="true"/>'),
    ('', 'ACK', '[peer_tag_param]', 1, 'ACK', '    Content-Length: 0\n', '<pause milliseconds="1500"/>'),
    (' retrans="500"', 'BYE', '[peer_tag_param]', 2, 'BYE', '    Content-Length: 0\n', '<recv response="200"/>'))) + '</scenario>\n'


SIPP = ['-nostdin', '-m', '1', '-timeout', '4s']


def write_sip(lab):
    for name, text in (('register', SIP_REGISTER), ('registrar', SIP_REGISTRAR), ('caller', SIP_CALLER)):
        with open(os.path.join(lab.tmp, name + '.xml'), 'w') as f:
            f.write(text)


def sip_calls(lab, side, own, at, listens, callee, *args, port=5060):
    """One calls the other, whose media is echoed."""
    write_sip(lab)
    lab.popen(at, ['sipp', '-sn', 'uas', '-i', listens, '-p', '5060', '-rtp_echo', '-mp', '6000', *args] + SIPP, cwd=lab.tmp)
    lab.wait_listen(at, 5060, 'tcp' if args else 'udp')
    call = lab.popen(side, ['sipp', '-sf', lab.tmp + '/caller.xml', '-i', own, '-p', str(port), '[%s]' % callee if ':' in callee else callee, *args] + SIPP, cwd=lab.tmp)
    time.sleep(.3)
    for mine, theirs in ((7400, 6000), (7401, 6001)):     # media, and control that nobody there listens to
        lab.run_in(side, ['python3', '-c', MEDIA, own, str(mine), callee, str(theirs)])
    call.wait(6)
    time.sleep(.1)


def sip(lab):
    """A registration, then a call whose media goes both ways."""
    write_sip(lab)
    p = lab.popen('b', ['sipp', '-sf', lab.tmp + '/registrar.xml', '-i', B, '-p', '5060'] + SIPP, cwd=lab.tmp)
    lab.wait_listen('b', 5060, 'udp')
    lab.run_in('a', ['sipp', '-sf', lab.tmp + '/register.xml', '-i', A, '-p', '5060', B] + SIPP, cwd=lab.tmp)
    lab.kill(p)
    sip_calls(lab, 'a', A, 'b', B, B)


def sip6(lab):
    """A call without translation, IPv6."""
    sip_calls(lab, 'a', A6, 'b', B6, B6)


MEDIA = 'import socket,sys\ns=socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET,socket.SOCK_DGRAM)\ns.bind((sys.argv[1],int(sys.argv[2])))\ns.settimeout(.2)\nfor i in range(3):\n s.sendto(b"r"*(12+i),(sys.argv[3],int(sys.argv[4])))\n try: s.recv(99)\n except OSError: pass\n'


def sip_tcp(lab):
    """A call whose signalling is TCP."""
    sip_calls(lab, 'a', A, 'b', B, B, '-t', 't1')


def sip_inbound(lab):
    """The phone behind the router registers, then is called by the address that it is known by outside."""
    write_sip(lab)
    p = lab.popen('b', ['sipp', '-sf', lab.tmp + '/registrar.xml', '-i', B, '-p', '5060'] + SIPP, cwd=lab.tmp)
    lab.wait_listen('b', 5060, 'udp')
    lab.run_in('a', ['sipp', '-sf', lab.tmp + '/register.xml', '-i', A, '-p', '5060', B] + SIPP, cwd=lab.tmp)
    lab.kill(p)
    sip_calls(lab, 'b', B, 'a', A, R1, port=5070)


def app(name, covers, run, rules4=None, rules6=None, sysctl=None):
    case = Plain('app-' + name, 'app', covers, rules4, rules6, apps=True, deaf=False, sysctl=dict(ACCT, **(sysctl or {})))
    case.run = run
    return case


def inbound(proto, port, to, *more):
    """The nat table of a server that is reached by the router's outer address."""
    return {'PREROUTING': ['-i r1 -p %s -m %s --dport %d -j DNAT --to-destination %s' % (proto, proto, port, to)] + list(more), 'POSTROUTING': OUT['POSTROUTING']}


FTP_OUT = dict(active=('-P', '-', '--disable-eprt'), eprt=('-P', '-'), passive=('--disable-epsv',), epsv=())


def cases():
    yield app('nat-web', 'curl through MASQUERADE: served, refused, dropped', web, guarded('tcp', 80, 443))
    yield app('nat-web6', 'curl, ping and traceroute through MASQUERADE, IPv6', web6, rules6=rules(nat=OUT), sysctl={'net.ipv6.auto_flowlabels': 0})
    away = '-d %s -p tcp -m tcp --dport 81 -j DNAT --to-destination %s:8081' % (R1, A)
    yield app('nat-web-dnat', 'curl from outside through DNAT to a server behind the router, and to a closed port', published, rules(nat=inbound('tcp', 80, A + ':8080', away)))
    yield app('nat-web6-dnat', 'curl from outside through DNAT, IPv6', published6, rules6=rules(nat=inbound('tcp', 80, '[%s]:8080' % A6, away.replace(R1, R16).replace(A + ':', '[%s]:' % A6))))
    yield app('nat-hairpin', 'curl to the outer address from inside: DNAT and MASQUERADE on one interface', hairpin, rules(nat={'PREROUTING': ['-d %s -p tcp -m tcp --dport 80 -j DNAT --to-destination %s:8080' % (R1, A)], 'POSTROUTING': ['-s 10.1.0.0/24 -d 10.1.0.0/24 -j MASQUERADE']}))
    yield app('nat-ping', 'ping through MASQUERADE: fragments, nobody there, TTL', ping, rules(nat=OUT))
    yield app('nat-traceroute', 'traceroute through MASQUERADE: UDP, ICMP and TCP, with errors from the router', traceroute, rules(nat=OUT))
    dnsrules = rules(nat=OUT, filter={'FORWARD': GUARD + ['-i r0 -p udp -m udp --dport 53 -j ACCEPT', '-i r0 -p tcp -m tcp --dport 53 -j ACCEPT']}, policy={'FORWARD': 'DROP'})
    yield app('nat-dns', 'dig and dnsmasq through MASQUERADE: UDP, truncated then TCP, fragments', dns, dnsrules)
    both = inbound('udp', 53, A, '-i r1 -p tcp -m tcp --dport 53 -j DNAT --to-destination %s' % A)
    yield app('nat-dns-dnat', 'dig from outside through DNAT to dnsmasq', lambda lab: dns(lab, 'b', 'a', R1), rules(nat=both))
    for how, args in FTP_OUT.items():
        yield app('nat-ftp-' + how, 'vsftpd and curl through MASQUERADE: ' + how, ftp(*args), guarded('tcp', 21, helper='ftp'))
    for how, args in FTP_OUT.items():
        text = guarded('tcp', 21, into='r1', helper='ftp', nat=inbound('tcp', 21, A))
        yield app('nat-ftp-%s-dnat' % how, 'vsftpd behind DNAT, curl outside: ' + how, ftp(*args, at='a', ask='b', server=R1), text)
    for how in ('eprt', 'epsv'):
        yield app('nat-ftp-%s6' % how, 'vsftpd and curl through MASQUERADE, IPv6: ' + how, ftp(*FTP_OUT[how], server=B6, v6=True), rules6=guarded('tcp', 21, helper='ftp'))
    yield app('nat-tftp', 'tftp through MASQUERADE: get, put, a missing file', tftp, guarded('udp', 69, helper='tftp'))
    yield app('nat-tftp-dnat', 'tftp from outside through DNAT', lambda lab: tftp(lab, 'a', 'b', R1), guarded('udp', 69, into='r1', helper='tftp', nat=inbound('udp', 69, A)))
    yield app('nat-irc-dcc', 'irssi sends a file by DCC through MASQUERADE', irc, guarded('tcp', 6667, helper='irc'))
    yield app('nat-sip', 'sipp through MASQUERADE: a registration, a call with media', sip, guarded('udp', 5060, helper='sip'))
    yield app('nat-sip-inbound', 'sipp: a phone behind MASQUERADE registers and is called', sip_inbound, guarded('udp', 5060, helper='sip'))
    yield app('nat-sip-tcp', 'sipp through MASQUERADE: a call by TCP', sip_tcp, guarded('tcp', 5060, helper='sip'))
    yield app('sip6', 'sipp, IPv6: a call with media', sip6, rules6=rules(raw={'PREROUTING': ['-p udp -m udp --dport 5060 -j CT --helper sip']}, filter={'FORWARD': GUARD + ['-m helper --helper sip', '-i r0 -p udp -m udp --dport 5060 -j ACCEPT']}, policy={'FORWARD': 'DROP'}))


CASES = [lambda c=c: c for c in cases()]
