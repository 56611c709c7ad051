import { describe, expect, it } from 'vitest';
import { parse } from '../../test/support/parse.js';
import { type Bytes, ethernet, icmp, ip4, ip6, tcp, u16, u32, udp } from '../../test/support/wire-frames.js';
import { AF_INET, AF_INET6, HAS_PORTS, HAS_TCP, HAS_TUPLE, PARSE_OK, T_PORTS, T_PROTO } from './packet.js';
import { parseTransport } from './transport.js';

const PORTS = (1000 << 16) | 53;
const U = udp([1, 2, 3]);

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
});

describe('the transport header alone', () => {
  it('reads changed ports and flags', () => {
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
