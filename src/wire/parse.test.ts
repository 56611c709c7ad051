import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from '../../test/support/parse.js';
import { type Bytes, ethernet, icmp, ip4, ip6, tcp, u16, u32, udp } from '../../test/support/wire-frames.js';
import {
  AF_INET,
  AF_INET6,
  CT_NEW,
  CT_NONE,
  HAS_CUT,
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
} from './packet.js';
import { cookedDirection, parseFrame, parseNetwork, reparseNetwork } from './parse.js';
import * as reasons from './parse-reasons.js';

const PORTS = (1000 << 16) | 53;
const U = udp([1, 2, 3]);

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

describe('reasons', () => {
  it('a version other than the type announces', () => {
    expect(parse(ethernet(0x86dd, ip4(17, [...U, ...Array(20).fill(0)]))).code).toBe(reasons.PARSE_IP_VERSION);
    expect(parse(ethernet(0x800, ip6(17, U))).code).toBe(reasons.PARSE_IP_VERSION);
  });

  it('every reason has a text', () => {
    const codes = Object.values(reasons).filter((v) => typeof v === 'number');
    for (const code of codes) expect(reasons.PARSE_REASON_TEXTS[code]).toBeTruthy();
    expect(new Set(codes).size).toBe(codes.length);
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
