import { describe, expect, test } from 'vitest';
import { specOf } from '../../test/support/option-lines.js';
import { testHost } from '../../test/support/rules.js';
import { Packet } from '../wire/packet.js';
import { parseNetwork } from '../wire/parse.js';
import type { LoadContext, RuleContext } from './context.js';
import { rateest } from './match/rateest.js';
import { castToUint32, RateEstimator, scanDouble } from './rate-estimator.js';
import { RATEEST } from './target/RATEEST.js';

type Event = [what: 'sent' | 'read', ms: number, packets: number, hundredBytes: number];

/**
 * Runs of Linux 6.18 with a timer that began at 0: packets of 100 bytes that were sent, and readings: packets a second, and
 * hundreds of bytes a second, rounded up.
 */
const RUNS: readonly (readonly [interval: number, ewmaLog: number, events: Event[]])[] = [
  [
    -2,
    1,
    [
      ['sent', 50, 20, 20],
      ['read', 165, 0, 0],
      ['sent', 299, 10, 10],
      ['read', 397, 40, 40],
      ['sent', 569, 30, 30],
      ['read', 645, 40, 40],
      ['read', 894, 80, 80],
      ['read', 1141, 40, 40],
      ['read', 1391, 20, 20],
      ['read', 1646, 10, 10],
      ['read', 1889, 5, 5],
      ['read', 2133, 2, 3],
    ],
  ],
  [
    -2,
    3,
    [
      ['sent', 62, 20, 20],
      ['read', 150, 0, 0],
      ['sent', 298, 10, 10],
      ['read', 397, 10, 10],
      ['sent', 546, 30, 30],
      ['read', 645, 13, 14],
      ['read', 895, 27, 28],
      ['read', 1145, 23, 24],
      ['read', 1389, 20, 21],
      ['read', 1640, 18, 19],
      ['read', 1885, 15, 16],
      ['read', 2134, 13, 14],
    ],
  ],
  [
    0,
    2,
    [
      ['sent', 60, 20, 20],
      ['read', 610, 0, 0],
      ['sent', 1044, 10, 10],
      ['read', 1587, 5, 5],
      ['sent', 2048, 30, 30],
      ['read', 2583, 6, 7],
      ['read', 3574, 12, 13],
      ['read', 4563, 9, 10],
      ['read', 5561, 6, 7],
      ['read', 6548, 5, 6],
      ['read', 7540, 3, 4],
      ['read', 8531, 2, 3],
    ],
  ],
];

const START_MS = 1000;

function rate(estimator: RateEstimator, which: 0 | 1, nowMs: number): number {
  estimator.update({ nowMs });
  return estimator.rates[which]!;
}

describe('a rate estimator', () => {
  test.each(RUNS)(
    'with an interval of 2^%i s and a 2^-%i-th a tick reads as the kernel’s',
    (interval, ewmaLog, events) => {
      const estimator = new RateEstimator(interval, ewmaLog);
      rate(estimator, 0, START_MS);
      for (const [what, ms, packets, hundreds] of events) {
        const now = START_MS + ms;
        if (what === 'sent') for (let i = 0; i < packets; i++) estimator.add(100, { nowMs: now });
        else
          expect([ms, rate(estimator, 1, now), Math.ceil(rate(estimator, 0, now) / 100)]).toEqual([
            ms,
            packets,
            hundreds,
          ]);
      }
    },
  );

  test('a long pause ends at rest, and ticks go on in step', () => {
    const estimator = new RateEstimator(-2, 1);
    for (let i = 0; i < 100; i++) estimator.add(1500, { nowMs: START_MS });
    expect(rate(estimator, 1, START_MS + 248)).toBe(200);
    expect(rate(estimator, 1, START_MS + 86400000)).toBe(0);
    estimator.add(1500, { nowMs: START_MS + 248 * 400000 + 1 });
    expect(rate(estimator, 1, START_MS + 248 * 400001 - 1)).toBe(0);
    expect(rate(estimator, 1, START_MS + 248 * 400001)).toBe(2);
  });

  test('rates beyond 32 bits do not overflow', () => {
    const estimator = new RateEstimator(-2, 1);
    for (let i = 0; i < 100000; i++) estimator.add(65535, { nowMs: START_MS });
    expect(rate(estimator, 0, START_MS + 248)).toBe(65535 * 100000 * 2);
  });
});

describe('RATEEST and rateest', () => {
  const shared = new Map<string, unknown>();
  const c = {
    shared: (key: string, make: () => unknown) => {
      if (!shared.has(key)) shared.set(key, make());
      return shared.get(key);
    },
    fail: (message: string) => {
      throw new Error(message);
    },
  } as unknown as LoadContext;

  const feed = (name: string) =>
    RATEEST.load!(specOf(RATEEST, `--rateest-name ${name} --rateest-interval 250ms --rateest-ewmalog 500ms`, 2), c);

  function packet(): Packet {
    const p = new Packet();
    const bytes = new Uint8Array(100);
    bytes.set([0x45, 0, 0, 100, 0, 0, 0, 0, 64, 17]);
    parseNetwork(p, bytes, 0, 100);
    return p;
  }

  test('a match finds the estimator that a rule before it made', () => {
    expect(() => rateest.load!(specOf(rateest, '--rateest nosuch --rateest-lt', 2), c)).toThrow(
      'No chain/target/match',
    );
  });

  test('a name has one interval and one average', () => {
    feed('once');
    feed('once');
    const other = '--rateest-name once --rateest-interval 1s --rateest-ewmalog 4s';
    expect(() => RATEEST.load!(specOf(RATEEST, other, 2), c)).toThrow('Invalid argument');
  });

  // a: 40 packets and 4000 bytes a second; b: 20 and 2000
  test.each([
    ['--rateest1 a --rateest-gt --rateest-pps2 39', true],
    ['--rateest1 a --rateest-gt --rateest-pps2 40', false],
    ['--rateest1 a --rateest-eq --rateest-pps2 40', true],
    ['! --rateest-eq --rateest1 a --rateest-pps2 40', false],
    ['--rateest1 a --rateest-lt --rateest-pps2 41', true],
    ['--rateest1 a --rateest-gt --rateest-bps2 31999', true],
    ['--rateest1 a --rateest-gt --rateest-bps2 4000bps', false],
    ['--rateest1 a --rateest-eq --rateest-bps2 32kbit --rateest-pps2 40', true],
    ['--rateest1 a --rateest-eq --rateest-bps2 32kbit --rateest-pps2 41', false],
    ['--rateest1 a --rateest-gt --rateest2 b --rateest-pps2', true],
    ['--rateest1 b --rateest-gt --rateest2 a --rateest-bps2', false],
    ['--rateest-delta --rateest1 a --rateest-eq --rateest-pps1 100 --rateest-pps2 60', true],
    ['--rateest-delta --rateest1 a --rateest-eq --rateest-pps1 30 --rateest-pps2 0', true],
    ['--rateest-delta --rateest1 a --rateest-gt --rateest-pps1 100 --rateest2 b --rateest-pps2 70', true],
    ['--rateest-delta --rateest1 a --rateest-gt --rateest-pps1 100 --rateest2 b --rateest-pps2 81', false],
  ])('%s: %s', (options, expected) => {
    shared.clear();
    const context: RuleContext = { ...testHost('eth0').context, nowMs: START_MS };
    const [a, b] = [feed('a'), feed('b')];
    for (let i = 0; i < 20; i++) {
      a(packet(), context);
      if (i % 2 === 0) b(packet(), context);
    }
    context.nowMs += 248;
    // specOf gives no value to an option that may do without one
    const spec = rateest.init(2);
    const words = options.split(' ');
    for (let i = 0, invert = false; i < words.length; i++) {
      const word = words[i]!;
      if (word === '!') {
        invert = true;
        continue;
      }
      const value = words[i + 1]?.startsWith('-') === false ? words[++i]! : '';
      rateest.option(spec, word.slice(2), value, invert, {} as never);
      invert = false;
    }
    expect(rateest.load!(spec, c)(packet(), context)).toBe(expected);
  });
});

test('numbers are read and cut as C reads and cuts them', () => {
  expect(['1.5s', '0x10', '.5', '1e3x', '-2', 'inf', 'x', ''].map((text) => scanDouble(text)?.value)).toEqual([
    1.5,
    16,
    0.5,
    1000,
    -2,
    Number.POSITIVE_INFINITY,
    undefined,
    undefined,
  ]);
  expect([1e11, -1e6, 2.9, 1e30, Number.POSITIVE_INFINITY].map(castToUint32)).toEqual([
    1215752192, 4293967296, 2, 0, 0,
  ]);
});
