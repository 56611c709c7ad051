/**
 * A tracker and two ends that talk through it, for tests of src/conntrack: `a` is 10.1.0.2 port 1000, `b` is 10.2.0.3 port 80
 * (fd01::2 and fd02::3 with `six`). Packets have right checksums unless a test says otherwise.
 */
import { EventView } from '../../src/conntrack/events.js';
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
  R_DEADLINE,
  R_STATE,
  R_STATUS,
  RECORD_SHIFT,
  STATE_MASK,
} from '../../src/conntrack/layout.js';
import type { TrackerOptions } from '../../src/conntrack/lifecycle.js';
import { Settings } from '../../src/conntrack/sysctl.js';
import { Tracker } from '../../src/conntrack/tracker.js';
import { fillTransportChecksum } from '../../src/wire/checksum.js';
import { CT_NONE, HOOK_PREROUTING, Packet } from '../../src/wire/packet.js';
import { LINKTYPE_RAW, parseFrame } from '../../src/wire/parse.js';
import { type Bytes, ip4, ip6, u16, u32 } from './wire-frames.js';

export type Side = 'a' | 'b';

/** What may be odd about a packet as a whole. */
export interface Odd {
  six?: boolean;
  badSum?: boolean;
  source?: string;
  destination?: string;
  /** Flags and offset of an IPv4 fragment, as they stand in the header. */
  fragment?: number;
  /** Bytes that the capture holds; the packet had more. */
  captured?: number;
}

/** A whole packet from its IP header on. */
export function packet(side: Side, protocol: number, payload: Bytes, odd: Odd = {}): Uint8Array {
  const ends = odd.six ? ['fd01::2', 'fd02::3'] : ['10.1.0.2', '10.2.0.3'];
  const source = odd.source ?? ends[side === 'a' ? 0 : 1]!;
  const destination = odd.destination ?? ends[side === 'a' ? 1 : 0]!;
  const fields = { source, destination, fragment: odd.fragment ?? 0 };
  const bytes = Uint8Array.from(odd.six ? ip6(protocol, payload, fields) : ip4(protocol, payload, fields));
  const p = new Packet();
  parseFrame(p, bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW);
  fillTransportChecksum(p);
  if (odd.badSum)
    bytes[p.l4Off + (protocol === 6 ? 16 : protocol === 17 || protocol === 136 ? 6 : protocol === 132 ? 8 : 2)]! ^= 1;
  return bytes;
}

const FLAGS = 'FSRPAUEC';

/** Fields of a TCP segment; `flags` are letters of FSRPAUEC. */
export interface Segment extends Odd {
  flags: string;
  seq: number;
  ack?: number;
  win?: number;
  data?: number;
  options?: Bytes;
  /** Data offset in words, where it is to be wrong. */
  words?: number;
  /** Bytes of the TCP packet that are there at all. */
  cut?: number;
}

/** The bits of flags given as letters. */
export function tcpFlags(letters: string): number {
  let bits = 0;
  for (const letter of letters) bits |= 1 << FLAGS.indexOf(letter);
  return bits;
}

/** Ports of a packet from a side. */
export function ports(side: Side): Bytes {
  return side === 'a' ? [...u16(1000), ...u16(80)] : [...u16(80), ...u16(1000)];
}

/** A TCP segment. */
export function tcpSegment(side: Side, s: Segment): Uint8Array {
  const options = s.options ?? [];
  const padded = [...options, ...Array<number>((4 - (options.length % 4)) % 4).fill(1)];
  const words = s.words ?? 5 + padded.length / 4;
  const head = [
    ...ports(side),
    ...u32(s.seq),
    ...u32(s.ack ?? 0),
    words << 4,
    tcpFlags(s.flags),
    ...u16(s.win ?? 1000),
  ];
  const whole = [...head, 0, 0, 0, 0, ...padded, ...Array<number>(s.data ?? 0).fill(120)];
  return packet(side, 6, whole.slice(0, s.cut ?? whole.length), s);
}

/** What the tracker said of a packet. */
export interface Seen {
  verdict: number;
  state: string;
  reply: boolean;
  reason: number;
  args: number[];
}

const STATES = ['INVALID', 'ESTABLISHED', 'RELATED', 'NEW', 'UNTRACKED', 'NONE'];

/** The bench itself. */
export class TrackBench {
  readonly tracker: Tracker;
  readonly settings = new Settings();
  readonly packet = new Packet();
  /** Codes that went to the kernel log. */
  readonly logged: number[] = [];
  fullNotices = 0;
  /** ms since the epoch. */
  nowMs = 1_760_000_000_000;
  /** Number of the template that the next packets carry. */
  template = 0;
  hook = HOOK_PREROUTING;
  /** Mark of the next packets. */
  mark = 0;

  /** `sysctl`: names without net.netfilter.nf_conntrack_. */
  constructor(sysctl: Record<string, number> = {}, options: Partial<TrackerOptions> = {}) {
    // a table of the default size costs 10 ms to make, a small one nothing
    for (const [name, value] of Object.entries({ max: 2000, ...sysctl }))
      if (!this.settings.set(`net.netfilter.nf_conntrack_${name}`, value)) throw new Error(`no sysctl ${name}`);
    const listener = {
      invalid: (_p: Packet, code: number) => this.logged.push(code),
      tableFull: () => this.fullNotices++,
    };
    this.tracker = new Tracker({ settings: this.settings, seed: 1, listener, eventRing: 256, ...options });
    this.tracker.advance(this.nowMs, 1e9);
  }

  /** The next packets have a timeout policy of their protocol (-j CT --timeout), in ms. */
  usePolicy(protocol: number, ...timeoutsMs: number[]): void {
    const { templates, timeoutPolicies } = this.tracker;
    timeoutPolicies.set('policy', { family: 2, protocol, timeouts: Int32Array.from(timeoutsMs) });
    const rest = { zone: 0, zoneDirection: 0, zoneFromMark: false, helper: '', ctevents: 0, expevents: 0 };
    this.template = templates.push({ ...rest, timeout: 'policy' }) - 1;
  }

  /** Lets time pass. */
  wait(ms: number): void {
    this.nowMs += ms;
    this.tracker.advance(this.nowMs, 1e9);
  }

  /** A packet that only comes to the tracker; `finish` must follow. */
  begin(bytes: Uint8Array, captured = bytes.length): Seen {
    const { packet: p, tracker } = this;
    parseFrame(p, bytes, 0, captured, bytes.length, LINKTYPE_RAW);
    p.hook = this.hook;
    p.template = this.template;
    p.mark = this.mark;
    p.connection = -1;
    p.state = CT_NONE;
    p.reason = 0;
    tracker.prepare(p);
    const verdict = tracker.track(p);
    return {
      verdict,
      state: STATES[p.state]!,
      reply: p.connection >= 0 && (p.connection & 1) === 1,
      reason: p.reason,
      args: [...p.reasonArgs],
    };
  }

  /** The packet passed all hooks (or a rule dropped it); the verdict of its confirmation. */
  finish(passed = true): number {
    let verdict = 1;
    if (passed) verdict = this.tracker.confirm(this.packet);
    else this.tracker.dropped(this.packet);
    this.tracker.settle();
    return verdict;
  }

  /** A packet that passes all hooks, or one that a rule drops. */
  send(bytes: Uint8Array, passed = true): Seen {
    const seen = this.begin(bytes);
    if (seen.verdict === 1 && this.finish(passed) !== 1) return { ...seen, verdict: 0, reason: this.packet.reason };
    if (seen.verdict !== 1) this.finish(false);
    return seen;
  }

  /** A TCP segment on its way, as `STATE` or `STATE/reply`. */
  tcp(side: Side, flags: string, seq: number, ack = 0, more: Partial<Segment> = {}): string {
    const seen = this.send(tcpSegment(side, { flags, seq, ack, ...more }));
    return seen.reply ? `${seen.state}/reply` : seen.state;
  }

  /** Slots of the connections that there are. */
  get slots(): number[] {
    const out: number[] = [];
    const t = this.tracker.table;
    for (let slot = t.nextInUse(0); slot >= 0; slot = t.nextInUse(slot + 1)) out.push(slot);
    return out;
  }

  /** The protocol state of the first connection; -1 = there is none. */
  get state(): number {
    const slot = this.slots[0];
    return slot === undefined ? -1 : this.word(slot, R_STATE) & STATE_MASK;
  }

  /** Seconds that the first connection has left. */
  get left(): number {
    const slot = this.slots[0];
    return slot === undefined ? -1 : ((this.word(slot, R_DEADLINE) - this.tracker.nowMs) | 0) / 1000;
  }

  /** SEEN_REPLY, ASSURED ... of the first connection. */
  get status(): string {
    const slot = this.slots[0];
    return slot === undefined ? 'none' : statusText(this.word(slot, R_STATUS));
  }

  word(slot: number, at: number): number {
    return this.tracker.table.words[(slot << RECORD_SHIFT) + at]!;
  }

  /** The events that wait: mask, status, state and seconds left of each. */
  events(): { mask: number; status: string; state: number; left: number }[] {
    const out: { mask: number; status: string; state: number; left: number }[] = [];
    const e = new EventView();
    while (this.tracker.events.shift(e)) {
      const status = statusText(e.words[e.base + R_STATUS]!);
      out.push({ mask: e.mask, status, state: e.words[e.base + R_STATE]! & STATE_MASK, left: e.leftMs / 1000 });
    }
    return out;
  }
}

function statusText(status: number): string {
  const names = [];
  if ((status & IPS_CONFIRMED) === 0) names.push('unconfirmed');
  if ((status & IPS_SEEN_REPLY) !== 0) names.push('replied');
  if ((status & IPS_ASSURED) !== 0) names.push('assured');
  if ((status & IPS_FIXED_TIMEOUT) !== 0) names.push('fixed');
  return names.join(' ') || 'new';
}

/**
 * Sends TCP segments written as `a S 1000`, `b SA 5000 1001`, `a PA 1001 5001 data=10 win=0`: side, flags, seq, ack. Returns what
 * the tracker said of the last one.
 */
export function talkTcp(b: TrackBench, ...steps: string[]): Seen {
  let seen: Seen = { verdict: 0, state: '', reply: false, reason: 0, args: [] };
  for (const step of steps) {
    const [side, flags, seq, ...rest] = step.split(' ');
    const more: Record<string, number> = {};
    for (const part of rest) {
      const [name, value] = part.includes('=') ? part.split('=') : ['ack', part];
      more[name!] = Number(value);
    }
    seen = b.send(tcpSegment(side as Side, { flags: flags === '-' ? '' : flags!, seq: Number(seq), ...more }));
  }
  return seen;
}

/** A handshake: then a sends from 1001, b from 5001, both offer 1000 bytes. */
export const HANDSHAKE = ['a S 1000', 'b SA 5000 1001', 'a A 1001 5001'];
