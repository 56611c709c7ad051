import fc from 'fast-check';
import { expect, test } from 'vitest';
import { R_DEADLINE, R_NEXT, RECORD_SHIFT, RECORD_WORDS } from './layout.js';
import { Wheel } from './wheel.js';

const SLOTS = 12;

/** A wheel as lifecycle.ts turns it: what comes up too early is linked anew. */
class Turned {
  readonly words = new Int32Array(SLOTS * RECORD_WORDS);
  readonly wheel = new Wheel(this.words);
  /** When each slot is due by the test's own reckoning; absent: not on the wheel. */
  readonly due = new Map<number, number>();
  nowMs = 0;

  set(slot: number, timeoutMs: number): void {
    if (this.due.has(slot)) this.wheel.setDeadline(slot, this.nowMs, timeoutMs);
    else {
      this.words[(slot << RECORD_SHIFT) + R_DEADLINE] = (this.nowMs + timeoutMs) | 0;
      this.wheel.link(slot, timeoutMs);
    }
    this.due.set(slot, this.nowMs + timeoutMs);
  }

  take(slot: number): void {
    if (this.due.delete(slot)) this.wheel.unlink(slot);
  }

  /** Lets time pass; returns what ended. */
  pass(ms: number): number[] {
    this.nowMs += ms;
    const ended: number[] = [];
    const second = Math.floor(this.nowMs / 1000);
    for (let first = this.wheel.turn(second); first >= 0; first = this.wheel.turn(second)) {
      for (let slot = first - 1; slot >= 0; ) {
        const base = slot << RECORD_SHIFT;
        const next = this.words[base + R_NEXT]! - 1;
        const left = (this.words[base + R_DEADLINE]! - this.nowMs) | 0;
        if (left > 0) this.wheel.link(slot, left);
        else {
          ended.push(slot);
          expect(this.due.get(slot)).toBeLessThanOrEqual(this.nowMs);
          this.due.delete(slot);
        }
        slot = next;
      }
    }
    return ended;
  }
}

const slot = fc.integer({ min: 0, max: SLOTS - 1 });
/** Often the same second, so that lists have several records. */
const timeout = fc.oneof(fc.constantFrom(2500, 9000), fc.constantFrom(2500, 9000), fc.nat(600_000), fc.nat(20_000_000));
const operation = fc.oneof(
  fc.record({
    kind: fc.constant('set' as const),
    slot,
    ms: timeout,
  }),
  fc.record({ kind: fc.constant('take' as const), slot }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.oneof(fc.nat(3000), fc.nat(500_000), fc.nat(9_000_000)) }),
);

test('nothing ends before its deadline, nothing stays longer than a second after, whatever moves and leaves', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const t = new Turned();
      for (const o of operations) {
        if (o.kind === 'set') t.set(o.slot, o.ms);
        else if (o.kind === 'take') t.take(o.slot);
        else {
          t.pass(o.ms);
          for (const due of t.due.values()) expect(due).toBeGreaterThan(t.nowMs - 1000);
        }
      }
      for (let i = 0; i < 10 && t.due.size > 0; i++) t.pass(4_096_000);
      expect(t.due.size).toBe(0);
    }),
    { numRuns: 300 },
  );
});

test('a deadline that moves away costs the wheel nothing until the old place comes up', () => {
  const t = new Turned();
  t.set(3, 5000);
  const before = t.words.slice();
  t.nowMs = 1000;
  t.wheel.setDeadline(3, t.nowMs, 300_000);
  before[(3 << RECORD_SHIFT) + R_DEADLINE] = 301_000;
  expect(t.words).toEqual(before);
  t.due.set(3, 301_000);
  expect(t.pass(5000)).toEqual([]);
  expect(t.pass(296_000)).toEqual([3]);
});

test('a deadline that comes nearer moves the record forward', () => {
  const t = new Turned();
  t.set(3, 3_000_000);
  t.set(3, 2000);
  expect(t.pass(3000)).toEqual([3]);
});

test('records of the same second end together, in either order of leaving', () => {
  for (const gone of [0, 1, 2]) {
    const t = new Turned();
    for (let i = 0; i < 3; i++) t.set(i, 1000);
    t.take(gone);
    expect(t.pass(2000).sort()).toEqual([0, 1, 2].filter((i) => i !== gone));
  }
});

test('timeouts beyond the wheel come round again', () => {
  const t = new Turned();
  t.set(0, 432_000_000);
  for (let s = 0; s < 432_000; s += 4000) expect(t.pass(s === 428_000 ? 3_999_000 : 4_000_000)).toEqual([]);
  expect(t.pass(2000)).toEqual([0]);
});
