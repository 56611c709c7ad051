import { describe, expect, test } from 'vitest';
import { ErrorPeers } from './error-peers.js';

const A = 0x0a010002;

/** How many of `n` tries at once are allowed. */
function burst(peers: ErrorPeers, nowMs: number, n = 10, address = A): number {
  let allowed = 0;
  for (let i = 0; i < n; i++) if (peers.allows(address, nowMs)) allowed++;
  return allowed;
}

describe('messages to one sender', () => {
  test.each([
    ['five at once', [[0, 5]]],
    [
      'then one a second',
      [
        [0, 5],
        [999, 0],
        [1000, 1],
        [1001, 0],
        [2000, 1],
      ],
    ],
    [
      'five again after five seconds',
      [
        [0, 5],
        [5000, 5],
      ],
    ],
    [
      'no more than five after an hour',
      [
        [0, 5],
        [3_600_000, 5],
      ],
    ],
    [
      'a part of a second counts',
      [
        [0, 5],
        [1500, 1],
        [2000, 1],
      ],
    ],
    [
      'a clock that has wrapped',
      [
        [0x7fffffff, 5],
        [0x80000000 + 999, 1],
      ],
    ],
    [
      'a month of silence',
      [
        [0, 5],
        [0x80000000 + 5, 5],
      ],
    ],
  ])('%s', (_claim, steps) => {
    const peers = new ErrorPeers();
    for (const [nowMs, allowed] of steps) expect([nowMs, burst(peers, nowMs! | 0)]).toEqual([nowMs, allowed]);
  });
  test('tries that fail cost nothing', () => {
    const peers = new ErrorPeers();
    burst(peers, 0);
    for (let ms = 1; ms < 1000; ms += 10) expect(peers.allows(A, ms)).toBe(false);
    expect(peers.allows(A, 1000)).toBe(true);
  });
});

test('each sender has its own', () => {
  const peers = new ErrorPeers();
  for (let n = 0; n < 500; n++) expect(burst(peers, n, 6, A + n)).toBe(5);
});

test('of more senders than are remembered the one that was silent longest is forgotten', () => {
  const peers = new ErrorPeers();
  for (let n = 0; n < 100_000; n++) peers.allows(n * 7919, n);
  burst(peers, 200_000);
  for (let n = 0; n < 5; n++) peers.allows(n, 200_001);
  expect(burst(peers, 200_002)).toBe(0);
});
