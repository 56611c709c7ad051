import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameBatch } from './frame-batch.js';
import { MAX_BLOCK_LEN, MAX_FRAME_LEN } from './input.js';
import type { CaptureInterface } from './interfaces.js';
import { PcapngWriter } from './pcapng-writer.js';
import { CaptureReader } from './reader.js';

interface Row {
  data: number[];
  wireLen: number;
  seconds: number;
  nanos: number;
  interfaceId: number;
  direction: number;
}

interface Result {
  rows: Row[];
  error: CaptureReader['error'];
  reader: CaptureReader;
  atEnd: boolean;
}

/** Reads a file given in chunks of `chunkLen`, in batches of `capacity`. */
function readAll(file: Uint8Array, chunkLen = file.length || 1, capacity = 7): Result {
  const reader = new CaptureReader();
  const batch = new FrameBatch(capacity);
  const rows: Row[] = [];
  let at = 0;
  for (;;) {
    const count = reader.read(batch);
    expect(batch.bytes).toBe(reader.bytes);
    for (let i = 0; i < count; i++) {
      rows.push({
        data: [...batch.bytes.subarray(batch.start[i], batch.end[i])],
        wireLen: batch.wireLen[i],
        seconds: batch.seconds[i],
        nanos: batch.nanos[i],
        interfaceId: batch.interfaceId[i],
        direction: batch.direction[i],
      });
    }
    if (count > 0) continue;
    if (reader.error !== null || reader.atEnd) break;
    if (at === file.length) reader.finish();
    else at += reader.feed(file, at, Math.min(file.length, at + chunkLen));
  }
  expect(reader.packetCount).toBe(rows.length);
  expect(reader.read(batch)).toBe(0);
  return { rows, error: reader.error, reader, atEnd: reader.atEnd };
}

type Order = 'little' | 'big';

/** A builder of files in either byte order. */
class Builder {
  readonly bytes: number[] = [];
  private readonly order: Order;
  constructor(order: Order) {
    this.order = order;
  }
  word(value: number, len: number): this {
    for (let i = 0; i < len; i++) {
      const shift = 8 * (this.order === 'little' ? i : len - 1 - i);
      this.bytes.push(Math.floor((value < 0 ? value + 2 ** 32 : value) / 2 ** shift) & 255);
    }
    return this;
  }
  u16(value: number): this {
    return this.word(value, 2);
  }
  u32(value: number): this {
    return this.word(value, 4);
  }
  raw(bytes: ArrayLike<number>): this {
    for (let i = 0; i < bytes.length; i++) this.bytes.push(bytes[i]);
    return this;
  }
  get file(): Uint8Array {
    return Uint8Array.from(this.bytes);
  }
  /** A pcapng block with its two lengths. */
  block(type: number, body: ArrayLike<number>, wrong: { length?: number; trailer?: number } = {}): this {
    const length = 12 + body.length;
    return this.u32(type)
      .u32(wrong.length ?? length)
      .raw(body)
      .u32(wrong.trailer ?? length);
  }
  option(code: number, value: ArrayLike<number>): this {
    return this.u16(code)
      .u16(value.length)
      .raw(value)
      .raw(Array(-value.length & 3).fill(0));
  }
}

const text = (s: string) => [...s].map((c) => c.charCodeAt(0));
const frame = (n: number) => Array.from({ length: n }, (_, i) => (i * 7 + n) & 255);

function pcap(order: Order, magic = 0xa1b2c3d4, linkType = 1, version = [2, 4]): Builder {
  return new Builder(order).u32(magic).u16(version[0]).u16(version[1]).u32(0).u32(0).u32(65535).u32(linkType);
}

function record(b: Builder, seconds: number, fraction: number, data: number[], wireLen = data.length): Builder {
  return b.u32(seconds).u32(fraction).u32(data.length).u32(wireLen).raw(data);
}

describe('pcap', () => {
  for (const order of ['little', 'big'] as const) {
    it(`${order}-endian, microseconds`, () => {
      const b = pcap(order, 0xa1b2c3d4, 0x14000071);
      record(record(b, 0xfffffff0, 999999, frame(5), 1500), 3, 0, []);
      const { rows, reader, atEnd } = readAll(b.file);
      expect(rows).toEqual([
        { data: frame(5), wireLen: 1500, seconds: 0xfffffff0, nanos: 999999000, interfaceId: 0, direction: 0 },
        { data: [], wireLen: 0, seconds: 3, nanos: 0, interfaceId: 0, direction: 0 },
      ]);
      expect(reader.interfaces).toEqual([{ name: '', linkType: 113, snaplen: 65535, tsresol: 1e6 }]);
      expect([reader.format, atEnd, reader.byteCount]).toEqual(['pcap', true, b.bytes.length]);
    });

    it(`${order}-endian, nanoseconds`, () => {
      const { rows, reader } = readAll(record(pcap(order, 0xa1b23c4d), 1, 999999999, frame(3)).file);
      expect([rows[0].seconds, rows[0].nanos, reader.interfaces[0].tsresol]).toEqual([1, 999999999, 1e9]);
    });

    it(`${order}-endian, Kuznetzov's longer record headers`, () => {
      const b = pcap(order, 0xa1b2cd34);
      for (const packetType of [0, 4]) {
        b.u32(1).u32(2).u32(3).u32(3).u32(1).u16(0x800).raw([packetType, 0]).raw(frame(3));
      }
      const { rows } = readAll(b.file);
      expect(rows.map((r) => [r.direction, r.data])).toEqual([
        [1, frame(3)],
        [2, frame(3)],
      ]);
    });
  }

  it('a fraction beyond a second is carried over', () => {
    const { rows } = readAll(record(pcap('little'), 10, 1000001, frame(1)).file);
    expect([rows[0].seconds, rows[0].nanos]).toEqual([11, 1000]);
  });

  it('a wire length below the captured one counts as the captured one', () => {
    expect(readAll(record(pcap('little'), 0, 0, frame(9), 4).file).rows[0].wireLen).toBe(9);
  });

  it('lengths stand the other way round in old versions', () => {
    const swapped = (version: number[]) => {
      const b = pcap('big', 0xa1b2c3d4, 1, version);
      return readAll(b.u32(0).u32(0).u32(100).u32(4).raw(frame(4)).file).rows[0];
    };
    for (const version of [
      [2, 2],
      [2, 3],
      [2, 543],
    ]) {
      expect([swapped(version).data, swapped(version).wireLen]).toEqual([frame(4), 100]);
    }
    expect(readAll(record(pcap('big', 0xa1b2c3d4, 1, [2, 3]), 0, 0, frame(4), 9).file).rows[0].wireLen).toBe(9);
  });

  it('a frame of the greatest length is read, one byte more is an error', () => {
    const { rows, error } = readAll(record(pcap('little'), 0, 0, frame(MAX_FRAME_LEN)).file);
    expect([rows[0].data.length, error]).toEqual([MAX_FRAME_LEN, null]);
    const b = record(record(pcap('little'), 0, 0, frame(4)), 0, 0, frame(MAX_FRAME_LEN + 1));
    const r = readAll(b.file);
    expect(r.rows.length).toBe(1);
    expect([r.error?.packet, r.error?.offset]).toEqual([2, 24 + 20]);
    expect(r.error?.message).toBe('packet 2 at byte 44: expected a captured length up to 262144, got 262145');
  });

  it('negative lengths are errors', () => {
    const b = pcap('little').u32(0).u32(0).u32(0xffffffff).u32(4);
    expect(readAll(b.file).error?.got).toBe('4294967295');
    const c = pcap('little').u32(0).u32(0).u32(2).u32(0x80000000).raw([1, 2]);
    expect(readAll(c.file).error?.got).toBe('2147483648');
  });

  it('another major version is an error', () => {
    expect(readAll(pcap('big', 0xa1b2c3d4, 1, [3, 0]).file).error?.message).toMatch(
      /expected pcap version 2, got 3\.0/,
    );
  });
});

describe('what is no capture', () => {
  const rows: [string, number[], string][] = [
    ['an empty file', [], '0, then the end of the file'],
    ['three bytes', [0xd4, 0xc3, 0xb2], '3, then the end of the file'],
    ['text', text('hello world'), 'a file that begins with 0x68656c6c'],
    ['gzip', [0x1f, 0x8b, 8, 0, 0], 'gzip data'],
  ];
  it.each(rows)('%s', (_, bytes, got) => {
    const { error, rows, reader } = readAll(Uint8Array.from(bytes));
    expect([error?.got, error?.packet, error?.offset, rows.length, reader.format]).toEqual([got, 1, 0, 0, null]);
  });
});

const section = (b: Builder, options: number[] = []) =>
  b.block(0x0a0d0d0a, sub(b).u32(0x1a2b3c4d).u16(1).u16(0).u32(-1).u32(-1).raw(options).bytes);
const orders = new WeakMap<Builder, Order>();
function pcapng(order: Order): Builder {
  const b = new Builder(order);
  orders.set(b, order);
  return section(b);
}
const sub = (b: Builder) => new Builder(orders.get(b) ?? 'little');
const iface = (b: Builder, options: (o: Builder) => Builder = (o) => o, linkType = 1, snaplen = 0) =>
  b.block(1, options(sub(b).u16(linkType).u16(0).u32(snaplen)).bytes);

function enhanced(b: Builder, id: number, time: bigint, data: number[], options?: (o: Builder) => Builder): Builder {
  const body = sub(b)
    .u32(id)
    .u32(Number(time >> 32n))
    .u32(Number(time & 0xffffffffn))
    .u32(data.length)
    .u32(data.length + 1)
    .raw(data)
    .raw(Array(-data.length & 3).fill(0));
  if (options) options(body);
  return b.block(6, body.bytes);
}

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

function sub64(value: number): number[] {
  const v = BigInt.asUintN(64, BigInt(value));
  return Array.from({ length: 8 }, (_, i) => Number((v >> BigInt(8 * (7 - i))) & 255n));
}

const samples: [string, Uint8Array, number[]][] = (() => {
  const p = pcap('little');
  const ends: number[] = [p.bytes.length];
  for (const n of [0, 1, 60, 3]) {
    record(p, n, n, frame(n));
    ends.push(p.bytes.length);
  }
  const g = pcapng('big');
  const gEnds = [g.bytes.length];
  iface(g, (o) => o.option(2, text('r0')));
  gEnds.push(g.bytes.length);
  for (const n of [0, 5, 60]) {
    enhanced(g, 0, 77n, frame(n), (o) => o.option(2, sub(g).u32(1).bytes).u32(0));
    gEnds.push(g.bytes.length);
  }
  g.block(3, sub(g).u32(8).raw(frame(8)).bytes);
  gEnds.push(g.bytes.length);
  return [
    ['pcap', p.file, ends],
    ['pcapng', g.file, gEnds],
  ];
})();

describe.each(samples)('a %s file cut anywhere', (_, file, ends) => {
  const whole = readAll(file);

  it('gives every packet before the cut and an error, unless the cut lies between records', () => {
    for (let length = 0; length < file.length; length++) {
      const { rows, error, atEnd } = readAll(file.slice(0, length));
      const between = ends.includes(length);
      expect([length, error === null, atEnd]).toEqual([length, between, between]);
      expect(rows).toEqual(whole.rows.slice(0, rows.length));
      const cutRows = readAll(file.slice(0, ends.filter((e) => e <= length).at(-1) ?? 0)).rows.length;
      expect(rows.length).toBe(cutRows);
      if (error !== null) {
        expect(error.packet).toBe(rows.length + 1);
        expect(error.offset).toBe(ends.filter((e) => e <= length).at(-1) ?? 0);
      }
    }
  });

  it('reads the same in chunks and batches of any size', () => {
    for (const chunk of [1, 2, 3, 7, 31, 64]) {
      for (const capacity of [1, 2, 100]) expect(readAll(file, chunk, capacity).rows).toEqual(whole.rows);
    }
  });

  it('never fails otherwise than with a CaptureError, whatever its bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 6 }), (changes) => {
        const copy = file.slice();
        for (const [at, value] of changes) copy[at] = value;
        const { error, atEnd } = readAll(copy);
        expect(atEnd).toBe(error === null);
      }),
      { numRuns: 1500 },
    );
  });
});

describe('memory', () => {
  it('stays one buffer while many times its size passes through', () => {
    const chunks: Uint8Array[] = [];
    const writer = new PcapngWriter((bytes, start, end) => chunks.push(bytes.slice(start, end)));
    const id = writer.addInterface('r0', 1);
    const data = new Uint8Array(1500);
    for (let i = 0; i < 4000; i++) writer.writePacket(id, i, i, data, 0, data.length, data.length);
    writer.flush();
    const reader = new CaptureReader();
    const buffer = reader.bytes;
    const batch = new FrameBatch();
    let packets = 0;
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        at += reader.feed(chunk, at, chunk.length);
        for (let count = reader.read(batch); count > 0; count = reader.read(batch)) packets += count;
      }
    }
    reader.finish();
    expect([reader.read(batch), reader.atEnd, packets, reader.bytes === buffer]).toEqual([0, true, 4000, true]);
    expect(buffer.length).toBeLessThan(1 << 20);
    expect(reader.byteCount).toBeGreaterThan(5 * buffer.length);
  });

  it('makeRoom says where the caller may read into', () => {
    const reader = new CaptureReader();
    const batch = new FrameBatch();
    const file = samples[0][1];
    for (let at = 0; at < file.length; at++) {
      const off = reader.makeRoom();
      reader.bytes[off] = file[at];
      reader.wrote(1);
      reader.read(batch);
    }
    reader.finish();
    expect([reader.read(batch), reader.atEnd, reader.packetCount]).toEqual([0, true, 4]);
  });
});
