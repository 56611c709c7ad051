import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameBatch } from './frame-batch.js';
import { PcapngWriter } from './pcapng-writer.js';
import { CaptureReader } from './reader.js';
import { decodeUtf8, encodeUtf8 } from './utf8.js';

/** What a writer wrote, as one file. */
function written(use: (w: PcapngWriter) => void, application = ''): Uint8Array {
  const bytes: number[] = [];
  const writer = new PcapngWriter((chunk, start, end) => {
    for (let i = start; i < end; i++) bytes.push(chunk[i]);
  }, application);
  use(writer);
  writer.flush();
  return Uint8Array.from(bytes);
}

function readBack(file: Uint8Array): { reader: CaptureReader; rows: unknown[] } {
  const reader = new CaptureReader(file.length);
  const batch = new FrameBatch();
  const rows: unknown[] = [];
  expect(reader.feed(file, 0, file.length)).toBe(file.length);
  reader.finish();
  for (let count = reader.read(batch); count > 0; count = reader.read(batch)) {
    for (let i = 0; i < count; i++) {
      rows.push([
        batch.interfaceId[i],
        batch.seconds[i],
        batch.nanos[i],
        [...batch.bytes.subarray(batch.start[i], batch.end[i])],
        batch.wireLen[i],
        batch.direction[i],
      ]);
    }
  }
  expect(reader.error).toBe(null);
  return { reader, rows };
}

const packet = fc.record({
  id: fc.nat(1),
  seconds: fc.nat(0xffffffff),
  nanos: fc.nat(999999999),
  data: fc.uint8Array({ maxLength: 40 }),
  more: fc.nat(100),
  direction: fc.constantFrom(0, 1, 2),
  comment: fc.string({ unit: 'binary', maxLength: 20 }),
});

describe('a pcapng file that was written', () => {
  it('reads back as it was', () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 20 }), fc.string(), (packets, application) => {
        const file = written((w) => {
          expect([w.addInterface('r0', 1), w.addInterface('', 101, 96)]).toEqual([0, 1]);
          for (const p of packets) {
            const bytes = Uint8Array.from([9, 9, ...p.data, 9]);
            const end = 2 + p.data.length;
            w.writePacket(p.id, p.seconds, p.nanos, bytes, 2, end, p.data.length + p.more, p.direction, p.comment);
          }
        }, application);
        expect(file.length % 4).toBe(0);
        const { reader, rows } = readBack(file);
        expect(reader.interfaces).toEqual([
          { name: 'r0', linkType: 1, snaplen: 0, tsresol: 1e9 },
          { name: '', linkType: 101, snaplen: 96, tsresol: 1e9 },
        ]);
        expect(rows).toEqual(
          packets.map((p) => [p.id, p.seconds, p.nanos, [...p.data], p.data.length + p.more, p.direction]),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('carries comments', () => {
    const file = written((w) =>
      w.writePacket(w.addInterface('x', 1), 0, 0, new Uint8Array(3), 0, 3, 3, 1, 'NEW → drop'),
    );
    const expected = [1, 0, 12, 0, ...encodeUtf8('NEW → drop', 100)];
    expect([...file.slice(-4 - 4 - expected.length, -8)]).toEqual(expected);
  });

  it('takes frames and comments longer than its buffer', () => {
    const data = Uint8Array.from({ length: 262144 }, (_, i) => i & 255);
    const file = written((w) => {
      const id = w.addInterface('r0', 1);
      w.writePacket(id, 1, 2, data, 0, data.length, data.length, 0, 'é'.repeat(40000));
      w.writePacket(id, 3, 4, data, 0, 5, 5);
    });
    const { rows } = readBack(file);
    expect(rows).toEqual([
      [0, 1, 2, [...data], data.length, 0],
      [0, 3, 4, [0, 1, 2, 3, 4], 5, 0],
    ]);
  });
});

describe('UTF-8', () => {
  it('of any text reads back as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const bytes = encodeUtf8(text, 10000);
        expect(bytes).toEqual(new TextEncoder().encode(text));
        expect(decodeUtf8(bytes, 0, bytes.length)).toBe(text);
      }),
    );
  });

  it('of any bytes is some text, right where they are right', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const text = decodeUtf8(bytes, 0, bytes.length);
        const reference = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
        if (!reference.includes('\ufffd')) expect(text).toBe(reference);
        else expect(text).toContain('\ufffd');
      }),
    );
  });

  it('is cut between characters; a lone surrogate is replaced', () => {
    expect([...encodeUtf8('aé→', 5)]).toEqual([0x61, 0xc3, 0xa9]);
    expect([...encodeUtf8('\ud800', 9)]).toEqual([0xef, 0xbf, 0xbd]);
  });
});
