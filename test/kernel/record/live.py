"""
A router between two wires, packet by packet: for conversations in which what is sent depends on what came out.

    live.py RULES4 RULES6 SYSCTL=VALUE...      as root

Makes a router in a network namespace of its own (r0 10.1.0.1 and fd00:1::1, r1 10.2.0.1 and fd00:2::1), loads the rules and says `ready`. Each
line on standard input is a side (`a`: r0, `b`: r1) and a packet in hex from the network header on; a line answers with what came out: `r0 HEX r1 HEX ...`.
A line `end` answers with the table of connections, SYNPROXY's counters, lines of `iptables-save -c` of both families, and an empty line.
"""
import ctypes
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time

CLONE_NEWNET, SOL_PACKET, OUTGOING = 0x40000000, 263, 4
MAC = {'a0': '02:00:00:00:01:02', 'r0': '02:00:00:00:01:01', 'b0': '02:00:00:00:02:02', 'r1': '02:00:00:00:02:01'}
QUIET = {'net.ipv6.conf.default.accept_dad': 0, 'net.ipv6.conf.default.dad_transmits': 0, 'net.ipv6.conf.default.router_solicitations': 0, 'net.ipv6.conf.default.accept_ra': 0,
         'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1, 'net.ipv4.conf.all.rp_filter': 0, 'net.ipv4.conf.default.rp_filter': 0}
# how long a packet may need to arrive, and the router to be done with it then
PATIENCE, QUIET_TIME = 2, .002
libc = ctypes.CDLL(None, use_errno=True)


def run(*command, text=''):
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit('%s: %s' % (' '.join(command), done.stdout.strip()))
    return done.stdout


def enter(name):
    with open('/run/netns/' + name) as f:
        if libc.setns(f.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), 'setns ' + name)


def raw(text):
    return bytes.fromhex(text.replace(':', ''))


def packets(dev, sends=False):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0 if sends else socket.htons(3))
    s.bind((dev, 0 if sends else 3))
    s.setblocking(False)
    return s


class Router:
    def __init__(self, outside, router, rules4, rules6, sysctls):
        run('ip', '-batch', '-', text=''.join('link add %s netns %s address %s type veth peer name %s netns %s address %s\n' % (o, outside, MAC[o], r, router, MAC[r]) for o, r in (('a0', 'r0'), ('b0', 'r1'))))
        run('nsenter', '--net=/run/netns/' + outside, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; for d in a0 b0; do ip link set $d arp off up; done')
        enter(outside)
        self.sides = {'a': packets('a0', True), 'b': packets('b0', True)}
        enter(router)
        self.set(QUIET)
        lines = ['link set lo up']
        for i, dev in ((1, 'r0'), (2, 'r1')):
            lines += ['link set %s up' % dev, 'addr add 10.%d.0.1/24 dev %s' % (i, dev), 'addr add fd00:%d::1/64 dev %s nodad' % (i, dev)]
            peer = MAC['a0' if i == 1 else 'b0']
            lines += ['neigh replace %s lladdr %s dev %s nud permanent' % (x % i, peer, dev) for x in ('10.%d.0.2', 'fd00:%d::2')]
        run('ip', '-batch', '-', text='\n'.join(lines) + '\n')
        self.set(sysctls)
        run('iptables-legacy-restore', text=rules4)
        run('ip6tables-legacy-restore', text=rules6)
        self.seen = {'r0': packets('r0'), 'r1': packets('r1')}

    @staticmethod
    def set(sysctls):
        for key, value in sysctls.items():
            with open('/proc/sys/' + key.replace('.', '/'), 'w') as f:
                f.write('%s\n' % value)

    def drain(self):
        """What came and what went since the last time: [(device, whether it went, packet)]."""
        out = []
        for dev, s in self.seen.items():
            while True:
                try:
                    frame, (_, _, kind, *_) = s.recvfrom(65536)
                except BlockingIOError:
                    break
                # not what the router says of its own groups and neighbours
                own = frame[12:14] == b'\x86\xdd' and (frame[20] in (0, 58))
                if frame[12:14] in (b'\x08\0', b'\x86\xdd') and not own:
                    out.append((dev, kind == OUTGOING, frame[14:]))
        return out

    def send(self, side, packet):
        self.drain()
        peer, dev = ('a0', 'r0') if side == 'a' else ('b0', 'r1')
        self.sides[side].send(raw(MAC[dev]) + raw(MAC[peer]) + (b'\x86\xdd' if packet[0] >> 4 == 6 else b'\x08\0') + packet)
        seen, end = [], time.monotonic() + PATIENCE
        while not any(not went and p[:len(packet)] == packet for _, went, p in seen) and time.monotonic() < end:
            time.sleep(.0005)
            seen += self.drain()
        time.sleep(QUIET_TIME)
        return [(dev, p) for dev, went, p in seen + self.drain() if went]


def counters():
    """syn_received, cookie_invalid, cookie_valid, cookie_retrans, conn_reopened: of all CPUs."""
    with open('/proc/thread-self/net/stat/synproxy') as f:
        rows = [[int(x, 16) for x in line.split()] for line in f.read().splitlines()[1:]]
    return 'synproxy %s\n' % ' '.join(str(sum(column)) for column in list(zip(*rows))[1:])


def main():
    # one CPU: the router is done with a packet before the next one is sent
    cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpus[os.getpid() % len(cpus)]})
    tag = 'live_%d' % os.getpid()
    names = tag + '_o', tag + '_r'
    os.environ['XTABLES_LOCKFILE'] = os.path.join(tempfile.gettempdir(), tag)
    try:
        for name in names:
            run('ip', 'netns', 'add', name)
        with open(sys.argv[1]) as four, open(sys.argv[2]) as six:
            router = Router(*names, four.read(), six.read(), dict(x.split('=', 1) for x in sys.argv[3:]))
        print('ready', flush=True)
        for line in sys.stdin:
            if line.strip() == 'end':
                table = subprocess.run(['conntrack', '-L', '-o', 'extended'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
                print(table + counters() + run('iptables-legacy-save', '-c') + run('ip6tables-legacy-save', '-c'), flush=True)
                continue
            side, packet = line.split()
            print(' '.join('%s %s' % (dev, p.hex()) for dev, p in router.send(side, bytes.fromhex(packet))), flush=True)
    finally:
        for name in names:
            subprocess.run(['ip', 'netns', 'del', name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if os.path.exists(os.environ['XTABLES_LOCKFILE']):
            os.remove(os.environ['XTABLES_LOCKFILE'])


main()
