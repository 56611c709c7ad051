/** SCTP packets and conversations of a bench's two ends. */
import { R_STATE, R_WINDOW, STATE_MASK } from '../../src/conntrack/layout.js';
import { type Odd, packet, ports, type Side, type TrackBench } from './track-bench.js';
import { type Bytes, u16, u32 } from './wire-frames.js';

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
export const OWN = { a: 0x11111111, b: 0x22222222 };

/** A chunk; `length`: what its header says where that is not the truth. */
export interface SctpChunk {
  type: number;
  flags?: number;
  body: Bytes;
  length?: number;
}

/** A chunk of a name of TYPES from a side; `itag` is the tag that an INIT or INIT ACK tells. */
export function chunk(side: Side, name: string, itag = OWN[side]): SctpChunk {
  const type = TYPES[name]!;
  if (name === 'init' || name === 'iack')
    return { type, body: [...u32(itag), ...u32(65536), ...u16(10), ...u16(10), ...u32(1)] };
  return { type, body: name === 'data' ? Array<number>(16).fill(7) : name === 'sack' ? Array<number>(12).fill(0) : [] };
}

/** A packet with chunks. */
export function sctp(side: Side, tag: number, chunks: SctpChunk[], odd: Odd & { cut?: number } = {}): Uint8Array {
  const body = chunks.flatMap((c) => [c.type, c.flags ?? 0, ...u16(c.length ?? 4 + c.body.length), ...c.body]);
  const whole = [...ports(side), ...u32(tag), 0, 0, 0, 0, ...body];
  return packet(side, 132, whole.slice(0, odd.cut ?? whole.length), odd);
}

/**
 * Sends `a init`, `b iack:44444444 ...`: side, chunks joined by `+`, the tag that an INIT or INIT ACK brings, and with `!TAG`
 * another verification tag than the right one. Returns what the tracker said of the last.
 */
export function talkSctp(b: TrackBench, ...steps: string[]) {
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

/** The four messages that open an association. */
export const SCTP_HANDSHAKE = ['a init', 'b iack', 'a echo', 'b cack'];
/** Names of the states by number. */
export const SCTP_STATES = [
  'NONE',
  'CLOSED',
  'COOKIE_WAIT',
  'COOKIE_ECHOED',
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
];
SCTP_STATES.push('SHUTDOWN_ACK_SENT', 'HEARTBEAT_SENT');
/** `STATE; tags of packets from a and from b; INIT seen of a and of b; whose HEARTBEAT had a wrong tag` of a connection. */
export function sctpRecord(b: TrackBench, slot: number): string {
  const w = (at: number) => (b.word(slot, R_WINDOW + at) >>> 0).toString(16);
  const wrong = ['nobody', 'a', 'b'][b.word(slot, R_WINDOW + 4)];
  return `${SCTP_STATES[b.word(slot, R_STATE) & STATE_MASK]}; tags ${w(0)} ${w(1)}; INIT ${w(2)} ${w(3)}; wrong ${wrong}`;
}
