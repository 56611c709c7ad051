import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Builder,
  enhanced,
  frame,
  iface,
  pcapng,
  readAll,
  section,
  sub,
  sub64,
  text,
} from '../../test/support/capture-files.js';
import { MAX_BLOCK_LEN } from './input.js';
import type { CaptureInterface } from './interfaces.js';

describe('pcapng', () => {
  for (const order of ['little', 'big'] as const) {
    it(`${order}-endian: every kind of packet block, several interfaces and options`, () => {
      const b = pcapng(order);
      iface(b, (o) => o.option(3, text('described')).option(2, text('eth0')).option(9, [9]).u32(0), 1, 96);
      iface(b, (o) => o.option(2, [0xc3, 0xa9, 0x31, 0]), 101);
      enhanced(b, 0, 1760000000123456789n, frame(5), (o) =>
        o.option(1, text('hi')).option(2, sub(b).u32(2).bytes).u32(0),
      );
      enhanced(b, 1, 1760000000123457n, frame(8), (o) => o.option(2, sub(b).u32(1).bytes));
      b.block(4, frame(8)).block(0x40000bad, []);
      b.block(3, sub(b).u32(200).raw(frame(96)).bytes);
      b.block(
        2,
        sub(b)
          .u16(1)
          .u16(7)
          .u32(0)
          .u32(5000001)
          .u32(3)
          .u32(9)
          .raw([...frame(3), 0]).bytes,
      );
      const { rows, reader, error, atEnd } = readAll(b.file);
      expect(error).toBe(null);
      expect(atEnd).toBe(true);
      expect(rows).toEqual([
        { data: frame(5), wireLen: 6, seconds: 1760000000, nanos: 123456789, interfaceId: 0, direction: 2 },
        { data: frame(8), wireLen: 9, seconds: 1760000000, nanos: 123457000, interfaceId: 1, direction: 1 },
        { data: frame(96), wireLen: 200, seconds: 1760000000, nanos: 123457000, interfaceId: 0, direction: 0 },
        { data: frame(3), wireLen: 9, seconds: 5, nanos: 1000, interfaceId: 1, direction: 0 },
      ]);
      const expected: CaptureInterface[] = [
        { name: 'eth0', linkType: 1, snaplen: 96, tsresol: 1e9 },
        { name: 'é1', linkType: 101, snaplen: 0, tsresol: 1e6 },
      ];
      expect(reader.interfaces).toEqual(expected);
      expect(reader.format).toBe('pcapng');
    });
  }

  it('sections may differ in byte order, and number their interfaces anew', () => {
    const little = enhanced(iface(pcapng('little')), 0, 1000000n, frame(4));
    const big = enhanced(
      iface(iface(pcapng('big')), (o) => o, 113),
      1,
      2000000n,
      frame(6),
    );
    const { rows, reader } = readAll(Uint8Array.from([...little.bytes, ...big.bytes]));
    expect(rows.map((r) => [r.interfaceId, r.seconds])).toEqual([
      [0, 1],
      [2, 2],
    ]);
    expect(reader.interfaces.map((i) => i.linkType)).toEqual([1, 1, 113]);
  });

  describe('time stamps', () => {
    const stamp = (time: bigint, options: (o: Builder) => Builder) => {
      const { rows } = readAll(enhanced(iface(pcapng('big'), options), 0, time, frame(1)).file);
      return [rows[0].seconds, rows[0].nanos];
    };
    it('in any decimal or binary resolution are exact', () => {
      fc.assert(
        fc.property(fc.nat(15), fc.boolean(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (exponent, binary, time) => {
          const units = binary ? 2n ** BigInt(exponent * 3) : 10n ** BigInt(exponent);
          const code = binary ? 0x80 | (exponent * 3) : exponent;
          const expected = [Number(time / units), Number(((time % units) * 1000000000n) / units)];
          const got = stamp(time, (o) => o.option(9, [code]));
          if (Number.isSafeInteger(expected[0])) {
            expect(got[0]).toBe(expected[0]);
            expect(Math.abs(got[1] - expected[1])).toBeLessThanOrEqual(binary && exponent * 3 > 23 ? 1 : 0);
          }
        }),
        { numRuns: 300 },
      );
    });
    it('have an offset in seconds, negative too', () => {
      expect(stamp(5000001n, (o) => o.option(14, sub64(-3)))).toEqual([2, 1000]);
      expect(stamp(5000001n, (o) => o.option(14, sub64(1760000000)))).toEqual([1760000005, 1000]);
    });
    it('in absurd resolutions give some time and no error', () => {
      for (const code of [0x7f, 0xff]) expect(stamp(2n ** 64n - 1n, (o) => o.option(9, [code]))[0]).toBe(0);
    });
    it('of two interfaces alternate without mixing', () => {
      const b = iface(iface(pcapng('little'), (o) => o.option(9, [9])));
      for (let i = 0; i < 20; i++) {
        const id = i & 1;
        enhanced(b, id, (1700000000n + BigInt(i) * 5n) * (id === 0 ? 1000000000n : 1000000n), frame(2));
      }
      expect(readAll(b.file).rows.map((r) => r.seconds)).toEqual(
        Array.from({ length: 20 }, (_, i) => 1700000000 + i * 5),
      );
    });
  });

  it('blocks of unknown types are skipped, however long', () => {
    const b = enhanced(iface(pcapng('little')), 0, 1n, frame(3));
    b.block(0xbad, new Uint8Array(3 * MAX_BLOCK_LEN));
    enhanced(b, 0, 2n, frame(4));
    for (const chunk of [1 << 22, 1000]) {
      const { rows, error } = readAll(b.file, chunk);
      expect([rows.map((r) => r.data.length), error]).toEqual([[3, 4], null]);
    }
    const cut = b.file.slice(0, MAX_BLOCK_LEN * 2);
    expect(readAll(cut).error?.message).toMatch(/packet 2 at byte \d+: expected \d+ bytes of a block, got the end/);
    const wrong = enhanced(iface(pcapng('little')), 0, 1n, frame(3));
    wrong.block(0xbad, new Uint8Array(MAX_BLOCK_LEN), { trailer: 8 });
    expect(readAll(wrong.file).error?.expected).toMatch(/again at its end/);
  });

  describe('damage', () => {
    const good = () => enhanced(iface(pcapng('little')), 0, 1n, frame(3));
    const rows: [string, (b: Builder) => Builder, RegExp][] = [
      ['a block length below the least', (b) => b.block(6, frame(4)), /block length from 32 on.* got 16 in a enhanced/],
      ['a block length that is no multiple of 4', (b) => b.block(99, [1]), /multiple of 4, got 13/],
      ['a block length of 0', (b) => b.u32(0).u32(0), /got 0 in a block of type 0x0/],
      ['a negative block length', (b) => b.u32(9).u32(-4), /got 4294967292/],
      ['two lengths that differ', (b) => b.block(99, frame(4), { trailer: 20 }), /the block length 16 again.*got 20/],
      ['an unknown interface', (b) => enhanced(b, 1, 1n, frame(3)), /one of the section's 1 interfaces, got number 1/],
      ['a negative interface', (b) => enhanced(b, -1, 1n, frame(3)), /got number 4294967295/],
      [
        'a captured length beyond the block',
        (b) => b.block(6, sub(b).u32(0).u32(0).u32(0).u32(5).u32(5).raw(frame(4)).bytes),
        /captured length up to 4, got 5/,
      ],
      [
        'a negative captured length',
        (b) => b.block(6, sub(b).u32(0).u32(0).u32(0).u32(-1).u32(5).raw(frame(4)).bytes),
        /got 4294967295/,
      ],
      [
        'a negative wire length',
        (b) => b.block(6, sub(b).u32(0).u32(0).u32(0).u32(4).u32(-5).raw(frame(4)).bytes),
        /on the wire/,
      ],
      ['a simple packet beyond its block', (b) => b.block(3, sub(b).u32(9).raw(frame(8)).bytes), /up to 8, got 9/],
      ['a packet option that overruns', (b) => enhanced(b, 0, 1n, [], (o) => o.u16(1).u16(9).u32(0)), /packet options/],
      ['an interface option that overruns', (b) => iface(b, (o) => o.u16(2).u16(9).u32(0)), /interface options/],
      ['a packet block longer than any', (b) => b.u32(6).u32(MAX_BLOCK_LEN + 4), /at most 524288 bytes, got 524292/],
      [
        'a section with another magic',
        (b) => b.block(0x0a0d0d0a, Array(16).fill(1)),
        /magic 0x1a2b3c4d, got 0x01010101/,
      ],
      [
        'a section of another version',
        (b) => b.block(0x0a0d0d0a, sub(b).u32(0x1a2b3c4d).u16(2).u16(1).u32(-1).u32(-1).bytes),
        /pcapng version 1, got 2\.1/,
      ],
      [
        'a packet before any interface of its section',
        (b) => enhanced(section(b), 0, 1n, frame(3)),
        /one of the section's 0 interfaces/,
      ],
    ];
    it.each(rows)('%s ends the reading after all packets before it', (_, damage, message) => {
      const b = good();
      const offset = b.bytes.length;
      const { rows, error } = readAll(damage(b).file);
      expect(rows.length).toBe(1);
      expect(error?.message).toMatch(message);
      expect(error?.packet).toBe(2);
      expect(error?.offset).toBeGreaterThanOrEqual(offset);
    });
  });
});
