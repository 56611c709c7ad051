import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Ends, NatBench, packetBytes, parsed, rangeOf, tupleText, words } from '../../test/support/nat-bench.js';
import { IPS_CONFIRMED, IPS_SRC_NAT, R_STATUS, RECORD_SHIFT } from '../conntrack/layout.js';
import { ConnTable } from '../conntrack/table.js';
import {
  AF_INET,
  AF_INET6,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  T_DST,
  T_PORTS,
  T_PROTO,
  T_SRC,
  TUPLE_WORDS,
} from '../wire/packet.js';
import { BySource } from './by-source.js';
import { MANIP_SRC, type NatRange } from './range.js';

const FOUR = rangeOf('203.0.113.1-203.0.113.9');
const SIX = rangeOf('fd09::1-fd09::9');

/** What `find` makes of a packet; '' = nothing. */
function found(index: BySource, e: Ends, range = FOUR, zones = 0): string {
  const out = new Int32Array(TUPLE_WORDS).fill(99);
  return index.find(parsed(packetBytes(e)).tuple, zones, range, out) ? tupleText(out) : '';
}

/** A connection with a translated source, and an index that has it. */
function one(e: Ends, address: string): { bench: NatBench; index: BySource; slot: number } {
  const bench = new NatBench();
  const slot = bench.connect(e, rangeOf(address), MANIP_SRC);
  const index = new BySource(bench.tracker.table);
  index.add(slot);
  return { bench, index, slot };
}

describe('another connection of the same source', () => {
  const { index } = one({}, '203.0.113.7');
  const rows: [string, Ends, ReturnType<typeof rangeOf>, number, string][] = [
    [
      'to elsewhere gets the same address and port',
      { destination: '10.9.9.9', to: 443 },
      FOUR,
      0,
      '203.0.113.7:1000>10.9.9.9:443',
    ],
    ['from another port does not', { from: 1001 }, FOUR, 0, ''],
    ['from another address does not', { source: '10.1.0.3' }, FOUR, 0, ''],
    ['of another protocol does not', { protocol: IPPROTO_UDP }, FOUR, 0, ''],
    ['in another zone does not', {}, FOUR, 5, ''],
    ['in a zone of the answers alone does', {}, FOUR, 5 << 16, '203.0.113.7:1000>10.2.0.3:80'],
    ['does not if the range has not that address', {}, rangeOf('203.0.113.1-203.0.113.6'), 0, ''],
    ['does not if the range has not that port', {}, rangeOf('203.0.113.7', [2000, 3000]), 0, ''],
    ['does if the range has both', {}, rangeOf('203.0.113.7', [1000, 3000]), 0, '203.0.113.7:1000>10.2.0.3:80'],
  ];
  it.each(rows)('%s', (_, e, range, zone, expected) => expect(found(index, e, range, zone)).toBe(expected));
});

describe('a source is the same only in a zone of the same number and', () => {
  const both = (zone: number) => zone | (zone << 16);
  const rows: [string, number, number, number, boolean][] = [
    ['of both directions', 5, 3, both(5), true],
    ['of both directions, a large one', 0xffff, 3, both(0xffff), true],
    ['of the first direction', 5, 1, 5, true],
    ['not of both where the other has one', 5, 1, both(5), false],
    ['not of one where the other has both', 5, 3, 5, false],
    ['not of both where the other has one, a large one', 0xffff, 1, both(0xffff), false],
    ['of another number', 5, 3, both(4), false],
    ['of another number in the first direction', 0xffff, 1, 0xfffe, false],
    ['any number in the answers', 5, 2, 7 << 16, true],
    ['any large number in the answers', 0xffff, 2, 0, true],
  ];
  it.each(rows)('%s (zone %i, directions %i; zones %i): %s', (_, zone, zoneDirection, zones, same) => {
    const { index } = one({ zone, zoneDirection }, '203.0.113.7');
    expect(found(index, {}, FOUR, zones) !== '').toBe(same);
  });
});

it('a source port above 32767 is found', () => {
  const { index } = one({ from: 40000 }, '203.0.113.7');
  expect(found(index, { from: 40000 })).toBe('203.0.113.7:40000>10.2.0.3:80');
});

it('an ICMP id above 32767 is kept', () => {
  const { index } = one({ protocol: IPPROTO_ICMP, from: 40000 }, '203.0.113.7');
  expect(found(index, { protocol: IPPROTO_ICMP, from: 40000 })).toBe('203.0.113.7:40000>10.2.0.3:2048');
});

it('IPv6 sources are told apart in every word', () => {
  const { index } = one({ source: 'fd01:0:0:1:0:2::3' }, 'fd09::7');
  expect(found(index, { source: 'fd01:0:0:1:0:2::3', destination: 'fd05::1' }, SIX)).toBe('fd09::7:1000>fd05::1:80');
  for (const source of ['fd01:0:0:2:0:2::3', 'fd01:0:0:1:0:3::3', 'fd01:0:0:1:0:2::4'])
    expect(found(index, { source }, SIX)).toBe('');
});

it.each([
  [IPPROTO_ICMP, '10.1.0.2', '203.0.113.7', FOUR, '203.0.113.7:77>10.9.9.9:2048'],
  [IPPROTO_ICMPV6, 'fd01::2', 'fd09::7', SIX, 'fd09::7:77>fd05::1:32768'],
])('an echo (protocol %i) keeps its id', (protocol, source, address, range, expected) => {
  const { index } = one({ protocol, source, from: 77 }, address);
  const destination = source.includes(':') ? 'fd05::1' : '10.9.9.9';
  expect(found(index, { protocol, source, destination, from: 77 }, range)).toBe(expected);
  expect(found(index, { protocol, source, destination, from: 78 }, range)).toBe('');
});

describe('a connection is found', () => {
  it('only once it is confirmed', () => {
    const bench = new NatBench();
    const p = bench.arrive();
    bench.nat.setup(p.connection >> 1, rangeOf('203.0.113.7'), MANIP_SRC);
    const index = new BySource(bench.tracker.table);
    index.add(p.connection >> 1);
    expect(found(index, {})).toBe('');
    bench.leave(p);
    expect(found(index, {})).toBe('203.0.113.7:1000>10.2.0.3:80');
  });
  it('not after it ended, nor is what has its slot then', () => {
    const { bench, index, slot } = one({}, '203.0.113.7');
    bench.tracker.kill(slot);
    bench.tracker.settle();
    expect(found(index, {})).toBe('');
    expect(bench.connect({}, rangeOf('10.1.0.2'), MANIP_SRC)).toBe(slot);
    expect(found(index, {})).toBe('');
  });
  it('the newest before older ones', () => {
    const { bench, index } = one({}, '203.0.113.7');
    // by a range that has not the first one's address
    index.add(bench.connect({ destination: '10.2.0.4' }, rangeOf('203.0.113.5'), MANIP_SRC));
    expect(found(index, {})).toBe('203.0.113.5:1000>10.2.0.3:80');
    expect(found(index, {}, rangeOf('203.0.113.6-203.0.113.9'))).toBe('203.0.113.7:1000>10.2.0.3:80');
  });
});

it('finds what a plain list finds, whatever comes and goes', () => {
  const clients = 6;
  const step = fc.record({ client: fc.nat(clients - 1), to: fc.nat(4), end: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const bench = new NatBench();
      const index = new BySource(bench.tracker.table);
      const list: { key: string; client: number; slot: number }[] = [];
      for (const { client, to, end } of steps) {
        const key = `${client} ${to}`;
        const at = list.findIndex((c) => c.key === key);
        if (end && at >= 0) {
          bench.tracker.kill(list[at]!.slot);
          bench.tracker.settle();
          list.splice(at, 1);
        } else if (!end && at < 0) {
          const e = { from: 2000 + client, destination: `10.2.0.${to + 1}` };
          const slot = bench.connect(e, rangeOf(`203.0.113.${client + 1}`), MANIP_SRC);
          index.add(slot);
          list.push({ key, client, slot });
        }
        for (let c = 0; c < clients; c++) {
          const there = list.some((entry) => entry.client === c);
          expect(found(index, { from: 2000 + c }) !== '').toBe(there);
        }
      }
    }),
    { numRuns: 50 },
  );
});

/** The tuple of a TCP or UDP packet. */
function tupleOf(e: Ends): Int32Array {
  const six = e.source?.includes(':') ?? false;
  const tuple = new Int32Array(TUPLE_WORDS);
  tuple.set(words(e.source ?? '10.1.0.2'), T_SRC);
  tuple.set(words(e.destination ?? (six ? 'fd02::3' : '10.2.0.3')), T_DST);
  tuple[T_PORTS] = ((e.from ?? 1000) << 16) | (e.to ?? 80);
  tuple[T_PROTO] = ((six ? AF_INET6 : AF_INET) << 8) | (e.protocol ?? IPPROTO_TCP);
  return tuple;
}

/** As `found`, by `tupleOf`: where there are many. */
function foundQuickly(index: BySource, e: Ends, range: NatRange): string {
  const out = new Int32Array(TUPLE_WORDS).fill(99);
  return index.find(tupleOf(e), 0, range, out) ? tupleText(out) : '';
}

/** A small table whose connections are made by hand, and an index of few buckets, where many sources meet. */
class Shelf {
  readonly table: ConnTable;
  readonly index: BySource;
  constructor(readonly capacity: number) {
    this.table = new ConnTable(capacity, 1);
    this.index = new BySource(this.table);
  }
  /** Adds a connection, its reply sent to `address`. */
  add(e: Ends, address: string): number {
    const tuple = tupleOf(e);
    const ports = tuple[T_PORTS]!;
    const slot = this.table.reserve(tuple, (ports << 16) | (ports >>> 16), 0);
    const reply = new Int32Array(TUPLE_WORDS);
    this.table.readTuple(slot, 1, reply);
    reply.set(words(address), T_DST);
    this.table.writeTuple(slot, 1, reply);
    const at = (slot << RECORD_SHIFT) + R_STATUS;
    this.table.words[at] = this.table.words[at]! | IPS_CONFIRMED | IPS_SRC_NAT;
    this.index.add(slot);
    return slot;
  }
  /** How many buckets are in use. */
  used(): number {
    return this.heads().filter((head) => head !== 0).length;
  }
  heads(): Int32Array {
    return (this.index as unknown as { heads: Int32Array }).heads;
  }
}

it('a tuple made for these tests is what a packet has', () => {
  for (const e of [{}, { source: 'fd01::2', from: 40000, protocol: IPPROTO_UDP }])
    expect(tupleOf(e)).toEqual(parsed(packetBytes(e)).tuple);
});

describe('where sources meet in a bucket', () => {
  const SOURCES: Ends[] = [
    ...[1, 2, 3].map((host) => ({ source: `10.1.0.${host}` })),
    ...[1001, 1002].map((from) => ({ source: '10.1.0.1', from })),
    { source: '10.1.0.1', protocol: IPPROTO_UDP },
    ...['fd01::1', 'fd01::2', 'fd01:0:0:9::1', 'fd01::9:0:1'].map((source) => ({ source })),
  ];
  const rangeAddress = (e: Ends, to: number) => (e.source!.includes(':') ? `fd09::${to}` : `203.0.113.${to}`);
  const rangeFor = (e: Ends, to: number) => rangeOf(rangeAddress(e, to));
  const all = (e: Ends) => (e.source!.includes(':') ? SIX : FOUR);

  it('each is found by its own connections, the newest first, whatever comes and goes', () => {
    const step = fc.record({ source: fc.nat(SOURCES.length - 1), to: fc.integer({ min: 1, max: 9 }), end: fc.nat(30) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
        const shelf = new Shelf(16);
        expect(shelf.heads().length).toBe(16);
        let list: { source: number; to: number; slot: number }[] = [];
        for (const { source, to, end } of steps) {
          if (end < 16 || list.length === 16) {
            const [gone] = list.splice(end % Math.max(1, list.length), 1);
            if (gone !== undefined) shelf.table.free(gone.slot);
          }
          const e = SOURCES[source]!;
          const slot = shelf.add(e, rangeAddress(e, to));
          list = [{ source, to, slot }, ...list];
          SOURCES.forEach((each, s) => {
            const mine = list.filter((entry) => entry.source === s);
            const first = mine[0];
            expect(foundQuickly(shelf.index, each, all(each)).split('>')[0]).toBe(
              first === undefined ? '' : `${rangeAddress(each, first.to)}:${each.from ?? 1000}`,
            );
            const last = mine.at(-1);
            if (last !== undefined) expect(foundQuickly(shelf.index, each, rangeFor(each, last.to))).not.toBe('');
          });
        }
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });

  it('none is taken for another', () => {
    const near = (i: number): Ends[] => [
      { source: `10.1.${i}.7`, from: 1000 },
      { source: '10.1.0.7', from: 1001 + i },
      { source: `fd01:${i + 1}::7`, from: 1000 },
      { source: `fd01:0:0:${i + 1}::7`, from: 1000 },
      { source: `fd01::${i + 1}:0:7`, from: 1000 },
      { source: `fd01::${i + 8}`, from: 1000 },
      { source: 'fd01::7', from: 1001 + i },
    ];
    const four = new Shelf(16);
    four.add({ source: '10.1.255.7', from: 1000 }, '203.0.113.7');
    const six = new Shelf(16);
    six.add({ source: 'fd01::7', from: 1000 }, 'fd09::7');
    for (let i = 0; i < 100; i++) {
      for (const e of near(i)) {
        const shelf = e.source!.includes(':') ? six : four;
        for (const protocol of [IPPROTO_TCP, IPPROTO_UDP])
          expect(foundQuickly(shelf.index, { ...e, protocol }, all(e))).toBe('');
      }
    }
    for (let from = 1; from < 300; from++) {
      const shelf = new Shelf(16);
      shelf.add({ source: '10.1.0.7', from }, '203.0.113.7');
      expect(foundQuickly(shelf.index, { source: '10.1.0.7', from, protocol: IPPROTO_UDP }, FOUR)).toBe('');
    }
  });
});

it('a slot that an IPv6 connection had is as good as another for IPv4', () => {
  const shelf = new Shelf(16);
  shelf.table.free(shelf.add({ source: 'fd01:2:3:4:5:6:7:8' }, 'fd09:1:2:3:4:5:6:7'));
  expect(shelf.add({}, '203.0.113.7')).toBe(0);
  const out = new Int32Array(TUPLE_WORDS);
  expect(shelf.index.find(parsed(packetBytes({})).tuple, 0, FOUR, out)).toBe(true);
  expect(out).toEqual(parsed(packetBytes({ source: '203.0.113.7' })).tuple);
});

it('slots are told apart in IPv6', () => {
  const shelf = new Shelf(16);
  const hosts = [1, 2, 3, 4, 5, 6];
  for (const host of hosts) shelf.add({ source: `fd01:0:${host}:${host}:${host}:${host}:0:7` }, `fd09::${host}`);
  expect(
    hosts.map((host) => foundQuickly(shelf.index, { source: `fd01:0:${host}:${host}:${host}:${host}:0:7` }, SIX)),
  ).toEqual(hosts.map((host) => `fd09::${host}:1000>fd02::3:80`));
});

describe('buckets', () => {
  it.each([
    [1, 16],
    [16, 16],
    [17, 32],
    [2048, 2048],
    [2049, 4096],
  ])('are as many as connections, %i: %i', (capacity, buckets) => {
    expect(new Shelf(capacity).heads().length).toBe(buckets);
  });

  // what differs, and how many of 1024 connections with nothing else different then share none of 1024 buckets: about 647
  const hex = (i: number) => i.toString(16);
  const fields: [string, (i: number) => Ends][] = [
    ['the last bits of an address', (i) => ({ source: `10.1.${i >> 8}.${i & 255}` })],
    ['the first bits of an address', (i) => ({ source: `${1 + (i >> 3)}.${(i & 7) << 5}.0.7` })],
    ['a port', (i) => ({ from: 1 + i })],
    ['the first word', (i) => ({ source: `fd01:${hex(i)}::7` })],
    ['the second word', (i) => ({ source: `fd01:0:0:${hex(i)}::7` })],
    ['the second word, its first bits', (i) => ({ source: `fd01:0:${hex(i << 6)}::7` })],
    ['the third word', (i) => ({ source: `fd01::${hex(i)}:0:7` })],
    ['the third word, its first bits', (i) => ({ source: `fd01::${hex(i << 6)}:0:0:7` })],
    ['the last word', (i) => ({ source: `fd01::${hex(i)}` })],
    ['the last word, its first bits', (i) => ({ source: `fd01::${hex(i << 6)}:0` })],
  ];
  it.each(fields)('are used evenly where connections differ in %s', (_, make) => {
    const shelf = new Shelf(1024);
    for (let i = 0; i < 1024; i++) shelf.add(make(i), '203.0.113.7');
    expect(shelf.used()).toBeGreaterThan(600);
  });
  it('are others for another protocol', () => {
    const at = (protocol: number) => {
      const shelf = new Shelf(1024);
      shelf.add({ protocol }, '203.0.113.7');
      return shelf.heads().findIndex((head) => head !== 0);
    };
    expect(new Set([IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, 50, 51].map(at)).size).toBe(5);
  });
});
