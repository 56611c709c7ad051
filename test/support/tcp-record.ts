/** Everything that TCP keeps of a connection, as one line of text: for rows that say what each segment changes. */
import {
  R_LAST,
  R_LAST_ACK,
  R_LAST_END,
  R_LAST_SEQ,
  R_STATE,
  R_WINDOW,
  STATE_MASK,
  W_END,
  W_FLAGS,
  W_MAXACK,
  W_MAXEND,
  W_MAXWIN,
  WINDOW_WORDS,
} from '../../src/conntrack/layout.js';
import { type Side, type TrackBench, tcpSegment } from './track-bench.js';
import { type Bytes, u32 } from './wire-frames.js';

const STATES = '- SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE SYN_SENT2'.split(' ');
const KINDS = ['SYN', 'SYNACK', 'FIN', 'ACK', 'RST', 'NONE'];

/**
 * `STATE; a END..MAXEND win MAXWIN ack MAXACK flags FLAGS<<SCALE; b ...; last DIR KIND SEQ..END ack ACK win WIN times RETRANS`, and
 * ` noted FLAGS<<SCALE` where a SYN that was let through left options. Numbers are unsigned, flags as in nf_conntrack_tcp.h, in hex.
 * `at`: of which connection, in the order of their slots.
 */
export function tcpRecord(b: TrackBench, at = 0): string {
  const slot = b.slots[at];
  if (slot === undefined) return 'none';
  const state = b.word(slot, R_STATE);
  const noted = (state >>> 8) & 0xfff;
  const text = noted === 0 ? '' : ` noted ${flagText((state >>> 12) & 0xff)}<<${(state >>> 8) & 0xf}`;
  return `${STATES[state & STATE_MASK]}; ${side(b, slot, 0)}; ${side(b, slot, 1)}; ${last(b, slot)}${text}`;
}

const flagText = (flags: number) => flags.toString(16);

function side(b: TrackBench, slot: number, direction: number): string {
  const at = R_WINDOW + WINDOW_WORDS * direction;
  const of = (word: number) => b.word(slot, at + word) >>> 0;
  const flags = of(W_FLAGS);
  const window = `${of(W_END)}..${of(W_MAXEND)} win ${of(W_MAXWIN)} ack ${of(W_MAXACK)}`;
  return `${'ab'[direction]} ${window} flags ${flagText(flags >>> 8)}<<${flags & 0xff}`;
}

function last(b: TrackBench, slot: number): string {
  const word = b.word(slot, R_LAST);
  const of = (at: number) => b.word(slot, at) >>> 0;
  const range = `${of(R_LAST_SEQ)}..${of(R_LAST_END)} ack ${of(R_LAST_ACK)}`;
  const kind = KINDS[(word >>> 24) & 0x7f];
  return `last ${'ab'[word >>> 31]} ${kind} ${range} win ${word & 0xffff} times ${(word >>> 16) & 0xff}`;
}

/**
 * Sends segments as `talkTcp` does, with options besides: `ws=7` (window scale), `sackok`, `sack=1201-1301`, `ts` (a time stamp).
 * Returns what the tracker said of each: `STATE` or `STATE:REASON`.
 */
export function talkWithOptions(b: TrackBench, ...steps: string[]): string[] {
  return steps.map((step) => {
    const [from, flags, seq, ...rest] = step.split(' ');
    const options: Bytes = [];
    const fields: Record<string, number> = {};
    for (const part of rest) {
      const [name, value] = part.split('=');
      if (value === undefined && /^\d/.test(part)) fields.ack = Number(part);
      else if (name === 'ws') options.push(1, 3, 3, Number(value));
      else if (name === 'sackok') options.push(1, 1, 4, 2);
      else if (name === 'ts') options.push(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2);
      else if (name === 'sack') options.push(1, 1, 5, 10, ...value!.split('-').flatMap((edge) => u32(Number(edge))));
      else fields[name!] = Number(value);
    }
    const letters = flags === '-' ? '' : flags!;
    const seen = b.send(tcpSegment(from as Side, { flags: letters, seq: Number(seq), ...fields, options }));
    return seen.reason === 0 ? seen.state : `${seen.state}:${seen.reason}`;
  });
}
