import { describe, expect, test } from 'vitest';
import { type Odd, packet, ports, type Side, TrackBench } from '../../test/support/track-bench.js';
import { type Bytes, u16, u32 } from '../../test/support/wire-frames.js';
import { HAS_PULLED, HAS_TUPLE, HOOK_OUTPUT, HOOK_PREROUTING } from '../wire/packet.js';
import {
  SCTP_CONNTRACK_COOKIE_ECHOED as CE,
  SCTP_CONNTRACK_CLOSED as CL,
  SCTP_CONNTRACK_COOKIE_WAIT as CW,
  SCTP_CONNTRACK_ESTABLISHED as ES,
  SCTP_CONNTRACK_HEARTBEAT_SENT as HS,
  R_STATE,
  R_WINDOW,
  SCTP_CONNTRACK_SHUTDOWN_ACK_SENT as SA,
  SCTP_CONNTRACK_SHUTDOWN_RECD as SR,
  SCTP_CONNTRACK_SHUTDOWN_SENT as SS,
  STATE_MASK,
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

const TYPES: Record<string, number> = {
  data: 0,
  init: 1,
  iack: 2,
  sack: 3,
  hb: 4,
  hback: 5,
  abort: 6,
  shut: 7,
  shutack: 8,
  error: 9,
  echo: 10,
  cack: 11,
  shutc: 14,
  other: 64,
  type32: 32,
  type33: 33,
  type255: 255,
};
/** The tag that each side chose: packets to it carry it. */
const OWN = { a: 0x11111111, b: 0x22222222 };

interface Chunk {
  type: number;
  flags?: number;
  body: Bytes;
  length?: number;
}

function chunk(side: Side, name: string, itag = OWN[side]): Chunk {
  const type = TYPES[name]!;
  if (name === 'init' || name === 'iack')
    return { type, body: [...u32(itag), ...u32(65536), ...u16(10), ...u16(10), ...u32(1)] };
  return { type, body: name === 'data' ? Array<number>(16).fill(7) : name === 'sack' ? Array<number>(12).fill(0) : [] };
}

function sctp(side: Side, tag: number, chunks: Chunk[], odd: Odd & { cut?: number } = {}): Uint8Array {
  const body = chunks.flatMap((c) => [c.type, c.flags ?? 0, ...u16(c.length ?? 4 + c.body.length), ...c.body]);
  const whole = [...ports(side), ...u32(tag), 0, 0, 0, 0, ...body];
  return packet(side, 132, whole.slice(0, odd.cut ?? whole.length), odd);
}

/**
 * Sends `a init`, `b iack:44444444 ...`: side, chunks joined by `+`, the tag that an INIT or INIT ACK brings, and with `!TAG`
 * another verification tag than the right one. Returns what the tracker said of the last.
 */
function talk(b: TrackBench, ...steps: string[]) {
  let seen = { verdict: 0, state: '', reply: false, reason: 0, args: [] as number[] };
  for (const step of steps) {
    const m = /^([ab]) ([\w+]+)(?::(\w+))?(?:!([0-9a-f]+))?(T)?$/.exec(step);
    if (m === null) throw new Error(`step ${step}`);
    const side = m[1] as Side;
    const names = m[2]!.split('+');
    const itag = m[3] === undefined ? undefined : Number.parseInt(m[3], 16);
    const chunks = names.map((name) => ({ ...chunk(side, name, itag), flags: m[5] === undefined ? 0 : 1 }));
    const right = names[0] === 'init' ? 0 : OWN[side === 'a' ? 'b' : 'a'];
    seen = b.send(sctp(side, m[4] === undefined ? right : Number.parseInt(m[4], 16), chunks));
  }
  return seen;
}

const HANDSHAKE = ['a init', 'b iack', 'a echo', 'b cack'];
/** How to come to each state. */
const TO: Record<number, string[]> = {
  [CL]: ['a init'],
  [CW]: HANDSHAKE.slice(0, 2),
  [CE]: HANDSHAKE.slice(0, 3),
  [ES]: HANDSHAKE,
  [SS]: [...HANDSHAKE, 'a shut'],
  [SR]: [...HANDSHAKE, 'b shut'],
  [SA]: [...HANDSHAKE, 'a shut', 'b shutack'],
  [HS]: ['a hb'],
};
const NAMES = ['NONE', 'CLOSED', 'COOKIE_WAIT', 'COOKIE_ECHOED', 'ESTABLISHED', 'SHUTDOWN_SENT', 'SHUTDOWN_RECD'];
NAMES.push('SHUTDOWN_ACK_SENT', 'HEARTBEAT_SENT');
/** Default timeouts in seconds by state. */
const SECONDS = [10, 10, 3, 3, 210, 3, 3, 3, 30];

/** `STATE; tags of packets from a and from b; INIT seen of a and of b; whose HEARTBEAT had a wrong tag` of a connection. */
function sctpRecord(b: TrackBench, slot: number): string {
  const w = (at: number) => (b.word(slot, R_WINDOW + at) >>> 0).toString(16);
  const wrong = ['nobody', 'a', 'b'][b.word(slot, R_WINDOW + 4)];
  return `${NAMES[b.word(slot, R_STATE) & STATE_MASK]}; tags ${w(0)} ${w(1)}; INIT ${w(2)} ${w(3)}; wrong ${wrong}`;
}

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
    talk(b, ...TO[state]!);
    expect(b.state).toBe(state);
    b.wait(1000);
    const { reason } = talk(b, step);
    return `${/ (\w+)/.exec(step)![1]}${reason === 0 ? '' : `!${reason}`} ${NAMES[b.state]} ${b.left}`;
  }
});

describe('what is kept of an association', () => {
  test.each([
    [
      'an INIT tells the tag of packets to its sender',
      'a init',
      'NEW; CLOSED; tags 0 11111111; INIT 1 0; wrong nobody',
    ],
    [
      'also where that is 0, and what the answers to it tell',
      'a init:0; b iack!0; b iack:44444444!0',
      'ESTABLISHED; COOKIE_WAIT; tags 44444444 0; INIT 1 0; wrong nobody',
    ],
    ['a repeated one changes nothing', 'a init; a init', 'NEW; CLOSED; tags 0 11111111; INIT 1 0; wrong nobody'],
    ['another one tells another tag', 'a init; a init:5', 'NEW; CLOSED; tags 0 5; INIT 1 0; wrong nobody'],
    [
      'an INIT ACK tells the other tag',
      'a init; b iack',
      'ESTABLISHED; COOKIE_WAIT; tags 22222222 11111111; INIT 1 0; wrong nobody',
    ],
    [
      'after COOKIE ACK no INIT counts',
      'a init; b iack; a echo; b cack',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong nobody',
    ],
    [
      'nor after that of the side that began',
      'a init; b iack; a echo; a cack',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong nobody',
    ],
    ['INITs that cross', 'a init; b init', 'ESTABLISHED; CLOSED; tags 22222222 11111111; INIT 1 1; wrong nobody'],
    [
      'one of them repeated',
      'a init; b init; a init',
      'ESTABLISHED; CLOSED; tags 22222222 11111111; INIT 1 1; wrong nobody',
    ],
    [
      "another one of b takes the place of a's",
      'a init; b init; b init:4',
      'ESTABLISHED; CLOSED; tags 4 11111111; INIT 0 1; wrong nobody',
    ],
    [
      "another one of a takes the place of b's",
      'a init; b init; a init:5',
      'ESTABLISHED; CLOSED; tags 22222222 5; INIT 1 0; wrong nobody',
    ],
    ['twice', 'a init; b init; a init:5; b init:4', 'ESTABLISHED; CLOSED; tags 4 5; INIT 1 1; wrong nobody'],
    ['and again', 'a init; b init; a init:5; a init:6', 'ESTABLISHED; CLOSED; tags 22222222 6; INIT 1 0; wrong nobody'],
    [
      'INIT ACKs of crossing INITs',
      'a init; b init; b iack; a iack',
      'ESTABLISHED; COOKIE_WAIT; tags 22222222 11111111; INIT 1 1; wrong nobody',
    ],
    [
      'that tell another tag',
      'a init; b init; b iack:5',
      'INVALID:57; CLOSED; tags 22222222 11111111; INIT 1 1; wrong nobody',
    ],
    ['an INIT ACK to no INIT', 'a hb; a iack:5', 'NEW; CLOSED; tags 22222222 5; INIT 0 0; wrong nobody'],
    [
      'a second one to no INIT',
      'a hb; a iack:5; a iack:6',
      'INVALID:57; CLOSED; tags 22222222 5; INIT 0 0; wrong nobody',
    ],
    [
      'an INIT ACK of who has sent INIT, to no INIT',
      'a hb; a iack; b init:7; b iack:8',
      'INVALID:57; CLOSED; tags 7 11111111; INIT 0 1; wrong nobody',
    ],
    [
      'an INIT ACK of who has sent an INIT with tag 0',
      'a init:0; a iack:5!0',
      'NEW; CLOSED; tags 0 5; INIT 1 0; wrong nobody',
    ],
    [
      'not where INITs cross',
      'a init:0; b init; a iack:5',
      'INVALID:57; CLOSED; tags 22222222 0; INIT 1 1; wrong nobody',
    ],
    [
      'after the COOKIE ACK of crossing INITs none counts',
      'a init; b init; b iack; a iack; b echo; a cack',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong nobody',
    ],
    ['a HEARTBEAT tells its own tag', 'a hb!5', 'NEW; HEARTBEAT_SENT; tags 5 0; INIT 0 0; wrong nobody'],
    ['and so does the answer', 'a hb!5; b hback!6', 'ESTABLISHED; ESTABLISHED; tags 5 6; INIT 0 0; wrong nobody'],
    [
      'a COOKIE ECHO ahead of a HEARTBEAT may have any tag',
      'a echo+hb!33333333',
      'NEW; CLOSED; tags 33333333 0; INIT 0 0; wrong nobody',
    ],
    [
      'a HEARTBEAT with a wrong tag',
      'open; a hb!5',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong a',
    ],
    ['of b', 'open; b hb!5', 'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong b'],
    ['of both', 'open; a hb!5; b hb!6', 'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong b'],
    [
      'then a right one of a',
      'open; a hb!5; a hb',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong nobody',
    ],
    [
      'then a right answer',
      'open; a hb!5; b hback',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong nobody',
    ],
    [
      'then an answer with another tag',
      'open; a hb!5; b hback!6',
      'ESTABLISHED; ESTABLISHED; tags 0 6; INIT 0 0; wrong nobody',
    ],
    [
      'of which the second is too late',
      'open; a hb!5; b hback!6; b hback!7',
      'INVALID:57; ESTABLISHED; tags 0 6; INIT 0 0; wrong nobody',
    ],
    ["a's answer to b", 'open; b hb!5; a hback!6', 'ESTABLISHED; ESTABLISHED; tags 6 0; INIT 0 0; wrong nobody'],
    [
      "b's answer to itself",
      'open; b hb!5; b hback!6',
      'INVALID:57; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong b',
    ],
    [
      'with data beside a wrong HEARTBEAT',
      'open; a hb+data!5',
      'INVALID:57; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong nobody',
    ],
    [
      'with an unknown chunk beside it',
      'open; a hb+other!5',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong a',
    ],
    [
      'with chunk 32 beside it',
      'open; a hb+type32!5',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong a',
    ],
    [
      'with chunk 33 beside it',
      'open; a hb+type33!5',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong a',
    ],
    [
      'a SHUTDOWN ACK may have any tag',
      'open; a shutack!5',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong nobody',
    ],
    [
      'a COOKIE ACK beside a HEARTBEAT',
      'open; a cack+hb!5',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong a',
    ],
    [
      'chunk 255 is unknown',
      'open; a data+type255',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong nobody',
    ],
  ])('%s: %s', (_claim, steps, expected) => {
    const b = new TrackBench({ acct: 1 });
    // in another slot than the first
    b.send(packet('a', 132, [], { source: '10.1.0.9' }));
    b.send(sctp('a', 0, [chunk('a', 'init')], { source: '10.1.0.9' }));
    const said = steps.split('; ').flatMap((step) => (step === 'open' ? HANDSHAKE : [step]));
    const seen = talk(b, ...said);
    const what = seen.reason === 0 ? seen.state : `${seen.state}:${seen.reason}`;
    const slot = b.slots[1];
    expect(slot === undefined ? what : `${what}; ${sctpRecord(b, slot)}`).toBe(expected);
  });

  test('the end of each association is its own', () => {
    const b = new TrackBench();
    for (const source of ['10.1.0.9', '10.1.0.10', '10.1.0.2']) b.send(sctp('a', 0, [chunk('a', 'init')], { source }));
    talk(b, ...HANDSHAKE.slice(1));
    b.wait(15_000);
    expect(b.slots.length).toBe(1);
    b.wait(190_000);
    expect(b.slots.length).toBe(1);
    b.wait(20_000);
    expect(b.slots.length).toBe(0);
  });
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
    talk(b, ...TO[state]!);
    expect(NAMES[b.state]).toBe(NAMES[state]);
    const seen = talk(b, step);
    expect([seen.state, seen.reason]).toEqual([seen.reply || b.status.includes('replied') ? 'ESTABLISHED' : 'NEW', 0]);
    expect(NAMES[b.state]).toBe(NAMES[next]);
    expect(b.left).toBe(SECONDS[next]);
  });

  const calm = ['data', 'sack', 'other', 'hb', 'hback', 'iack'];
  test.each([CW, CE, ES, SS, SR, SA])('state %i is left by none of data, sack, heartbeats, unknown chunks', (state) => {
    for (const name of calm)
      for (const side of ['a', 'b']) {
        const b = new TrackBench();
        const seen = talk(b, ...TO[state]!, `${side} ${name}`);
        expect([name, side, seen.state, b.state]).toEqual([name, side, 'ESTABLISHED', state]);
      }
  });

  test('COOKIE ACK makes it ASSURED, from either side, and so does a heartbeat that is answered', () => {
    for (const steps of [HANDSHAKE, [...HANDSHAKE.slice(0, 3), 'a cack'], ['a hb', 'b hback']]) {
      const b = new TrackBench();
      talk(b, ...steps.slice(0, -1));
      expect(b.status).not.toContain('assured');
      talk(b, steps.at(-1)!);
      expect([b.status, b.state]).toEqual(['replied assured', ES]);
    }
  });

  test('also where another chunk follows in the same packet', () => {
    const b = new TrackBench();
    talk(b, 'a hb', 'b hback+shut');
    expect([b.status, b.state]).toEqual(['replied assured', SR]);
  });

  test('a repeated INIT does not keep an entry that got no further', () => {
    const b = new TrackBench();
    talk(b, 'a init');
    b.wait(4000);
    expect(talk(b, 'a init').state).toBe('NEW');
    expect(b.left).toBe(6);
  });

  test('a state change is an event, data is none', () => {
    const b = new TrackBench();
    b.tracker.listen();
    talk(b, ...HANDSHAKE, 'a data', 'b data', 'a shut');
    expect(b.events().map((e) => NAMES[e.state])).toEqual([
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
    expect(talk(b, step).state).toBe('NEW');
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
    const seen = talk(b, step);
    expect([seen.state, seen.reason, seen.args.slice(0, args.length)]).toEqual(['INVALID', reason, args]);
    expect(b.slots).toEqual([]);
  });
  test('the tag of a SHUTDOWN ACK out of the blue comes back in the SHUTDOWN COMPLETE', () => {
    const b = new TrackBench();
    talk(b, 'a shutack!33333333');
    expect(talk(b, 'b shutc!33333333').state).toBe('ESTABLISHED');
    expect(b.state).toBe(CL);
  });
  test('a HEARTBEAT ahead of others gives only its own direction a tag', () => {
    const b = new TrackBench();
    talk(b, 'a shut+hb!33333333');
    expect(talk(b, 'b hback!44444444').state).toBe('ESTABLISHED');
    expect(talk(b, 'b data!44444444').state).toBe('ESTABLISHED');
    expect(talk(b, 'a data!33333333').state).toBe('ESTABLISHED');
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
    const seen = talk(b, ...HANDSHAKE, step);
    expect([seen.state, seen.reason, seen.args.slice(0, args.length)]).toEqual(['INVALID', reason, args]);
    expect([b.state, b.status]).toEqual([ES, 'replied assured']);
  });
  test.each(['a abort!11111111T', 'b abort!22222222T', 'a abort', 'b iack', 'a hb!5', 'b hb!5'])(
    '%s is fine',
    (step) => {
      const b = new TrackBench();
      expect(talk(b, ...HANDSHAKE, step).state).toBe('ESTABLISHED');
    },
  );
  test('a HEARTBEAT with another tag passes without effect; the answer brings the new tag, the other one is forgotten', () => {
    const b = new TrackBench();
    talk(b, ...HANDSHAKE);
    b.wait(5000);
    expect(talk(b, 'a hb!33333333').state).toBe('ESTABLISHED');
    expect(b.left).toBe(205);
    expect(talk(b, 'a hback!33333333').reason).toBe(REASON_SCTP_CHUNK_TAG); // the same side does not answer itself
    expect(talk(b, 'b hback!44444444').state).toBe('ESTABLISHED');
    expect(b.left).toBe(210);
    expect(talk(b, 'b data!44444444').state).toBe('ESTABLISHED');
    expect(talk(b, 'a hb!33333333').state).toBe('ESTABLISHED');
    expect(talk(b, 'a data!33333333').state).toBe('ESTABLISHED');
  });
  test('a right HEARTBEAT between takes the chance away', () => {
    const b = new TrackBench();
    talk(b, ...HANDSHAKE, 'a hb!33333333', 'a hb');
    expect(talk(b, 'b hback!44444444').reason).toBe(REASON_SCTP_CHUNK_TAG);
  });
});

describe('INITs that cross', () => {
  const accepted = (steps: string[]) => talk(new TrackBench(), ...steps).state;
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
    talk(b, 'a init', 'b init', 'b iack', 'a iack', 'b echo', 'a cack');
    expect([b.state, b.status]).toEqual([ES, 'replied assured']);
  });
});

describe('packets that are no SCTP', () => {
  const init = chunk('a', 'init');
  const data = chunk('a', 'data');
  test.each<[string, number, Chunk[], Odd & { cut?: number }, number, number[]]>([
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
    talk(b, ...HANDSHAKE);
    b.send(sctp('a', OWN.b, [{ ...data, body: Array<number>(16).fill(0), length }, chunk('a', 'shut')]));
    expect(b.state).toBe(SS);
  });
  test('less than a chunk header at the end is nothing', () => {
    const b = new TrackBench();
    talk(b, ...HANDSHAKE);
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
    talk(b, 'a init');
    const seen = b.send(sctp('b', OWN.a, [chunk('b', 'iack')], { cut: 31 }));
    expect([seen.state, seen.reason]).toEqual(['INVALID', REASON_SCTP_CHUNK_TAG]);
  });
  test('INIT from the other side in HEARTBEAT_SENT fits no state', () => {
    const b = new TrackBench();
    const seen = talk(b, 'a hb', 'b init');
    expect([seen.state, seen.reason, seen.args.slice(0, 3)]).toEqual(['INVALID', REASON_SCTP_STATE, [HS, 1, 1]]);
  });
});

test('IPv6 is no different', () => {
  const b = new TrackBench();
  b.send(sctp('a', 0, [chunk('a', 'init')], { six: true }));
  expect(b.send(sctp('b', OWN.a, [chunk('b', 'iack')], { six: true })).state).toBe('ESTABLISHED');
  expect(b.state).toBe(CW);
});
