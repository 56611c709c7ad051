import { describe, expect, test } from 'vitest';
import { HANDSHAKE, packet, type Segment, TrackBench, talkTcp, tcpSegment } from '../../test/support/track-bench.js';
import { IPCT_ASSURED, IPCT_DESTROY, IPCT_NEW, IPCT_PROTOINFO, IPCT_REPLY } from './events.js';
import {
  REASON_TCP_ACK_OVER,
  REASON_TCP_CHALLENGE_ACK,
  REASON_TCP_CHECKSUM,
  REASON_TCP_FLAGS,
  REASON_TCP_IGNORED,
  REASON_TCP_INVALID_NEW,
  REASON_TCP_NOT_LOOSE,
  REASON_TCP_RST,
  REASON_TCP_STATE,
  REASON_TCP_TIMEOUT_LOWERED,
  REASON_TCP_TRUNCATED,
} from './reasons.js';

const STATES = ['NONE', 'SYN_SENT', 'SYN_RECV', 'ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK', 'TIME_WAIT'];
STATES.push('CLOSE', 'SYN_SENT2');
/** Default timeouts in seconds by state. */
const SECONDS = [0, 120, 60, 432000, 120, 60, 30, 120, 10, 120];
/** Kinds of segment as the log counts them. */
const [SYN, SYNACK, FIN, ACK, RST] = [0, 1, 2, 3, 4] as const;

/** How to come to each state, and the next numbers of a and b there. */
const TO: Record<string, { steps: string[]; a: number; b: number }> = {
  SYN_SENT: { steps: HANDSHAKE.slice(0, 1), a: 1001, b: 5000 },
  SYN_RECV: { steps: HANDSHAKE.slice(0, 2), a: 1001, b: 5001 },
  ESTABLISHED: { steps: HANDSHAKE, a: 1001, b: 5001 },
  FIN_WAIT: { steps: [...HANDSHAKE, 'a FA 1001 5001'], a: 1002, b: 5001 },
  CLOSE_WAIT: { steps: [...HANDSHAKE, 'a FA 1001 5001', 'b A 5001 1002'], a: 1002, b: 5001 },
  LAST_ACK: { steps: [...HANDSHAKE, 'a FA 1001 5001', 'b FA 5001 1002'], a: 1002, b: 5002 },
  TIME_WAIT: { steps: [...HANDSHAKE, 'a FA 1001 5001', 'b FA 5001 1002', 'a A 1002 5002'], a: 1002, b: 5002 },
  CLOSE: { steps: [...HANDSHAKE, 'a R 1001'], a: 1001, b: 5001 },
  SYN_SENT2: { steps: ['a S 1000', 'b S 5000'], a: 1001, b: 5001 },
};

function at(state: string, sysctl = {}): TrackBench {
  const b = new TrackBench({ log_invalid: 255, ...sysctl });
  talkTcp(b, ...TO[state]!.steps);
  expect(STATES[b.state]).toBe(state);
  return b;
}

describe('the next state', () => {
  // state, segment (in the window), next state
  test.each([
    ['SYN_SENT', 'a S 1000', 'SYN_SENT'],
    ['SYN_SENT', 'b SA 5000 1001', 'SYN_RECV'],
    ['SYN_SENT', 'b S 5000', 'SYN_SENT2'],
    ['SYN_RECV', 'a A 1001 5001', 'ESTABLISHED'],
    ['SYN_RECV', 'b A 5001 1001', 'SYN_RECV'],
    ['SYN_RECV', 'a FA 1001 5001', 'FIN_WAIT'],
    ['SYN_RECV', 'b FA 5001 1001', 'FIN_WAIT'],
    ['SYN_SENT2', 'a SA 1000 5001', 'SYN_RECV'],
    ['SYN_SENT2', 'b SA 5000 1001', 'SYN_RECV'],
    ['ESTABLISHED', 'a A 1001 5001', 'ESTABLISHED'],
    ['ESTABLISHED', 'b A 5001 1001', 'ESTABLISHED'],
    ['ESTABLISHED', 'a FA 1001 5001', 'FIN_WAIT'],
    ['ESTABLISHED', 'b FA 5001 1001', 'FIN_WAIT'],
    ['ESTABLISHED', 'a R 1001', 'CLOSE'],
    ['FIN_WAIT', 'b A 5001 1002', 'CLOSE_WAIT'],
    ['FIN_WAIT', 'a A 1002 5001', 'CLOSE_WAIT'],
    ['FIN_WAIT', 'b FA 5001 1002', 'LAST_ACK'],
    ['CLOSE_WAIT', 'b FA 5001 1002', 'LAST_ACK'],
    ['CLOSE_WAIT', 'b PA 5001 1002 data=5', 'CLOSE_WAIT'],
    ['LAST_ACK', 'a A 1002 5002', 'TIME_WAIT'],
    ['LAST_ACK', 'b A 5002 1002', 'TIME_WAIT'],
    ['LAST_ACK', 'a FA 1001 5001', 'LAST_ACK'],
    ['TIME_WAIT', 'a A 1002 5002', 'TIME_WAIT'],
    ['TIME_WAIT', 'b FA 5001 1002', 'TIME_WAIT'],
    ['TIME_WAIT', 'a S 90000', 'SYN_SENT'],
    ['CLOSE', 'a A 1001 5001', 'CLOSE'],
    ['CLOSE', 'b FA 5001 1001', 'CLOSE'],
    ['FIN_WAIT', 'b R 5001', 'CLOSE'],
    ['CLOSE_WAIT', 'a R 1002', 'CLOSE'],
    ['LAST_ACK', 'b R 5002', 'CLOSE'],
    ['TIME_WAIT', 'a R 1002', 'CLOSE'],
    ['SYN_RECV', 'b R 5001', 'CLOSE'],
    ['SYN_RECV', 'a R 1001', 'CLOSE'],
  ])('%s: %s leads to %s', (state, step, next) => {
    const b = at(state);
    const seen = talkTcp(b, step);
    expect(seen.state).not.toBe('INVALID');
    expect(STATES[b.state]).toBe(next);
    expect(b.left).toBe(SECONDS[STATES.indexOf(next)]);
  });

  test.each([
    ['SYN_SENT', 'a A 1001 5001', ACK, 0],
    ['SYN_SENT', 'a SA 1000 5001', SYNACK, 0],
    ['SYN_SENT', 'a FA 1001 5001', FIN, 0],
    ['SYN_SENT', 'b FA 5000 1001', FIN, 1],
    ['SYN_RECV', 'b S 5000', SYN, 1],
    ['ESTABLISHED', 'a SA 1000 5001', SYNACK, 0],
    ['ESTABLISHED', 'b S 5000', SYN, 1],
    ['CLOSE', 'b S 5000', SYN, 1],
    ['SYN_SENT2', 'a A 1001 5001', ACK, 0],
    ['SYN_SENT2', 'b FA 5001 1001', FIN, 1],
  ])('%s: %s fits no state (kind %i, direction %i)', (state, step, kind, direction) => {
    const b = at(state);
    const left = b.left;
    b.wait(1000);
    const seen = talkTcp(b, step);
    expect([seen.state, seen.reason, ...seen.args.slice(0, 3)]).toEqual([
      'INVALID',
      REASON_TCP_STATE,
      kind,
      direction,
      STATES.indexOf(state),
    ]);
    expect([STATES[b.state], b.left]).toEqual([state, left - 1]);
  });

  test.each([
    ['SYN_RECV', 'a S 1000', SYN, 0],
    ['ESTABLISHED', 'a S 1000', SYN, 0],
    ['LAST_ACK', 'a S 90000', SYN, 0],
    ['SYN_RECV', 'b SA 5000 1001', SYNACK, 1],
    ['ESTABLISHED', 'b SA 5000 1001', SYNACK, 1],
    ['TIME_WAIT', 'b SA 5000 1001', SYNACK, 1],
    ['SYN_SENT', 'b A 7000 3000', ACK, 1], // a challenge ACK of a connection that b still has
    ['SYN_SENT2', 'b A 5001 1001', ACK, 1],
  ])('%s: %s passes without effect (kind %i, direction %i)', (state, step, kind, direction) => {
    const b = at(state);
    const left = b.left;
    b.wait(1000);
    const seen = talkTcp(b, step);
    expect(seen.state).not.toBe('INVALID');
    expect([seen.reason, b.logged.at(-1), ...seen.args.slice(0, 3)]).toEqual([
      0,
      REASON_TCP_IGNORED,
      kind,
      direction,
      STATES.indexOf(state),
    ]);
    expect([STATES[b.state], b.left]).toEqual([state, left - 1]);
  });
});

describe('what begins a connection', () => {
  test.each([
    ['a S 1000', 'SYN_SENT', 120],
    ['a A 1001 5001', 'ESTABLISHED', 300],
    ['a PA 1001 5001 data=7', 'ESTABLISHED', 300],
    ['a SU 1000', 'SYN_SENT', 120],
  ])('%s', (step, state, seconds) => {
    const b = new TrackBench();
    expect(talkTcp(b, step).state).toBe('NEW');
    expect([STATES[b.state], b.left]).toEqual([state, seconds]);
  });
  test.each([
    ['a SA 5000 1001', SYNACK],
    ['a FA 1001 5001', FIN],
    ['a R 1001', RST],
    ['a RA 1001 5001', RST],
  ])('%s does not (kind %i)', (step, kind) => {
    const b = new TrackBench();
    const seen = talkTcp(b, step);
    expect([seen.state, seen.reason, seen.args[0], b.slots]).toEqual(['INVALID', REASON_TCP_INVALID_NEW, kind, []]);
  });
  test('with tcp_loose=0 nothing but a SYN does', () => {
    const b = new TrackBench({ tcp_loose: 0 });
    const seen = talkTcp(b, 'a A 1001 5001');
    expect([seen.state, seen.reason, b.logged, b.slots]).toEqual(['INVALID', REASON_TCP_NOT_LOOSE, [], []]);
    expect(talkTcp(b, 'a S 1000').state).toBe('NEW');
  });
  test('what is picked up in the middle is not kept for days until it is answered', () => {
    const b = new TrackBench();
    talkTcp(b, 'a A 1001 5001', 'b A 5001 1001');
    expect([b.left, b.status]).toEqual([300, 'replied']);
    talkTcp(b, 'a A 1001 5001');
    expect([b.left, b.status]).toEqual([432000, 'replied assured']);
  });
});

describe('packets that are no TCP', () => {
  test.each<[string, Partial<Segment>, number, number[]]>([
    ['a cut header', { cut: 12 }, REASON_TCP_TRUNCATED, [20, 12]],
    ['a data offset below 5', { words: 4 }, REASON_TCP_TRUNCATED, [16, 20]],
    ['a data offset beyond the packet', { words: 6 }, REASON_TCP_TRUNCATED, [24, 20]],
    ['a wrong checksum', { badSum: true }, REASON_TCP_CHECKSUM, [0]],
    ['no flag', { flags: '' }, REASON_TCP_FLAGS, [0]],
    ['SYN FIN', { flags: 'SF' }, REASON_TCP_FLAGS, [3]],
    ['SYN RST', { flags: 'SR' }, REASON_TCP_FLAGS, [6]],
    ['FIN alone', { flags: 'F' }, REASON_TCP_FLAGS, [1]],
    ['FIN PSH URG', { flags: 'FPU' }, REASON_TCP_FLAGS, [0x29]],
    ['everything', { flags: 'FSRPAU' }, REASON_TCP_FLAGS, [0x3f]],
    ['URG alone', { flags: 'U' }, REASON_TCP_FLAGS, [0x20]],
    ['RST URG', { flags: 'RU' }, REASON_TCP_FLAGS, [0x24]],
  ])('%s', (_claim, odd, reason, args) => {
    const b = new TrackBench();
    const seen = b.send(tcpSegment('a', { flags: 'S', seq: 1000, ...odd }));
    expect([seen.state, seen.reason, ...seen.args.slice(0, args.length)]).toEqual(['INVALID', reason, ...args]);
  });
  test('exactly these flags are valid; ECE, CWR and PSH do not count', () => {
    const valid = [];
    for (let flags = 0; flags < 256; flags++) {
      const b = new TrackBench();
      const letters = [...'FSRPAUEC'].filter((_, i) => (flags >> i) & 1).join('');
      if (b.send(tcpSegment('a', { flags: letters, seq: 1000 })).reason !== REASON_TCP_FLAGS) valid.push(letters);
    }
    const plain = new Set(valid.map((v) => v.replace(/[PEC]/g, '')));
    expect(plain).toEqual(new Set(['S', 'SU', 'SA', 'R', 'RA', 'FA', 'FAU', 'A', 'AU']));
    expect(valid.length).toBe(9 * 8);
  });
  test('a wrong checksum does not matter with nf_conntrack_checksum=0', () => {
    const b = new TrackBench({ checksum: 0 });
    expect(b.send(tcpSegment('a', { flags: 'S', seq: 1000, badSum: true })).state).toBe('NEW');
  });
  test('what is no segment at all has no ports', () => {
    const b = new TrackBench();
    expect(b.send(packet('a', 6, [1, 2, 3])).state).toBe('INVALID');
  });
});

describe('RST', () => {
  test('as answer to the SYN ends the entry, and the DESTROY tells the state', () => {
    const b = new TrackBench();
    b.tracker.listen();
    expect(talkTcp(b, 'a S 1000', 'b RA 0 1001').state).toBe('ESTABLISHED');
    expect(b.slots).toEqual([]);
    expect(b.events().map((e) => [e.mask, STATES[e.state]])).toEqual([
      [IPCT_NEW | IPCT_PROTOINFO, 'SYN_SENT'],
      [IPCT_DESTROY, 'CLOSE'],
    ]);
  });
  // in an established connection b has acknowledged 1101
  const prepared = [...HANDSHAKE, 'a PA 1001 5001 data=100', 'b A 5001 1101'];
  test.each([
    ['exactly the next number', 'a R 1101', 'CLOSE', 10, 0, []],
    ['below what was acknowledged', 'a R 1100', 'ESTABLISHED', 432000, REASON_TCP_RST, [1100, 1101]],
    ['zero is below', 'a R 0', 'ESTABLISHED', 432000, REASON_TCP_RST, [0, 1101]],
    ['above it: b will challenge, so the state stays for 10 seconds', 'a R 1200', 'ESTABLISHED', 10, 0, []],
    ['beyond the window', 'a R 9000', 'ESTABLISHED', 432000, 17, [9000, 2102]],
  ])('%s', (_claim, step, state, seconds, reason, args) => {
    const b = new TrackBench();
    talkTcp(b, ...prepared);
    const seen = talkTcp(b, step);
    expect([STATES[b.state], b.left, seen.reason]).toEqual([state, seconds, reason]);
    expect(seen.args.slice(0, args.length)).toEqual(args);
  });
  test('with tcp_ignore_invalid_rst=1 one below is no longer INVALID, but does not close either', () => {
    const b = new TrackBench({ tcp_ignore_invalid_rst: 1 });
    expect(talkTcp(b, ...prepared, 'a R 1100').state).toBe('ESTABLISHED');
    expect(STATES[b.state]).toBe('ESTABLISHED');
  });
  test('right behind data, ahead of its acknowledgement, closes', () => {
    const b = new TrackBench();
    talkTcp(b, ...prepared, 'a PA 1101 5001 data=50', 'a R 1151');
    expect(STATES[b.state]).toBe('CLOSE');
  });
  test('that acknowledges a SYN which was let through closes, whatever its own number', () => {
    const b = new TrackBench();
    talkTcp(b, ...HANDSHAKE, 'a S 90000', 'b RA 700000 90001');
    expect(STATES[b.state]).toBe('CLOSE');
  });
  test('that answers a challenge ACK closes, and the next SYN begins anew', () => {
    const b = new TrackBench();
    talkTcp(b, 'a S 1000', 'b A 7000 3000', 'a R 3000');
    expect(STATES[b.state]).toBe('CLOSE');
    expect(talkTcp(b, 'a S 1000').state).toBe('NEW');
    expect(STATES[b.state]).toBe('SYN_SENT');
  });
  test('a late one in a closed connection need not fit the window', () => {
    const b = at('CLOSE');
    expect(talkTcp(b, 'b R 4000000').state).toBe('ESTABLISHED');
  });
});

describe('the same ports again', () => {
  const ids = (b: TrackBench) => b.slots.map((slot) => b.tracker.table.words[(slot << 5) + 7]);
  test.each(['a S 90000', 'a S 1', 'b S 90000'])('a SYN (%s) in TIME_WAIT replaces the entry', (step) => {
    const b = at('TIME_WAIT');
    b.tracker.listen();
    expect(talkTcp(b, step)).toMatchObject({ state: 'NEW', reply: false });
    expect([STATES[b.state], b.status, ids(b).length]).toEqual(['SYN_SENT', 'new', 1]);
  });
  test('in CLOSE only by the side that reset it', () => {
    expect(talkTcp(at('CLOSE'), 'a S 90000').state).toBe('NEW');
    const b = at('ESTABLISHED');
    talkTcp(b, 'b R 5001');
    const seen = talkTcp(b, 'a S 90000');
    expect([seen.state, b.logged.at(-1), STATES[b.state]]).toEqual(['ESTABLISHED', REASON_TCP_IGNORED, 'CLOSE']);
  });
  test('the answer to a SYN that was let through resynchronises: the new numbers hold from then on', () => {
    const b = new TrackBench();
    talkTcp(b, ...HANDSHAKE, 'a S 90000', 'b SA 70000 90001');
    expect(STATES[b.state]).toBe('SYN_RECV');
    expect(talkTcp(b, 'a A 90001 70001').reason).toBe(0);
    expect(STATES[b.state]).toBe('ESTABLISHED');
    expect(talkTcp(b, 'a PA 1001 5001 data=5').state).not.toBe('INVALID'); // IGNORED: from long ago
    expect(talkTcp(b, 'b A 70001 95000')).toMatchObject({ state: 'INVALID', reason: REASON_TCP_ACK_OVER });
  });
  test('the challenge ACK to a SYN in LAST_ACK is not taken for the ACK of the FIN (RFC 5961 section 4)', () => {
    const b = at('LAST_ACK');
    talkTcp(b, 'a S 90000');
    expect(talkTcp(b, 'b A 5002 1002').state).toBe('ESTABLISHED');
    expect(b.logged).toEqual([REASON_TCP_IGNORED, REASON_TCP_CHALLENGE_ACK]);
    expect(STATES[b.state]).toBe('LAST_ACK');
    talkTcp(b, 'b A 5002 1002');
    expect(STATES[b.state]).toBe('TIME_WAIT');
  });
});

test.each([
  [['a S 1000', 'b S 5000', 'a SA 1000 5001', 'b SA 5000 1001', 'a A 1001 5001']],
  [['a S 1000', 'b S 5000', 'b SA 5000 1001', 'a SA 1000 5001', 'b A 5001 1001']],
])('a simultaneous open is established: %j', (steps) => {
  const b = new TrackBench();
  talkTcp(b, ...steps);
  expect([STATES[b.state], b.status]).toEqual(['ESTABLISHED', 'replied assured']);
});

describe('timeouts', () => {
  test('data that nobody acknowledges: tcp_timeout_unacknowledged until the ACK', () => {
    const b = at('ESTABLISHED');
    talkTcp(b, 'a PA 1001 5001 data=10');
    expect(b.left).toBe(300);
    talkTcp(b, 'b A 5001 1011');
    expect(b.left).toBe(432000);
  });
  test('tcp_max_retrans repetitions: tcp_timeout_max_retrans, until something else comes', () => {
    const b = at('ESTABLISHED', { tcp_timeout_max_retrans: 200 });
    const again = 'a PA 1001 5001 data=10';
    talkTcp(b, again, again, again);
    expect(b.left).toBe(300); // unacknowledged
    talkTcp(b, again, again);
    expect(b.left).toBe(200);
    talkTcp(b, 'b A 5001 1011', 'a A 1011 5001');
    expect(b.left).toBe(432000);
  });
  test('with tcp_max_retrans=0 everything has it', () => {
    expect(at('ESTABLISHED', { tcp_max_retrans: 0 }).left).toBe(300);
  });
  test('a window of zero: tcp_timeout_max_retrans', () => {
    const b = at('ESTABLISHED', { tcp_timeout_max_retrans: 200 });
    talkTcp(b, 'b A 5001 1001 win=0');
    expect(b.left).toBe(200);
    talkTcp(b, 'b A 5001 1001 win=9');
    expect(b.left).toBe(432000);
  });
  test('a repeated SYN keeps the deadline of the first', () => {
    const b = at('SYN_SENT');
    b.wait(50_000);
    talkTcp(b, 'a S 1000');
    expect(b.left).toBe(70);
  });
  test('a FIN and a RST out of the window that answer each other lower the timeout once', () => {
    const b = at('ESTABLISHED');
    expect(talkTcp(b, 'a FA 90000 5001').state).toBe('INVALID');
    expect(b.left).toBe(432000);
    const seen = talkTcp(b, 'b R 90000');
    expect([seen.state, b.left]).toEqual(['INVALID', 300]);
    expect(b.logged).toContain(REASON_TCP_TIMEOUT_LOWERED);
  });
  test('each state has its sysctl', () => {
    const names = ['syn_sent', 'syn_recv', 'established', 'fin_wait', 'close_wait', 'last_ack', 'time_wait', 'close'];
    const sysctl = Object.fromEntries(names.map((name, i) => [`tcp_timeout_${name}`, 10 + i]));
    for (const [i, name] of names.entries())
      expect([name, at(name.toUpperCase(), sysctl).left]).toEqual([name, 10 + i]);
  });
});

test('events: one NEW, then what each packet changed', () => {
  const b = new TrackBench();
  b.tracker.listen();
  talkTcp(b, ...HANDSHAKE, 'a A 1001 5001', 'a PA 1001 5001 data=9', 'b FA 5001 1010');
  expect(b.events().map((e) => [e.mask, STATES[e.state]])).toEqual([
    [IPCT_NEW | IPCT_PROTOINFO, 'SYN_SENT'],
    [IPCT_PROTOINFO | IPCT_REPLY, 'SYN_RECV'],
    [IPCT_PROTOINFO | IPCT_ASSURED, 'ESTABLISHED'],
    [IPCT_PROTOINFO, 'FIN_WAIT'],
  ]);
});
