import { expect, test } from 'vitest';
import { address4, address6, type Bytes, icmp, ip4, ip6, u16, u32 } from '../../test/support/wire-frames.js';
import { Packet } from '../wire/packet.js';
import { parseNetwork } from '../wire/parse.js';
import { QuotedPacket } from './quoted-packet.js';

const PORTS = [...u16(1000), ...u16(53)];
const four = (protocol: number, length = 28) => ip4(protocol, [...PORTS, ...u32(0)]).slice(0, length);
const six = (next: number, payload: Bytes) => ip6(next, payload);
const about4 = (quoted: Bytes, type = 3) => ip4(1, icmp(type, 1, [0, 0, 0, 0], quoted));
const about6 = (quoted: Bytes, type = 1) => ip6(58, icmp(type, 1, [0, 0, 0, 0], quoted));

/** What is read: protocol, ports, addresses; null where nothing is. */
function read(bytes: Bytes) {
  const p = new Packet();
  expect(parseNetwork(p, Uint8Array.from(bytes), 0, bytes.length)).toBe(0);
  const q = new QuotedPacket();
  if (!q.read(p)) return null;
  return { protocol: q.protocol, ports: [q.sourcePort, q.destinationPort], addresses: [...q.addresses].flatMap(u32) };
}

const V4 = [
  ...address4('10.1.0.2'),
  ...u32(0),
  ...u32(0),
  ...u32(0),
  ...address4('10.2.0.3'),
  ...u32(0),
  ...u32(0),
  ...u32(0),
];
const V6 = [...address6('fd01::2'), ...address6('fd02::3')];

test.each([3, 4, 5, 11, 12])('ICMP type %i quotes', (type) => {
  expect(read(about4(four(17), type))).toEqual({ protocol: 17, ports: [1000, 53], addresses: V4 });
});

test.each([
  ['a ping', about4(four(17), 8)],
  ['a type that is too large for the set of errors', about4(four(17), 35)],
  ['a quotation without ports', about4(four(17, 22))],
  ['a quotation without a whole header', about4(four(17, 12))],
  ['a segment', ip4(6, [...PORTS, ...u32(0), ...u32(0), 0x50, 2, ...u16(0), ...u32(0)])],
  ['a ping of IPv6', about6(six(17, PORTS), 128)],
  ['a later fragment of IPv6', about6(six(44, [17, 0, ...u16(8 << 3), ...u32(1), ...PORTS]))],
  ['an extension header that is cut', about6(six(60, [17, 0]))],
])('%s quotes nothing', (_, bytes) => {
  expect(read(bytes)).toBeNull();
});

test.each([
  ['plain', six(17, PORTS)],
  ['behind destination options', six(60, [17, 0, 1, 4, 0, 0, 0, 0, ...PORTS])],
  ['in a first fragment', six(44, [17, 0, ...u16(1), ...u32(1), ...PORTS])],
  ['behind an authentication header', six(51, [17, 1, 0, 0, ...u32(1), ...u32(2), ...PORTS])],
])('ICMPv6 quotes a datagram %s', (_, quoted) => {
  expect(read(about6(quoted))).toEqual({ protocol: 17, ports: [1000, 53], addresses: V6 });
});
