import { describe, expect, it } from 'vitest';
import { parse } from '../../test/support/parse.js';
import { type Bytes, ethernet, ip6, u16, u32, udp } from '../../test/support/wire-frames.js';
import { ipv6LoopbackOnly } from './ipv6.js';
import {
  AF_INET6,
  HAS_BROKEN_CHAIN,
  HAS_CUT,
  HAS_FRAGMENT,
  HAS_LATER_FRAGMENT,
  HAS_PORTS,
  HAS_TUPLE,
  PARSE_OK,
  T_DST,
  T_PROTO,
  T_SRC,
} from './packet.js';
import * as reasons from './parse-reasons.js';

const U = udp([1, 2, 3]);

describe('the IPv6 header', () => {
  const rows: [string, Bytes, number][] = [
    ['IPv6 of 39 bytes', ip6(17, []).slice(0, 39), reasons.PARSE_IP_SHORT],
    ['IPv6 payload length one too long', ip6(17, U, { payloadLen: U.length + 1 }), reasons.PARSE_IP_TRUNCATED],
    ['IPv6 payload length 0', ip6(17, U, { payloadLen: 0 }), PARSE_OK],
    ['IPv6 multicast source', ip6(17, U, { source: 'ff02::1' }), reasons.PARSE_IP6_SOURCE],
    ['IPv6 destination of scope 0', ip6(17, U, { destination: 'ff10::1' }), reasons.PARSE_IP6_SCOPE],
    ['IPv6 destination of scope 2', ip6(17, U, { destination: 'ff02::1' }), PARSE_OK],
  ];
  it.each(rows)('%s', (_, packet, code) => expect(parse(packet, 101).code).toBe(code));

  it('IPv6 addresses fill four words each', () => {
    const { p } = parse(ip6(17, U, { source: '1:2:3:4:5:6:7:8', destination: 'fe80::9' }), 101);
    expect([...p.tuple.subarray(T_SRC, T_SRC + 4)]).toEqual([0x10002, 0x30004, 0x50006, 0x70008]);
    expect([...p.tuple.subarray(T_DST, T_DST + 4)]).toEqual([0xfe800000 | 0, 0, 0, 9]);
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
    ['a fragment header of 3 bytes', ip6(44, [17, 0, 0]), 44, -1, HAS_BROKEN_CHAIN | HAS_FRAGMENT],
    ['a routing header of 3 bytes', ip6(43, [17, 0, 0]), 43, -1, HAS_BROKEN_CHAIN],
    ['a routing header of 4 bytes that says 8', ip6(43, [17, 0, 0, 0]), 17, 48, 0],
    ['overrun to a further header', ip6(60, [60, 9, 1, 4, 0, 0, 0, 0]), 60, -1, HAS_BROKEN_CHAIN],
  ];
  it.each(rows)('%s', (_, packet, protocol, l4, has) => {
    const { p, code } = parse(packet, 101);
    expect(code).toBe(PARSE_OK);
    expect([p.protocol, p.l4Off < 0 ? -1 : p.l4Off - p.l3Off, p.has]).toEqual([protocol, l4, has]);
    expect(p.tuple[T_PROTO]).toBe(protocol | (AF_INET6 << 8));
  });
});

describe('IPv6 fragments and cut packets', () => {
  it('first, later and atomic fragments', () => {
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

  it('a chain is not broken only because it is cut', () => {
    const frame = ip6(60, [17, 0, 1, 4, 0, 0, 0, 0, ...U]);
    const { p, code } = parse(frame.slice(0, 41), 101, frame.length);
    expect([code, p.has, p.l4Off, p.protocol]).toEqual([PARSE_OK, HAS_CUT, -1, 60]);
  });
});
