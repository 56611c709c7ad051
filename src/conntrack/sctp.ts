/**
 * SCTP: the association's state by the chunks of both directions, and the verification tags of both (nf_conntrack_proto_sctp.c;
 * RFC 9260 sections 8.4 and 8.5).
 */
import { transportChecksumOk } from '../wire/checksum.js';
import { HAS_PULLED, HOOK_PREROUTING, type Packet } from '../wire/packet.js';
import { IPCT_PROTOINFO } from './events.js';
import {
  SCTP_CONNTRACK_COOKIE_ECHOED as CE,
  SCTP_CONNTRACK_CLOSED as CL,
  SCTP_CONNTRACK_COOKIE_WAIT as CW,
  SCTP_CONNTRACK_ESTABLISHED as ES,
  SCTP_CONNTRACK_HEARTBEAT_SENT as HS,
  IPS_CONFIRMED,
  R_STATE,
  R_STATUS,
  R_WINDOW,
  RECORD_SHIFT,
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
import { SET_CHECKSUM } from './sysctl.js';
import { TRACK_ACCEPT, TRACK_INVALID } from './track.js';
import type { Tracker } from './tracker.js';

const SCTP_HEADER = 12;
/** INIT and INIT ACK: initiate tag, window, streams, initial TSN. */
const INIT_FIELDS = 16;

const DATA = 0;
const INIT = 1;
const INIT_ACK = 2;
const HEARTBEAT = 4;
const HEARTBEAT_ACK = 5;
const ABORT = 6;
const SHUTDOWN = 7;
const SHUTDOWN_ACK = 8;
const ERROR = 9;
const COOKIE_ECHO = 10;
const COOKIE_ACK = 11;
const SHUTDOWN_COMPLETE = 14;
/** The T bit of ABORT and SHUTDOWN COMPLETE: the tag is the peer's own. */
const FLAG_T = 1;

/** Row of NEXT by chunk type; -1: the chunk changes nothing (DATA and SACK too) and begins nothing. */
const ROW = new Int8Array(256).fill(-1);
[
  INIT,
  INIT_ACK,
  ABORT,
  SHUTDOWN,
  SHUTDOWN_ACK,
  ERROR,
  COOKIE_ECHO,
  COOKIE_ACK,
  SHUTDOWN_COMPLETE,
  HEARTBEAT,
  HEARTBEAT_ACK,
].forEach((type, row) => {
  ROW[type] = row;
});

const IV = 9;
const STATES = 9;
const ROWS = 11;
/**
 * Next state by direction, row and state. Columns: NONE, CLOSED, COOKIE_WAIT, COOKIE_ECHOED, ESTABLISHED, SHUTDOWN_SENT,
 * SHUTDOWN_RECD, SHUTDOWN_ACK_SENT, HEARTBEAT_SENT.
 */
const NEXT = new Uint8Array([
  // original direction
  ...[CL, CL, CW, CE, ES, CL, CL, SA, CW], // INIT: a new association; after SHUTDOWN it begins afresh
  ...[CL, CL, CW, CE, ES, SS, SR, SA, CL], // INIT ACK: comes from the other side
  ...[CL, CL, CL, CL, CL, CL, CL, CL, CL], // ABORT: ends it in every state
  ...[CL, CL, CW, CE, SS, SS, SR, SA, CL], // SHUTDOWN: this side has sent everything
  ...[SA, CL, CW, CE, ES, SA, SA, SA, SA], // SHUTDOWN ACK
  ...[CL, CL, CW, CE, ES, SS, SR, SA, CL], // ERROR: a stale cookie cannot come from here
  ...[CL, CL, CE, CE, ES, SS, SR, SA, CL], // COOKIE ECHO: the third of four messages
  ...[CL, CL, CW, ES, ES, SS, SR, SA, CL], // COOKIE ACK: after crossing INITs it may come from here
  ...[CL, CL, CW, CE, ES, SS, SR, CL, CL], // SHUTDOWN COMPLETE
  ...[HS, CL, CW, CE, ES, SS, SR, SA, HS], // HEARTBEAT: may be the first to be seen on another path
  ...[CL, CL, CW, CE, ES, SS, SR, SA, HS], // HEARTBEAT ACK
  // reply direction
  ...[IV, CL, CW, CE, ES, SS, SR, SA, IV], // INIT: crossing
  ...[IV, CW, CW, CE, ES, SS, SR, SA, IV], // INIT ACK: the second of four messages
  ...[IV, CL, CL, CL, CL, CL, CL, CL, IV], // ABORT
  ...[IV, CL, CW, CE, SR, SS, SR, SA, IV], // SHUTDOWN: the other side has sent everything
  ...[IV, CL, CW, CE, ES, SA, SA, SA, IV], // SHUTDOWN ACK
  ...[IV, CL, CW, CL, ES, SS, SR, SA, IV], // ERROR: a stale cookie
  ...[IV, CL, CE, CE, ES, SS, SR, SA, IV], // COOKIE ECHO: after crossing INITs it may come from there
  ...[IV, CL, CW, ES, ES, SS, SR, SA, IV], // COOKIE ACK: the fourth of four messages
  ...[IV, CL, CW, CE, ES, SS, SR, CL, IV], // SHUTDOWN COMPLETE
  ...[IV, CL, CW, CE, ES, SS, SR, SA, HS], // HEARTBEAT
  ...[IV, CL, CW, CE, ES, SS, SR, SA, ES], // HEARTBEAT ACK: the path is alive both ways
]);

/**
 * Words of an SCTP record: tags of both directions; INIT seen in both; 1 + the direction of a HEARTBEAT whose tag was wrong, 0 = none
 * was.
 */
const R_TAG = R_WINDOW;
const R_INIT = R_WINDOW + 2;
const R_WRONG = R_WINDOW + 4;

function nextState(direction: number, state: number, type: number): number {
  const row = ROW[type]!;
  return row === -1 ? state : NEXT[(direction * ROWS + row) * STATES + state]!;
}

/** Offset after the chunk at `at`: chunks are padded to 4 bytes. */
function nextChunk(p: Packet, at: number): number {
  return at + ((p.view.getUint16(at + 2) + 3) & ~3);
}

function chunkThere(p: Packet, at: number): boolean {
  return at + 4 <= p.end;
}

function sctpError(t: Tracker, p: Packet): boolean {
  if (p.end - p.l4Off < SCTP_HEADER) return t.invalid(p, REASON_SCTP_SHORT, p.l3Off + p.l3Len - p.l4Off);
  if (p.hook !== HOOK_PREROUTING || t.settings.value[SET_CHECKSUM] === 0) return false;
  p.has |= HAS_PULLED; // sctp_error makes it writable to read it
  return !transportChecksumOk(p) && t.invalid(p, REASON_SCTP_CHECKSUM);
}

/** Notes which of the chunk types below 32 are there, as bits in `t.chunks`; false: chunks that may not stand together. */
function basicChecks(t: Tracker, p: Packet): boolean {
  t.chunks = 0;
  let alone = 0; // INIT, INIT ACK, SHUTDOWN COMPLETE may not be bundled
  let count = 0;
  for (let at = p.l4Off + SCTP_HEADER; chunkThere(p, at); at = nextChunk(p, at), count++) {
    const type = p.view.getUint8(at);
    const length = p.view.getUint16(at + 2);
    if (type === INIT || type === INIT_ACK || type === SHUTDOWN_COMPLETE) alone = 1;
    const late = (type === COOKIE_ACK || type === COOKIE_ECHO || alone === 1) && count !== 0;
    if (late || length === 0) {
      t.invalid(p, REASON_SCTP_CHUNKS, count, type, length, alone);
      return false;
    }
    if (type < 32) t.chunks |= 1 << type;
  }
  if (count === 0) t.invalidQuietly(p, REASON_SCTP_CHUNKS);
  return count !== 0;
}

/** Begins an association, all of whose words are 0, with its first packet; false: it cannot begin so. */
function sctpNew(t: Tracker, p: Packet, base: number): boolean {
  const w = t.table.words;
  const tag = p.view.getInt32(p.l4Off + 4);
  for (let at = p.l4Off + SCTP_HEADER; chunkThere(p, at); at = nextChunk(p, at)) {
    const type = p.view.getUint8(at);
    if (ROW[type] === -1 || (type === INIT && at + 4 + INIT_FIELDS > p.end)) {
      t.invalidQuietly(p, REASON_SCTP_INVALID_NEW, type);
      return false;
    }
    if (type === HEARTBEAT) w[base + R_TAG] = tag;
    // out of the blue: the SHUTDOWN COMPLETE that answers carries this tag (RFC 9260 section 8.4)
    else if (type === SHUTDOWN_ACK) w[base + R_TAG + 1] = tag;
  }
  return true;
}

/** Chunk types whose verification tag is checked chunk by chunk. */
const OWN_TAG_RULE =
  (1 << INIT) |
  (1 << SHUTDOWN_COMPLETE) |
  (1 << COOKIE_ECHO) |
  (1 << ABORT) |
  (1 << SHUTDOWN_ACK) |
  (1 << HEARTBEAT) |
  (1 << HEARTBEAT_ACK);
/** Chunk types that cannot begin an association. */
const OUT_OF_THE_BLUE = (1 << ABORT) | (1 << SHUTDOWN_COMPLETE) | (1 << COOKIE_ACK);

/** One SCTP packet of an association; returns TRACK_ACCEPT or TRACK_INVALID. */
export function sctpPacket(t: Tracker, p: Packet, slot: number, direction: number): number {
  if (sctpError(t, p)) return TRACK_INVALID;
  if (!basicChecks(t, p)) return TRACK_INVALID;
  const w = t.table.words;
  const base = slot << RECORD_SHIFT;
  if ((w[base + R_STATUS]! & IPS_CONFIRMED) === 0) {
    if ((t.chunks & OUT_OF_THE_BLUE) !== 0) {
      t.invalidQuietly(p, REASON_SCTP_OUT_OF_THE_BLUE);
      return TRACK_INVALID;
    }
    if (!sctpNew(t, p, base)) return TRACK_INVALID;
  }
  const tag = p.view.getInt32(p.l4Off + 4);
  if ((t.chunks & OWN_TAG_RULE) === 0 && tag !== w[base + R_TAG + direction]) {
    t.invalid(p, REASON_SCTP_TAG, tag, w[base + R_TAG + direction]!, direction);
    return TRACK_INVALID;
  }
  return chunks(t, p, slot, direction, tag);
}

/** What the special tag rules say of one chunk. */
const TAG_FINE = 0;
const TAG_WRONG = 1;
/** A HEARTBEAT with another tag: perhaps the other side restarted; passes once without effect. */
const TAG_IGNORE = 2;

function chunkTag(
  t: Tracker,
  p: Packet,
  base: number,
  direction: number,
  at: number,
  tag: number,
  ignore: boolean,
): number {
  const w = t.table.words;
  const type = p.view.getUint8(at);
  const own = w[base + R_TAG + direction]!;
  if (type === INIT) return tag === 0 ? TAG_FINE : TAG_WRONG;
  if (type === ABORT || type === SHUTDOWN_COMPLETE) {
    const peers = (p.view.getUint8(at + 1) & FLAG_T) !== 0;
    return tag === (peers ? w[base + R_TAG + 1 - direction]! : own) ? TAG_FINE : TAG_WRONG;
  }
  if (type === COOKIE_ECHO) return tag === own ? TAG_FINE : TAG_WRONG;
  if (type !== HEARTBEAT && type !== HEARTBEAT_ACK) return TAG_FINE;
  if (own === 0) {
    w[base + R_TAG + direction] = tag;
    return TAG_FINE;
  }
  if (tag === own) {
    w[base + R_WRONG] = 0;
    return TAG_FINE;
  }
  if ((t.chunks & (1 << DATA)) !== 0 || ignore) return TAG_WRONG;
  if (type === HEARTBEAT) {
    w[base + R_WRONG] = 1 + direction;
    return TAG_IGNORE;
  }
  // the answer to the other side's
  if (w[base + R_WRONG] !== 2 - direction) return TAG_WRONG;
  w[base + R_WRONG] = 0;
  w[base + R_TAG + direction] = tag;
  w[base + R_TAG + 1 - direction] = 0;
  return TAG_FINE;
}

/** Takes over the tag of an INIT or INIT ACK; false: it does not fit. */
function initTag(t: Tracker, p: Packet, base: number, direction: number, at: number, type: number): boolean {
  const w = t.table.words;
  if (at + 4 + INIT_FIELDS > p.end) return false;
  const tag = p.view.getInt32(at + 4);
  const peer = 1 - direction;
  const known = w[base + R_TAG + peer]!;
  if (type === INIT) {
    // a repeated one, or one with the tag of an INIT ACK, tells nothing new about who began
    if (known === tag && (w[base + R_STATUS]! & IPS_CONFIRMED) !== 0) return true;
    if (w[base + R_INIT + direction] !== 0) w[base + R_INIT + peer] = 0;
    w[base + R_INIT + direction] = 1;
  } else {
    if (w[base + R_INIT + peer] === 0 && known !== 0 && known !== tag) return false;
    // crossing INITs
    if (w[base + R_INIT + direction] !== 0 && w[base + R_INIT + peer] !== 0 && known !== tag) return false;
  }
  w[base + R_TAG + peer] = tag;
  return true;
}

function chunks(t: Tracker, p: Packet, slot: number, direction: number, tag: number): number {
  const w = t.table.words;
  const base = slot << RECORD_SHIFT;
  let ignore = false;
  for (let at = p.l4Off + SCTP_HEADER; chunkThere(p, at); at = nextChunk(p, at)) {
    const type = p.view.getUint8(at);
    const verdict = chunkTag(t, p, base, direction, at, tag, ignore);
    if (verdict === TAG_WRONG) {
      t.invalidQuietly(p, REASON_SCTP_CHUNK_TAG, type);
      return TRACK_INVALID;
    }
    if (verdict === TAG_IGNORE) ignore = true;
    const oldState = w[base + R_STATE]! & STATE_MASK;
    const newState = nextState(direction, oldState, type);
    if (newState === IV) {
      t.invalid(p, REASON_SCTP_STATE, oldState, direction, type);
      return TRACK_INVALID;
    }
    if (type === INIT || type === INIT_ACK) {
      if (!initTag(t, p, base, direction, at, type)) {
        t.invalidQuietly(p, REASON_SCTP_CHUNK_TAG, type);
        return TRACK_INVALID;
      }
      // a repeated INIT does not keep the entry: else it could hold a port (and NAT) for ever
      if (type === INIT && oldState === CL) ignore = true;
    }
    // the handshake is over: an INIT ACK may no longer bring a tag
    if (type === COOKIE_ACK) w[base + R_INIT] = w[base + R_INIT + 1] = 0;
    w[base + R_STATE] = (w[base + R_STATE]! & ~STATE_MASK) | newState;
    if (oldState === newState) continue;
    t.note(slot, IPCT_PROTOINFO);
    if (newState === ES) t.setAssured(slot);
  }
  if (ignore) return TRACK_ACCEPT;
  const state = w[base + R_STATE]! & STATE_MASK;
  t.refresh(slot, direction, p.l3Len, t.timeoutsOf(slot, t.settings.sctp)[state]!);
  return TRACK_ACCEPT;
}
