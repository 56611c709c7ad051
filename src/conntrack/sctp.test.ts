import { describe, expect, test } from 'vitest';
import {
  chunk,
  OWN,
  SCTP_HANDSHAKE,
  SCTP_STATES,
  type SctpChunk,
  sctp,
  talkSctp,
} from '../../test/support/sctp-talk.js';
import { type Odd, type Side, TrackBench } from '../../test/support/track-bench.js';
import { HAS_PULLED, HAS_TUPLE, HOOK_OUTPUT, HOOK_PREROUTING } from '../wire/packet.js';
import {
  SCTP_CONNTRACK_COOKIE_ECHOED as CE,
  SCTP_CONNTRACK_CLOSED as CL,
  SCTP_CONNTRACK_COOKIE_WAIT as CW,
  SCTP_CONNTRACK_ESTABLISHED as ES,
  SCTP_CONNTRACK_HEARTBEAT_SENT as HS,
  SCTP_CONNTRACK_SHUTDOWN_ACK_SENT as SA,
  SCTP_CONNTRACK_SHUTDOWN_RECD as SR,
  SCTP_CONNTRACK_SHUTDOWN_SENT as SS,
} from './layout.js';
import {
  REASON_SCTP_CHECKSUM,
  REASON_SCTP_CHUNK_TAG,
  REASON_SCTP_CHUNKS,
  REASON_SCTP_INVALID_NEW,
  REASON_SCTP_OUT_OF_THE_BLUE,
  REASON_SCTP_SHORT,
  REASON_SCTP_STATE,
  REASON_SCTP_TAG,
} from './reasons.js';

/** How to come to each state. */
const TO: Record<number, string[]> = {
  [CL]: ['a init'],
  [CW]: SCTP_HANDSHAKE.slice(0, 2),
  [CE]: SCTP_HANDSHAKE.slice(0, 3),
  [ES]: SCTP_HANDSHAKE,
  [SS]: [...SCTP_HANDSHAKE, 'a shut'],
  [SR]: [...SCTP_HANDSHAKE, 'b shut'],
  [SA]: [...SCTP_HANDSHAKE, 'a shut', 'b shutack'],
  [HS]: ['a hb'],
};
/** Default timeouts in seconds by state. */
const SECONDS = [10, 10, 3, 3, 210, 3, 3, 3, 30];

const CHUNKS = 'init iack hb hback abort shut shutack error echo cack shutc data'.split(' ');

describe('every state against every chunk, a second later', () => {
  // each: chunk, reason if it is INVALID, next state, seconds left
  test.each<[number, Side, string]>([
    [
      CL,
      'a',
      'init CLOSED 9; iack!55 CLOSED 9; hb CLOSED 10; hback CLOSED 10; abort!57 CLOSED 9; shut!55 CLOSED 9; shutack CLOSED 10; error!55 CLOSED 9; echo!57 CLOSED 9; cack!55 CLOSED 9; shutc!57 CLOSED 9; data!55 CLOSED 9',
    ],
    [
      CL,
      'b',
      'init CLOSED 9; iack COOKIE_WAIT 3; hb CLOSED 10; hback CLOSED 10; abort CLOSED 10; shut CLOSED 10; shutack CLOSED 10; error CLOSED 10; echo CLOSED 10; cack CLOSED 10; shutc CLOSED 10; data CLOSED 10',
    ],
    [
      CW,
      'a',
      'init COOKIE_WAIT 3; iack COOKIE_WAIT 3; hb COOKIE_WAIT 3; hback COOKIE_WAIT 3; abort CLOSED 10; shut COOKIE_WAIT 3; shutack COOKIE_WAIT 3; error COOKIE_WAIT 3; echo COOKIE_ECHOED 3; cack COOKIE_WAIT 3; shutc COOKIE_WAIT 3; data COOKIE_WAIT 3',
    ],
    [
      CW,
      'b',
      'init COOKIE_WAIT 3; iack COOKIE_WAIT 3; hb COOKIE_WAIT 3; hback COOKIE_WAIT 3; abort CLOSED 10; shut COOKIE_WAIT 3; shutack COOKIE_WAIT 3; error COOKIE_WAIT 3; echo COOKIE_ECHOED 3; cack COOKIE_WAIT 3; shutc COOKIE_WAIT 3; data COOKIE_WAIT 3',
    ],
    [
      CE,
      'a',
      'init COOKIE_ECHOED 3; iack COOKIE_ECHOED 3; hb COOKIE_ECHOED 3; hback COOKIE_ECHOED 3; abort CLOSED 10; shut COOKIE_ECHOED 3; shutack COOKIE_ECHOED 3; error COOKIE_ECHOED 3; echo COOKIE_ECHOED 3; cack ESTABLISHED 210; shutc COOKIE_ECHOED 3; data COOKIE_ECHOED 3',
    ],
    [
      CE,
      'b',
      'init COOKIE_ECHOED 3; iack COOKIE_ECHOED 3; hb COOKIE_ECHOED 3; hback COOKIE_ECHOED 3; abort CLOSED 10; shut COOKIE_ECHOED 3; shutack COOKIE_ECHOED 3; error CLOSED 10; echo COOKIE_ECHOED 3; cack ESTABLISHED 210; shutc COOKIE_ECHOED 3; data COOKIE_ECHOED 3',
    ],
    [
      ES,
      'a',
      'init ESTABLISHED 210; iack ESTABLISHED 210; hb ESTABLISHED 210; hback ESTABLISHED 210; abort CLOSED 10; shut SHUTDOWN_SENT 3; shutack ESTABLISHED 210; error ESTABLISHED 210; echo ESTABLISHED 210; cack ESTABLISHED 210; shutc ESTABLISHED 210; data ESTABLISHED 210',
    ],
    [
      ES,
      'b',
      'init ESTABLISHED 210; iack ESTABLISHED 210; hb ESTABLISHED 210; hback ESTABLISHED 210; abort CLOSED 10; shut SHUTDOWN_RECD 3; shutack ESTABLISHED 210; error ESTABLISHED 210; echo ESTABLISHED 210; cack ESTABLISHED 210; shutc ESTABLISHED 210; data ESTABLISHED 210',
    ],
    [
      SS,
      'a',
      'init CLOSED 10; iack SHUTDOWN_SENT 3; hb SHUTDOWN_SENT 3; hback SHUTDOWN_SENT 3; abort CLOSED 10; shut SHUTDOWN_SENT 3; shutack SHUTDOWN_ACK_SENT 3; error SHUTDOWN_SENT 3; echo SHUTDOWN_SENT 3; cack SHUTDOWN_SENT 3; shutc SHUTDOWN_SENT 3; data SHUTDOWN_SENT 3',
    ],
    [
      SS,
      'b',
      'init SHUTDOWN_SENT 3; iack SHUTDOWN_SENT 3; hb SHUTDOWN_SENT 3; hback SHUTDOWN_SENT 3; abort CLOSED 10; shut SHUTDOWN_SENT 3; shutack SHUTDOWN_ACK_SENT 3; error SHUTDOWN_SENT 3; echo SHUTDOWN_SENT 3; cack SHUTDOWN_SENT 3; shutc SHUTDOWN_SENT 3; data SHUTDOWN_SENT 3',
    ],
    [
      SR,
      'a',
      'init CLOSED 10; iack SHUTDOWN_RECD 3; hb SHUTDOWN_RECD 3; hback SHUTDOWN_RECD 3; abort CLOSED 10; shut SHUTDOWN_RECD 3; shutack SHUTDOWN_ACK_SENT 3; error SHUTDOWN_RECD 3; echo SHUTDOWN_RECD 3; cack SHUTDOWN_RECD 3; shutc SHUTDOWN_RECD 3; data SHUTDOWN_RECD 3',
    ],
    [
      SR,
      'b',
      'init SHUTDOWN_RECD 3; iack SHUTDOWN_RECD 3; hb SHUTDOWN_RECD 3; hback SHUTDOWN_RECD 3; abort CLOSED 10; shut SHUTDOWN_RECD 3; shutack SHUTDOWN_ACK_SENT 3; error SHUTDOWN_RECD 3; echo SHUTDOWN_RECD 3; cack SHUTDOWN_RECD 3; shutc SHUTDOWN_RECD 3; data SHUTDOWN_RECD 3',
    ],
    [
      SA,
      'a',
      'init SHUTDOWN_ACK_SENT 3; iack SHUTDOWN_ACK_SENT 3; hb SHUTDOWN_ACK_SENT 3; hback SHUTDOWN_ACK_SENT 3; abort CLOSED 10; shut SHUTDOWN_ACK_SENT 3; shutack SHUTDOWN_ACK_SENT 3; error SHUTDOWN_ACK_SENT 3; echo SHUTDOWN_ACK_SENT 3; cack SHUTDOWN_ACK_SENT 3; shutc CLOSED 10; data SHUTDOWN_ACK_SENT 3',
    ],
    [
      SA,
      'b',
      'init SHUTDOWN_ACK_SENT 3; iack SHUTDOWN_ACK_SENT 3; hb SHUTDOWN_ACK_SENT 3; hback SHUTDOWN_ACK_SENT 3; abort CLOSED 10; shut SHUTDOWN_ACK_SENT 3; shutack SHUTDOWN_ACK_SENT 3; error SHUTDOWN_ACK_SENT 3; echo SHUTDOWN_ACK_SENT 3; cack SHUTDOWN_ACK_SENT 3; shutc CLOSED 10; data SHUTDOWN_ACK_SENT 3',
    ],
    [
      HS,
      'a',
      'init COOKIE_WAIT 3; iack CLOSED 10; hb HEARTBEAT_SENT 30; hback HEARTBEAT_SENT 30; abort CLOSED 10; shut CLOSED 10; shutack SHUTDOWN_ACK_SENT 3; error CLOSED 10; echo CLOSED 10; cack CLOSED 10; shutc CLOSED 10; data HEARTBEAT_SENT 30',
    ],
    [
      HS,
      'b',
      'init!56 HEARTBEAT_SENT 29; iack!55 HEARTBEAT_SENT 29; hb HEARTBEAT_SENT 30; hback ESTABLISHED 210; abort!57 HEARTBEAT_SENT 29; shut!55 HEARTBEAT_SENT 29; shutack!56 HEARTBEAT_SENT 29; error!55 HEARTBEAT_SENT 29; echo!57 HEARTBEAT_SENT 29; cack!55 HEARTBEAT_SENT 29; shutc!57 HEARTBEAT_SENT 29; data!55 HEARTBEAT_SENT 29',
    ],
  ])('%i from %s', (state, side, expected) => {
    const all = CHUNKS.map((name) => afterChunk(state, `${side} ${name}`));
    expect(all.join('; ')).toBe(expected);
  });
  // where a side has told no tag, packets to it have 0
  test.each<[number, Side, string]>([
    [
      CL,
      'a',
      'init CLOSED 9; iack CLOSED 10; hb CLOSED 10; hback CLOSED 10; abort CLOSED 10; shut CLOSED 10; shutack CLOSED 10; error CLOSED 10; echo CLOSED 10; cack CLOSED 10; shutc CLOSED 10; data CLOSED 10',
    ],
    [
      HS,
      'b',
      'init!56 HEARTBEAT_SENT 29; iack!56 HEARTBEAT_SENT 29; hb HEARTBEAT_SENT 30; hback ESTABLISHED 210; abort!56 HEARTBEAT_SENT 29; shut!56 HEARTBEAT_SENT 29; shutack!56 HEARTBEAT_SENT 29; error!56 HEARTBEAT_SENT 29; echo!56 HEARTBEAT_SENT 29; cack!56 HEARTBEAT_SENT 29; shutc!56 HEARTBEAT_SENT 29; data HEARTBEAT_SENT 30',
    ],
  ])('%i from %s with tag 0', (state, side, expected) => {
    const all = CHUNKS.map((name) => afterChunk(state, `${side} ${name}!0`));
    expect(all.join('; ')).toBe(expected);
  });
  function afterChunk(state: number, step: string): string {
    const b = new TrackBench();
    talkSctp(b, ...TO[state]!);
    expect(b.state).toBe(state);
    b.wait(1000);
    const { reason } = talkSctp(b, step);
    return `${/ (\w+)/.exec(step)![1]}${reason === 0 ? '' : `!${reason}`} ${SCTP_STATES[b.state]} ${b.left}`;
  }
});

describe('the states of an association', () => {
  // state, packet, next state; every chunk that is not in a row leaves the state
  test.each([
    [CL, 'b iack', CW],
    [CL, 'b abort', CL],
    [CW, 'a echo', CE],
    [CW, 'b echo', CE], // crossing INITs: either side may be the one who goes on
    [CE, 'b cack', ES],
    [CE, 'a cack', ES],
    [CE, 'b error', CL], // stale cookie
    [CE, 'a error', CE],
    [ES, 'a shut', SS],
    [ES, 'b shut', SR],
    [ES, 'a abort', CL],
    [ES, 'b abort', CL],
    [ES, 'a init', ES], // a restart: the INIT ACK and the cookie decide, not the INIT
    [SS, 'b shutack', SA],
    [SS, 'a shutack', SA],
    [SR, 'a shutack', SA],
    [SA, 'b shutc', CL],
    [SA, 'a shutc', CL],
    [SS, 'a init', CL],
    [SR, 'a init', CL],
    [HS, 'b hback', ES],
    [HS, 'a hback', HS],
    [HS, 'a data', HS],
    [HS, 'a shut', CL],
    [HS, 'a abort', CL],
  ])('%i: %s leads to %i', (state, step, next) => {
    const b = new TrackBench();
    talkSctp(b, ...TO[state]!);
    expect(SCTP_STATES[b.state]).toBe(SCTP_STATES[state]);
    const seen = talkSctp(b, step);
    expect([seen.state, seen.reason]).toEqual([seen.reply || b.status.includes('replied') ? 'ESTABLISHED' : 'NEW', 0]);
    expect(SCTP_STATES[b.state]).toBe(SCTP_STATES[next]);
    expect(b.left).toBe(SECONDS[next]);
  });

  const calm = ['data', 'sack', 'other', 'hb', 'hback', 'iack'];
  test.each([CW, CE, ES, SS, SR, SA])('state %i is left by none of data, sack, heartbeats, unknown chunks', (state) => {
    for (const name of calm)
      for (const side of ['a', 'b']) {
        const b = new TrackBench();
        const seen = talkSctp(b, ...TO[state]!, `${side} ${name}`);
        expect([name, side, seen.state, b.state]).toEqual([name, side, 'ESTABLISHED', state]);
      }
  });

  test('COOKIE ACK makes it ASSURED, from either side, and so does a heartbeat that is answered', () => {
    for (const steps of [SCTP_HANDSHAKE, [...SCTP_HANDSHAKE.slice(0, 3), 'a cack'], ['a hb', 'b hback']]) {
      const b = new TrackBench();
      talkSctp(b, ...steps.slice(0, -1));
      expect(b.status).not.toContain('assured');
      talkSctp(b, steps.at(-1)!);
      expect([b.status, b.state]).toEqual(['replied assured', ES]);
    }
  });

  test('also where another chunk follows in the same packet', () => {
    const b = new TrackBench();
    talkSctp(b, 'a hb', 'b hback+shut');
    expect([b.status, b.state]).toEqual(['replied assured', SR]);
  });

  test('a repeated INIT does not keep an entry that got no further', () => {
    const b = new TrackBench();
    talkSctp(b, 'a init');
    b.wait(4000);
    expect(talkSctp(b, 'a init').state).toBe('NEW');
    expect(b.left).toBe(6);
  });

  test('a state change is an event, data is none', () => {
    const b = new TrackBench();
    b.tracker.listen();
    talkSctp(b, ...SCTP_HANDSHAKE, 'a data', 'b data', 'a shut');
    expect(b.events().map((e) => SCTP_STATES[e.state])).toEqual([
      'CLOSED',
      'COOKIE_WAIT',
      'COOKIE_ECHOED',
      'ESTABLISHED',
      'SHUTDOWN_SENT',
    ]);
  });
});

describe('what begins an association', () => {
  test.each([
    ['a init', CL],
    ['a hb', HS],
    ['a hback', CL],
    ['a shutack', SA],
    ['a iack!0', CL],
    ['a error!0', CL],
    ['a shut!0', CL],
    ['a echo!0', CL],
  ])('%s', (step, state) => {
    const b = new TrackBench();
    expect(talkSctp(b, step).state).toBe('NEW');
    expect(b.state).toBe(state);
  });
  test.each([
    ['a data', REASON_SCTP_INVALID_NEW, [0]],
    ['a sack', REASON_SCTP_INVALID_NEW, [3]],
    ['a other', REASON_SCTP_INVALID_NEW, [64]],
    ['a abort', REASON_SCTP_OUT_OF_THE_BLUE, [0]],
    ['a shutc', REASON_SCTP_OUT_OF_THE_BLUE, [0]],
    ['a cack', REASON_SCTP_OUT_OF_THE_BLUE, [0]],
    ['a init!5', REASON_SCTP_CHUNK_TAG, [1]], // RFC 9260 section 8.5.1: an INIT carries tag 0
    ['a echo', REASON_SCTP_CHUNK_TAG, [10]], // nobody gave out this tag
    ['a shut', REASON_SCTP_TAG, [OWN.b, 0, 0]],
    ['a error', REASON_SCTP_TAG, [OWN.b, 0, 0]],
  ])('%s does not: reason %i %j', (step, reason, args) => {
    const b = new TrackBench();
    const seen = talkSctp(b, step);
    expect([seen.state, seen.reason, seen.args.slice(0, args.length)]).toEqual(['INVALID', reason, args]);
    expect(b.slots).toEqual([]);
  });
  test('the tag of a SHUTDOWN ACK out of the blue comes back in the SHUTDOWN COMPLETE', () => {
    const b = new TrackBench();
    talkSctp(b, 'a shutack!33333333');
    expect(talkSctp(b, 'b shutc!33333333').state).toBe('ESTABLISHED');
    expect(b.state).toBe(CL);
  });
  test('a HEARTBEAT ahead of others gives only its own direction a tag', () => {
    const b = new TrackBench();
    talkSctp(b, 'a shut+hb!33333333');
    expect(talkSctp(b, 'b hback!44444444').state).toBe('ESTABLISHED');
    expect(talkSctp(b, 'b data!44444444').state).toBe('ESTABLISHED');
    expect(talkSctp(b, 'a data!33333333').state).toBe('ESTABLISHED');
  });
});

describe('verification tags', () => {
  test.each([
    ['a data!5', REASON_SCTP_TAG, [5, OWN.b, 0]],
    ['b data!5', REASON_SCTP_TAG, [5, OWN.a, 1]],
    ['b sack!0', REASON_SCTP_TAG, [0, OWN.a, 1]],
    ['a shut!11111111', REASON_SCTP_TAG, [OWN.a, OWN.b, 0]],
    ['a init!5', REASON_SCTP_CHUNK_TAG, [1]],
    ['a abort!5', REASON_SCTP_CHUNK_TAG, [6]],
    ['a abort!11111111', REASON_SCTP_CHUNK_TAG, [6]],
    ['a abort!22222222T', REASON_SCTP_CHUNK_TAG, [6]], // with the T bit it is the sender's own
    ['a shutc!5', REASON_SCTP_CHUNK_TAG, [14]],
    ['a echo!5', REASON_SCTP_CHUNK_TAG, [10]],
    ['a hb+data!5', REASON_SCTP_CHUNK_TAG, [4]],
    ['a hback!5', REASON_SCTP_CHUNK_TAG, [5]],
    ['a hb+hb!5', REASON_SCTP_CHUNK_TAG, [4]],
    ['b iack:44444444', REASON_SCTP_CHUNK_TAG, [2]], // after COOKIE ACK no INIT ACK may bring another tag
  ])('%s is INVALID: reason %i %j', (step, reason, args) => {
    const b = new TrackBench();
    const seen = talkSctp(b, ...SCTP_HANDSHAKE, step);
    expect([seen.state, seen.reason, seen.args.slice(0, args.length)]).toEqual(['INVALID', reason, args]);
    expect([b.state, b.status]).toEqual([ES, 'replied assured']);
  });
  test.each(['a abort!11111111T', 'b abort!22222222T', 'a abort', 'b iack', 'a hb!5', 'b hb!5'])(
    '%s is fine',
    (step) => {
      const b = new TrackBench();
      expect(talkSctp(b, ...SCTP_HANDSHAKE, step).state).toBe('ESTABLISHED');
    },
  );
  test('a HEARTBEAT with another tag passes without effect; the answer brings the new tag, the other one is forgotten', () => {
    const b = new TrackBench();
    talkSctp(b, ...SCTP_HANDSHAKE);
    b.wait(5000);
    expect(talkSctp(b, 'a hb!33333333').state).toBe('ESTABLISHED');
    expect(b.left).toBe(205);
    expect(talkSctp(b, 'a hback!33333333').reason).toBe(REASON_SCTP_CHUNK_TAG); // the same side does not answer itself
    expect(talkSctp(b, 'b hback!44444444').state).toBe('ESTABLISHED');
    expect(b.left).toBe(210);
    expect(talkSctp(b, 'b data!44444444').state).toBe('ESTABLISHED');
    expect(talkSctp(b, 'a hb!33333333').state).toBe('ESTABLISHED');
    expect(talkSctp(b, 'a data!33333333').state).toBe('ESTABLISHED');
  });
  test('a right HEARTBEAT between takes the chance away', () => {
    const b = new TrackBench();
    talkSctp(b, ...SCTP_HANDSHAKE, 'a hb!33333333', 'a hb');
    expect(talkSctp(b, 'b hback!44444444').reason).toBe(REASON_SCTP_CHUNK_TAG);
  });
});

describe('INITs that cross', () => {
  const accepted = (steps: string[]) => talkSctp(new TrackBench(), ...steps).state;
  test.each([
    ['before the COOKIE ACK another INIT ACK may come', ['a init', 'b iack', 'b iack:44444444'], 'ESTABLISHED'],
    ['not where both sides have sent INIT', ['a init', 'b init', 'b iack:44444444'], 'INVALID'],
    ['the INIT ACK of both', ['a init', 'b init', 'b iack'], 'ESTABLISHED'],
    ['a third INIT with another tag starts afresh', ['a init', 'b init', 'b init:4', 'b iack:4'], 'ESTABLISHED'],
    ['but a repeated one does not', ['a init', 'b init', 'a init', 'b iack:44444444'], 'INVALID'],
    ['nor counts one with the tag of the INIT ACK', ['a init', 'b iack', 'b init', 'b iack:44444444'], 'ESTABLISHED'],
    ['an INIT ACK to no INIT may not change the tag', ['a hb', 'a iack', 'a iack:44444444'], 'INVALID'],
  ])('%s', (_claim, steps, state) => {
    expect(accepted(steps)).toBe(state);
  });
  test('the association of two INITs comes about by the COOKIE ECHO of the other side', () => {
    const b = new TrackBench();
    talkSctp(b, 'a init', 'b init', 'b iack', 'a iack', 'b echo', 'a cack');
    expect([b.state, b.status]).toEqual([ES, 'replied assured']);
  });
});

describe('packets that are no SCTP', () => {
  const init = chunk('a', 'init');
  const data = chunk('a', 'data');
  test.each<[string, number, SctpChunk[], Odd & { cut?: number }, number, number[]]>([
    ['shorter than its header', 0, [], { cut: 11 }, REASON_SCTP_SHORT, [11]],
    ['a wrong CRC', 0, [init], { badSum: true }, REASON_SCTP_CHECKSUM, [0]],
    ['no chunk', 0, [], {}, REASON_SCTP_CHUNKS, [0, 0]],
    ['a chunk of no length', 5, [{ ...data, length: 0 }], {}, REASON_SCTP_CHUNKS, [0, 0, 0, 0]],
    ['INIT and another', 0, [init, data], {}, REASON_SCTP_CHUNKS, [1, 0, 20, 1]],
    ['INIT after another', 0, [data, init], {}, REASON_SCTP_CHUNKS, [1, 1, 20, 1]],
    ['COOKIE ECHO after another', 0, [data, chunk('a', 'echo')], {}, REASON_SCTP_CHUNKS, [1, 10, 4, 0]],
    ['COOKIE ACK after another', 0, [data, chunk('a', 'cack')], {}, REASON_SCTP_CHUNKS, [1, 11, 4, 0]],
    ['INIT ACK and another', 0, [chunk('a', 'iack'), data], {}, REASON_SCTP_CHUNKS, [1, 0, 20, 1]],
    ['SHUTDOWN COMPLETE and another', 0, [chunk('a', 'shutc'), data], {}, REASON_SCTP_CHUNKS, [1, 0, 20, 1]],
    ['an INIT cut short', 0, [init], { cut: 31 }, REASON_SCTP_INVALID_NEW, [1]],
  ])('%s', (_claim, tag, chunks, odd, reason, args) => {
    const b = new TrackBench();
    const seen = b.send(sctp('a', tag, chunks, odd));
    const all = [...args, 0, 0, 0].slice(0, 4);
    expect([seen.state, seen.reason, seen.args]).toEqual(['INVALID', reason, all]);
  });
  test.each([17, 18, 19, 20])('a chunk of %i bytes is padded to 4', (length) => {
    const b = new TrackBench();
    talkSctp(b, ...SCTP_HANDSHAKE);
    b.send(sctp('a', OWN.b, [{ ...data, body: Array<number>(16).fill(0), length }, chunk('a', 'shut')]));
    expect(b.state).toBe(SS);
  });
  test('less than a chunk header at the end is nothing', () => {
    const b = new TrackBench();
    talkSctp(b, ...SCTP_HANDSHAKE);
    b.wait(1000);
    expect(b.send(sctp('a', OWN.b, [{ ...data, body: [1, 2, 3, 4, 5, 6, 7], length: 8 }])).state).toBe('ESTABLISHED');
    expect(b.left).toBe(210);
    expect(b.send(sctp('a', OWN.b, [], {})).reason).toBe(REASON_SCTP_CHUNKS);
  });
  test('the CRC of what the host itself makes is not looked at, nor need the packet be writable for it', () => {
    const b = new TrackBench();
    b.hook = HOOK_OUTPUT;
    expect(b.send(sctp('a', 0, [init], { badSum: true })).state).toBe('NEW');
    expect(b.packet.has & HAS_PULLED).toBe(0);
    b.hook = HOOK_PREROUTING;
    b.send(sctp('a', 0, [init]));
    expect([b.packet.has & HAS_PULLED, b.packet.has & HAS_TUPLE]).toEqual([HAS_PULLED, HAS_TUPLE]);
  });
  test('a wrong CRC does not matter with nf_conntrack_checksum=0', () => {
    const b = new TrackBench({ checksum: 0 });
    expect(b.send(sctp('a', 0, [init], { badSum: true })).state).toBe('NEW');
  });
  test('an INIT ACK cut short tells no tag', () => {
    const b = new TrackBench();
    talkSctp(b, 'a init');
    const seen = b.send(sctp('b', OWN.a, [chunk('b', 'iack')], { cut: 31 }));
    expect([seen.state, seen.reason]).toEqual(['INVALID', REASON_SCTP_CHUNK_TAG]);
  });
  test('INIT from the other side in HEARTBEAT_SENT fits no state', () => {
    const b = new TrackBench();
    const seen = talkSctp(b, 'a hb', 'b init');
    expect([seen.state, seen.reason, seen.args.slice(0, 3)]).toEqual(['INVALID', REASON_SCTP_STATE, [HS, 1, 1]]);
  });
});

test('IPv6 is no different', () => {
  const b = new TrackBench();
  b.send(sctp('a', 0, [chunk('a', 'init')], { six: true }));
  expect(b.send(sctp('b', OWN.a, [chunk('b', 'iack')], { six: true })).state).toBe('ESTABLISHED');
  expect(b.state).toBe(CW);
});
