"""
Cases of what the router broadcasts: answers to questions of NetBIOS names and of SNMP come from anybody on the network, and what is broadcast
comes back to the router itself.
"""
import socket

from kit import ACCT, Kit, P, R
from plain import Plain, rules

COUNT = ['-m conntrack --ctstate ' + s for s in ('NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED')]
PORTS = {'netbios-ns': 137, 'snmp': 161}
GAP = .002


def prepare(lab):
    """Addresses with the broadcast address that every tool but ip(8) gives them; raw sockets that may use it."""
    for dev, address in (('r0', '10.1.0.1/24'), ('r1', '10.2.0.1/24')):
        lab.run_in('r', ['ip', 'addr', 'del', address, 'dev', dev], check=True)
        lab.run_in('r', ['ip', 'addr', 'add', address, 'brd', '+', 'dev', dev], check=True)
    for to, via, dev in lab.routes:
        if ':' not in to:
            lab.run_in('r', ['ip', 'route', 'replace', to, 'via', via, 'dev', dev], check=True)
    for address, peer, dev in R.NEIGH:
        lab.run_in('r', ['ip', 'neigh', 'replace', address, 'lladdr', R.MAC[peer], 'dev', dev, 'nud', 'permanent'], check=True)
    lab.raw4.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)


def text(helper=None, nat=None, raw=None, where=('OUTPUT', 'PREROUTING'), **kw):
    port = PORTS.get(helper)
    helped = ['-p udp -m udp --dport %d -j CT --helper %s' % (port, helper)] if helper else []
    chains = {c: (raw or []) + (helped if c in where else []) for c in ('PREROUTING', 'OUTPUT')}
    tables = dict(raw=chains, filter={c: COUNT + (['-m helper --helper ' + helper] if helper else []) for c in ('INPUT', 'FORWARD', 'OUTPUT')},
                  mangle={c: ['-m addrtype --dst-type BROADCAST', '-m pkttype --pkt-type broadcast', '-m pkttype --pkt-type unicast', '-i r0', '-o r0'] for c in ('PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING')})
    for c in ('PREROUTING', 'INPUT'):
        tables['mangle'][c] = tables['mangle'][c][:-1]
    for c in ('OUTPUT', 'POSTROUTING'):
        tables['mangle'][c] = tables['mangle'][c][:-2] + ['-o r0']
    if nat:
        tables['nat'] = nat
    return rules(probe=False, **tables)


def ask(lab, k, dst, port, sport=4000, src='10.1.0.1', body=b'who is there'):
    lab.send('r', k.ip(P.UDP, P.udp_seg(src, dst, sport, port, body), 'r', src=src, dst=dst), gap=GAP)


def tell(lab, k, src, port, sport=4000, dst='10.1.0.1', side='a', body=b'I am'):
    lab.send(side, k.ip(P.UDP, P.udp_seg(src, dst, port, sport, body), side, src=src, dst=dst), gap=GAP)


def question(helper, plain=True):
    """`plain`: also to one host, whose answers NAT would give a port that is drawn."""
    port = PORTS[helper]

    def run(lab):
        k = Kit('broadcast ' + helper, 4)
        ask(lab, k, '10.1.0.255', port)
        for host in ('10.1.0.3', '10.1.0.4', '10.1.0.3'):
            tell(lab, k, host, port)
        # not of that port, that network, that asker, that interface
        tell(lab, k, '10.1.0.5', port + 1)
        tell(lab, k, '10.11.0.5', port)
        tell(lab, k, '10.1.0.5', port, sport=4001)
        tell(lab, k, '10.1.0.6', port, side='b')
        # again, and with another port; to the other network; to one host; to everybody; from a wrong address
        ask(lab, k, '10.1.0.255', port)
        tell(lab, k, '10.1.0.7', port)
        ask(lab, k, '10.1.0.255', port, sport=port)
        tell(lab, k, '10.1.0.7', port, sport=port)
        ask(lab, k, '10.2.0.255', port, sport=4002, src='10.2.0.1')
        tell(lab, k, '10.2.0.7', port, sport=4002, dst='10.2.0.1', side='b')
        if plain:
            ask(lab, k, '10.1.0.3', port, sport=4003)
            tell(lab, k, '10.1.0.4', port, sport=4003)
            tell(lab, k, '10.1.0.3', port, sport=4003)
        ask(lab, k, '10.1.0.255', port, sport=4005, src='10.2.0.1')
        tell(lab, k, '10.1.0.8', port, sport=4005, dst='10.2.0.1')
        # forwarded ones are not looked at, and an answer that repeats the question neither
        tell(lab, k, '10.1.0.9', 4006, sport=port, dst='10.2.0.255')
        tell(lab, k, '10.1.0.9', 4006, sport=port, dst='10.1.0.255')
        lab.send('a', P.icmp('10.1.0.9', '10.1.0.1', 3, 3, b'\0\0\0\0', k.ip(P.UDP, P.udp_seg('10.1.0.1', '10.1.0.255', 4000, port, b'who'), 'r', src='10.1.0.1', dst='10.1.0.255')))
    return run


def expires(lab):
    """Three seconds after the last question nobody is expected any more."""
    k = Kit('broadcast expires', 4)
    ask(lab, k, '10.1.0.255', 137)
    lab.sleep(1.5)
    tell(lab, k, '10.1.0.3', 137)
    ask(lab, k, '10.1.0.255', 137)
    lab.sleep(2.4)
    tell(lab, k, '10.1.0.4', 137)
    lab.sleep(2.5)
    tell(lab, k, '10.1.0.5', 137)


def returns(lab):
    """What is broadcast passes POSTROUTING twice, and comes back."""
    k = Kit('broadcast returns', 4)
    for dst in ('10.1.0.255', '255.255.255.255', '10.2.0.255', '224.0.0.1', '224.0.0.9', '10.1.0.7'):
        for port in (1000, 1001):
            ask(lab, k, dst, port)
    lab.send('r', k.ip(P.ICMP, P.icmp_msg(8, 0, b'\0\1\0\1', b'ping'), 'r', src='10.1.0.1', dst='10.1.0.255'), gap=GAP)
    tell(lab, k, '10.1.0.3', 1000)
    lab.send('a', k.ip(P.ICMP, P.icmp_msg(0, 0, b'\0\1\0\1', b'ping'), 'a', src='10.1.0.3', dst='10.1.0.1'))


def answers(lab):
    """Errors about what came from a broadcast address, and from others."""
    k = Kit('broadcast answers', 4)
    for src in ('10.1.0.255', '10.2.0.255', '255.255.255.255', '10.1.0.9'):
        for port in (9, 10):
            for ttl in (64, 1):
                lab.send('a', k.ip(P.UDP, P.udp_seg(src, '10.2.0.2', 4000, port, b'x'), 'a', src=src, dst='10.2.0.2', ttl=ttl), gap=GAP)
        lab.send('a', k.ip(P.TCP, P.tcp_seg(src, '10.2.0.2', 4000, 80), 'a', src=src, dst='10.2.0.2'), gap=GAP)


def groups(lab):
    """IPv6 groups: those that the router has joined on that interface come back to it."""
    k = Kit('broadcast groups', 6)
    lab.ns.enter('r')
    index = {dev: socket.if_nametoindex(dev) for dev in ('r0', 'r1')}
    lab.ns.leave()
    plain = lab.raw6

    class Scoped:
        """The raw socket, with the interface that a group needs."""
        def __init__(self, dev):
            self.dev = dev

        def sendto(self, packet, where):
            plain.sendto(packet, (where[0], 0, 0, index[self.dev]))

        def close(self):
            plain.close()
    for dev, src in (('r0', 'fd00:1::1'), ('r1', 'fd00:2::1')):
        lab.raw6 = Scoped(dev)
        solicited = 'ff02::1:ff00:1'
        # those of a wider scope leave where the first route to all groups leads
        for group in ('ff02::1', 'ff02::2', 'ff01::1', 'ff02::5', solicited, 'ff02::1:ff00:9', 'ff02::fb') + (('ff05::2', 'ff0e::1') if dev == 'r0' else ()):
            packet = k.ip(P.UDP, P.udp_seg(src, group, 4000, 1000, b'who'), 'r', src=src, dst=group)
            lab.send_local(packet, GAP, dev)
        packet = k.ip(P.ICMP6, P.icmp6_msg(src, 'ff02::1', 128, 0, b'\0\1\0\1', b'ping'), 'r', src=src, dst='ff02::1')
        lab.send_local(packet, GAP, dev)
    lab.raw6 = plain


def case(name, covers, run, rules4, **kw):
    made = Plain(name, 'helper', covers, rules4, None, sysctl=ACCT, prepare=prepare, **kw)
    made.run = run
    return made


def cases():
    for helper in PORTS:
        yield case('helper-%s' % helper, '%s: a question to everybody, and who may answer' % helper, question(helper), text(helper))
    yield case('helper-netbios-ns-expires', 'netbios-ns: how long answers are waited for', expires, text('netbios-ns'))
    yield case('helper-netbios-ns-snat', 'netbios-ns: the question gets another source', question('netbios-ns', False), text('netbios-ns', nat={'POSTROUTING': ['-o r0 -p udp -j SNAT --to-source 10.1.0.99']}))
    yield case('tracking-broadcast', 'what the router broadcasts comes back to itself', returns, text())
    yield case('tracking-broadcast-nat', 'the same, behind MASQUERADE and with a rule that takes it back', returns, text(nat={'POSTROUTING': ['-o r0 -j MASQUERADE'], 'PREROUTING': ['-p udp -m udp --dport 1001 -j REDIRECT --to-ports 2001'], 'INPUT': ['-p udp -m udp --dport 1000']}))
    reject = ['-p udp -m udp --dport 9 -j REJECT', '-p tcp -j REJECT --reject-with tcp-reset']
    yield case('tracking-broadcast-answers', 'errors that go to a broadcast address come back too', answers, text().replace('-A FORWARD -m', ''.join('-A FORWARD %s\n' % r for r in reject) + '-A FORWARD -m', 1))
    count = {c: COUNT for c in ('INPUT', 'FORWARD', 'OUTPUT')}
    places = ['-d %s/128' % g for g in ('ff02::1', 'ff02::2', 'ff01::1', 'ff05::2', 'ff02::1:ff00:1', 'ff02::1:ff00:9', 'ff0e::1')] + ['-m pkttype --pkt-type multicast', '-m pkttype --pkt-type unicast']
    made = Plain('tracking-groups6', 'tracking', 'what the router sends to IPv6 groups that it has joined comes back to it', None, rules(probe=False, filter=count, mangle={c: places for c in ('PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING')}), sysctl=ACCT)
    made.run = groups
    yield made
    yield case('tracking-broadcast-dropped', 'the same: dropped in INPUT, untracked', returns, text(raw=['-p udp -m udp --dport 1001 -j CT --notrack']).replace('-A INPUT -m conntrack --ctstate NEW\n', '-A INPUT -p udp -m conntrack --ctstate NEW -j DROP\n'))


CASES = [lambda c=c: c for c in cases()]
