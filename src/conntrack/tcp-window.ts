/**
 * TCP window tracking: is a segment inside what its sender may send and acknowledge? (nf_conntrack_proto_tcp.c,
 * tcp_in_window; the idea is Guido van Rooij's "Real Stateful TCP Packet Filtering in IP Filter").
 *
 * Each direction keeps four numbers: the highest end of a segment sent (end), the highest end that its peer allows (maxend),
 * the largest window that it offered (maxwin) and the highest ACK that it sent (maxack). A segment is taken if
 *   I   seq <= the sender's maxend             not beyond the receiver's window
 *   II  end >= the sender's end - the receiver's maxwin   not from long ago
 *   III ack <= the receiver's end              nothing acknowledged that was not seen
 *   IV  ack >= the receiver's end - max(66000, the sender's maxwin)   not acknowledging long ago
 * All arithmetic is modulo 2^32 on Int32. "a is after b" is b - a < 0, as the kernel has it: numbers half the circle apart are each
 * after the other.
 */
import type { Packet } from '../wire/packet.js';
import { readTcpOptions, tcpSackEnd } from '../wire/tcp-options.js';
import {
  IPS_SEQ_ADJUST,
  R_LAST,
  R_LAST_ACK,
  R_LAST_END,
  R_LAST_SEQ,
  R_STATE,
  R_STATUS,
  R_WINDOW,
  RECORD_SHIFT,
  STATE_MASK,
  TCP_CONNTRACK_SYN_RECV,
  TCP_CONNTRACK_SYN_SENT,
  W_END,
  W_FLAGS,
  W_MAXACK,
  W_MAXEND,
  W_MAXWIN,
  WINDOW_WORDS,
} from './layout.js';
import {
  REASON_TCP_ACK_OVER,
  REASON_TCP_ACK_UNDER,
  REASON_TCP_OVERSHOT,
  REASON_TCP_SEQ_OVER,
  REASON_TCP_SEQ_UNDER,
} from './reasons.js';
import { seqOffset } from './seqadj.js';
import { SET_TCP_LIBERAL } from './sysctl.js';
import type { Tracker } from './tracker.js';

export const TH_FIN = 1;
export const TH_SYN = 2;
export const TH_RST = 4;
export const TH_PSH = 8;
export const TH_ACK = 16;
export const TH_URG = 32;

/** W_FLAGS: window scale in the low byte, these flags above (IP_CT_TCP_FLAG_ of nf_conntrack_tcp.h, shifted by 8). */
export const FLAG_WINDOW_SCALE = 0x01 << 8;
export const FLAG_SACK_PERM = 0x02 << 8;
export const FLAG_CLOSE_INIT = 0x04 << 8;
export const FLAG_BE_LIBERAL = 0x08 << 8;
export const FLAG_DATA_UNACKNOWLEDGED = 0x10 << 8;
export const FLAG_MAXACK_SET = 0x20 << 8;
/** Of the last_flags only: kept in R_STATE bits 12-19 (R_STATE = state | last_wscale << 8 | last_flags << 12). */
export const LAST_EXP_CHALLENGE_ACK = 0x40;
export const LAST_SIMULTANEOUS_OPEN = 0x80;

/** R_LAST: last_win | retrans << 16 | last_index << 24 | last_dir << 31. */
export const LAST_WIN_MASK = 0xffff;
export const LAST_RETRANS_SHIFT = 16;
export const LAST_INDEX_SHIFT = 24;

/** Result of the window check. */
export const WINDOW_ACCEPT = 1;
export const WINDOW_IGNORE = 0;
export const WINDOW_INVALID = -1;

/** An ACK may lag this far behind whatever the window says. */
const MAX_ACK_WINDOW = 66000;
/** get_conntrack_index's number of a plain ACK. */
const INDEX_ACK = 3;

/** Sequence number after the segment: SYN and FIN count one each (RFC 9293 section 3.4). */
export function segmentEnd(p: Packet): number {
  const flags = p.tcpFlags;
  const payload = p.l3Off + p.l3Len - p.payloadOff;
  return (p.seq + payload + ((flags >> 1) & 1) + (flags & 1)) | 0;
}

/**
 * Reads window scale and SACK-permitted from a segment's options into a W_FLAGS word and returns it. Without options the
 * word stays; with any, everything but BE_LIBERAL is forgotten first.
 */
export function readOptions(t: Tracker, p: Packet, word: number): number {
  if (p.payloadOff - p.l4Off === 20) return word;
  const options = t.tcpOptions;
  readTcpOptions(p, options);
  let result = word & FLAG_BE_LIBERAL;
  if (options.sackPermitted) result |= FLAG_SACK_PERM;
  if (options.windowScale >= 0) result |= options.windowScale | FLAG_WINDOW_SCALE;
  return result;
}

/** Begins a direction's window with a SYN or SYN-ACK. */
function initSender(t: Tracker, sender: number, receiver: number, p: Packet, end: number, direction: number): void {
  const w = t.table.words;
  w[sender + W_END] = end;
  w[sender + W_MAXEND] = end;
  w[sender + W_MAXWIN] = p.window === 0 ? 1 : p.window;
  const flags = readOptions(t, p, w[sender + W_FLAGS]!);
  w[sender + W_FLAGS] = flags;
  // RFC 7323 section 2.2: scaling holds only if both sides offer it
  if (direction === 1 && (flags & w[receiver + W_FLAGS]! & FLAG_WINDOW_SCALE) === 0) {
    w[sender + W_FLAGS] = flags & ~0xff;
    w[receiver + W_FLAGS] = w[receiver + W_FLAGS]! & ~0xff;
  }
}

/** Begins a direction's window in the middle of a connection. */
function pickUpSender(w: Int32Array, sender: number, receiver: number, p: Packet, end: number, sack: number): void {
  const window = p.window << (w[sender + W_FLAGS]! & 0xff);
  w[sender + W_END] = end;
  w[sender + W_MAXWIN] = window === 0 ? 1 : window;
  w[sender + W_MAXEND] = (end + w[sender + W_MAXWIN]!) | 0;
  if (w[receiver + W_MAXWIN] === 0) {
    // nothing came from the other side yet: let III and IV pass until it does
    w[receiver + W_END] = sack;
    w[receiver + W_MAXEND] = sack;
  } else if (sack === ((w[receiver + W_END]! + 1) | 0)) {
    w[receiver + W_END] = sack; // the answer to a keep-alive
  }
}

/** A failed test: with liberal tracking the segment is taken all the same (and moves nothing). */
function fail(t: Tracker, p: Packet, senderFlags: number, result: number, code: number, a: number, b = 0): number {
  if ((senderFlags & FLAG_BE_LIBERAL) !== 0 || t.settings.value[SET_TCP_LIBERAL] !== 0) return WINDOW_ACCEPT;
  if (result === WINDOW_IGNORE) t.remark(p, code, a, b);
  else t.invalid(p, code, a, b);
  return result;
}

/**
 * Checks one segment against both windows and moves them. `index` is the segment's kind (get_conntrack_index). Returns
 * WINDOW_ACCEPT, WINDOW_IGNORE (passes, without effect on the state) or WINDOW_INVALID.
 */
export function inWindow(t: Tracker, p: Packet, slot: number, direction: number, index: number): number {
  const w = t.table.words;
  const base = slot << RECORD_SHIFT;
  const sender = base + R_WINDOW + WINDOW_WORDS * direction;
  const receiver = base + R_WINDOW + WINDOW_WORDS * (1 - direction);
  const flags = p.tcpFlags;
  const state = w[base + R_STATE]! & STATE_MASK;
  const end0 = segmentEnd(p);
  let seq = p.seq;
  let end = end0;
  let ack = p.ack;
  let sack = ack;
  if ((w[receiver + W_FLAGS]! & FLAG_SACK_PERM) !== 0) sack = tcpSackEnd(p);
  if ((w[base + R_STATUS]! & IPS_SEQ_ADJUST) !== 0) {
    // acknowledgments come in numbers of behind, the windows are kept in the senders' own
    const offset = seqOffset(t.table.coldOf(slot).help!, 1 - direction, (ack - 1) | 0);
    ack = (ack - offset) | 0;
    sack = (sack - offset) | 0;
  }

  if (w[sender + W_MAXWIN] === 0) {
    if ((flags & TH_SYN) !== 0) {
      initSender(t, sender, receiver, p, end, direction);
      if ((flags & TH_ACK) === 0) return WINDOW_ACCEPT; // simultaneous open
    } else pickUpSender(w, sender, receiver, p, end, sack);
  } else if (
    (flags & TH_SYN) !== 0 &&
    ((w[sender + W_END]! - end) | 0) < 0 &&
    (state === TCP_CONNTRACK_SYN_SENT || state === TCP_CONNTRACK_SYN_RECV)
  ) {
    // the sender began anew with a later sequence number, perhaps with other options
    initSender(t, sender, receiver, p, end, direction);
    if (direction === 1 && (flags & TH_ACK) === 0) return WINDOW_ACCEPT;
  }

  const receiverEnd = w[receiver + W_END]!;
  // no ACK, or the 0 that broken stacks put into a RST: take it as fine
  if ((flags & TH_ACK) === 0 || ((flags & TH_RST) !== 0 && ack === 0)) ack = sack = receiverEnd;
  // a RST that answers a SYN has no sequence number of its own
  if ((flags & TH_RST) !== 0 && seq === 0 && state === TCP_CONNTRACK_SYN_SENT) seq = end = w[sender + W_END]!;

  const senderFlags = w[sender + W_FLAGS]!;
  const upperSeq = (w[sender + W_MAXEND]! + 1) | 0;
  const receiverMaxwin = w[receiver + W_MAXWIN]!;
  const lowerEnd = (w[sender + W_END]! - receiverMaxwin - 1) | 0;
  const ackWindow = w[sender + W_MAXWIN]! >>> 0 > MAX_ACK_WINDOW ? w[sender + W_MAXWIN]! : MAX_ACK_WINDOW;
  const lowerAck = (receiverEnd - ackWindow - 1) | 0;
  const upperAck = (receiverEnd + 1) | 0;

  if (((seq - upperSeq) | 0) >= 0) {
    const overshot = (end - w[sender + W_MAXEND]! + 1) | 0;
    if (
      receiverMaxwin !== 0 &&
      ((lowerEnd - end) | 0) < 0 &&
      ((lowerAck - sack) | 0) < 0 &&
      overshot >>> 0 <= receiverMaxwin >>> 0 &&
      ((sack - upperAck) | 0) < 0
    ) {
      // more than the window allows, else fine: note the end, so that the peer's ACK of it is not INVALID later
      w[sender + W_END] = end;
      w[sender + W_FLAGS] = senderFlags | FLAG_DATA_UNACKNOWLEDGED;
      return fail(t, p, senderFlags, WINDOW_IGNORE, REASON_TCP_OVERSHOT, overshot);
    }
    return fail(t, p, senderFlags, WINDOW_INVALID, REASON_TCP_SEQ_OVER, seq, upperSeq);
  }
  if (((sack - upperAck) | 0) >= 0) return fail(t, p, senderFlags, WINDOW_INVALID, REASON_TCP_ACK_OVER, sack, upperAck);
  if (receiverMaxwin !== 0 && ((lowerEnd - end) | 0) >= 0)
    return fail(t, p, senderFlags, WINDOW_IGNORE, REASON_TCP_SEQ_UNDER, end, lowerEnd);
  if (((lowerAck - sack) | 0) >= 0) return fail(t, p, senderFlags, WINDOW_IGNORE, REASON_TCP_ACK_UNDER, sack, lowerAck);

  moveWindows(w, sender, receiver, p, end, ack, sack);
  if (index === INDEX_ACK) countRetransmission(w, base, direction, seq, ack, end, p.window);
  return WINDOW_ACCEPT;
}

function moveWindows(
  w: Int32Array,
  sender: number,
  receiver: number,
  p: Packet,
  end: number,
  ack: number,
  sack: number,
): void {
  const senderFlags = w[sender + W_FLAGS]!;
  const window = (p.tcpFlags & TH_SYN) !== 0 ? p.window : p.window << (senderFlags & 0xff);
  const offered = (window + ((sack - ack) | 0)) | 0;
  let flags = senderFlags;
  if (w[sender + W_MAXWIN]! >>> 0 < offered >>> 0) w[sender + W_MAXWIN] = offered;
  if (((w[sender + W_END]! - end) | 0) < 0) {
    w[sender + W_END] = end;
    flags |= FLAG_DATA_UNACKNOWLEDGED;
  }
  if ((p.tcpFlags & TH_ACK) !== 0) {
    if ((flags & FLAG_MAXACK_SET) === 0) {
      w[sender + W_MAXACK] = ack;
      flags |= FLAG_MAXACK_SET;
    } else if (((w[sender + W_MAXACK]! - ack) | 0) < 0) w[sender + W_MAXACK] = ack;
  }
  if (flags !== senderFlags) w[sender + W_FLAGS] = flags;

  const before = (w[sender + W_MAXEND]! - end) | 0;
  if (w[receiver + W_MAXWIN] !== 0 && before < 0) w[receiver + W_MAXWIN] = (w[receiver + W_MAXWIN]! - before) | 0;
  const allowed = (sack + window) | 0;
  if (((w[receiver + W_MAXEND]! - 1 - allowed) | 0) < 0)
    w[receiver + W_MAXEND] = window === 0 ? (allowed + 1) | 0 : allowed;
  if (ack === w[receiver + W_END] && (w[receiver + W_FLAGS]! & FLAG_DATA_UNACKNOWLEDGED) !== 0)
    w[receiver + W_FLAGS] = w[receiver + W_FLAGS]! & ~FLAG_DATA_UNACKNOWLEDGED;
}

/** The same ACK again and again is a retransmission: after tcp_max_retrans of them the timeout is shorter. */
function countRetransmission(
  w: Int32Array,
  base: number,
  direction: number,
  seq: number,
  ack: number,
  end: number,
  window: number,
): void {
  const last = w[base + R_LAST]!;
  if (
    last >>> 31 === direction &&
    w[base + R_LAST_SEQ] === seq &&
    w[base + R_LAST_ACK] === ack &&
    w[base + R_LAST_END] === end &&
    (last & LAST_WIN_MASK) === window
  ) {
    const retrans = (((last >>> LAST_RETRANS_SHIFT) & 0xff) + 1) & 0xff;
    w[base + R_LAST] = (last & ~(0xff << LAST_RETRANS_SHIFT)) | (retrans << LAST_RETRANS_SHIFT);
    return;
  }
  w[base + R_LAST_SEQ] = seq;
  w[base + R_LAST_ACK] = ack;
  w[base + R_LAST_END] = end;
  w[base + R_LAST] = (last & (0x7f << LAST_INDEX_SHIFT)) | (direction << 31) | window;
}
