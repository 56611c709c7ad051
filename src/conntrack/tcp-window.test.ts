import { describe, expect, test } from 'vitest';
import { HANDSHAKE, TrackBench, talkTcp, tcpSegment } from '../../test/support/track-bench.js';
import { type Bytes, u32 } from '../../test/support/wire-frames.js';
import {
  REASON_TCP_ACK_OVER,
  REASON_TCP_ACK_UNDER,
  REASON_TCP_OVERSHOT,
  REASON_TCP_SEQ_OVER,
  REASON_TCP_SEQ_UNDER,
} from './reasons.js';

/** An established connection; a may send up to 2001, b up to 6001. */
function established(sysctl = {}): TrackBench {
  const b = new TrackBench({ log_invalid: 255, ...sysctl });
  talkTcp(b, ...HANDSHAKE);
  return b;
}

const EDGES: [string, string, number, number[]][] = [
  ['the last byte that b allows', 'a PA 1001 5001 data=1000', 0, []],
  ['a segment that begins on the window end', 'a PA 2001 5001 data=1', 0, []],
  ['one behind it', 'a PA 2002 5001 data=1', REASON_TCP_OVERSHOT, [3]],
  ['a whole window too much', 'a PA 2002 5001 data=998', REASON_TCP_OVERSHOT, [1000]],
  ['more than that', 'a PA 2002 5001 data=999', REASON_TCP_SEQ_OVER, [2002, 2002]],
  ['far behind it', 'a PA 90000 5001 data=1', REASON_TCP_SEQ_OVER, [90000, 2002]],
  ['a keep-alive', 'a A 1000 5001', 0, []],
  ['as old as the window of b', 'a A 1 5001', 0, []],
  ['one older', 'a A 0 5001', REASON_TCP_SEQ_UNDER, [0, 0]],
  ['an old segment whose end is not old', 'a PA 4294967200 5001 data=200', 0, []],
  ['an ACK of what b has not sent', 'a A 1001 5002', REASON_TCP_ACK_OVER, [5002, 5002]],
  ['an ACK far ahead', 'a A 1001 900000', REASON_TCP_ACK_OVER, [900000, 5002]],
  ['an ACK 66,000 back', 'a A 1001 4294906297', 0, []],
  ['one more', 'a A 1001 4294906296', REASON_TCP_ACK_UNDER, [4294906296 | 0, 4294906296 | 0]],
];
/** What passes without effect (the others are INVALID). */
const PASSES = new Set([REASON_TCP_OVERSHOT, REASON_TCP_SEQ_UNDER, REASON_TCP_ACK_UNDER]);

describe('the four tests', () => {
  test.each(EDGES)('%s: %s gives reason %i %j', (_claim, step, reason, args) => {
    const b = established();
    b.wait(1000);
    const seen = talkTcp(b, step);
    expect(b.logged).toEqual(reason === 0 ? [] : [reason]);
    expect([...seen.args.slice(0, args.length)].map((n) => n | 0)).toEqual(args.map((n) => n | 0));
    expect(seen.state).toBe(reason === 0 || PASSES.has(reason) ? 'ESTABLISHED' : 'INVALID');
    expect(seen.reason).toBe(seen.state === 'INVALID' ? reason : 0);
    expect(b.left === 431999).toBe(reason !== 0);
  });
  test.each(EDGES)('with tcp_be_liberal=1 none matters: %s', (_claim, step) => {
    const b = established({ tcp_be_liberal: 1 });
    expect(talkTcp(b, step).state).toBe('ESTABLISHED');
    expect(b.logged).toEqual([]);
  });
  test('what overshoots the window may be acknowledged', () => {
    const b = established();
    talkTcp(b, 'a PA 2001 5001 data=100');
    expect(talkTcp(b, 'b A 5001 2101').state).toBe('ESTABLISHED');
    expect(talkTcp(established(), 'b A 5001 2101').reason).toBe(REASON_TCP_ACK_OVER);
  });
});

describe('the windows move', () => {
  test.each([
    ['an ACK opens the window by what it acknowledges', ['a PA 1001 5001 data=500', 'b A 5001 1501'], 2501],
    ['a larger window opens it further', ['b A 5001 1001 win=3000'], 4001],
    ['a smaller one does not shrink it', ['b A 5001 1001 win=10'], 2001],
    ['an old ACK does not shrink it', ['a PA 1001 5001 data=500', 'b A 5001 1501', 'b A 5001 1001'], 2501],
    ['a window of zero leaves room for one probe', ['a PA 1001 5001 data=1000', 'b A 5001 2001 win=0'], 2002],
  ])('%s', (_claim, steps, end) => {
    const logged = (seq: number) => {
      const b = established();
      talkTcp(b, ...steps, `a PA ${seq} 5001 data=1`);
      return b.logged;
    };
    expect([logged(end), logged(end + 1)]).toEqual([[], [REASON_TCP_OVERSHOT]]);
  });
  test('a FIN counts one', () => {
    const b = established();
    talkTcp(b, 'a FA 1001 5001');
    expect(talkTcp(b, 'b A 5001 1002').reason).toBe(0);
    expect(talkTcp(b, 'b A 5001 1003').reason).toBe(REASON_TCP_ACK_OVER);
  });
  test('numbers wrap', () => {
    const b = new TrackBench();
    talkTcp(b, 'a S 4294967290', 'b SA 4294967295 4294967291', 'a A 4294967291 0');
    expect(talkTcp(b, 'a PA 4294967291 0 data=500').reason).toBe(0);
    expect(talkTcp(b, 'b A 0 495').reason).toBe(0);
    expect(talkTcp(b, 'b A 0 496').reason).toBe(REASON_TCP_ACK_OVER);
    expect(talkTcp(b, 'a PA 90000 0 data=1').reason).toBe(REASON_TCP_SEQ_OVER);
    expect(talkTcp(b, 'a PA 495 0 data=1000', 'b A 0 1495').reason).toBe(0);
  });
});

const scale = (n: number): Bytes => [1, 3, 3, n];
const SACK_OK = [1, 1, 4, 2];

/** A handshake with options; a then sends a plain ACK with window 20. */
function withOptions(a: Bytes, b: Bytes): TrackBench {
  const bench = new TrackBench({ log_invalid: 255 });
  bench.tcp('a', 'S', 1000, 0, { options: a, win: 500 });
  bench.tcp('b', 'SA', 5000, 1001, { options: b, win: 500 });
  bench.tcp('a', 'A', 1001, 5001, { win: 20 });
  return bench;
}

/** The reason of data from b that begins at 5001 + `at`. */
function dataFromB(bench: TrackBench, at: number): number {
  const before = bench.logged.length;
  bench.tcp('b', 'PA', 5001 + at, 1001, { data: 1, win: 20 });
  return bench.logged[before] ?? 0;
}

describe('window scaling (RFC 7323 section 2.2)', () => {
  // a's offer, b's offer, how far b may go with a's window 20
  test.each([
    ['both offer', scale(7), scale(0), 20 << 7],
    ['each direction by its own shift', scale(1), scale(7), 20 << 1],
    ['14 is the most', scale(15), scale(0), 20 << 14],
    ['200 counts as 14', scale(200), scale(0), 20 << 14],
    ['only a offers', scale(7), [], 20],
    ['only b offers', [], scale(7), 20],
    ['nobody offers', [], [], 20],
  ])('%s', (_claim, a, b, allowed) => {
    expect(dataFromB(withOptions(a, b), allowed)).toBe(0);
    expect(dataFromB(withOptions(a, b), allowed + 1)).toBe(REASON_TCP_OVERSHOT);
  });
});

describe('SACK (RFC 2018): the highest edge counts as the acknowledgement', () => {
  const block = (from: number, to: number) => [1, 1, 5, 10, ...u32(from), ...u32(to)];
  test.each([
    ['both may', SACK_OK, SACK_OK, REASON_TCP_ACK_OVER],
    ['the other one did not offer it: the option is not read', [], SACK_OK, 0],
    ['what the sender itself offered does not count', SACK_OK, [], REASON_TCP_ACK_OVER],
  ])('%s', (_claim, a, b, reason) => {
    const bench = withOptions(a, b);
    bench.tcp('b', 'A', 5001, 1001, { options: block(1200, 1300) });
    expect(bench.logged).toEqual(reason === 0 ? [] : [reason]);
  });
  test('a block of data that was sent is fine', () => {
    const bench = withOptions(SACK_OK, SACK_OK);
    bench.tcp('a', 'PA', 1201, 5001, { data: 100 });
    expect(bench.tcp('b', 'A', 5001, 1001, { options: block(1201, 1301) })).toBe('ESTABLISHED/reply');
    expect(bench.logged).toEqual([]);
  });
});

describe('picked up in the middle', () => {
  test('the window is not enforced, not even when both sides have been seen', () => {
    const b = new TrackBench({ log_invalid: 255 });
    talkTcp(b, 'a PA 1001 5001 data=5', 'b A 5001 1006', 'a A 1006 5001');
    expect(talkTcp(b, 'a PA 900000 5001 data=5', 'b A 800000 700000').state).toBe('ESTABLISHED');
    expect(b.logged).toEqual([]);
  });
});

describe('numbers half the circle apart are each after the other', () => {
  test('a SYN with such a number begins anew', () => {
    const b = new TrackBench();
    talkTcp(b, 'a S 4294967277');
    expect(talkTcp(b, 'a S 2147483629').state).toBe('NEW');
    expect(talkTcp(b, 'b SA 5000 2147483630').state).toBe('ESTABLISHED');
  });
});

test('IPv6 has the same windows', () => {
  const b = new TrackBench();
  const send = (side: 'a' | 'b', flags: string, seq: number, ack: number) =>
    b.send(tcpSegment(side, { flags, seq, ack, six: true }));
  send('a', 'S', 1000, 0);
  send('b', 'SA', 5000, 1001);
  send('a', 'A', 1001, 5001);
  expect(send('b', 'A', 5001, 1002)).toMatchObject({ state: 'INVALID', reason: REASON_TCP_ACK_OVER });
  expect(send('b', 'A', 5001, 1001).state).toBe('ESTABLISHED');
});
