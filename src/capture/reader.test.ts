import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { enhanced, frame, iface, pcap, pcapng, readAll, record, sub, text } from '../../test/support/capture-files.js';
import { FrameBatch } from './frame-batch.js';
import { PcapngWriter } from './pcapng-writer.js';
import { CaptureReader } from './reader.js';

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
