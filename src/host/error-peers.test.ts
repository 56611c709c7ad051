import { describe, expect, test } from 'vitest';
import { AF_INET, AF_INET6 } from '../wire/packet.js';
import { ErrorPeers } from './error-peers.js';

const A = 0x0a010002;

/** Whether one more message that costs a second, of which five are saved up, may be sent to a peer. */
function allows(peers: ErrorPeers, nowMs: number, address = A): boolean {
  return peers.allows(Int32Array.of(address, 0, 0, 0), 0, AF_INET, nowMs, 1000, 5, false);
}

/** How many of `n` tries at once are allowed. */
function burst(peers: ErrorPeers, nowMs: number, n = 10, address = A): number {
  let allowed = 0;
  for (let i = 0; i < n; i++) if (allows(peers, nowMs, address)) allowed++;
  return allowed;
}

describe('messages to one peer', () => {
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
    for (let ms = 1; ms < 1000; ms += 10) expect(allows(peers, ms)).toBe(false);
    expect(allows(peers, 1000)).toBe(true);
  });
  test('a limit that saves more up finds what another one has left', () => {
    const peers = new ErrorPeers();
    const words = Int32Array.of(A, 0, 0, 0);
    let allowed = 0;
    while (peers.allows(words, 0, AF_INET, 0, 500, 6, true)) allowed++;
    expect(allowed).toBe(6);
    expect(burst(peers, 1000)).toBe(1);
    expect(peers.allows(words, 0, AF_INET, 1499, 500, 6, true)).toBe(false);
    expect(peers.allows(words, 0, AF_INET, 1500, 500, 6, true)).toBe(true);
  });
  test('what is too much for a limit goes when a tick has passed', () => {
    const words = Int32Array.of(A, 0, 0, 0);
    for (const [laterMs, more] of [
      [3, 8],
      [4, 6],
    ] as const) {
      const peers = new ErrorPeers();
      expect(allows(peers, 0)).toBe(true); // 4 s are left
      let allowed = 0;
      while (peers.allows(words, 0, AF_INET, laterMs, 500, 6, true)) allowed++;
      expect([laterMs, allowed]).toEqual([laterMs, more]);
    }
  });
  test('costs of weeks are counted without overflow', () => {
    const peers = new ErrorPeers();
    const words = Int32Array.of(A, 0, 0, 0);
    const weeks = 0x7fffffff;
    expect(peers.allows(words, 0, AF_INET, 0, weeks, 6, true)).toBe(false);
    expect(peers.allows(words, 0, AF_INET, weeks, weeks, 6, true)).toBe(true);
    expect(peers.allows(words, 0, AF_INET, weeks, weeks, 6, true)).toBe(false);
  });
});

test('each peer has its own, each word of an address and the family tell peers apart', () => {
  const peers = new ErrorPeers();
  for (let n = 0; n < 400; n++) expect(burst(peers, n, 6, A + n)).toBe(5);
  for (let word = 0; word < 4; word++) {
    const words = new Int32Array(4);
    words[0] = A;
    words[word] = word === 0 ? A : 7;
    for (let i = 0; i < 5; i++) expect(peers.allows(words, 0, AF_INET6, 500, 1000, 5, false)).toBe(true);
    expect(peers.allows(words, 0, AF_INET6, 500, 1000, 5, false)).toBe(false);
  }
});

test('of more peers than are remembered the one that was silent longest is forgotten', () => {
  const peers = new ErrorPeers();
  for (let n = 0; n < 100_000; n++) allows(peers, n, n * 7919);
  burst(peers, 200_000);
  for (let n = 0; n < 5; n++) allows(peers, 200_001, n);
  expect(burst(peers, 200_002)).toBe(0);
});
