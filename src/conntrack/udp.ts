/**
 * UDP and UDP-Lite: a connection is a pair of address and port; a reply makes it two-way, traffic that goes on for more than
 * two seconds makes it a stream (nf_conntrack_proto_udp.c).
 */
import { transportChecksumOk } from '../wire/checksum.js';
import { HOOK_PREROUTING, type Packet } from '../wire/packet.js';
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_NAT_CLASH,
  IPS_SEEN_REPLY,
  R_STATUS,
  R_WINDOW,
  RECORD_SHIFT,
} from './layout.js';
import {
  REASON_UDP_CHECKSUM,
  REASON_UDP_LENGTH,
  REASON_UDP_SHORT,
  REASON_UDPLITE_COVERAGE,
  REASON_UDPLITE_NO_CHECKSUM,
} from './reasons.js';
import { SET_CHECKSUM, TIMEOUT_REPLIED, TIMEOUT_UNREPLIED } from './sysctl.js';
import { TRACK_ACCEPT, TRACK_INVALID } from './track.js';
import type { Tracker } from './tracker.js';

const UDP_HEADER = 8;
/** A flow that is older than this when a packet comes is a stream. */
const STREAM_AFTER_MS = 2000;
/** R_WINDOW of a UDP record: when it counts as a stream (ms of the table's clock). */
const R_STREAM_AT = R_WINDOW;

function udpError(t: Tracker, p: Packet): boolean {
  const there = p.l3Off + p.l3Len - p.l4Off;
  if (p.end - p.l4Off < UDP_HEADER) return t.invalid(p, REASON_UDP_SHORT, there);
  const length = p.view.getUint16(p.l4Off + 4);
  if (length > there || length < UDP_HEADER) return t.invalid(p, REASON_UDP_LENGTH, length, there);
  return wrongSum(t, p);
}

/** One UDP packet of a connection; returns TRACK_ACCEPT or TRACK_INVALID. */
export function udpPacket(t: Tracker, p: Packet, slot: number, direction: number): number {
  if (udpError(t, p)) return TRACK_INVALID;
  const w = t.table.words;
  const base = slot << RECORD_SHIFT;
  const status = w[base + R_STATUS]!;
  const timeouts = t.timeoutsOf(slot, t.settings.udp);
  if ((status & IPS_CONFIRMED) === 0) w[base + R_STREAM_AT] = (t.nowMs + STREAM_AFTER_MS) | 0;
  if ((status & IPS_SEEN_REPLY) === 0) {
    t.refresh(slot, direction, p.l3Len, timeouts[TIMEOUT_UNREPLIED]!);
    return TRACK_ACCEPT;
  }
  // what is assured is one for good: the difference wraps after 25 days, a time that tunnels reach
  const stream = (status & IPS_ASSURED) !== 0 || ((t.nowMs - w[base + R_STREAM_AT]!) | 0) > 0;
  t.refresh(slot, direction, p.l3Len, timeouts[stream ? TIMEOUT_REPLIED : TIMEOUT_UNREPLIED]!);
  // an entry that clashed must end soon: it is never assured
  if (stream && (status & IPS_NAT_CLASH) === 0) t.setAssured(slot);
  return TRACK_ACCEPT;
}

function udpLiteError(t: Tracker, p: Packet): boolean {
  const there = p.l3Off + p.l3Len - p.l4Off;
  if (p.end - p.l4Off < UDP_HEADER) return t.invalid(p, REASON_UDP_SHORT, there);
  const coverage = p.view.getUint16(p.l4Off + 4);
  if (coverage !== 0 && (coverage < UDP_HEADER || coverage > there))
    return t.invalid(p, REASON_UDPLITE_COVERAGE, coverage, there);
  if (p.view.getUint16(p.l4Off + 6) === 0) return t.invalid(p, REASON_UDPLITE_NO_CHECKSUM);
  return wrongSum(t, p);
}

function wrongSum(t: Tracker, p: Packet): boolean {
  if (p.hook !== HOOK_PREROUTING || t.settings.value[SET_CHECKSUM] === 0 || transportChecksumOk(p)) return false;
  return t.invalid(p, REASON_UDP_CHECKSUM);
}

/** One UDP-Lite packet of a connection. */
export function udpLitePacket(t: Tracker, p: Packet, slot: number, direction: number): number {
  if (udpLiteError(t, p)) return TRACK_INVALID;
  const timeouts = t.timeoutsOf(slot, t.settings.udp);
  const status = t.table.words[(slot << RECORD_SHIFT) + R_STATUS]!;
  const replied = (status & IPS_SEEN_REPLY) !== 0;
  t.refresh(slot, direction, p.l3Len, timeouts[replied ? TIMEOUT_REPLIED : TIMEOUT_UNREPLIED]!);
  if (replied && (status & (IPS_NAT_CLASH | IPS_ASSURED)) === 0) t.setAssured(slot);
  return TRACK_ACCEPT;
}
