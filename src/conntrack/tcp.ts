/**
 * TCP: the connection's state by the flags of both directions (nf_conntrack_proto_tcp.c, nf_conntrack_tcp_packet).
 *
 * A segment is one of six kinds (`index`); kind, direction and state give the next state. Two outcomes are no states: INVALID,
 * and IGNORED - let through without effect because this table may be what is out of step, not the two ends.
 */
import { CHECKSUM_UNKNOWN, tcpChecksumOk } from '../wire/checksum.js';
import { HAS_TCP, HOOK_PREROUTING, type Packet } from '../wire/packet.js';
import { IPCT_PROTOINFO } from './events.js';
import {
  TCP_CONNTRACK_CLOSE as CL,
  TCP_CONNTRACK_CLOSE_WAIT as CW,
  TCP_CONNTRACK_ESTABLISHED as ES,
  TCP_CONNTRACK_FIN_WAIT as FW,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
  TCP_CONNTRACK_LAST_ACK as LA,
  R_DEADLINE,
  R_LAST,
  R_LAST_ACK,
  R_LAST_END,
  R_LAST_SEQ,
  R_STATE,
  R_STATUS,
  R_WINDOW,
  RECORD_SHIFT,
  TCP_CONNTRACK_SYN_SENT2 as S2,
  TCP_CONNTRACK_SYN_RECV as SR,
  TCP_CONNTRACK_SYN_SENT as SS,
  STATE_MASK,
  TCP_CONNTRACK_TIME_WAIT as TW,
  W_END,
  W_FLAGS,
  W_MAXACK,
  W_MAXEND,
  W_MAXWIN,
  WINDOW_WORDS,
} from './layout.js';
import {
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
import {
  SET_CHECKSUM,
  SET_TCP_IGNORE_INVALID_RST,
  SET_TCP_LOOSE,
  SET_TCP_MAX_RETRANS,
  TCP_TIMEOUT_RETRANS,
  TCP_TIMEOUT_UNACK,
} from './sysctl.js';
import {
  FLAG_BE_LIBERAL,
  FLAG_CLOSE_INIT,
  FLAG_DATA_UNACKNOWLEDGED,
  FLAG_MAXACK_SET,
  FLAG_SACK_PERM,
  inWindow,
  LAST_EXP_CHALLENGE_ACK,
  LAST_INDEX_SHIFT,
  LAST_RETRANS_SHIFT,
  LAST_SIMULTANEOUS_OPEN,
  LAST_WIN_MASK,
  readOptions,
  segmentEnd,
  TH_ACK,
  TH_FIN,
  TH_RST,
  TH_SYN,
  TH_URG,
  WINDOW_ACCEPT,
  WINDOW_IGNORE,
} from './tcp-window.js';
import { TRACK_ACCEPT, TRACK_INVALID, TRACK_REPEAT } from './track.js';
import type { Tracker } from './tracker.js';

/** Kinds of segment. */
const SYN = 0;
const SYNACK = 1;
const FIN = 2;
const ACK = 3;
const RST = 4;

/** Not states: what the table says besides. */
const IV = 10;
const IG = 11;

/**
 * Next state by direction, kind and state. Columns: NONE, SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK,
 * TIME_WAIT, CLOSE, SYN_SENT2 (simultaneous open).
 */
const NEXT = new Uint8Array([
  // original direction
  // SYN: opens; repeated before the answer; late ones are let through, for the server may know better; reopens what ended
  ...[SS, SS, IG, IG, IG, IG, IG, SS, SS, S2],
  // SYN-ACK: only as the second half of a simultaneous open, or repeated in it
  ...[IV, IV, SR, IV, IV, IV, IV, IV, IV, SR],
  // FIN: the first closes one half, the second waits for its last ACK
  ...[IV, IV, FW, FW, LA, LA, LA, TW, CL, IV],
  // ACK: picks up a running connection; completes the handshake; acknowledges FINs
  ...[ES, IV, ES, ES, CW, CW, TW, TW, CL, IV],
  // RST: ends everything
  ...[IV, CL, CL, CL, CL, CL, CL, CL, CL, CL],
  // reply direction
  // SYN: simultaneous open; in TIME_WAIT the server may be the one who reopens
  ...[IV, S2, IV, IV, IV, IV, IV, SS, IV, S2],
  // SYN-ACK: answers the SYN; late ones are let through, for they may answer a SYN that was let through
  ...[IV, SR, IG, IG, IG, IG, IG, IG, IG, SR],
  ...[IV, IV, FW, FW, LA, LA, LA, TW, CL, IV],
  // ACK: in SYN_SENT perhaps a challenge ACK of a connection that the server still has
  ...[IV, IG, SR, ES, CW, CW, TW, TW, CL, IG],
  ...[IV, CL, CL, CL, CL, CL, CL, CL, CL, CL],
]);
const STATES = 10;
const KINDS = 5;

/**
 * Kind by FIN, SYN, RST, ACK (tcpFlags & 0x17), as get_conntrack_index decides: RST first, then SYN, FIN, ACK. Segments with none of
 * these have been refused before (VALID_FLAGS).
 */
const KIND = new Uint8Array(32).map((_, flags) => {
  if (flags & TH_RST) return RST;
  if (flags & TH_SYN) return flags & TH_ACK ? SYNACK : SYN;
  return flags & TH_FIN ? FIN : ACK;
});
const KIND_MASK = TH_FIN | TH_SYN | TH_RST | TH_ACK;

/** Flag combinations (without ECE, CWR, PSH) that can be; all others are attacks or noise. */
const VALID_FLAGS = new Uint8Array(64);
for (const flags of [
  TH_SYN,
  TH_SYN | TH_URG,
  TH_SYN | TH_ACK,
  TH_RST,
  TH_RST | TH_ACK,
  TH_FIN | TH_ACK,
  TH_FIN | TH_ACK | TH_URG,
  TH_ACK,
  TH_ACK | TH_URG,
])
  VALID_FLAGS[flags] = 1;
const VALID_MASK = TH_FIN | TH_SYN | TH_RST | TH_ACK | TH_URG;

/** last_wscale and last_flags inside R_STATE. */
const LAST_WSCALE_SHIFT = 8;
const LAST_FLAGS_SHIFT = 12;
const LAST_FLAGS_MASK = 0xff << LAST_FLAGS_SHIFT;
const LAST_WSCALE_MASK = 0xf << LAST_WSCALE_SHIFT;
/** R_LAST without index and direction. */
const LAST_KEEP_MASK = 0x00ffffff;

/** Below this an unanswered RST or FIN does not shorten anything. */
const INVALID_KEEP_MS = 120_000;

function tcpError(t: Tracker, p: Packet): boolean {
  if ((p.has & HAS_TCP) === 0) {
    const there = p.l3Off + p.l3Len - p.l4Off;
    if (there < 20) t.invalidQuietly(p, REASON_TCP_TRUNCATED, 20, there);
    else t.invalid(p, REASON_TCP_TRUNCATED, (p.view.getUint8(p.l4Off + 12) >> 2) & 0x3c, there);
    return true;
  }
  if (
    p.hook === HOOK_PREROUTING &&
    t.settings.value[SET_CHECKSUM] !== 0 &&
    (p.has & CHECKSUM_UNKNOWN) === 0 &&
    !tcpChecksumOk(p)
  )
    return t.invalid(p, REASON_TCP_CHECKSUM);
  if (VALID_FLAGS[p.tcpFlags & VALID_MASK] === 0) return t.invalid(p, REASON_TCP_FLAGS, p.tcpFlags);
  return false;
}

/** Begins a connection, all of whose words are 0, with its first segment; false: it cannot begin with that one. */
function tcpNew(t: Tracker, p: Packet, base: number, index: number): boolean {
  const state = NEXT[index * STATES]!;
  if (state === IV) {
    t.invalid(p, REASON_TCP_INVALID_NEW, index);
    return false;
  }
  const w = t.table.words;
  const original = base + R_WINDOW;
  if (state !== SS && t.settings.value[SET_TCP_LOOSE] === 0) {
    t.invalidQuietly(p, REASON_TCP_NOT_LOOSE);
    return false;
  }
  const end = segmentEnd(p);
  const window = p.window === 0 ? 1 : p.window;
  w[original + W_END] = end;
  w[original + W_MAXWIN] = window;
  if (state === SS) {
    w[original + W_MAXEND] = end;
    w[original + W_FLAGS] = readOptions(t, p, 0);
  } else {
    // in the middle of a connection: what was agreed on is lost, so the window is not enforced
    w[original + W_MAXEND] = (end + window) | 0;
    w[original + W_FLAGS] = FLAG_SACK_PERM | FLAG_BE_LIBERAL;
    w[original + WINDOW_WORDS + W_FLAGS] = FLAG_SACK_PERM | FLAG_BE_LIBERAL;
  }
  return true;
}

/** One TCP segment of a connection; returns TRACK_ACCEPT, TRACK_INVALID or TRACK_REPEAT (the connection was replaced). */
export function tcpPacket(t: Tracker, p: Packet, slot: number, direction: number): number {
  if (tcpError(t, p)) return TRACK_INVALID;
  const w = t.table.words;
  const base = slot << RECORD_SHIFT;
  const index = KIND[p.tcpFlags & KIND_MASK]!;
  const status = w[base + R_STATUS]!;
  if ((status & IPS_CONFIRMED) === 0 && !tcpNew(t, p, base, index)) return TRACK_INVALID;

  let oldState = w[base + R_STATE]! & STATE_MASK;
  let newState = NEXT[(direction * KINDS + index) * STATES + oldState]!;
  let checked = false; // the window need not be looked at
  if (newState !== oldState || newState === CL) {
    // everything but an established connection's usual segment
    if (newState === IG || (newState === SS && oldState >= TW)) {
      if (newState === SS && reopens(w, base)) {
        t.kill(slot);
        return TRACK_REPEAT;
      }
      if (!resynchronises(w, base, p, index)) return ignored(t, p, base, direction, index, oldState);
      oldState = SS;
      newState = SR;
    } else if (newState === IV) {
      if (oldState === SS && index === ACK && asksProxyAgain(t, p, slot)) return TRACK_ACCEPT;
      t.invalid(p, REASON_TCP_STATE, index, direction, oldState);
      return TRACK_INVALID;
    } else if (newState === TW && challengeAcked(w, base, direction)) {
      t.remark(p, REASON_TCP_CHALLENGE_ACK);
      return TRACK_ACCEPT;
    } else if (newState === S2) {
      w[base + R_STATE] = w[base + R_STATE]! | (LAST_SIMULTANEOUS_OPEN << LAST_FLAGS_SHIFT);
    } else if (index === RST) {
      const next = resetState(t, p, base, direction, oldState);
      if (next === RESET_INVALID) return TRACK_INVALID;
      checked = next === RESET_IN_WINDOW;
      if (next === RESET_KEEP) newState = oldState;
    }
  }
  // the reply side's ACK that ends a simultaneous open
  if (newState === SR && index === ACK && (w[base + R_STATE]! & (LAST_SIMULTANEOUS_OPEN << LAST_FLAGS_SHIFT)) !== 0)
    newState = ES;

  if (!checked) {
    const result = inWindow(t, p, slot, direction, index);
    if (result === WINDOW_IGNORE) return TRACK_ACCEPT;
    if (result !== WINDOW_ACCEPT) {
      outOfWindow(t, p, slot, direction, index);
      return TRACK_INVALID;
    }
  }
  return accepted(t, p, slot, direction, index, oldState, newState);
}

/**
 * Whether a SYN in TIME_WAIT or CLOSE begins a new connection: one side closed, or this side has just reset it. In CLOSE a SYN
 * comes from the original side only.
 */
function reopens(w: Int32Array, base: number): boolean {
  const flags = w[base + R_WINDOW + W_FLAGS]! | w[base + R_WINDOW + WINDOW_WORDS + W_FLAGS]!;
  return (flags & FLAG_CLOSE_INIT) !== 0 || w[base + R_LAST]! >>> LAST_INDEX_SHIFT === RST;
}

/**
 * A SYN-ACK that acknowledges a SYN which was let through as IGNORED: both ends are in step and this table is not. Takes over
 * what was noted from that SYN. Only the original side's SYN is let through, and only the reply side's SYN-ACK.
 */
function resynchronises(w: Int32Array, base: number, p: Packet, index: number): boolean {
  const last = w[base + R_LAST]!;
  if (index !== SYNACK || last >>> LAST_INDEX_SHIFT !== SYN || p.ack !== w[base + R_LAST_END]) return false;
  const from = base + R_WINDOW;
  const to = from + WINDOW_WORDS;
  const state = w[base + R_STATE]! & ~(LAST_EXP_CHALLENGE_ACK << LAST_FLAGS_SHIFT);
  const window = last & LAST_WIN_MASK;
  w[from + W_END] = w[base + R_LAST_END]!;
  w[from + W_MAXEND] = w[base + R_LAST_END]!;
  w[from + W_MAXWIN] = window === 0 ? 1 : window;
  w[from + W_FLAGS] =
    ((state & LAST_WSCALE_MASK) >>> LAST_WSCALE_SHIFT) | ((state & LAST_FLAGS_MASK) >>> (LAST_FLAGS_SHIFT - 8));
  // the window check below decides as in SYN_SENT only by old and new state, the record's state stays until then
  w[base + R_STATE] = state;
  // the side that answers stays liberal if it was, the other one does not
  const liberal = w[to + W_FLAGS]! & FLAG_BE_LIBERAL;
  for (let i = 0; i < WINDOW_WORDS; i++) w[to + i] = 0;
  w[to + W_FLAGS] = liberal;
  return true;
}

/** Lets a segment through without effect and notes what a later one may refer to. */
function ignored(t: Tracker, p: Packet, base: number, direction: number, index: number, oldState: number): number {
  const w = t.table.words;
  const retrans = w[base + R_LAST]! & (0xff << LAST_RETRANS_SHIFT);
  w[base + R_LAST] = p.window | retrans | (index << LAST_INDEX_SHIFT) | (direction << 31);
  w[base + R_LAST_SEQ] = p.seq;
  w[base + R_LAST_END] = segmentEnd(p);
  if (direction === 0) {
    // a SYN
    const options = readOptions(t, p, 0);
    let flags = options >> 8;
    // in LAST_ACK a challenge ACK to this SYN must not pass for the ACK of the FIN (RFC 5961 section 4)
    if (oldState === LA) flags |= LAST_EXP_CHALLENGE_ACK;
    w[base + R_STATE] =
      (w[base + R_STATE]! & ~(LAST_FLAGS_MASK | LAST_WSCALE_MASK)) |
      ((options & 0xf) << LAST_WSCALE_SHIFT) |
      (flags << LAST_FLAGS_SHIFT);
  }
  // perhaps a challenge ACK, the RST to which will have this number
  if (oldState === SS) w[base + R_LAST_ACK] = p.ack;
  t.remark(p, REASON_TCP_IGNORED, index, direction, oldState);
  return TRACK_ACCEPT;
}

/**
 * Whether a client behind -j SYNPROXY asks again, with a keep-alive, before the server has answered: the SYN to the server, or its
 * answer, got lost. The segment has to find its connection, so that another SYN can be made of it.
 */
function asksProxyAgain(t: Tracker, p: Packet, slot: number): boolean {
  const w = t.table.words;
  const base = slot << RECORD_SHIFT;
  if (w[base + R_LAST]! < 0 || t.table.coldOf(slot).help?.isProxied !== true) return false;
  return ((w[base + R_WINDOW + W_END]! - 1) | 0) === p.seq;
}

/** Whether an ACK in LAST_ACK is the challenge ACK to a SYN that was let through. */
function challengeAcked(w: Int32Array, base: number, direction: number): boolean {
  const last = w[base + R_LAST]!;
  const expected = LAST_EXP_CHALLENGE_ACK << LAST_FLAGS_SHIFT;
  if (direction === 0 || last >>> LAST_INDEX_SHIFT !== SYN) return false;
  if ((w[base + R_STATE]! & expected) === 0) return false;
  w[base + R_STATE] = w[base + R_STATE]! & ~expected;
  return true;
}

/** What resetState says: look at the window; do not; look at it, but keep the state. */
const RESET_CHECK = 0;
const RESET_IN_WINDOW = 1;
const RESET_KEEP = 2;
const RESET_INVALID = 3;

/** What a RST does (RFC 5961 section 3 from the middle's point of view). */
function resetState(t: Tracker, p: Packet, base: number, direction: number, oldState: number): number {
  const w = t.table.words;
  // closing already: the tuple may be in use again and the numbers out of date
  if (oldState === FW || oldState === LA || oldState === TW || oldState === CL || oldState === CW)
    return RESET_IN_WINDOW;
  const status = w[base + R_STATUS]!;
  const last = w[base + R_LAST]!;
  const lastIndex = (last >>> LAST_INDEX_SHIFT) & 0x7f;
  const peer = base + R_WINDOW + WINDOW_WORDS * (1 - direction);
  if ((w[peer + W_FLAGS]! & FLAG_MAXACK_SET) !== 0 && lastIndex !== SYN) {
    const established = oldState === ES && (status & IPS_ASSURED) !== 0;
    const seq = p.seq;
    const maxack = w[peer + W_MAXACK]!;
    // seq 0 outside an established connection answers a SYN that was let through
    if (seq === 0 && !established) return RESET_CHECK;
    if (((seq - maxack) | 0) < 0 && t.settings.value[SET_TCP_IGNORE_INVALID_RST] === 0) {
      t.invalid(p, REASON_TCP_RST, seq, maxack);
      return RESET_INVALID;
    }
    if (!established || seq === maxack) return RESET_CHECK;
    // part of a train: data, then a RST right behind it
    if (lastIndex === ACK && last >>> 31 === direction && seq === w[base + R_LAST_END]) return RESET_CHECK;
    // not exactly the next number: the receiver will answer with a challenge ACK, so keep the state
    return RESET_KEEP;
  }
  if (
    (((status & IPS_SEEN_REPLY) !== 0 && lastIndex === SYN && last >>> 31 !== direction) ||
      ((status & IPS_ASSURED) === 0 && lastIndex === ACK)) &&
    p.ack === w[base + R_LAST_END]
  )
    // answers the other side's SYN, or an ACK, that was let through: it may acknowledge what this table never took
    return RESET_IN_WINDOW;
  // answers a challenge ACK that was let through: in SYN_SENT no other ACK is
  if (oldState === SS && lastIndex === ACK && p.seq === w[base + R_LAST_ACK]) return RESET_IN_WINDOW;
  return RESET_CHECK;
}

/** A FIN or RST out of the window that gets an answer of its kind: the ends close, so the entry must not stay for days. */
function outOfWindow(t: Tracker, p: Packet, slot: number, direction: number, index: number): void {
  const w = t.table.words;
  const base = slot << RECORD_SHIFT;
  const status = w[base + R_STATUS]!;
  if ((status & IPS_ASSURED) === 0 || (status & IPS_FIXED_TIMEOUT) !== 0) return;
  if (index !== RST && index !== FIN) return;
  const last = w[base + R_LAST]!;
  const lastIndex = (last >>> LAST_INDEX_SHIFT) & 0x7f;
  if (last >>> 31 === direction || (lastIndex !== FIN && lastIndex !== RST)) {
    w[base + R_LAST] = (last & LAST_KEEP_MASK) | (index << LAST_INDEX_SHIFT) | (direction << 31);
    return;
  }
  const leftMs = (w[base + R_DEADLINE]! - t.nowMs) | 0;
  if (leftMs < INVALID_KEEP_MS) return;
  const timeout = t.timeoutsOf(slot, t.settings.tcp)[TCP_TIMEOUT_UNACK]!;
  if (leftMs <= timeout) return;
  t.remark(p, REASON_TCP_TIMEOUT_LOWERED, index, direction, lastIndex, timeout / 4);
  t.table.wheel.setDeadline(slot, t.nowMs, timeout);
}

/** An in-window segment: the new state, its timeout, and what follows from them. */
function accepted(
  t: Tracker,
  p: Packet,
  slot: number,
  direction: number,
  index: number,
  oldState: number,
  newState: number,
): number {
  const w = t.table.words;
  const base = slot << RECORD_SHIFT;
  const last = w[base + R_LAST]!;
  w[base + R_LAST] = (last & LAST_KEEP_MASK) | (index << LAST_INDEX_SHIFT) | (direction << 31);
  const original = base + R_WINDOW + W_FLAGS;
  if (newState !== oldState) {
    w[base + R_STATE] = (w[base + R_STATE]! & ~STATE_MASK) | newState;
    if (newState === FW)
      w[original + WINDOW_WORDS * direction] = w[original + WINDOW_WORDS * direction]! | FLAG_CLOSE_INIT;
    t.note(slot, IPCT_PROTOINFO);
  }

  const timeouts = t.timeoutsOf(slot, t.settings.tcp);
  let timeout = timeouts[newState]!;
  const retrans = (last >>> LAST_RETRANS_SHIFT) & 0xff;
  const flags = w[original]! | w[original + WINDOW_WORDS]!;
  if (retrans >= t.settings.value[SET_TCP_MAX_RETRANS]! && timeout > timeouts[TCP_TIMEOUT_RETRANS]!)
    timeout = timeouts[TCP_TIMEOUT_RETRANS]!;
  else if (index === RST) timeout = timeouts[CL]!;
  else if ((flags & FLAG_DATA_UNACKNOWLEDGED) !== 0 && timeout > timeouts[TCP_TIMEOUT_UNACK]!)
    timeout = timeouts[TCP_TIMEOUT_UNACK]!;
  else if ((last & LAST_WIN_MASK) === 0 && timeout > timeouts[TCP_TIMEOUT_RETRANS]!)
    timeout = timeouts[TCP_TIMEOUT_RETRANS]!;

  const status = w[base + R_STATUS]!;
  if ((status & IPS_SEEN_REPLY) === 0) {
    if (index === RST) {
      // refused: nothing was ever established
      t.account(slot, direction, p.l3Len);
      t.kill(slot);
      return TRACK_ACCEPT;
    }
    // a repeated SYN keeps the first one's deadline: else retries could hold an entry (and its NAT) for ever
    if (index === SYN && oldState === SS) return TRACK_ACCEPT;
    // picked up in the middle and one-sided so far: not for days
    if (newState === ES && timeout > timeouts[TCP_TIMEOUT_UNACK]!) timeout = timeouts[TCP_TIMEOUT_UNACK]!;
  } else if (newState === ES) t.setAssured(slot);
  t.refresh(slot, direction, p.l3Len, timeout);
  return TRACK_ACCEPT;
}
