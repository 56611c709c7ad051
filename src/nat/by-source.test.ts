import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Ends, NatBench, packetBytes, parsed, rangeOf, tupleText } from '../../test/support/nat-bench.js';
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_UDP, TUPLE_WORDS } from '../wire/packet.js';
import { BySource } from './by-source.js';
import { MANIP_SRC } from './range.js';

const FOUR = rangeOf('203.0.113.1-203.0.113.9');
const SIX = rangeOf('fd09::1-fd09::9');

/** What `find` makes of a packet; '' = nothing. */
function found(index: BySource, e: Ends, range = FOUR, zone = 0): string {
  const out = new Int32Array(TUPLE_WORDS);
  return index.find(parsed(packetBytes(e)).tuple, zone, range, out) ? tupleText(out) : '';
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
    ['does not if the range has not that address', {}, rangeOf('203.0.113.1-203.0.113.6'), 0, ''],
    ['does not if the range has not that port', {}, rangeOf('203.0.113.7', [2000, 3000]), 0, ''],
    ['does if the range has both', {}, rangeOf('203.0.113.7', [1000, 3000]), 0, '203.0.113.7:1000>10.2.0.3:80'],
  ];
  it.each(rows)('%s', (_, e, range, zone, expected) => expect(found(index, e, range, zone)).toBe(expected));
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
