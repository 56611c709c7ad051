import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AF_INET, AF_INET6, IPPROTO_UDP, T_DST, T_PORTS, T_PROTO, T_SRC, TUPLE_WORDS } from '../wire/packet.js';
import { F_SECOND_INDEX, F_ZONED, IPS_CONFIRMED, R_ID, R_STATUS, RECORD_SHIFT } from './layout.js';
import { ConnTable } from './table.js';

interface Ends {
  six: boolean;
  source: number;
  destination: number;
  from: number;
  to: number;
}

/** Few values, so that tuples, directions and zones meet. IPv6 addresses differ only beyond their first word. */
const ends = fc.record({
  six: fc.boolean(),
  source: fc.integer({ min: 1, max: 4 }),
  destination: fc.integer({ min: 1, max: 4 }),
  from: fc.integer({ min: 1, max: 3 }),
  to: fc.integer({ min: 1, max: 3 }),
});

function tupleOf(e: Ends): Int32Array {
  const t = new Int32Array(TUPLE_WORDS);
  t[e.six ? T_SRC + 3 : T_SRC] = e.source;
  t[e.six ? T_DST + 3 : T_DST] = e.destination;
  t[T_PORTS] = (e.from << 16) | e.to;
  t[T_PROTO] = IPPROTO_UDP | ((e.six ? AF_INET6 : AF_INET) << 8);
  return t;
}

const inverse = (e: Ends): Ends => ({ ...e, source: e.destination, destination: e.source, from: e.to, to: e.from });
const keyOf = (e: Ends, zone: number): string => JSON.stringify([e.six, e.source, e.destination, e.from, e.to, zone]);

interface Kept {
  slot: number;
  id: number;
  original: Ends;
  reply: Ends;
  zones: [number, number];
}

/** The table and what it should hold: one Map for tuples in the original direction, one for those of the reply. */
class Both {
  readonly table: ConnTable;
  readonly byOriginal = new Map<string, Kept>();
  readonly byReply = new Map<string, Kept>();
  readonly scratch = new Int32Array(TUPLE_WORDS);

  constructor(capacity: number) {
    this.table = new ConnTable(capacity, 7);
  }

  insert(original: Ends, reply: Ends, zones: [number, number]): void {
    const { table } = this;
    const slot = table.reserve(tupleOf(original), (original.to << 16) | original.from, zones[0] | (zones[1] << 16));
    if (this.byOriginal.size === table.capacity) {
      expect(slot).toBe(-1);
      return;
    }
    table.writeTuple(slot, 1, tupleOf(reply));
    // taken: its original tuple as an original one in its zone, or its reply tuple as a reply; the other way round only where
    // both directions are in the same zone (nf_ct_key_equal asks for the zone of the direction in which the other one has it)
    const crossed = zones[0] === zones[1];
    const taken =
      this.byOriginal.has(keyOf(original, zones[0])) ||
      this.byReply.has(keyOf(reply, zones[1])) ||
      (crossed && this.byReply.has(keyOf(original, zones[0]))) ||
      (crossed && this.byOriginal.has(keyOf(reply, zones[1])));
    expect(table.clashes(slot, this.scratch)).toBe(taken);
    if (taken) {
      table.free(slot);
      return;
    }
    table.insert(slot);
    table.words[(slot << RECORD_SHIFT) + R_STATUS]! |= IPS_CONFIRMED;
    const id = table.words[(slot << RECORD_SHIFT) + R_ID]!;
    const kept = { slot, id, original, reply, zones };
    this.byOriginal.set(keyOf(original, zones[0]), kept);
    this.byReply.set(keyOf(reply, zones[1]), kept);
  }

  delete(n: number): void {
    const all = [...this.byOriginal.values()];
    if (all.length === 0) return;
    const { slot, original, reply, zones } = all[n % all.length]!;
    this.table.remove(slot);
    this.table.free(slot);
    this.byOriginal.delete(keyOf(original, zones[0]));
    this.byReply.delete(keyOf(reply, zones[1]));
    this.checkFound(original, zones[0]);
    this.checkFound(reply, zones[1]);
  }

  checkFound(e: Ends, zone: number): void {
    expect(this.find(e, zone)).toBe(this.expected(e, zone)[0]);
  }

  find(e: Ends, zone: number): number {
    const t = tupleOf(e);
    return this.table.find(t, this.table.hash(t, zone), zone, zone);
  }

  /** What the maps say, the younger connection first; of one connection the reply. */
  expected(e: Ends, zone: number): number[] {
    const original = this.byOriginal.get(keyOf(e, zone));
    const reply = this.byReply.get(keyOf(e, zone));
    const refs = [...(original ? [original.slot << 1] : []), ...(reply ? [(reply.slot << 1) | 1] : [])];
    if (original && reply && reply.id >= original.id) refs.reverse();
    return refs.length === 0 ? [-1] : refs;
  }

  /** A look at one slot finds what the index would have found, or nothing; at the right one it finds it, outside of zones. */
  checkSlots(e: Ends): void {
    const t = tupleOf(e);
    const expected = this.expected(e, 0);
    const wrong: number[] = [];
    for (let slot = 0; slot < this.table.capacity; slot++) {
      const ref = this.table.findAt(slot, t);
      const isZoned = (this.table.words[(slot << RECORD_SHIFT) + R_STATUS]! & F_ZONED) !== 0;
      const right = ref >= 0 ? ref === expected[0] : isZoned || !expected.some((r) => r >> 1 === slot);
      if (!right) wrong.push(slot);
    }
    expect(wrong).toEqual([]);
  }

  check(): void {
    const { table } = this;
    expect(table.count).toBe(this.byOriginal.size);
    const slots = [];
    for (let slot = table.nextInUse(0); slot >= 0; slot = table.nextInUse(slot + 1)) slots.push(slot);
    expect(slots).toEqual([...this.byOriginal.values()].map((k) => k.slot).sort((a, b) => a - b));
    for (const k of this.byOriginal.values()) {
      this.checkFound(k.original, k.zones[0]);
      this.checkFound(k.reply, k.zones[1]);
      this.checkSlots(k.original);
      this.checkSlots(k.reply);
      expect(table.words[(k.slot << RECORD_SHIFT) + R_ID]).toBe(k.id);
      for (const [direction, e] of [k.original, k.reply].entries()) {
        table.readTuple(k.slot, direction, this.scratch);
        expect(this.scratch).toEqual(tupleOf(e));
      }
    }
  }
}

const zone = fc.integer({ min: 0, max: 2 });
const operation = fc.oneof(
  fc.record({ kind: fc.constant('plain' as const), original: ends, zone }),
  fc.record({ kind: fc.constant('nat' as const), original: ends, reply: ends, zones: fc.tuple(zone, zone) }),
  fc.record({ kind: fc.constant('delete' as const), n: fc.nat() }),
  fc.record({ kind: fc.constant('find' as const), e: ends, zone }),
);

describe('the table against a Map', () => {
  test.each([8, 64])('of %i records, with NAT, zones and both families', (capacity) => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
        const both = new Both(capacity);
        for (const o of operations) {
          if (o.kind === 'plain') both.insert(o.original, inverse(o.original), [o.zone, o.zone]);
          else if (o.kind === 'nat') both.insert(o.original, { ...o.reply, six: o.original.six }, o.zones);
          else if (o.kind === 'delete') both.delete(o.n);
          else both.checkFound(o.e, o.zone);
        }
        both.check();
        while (both.byOriginal.size > 0) both.delete(0);
        both.check();
      }),
      { numRuns: 150 },
    );
  });

  test('the index doubles where NAT fills it, and everything is still found', () => {
    const both = new Both(1000);
    const at = (n: number): Ends => ({ six: n % 2 === 0, source: n, destination: 9, from: 1, to: 2 });
    for (let n = 1; n <= 1000; n++) both.insert(at(n), { ...inverse(at(n)), destination: 5000 + n }, [0, 0]);
    both.check();
    expect(both.table.places).toBe(4096); // 2,000 entries want 2,500 places; for 1,000 records there were 2,048
    for (let n = 0; n < 990; n++) both.delete(n * 7);
    both.check();
  });
});

describe('the index', () => {
  test('has one entry for both directions, unless the reply is not the inverse', () => {
    const both = new Both(16);
    const e = { six: false, source: 1, destination: 2, from: 3, to: 4 };
    both.insert(e, inverse(e), [0, 0]);
    both.insert({ ...e, from: 5 }, { ...inverse(e), destination: 77 }, [0, 0]);
    both.insert({ ...e, from: 6 }, inverse({ ...e, from: 6 }), [1, 2]);
    const second = [...both.byOriginal.values()].map(
      (k) => (both.table.words[(k.slot << RECORD_SHIFT) + R_STATUS]! & F_SECOND_INDEX) !== 0,
    );
    expect(second).toEqual([false, true, true]);
  });
  test('a packet may be in another zone for each direction', () => {
    const both = new Both(16);
    const e = { six: false, source: 1, destination: 2, from: 3, to: 4 };
    both.insert(e, inverse(e), [0, 0]);
    const find = (t: Int32Array, original: number, reply: number) =>
      both.table.find(t, both.table.hash(t, 0), original, reply);
    expect([find(tupleOf(e), 0, 5), find(tupleOf(e), 5, 0)]).toEqual([0, -1]);
    expect([find(tupleOf(inverse(e)), 0, 5), find(tupleOf(inverse(e)), 5, 0)]).toEqual([-1, 1]);
  });
  test.each([
    ['the older one in a zone of its original direction', [5, 0] as const, [0, 6] as const],
    ['the older one in no zone', [0, 0] as const, [0, 6] as const],
  ])('of two with one tuple the younger is found, %s', (_claim, older, younger) => {
    const both = new Both(16);
    const e = { six: false, source: 1, destination: 2, from: 3, to: 4 };
    both.insert(e, inverse(e), [...older]);
    both.insert(inverse(e), e, [...younger]);
    expect(both.expected(inverse(e), 0)).toEqual([2, 1]);
    both.check();
    both.delete(1);
    both.check();
  });
  test('the younger of two with one tuple is still found where the index has doubled', () => {
    const both = new Both(1000);
    const at = (n: number): Ends => ({ six: false, source: n, destination: 9, from: 1, to: 2 });
    for (let n = 1; n <= 400; n++) {
      both.insert(at(n), inverse(at(n)), [5, 0]);
      both.insert(inverse(at(n)), at(n), [0, 6]);
    }
    both.check();
    for (let n = 401; n <= 600; n++) both.insert(at(n), inverse(at(n)), [5, 0]);
    expect(both.table.places).toBe(4096);
    both.check();
  });
  test.each([
    ['IPv4', { six: false, source: 1, destination: 1, from: 3, to: 3 }, 1],
    ['IPv6', { six: true, source: 1, destination: 1, from: 3, to: 3 }, 1],
    ['but not with another port of its own', { six: false, source: 1, destination: 1, from: 3, to: 4 }, 0],
    ['nor one between two addresses', { six: true, source: 1, destination: 2, from: 3, to: 3 }, 0],
  ])('a connection with itself is found as its answer: %s', (_claim, e, direction) => {
    for (const zone of [0, 5]) {
      const both = new Both(16);
      both.insert(e, inverse(e), [zone, zone]);
      expect(both.find(e, zone)).toBe(direction);
      both.check();
    }
  });
  test('a connection with itself whose directions are in two zones is found in either', () => {
    const both = new Both(16);
    const e = { six: false, source: 1, destination: 1, from: 3, to: 3 };
    both.insert(e, e, [5, 6]);
    expect([both.find(e, 5), both.find(e, 6)]).toEqual([0, 1]);
  });
  test('a reserved connection is not found', () => {
    const both = new Both(16);
    const e = { six: false, source: 1, destination: 2, from: 3, to: 4 };
    both.table.reserve(tupleOf(e), (4 << 16) | 3, 0);
    expect(both.find(e, 0)).toBe(-1);
  });
  test('the same seed gives the same hash, another one another', () => {
    const t = tupleOf({ six: true, source: 1, destination: 2, from: 3, to: 4 });
    const hash = (seed: number) => new ConnTable(8, seed).hash(t, 0);
    expect(hash(7)).toBe(hash(7));
    expect(hash(7)).not.toBe(hash(8));
  });
});

describe('slots', () => {
  const e = { six: false, source: 1, destination: 2, from: 3, to: 4 };
  test('come back, under another id', () => {
    const t = new ConnTable(1, 7);
    const first = t.reserve(tupleOf(e), 0, 0);
    const id = t.words[R_ID];
    expect(t.reserve(tupleOf(e), 0, 0)).toBe(-1);
    t.free(first);
    expect(t.reserve(tupleOf(e), 0, 0)).toBe(first);
    expect(t.words[R_ID]).not.toBe(id);
  });
  test('come back without what was rare about them', () => {
    const t = new ConnTable(4, 7);
    const slot = t.reserve(tupleOf(e), 0, 5 | (6 << 16));
    expect(t.zonesOf(slot)).toBe(5 | (6 << 16));
    Object.assign(t.coldFor(slot), { helper: 'ftp', labels: Int32Array.of(1), ctmask: 3 });
    t.free(slot);
    const again = t.reserve(tupleOf(e), 0, 0);
    expect([again, t.zonesOf(again)]).toEqual([slot, 0]);
    expect(t.coldOf(again)).toMatchObject({ helper: '', labels: null, ctmask: -1 });
    expect(t.coldFor(again)).toMatchObject({ helper: '', labels: null, ctmask: -1 });
  });
  test('the peak is the most that were in use at once', () => {
    const t = new ConnTable(4, 7);
    const slots = [1, 2, 3].map((from) => t.reserve(tupleOf({ ...e, from }), 0, 0));
    for (const slot of slots) t.free(slot);
    t.reserve(tupleOf(e), 0, 0);
    expect([t.count, t.peak]).toEqual([1, 3]);
  });
});
