import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Ends, packetBytes, parsed, words } from '../../test/support/nat-bench.js';
import { icmp, ip4, naiveChecksum, tcp, udp } from '../../test/support/wire-frames.js';
import { formatAddress } from '../wire/address.js';
import { ipv4ChecksumOk, transportChecksumOff, transportChecksumOk } from '../wire/checksum.js';
import {
  AF_INET,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  type Packet,
  T_DST,
  T_PORTS,
  T_SRC,
} from '../wire/packet.js';
import { MANIP_DST, MANIP_SRC } from './range.js';
import { rewrite } from './rewrite.js';

const IPPROTO_ESP = 50;
const SIX = { source: 'fd01::2', destination: 'fd02::3' };
/** New addresses; the second one at word 4. */
const FOUR_TO = Int32Array.from([...words('203.0.113.77'), ...words('198.51.100.255')]);
const SIX_TO = Int32Array.from([...words('fd09:1:2:3:4:5:6:7'), ...words('fd0a:ffff::ffff')]);

/** Rewrites, and requires that what `p` says is what its bytes say, with right checksums. */
function changed(bytes: Uint8Array, manip: number, port: number): Packet {
  const p = parsed(bytes);
  const to = p.family === AF_INET ? FOUR_TO : SIX_TO;
  expect(rewrite(p, manip, to, manip === MANIP_SRC ? 0 : 4, port)).toBe(true);
  const again = parsed(bytes);
  expect(p.tuple).toEqual(again.tuple);
  if (p.family === AF_INET) expect(ipv4ChecksumOk(again.view, 0)).toBe(true);
  expect(transportChecksumOk(again)).toBe(true);
  return again;
}

const at = (p: Packet, half: number) => formatAddress(p.family, p.tuple, half);

describe.each([
  ['TCP', IPPROTO_TCP],
  ['UDP', IPPROTO_UDP],
  ['SCTP', IPPROTO_SCTP],
])('%s', (_, protocol) => {
  it.each([
    ['IPv4', {}, '203.0.113.77', '198.51.100.255'],
    ['IPv6', SIX, 'fd09:1:2:3:4:5:6:7', 'fd0a:ffff::ffff'],
  ] as [string, Ends, string, string][])(
    '%s: one half changes, the other stays',
    (_family, ends, source, destination) => {
      const before = parsed(packetBytes({ protocol, ...ends }));
      const s = changed(packetBytes({ protocol, ...ends }), MANIP_SRC, 61234);
      expect([at(s, T_SRC), at(s, T_DST)]).toEqual([source, at(before, T_DST)]);
      expect(s.tuple[T_PORTS]).toBe((61234 << 16) | 80);
      const d = changed(packetBytes({ protocol, ...ends }), MANIP_DST, 61234);
      expect([at(d, T_SRC), at(d, T_DST)]).toEqual([at(before, T_SRC), destination]);
      expect(d.tuple[T_PORTS]).toBe((1000 << 16) | 61234);
    },
  );

  it('forth and back leaves every byte as it was', () => {
    const port = fc.nat(0xffff);
    const address = fc.tuple(fc.integer(), fc.integer(), fc.integer(), fc.integer());
    fc.assert(
      fc.property(port, port, port, address, fc.boolean(), fc.boolean(), (from, to, other, words4, six, source) => {
        const bytes = packetBytes({ protocol, from, to, ...(six ? SIX : {}) });
        const p = parsed(bytes);
        const before = bytes.slice();
        const old = p.tuple.slice();
        const half = source ? MANIP_SRC : MANIP_DST;
        expect(rewrite(p, half, Int32Array.from(words4), 0, other)).toBe(true);
        expect(transportChecksumOk(parsed(bytes))).toBe(true);
        expect(rewrite(p, half, old, source ? T_SRC : T_DST, source ? from : to)).toBe(true);
        expect(bytes).toEqual(before);
      }),
    );
  });
});

describe('a UDP checksum', () => {
  it('of zero says that there is none, and stays', () => {
    const bytes = Uint8Array.from(ip4(IPPROTO_UDP, udp([1, 2, 3])));
    const p = changed(bytes, MANIP_SRC, 5);
    expect(p.view.getUint16(p.l4Off + 6)).toBe(0);
  });
  it('that comes out as zero is written as 0xffff', () => {
    let zeros = 0;
    for (let port = 0; port < 65536; port++) {
      const bytes = packetBytes({ protocol: IPPROTO_UDP });
      const p = parsed(bytes);
      rewrite(p, MANIP_DST, p.tuple, T_DST, port);
      const sum = p.view.getUint16(p.l4Off + 6);
      if (sum === 0xffff) zeros++;
      expect(sum === 0).toBe(false);
    }
    expect(zeros).toBe(1);
  });
  it('in IPv6 of zero stays as well', () => {
    const bytes = packetBytes({ protocol: IPPROTO_UDP, ...SIX });
    const p = parsed(bytes);
    p.view.setUint16(p.l4Off + 6, 0);
    rewrite(p, MANIP_SRC, SIX_TO, 0, 5);
    expect(p.view.getUint16(p.l4Off + 6)).toBe(0);
  });
});

describe('an ICMP id', () => {
  it.each([
    ['IPv4', { protocol: IPPROTO_ICMP }],
    ['IPv6', { protocol: IPPROTO_ICMPV6, ...SIX }],
  ] as [string, Ends][])('%s: is written whichever half changes, in queries and replies', (_, e) => {
    for (const reply of [false, true]) {
      for (const manip of [MANIP_SRC, MANIP_DST]) {
        const p = changed(packetBytes({ ...e, from: 77, reply }), manip, 4711);
        expect(p.view.getUint16(p.l4Off + 4)).toBe(4711);
        expect(p.view.getUint16(p.l4Off + 6)).toBe(1);
      }
    }
  });
  it.each([
    [8, true],
    [0, true],
    [13, true],
    [14, true],
    [15, true],
    [16, true],
    [17, true],
    [18, true],
    [3, false],
    [5, false],
    [11, false],
    [40, false],
  ])('type %i has one: %s', (type, has) => {
    const bytes = Uint8Array.from(ip4(IPPROTO_ICMP, icmp(type, 0, [0, 77, 0, 1], [1, 2, 3, 4])));
    const p = parsed(bytes);
    expect(rewrite(p, MANIP_SRC, FOUR_TO, 0, 4711)).toBe(true);
    expect(p.view.getUint16(p.l4Off + 4)).toBe(has ? 4711 : 77);
    expect(naiveChecksum(bytes.subarray(p.l4Off))).toBe(0);
  });
  it('an ICMPv6 error has none, but its checksum covers the addresses', () => {
    const bytes = packetBytes({ protocol: IPPROTO_ICMPV6, ...SIX, from: 77 });
    bytes[40] = 1;
    const sumAt = transportChecksumOff(parsed(bytes));
    const sum = new DataView(bytes.buffer).getUint16(sumAt) + 0x7f00;
    new DataView(bytes.buffer).setUint16(sumAt, (sum & 0xffff) + (sum >>> 16));
    expect(transportChecksumOk(parsed(bytes))).toBe(true);
    const p = changed(bytes, MANIP_DST, 4711);
    expect([at(p, T_DST), p.view.getUint16(p.l4Off + 4)]).toEqual(['fd0a:ffff::ffff', 77]);
  });
});

describe('GRE', () => {
  const gre = (version: number) =>
    Uint8Array.from(ip4(IPPROTO_GRE, [0x20, version, 0x88, 0x0b, 0, 4, 0, 9, 1, 2, 3, 4]));
  it.each([
    [1, MANIP_DST, true, 4711],
    [1, MANIP_SRC, true, 9], //  the sender's call id is not in the packet
    [0, MANIP_DST, true, 9],
    [2, MANIP_DST, false, 9],
  ])('version %i, half %i: %s, call id %i', (version, manip, result, id) => {
    const p = parsed(gre(version));
    expect(rewrite(p, manip, FOUR_TO, 0, 4711)).toBe(result);
    expect(p.view.getUint16(p.l4Off + 6)).toBe(id);
  });
});

it('other protocols get the address alone', () => {
  const bytes = packetBytes({ protocol: IPPROTO_ESP });
  const before = bytes.slice(20);
  const p = changed(bytes, MANIP_SRC, 4711);
  expect(at(p, T_SRC)).toBe('203.0.113.77');
  expect(bytes.subarray(20)).toEqual(before);
});

describe('a short transport header', () => {
  const rows: [string, number, number[], boolean][] = [
    ['seven bytes of TCP: no', IPPROTO_TCP, tcp().slice(0, 7), false],
    ['seven bytes of UDP: no', IPPROTO_UDP, udp().slice(0, 7), false],
    ['seven bytes of SCTP: no', IPPROTO_SCTP, tcp().slice(0, 7), false],
    ['seven bytes of ICMP: no', IPPROTO_ICMP, icmp(8, 0, [0, 1, 0]), false],
    ['seven bytes of GRE: no', IPPROTO_GRE, [0, 0, 0, 0, 0, 0, 0], false],
    ['seven bytes of ESP: yes', IPPROTO_ESP, [0, 0, 0, 0, 0, 0, 0], true],
  ];
  it.each(rows)('%s', (_, protocol, payload, result) => {
    const bytes = Uint8Array.from(ip4(protocol, payload));
    const before = bytes.slice();
    const p = parsed(bytes);
    expect(rewrite(p, MANIP_SRC, FOUR_TO, 0, 5)).toBe(result);
    if (!result) expect(bytes).toEqual(before);
  });
  it('of TCP from 8 bytes on gets its port, a checksum that is not there is left alone', () => {
    for (const length of [8, 16, 19]) {
      const bytes = Uint8Array.from([...ip4(IPPROTO_TCP, tcp().slice(0, length)), 0xaa, 0xbb]);
      bytes[3] = 20 + length;
      const p = parsed(bytes);
      const tail = bytes.slice(22);
      expect(rewrite(p, MANIP_SRC, FOUR_TO, 0, 5)).toBe(true);
      expect(p.view.getUint16(20)).toBe(5);
      expect(bytes.subarray(22)).toEqual(tail);
    }
  });
  it('of SCTP below 12 bytes gets its port, too', () => {
    const bytes = Uint8Array.from(ip4(IPPROTO_SCTP, [3, 232, 0, 80, 1, 2, 3, 4, 5, 6, 7]));
    const p = parsed(bytes);
    expect(rewrite(p, MANIP_DST, FOUR_TO, 0, 5)).toBe(true);
    expect([...bytes.subarray(20)]).toEqual([3, 232, 0, 5, 1, 2, 3, 4, 5, 6, 7]);
  });
});
