import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Ends, packetBytes, parsed, words } from '../../test/support/nat-bench.js';
import { icmp, ip4, ip6, naiveChecksum, tcp, udp } from '../../test/support/wire-frames.js';
import { formatAddress } from '../wire/address.js';
import { fillIpv4Checksum, ipv4ChecksumOk, transportChecksumOff, transportChecksumOk } from '../wire/checksum.js';
import {
  AF_INET,
  HAS_PULLED,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  type Packet,
  Packet as PacketObject,
  T_DST,
  T_PORTS,
  T_SRC,
} from '../wire/packet.js';
import { LINKTYPE_RAW, parseFrame } from '../wire/parse.js';
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
    const p = parsed(packetBytes({ protocol: IPPROTO_UDP }));
    for (let port = 0; port < 65536; port++) {
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

describe('a UDP-Lite checksum', () => {
  it('of zero is none that is left out', () => {
    const bytes = Uint8Array.from(ip4(IPPROTO_UDPLITE, [3, 232, 0, 80, 0, 8, 0, 0]));
    const p = parsed(bytes);
    expect(rewrite(p, MANIP_SRC, FOUR_TO, 0, 1001)).toBe(true);
    expect(p.view.getUint16(p.l4Off + 6)).not.toBe(0);
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
    [31, false],
    [32, false],
    [40, false],
  ])('type %i has one: %s', (type, has) => {
    const bytes = Uint8Array.from(ip4(IPPROTO_ICMP, icmp(type, 0, [0, 77, 0, 1], [1, 2, 3, 4])));
    const p = parsed(bytes);
    expect(rewrite(p, MANIP_SRC, FOUR_TO, 0, 4711)).toBe(true);
    expect(p.view.getUint16(p.l4Off + 4)).toBe(has ? 4711 : 77);
    expect(naiveChecksum(bytes.subarray(p.l4Off))).toBe(0);
  });
  it('leaves type and code in the tuple', () => {
    const bytes = Uint8Array.from(ip4(IPPROTO_ICMP, icmp(8, 1, [0, 77, 0, 1], [1, 2, 3, 4])));
    const p = parsed(bytes);
    rewrite(p, MANIP_SRC, FOUR_TO, 0, 4711);
    expect(p.tuple[T_PORTS]).toBe((4711 << 16) | 0x801);
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
    expect(p.tuple[T_PORTS]).toBe(parsed(p.bytes).tuple[T_PORTS]);
  });
  it("leaves the sender's call id, which is known of it, in the tuple", () => {
    const p = parsed(gre(1));
    p.tuple[T_PORTS] = (0x8765 << 16) | 9;
    rewrite(p, MANIP_DST, FOUR_TO, 0, 0x8000);
    expect(p.tuple[T_PORTS]).toBe((0x8765 << 16) | 0x8000);
    rewrite(p, MANIP_DST, FOUR_TO, 0, 1);
    expect(p.tuple[T_PORTS]).toBe((0x8765 << 16) | 1);
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
    ['eight bytes of TCP: yes', IPPROTO_TCP, tcp().slice(0, 8), true],
    ['eight bytes of UDP: yes', IPPROTO_UDP, udp().slice(0, 8), true],
    ['eight bytes of SCTP: yes', IPPROTO_SCTP, tcp().slice(0, 8), true],
    ['eight bytes of ICMP: yes', IPPROTO_ICMP, icmp(8, 0, [0, 1, 0, 1]), true],
    ['eight bytes of GRE: yes', IPPROTO_GRE, [0x20, 1, 0x88, 0x0b, 0, 0, 0, 0], true],
    ['seven bytes of ESP: yes', IPPROTO_ESP, [0, 0, 0, 0, 0, 0, 0], true],
  ];
  it.each(rows)('%s', (_, protocol, payload, result) => {
    const bytes = Uint8Array.from(ip4(protocol, payload));
    const before = bytes.slice();
    const p = parsed(bytes);
    expect(rewrite(p, MANIP_SRC, FOUR_TO, 0, 5)).toBe(result);
    if (!result) expect(bytes).toEqual(before);
  });
  it('of ICMPv6 is eight bytes or too short', () => {
    for (const length of [7, 8]) {
      const bytes = Uint8Array.from(ip6(IPPROTO_ICMPV6, icmp(128, 0, [0, 1, 0, 1]).slice(0, length), SIX));
      const before = bytes.slice();
      const p = parsed(bytes);
      expect(rewrite(p, MANIP_SRC, SIX_TO, 0, 5)).toBe(length === 8);
      if (length === 7) expect(bytes).toEqual(before);
    }
  });
  it('of SCTP has a sum from 12 bytes on', () => {
    const whole = [3, 232, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    for (const length of [11, 12, 13]) {
      const bytes = Uint8Array.from(ip4(IPPROTO_SCTP, whole.slice(0, length)));
      expect(rewrite(parsed(bytes), MANIP_DST, FOUR_TO, 0, 5)).toBe(true);
      expect([...bytes.subarray(28, 31)].join() !== '5,6,7').toBe(length >= 12);
      if (length >= 12) expect(transportChecksumOk(parsed(bytes))).toBe(true);
    }
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

describe('a transport header that is not there', () => {
  it.each([
    ['IPv4: is refused', {}, false],
    ['IPv6: the address changes alone', SIX, true],
  ] as [string, Ends, boolean][])('%s', (_, e, result) => {
    const bytes = packetBytes({ protocol: IPPROTO_TCP, ...e });
    const before = bytes.slice();
    const p = parsed(bytes);
    p.l4Off = -1;
    expect(rewrite(p, MANIP_SRC, e.source === undefined ? FOUR_TO : SIX_TO, 0, 5)).toBe(result);
    expect(bytes.subarray(40)).toEqual(before.subarray(40));
    expect(formatAddress(p.family, parsed(bytes).tuple, T_SRC)).toBe(result ? 'fd09:1:2:3:4:5:6:7' : '10.1.0.2');
    expect(p.has & HAS_PULLED).toBe(0);
  });
  it('and one that is, which then lies in the first piece', () => {
    const p = parsed(packetBytes());
    const { has } = p;
    rewrite(p, MANIP_SRC, FOUR_TO, 0, 5);
    expect(p.has).toBe(has | HAS_PULLED);
  });
});

describe('a packet that the capture cut', () => {
  /** Bytes of the transport header up to the end of its checksum, or of what else is written. */
  const rows: [string, number, number][] = [
    ['TCP', IPPROTO_TCP, 18],
    ['UDP', IPPROTO_UDP, 8],
    ['GRE', IPPROTO_GRE, 8],
  ];
  it.each(rows)(
    '%s: what is there is translated as in the whole packet, and nothing behind it',
    (_, protocol, until) => {
      const make = () => {
        const gre = [0x20, 1, 0x88, 0x0b, 0, 4, 0, 9, 1, 2, 3, 4];
        const bytes = protocol === IPPROTO_GRE ? Uint8Array.from(ip4(IPPROTO_GRE, gre)) : packetBytes({ protocol });
        // the type of service is not 0
        bytes[1] = 4;
        fillIpv4Checksum(new DataView(bytes.buffer), 0);
        return bytes;
      };
      const whole = make();
      rewrite(parsed(whole), MANIP_DST, FOUR_TO, 4, 4711);
      for (let held = 4; held < 12 + until; held++) {
        const bytes = make();
        const before = bytes.slice();
        const p = new PacketObject();
        const end = Math.min(20 + held, bytes.length);
        parseFrame(p, bytes, 0, end, bytes.length, LINKTYPE_RAW);
        expect(p.l4Off).toBe(20);
        // a port is written where it is known, as the tuple that the packet had at other times
        p.tuple.set(parsed(before).tuple);
        expect(rewrite(p, MANIP_DST, FOUR_TO, 4, 4711)).toBe(true);
        expect(bytes.subarray(end)).toEqual(before.subarray(end));
        const expected = whole.slice(0, end);
        // half a sum is left as it was
        if (held < until) expected.set(before.subarray(20 + until - 2, end), Math.min(20 + until - 2, end));
        expect(bytes.subarray(0, end)).toEqual(expected);
      }
    },
  );
});
