import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packet, TrackBench } from '../../test/support/track-bench.js';
import { u16 } from '../../test/support/wire-frames.js';
import { T_DST, T_PORTS, T_PROTO, T_SRC } from '../wire/packet.js';
import {
  EXPECT_INACTIVE,
  EXPECT_PERMANENT,
  type Expectation,
  RELATE_ALREADY,
  RELATE_CLASH,
  RELATE_FULL,
  RELATE_NO_HELPER,
  RELATE_OK,
} from './expect.js';
import type { HelperInfo } from './helper.js';
import { SET_EXPECT_MAX } from './sysctl.js';

const TCP4 = 6 | (2 << 8);
const HELPER: HelperInfo = {
  name: 'test',
  protocols: [17],
  families: [2],
  ports: [1],
  policies: [
    { maxExpected: 2, timeoutMs: 10_000 },
    { maxExpected: 0, timeoutMs: 5000 },
  ],
};

interface Wanted {
  from?: number | null;
  to?: number;
  port?: number;
  klass?: number;
  flags?: number;
}

class Bench {
  readonly track = new TrackBench();
  readonly masters: number[] = [];

  constructor(masters = 1) {
    const { tracker } = this.track;
    tracker.helpers.set('test', HELPER);
    tracker.listen();
    for (let i = 0; i < masters; i++) {
      this.track.send(packet('a', 17, [...u16(1000 + i), ...u16(80), ...u16(12), 0, 0, 1, 2, 3, 4]));
      const slot = this.track.packet.connection >> 1;
      tracker.assignHelper(slot, 'test');
      this.masters.push(slot);
    }
  }

  get table() {
    return this.track.tracker.expectations;
  }

  get statistics() {
    return this.track.tracker.statistics;
  }

  make(o: Wanted = {}, master = 0): Expectation {
    const { from = 0x0a020002, to = 0x0a010002, port = 41000, klass = 0, flags = 0 } = o;
    const e = this.table.make(this.masters[master]!);
    const source = from === null ? null : Int32Array.of(from, 0, 0, 0);
    this.table.init(e, klass, TCP4, source, 0, -1, Int32Array.of(to, 0, 0, 0), 0, port);
    e.flags = flags;
    return e;
  }

  relate(o: Wanted = {}, master = 0, anyMaster = false): number {
    const e = this.make(o, master);
    const result = this.table.relate(e, this.track.tracker.clockMs, anyMaster);
    if (result !== RELATE_OK) this.table.discard(e);
    return result;
  }

  get ports(): number[] {
    return this.table.list().map((e) => e.tuple[T_PORTS]! & 0xffff);
  }

  find(o: Wanted = {}, zone = 0): number | null {
    const { from = 0x0a020002, to = 0x0a010002, port = 41000 } = o;
    const tuple = new Int32Array(10);
    tuple[T_SRC] = from ?? 0;
    tuple[T_DST] = to;
    tuple[T_PORTS] = (20 << 16) | port;
    tuple[T_PROTO] = TCP4;
    const e = this.table.find(tuple, zone);
    return e === null ? null : e.tuple[T_PORTS]! & 0xffff;
  }

  get events(): string[] {
    const events: string[] = [];
    for (;;) {
      const e = this.track.tracker.expectEvents.shift();
      if (e === null) return events;
      events.push(`${e.event === 1 ? 'new' : 'destroy'} ${e.tuple[T_PORTS]! & 0xffff}`);
    }
  }
}

describe('making one', () => {
  test('the same again takes the place of the former one', () => {
    const b = new Bench();
    expect([b.relate(), b.relate()]).toEqual([RELATE_OK, RELATE_OK]);
    expect([b.ports, b.events]).toEqual([[41000], ['new 41000', 'destroy 41000', 'new 41000']]);
  });
  test.each<[string, Wanted, Wanted, number]>([
    ['one from anywhere clashes with one from somewhere', {}, { from: null }, RELATE_CLASH],
    ['and the other way round', { from: null }, {}, RELATE_CLASH],
    ['from another address: no clash', {}, { from: 0x0a020003 }, RELATE_OK],
    ['on another port: no clash', {}, { port: 41001 }, RELATE_OK],
    ['the same of another class', {}, { klass: 1 }, RELATE_ALREADY],
  ])('%s', (_name, first, second, result) => {
    const b = new Bench();
    expect(b.relate(first)).toBe(RELATE_OK);
    expect(b.relate(second)).toBe(result);
  });
  test('the same of another master clashes, unless any master counts', () => {
    const b = new Bench(2);
    b.relate();
    expect([b.relate({}, 1), b.relate({}, 1, true), b.ports]).toEqual([RELATE_CLASH, RELATE_ALREADY, [41000]]);
  });
  test('a full class gives up its oldest; another class has a limit of its own', () => {
    const b = new Bench();
    for (const port of [1, 2, 3]) expect(b.relate({ port })).toBe(RELATE_OK);
    for (const port of [4, 5, 6]) expect(b.relate({ port, klass: 1 })).toBe(RELATE_OK);
    expect([...b.ports].sort()).toEqual([2, 3, 4, 5, 6]);
  });
  test('a full table takes none, and says so', () => {
    const b = new Bench();
    b.track.tracker.settings.value[SET_EXPECT_MAX] = 1;
    expect([b.relate({ port: 1 }), b.relate({ port: 2 }), b.ports]).toEqual([RELATE_OK, RELATE_FULL, [1]]);
  });
  test('a connection without a helper cannot expect', () => {
    const b = new Bench();
    b.track.send(packet('a', 17, [...u16(9), ...u16(80), ...u16(12), 0, 0, 1, 2, 3, 4]));
    b.masters[0] = b.track.packet.connection >> 1;
    expect(b.relate()).toBe(RELATE_NO_HELPER);
  });
});

describe('meeting one', () => {
  test('once, unless it is permanent; not while it is inactive', () => {
    const b = new Bench();
    b.relate();
    b.relate({ port: 2, flags: EXPECT_PERMANENT });
    b.relate({ port: 3, flags: EXPECT_INACTIVE, klass: 1 });
    expect([b.find(), b.find()]).toEqual([41000, null]);
    expect([b.find({ port: 2 }), b.find({ port: 2 })]).toEqual([2, 2]);
    expect(b.find({ port: 3 })).toBe(null);
    expect(b.statistics).toMatchObject({ expectCreate: 3, expectDelete: 1 });
  });
  test('only in its master’s zone', () => {
    const b = new Bench();
    b.relate();
    expect([b.find({}, 7), b.find({}, 0)]).toEqual([null, 41000]);
  });
  test('not of a master that has not been confirmed', () => {
    const b = new Bench();
    b.track.begin(packet('a', 17, [...u16(9), ...u16(80), ...u16(12), 0, 0, 1, 2, 3, 4]));
    const slot = b.track.packet.connection >> 1;
    b.track.tracker.assignHelper(slot, 'test');
    b.masters[0] = slot;
    b.relate();
    expect(b.find()).toBe(null);
    b.track.finish();
    expect(b.find()).toBe(41000);
  });
});

describe('the end of one', () => {
  test('each times out by itself, by its class', () => {
    const b = new Bench();
    b.relate({ port: 1 });
    b.relate({ port: 2, klass: 1 });
    b.track.wait(4999);
    expect([...b.ports].sort()).toEqual([1, 2]);
    b.track.wait(1);
    expect(b.ports).toEqual([1]);
    b.track.wait(5000);
    expect(b.ports).toEqual([]);
  });
  test('with its master; those of others stay', () => {
    const b = new Bench(2);
    b.relate({ port: 1 });
    b.relate({ port: 2 });
    b.relate({ port: 3 }, 1);
    b.track.tracker.kill(b.masters[0]!);
    expect(b.ports).toEqual([3]);
  });
});

test('whatever is made, met and ended: counts, classes and lists agree with a plain model', () => {
  const step = fc.record({
    what: fc.constantFrom('relate', 'relate', 'find', 'wait'),
    port: fc.integer({ min: 1, max: 5 }),
    klass: fc.integer({ min: 0, max: 1 }),
    master: fc.integer({ min: 0, max: 1 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const b = new Bench(2);
      for (const { what, port, klass, master } of steps) {
        if (what === 'relate') b.relate({ port, klass }, master);
        else if (what === 'find') b.find({ port });
        else b.track.wait(1000);
        const list = b.table.list();
        expect(list.length).toBe(b.table.count);
        expect(new Set(list.map((e) => e.tuple[T_PORTS])).size).toBe(list.length);
        expect(b.statistics.expectCreate - b.statistics.expectDelete).toBe(list.length);
        for (const m of b.masters) {
          const help = b.track.tracker.table.coldOf(m).help;
          if (help === null) continue;
          for (const k of [0, 1])
            expect(help.expecting[k]).toBe(list.filter((e) => e.master === m && e.class === k).length);
          expect(help.expecting[0]).toBeLessThanOrEqual(2);
        }
      }
    }),
    { numRuns: 100 },
  );
});
