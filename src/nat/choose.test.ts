import { describe, expect, it } from 'vitest';
import { NatBench, packetBytes, parsed, rangeOf, tupleText } from '../../test/support/nat-bench.js';
import { choose, chooserOf, count, hold, PUBLIC } from '../../test/support/nat-choice.js';
import { IPS_EXPECTED, R_STATUS, RECORD_SHIFT } from '../conntrack/layout.js';
import {
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  T_SRC,
  TUPLE_WORDS,
} from '../wire/packet.js';
import { chooseAddress } from './address-choice.js';
import { sameTuple } from './choose.js';
import { MANIP_DST, MANIP_SRC, RANGE_OFFSET, RANGE_RANDOM, RANGE_RANDOM_FULLY } from './range.js';

const IPPROTO_ESP = 50;

describe('a source port', () => {
  it.each([1, 511, 512, 1023, 1024, 65535])('%i stays if it is free', (from) => {
    const bench = new NatBench();
    expect(choose(bench, { from }, rangeOf(PUBLIC))).toBe(`${PUBLIC}:${from}>10.2.0.3:80`);
    expect(bench.drawn).toBe(0);
  });

  // port, random number, what it gets instead
  const classes: [number, number, number][] = [
    [1, 0, 2], //          1 is taken, too: the next
    [1, 5, 6],
    [511, 510, 1], //      the last one is taken: from the start again
    [511, 511 + 7, 8],
    [512, 0, 600],
    [599, 423, 1023],
    [1023, 424, 600],
    [1023, 423, 600], //   1023 is taken: from the start again
    [1024, 0, 1025],
    [5000, 3, 1027],
    [65535, 64511, 1024],
    [40000, 0xffff, 1024 + (0xffff % 64512)],
    [40000, 0x70000 | 9, 1033],
  ];
  it.each(classes)('%i that is taken, with the random number %i, becomes %i', (from, random, to) => {
    for (const protocol of [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP]) {
      const bench = new NatBench(() => random);
      hold(bench, [from], protocol);
      expect(choose(bench, { from, protocol }, rangeOf(PUBLIC))).toBe(`${PUBLIC}:${to}>10.2.0.3:80`);
      expect(bench.drawn).toBe(1);
    }
  });

  it('that is taken is counted as found, once a look-up', () => {
    const bench = new NatBench(() => 0);
    hold(bench, [1024, 1025, 5000]);
    const before = bench.tracker.statistics.found;
    choose(bench, { from: 5000 }, rangeOf(PUBLIC));
    expect(bench.tracker.statistics.found - before).toBe(3); // 5000, then 1024 and 1025
    choose(bench, { from: 7 }, rangeOf(PUBLIC));
    expect(bench.tracker.statistics.found - before).toBe(3);
  });

  it('is not taken by a connection to elsewhere', () => {
    const bench = new NatBench();
    hold(bench, [1000]);
    expect(choose(bench, { destination: '10.2.0.4' }, rangeOf(PUBLIC))).toBe(`${PUBLIC}:1000>10.2.0.4:80`);
    expect(choose(bench, { to: 81 }, rangeOf(PUBLIC))).toBe(`${PUBLIC}:1000>10.2.0.3:81`);
  });

  it('is not taken by a connection that has timed out', () => {
    const bench = new NatBench();
    hold(bench, [1000]);
    bench.tracker.advance(bench.tracker.clockMs + 121_000, 0);
    expect(choose(bench, {}, rangeOf(PUBLIC))).toBe(`${PUBLIC}:1000>10.2.0.3:80`);
  });

  it('changes even without a translation if another connection appears to come from there', () => {
    const bench = new NatBench(() => 20);
    hold(bench, [5000]);
    const range = rangeOf(PUBLIC);
    expect(choose(bench, { source: PUBLIC, from: 5001 }, range)).toBe(`${PUBLIC}:5001>10.2.0.3:80`);
    expect(choose(bench, { source: PUBLIC, from: 5000 }, range)).toBe(`${PUBLIC}:1044>10.2.0.3:80`);
  });

  it.each([
    ['--random', RANGE_RANDOM],
    ['--random-fully', RANGE_RANDOM_FULLY],
  ])('is drawn with %s, also where it is free or another connection has the mapping', (_, flag) => {
    const bench = new NatBench(() => 100);
    expect(choose(bench, {}, rangeOf(PUBLIC, null, flag))).toBe(`${PUBLIC}:700>10.2.0.3:80`);
    expect(choose(bench, { from: 100 }, rangeOf(PUBLIC, null, flag))).toBe(`${PUBLIC}:101>10.2.0.3:80`);
    expect(choose(bench, { from: 5000 }, rangeOf(PUBLIC, [4000, 4999], flag))).toBe(`${PUBLIC}:4100>10.2.0.3:80`);
    bench.connect({ destination: '10.2.0.9', from: 5000 }, rangeOf(PUBLIC), MANIP_SRC);
    expect(choose(bench, { from: 5000 }, rangeOf(PUBLIC, null, flag))).toBe(`${PUBLIC}:1124>10.2.0.3:80`);
    expect(bench.drawn).toBe(4);
  });

  it('in a range stays if it lies in it and is free', () => {
    const bench = new NatBench(() => 1);
    expect(choose(bench, { from: 4500 }, rangeOf(PUBLIC, [4000, 4999]))).toBe(`${PUBLIC}:4500>10.2.0.3:80`);
    hold(bench, [4500]);
    expect(choose(bench, { from: 4500 }, rangeOf(PUBLIC, [4000, 4999]))).toBe(`${PUBLIC}:4001>10.2.0.3:80`);
    expect(choose(bench, { from: 9 }, rangeOf(PUBLIC, [4000, 4999]))).toBe(`${PUBLIC}:4001>10.2.0.3:80`);
  });

  it('changes beside any destination port', () => {
    const bench = new NatBench(() => 3);
    expect(choose(bench, { from: 9, to: 81 }, rangeOf(PUBLIC, [4000, 4999]))).toBe(`${PUBLIC}:4003>10.2.0.3:81`);
  });

  it('comes from a range that is given the other way round as well', () => {
    const bench = new NatBench(() => 3);
    expect(choose(bench, { from: 9 }, rangeOf(PUBLIC, [4999, 4000]))).toBe(`${PUBLIC}:4003>10.2.0.3:80`);
  });

  it('that is the only one of its range is taken unseen', () => {
    const bench = new NatBench();
    hold(bench, [4000]);
    expect(choose(bench, { from: 4000 }, rangeOf(PUBLIC, [4000, 4000]))).toBe(`${PUBLIC}:4000>10.2.0.3:80`);
    expect(bench.drawn).toBe(0);
    expect(choose(bench, { from: 5000 }, rangeOf(PUBLIC, [4000, 4000]))).toBe(`${PUBLIC}:4000>10.2.0.3:80`);
  });

  it('a client keeps its port towards every destination, unless that is taken', () => {
    const bench = new NatBench(() => 7);
    bench.connect({ from: 5000, destination: '10.2.0.9' }, rangeOf(PUBLIC, [4000, 4999]), MANIP_SRC);
    expect(choose(bench, { from: 5000 }, rangeOf(PUBLIC, [4000, 4999]))).toBe(`${PUBLIC}:4007>10.2.0.3:80`);
    expect(bench.drawn).toBe(1);
    hold(bench, [4007]);
    expect(choose(bench, { from: 5000 }, rangeOf(PUBLIC, [4000, 4999]))).toBe(`${PUBLIC}:4008>10.2.0.3:80`);
  });
});

describe('the search', () => {
  it('in a small range looks at every port once', () => {
    const bench = new NatBench(() => 37);
    hold(bench, [...count(4000, 4035), ...count(4037, 4099)]);
    expect(choose(bench, {}, rangeOf(PUBLIC, [4000, 4099]))).toBe(`${PUBLIC}:4036>10.2.0.3:80`);
    hold(bench, [4036]);
    bench.drawn = 0;
    expect(choose(bench, {}, rangeOf(PUBLIC, [4000, 4099]))).toBe(`${PUBLIC}:4036>10.2.0.3:80`);
    expect(bench.drawn).toBe(1);
  });

  it('in a large one tries 128 ports, then 64, 32, 16 and 8 from a new place each', () => {
    const tried: string[] = [];
    const bench = new NatBench(() => [0, 301, 500, 600, 650][bench.drawn - 1]!);
    hold(bench, count(4000, 4999));
    bench.drawn = 0;
    const search = bench.tracker.search.bind(bench.tracker);
    bench.tracker.search = (tuple, hash, original, reply) => {
      tried.push(tupleText(tuple).replace(/^.*:/, ''));
      return search(tuple, hash, original, reply);
    };
    const range = rangeOf(PUBLIC, [4000, 4999]);
    // the packet's own look-up
    expect(choose(bench, { from: 9 }, range)).toBe(`${PUBLIC}:4657>10.2.0.3:80`);
    const rounds = [count(4000, 4127), count(4301, 4364), count(4500, 4531), count(4600, 4615), count(4650, 4657)];
    expect(tried.slice(1)).toEqual(rounds.flat().map(String));
    expect(bench.drawn).toBe(5);
  });

  it('finds what is free in a later round', () => {
    const bench = new NatBench(() => (bench.drawn === 1 ? 0 : 900));
    hold(bench, [...count(4000, 4127), ...count(4900, 4909)]);
    bench.drawn = 0;
    expect(choose(bench, { from: 9 }, rangeOf(PUBLIC, [4000, 4999]))).toBe(`${PUBLIC}:4910>10.2.0.3:80`);
  });
});

describe('an address of a range', () => {
  const many = rangeOf('10.1.0.0-10.1.0.255');
  it('that the source has stays', () => {
    const bench = new NatBench(() => 5);
    for (let host = 2; host < 9; host++) {
      const source = `10.1.0.${host}`;
      expect(choose(bench, { source }, many)).toBe(`${source}:1000>10.2.0.3:80`);
    }
    expect(bench.drawn).toBe(0);
  });
  it('does not matter to a destination: its own may be left for the one that the source has', () => {
    expect(choose(new NatBench(), {}, rangeOf('10.1.0.2'), MANIP_DST)).toBe('10.1.0.2:1000>10.1.0.2:80');
  });
  it.each([
    [1, 3],
    [1, 1],
    [1, 2],
    [0x8001, 3],
    [0x8001, 1],
    [0x8001, 2],
  ])('is drawn by zone %i, whichever directions that has (%i)', (zone, zoneDirection) => {
    const range = rangeOf('203.0.113.0-203.0.113.255');
    const expected = parsed(packetBytes({})).tuple;
    chooseAddress(expected, range, MANIP_SRC, zone);
    const got = choose(new NatBench(), { zone, zoneDirection }, range);
    expect(got).toBe(tupleText(expected));
    const other = parsed(packetBytes({})).tuple;
    chooseAddress(other, range, MANIP_SRC, 0);
    expect(other[T_SRC]).not.toBe(expected[T_SRC]);
  });
  it('is the one that another connection of the source has in the same zone', () => {
    for (const [zone, same] of [
      [1, true],
      [0, false],
    ] as const) {
      const bench = new NatBench();
      const range = rangeOf('203.0.113.0-203.0.113.255');
      bench.connect({ destination: '10.2.0.99', zone: 1 }, rangeOf('203.0.113.77'), MANIP_SRC);
      expect(choose(bench, { zone }, range) === '203.0.113.77:1000>10.2.0.3:80').toBe(same);
    }
  });
});

describe('a destination', () => {
  it('keeps its port, taken or not, where no port is asked for', () => {
    const bench = new NatBench(() => 5);
    bench.connect({ destination: '10.2.0.9' }, rangeOf('10.9.0.1'), MANIP_DST);
    expect(choose(bench, {}, rangeOf('10.9.0.1'), MANIP_DST)).toBe('10.1.0.2:1000>10.9.0.1:80');
    expect(bench.drawn).toBe(0);
  });
  it('keeps it also after a source for which one was searched', () => {
    const bench = new NatBench(() => 5);
    bench.connect({ destination: '10.2.0.9' }, rangeOf('10.9.0.1'), MANIP_DST);
    hold(bench, [5000]);
    const chooser = chooserOf(bench);
    const out = new Int32Array(TUPLE_WORDS);
    const first = bench.arrive({ from: 5000 });
    chooser.choose(first.connection >> 1, first.tuple, rangeOf(PUBLIC), MANIP_SRC, out);
    expect(tupleText(out)).toBe(`${PUBLIC}:1029>10.2.0.3:80`);
    const p = bench.arrive({});
    chooser.choose(p.connection >> 1, p.tuple, rangeOf('10.9.0.1'), MANIP_DST, out);
    expect(tupleText(out)).toBe('10.1.0.2:1000>10.9.0.1:80');
  });
  it('gets the first free port of a range, and nothing is drawn', () => {
    const bench = new NatBench(() => 5);
    const range = rangeOf('10.9.0.1', [8000, 8003]);
    expect(choose(bench, {}, range, MANIP_DST)).toBe('10.1.0.2:1000>10.9.0.1:8000');
    bench.connect({ destination: '10.2.0.9' }, range, MANIP_DST);
    expect(choose(bench, {}, range, MANIP_DST)).toBe('10.1.0.2:1000>10.9.0.1:8001');
    expect(bench.drawn).toBe(0);
  });
  it('stays in the range where it is', () => {
    expect(choose(new NatBench(), { to: 8002 }, rangeOf('10.9.0.1', [8000, 8003]), MANIP_DST)).toBe(
      '10.1.0.2:1000>10.9.0.1:8002',
    );
  });
  it('begins at a random port of the range with --random', () => {
    const bench = new NatBench(() => 6);
    const range = rangeOf('10.9.0.1', [8000, 8003], RANGE_RANDOM);
    expect(choose(bench, { to: 8001 }, range, MANIP_DST)).toBe('10.1.0.2:1000>10.9.0.1:8002');
  });
  it.each([
    [5000, 5000, 7000],
    [5003, 5000, 7003],
    [5010, 5000, 7010],
    [5011, 5000, 7000], //  around
    [4999, 5000, 7000 + (0xffff % 11)],
    [7005, 7003, 7002], //  a port inside is shifted as well
  ])('%i keeps its distance from the base %i: %i', (to, base, expected) => {
    const range = rangeOf('10.9.0.1', [7000, 7010], RANGE_OFFSET);
    range.basePort = base;
    expect(choose(new NatBench(), { to }, range, MANIP_DST)).toBe(`10.1.0.2:1000>10.9.0.1:${expected}`);
  });
});

describe('what is not a port', () => {
  it('an ICMP id becomes any of 65536', () => {
    const bench = new NatBench(() => 0xffff);
    hold(bench, [1000], IPPROTO_ICMP);
    const e = { protocol: IPPROTO_ICMP };
    expect(choose(bench, { ...e, from: 9 }, rangeOf(PUBLIC))).toBe(`${PUBLIC}:9>10.2.0.3:2048`);
    expect(choose(bench, e, rangeOf(PUBLIC))).toBe(`${PUBLIC}:65535>10.2.0.3:2048`);
    hold(bench, [65535], IPPROTO_ICMP);
    expect(choose(bench, e, rangeOf(PUBLIC))).toBe(`${PUBLIC}:0>10.2.0.3:2048`);
    expect(choose(bench, e, rangeOf(PUBLIC, [70, 79]))).toBe(`${PUBLIC}:75>10.2.0.3:2048`);
  });
  it('is the id also where the destination is changed', () => {
    const bench = new NatBench(() => 3);
    const e = { protocol: IPPROTO_ICMP };
    expect(choose(bench, e, rangeOf('10.9.0.1', [70, 79]), MANIP_DST)).toBe('10.1.0.2:70>10.9.0.1:2048');
    const six = { protocol: IPPROTO_ICMPV6, source: 'fd01::2' };
    expect(choose(bench, six, rangeOf('fd09::1', [70, 79]), MANIP_DST)).toBe('fd01::2:70>fd09::1:32768');
  });
  // random number, range, key
  const keys: [number, [number, number] | null, number][] = [
    [0, null, 1],
    [65533, null, 65534],
    [65534, null, 65535],
    [65535, null, 1],
    [3, [70, 79], 73],
  ];
  it.each(keys)(
    'a GRE key of an expected connection, with the random number %i and the range %s, becomes %i',
    (random, ports, to) => {
      const bench = new NatBench(() => random);
      const e = { protocol: IPPROTO_GRE };
      bench.connect({ destination: '10.2.0.99' }, rangeOf('10.1.0.2'), MANIP_SRC);
      const expected = (slot: number) => {
        const at = (slot << RECORD_SHIFT) + R_STATUS;
        bench.tracker.table.words[at] = bench.tracker.table.words[at]! | IPS_EXPECTED;
      };
      const range = rangeOf(PUBLIC, ports, RANGE_RANDOM);
      expect(choose(bench, e, range, MANIP_SRC, expected)).toBe(`${PUBLIC}:${to}>10.2.0.3:0`);
      expect(bench.drawn).toBe(1);
    },
  );
  it.each([IPPROTO_GRE, IPPROTO_ESP])('protocol %i has nothing to change, taken or not', (protocol) => {
    const bench = new NatBench(() => 3);
    const first = bench.arrive({ protocol, source: '10.1.0.99' });
    bench.nat.setup(first.connection >> 1, rangeOf(PUBLIC), MANIP_SRC);
    bench.leave(first);
    expect(choose(bench, { protocol }, rangeOf(PUBLIC))).toBe(`${PUBLIC}:0>10.2.0.3:0`);
    expect(bench.drawn).toBe(0);
  });
});

it('tuples are the same only in every word', () => {
  const a = Int32Array.from(count(1, TUPLE_WORDS));
  expect(sameTuple(a, a.slice())).toBe(true);
  for (let i = 0; i < TUPLE_WORDS; i++)
    expect(
      sameTuple(
        a,
        Int32Array.from(a, (word, at) => (at === i ? 0 : word)),
      ),
    ).toBe(false);
});
