import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, icmp, ip4, ip6, naiveChecksum, tcp, u16, u32, udp } from '../../test/support/wire-frames.js';
import {
  fillIpv4Checksum,
  fillTransportChecksum,
  foldSum,
  internetChecksum,
  ipv4ChecksumOk,
  mangleUdpZero,
  replace16,
  replace32,
  replaceAddress,
  sumBytes,
  transportChecksumOff,
  transportChecksumOk,
} from './checksum.js';
import { crc32c } from './crc32c.js';
import { AF_INET, AF_INET6, HAS_LOCAL_ORIGIN, Packet, T_DST, T_SRC } from './packet.js';
import { parseFrame } from './parse.js';

function parse(packet: Bytes, wireLen = packet.length): Packet {
  const bytes = new Uint8Array([7, 7, 7, ...packet, 255, 255]);
  const p = new Packet();
  expect(parseFrame(p, bytes, 3, 3 + packet.length, wireLen, 101)).toBe(0);
  return p;
}

const bytesOf = (bytes: ArrayLike<number>) => new DataView(Uint8Array.from(bytes).buffer);

describe('sums', () => {
  it('agree with a naive sum on any range', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(7), (bytes, from) => {
        const start = Math.min(from, bytes.length);
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        const sum = internetChecksum(view, start, bytes.length);
        // 0 and 0xffff are the same number in ones' complement; a sum of nothing is the only one that is 0.
        expect(sum).toBe(naiveChecksum(bytes.subarray(start)));
      }),
    );
  });

  it('stay exact on the largest packet', () => {
    const view = bytesOf(new Uint8Array(65535).fill(0xff));
    expect(foldSum(sumBytes(view, 0, 65534))).toBe(0xffff);
    expect(internetChecksum(view, 0, 65535)).toBe(naiveChecksum(new Uint8Array(65535).fill(0xff)));
  });

  it("RFC 1071's example", () => {
    expect(foldSum(sumBytes(bytesOf([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0, 8))).toBe(0xddf2);
  });

  it('CRC32c of the test vectors of RFC 3720 section B.4', () => {
    const crc = (bytes: number[]) => ~crc32c(bytesOf(bytes), 0, bytes.length, -1) >>> 0;
    expect(crc(Array(32).fill(0))).toBe(0x8a9136aa);
    expect(crc(Array(32).fill(255))).toBe(0x62a8ab43);
    expect(crc([...Array(32).keys()])).toBe(0x46dd794e);
    expect(crc([...'123456789'].map((c) => c.charCodeAt(0)))).toBe(0xe3069283);
  });

  it('CRC32c in pieces is CRC32c at once', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.nat(100), (bytes, cut) => {
        const at = cut % bytes.length;
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        expect(crc32c(view, at, bytes.length, crc32c(view, 0, at, -1))).toBe(crc32c(view, 0, bytes.length, -1));
      }),
    );
  });
});

describe('IPv4 header checksum', () => {
  it('is verified and filled, with options too', () => {
    const p = parse(ip4(17, udp(), { options: [7, 7, 4, 0, 0, 0, 0, 0] }));
    expect(ipv4ChecksumOk(p.view, p.l3Off)).toBe(true);
    p.bytes[p.l3Off + 8]--;
    expect(ipv4ChecksumOk(p.view, p.l3Off)).toBe(false);
    fillIpv4Checksum(p.view, p.l3Off);
    expect(ipv4ChecksumOk(p.view, p.l3Off)).toBe(true);
  });
});

const data = [1, 2, 3, 4, 5];
const segments: [string, number, Bytes][] = [
  ['TCP', 6, tcp({ data })],
  ['UDP', 17, udp(data)],
  ['ICMPv6', 58, [128, 0, 0, 0, 1, 2, 3, 4, 5]],
  ['SCTP', 132, [...u16(1), ...u16(2), ...u32(7), ...u32(0), 0, 3, 0, 5, 9, 0, 0, 0]],
];

/** One's complement sum with the pseudo header, from the bytes alone. */
function fullSum(p: Packet, protocol: number, covered?: number): number {
  const b = p.bytes;
  const length = p.l3Off + p.l3Len - p.l4Off;
  const addresses = p.family === AF_INET ? b.slice(p.l3Off + 12, p.l3Off + 20) : b.slice(p.l3Off + 8, p.l3Off + 40);
  const pseudo = [...addresses, 0, protocol, ...u16(length)];
  return naiveChecksum([...pseudo, ...b.slice(p.l4Off, p.l4Off + (covered ?? length))]);
}

describe('transport checksums', () => {
  for (const family of [AF_INET, AF_INET6]) {
    const build = (protocol: number, payload: Bytes) =>
      parse(family === AF_INET ? ip4(protocol, payload) : ip6(protocol, payload));
    it.each(segments)(`%s, family ${family}: filled is right, any changed bit is wrong`, (_, protocol, payload) => {
      const p = build(protocol, payload);
      expect(transportChecksumOk(p) && protocol !== 17).toBe(false);
      fillTransportChecksum(p);
      expect(transportChecksumOk(p)).toBe(true);
      if (protocol !== 132) expect(fullSum(p, protocol)).toBe(0);
      for (let at = p.l4Off; at < p.end; at++) {
        p.bytes[at] ^= 4;
        expect(transportChecksumOk(p)).toBe(false);
        p.bytes[at] ^= 4;
      }
    });
  }

  it('ICMP has no pseudo header', () => {
    const p = parse(ip4(1, icmp(8, 0, [0, 1, 0, 2], data)));
    expect(transportChecksumOk(p)).toBe(true);
    p.bytes[p.l4Off + 9] ^= 1;
    expect(transportChecksumOk(p)).toBe(false);
    fillTransportChecksum(p);
    expect(naiveChecksum(p.bytes.slice(p.l4Off, p.end))).toBe(0);
  });

  it('UDP without one is right; one that computes to 0 is written as 0xffff', () => {
    expect(transportChecksumOk(parse(ip6(17, udp(data))))).toBe(true);
    const p = parse(ip4(17, udp([0, 0])));
    fillTransportChecksum(p);
    const value = p.view.getUint16(p.l4Off + 6);
    p.view.setUint16(p.l4Off + 8, value);
    fillTransportChecksum(p);
    expect(p.view.getUint16(p.l4Off + 6)).toBe(0xffff);
    expect(transportChecksumOk(p)).toBe(true);
  });

  it("UDP is judged over all of the IP payload, not over UDP's own length", () => {
    const p = parse(ip4(17, udp([1, 2, 3, 4, 5, 6, 7, 8], { len: 12 })));
    fillTransportChecksum(p);
    expect(fullSum(p, 17)).toBe(0);
    expect(transportChecksumOk(p)).toBe(true);
  });

  describe('UDP-Lite', () => {
    it('is filled as RFC 3828 says, over its coverage', () => {
      for (const coverage of [0, 8, 10, 13]) {
        const p = parse(ip4(136, udp(data, { len: coverage })));
        fillTransportChecksum(p);
        expect(fullSum(p, 136, coverage === 0 ? 13 : coverage)).toBe(0);
      }
    });

    it("is judged with UDP's protocol number, as the kernel does: a right one counts as wrong", () => {
      const p = parse(ip4(136, udp(data, { len: 8 })));
      fillTransportChecksum(p);
      expect(transportChecksumOk(p)).toBe(false);
      p.view.setUint16(p.l4Off + 6, 0);
      p.view.setUint16(p.l4Off + 6, fullSum(p, 17, 8));
      expect(transportChecksumOk(p)).toBe(true);
    });

    it('without a checksum or with a coverage outside the packet is wrong', () => {
      for (const coverage of [13, 1, 7, 14]) {
        expect(transportChecksumOk(parse(ip4(136, udp(data, { len: coverage }))))).toBe(false);
      }
    });
  });

  it('counts as right where it cannot be checked', () => {
    const wrong = tcp({ data });
    expect(transportChecksumOk(parse(ip4(6, wrong)))).toBe(false);
    expect(transportChecksumOk(parse(ip4(6, wrong).slice(0, 44), 45))).toBe(true);
    expect(transportChecksumOk(parse(ip4(6, wrong, { fragment: 1 })))).toBe(true);
    expect(transportChecksumOk(parse(ip4(6, wrong.slice(0, 17))))).toBe(true);
    expect(transportChecksumOk(parse(ip4(50, wrong)))).toBe(true);
    expect(transportChecksumOk(parse(ip6(59, wrong)))).toBe(true);
    const own = parse(ip4(6, wrong));
    own.has |= HAS_LOCAL_ORIGIN;
    expect(transportChecksumOk(own)).toBe(true);
  });

  it('never fails on a header that is not whole', () => {
    for (const protocol of [1, 6, 17, 58, 132, 136]) {
      for (let len = 0; len < 24; len++) {
        const p = parse(ip4(protocol, Array(len).fill(1)));
        transportChecksumOk(p);
        const before = [...p.bytes];
        fillTransportChecksum(p);
        expect(p.bytes[p.end]).toBe(before[p.end]);
      }
    }
  });

  it('transportChecksumOff finds the field', () => {
    const off = (packet: Bytes) => {
      const p = parse(packet);
      const at = transportChecksumOff(p);
      return at < 0 ? -1 : at - p.l4Off;
    };
    expect(off(ip4(6, tcp()))).toBe(16);
    expect(off(ip4(17, udp()))).toBe(6);
    expect(off(ip4(136, udp()))).toBe(6);
    expect(off(ip6(58, [128, 0, 0, 0, 0, 0, 0, 0]))).toBe(2);
    expect(off(ip4(6, tcp().slice(0, 17)))).toBe(-1);
    expect(off(ip4(132, udp([1, 2, 3, 4])))).toBe(-1);
    expect(off(ip4(6, tcp(), { fragment: 9 }))).toBe(-1);
  });
});

describe('incremental updates', () => {
  /** Sums to the same residue: 0 and 0xffff both stand for zero. */
  const same = (a: number, b: number) => a % 0xffff === b % 0xffff;

  it('of 16 and 32 bits equal the full sum', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 40, maxLength: 40 }),
        fc.nat(8),
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fc.boolean(),
        (bytes, place, value, wide) => {
          const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
          view.setUint16(0, 0);
          view.setUint16(0, internetChecksum(view, 0, 40));
          const at = 4 + place * 4;
          if (wide) {
            replace32(bytes, 0, view.getInt32(at), value);
            view.setInt32(at, value);
          } else {
            replace16(bytes, 0, view.getUint16(at), value & 0xffff);
            view.setUint16(at, value & 0xffff);
          }
          const updated = view.getUint16(0);
          view.setUint16(0, 0);
          expect(same(updated, internetChecksum(view, 0, 40))).toBe(true);
        },
      ),
    );
  });

  it('of an address equal a refill, for both families', () => {
    fc.assert(
      fc.property(fc.constantFrom(AF_INET, AF_INET6), fc.uint8Array({ minLength: 16, maxLength: 16 }), (family, to) => {
        const p = parse(family === AF_INET ? ip4(6, tcp({ data })) : ip6(6, tcp({ data })));
        fillTransportChecksum(p);
        const before = p.tuple.slice();
        const after = new Int32Array(4);
        for (let i = 0; i < 4; i++)
          after[i] = (to[i * 4] << 24) | (to[i * 4 + 1] << 16) | (to[i * 4 + 2] << 8) | to[i * 4 + 3];
        const at = p.l3Off + (family === AF_INET ? 16 : 24);
        for (let i = 0; i < (family === AF_INET ? 1 : 4); i++) p.view.setInt32(at + i * 4, after[i]);
        replaceAddress(p.bytes, transportChecksumOff(p), family, before, T_DST, after, 0);
        expect(transportChecksumOk(p)).toBe(true);
      }),
    );
  });

  it('and back again give the first checksum, for any checksum but 0', () => {
    const bytes = new Uint8Array([0x12, 0x34]);
    const words = Int32Array.of(0x0a000001, 0, 0, 0, 0xc0a80101 | 0);
    replaceAddress(bytes, 0, AF_INET, words, T_SRC, words, T_DST);
    expect([...bytes]).not.toEqual([0x12, 0x34]);
    replaceAddress(bytes, 0, AF_INET, words, T_DST, words, T_SRC);
    expect([...bytes]).toEqual([0x12, 0x34]);
  });

  it("RFC 1624's example: 0xdd2f, 0x5555 becomes 0x3285, gives 0", () => {
    const bytes = new Uint8Array([0xdd, 0x2f]);
    replace16(bytes, 0, 0x5555, 0x3285);
    expect([...bytes]).toEqual([0, 0]);
    mangleUdpZero(bytes, 0);
    expect([...bytes]).toEqual([255, 255]);
    bytes.set([0, 1]);
    mangleUdpZero(bytes, 0);
    expect([...bytes]).toEqual([0, 1]);
  });
});
