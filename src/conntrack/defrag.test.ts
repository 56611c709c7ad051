import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fillIpv4Checksum } from '../wire/checksum.js';
import { Packet } from '../wire/packet.js';
import { LINKTYPE_RAW, parseFrame } from '../wire/parse.js';
import {
  DEFRAG_COMPLETE,
  DEFRAG_DEFAULTS,
  DEFRAG_PASS,
  DEFRAG_QUEUED,
  DEFRAG_REFUSED,
  Defragmenter,
} from './defrag.js';

interface Fragment {
  from: number;
  to: number;
  more: boolean;
  id?: number;
  source?: number;
  v6?: boolean;
}

const WHOLE = Uint8Array.from({ length: 4096 }, (_, i) => (i * 7) & 255);

function build(f: Fragment): Uint8Array {
  const headerLen = f.v6 ? 48 : 20;
  const bytes = new Uint8Array(headerLen + f.to - f.from);
  const view = new DataView(bytes.buffer);
  const id = f.id ?? 1;
  bytes.set(WHOLE.subarray(f.from, f.to), headerLen);
  if (f.v6) {
    view.setInt32(0, 0x60000000);
    view.setUint16(4, bytes.length - 40);
    view.setUint16(6, (44 << 8) | 64);
    view.setInt32(8, 0xfd000000);
    view.setInt32(20, f.source ?? 1);
    view.setInt32(24, 0xfd000000);
    view.setInt32(36, 99);
    bytes[40] = 17;
    view.setUint16(42, f.from | (f.more ? 1 : 0));
    view.setInt32(44, id);
    return bytes;
  }
  view.setUint16(0, 0x4500);
  view.setUint16(2, bytes.length);
  view.setUint16(4, id);
  view.setUint16(6, (f.more ? 0x2000 : 0) | (f.from >> 3));
  view.setUint16(8, (64 << 8) | 17);
  view.setInt32(12, 0x0a000000 + (f.source ?? 1));
  view.setInt32(16, 0x0a010001);
  fillIpv4Checksum(view, 0);
  return bytes;
}

const scratch = new Packet();

function give(d: Defragmenter, f: Fragment, nowMs = 0, user = 0, dev = 2): number {
  const bytes = build(f);
  parseFrame(scratch, bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW);
  scratch.inInterface = dev;
  return d.receive(scratch, user, nowMs);
}

const A: Fragment = { from: 0, to: 800, more: true };
const B: Fragment = { from: 800, to: 1000, more: false };

describe('reassembly', () => {
  it.each([false, true])('v6 %s: the last fragment completes; it tells interface and bytes', (v6) => {
    const d = new Defragmenter();
    expect(give(d, { ...B, v6 }, 0, 0, 2)).toBe(DEFRAG_QUEUED);
    expect(give(d, { ...A, v6 }, 1, 0, 3)).toBe(DEFRAG_COMPLETE);
    const p = d.packet;
    expect(p.inInterface).toBe(3);
    const at = p.l3Off + (v6 ? 40 : 20);
    expect(p.bytes.slice(at, p.end)).toEqual(WHOLE.slice(0, 1000));
    expect(d.maxSize).toBe(v6 ? 848 : 820);
    expect(d.memory).toBe(0);
    expect(d.dueMs).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    ['another identification', { id: 2 }, 0],
    ['another source', { source: 2 }, 0],
    ['another user or zone', {}, 5],
  ])('%s is another packet', (_claim, more, user) => {
    for (const v6 of [false, true]) {
      const d = new Defragmenter();
      give(d, { ...A, v6 });
      expect(give(d, { ...B, v6, ...more }, 0, user)).toBe(DEFRAG_QUEUED);
    }
  });

  it.each([
    [false, 30000],
    [true, 60000],
  ])('v6 %s: a queue expires %i ms after its first fragment, and hands the first one back', (v6, timeoutMs) => {
    const d = new Defragmenter();
    give(d, { ...A, v6 }, 1000);
    give(d, { from: 1600, to: 2000, more: false, v6 }, 20000);
    expect(d.dueMs).toBe(1000 + timeoutMs);
    expect(d.expire(999 + timeoutMs)).toBe(false);
    expect(d.expire(1000 + timeoutMs)).toBe(true);
    expect(d.packet.l3Len).toBe(v6 ? 848 : 820);
    expect(d.expire(1000 + timeoutMs)).toBe(false);
    expect(d.memory).toBe(0);
  });

  it('a queue without its first fragment expires in silence', () => {
    const d = new Defragmenter();
    give(d, B);
    expect(d.expire(30000)).toBe(true);
    expect(d.packet.family).toBe(0);
  });

  it('a late fragment begins a new queue', () => {
    const d = new Defragmenter();
    give(d, A, 0);
    expect(give(d, B, 30000)).toBe(DEFRAG_QUEUED);
    expect(give(d, A, 30001)).toBe(DEFRAG_COMPLETE);
  });

  it('over the memory limit every fragment is refused, until something goes', () => {
    const d = new Defragmenter({ ...DEFRAG_DEFAULTS, high4: 20000 });
    let n = 0;
    while (give(d, { ...A, id: n, source: n }) === DEFRAG_QUEUED) n++;
    expect(n).toBeGreaterThan(5);
    expect(n).toBeLessThan(30);
    expect(give(d, { ...B, id: 0, source: 0 })).toBe(DEFRAG_REFUSED);
    expect(give(d, { ...B, id: n, source: n }, 30000)).toBe(DEFRAG_QUEUED);
  });

  it('more than 64 fragments of others from the same source between two: the older ones are forgotten', () => {
    for (const [others, result] of [
      [63, DEFRAG_COMPLETE],
      [64, DEFRAG_QUEUED],
    ] as const) {
      const d = new Defragmenter();
      give(d, A);
      for (let i = 0; i < others; i++) give(d, { ...A, id: 100 + i });
      expect(give(d, B), `${others} between`).toBe(result);
    }
  });

  it.each([
    ['1 byte', [17], DEFRAG_REFUSED],
    ['7 bytes, not the first fragment', [17, 0, 3, 0xe8, 0, 0, 0], DEFRAG_REFUSED],
    ['7 bytes, the first fragment', [17, 0, 0, 1, 0, 0, 0], DEFRAG_PASS],
    ['behind options that are longer than the packet', [44, 1, 1, 4, 0, 0, 0, 0], DEFRAG_PASS],
    ['right behind the options that end it', [44, 0, 1, 4, 0, 0, 0, 0], DEFRAG_REFUSED],
  ])('an IPv6 fragment header that the packet ends in: %s', (_claim, header, result) => {
    const bytes = build({ from: 0, to: 0, more: false, v6: true }).slice(0, 40 + header.length);
    bytes.set(header, 40);
    bytes[5] = header.length;
    if (header[0] === 44) bytes[6] = 60;
    parseFrame(scratch, bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW);
    expect(new Defragmenter().receive(scratch, 0, 0)).toBe(result);
  });

  it('what a capture cut short is zero', () => {
    const d = new Defragmenter();
    const bytes = build(A);
    parseFrame(scratch, bytes, 0, 120, bytes.length, LINKTYPE_RAW);
    d.receive(scratch, 0, 0);
    expect(give(d, B)).toBe(DEFRAG_COMPLETE);
    expect(d.packet.bytes[d.packet.l3Off + 119]).toBe(WHOLE[99]);
    expect(d.packet.bytes[d.packet.l3Off + 120]).toBe(0);
    expect(d.packet.bytes[d.packet.l3Off + 820]).toBe(WHOLE[800]);
  });

  it('any cutting in any order comes together as it was, with any other fragments around, and leaves no memory', () => {
    const d = new Defragmenter();
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 511 }), { maxLength: 20 }),
        fc.infiniteStream(fc.nat()),
        fc.boolean(),
        (marks, order, v6) => {
          const ends = [...marks.sort((a, b) => a - b).map((m) => m * 8), 4096];
          const pieces = ends.map((to, i) => ({ from: ends[i - 1] ?? 0, to, more: to < 4096, v6 }));
          const sorted = pieces.map((p) => ({ p, key: order.next().value as number })).sort((a, b) => a.key - b.key);
          if (sorted.length < 2) return;
          const results = sorted.map(({ p }, i) => give(d, p, i));
          expect(results.pop()).toBe(DEFRAG_COMPLETE);
          expect(new Set(results)).toEqual(new Set([DEFRAG_QUEUED]));
          expect(d.packet.bytes.slice(d.packet.end - 4096, d.packet.end)).toEqual(WHOLE);
          expect([...d.cuts.subarray(0, d.cutCount)]).toEqual(ends);
          expect(d.memory).toBe(0);
        },
      ),
    );
  });

  it('any fragments at all: memory comes back when time is over', () => {
    const piece = fc.record({
      from: fc.integer({ min: 0, max: 40 }).map((n) => n * 8),
      length: fc.integer({ min: 0, max: 60 }),
      more: fc.boolean(),
      id: fc.integer({ min: 1, max: 3 }),
      v6: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const d = new Defragmenter({ ...DEFRAG_DEFAULTS, high4: 65536, high6: 65536 });
        for (const p of pieces) {
          if (p.from === 0 && !p.more && !p.v6) continue;
          give(d, { ...p, to: p.from + p.length });
        }
        while (d.expire(100000));
        expect(d.memory).toBe(0);
      }),
      { numRuns: 50 },
    );
  });
});
