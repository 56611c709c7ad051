/** Connections and queries into messages, as ctnetlink_create_conntrack, ctnetlink_change_conntrack and ctnetlink_alloc_filter read them. */
import {
  type FlowDetails,
  type FlowRecord,
  PROTO_SCTP,
  PROTO_TCP,
  type SequenceAdjustment,
  STATUS_CONFIRMED,
} from '../flow/record.js';
import type { FlowChange, FlowQuery, NatRange, TuplePattern } from '../flow/source.js';
import { FlowSourceError } from '../flow/source.js';
import * as C from './constants.js';
import { addressBytes, writeAddresses, writeTuple } from './encode-tuple.js';
import { EINVAL } from './error.js';
import { LABEL_BITS, type LabelNames } from './labels.js';
import type { MessageWriter } from './writer.js';

/** IP_CT_TCP_FLAG_SACK_PERM and _BE_LIBERAL: a connection that begins in the middle has windows that nobody saw. */
const FLAGS_OF_UNSEEN_WINDOWS = 0x0a;

/** Writes what says which connection is meant: one tuple, the zone, and the id where it is known. */
export function writeKey(w: MessageWriter, record: FlowRecord, byReply: boolean, withId: boolean): void {
  if (byReply) writeDirection(w, record, true);
  else writeDirection(w, record, false);
  writeZone(w, record);
  if (withId && record.id !== null) w.be32(C.CTA_ID, record.id);
}

function writeDirection(w: MessageWriter, r: FlowRecord, isReply: boolean): void {
  const own = r.zoneOriginal === r.zoneReply ? 0 : isReply ? r.zoneReply : r.zoneOriginal;
  const type = isReply ? C.CTA_TUPLE_REPLY : C.CTA_TUPLE_ORIG;
  writeTuple(w, type, isReply ? r.reply : r.original, { protocol: r.protocol, zone: own });
}

function writeZone(w: MessageWriter, r: FlowRecord): void {
  if (r.zoneOriginal === r.zoneReply && r.zoneOriginal !== 0) w.be16(C.CTA_ZONE, r.zoneOriginal);
}

/** Writes a connection to create, or the changes to one. */
export function writeChange(w: MessageWriter, change: FlowChange, isCreate: boolean, names: LabelNames | null): void {
  const r = change.record;
  writeDirection(w, r, false);
  if (change.hasReply) writeDirection(w, r, true);
  writeZone(w, r);
  if (!isCreate && r.id !== null) w.be32(C.CTA_ID, r.id);
  // what is in the table is confirmed: without that bit the kernel takes the status for a change of it (EBUSY)
  if (change.hasStatus) w.be32(C.CTA_STATUS, r.status | STATUS_CONFIRMED);
  if (r.timeout !== null) w.be32(C.CTA_TIMEOUT, r.timeout);
  if (r.mark !== null) w.be32(C.CTA_MARK, r.mark);
  if (r.mark !== null && change.markMask !== undefined) w.be32(C.CTA_MARK_MASK, change.markMask);
  if (r.helper !== null) {
    const nest = w.open(C.CTA_HELP);
    w.text(C.CTA_HELP_NAME, r.helper).close(nest);
  }
  writeProtocolInfo(w, r);
  if (r.labels !== null) {
    w.raw(C.CTA_LABELS, labelBits(r.labels, names));
    if (change.labelMask !== null) w.raw(C.CTA_LABELS_MASK, labelBits(change.labelMask, names));
  }
  if (change.sourceNat !== null) writeNat(w, C.CTA_NAT_SRC, change.sourceNat);
  if (change.destinationNat !== null) writeNat(w, C.CTA_NAT_DST, change.destinationNat);
  if (r.details !== undefined) writeDetails(w, r.details);
}

/** Bits of labels by name or number, in the host's words. Throws a FlowSourceError for a name that no bit has. */
function labelBits(labels: readonly string[], names: LabelNames | null): Uint8Array {
  const words = new Uint32Array(LABEL_BITS / 32);
  for (const label of labels) {
    const known = names === null ? (/^\d+$/.test(label) ? Number(label) : -1) : names.bit(label);
    if (known < 0 || known >= LABEL_BITS) throw new FlowSourceError(`there is no label "${label}"`, EINVAL);
    words[known >> 5] |= 1 << (known & 31);
  }
  return new Uint8Array(words.buffer);
}

function writeProtocolInfo(w: MessageWriter, r: FlowRecord): void {
  if (r.protocol === PROTO_TCP && (r.state !== null || r.details?.tcp)) writeTcp(w, r);
  if (r.protocol === PROTO_SCTP && (r.state !== null || r.vtags !== null)) {
    const outer = w.open(C.CTA_PROTOINFO);
    const nest = w.open(C.CTA_PROTOINFO_SCTP);
    if (r.state !== null) w.u8(C.CTA_PROTOINFO_SCTP_STATE, r.state);
    if (r.vtags !== null) {
      w.u32(C.CTA_PROTOINFO_SCTP_VTAG_ORIGINAL, r.vtags.original);
      w.u32(C.CTA_PROTOINFO_SCTP_VTAG_REPLY, r.vtags.reply);
    }
    w.close(nest).close(outer);
  }
}

/** Each direction's flags are a byte of flags and a byte of those that count (struct nf_ct_tcp_flags). */
function writeTcp(w: MessageWriter, r: FlowRecord): void {
  const outer = w.open(C.CTA_PROTOINFO);
  const nest = w.open(C.CTA_PROTOINFO_TCP);
  if (r.state !== null) w.u8(C.CTA_PROTOINFO_TCP_STATE, r.state);
  const tcp = r.details?.tcp ?? null;
  if (tcp !== null) {
    w.u8(C.CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, tcp.scaleOriginal);
    w.u8(C.CTA_PROTOINFO_TCP_WSCALE_REPLY, tcp.scaleReply);
  }
  const flags = tcp === null ? FLAGS_OF_UNSEEN_WINDOWS : tcp.flagsOriginal;
  const back = tcp === null ? FLAGS_OF_UNSEEN_WINDOWS : tcp.flagsReply;
  const mask = tcp === null ? FLAGS_OF_UNSEEN_WINDOWS : 0xff;
  w.raw(C.CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, Uint8Array.of(flags, mask));
  w.raw(C.CTA_PROTOINFO_TCP_FLAGS_REPLY, Uint8Array.of(back, mask));
  w.close(nest).close(outer);
}

function writeNat(w: MessageWriter, type: number, range: NatRange): void {
  const outer = w.open(type);
  const first = addressBytes(range.first);
  const isV4 = first.length === 4;
  w.raw(isV4 ? C.CTA_NAT_V4_MINIP : C.CTA_NAT_V6_MINIP, first);
  w.raw(isV4 ? C.CTA_NAT_V4_MAXIP : C.CTA_NAT_V6_MAXIP, addressBytes(range.last));
  if (range.firstPort !== 0) {
    const nest = w.open(C.CTA_NAT_PROTO);
    w.be16(C.CTA_PROTONAT_PORT_MIN, range.firstPort);
    w.be16(C.CTA_PROTONAT_PORT_MAX, range.lastPort);
    w.close(nest);
  }
  w.close(outer);
}

function writeDetails(w: MessageWriter, d: FlowDetails): void {
  if (d.adjustOriginal !== null) writeSequence(w, C.CTA_SEQ_ADJ_ORIG, d.adjustOriginal);
  if (d.adjustReply !== null) writeSequence(w, C.CTA_SEQ_ADJ_REPLY, d.adjustReply);
  if (d.synproxy !== null) {
    const nest = w.open(C.CTA_SYNPROXY);
    w.be32(C.CTA_SYNPROXY_ISN, d.synproxy.isn);
    w.be32(C.CTA_SYNPROXY_ITS, d.synproxy.its);
    w.be32(C.CTA_SYNPROXY_TSOFF, d.synproxy.timestampOffset).close(nest);
  }
  if (d.master !== null) writeTuple(w, C.CTA_TUPLE_MASTER, d.master.tuple, { protocol: d.master.protocol, zone: 0 });
}

function writeSequence(w: MessageWriter, type: number, s: SequenceAdjustment): void {
  const nest = w.open(type);
  w.be32(C.CTA_SEQADJ_CORRECTION_POS, s.correctionPosition);
  w.be32(C.CTA_SEQADJ_OFFSET_BEFORE, s.offsetBefore);
  w.be32(C.CTA_SEQADJ_OFFSET_AFTER, s.offsetAfter).close(nest);
}

/**
 * Writes the parts of a query that the kernel can look at; the family is in the message's header.
 *
 * Tuples need a family (else EOPNOTSUPP). IPv6 addresses are left out: the kernel (5.8 to 6.18 at least) compares them the wrong way
 * round and would leave out just those that are wanted.
 */
export function writeQuery(w: MessageWriter, query: FlowQuery, family: number): void {
  if (query.mark !== null) w.be32(C.CTA_MARK, query.mark.value).be32(C.CTA_MARK_MASK, query.mark.mask);
  if (query.status !== null) w.be32(C.CTA_STATUS, query.status.value).be32(C.CTA_STATUS_MASK, query.status.mask);
  if (query.zone !== null) w.be16(C.CTA_ZONE, query.zone);
  if (query.tuple === null || family === 0) return;
  const { protocol } = query.tuple;
  const original = filterable(query.tuple.original);
  const reply = filterable(query.tuple.reply);
  const flags = patternFlags(original, protocol);
  const back = patternFlags(reply, protocol);
  if ((flags | back) === 0) return;
  const nest = w.open(C.CTA_FILTER);
  w.u32(C.CTA_FILTER_ORIG_FLAGS, flags).u32(C.CTA_FILTER_REPLY_FLAGS, back).close(nest);
  if (flags !== 0) writePattern(w, C.CTA_TUPLE_ORIG, original, protocol);
  if (back !== 0) writePattern(w, C.CTA_TUPLE_REPLY, reply, protocol);
}

function filterable(p: TuplePattern): TuplePattern {
  const only4 = (address: string | null): string | null => (address?.includes(':') ? null : address);
  return { ...p, source: only4(p.source), destination: only4(p.destination) };
}

function patternFlags(p: TuplePattern, protocol: number): number {
  let flags = 0;
  if (p.source !== null) flags |= C.FILTER_IP_SRC;
  if (p.destination !== null) flags |= C.FILTER_IP_DST;
  if (protocol <= 0) return flags;
  flags |= C.FILTER_PROTO_NUM;
  // a port is one of a protocol
  if (p.sourcePort >= 0) flags |= C.FILTER_SRC_PORT;
  if (p.destinationPort >= 0) flags |= C.FILTER_DST_PORT;
  return flags;
}

function writePattern(w: MessageWriter, type: number, p: TuplePattern, protocol: number): void {
  const outer = w.open(type);
  writeAddresses(w, p.source, p.destination);
  const nest = w.open(C.CTA_TUPLE_PROTO);
  if (protocol > 0) w.u8(C.CTA_PROTO_NUM, protocol);
  if (p.sourcePort >= 0) w.be16(C.CTA_PROTO_SRC_PORT, p.sourcePort);
  if (p.destinationPort >= 0) w.be16(C.CTA_PROTO_DST_PORT, p.destinationPort);
  w.close(nest);
  w.close(outer);
}
