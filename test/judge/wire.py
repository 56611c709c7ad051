"""Puts frames onto the wires of a router in a network namespace and writes down what came and went there.

    wire.py OUTSIDE ROUTER      names of two network namespaces: a0 and b0 lie in the first, r0 and r1 in the second

Each line on standard input names three files: steps to take, where to write what was seen, and where the netlink messages about
connections and expectations; a fourth one, if it is there, gets what the kernel's log says of packets. A line of numbers answers:
packets seen, packets lost, whether messages or lines were lost. Steps: u32 microseconds to wait, u8 side (0 a, 1 b, 2 the router itself), u16 length, frame (for the router itself: from the
network header on). Seen: u64 nanoseconds, u8 device (0 r0, 1 r1, 2 lo), u8 (0 came, 1 went, 2 the router was told to make it), u16 length, frame.
"""
import ctypes
import errno
import fcntl
import mmap
import os
import re
import socket
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
SOL_PACKET, PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION = 263, 5, 6, 10
SO_TIMESTAMPNS = 35
SLOTS, SLOT = 8192, 2048
OUTGOING = 4
NETLINK_NETFILTER, SO_RCVBUFFORCE = 12, 33
# new, changed and ended connections and expectations
GROUPS = 0x3f
SIOCETHTOOL = 0x8946
# SRXCSUM STXCSUM SSG STSO SGSO SGRO
OFFLOADS = 0x15, 0x17, 0x19, 0x1f, 0x24, 0x2c
TO_R0 = (b'\x0a\x01', b'\x0a\x0b', b'\xfd\x00\x00\x01', b'\xfd\x00\x00\x11')
OWN = {socket.inet_pton(socket.AF_INET6 if ':' in a else socket.AF_INET, a) for a in ('10.1.0.1', '10.2.0.1', 'fd00:1::1', 'fd00:2::1', '::1')}
libc = ctypes.CDLL(None, use_errno=True)


def enter(name):
    fd = os.open('/run/netns/' + name, os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), 'setns ' + name)
    os.close(fd)


def without_offload(dev):
    """Packets are as on a wire: checksums filled in, nothing joined, nothing left to be cut."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for command in OFFLOADS:
            value = ctypes.create_string_buffer(struct.pack('II', command, 0))
            try:
                fcntl.ioctl(s, SIOCETHTOOL, struct.pack('16sP8x', dev.encode(), ctypes.addressof(value)))
            except OSError:
                pass


def injector(dev):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.bind((dev, 0))
    without_offload(dev)
    return s


class Tap:
    """All that passes r0 and r1, and what arrives on lo; the ring copies each packet when it passes, before the stack writes into it."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_VERSION, struct.pack('i', 1))
        self.socket.setsockopt(SOL_PACKET, PACKET_RX_RING, struct.pack('IIII', 65536, SLOTS // 32, SLOT, SLOTS))
        self.ring = mmap.mmap(self.socket.fileno(), SLOTS * SLOT, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        self.devices = {i: {'r0': 0, 'r1': 1, 'lo': 2}.get(n) for i, n in socket.if_nameindex()}
        self.slot = 0

    def drain(self, out):
        ring, head = self.ring, struct.Struct('IIIHHII')
        while True:
            at = self.slot * SLOT
            status, _, snap, mac, _, sec, nsec = head.unpack_from(ring, at)
            if not status & 1:
                return
            protocol, index, _, kind = struct.unpack_from('!H', ring, at + 34)[0], *struct.unpack_from('iHB', ring, at + 36)
            dev = self.devices.get(index)
            if dev is not None and protocol in (0x0800, 0x86dd) and not (dev == 2 and kind == OUTGOING):
                out.append(struct.pack('<QBBH', sec * 10**9 + nsec, dev, kind == OUTGOING, snap) + ring[at + mac:at + mac + snap])
            struct.pack_into('I', ring, at, 0)
            self.slot = (self.slot + 1) % SLOTS

    def lost(self):
        return struct.unpack('II', self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]


class Events:
    """What the kernel says about connections, in a socket that has room for what a whole run makes."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 28)
        self.socket.bind((0, GROUPS))
        self.socket.setblocking(False)
        self.lost = 0

    def drain(self, out):
        while True:
            try:
                out.append(self.socket.recv(65536))
            except BlockingIOError:
                return
            except OSError as e:
                if e.errno != errno.ENOBUFS:
                    raise
                self.lost = 1


class Log:
    """Lines of the kernel's log about packets of this router's interfaces; the log is one for all namespaces."""

    def __init__(self):
        self.fd = os.open('/dev/kmsg', os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.fd, 0, os.SEEK_END)
        self.lines, self.lost = [], 0

    def drain(self):
        while True:
            try:
                record = os.read(self.fd, 8192)
            except BlockingIOError:
                return
            except OSError as e:
                if e.errno != errno.EPIPE:
                    raise
                self.lost = 1
                continue
            body = record.split(b';', 1)[-1].split(b'\n')[0]
            # helpers' lines are others' or not compared (docs/kernel-differences.md)
            if re.search(rb'IN=(r0|r1|lo)? OUT=(r0|r1|lo)?( |$)', body) and b': dropping packet: ' not in body:
                self.lines.append(body.replace(b'\\x0a', b'\n') + b'\n')

    def close(self, path):
        self.drain()
        os.close(self.fd)
        with open(path, 'wb') as f:
            f.write(b''.join(self.lines))


class Wire:
    def __init__(self, outside, router):
        enter(outside)
        self.sides = injector('a0'), injector('b0')
        enter(router)
        without_offload('r0')
        without_offload('r1')
        self.tap = Tap()
        self.events = Events()
        self.raw4 = self.raw6 = None

    def make(self, packet, out):
        """The router makes this packet; that it was told so is written down, since OUTPUT may drop or change it."""
        if self.raw4 is None:       # only now: they answer for protocol 255
            self.raw4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            self.raw6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.tap.drain(out)
        six = packet[0] >> 4 == 6
        dst = packet[24:40] if six else packet[16:20]
        dev = 2 if dst in OWN or dst[:1] == b'\x7f' else 0 if dst.startswith(TO_R0) else 1
        frame = b'\x02\0\0\0' + bytes([dev + 1, 2]) + b'\x02\0\0\0' + bytes([dev + 1, 1]) + (b'\x86\xdd' if six else b'\x08\0') + packet
        out.append(struct.pack('<QBBH', time.time_ns(), dev, 2, len(frame)) + frame)
        try:
            if six:
                self.raw6.sendto(packet, (socket.inet_ntop(socket.AF_INET6, dst), 0))
            else:
                self.raw4.sendto(packet, (socket.inet_ntoa(dst), 0))
        except OSError:
            pass        # dropped in OUTPUT

    def run(self, steps, seen, messages, log=None):
        with open(steps, 'rb') as f:
            data = f.read()
        out, at, head, n = [], 0, struct.Struct('<IBH'), 0
        self.tap.drain([])
        self.events.drain([])
        self.events.lost, said = 0, []
        kernel = Log() if log else None
        while at < len(data):
            wait, side, length = head.unpack_from(data, at)
            packet = data[at + 7:at + 7 + length]
            at += 7 + length
            if wait:
                self.tap.drain(out)
                time.sleep(wait / 1e6)
            if side == 2:
                self.make(packet, out)
            else:
                self.sides[side].send(packet)
            n += 1
            if kernel and n & 15 == 0:
                kernel.drain()
            if n & 127 == 0:
                self.tap.drain(out)
                self.events.drain(said)
        self.settle(out)
        self.events.drain(said)
        if kernel:
            kernel.close(log)
            self.events.lost |= kernel.lost
        with open(seen, 'wb') as f:
            f.write(b''.join(out))
        with open(messages, 'wb') as f:
            f.write(b''.join(said))
        return len(out)

    def settle(self, out):
        quiet = 0
        while quiet < 2:
            n = len(out)
            self.tap.drain(out)
            quiet = 0 if len(out) > n else quiet + 1
            time.sleep(0.001)


def main():
    # one CPU: the router is done with a packet before the next one is sent
    cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpus[os.getpid() % len(cpus)]})
    wire = Wire(sys.argv[1], sys.argv[2])
    print('ready', flush=True)
    for line in sys.stdin:
        print(wire.run(*line.split()), wire.tap.lost(), wire.events.lost, flush=True)


main()
