/** When a tuple is taken by another connection: its direction, its zone, its end. */
import { describe, expect, it } from 'vitest';
import { type Ends, NatBench, rangeOf, tupleText } from '../../test/support/nat-bench.js';
import { choose, chooserOf, count, hold, PUBLIC } from '../../test/support/nat-choice.js';
import {
  IPS_DST_NAT,
  IPS_FIXED_TIMEOUT,
  IPS_HW_OFFLOAD,
  IPS_OFFLOAD,
  IPS_SEQ_ADJUST,
  IPS_SRC_NAT,
  R_ID,
  R_STATE,
  R_STATUS,
  R_WINDOW,
  RECORD_SHIFT,
  TCP_CONNTRACK_CLOSE,
  TCP_CONNTRACK_ESTABLISHED,
  TCP_CONNTRACK_SYN_SENT,
  TCP_CONNTRACK_TIME_WAIT,
  W_END,
} from '../conntrack/layout.js';
import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, TUPLE_WORDS } from '../wire/packet.js';
import { MANIP_DST, MANIP_SRC } from './range.js';

describe('a port of a connection in TIME_WAIT, when few attempts are left', () => {
  function clash(change: (w: Int32Array, base: number) => void, e: Ends = {}): { got: string; left: number } {
    const bench = new NatBench(() => 0);
    const slots = count(4000, 4001).map((from) =>
      bench.connect({ source: '10.1.0.99', from, seq: 5000 }, rangeOf(PUBLIC), MANIP_SRC),
    );
    const w = bench.tracker.table.words;
    const base = slots[0]! << RECORD_SHIFT;
    w[base + R_STATE] = (w[base + R_STATE]! & ~0xff) | TCP_CONNTRACK_TIME_WAIT;
    change(w, base);
    const got = choose(bench, { from: 9, seq: 6000, ...e }, rangeOf(PUBLIC, [4000, 4001]));
    return { got: got.slice(PUBLIC.length + 1, -'>10.2.0.3:80'.length), left: bench.tracker.table.count };
  }
  const setState = (state: number) => (w: Int32Array, base: number) => {
    w[base + R_STATE] = (w[base + R_STATE]! & ~0xff) | state;
  };
  const setStatus = (bits: number) => (w: Int32Array, base: number) => {
    w[base + R_STATUS] = w[base + R_STATUS]! | bits;
  };
  const setEnd = (end: number) => (w: Int32Array, base: number) => {
    w[base + R_WINDOW + W_END] = end;
  };
  const nothing = () => {};
  const rows: [string, (w: Int32Array, base: number) => void, Ends, string, number][] = [
    ['goes to a later SYN', nothing, {}, '4000', 1],
    ['also in CLOSE', setState(TCP_CONNTRACK_CLOSE), {}, '4000', 1],
    ['not while it lives', setState(TCP_CONNTRACK_ESTABLISHED), {}, '4001', 2],
    ['not to an earlier sequence number', nothing, { seq: 4000 }, '4001', 2],
    ['not to the same sequence number', nothing, { seq: 5000 }, '4001', 2],
    ['to the next sequence number', nothing, { seq: 5001 }, '4000', 1],
    ['by sequence numbers that wrap', setEnd(0xffffff00 | 0), { seq: 5 }, '4000', 1],
    ['by sequence numbers that pass the highest positive one', setEnd(0x7fffff00), { seq: 0x80000100 | 0 }, '4000', 1],
    ['not if half of all numbers lie between', setEnd(0x80000100 | 0), { seq: 0x7fffff00 }, '4001', 2],
    ['not if its timeout is fixed', setStatus(IPS_FIXED_TIMEOUT), {}, '4001', 2],
    ['not to a segment that is no SYN', nothing, { flags: 16 }, '4001', 2],
    ['ends for nothing if it was offloaded', setStatus(IPS_OFFLOAD), {}, '4001', 1],
    ['nor if a network card took it', setStatus(IPS_HW_OFFLOAD), {}, '4001', 1],
  ];
  it.each(rows)('%s', (_, change, e, got, left) => expect(clash(change, e)).toEqual({ got, left }));

  it('not while more than 32 attempts are left', () => {
    const bench = new NatBench(() => 0);
    hold(bench, [4000]);
    const base = bench.tracker.table.nextInUse(0) << RECORD_SHIFT;
    const w = bench.tracker.table.words;
    w[base + R_STATE] = (w[base + R_STATE]! & ~0xff) | TCP_CONNTRACK_TIME_WAIT;
    expect(choose(bench, { from: 9, seq: 6000 }, rangeOf(PUBLIC, [4000, 4032]))).toBe(`${PUBLIC}:4001>10.2.0.3:80`);
    expect(choose(bench, { from: 9, seq: 6000 }, rangeOf(PUBLIC, [4000, 4031]))).toBe(`${PUBLIC}:4000>10.2.0.3:80`);
  });
});

describe('of a connection that is over, when few attempts are left,', () => {
  const range = rangeOf(PUBLIC, [4000, 4001]);
  /** Connections that hold both ports, in slots 1 and 2; the one of 4000 is in a state. */
  function held(protocol: number, state: number): { bench: NatBench; slots: number[] } {
    const bench = new NatBench(() => 0);
    bench.connect({ destination: '10.2.0.99' }, rangeOf('10.1.0.2'), MANIP_SRC);
    const slots = count(4000, 4001).map((from) =>
      bench.connect({ source: '10.1.0.99', from, protocol }, rangeOf(PUBLIC), MANIP_SRC),
    );
    setState(bench, slots[0]!, state);
    return { bench, slots };
  }
  function setState(bench: NatBench, slot: number, state: number): void {
    const w = bench.tracker.table.words;
    const at = (slot << RECORD_SHIFT) + R_STATE;
    w[at] = (w[at]! & ~0xff) | state;
  }

  it('that connection ends and no other', () => {
    const { bench, slots } = held(IPPROTO_TCP, TCP_CONNTRACK_TIME_WAIT);
    expect(slots).toEqual([1, 2]);
    expect(choose(bench, { from: 9, seq: 6000 }, range)).toBe(`${PUBLIC}:4000>10.2.0.3:80`);
    const left = [0, 1, 2].filter((slot) => bench.tracker.table.words[(slot << RECORD_SHIFT) + R_ID] !== 0);
    expect(left).toEqual([0, 2]);
  });

  it.each([IPPROTO_UDP, IPPROTO_SCTP])(
    'the port stays its own in protocol %i, whose states mean something else',
    (protocol) => {
      const { bench } = held(protocol, TCP_CONNTRACK_TIME_WAIT);
      const prepare = (slot: number) => {
        setState(bench, slot, TCP_CONNTRACK_SYN_SENT);
        bench.tracker.table.words[(slot << RECORD_SHIFT) + R_WINDOW + W_END] = 9999;
      };
      expect(choose(bench, { from: 9, protocol }, range, MANIP_SRC, prepare)).toBe(`${PUBLIC}:4001>10.2.0.3:80`);
      expect(bench.tracker.table.count).toBe(3);
    },
  );

  it.each([TCP_CONNTRACK_ESTABLISHED, TCP_CONNTRACK_TIME_WAIT])(
    'the port stays its own where it was the one that came from there (state %i)',
    (state) => {
      const bench = new NatBench(() => 0);
      const slot = bench.connect(
        { source: '10.2.0.3', from: 80, destination: PUBLIC, to: 4000 },
        rangeOf('10.2.0.3'),
        MANIP_SRC,
      );
      setState(bench, slot, state);
      bench.tracker.table.words[R_STATUS] = bench.tracker.table.words[R_STATUS]! | IPS_SRC_NAT;
      expect(slot).toBe(0);
      expect(choose(bench, { from: 9, seq: 6000 }, range)).toBe(`${PUBLIC}:4001>10.2.0.3:80`);
      expect(bench.tracker.table.count).toBe(1);
    },
  );

  it('each attempt counts', () => {
    const bench = new NatBench(() => 0);
    hold(bench, count(4000, 4039));
    for (const at of [5, 20]) setState(bench, at, TCP_CONNTRACK_TIME_WAIT);
    // with 35 attempts left the first one is passed over, with 20 the second one is not
    expect(choose(bench, { from: 9, seq: 6000 }, rangeOf(PUBLIC, [4000, 4039]))).toBe(`${PUBLIC}:4020>10.2.0.3:80`);
  });
});

describe('a tuple is taken', () => {
  const outside = { source: '10.2.0.3', from: 80, destination: PUBLIC };

  it('by a connection that came from there, too', () => {
    const bench = new NatBench(() => 5);
    expect(bench.connect({ ...outside, to: 1000 }, rangeOf('10.2.0.3'), MANIP_SRC)).toBe(0);
    expect(choose(bench, { from: 1000 }, rangeOf(PUBLIC))).toBe(`${PUBLIC}:605>10.2.0.3:80`);
  });

  it('not by a packet of the same connection that overtook this one', () => {
    const bench = new NatBench(() => 5);
    hold(bench, [7]);
    const first = bench.arrive({ from: 5000 });
    const second = bench.arrive({ from: 5000 });
    bench.nat.setup(first.connection >> 1, rangeOf(PUBLIC), MANIP_SRC);
    bench.leave(first);
    const out = new Int32Array(TUPLE_WORDS);
    const found = bench.tracker.statistics.found;
    chooserOf(bench).choose(second.connection >> 1, second.tuple, rangeOf(PUBLIC), MANIP_SRC, out);
    expect(tupleText(out)).toBe(`${PUBLIC}:5000>10.2.0.3:80`);
    expect([bench.drawn, bench.tracker.statistics.found - found]).toEqual([0, 0]);
    expect(bench.leave(second)).toBe(false);
  });

  it('nor by one of the same connection in the same zone; in another one it is', () => {
    for (const [zone, from] of [
      [0x8001, 5000],
      [0x8000, 1029],
      [1, 1029],
    ] as const) {
      const bench = new NatBench(() => 5);
      hold(bench, count(1, 3));
      const first = bench.arrive({ from: 5000, zone: 0x8001, zoneDirection: 1 });
      const second = bench.arrive({ from: 5000, zone, zoneDirection: 1 });
      bench.nat.setup(first.connection >> 1, rangeOf(PUBLIC), MANIP_SRC);
      bench.leave(first);
      const out = new Int32Array(TUPLE_WORDS);
      chooserOf(bench).choose(second.connection >> 1, second.tuple, rangeOf(PUBLIC), MANIP_SRC, out);
      expect(tupleText(out)).toBe(`${PUBLIC}:${from}>10.2.0.3:80`);
    }
  });

  const zones: [string, number, number, number, number, boolean][] = [
    ['in one zone', 0x8001, 3, 0x8001, 3, true],
    ['in one zone of the answers', 0x8001, 2, 0x8001, 2, true],
    ['in two that differ for the answers', 0x8001, 2, 1, 2, false],
    ['in two that differ for the answers by their last bit', 0x8001, 2, 0x8000, 2, false],
    ['in two whose answers share one', 0x8001, 1, 1, 1, true],
    ['in one, the answers of the other in none', 0x8001, 3, 0x8001, 1, false],
  ];
  it.each(zones)('%s (%i, %i; %i, %i): %s', (_, zone, zoneDirection, other, otherDirection, taken) => {
    const bench = new NatBench(() => 5);
    bench.connect({ source: '10.1.0.99', from: 5000, zone, zoneDirection }, rangeOf(PUBLIC), MANIP_SRC);
    const e = { from: 5000, zone: other, zoneDirection: otherDirection };
    expect(choose(bench, e, rangeOf(PUBLIC))).toBe(`${PUBLIC}:${taken ? 1029 : 5000}>10.2.0.3:80`);
  });

  const incoming: [number, number, number, number, boolean][] = [
    [0x8001, 3, 0x8001, 3, true],
    [0x8001, 3, 0x8000, 3, false],
    [5, 2, 6, 1, false],
    [5, 2, 0, 3, true],
    [0, 3, 5, 1, false],
  ];
  it.each(incoming)(
    'by one that came from there in zone %i (%i), of one in zone %i (%i): %s',
    (zone, zoneDirection, other, otherDirection, taken) => {
      const bench = new NatBench(() => 5);
      bench.connect({ ...outside, to: 5000, zone, zoneDirection }, rangeOf('10.2.0.3'), MANIP_SRC);
      const e = { from: 5000, zone: other, zoneDirection: otherDirection };
      expect(choose(bench, e, rangeOf(PUBLIC))).toBe(`${PUBLIC}:${taken ? 1029 : 5000}>10.2.0.3:80`);
    },
  );
});

describe('datagrams that cross, in zones of one direction,', () => {
  const there = { source: '10.2.0.3', from: 80, destination: '10.1.0.2', to: 5000, zone: 5, zoneDirection: 2 };
  const asIs = rangeOf('10.1.0.2');
  const rows: [string, Ends, number, number][] = [
    ['keep their ports: UDP', { protocol: IPPROTO_UDP }, 0, 5000],
    ['keep their ports: UDP-Lite', { protocol: IPPROTO_UDPLITE }, 0, 5000],
    ['but not TCP', { protocol: IPPROTO_TCP }, 0, 1029],
    ['nor SCTP', { protocol: IPPROTO_SCTP }, 0, 1029],
    ['nor where the first is source-translated', { protocol: IPPROTO_UDP }, IPS_SRC_NAT, 1029],
    ['nor where the first is destination-translated', { protocol: IPPROTO_UDP }, IPS_DST_NAT, 1029],
    ['nor where its numbers are adjusted', { protocol: IPPROTO_UDP }, IPS_SEQ_ADJUST, 1029],
  ];
  it.each(rows)('%s', (_, e, status, from) => {
    const bench = new NatBench(() => 5, { checksum: 0 });
    hold(bench, [7]);
    const slot = bench.connect({ ...there, ...e }, rangeOf('10.2.0.3'), MANIP_SRC);
    const at = (slot << RECORD_SHIFT) + R_STATUS;
    bench.tracker.table.words[at] = bench.tracker.table.words[at]! | status;
    expect(choose(bench, { from: 5000, ...e }, asIs)).toBe(`10.1.0.2:${from}>10.2.0.3:80`);
  });

  it('but not where one has another destination than it seems', () => {
    const bench = new NatBench(() => 5);
    const e = { protocol: IPPROTO_UDP };
    // what came to 10.1.0.2:5000 is answered by 10.1.0.7
    const slot = bench.connect({ ...there, ...e }, rangeOf('10.1.0.7'), MANIP_DST);
    const at = (slot << RECORD_SHIFT) + R_STATUS;
    bench.tracker.table.words[at] = bench.tracker.table.words[at]! & ~IPS_DST_NAT;
    expect(choose(bench, { from: 5000, ...e }, asIs)).toBe('10.1.0.2:1029>10.2.0.3:80');
  });
});
