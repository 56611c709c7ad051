import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, ethernet, icmp, ip4, ip6, tcp, u16, u32, udp } from '../../test/support/wire-frames.js';
import { ipv6LoopbackOnly } from './ipv6.js';
import {
  AF_INET,
  AF_INET6,
  CT_NEW,
  CT_NONE,
  HAS_BROKEN_CHAIN,
  HAS_CUT,
  HAS_FRAGMENT,
  HAS_LATER_FRAGMENT,
  HAS_PORTS,
  HAS_REASSEMBLED,
  HAS_TCP,
  HAS_TUPLE,
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  PARSE_OK,
  Packet,
  T_DST,
  T_PORTS,
  T_PROTO,
  T_SRC,
} from './packet.js';
import { cookedDirection, parseFrame, parseNetwork, reparseNetwork } from './parse.js';
import * as reasons from './parse-reasons.js';
import { parseTransport } from './transport.js';

const PORTS = (1000 << 16) | 53;
const U = udp([1, 2, 3]);

/** Parses with junk around the frame, which must not be looked at. */
function parse(frame: Bytes, linkType = 1, wireLen = frame.length): { p: Packet; code: number } {
  const bytes = new Uint8Array(frame.length + 128).fill(0xff);
  bytes.set(frame, 64);
  const p = new Packet();
  const code = parseFrame(p, bytes, 64, 64 + frame.length, wireLen, linkType);
  return { p, code };
}

describe('a TCP packet over IPv4 in Ethernet', () => {
  const { p, code } = parse([...ethernet(0x800, ip4(6, tcp({ options: [1, 1, 1, 1], data: [9, 9] }))), 0, 0, 0]);

  it('has every offset, padding left out', () => {
    expect(code).toBe(PARSE_OK);
    expect([p.start, p.macOff, p.l3Off, p.l3Len, p.l4Off, p.payloadOff, p.end]).toEqual([64, 64, 78, 46, 98, 122, 124]);
    expect([p.family, p.protocol, p.fragment, p.fragmentOff]).toEqual([AF_INET, 6, 0, -1]);
  });

  it('has its TCP fields, sequence numbers as Int32', () => {
    expect(p.has).toBe(HAS_TCP | HAS_PORTS | HAS_TUPLE);
    expect([p.seq, p.ack, p.window, p.tcpFlags]).toEqual([-16, 0x80000001 | 0, 0xabcd, 0x18]);
  });

  it('has its tuple', () => {
    expect([...p.tuple]).toEqual([0x0a010002, 0, 0, 0, 0x0a020003, 0, 0, 0, (1000 << 16) | 80, 6 | (AF_INET << 8)]);
  });
});

describe('link layers', () => {
  const v4 = ip4(17, U);
  const v6 = ip6(17, U);
  const vlan = (type: number, inner: Bytes) => [...u16(5), ...u16(type), ...inner];
  const sll = (type: number, packetType = 0) => [...u16(packetType), 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, ...u16(type)];
  const sll2 = (type: number, packetType = 0) => [
    ...u16(type),
    0,
    0,
    ...u32(3),
    0,
    1,
    packetType,
    6,
    1,
    2,
    3,
    4,
    5,
    6,
    0,
    0,
  ];
  const rows: [string, number, Bytes, number, number?][] = [
    ['Ethernet, IPv4', 1, ethernet(0x800, v4), AF_INET],
    ['Ethernet, IPv6', 1, ethernet(0x86dd, v6), AF_INET6],
    ['one 802.1Q tag', 1, ethernet(0x8100, vlan(0x800, v4)), AF_INET],
    ['802.1ad and two 802.1Q tags', 1, ethernet(0x88a8, vlan(0x8100, vlan(0x8100, vlan(0x86dd, v6)))), AF_INET6],
    ['cooked v1', 113, [...sll(0x800), ...v4], AF_INET],
    ['cooked v1 with a tag', 113, [...sll(0x8100), ...vlan(0x86dd, v6)], AF_INET6],
    ['cooked v2', 276, [...sll2(0x86dd), ...v6], AF_INET6],
    ['raw 12, IPv4', 12, v4, AF_INET],
    ['raw 14, IPv6', 14, v6, AF_INET6],
    ['raw 101, IPv4', 101, v4, AF_INET],
    ['IPv4 link type', 228, v4, AF_INET],
    ['IPv6 link type', 229, v6, AF_INET6],
    ['null, little-endian IPv4', 0, [2, 0, 0, 0, ...v4], AF_INET],
    ['null, big-endian IPv4', 0, [0, 0, 0, 2, ...v4], AF_INET],
    ['null, Darwin IPv6', 0, [30, 0, 0, 0, ...v6], AF_INET6],
    ['null, FreeBSD IPv6, big-endian', 0, [0, 0, 0, 28, ...v6], AF_INET6],
    ['loop, OpenBSD IPv6', 108, [0, 0, 0, 24, ...v6], AF_INET6],
    ['ARP is not IP', 1, ethernet(0x806, v4), 0, reasons.PARSE_NOT_IP],
    ['802.3 length is not IP', 1, ethernet(60, v4), 0, reasons.PARSE_NOT_IP],
    ['ARP inside a tag', 1, ethernet(0x8100, vlan(0x806, v4)), 0, reasons.PARSE_NOT_IP],
    ['unknown family of null', 0, [0, 0, 0, 77, ...v4], 0, reasons.PARSE_NOT_IP],
    ['unknown link type', 147, v4, 0, reasons.PARSE_LINK_TYPE],
    ['Ethernet of 13 bytes', 1, ethernet(0x800, []).slice(0, 13), 0, reasons.PARSE_LINK_SHORT],
    ['a tag of 3 bytes', 1, ethernet(0x8100, [0, 1, 8]), 0, reasons.PARSE_LINK_SHORT],
    ['cooked v1 of 15 bytes', 113, sll(0x800).slice(0, 15), 0, reasons.PARSE_LINK_SHORT],
    ['cooked v2 of 19 bytes', 276, sll2(0x800).slice(0, 19), 0, reasons.PARSE_LINK_SHORT],
    ['null of 3 bytes', 0, [2, 0, 0], 0, reasons.PARSE_LINK_SHORT],
    ['raw of 0 bytes', 101, [], 0, reasons.PARSE_IP_SHORT],
    ['raw of version 5', 101, [0x55, ...v4], 0, reasons.PARSE_IP_VERSION],
  ];
  it.each(rows)('%s', (_, linkType, frame, family, code = PARSE_OK) => {
    const r = parse(frame, linkType);
    expect([r.code, r.p.family]).toEqual([code, family]);
    if (code === PARSE_OK) expect(r.p.tuple[T_PORTS]).toBe(PORTS);
    else expect([r.p.connection, r.p.has, r.p.l4Off, ...r.p.tuple]).toEqual([-1, 0, -1, ...Array(10).fill(0)]);
  });

  it('tells broadcast and multicast by the destination, anything by a cooked header', () => {
    const to = (mac: Bytes) => parse(ethernet(0x800, v4, mac)).p.packetType;
    expect(to([255, 255, 255, 255, 255, 255])).toBe(PACKET_BROADCAST);
    expect(to([255, 255, 255, 255, 255, 254])).toBe(PACKET_MULTICAST);
    expect(to([1, 0, 0x5e, 0, 0, 1])).toBe(PACKET_MULTICAST);
    expect(to([2, 0, 0, 0, 0, 1])).toBe(PACKET_HOST);
    expect(parse([...sll(0x800, 3), ...v4], 113).p.packetType).toBe(PACKET_OTHERHOST);
    expect(parse([...sll2(0x800, 2), ...v4], 276).p.packetType).toBe(PACKET_MULTICAST);
    expect(parse([...sll(0x800, 4), ...v4], 113).p.packetType).toBe(PACKET_HOST);
  });

  it('knows the direction of cooked frames only', () => {
    const direction = (frame: Bytes, type: number) => cookedDirection(new Uint8Array(frame), 0, frame.length, type);
    expect(direction(sll(0x800, 4), 113)).toBe(2);
    expect(direction(sll(0x800, 0), 113)).toBe(1);
    expect(direction(sll2(0x800, 4), 276)).toBe(2);
    expect(direction(ethernet(0x800, v4), 1)).toBe(0);
    expect(direction(sll(0x800, 4).slice(0, 8), 113)).toBe(0);
  });
});

describe('what the kernel drops before its hooks', () => {
  const hop = (options: Bytes, payload: Bytes = U, f = {}) =>
    ip6(0, [17, (options.length + 2) / 8 - 1, ...options, ...payload], f);
  const skip = (count: number) => Array.from({ length: count }, () => [0x1e, 0]).flat();
  const rows: [string, Bytes, number][] = [
    ['IPv4 header checksum wrong', ip4(17, U, { checksumDelta: 1 }), reasons.PARSE_IP_CHECKSUM],
    [
      'checksum wrong counts before a wrong length',
      ip4(17, U, { checksumDelta: 1, totalLen: 9 }),
      reasons.PARSE_IP_CHECKSUM,
    ],
    ['IPv4 header length 16', ip4(17, U, { headerWords: 4 }), reasons.PARSE_IP_HEADER_LENGTH],
    ['IPv4 options beyond the frame', ip4(17, [], { headerWords: 6 }), reasons.PARSE_IP_SHORT],
    ['IPv4 of 19 bytes', ip4(17, U).slice(0, 19), reasons.PARSE_IP_SHORT],
    ['IPv4 total length one too long', ip4(17, U, { totalLen: 20 + U.length + 1 }), reasons.PARSE_IP_TRUNCATED],
    ['IPv4 total length 0', ip4(17, U, { totalLen: 0 }), reasons.PARSE_IP_LENGTH],
    ['IPv4 total length 19', ip4(17, U, { totalLen: 19 }), reasons.PARSE_IP_LENGTH],
    ['IPv4 total length 20', ip4(17, U, { totalLen: 20 }), PARSE_OK],
    ['IPv4 options', ip4(17, U, { options: [7, 7, 4, 0, 0, 0, 0, 0] }), PARSE_OK],
    ['IPv6 of 39 bytes', ip6(17, []).slice(0, 39), reasons.PARSE_IP_SHORT],
    ['IPv6 payload length one too long', ip6(17, U, { payloadLen: U.length + 1 }), reasons.PARSE_IP_TRUNCATED],
    ['IPv6 payload length 0', ip6(17, U, { payloadLen: 0 }), PARSE_OK],
    ['IPv6 multicast source', ip6(17, U, { source: 'ff02::1' }), reasons.PARSE_IP6_SOURCE],
    ['IPv6 destination of scope 0', ip6(17, U, { destination: 'ff10::1' }), reasons.PARSE_IP6_SCOPE],
    ['IPv6 destination of scope 2', ip6(17, U, { destination: 'ff02::1' }), PARSE_OK],
    ['hop options: PadN', hop([1, 4, 0, 0, 0, 0]), PARSE_OK],
    ['hop options: PadN not zero', hop([1, 4, 0, 0, 1, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: 7 x Pad1', hop([0, 0, 0, 0, 0, 0, 0, 0x1e, 5, 0, 0, 0, 0, 0]), PARSE_OK],
    ['hop options: 8 x Pad1', hop([0, 0, 0, 0, 0, 0, 0, 0, 0x1e, 4, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: 7 bytes of PadN', hop([1, 5, 0, 0, 0, 0, 0, 0x1e, 5, 0, 0, 0, 0, 0]), PARSE_OK],
    ['hop options: 8 bytes of PadN', hop([1, 6, 0, 0, 0, 0, 0, 0, 0x1e, 4, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: unknown, skip', hop([0x1e, 4, 0, 0, 0, 0]), PARSE_OK],
    ['hop options: unknown, discard', hop([0x5e, 4, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: unknown, answer', hop([0x9e, 4, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: 8 of them', hop([...skip(7), 0x1e, 6, 0, 0, 0, 0, 0, 0]), PARSE_OK],
    ['hop options: 9 of them', hop([...skip(8), 0x1e, 4, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: router alert', hop([5, 2, 0, 0, 1, 0]), PARSE_OK],
    ['hop options: router alert of 4', hop([5, 4, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: an option overruns', hop([0x1e, 5, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: IOAM at offset 42', hop([0x31, 4, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: IOAM at offset 44', hop([1, 0, 0x31, 2, 0, 0]), PARSE_OK],
    ['hop options: CALIPSO too short', hop([7, 4, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: CALIPSO, wrong CRC', hop([7, 12, ...Array(12).fill(0)]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop header overruns', ip6(0, [17, 9, 1, 4, 0, 0, 0, 0, ...U]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['length 0 with hop options: the frame rules', hop([1, 4, 0, 0, 0, 0], U, { payloadLen: 0 }), PARSE_OK],
    ['jumbo for a small packet', hop([0xc2, 4, ...u32(21)], U, { payloadLen: 0 }), reasons.PARSE_IP6_JUMBO],
    ['jumbo and a payload length', hop([0xc2, 4, ...u32(70000)]), reasons.PARSE_IP6_JUMBO],
    ['jumbo longer than the frame', hop([0xc2, 4, ...u32(70000)], U, { payloadLen: 0 }), reasons.PARSE_IP6_JUMBO],
  ];
  it.each(rows)('%s', (_, packet, code) => {
    const r = parse(ethernet(packet[0] >> 4 === 6 ? 0x86dd : 0x800, packet));
    expect(r.code).toBe(code);
  });

  it('a version other than the type announces', () => {
    expect(parse(ethernet(0x86dd, ip4(17, [...U, ...Array(20).fill(0)]))).code).toBe(reasons.PARSE_IP_VERSION);
    expect(parse(ethernet(0x800, ip6(17, U))).code).toBe(reasons.PARSE_IP_VERSION);
  });

  it('takes a jumbo packet whose length fits, and trims what follows it', () => {
    const { p, code } = parse(
      ethernet(0x86dd, [...hop([0xc2, 4, ...u32(70008)], Array(70000).fill(7), { payloadLen: 0 }), 1, 2]),
    );
    expect([code, p.l3Len, p.end - p.l3Off]).toEqual([PARSE_OK, 70048, 70048]);
  });

  it('every reason has a text', () => {
    const codes = Object.values(reasons).filter((v) => typeof v === 'number');
    for (const code of codes) expect(reasons.PARSE_REASON_TEXTS[code]).toBeTruthy();
    expect(new Set(codes).size).toBe(codes.length);
  });

  it('loopback addresses and interface-local groups are told apart for the host to judge', () => {
    const only = (f: object) => ipv6LoopbackOnly(parse(ethernet(0x86dd, ip6(17, U, f))).p);
    expect(only({ source: '::1' })).toBe(true);
    expect(only({ destination: '::1' })).toBe(true);
    expect(only({ destination: 'ff01::1' })).toBe(true);
    expect(only({ destination: 'ff02::1' })).toBe(false);
    expect(only({})).toBe(false);
    expect(only({ source: '::2' })).toBe(false);
  });
});

describe('tuples as connection tracking takes them', () => {
  const gre = (flags: number, protocol: number, more: Bytes) => [...u16(flags), ...u16(protocol), ...more];
  const P = HAS_PORTS | HAS_TUPLE;
  const rows: [string, number, Bytes, number, number, number?][] = [
    ['UDP', 17, U, PORTS, P, 8],
    ['UDP of 4 bytes: ports, no payload', 17, U.slice(0, 4), PORTS, P],
    ['UDP of 3 bytes', 17, U.slice(0, 3), 0, 0],
    ['UDP-Lite', 136, U, PORTS, P, 8],
    ['SCTP', 132, [...U, 0, 0, 0], PORTS, P, 12],
    ['SCTP of 11 bytes', 132, U, PORTS, P],
    ['TCP of 19 bytes', 6, tcp().slice(0, 19), (1000 << 16) | 80, P],
    ['TCP of 3 bytes', 6, tcp().slice(0, 3), 0, 0],
    ['TCP whose header overruns', 6, tcp({ headerWords: 15 }), (1000 << 16) | 80, P],
    ['TCP with a header of 16', 6, tcp({ headerWords: 4 }), (1000 << 16) | 80, P],
    ['DCCP has no tracker', 33, [...U, 0, 0, 0, 0, 0], 0, HAS_TUPLE],
    ['ESP of 0 bytes', 50, [], 0, HAS_TUPLE],
    ['ICMP echo', 1, icmp(8, 1, [0xbe, 0xef, 0, 1]), (0xbeef << 16) | 0x801, HAS_TUPLE, 8],
    ['ICMP error has bytes 4-5 as its id too', 1, icmp(3, 4, [1, 2, 3, 4]), 0x01020304, HAS_TUPLE, 8],
    ['ICMP of 7 bytes', 1, icmp(8, 0, [1, 2, 3]), 0, 0],
    ['ICMPv6 number', 58, icmp(128, 0, [0, 9, 0, 1]), (9 << 16) | 0x8000, HAS_TUPLE, 8],
    ['GRE version 0, with a key', 47, gre(0x2000, 0x800, u32(77)), 0, HAS_TUPLE],
    ['GRE version 1: the call id is the destination key', 47, gre(0x2001, 0x880b, [0, 8, 0, 9, 1, 1]), 9, HAS_TUPLE],
    ['GRE version 1 that is not PPP', 47, gre(0x2001, 0x800, [0, 8, 0, 9]), 0, 0],
    ['GRE version 1 of 4 bytes', 47, gre(0x2001, 0x880b, []), 0, HAS_TUPLE],
    ['GRE of 2 bytes', 47, [0, 0], 0, HAS_TUPLE],
  ];
  it.each(rows)('%s', (_, protocol, payload, ports, has, headerLen = -1) => {
    for (const v6 of [false, true]) {
      const { p, code } = v6 ? parse(ip6(protocol, payload), 101) : parse(ip4(protocol, payload), 101);
      expect(code).toBe(PARSE_OK);
      expect([p.tuple[T_PORTS], p.has]).toEqual([ports | 0, has]);
      expect(p.tuple[T_PROTO]).toBe(protocol | ((v6 ? AF_INET6 : AF_INET) << 8));
      expect(p.payloadOff).toBe(headerLen < 0 ? -1 : p.l4Off + headerLen);
    }
  });

  it('IPv6 addresses fill four words each', () => {
    const { p } = parse(ip6(17, U, { source: '1:2:3:4:5:6:7:8', destination: 'fe80::9' }), 101);
    expect([...p.tuple.subarray(T_SRC, T_SRC + 4)]).toEqual([0x10002, 0x30004, 0x50006, 0x70008]);
    expect([...p.tuple.subarray(T_DST, T_DST + 4)]).toEqual([0xfe800000 | 0, 0, 0, 9]);
  });
});

describe('fragments', () => {
  it("IPv4: more fragments, later fragment, don't fragment", () => {
    const first = parse(ip4(17, U, { fragment: 0x2000 }), 101).p;
    expect([first.has & HAS_FRAGMENT, first.has & HAS_LATER_FRAGMENT, first.fragment]).toEqual([
      HAS_FRAGMENT,
      0,
      0x2000,
    ]);
    expect(first.tuple[T_PORTS]).toBe(PORTS);
    const later = parse(ip4(17, U, { fragment: 0x6001 }), 101).p;
    expect([later.has, later.fragment, later.l4Off]).toEqual([HAS_FRAGMENT | HAS_LATER_FRAGMENT, 0x6001, -1]);
    expect([later.tuple[T_PORTS], later.protocol]).toEqual([0, 17]);
    const whole = parse(ip4(17, U, { fragment: 0x4000 }), 101).p;
    expect([whole.has & HAS_FRAGMENT, whole.fragment]).toEqual([0, 0]);
  });

  it('IPv6: first, later and atomic fragments', () => {
    const header = (field: number) => [17, 0, ...u16(field), ...u32(1)];
    const first = parse(ip6(44, [...header(1), ...U]), 101).p;
    expect([first.has, first.fragment, first.fragmentOff - first.l3Off]).toEqual([
      HAS_FRAGMENT | HAS_PORTS | HAS_TUPLE,
      1,
      40,
    ]);
    const later = parse(ip6(44, [...header(0x0a01 & ~6), ...U]), 101).p;
    expect([later.has, later.l4Off, later.protocol, later.fragment]).toEqual([
      HAS_FRAGMENT | HAS_LATER_FRAGMENT,
      -1,
      17,
      0xa01,
    ]);
    const atomic = parse(ip6(44, [...header(0), ...U]), 101).p;
    expect([atomic.has & HAS_FRAGMENT, atomic.fragment, atomic.protocol]).toEqual([HAS_FRAGMENT, 0, 17]);
  });
});

describe('IPv6 extension headers', () => {
  const opts = (next: number) => [next, 0, 1, 4, 0, 0, 0, 0];
  const rows: [string, Bytes, number, number, number][] = [
    ['one of destination options', ip6(60, [...opts(17), ...U]), 17, 48, HAS_PORTS | HAS_TUPLE],
    ['routing', ip6(43, [17, 0, 4, 0, 0, 0, 0, 0, ...U]), 17, 48, HAS_PORTS | HAS_TUPLE],
    ['AH counts in words of 4', ip6(51, [17, 2, ...Array(14).fill(0), ...U]), 17, 56, HAS_PORTS | HAS_TUPLE],
    ['hop-by-hop after another', ip6(60, [...opts(0), ...opts(17), ...U]), 17, 56, HAS_PORTS | HAS_TUPLE],
    ['forty of them', ip6(60, [...Array(39).fill(opts(60)).flat(), ...opts(17), ...U]), 17, 360, HAS_PORTS | HAS_TUPLE],
    ['no next header', ip6(60, [...opts(59), ...U]), 59, -1, 0],
    ['no next header at once', ip6(59, U), 59, -1, 0],
    ['the last overruns to UDP', ip6(60, [17, 9, 1, 4, 0, 0, 0, 0, ...U]), 17, 120, 0],
    ['the last overruns to ESP', ip6(60, [50, 9, 1, 4, 0, 0, 0, 0, ...U]), 50, 120, HAS_TUPLE],
    ['a header of 1 byte', ip6(60, [17]), 60, -1, HAS_BROKEN_CHAIN],
    ['a fragment header of 3 bytes', ip6(44, [17, 0, 0]), 44, -1, HAS_BROKEN_CHAIN],
    ['overrun to a further header', ip6(60, [60, 9, 1, 4, 0, 0, 0, 0]), 60, -1, HAS_BROKEN_CHAIN],
  ];
  it.each(rows)('%s', (_, packet, protocol, l4, has) => {
    const { p, code } = parse(packet, 101);
    expect(code).toBe(PARSE_OK);
    expect([p.protocol, p.l4Off < 0 ? -1 : p.l4Off - p.l3Off, p.has]).toEqual([protocol, l4, has]);
    expect(p.tuple[T_PROTO]).toBe(protocol | (AF_INET6 << 8));
  });
});

describe('packets that the capture cut', () => {
  it('take their lengths from the IP header', () => {
    const whole = ethernet(0x800, ip4(6, tcp({ data: Array(500).fill(1) })));
    const { p, code } = parse(whole.slice(0, 60), 1, whole.length);
    expect(code).toBe(PARSE_OK);
    expect(p.has).toBe(HAS_CUT | HAS_TCP | HAS_PORTS | HAS_TUPLE);
    expect([p.l3Len, p.end - p.start, p.payloadOff - p.start]).toEqual([540, 60, 54]);
  });

  it('are not cut if only padding is missing', () => {
    const frame = ethernet(0x800, ip4(17, U));
    expect(parse(frame, 1, frame.length + 6).p.has & HAS_CUT).toBe(0);
  });

  it('are refused when the IP header is not whole, by the capture or by the wire', () => {
    const frame = ethernet(0x800, ip4(17, U));
    expect(parse(frame.slice(0, 30), 1, frame.length).code).toBe(reasons.PARSE_CUT);
    expect(parse(frame.slice(0, 30), 1, 30).code).toBe(reasons.PARSE_IP_SHORT);
    expect(parse(frame.slice(0, 40), 1, frame.length - 1).code).toBe(reasons.PARSE_IP_TRUNCATED);
  });

  it('have no broken chain only because it is cut', () => {
    const frame = ip6(60, [17, 0, 1, 4, 0, 0, 0, 0, ...U]);
    const { p, code } = parse(frame.slice(0, 41), 101, frame.length);
    expect([code, p.has, p.l4Off, p.protocol]).toEqual([PARSE_OK, HAS_CUT, -1, 60]);
  });

  it('may end in hop-by-hop options', () => {
    const frame = ip6(0, [17, 0, 0x5e, 4, 0, 0, 0, 0, ...U]);
    expect(parse(frame.slice(0, 44), 101, frame.length).code).toBe(PARSE_OK);
  });
});

describe('parsing again', () => {
  it('sets every field anew', () => {
    const frame = new Uint8Array(ethernet(0x800, ip4(6, tcp())));
    const fresh = new Packet();
    parseFrame(fresh, frame, 0, frame.length, frame.length, 1);
    const used = new Packet();
    for (const key of Object.keys(used) as (keyof Packet)[]) {
      if (typeof used[key] === 'number' && key !== 'inInterface') Object.assign(used, { [key]: 12345 });
    }
    used.traced = true;
    used.tuple.fill(-1);
    parseFrame(used, frame, 0, frame.length, frame.length, 1);
    expect(used).toEqual(fresh);
    expect([used.state, used.connection]).toEqual([CT_NONE, -1]);
  });

  it('parseNetwork takes a bare IP packet, its checksum unread', () => {
    const bytes = new Uint8Array([9, 9, ...ip4(17, U, { checksumDelta: 5 })]);
    const p = new Packet();
    expect(parseNetwork(p, bytes, 2, bytes.length)).toBe(PARSE_OK);
    expect([p.start, p.macOff, p.l3Off, p.tuple[T_PORTS]]).toEqual([2, -1, 2, PORTS]);
    expect(parseNetwork(p, bytes, 2, bytes.length - 1)).toBe(reasons.PARSE_IP_TRUNCATED);
    expect(parseNetwork(p, bytes, 2, bytes.length - 1, bytes.length)).toBe(PARSE_OK);
    expect(parseNetwork(p, bytes, 2, 2)).toBe(reasons.PARSE_IP_SHORT);
  });

  it('reparseNetwork keeps what the host knows of the packet', () => {
    const { p } = parse(ethernet(0x800, ip4(6, tcp())));
    p.mark = 7;
    p.state = CT_NEW;
    p.connection = 4;
    p.has |= HAS_REASSEMBLED;
    p.view.setInt32(p.l3Off + 16, 0x01020304);
    p.view.setUint16(p.l4Off + 2, 8080);
    expect(reparseNetwork(p, p.end)).toBe(PARSE_OK);
    expect([p.tuple[T_DST], p.tuple[T_PORTS] & 0xffff, p.mark, p.state, p.connection]).toEqual([
      0x01020304,
      8080,
      7,
      CT_NEW,
      4,
    ]);
    expect(p.has).toBe(HAS_REASSEMBLED | HAS_TCP | HAS_PORTS | HAS_TUPLE);
    expect(p.macOff).toBe(64);
  });

  it('parseTransport reads changed ports and flags', () => {
    const { p } = parse(ethernet(0x800, ip4(6, tcp())));
    p.view.setUint16(p.l4Off, 4242);
    p.bytes[p.l4Off + 13] = 2;
    parseTransport(p);
    expect([p.tuple[T_PORTS] >>> 16, p.tcpFlags, p.has]).toEqual([4242, 2, HAS_TCP | HAS_PORTS | HAS_TUPLE]);
    p.bytes[p.l4Off + 12] = 0xf0;
    parseTransport(p);
    expect([p.has, p.payloadOff]).toEqual([HAS_PORTS | HAS_TUPLE, -1]);
  });
});

describe('any bytes', () => {
  const linkTypes = [0, 1, 12, 101, 108, 113, 228, 229, 276, 999];
  /** The same frame with other bytes after it parses to the same packet: nothing past `end` was read. */
  it('parse to a result or a reason and never depend on what follows the frame', () => {
    const good = fc.constantFrom(
      ethernet(0x800, ip4(6, tcp({ options: [2, 4, 5, 180], data: [1, 2] }))),
      ethernet(0x86dd, ip6(60, [44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 1, ...U])),
      ethernet(0x86dd, ip6(0, [58, 0, 5, 2, 0, 0, 1, 0, ...icmp(128, 0, [1, 1, 1, 1])])),
    );
    const mutated = fc
      .tuple(good, fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 4 }), fc.nat(120))
      .map(([frame, changes, length]) => {
        const copy = [...frame];
        for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
        return copy.slice(0, length);
      });
    const random = fc.array(fc.nat(255), { maxLength: 120 });
    fc.assert(
      fc.property(fc.oneof(mutated, random), fc.constantFrom(...linkTypes), fc.nat(200), (frame, linkType, more) => {
        const results = [0, 0xff].map((fill) => {
          const bytes = new Uint8Array(300).fill(fill);
          bytes.set(frame, 50);
          const p = new Packet();
          const code = parseFrame(p, bytes, 50, 50 + frame.length, frame.length + more, linkType);
          const { bytes: _bytes, view: _view, ...rest } = p;
          return { code, rest };
        });
        expect(results[0]).toEqual(results[1]);
        expect(results[0].rest.end).toBeLessThanOrEqual(50 + frame.length);
      }),
      { numRuns: 3000 },
    );
  });
});
