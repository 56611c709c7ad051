/**
 * Which records a listing shows: the filters of conntrack(8) 1.4.7 as data, and the function that applies them. Every part is null
 * (or empty) where anything will do; a record has to satisfy all the others.
 *
 * The original has ways of its own, which scripts may lean on. `asOriginal` keeps them; without it the options do what they say:
 * - GRE keys are taken and not looked at, and so is a security mark (-c).
 * - An IPv6 address after -n, -g or -j is taken and not looked at; its port is.
 * - -j with an address finds nothing as soon as -p, -s, -d, -r, -q, -m, -u, -c, -l or a zone is asked for too.
 * - DCCP's ports and states are never equal: the kernel no longer tracks it.
 * - -n, -g and -j without an address find pings that went through the nat table, translated or not: an ICMP id is compared with the
 *   type and code of the answers as if both were ports.
 */
import { formatAddress, parseAddress, parseInto, prefixMask } from './address.js';
import {
  type ExpectationRecord,
  type FlowRecord,
  type FlowTuple,
  isNatDone,
  isTranslated,
  PROTO_DCCP,
  PROTO_GRE,
  STATUS_CONFIRMED,
} from './record.js';

/** An address, and the bits of it that count. */
export interface AddressFilter {
  /** 2: IPv4, 10: IPv6; records of the other family do not match. */
  family: 2 | 10;
  /** The address in its short form; all bits count where `isWhole` is set. */
  text: string;
  /** Its words, masked. */
  words: Int32Array;
  /** Words of the mask. */
  mask: Int32Array;
  /** Whether all bits count. */
  isWhole: boolean;
  /** Room for the words of the address that is compared. */
  scratch: Int32Array;
}

/** What a direction's tuple has to have. */
export interface TupleFilter {
  /** -s, -r. The original takes a mask with -s only. */
  source: AddressFilter | null;
  /** -d, -q. */
  destination: AddressFilter | null;
  /** --sport, --reply-port-src. */
  sourcePort: number | null;
  /** --dport, --reply-port-dst. */
  destinationPort: number | null;
  /** --srckey, --reply-key-src. */
  sourceKey: number | null;
  /** --dstkey, --reply-key-dst. */
  destinationKey: number | null;
  /** --icmp-type, --icmpv6-type; of the original direction only. */
  icmpType: number | null;
  /** --icmp-code, --icmpv6-code. */
  icmpCode: number | null;
  /** --icmp-id, --icmpv6-id. */
  icmpId: number | null;
}

/** A translation: -n, -g, -j. Both null: any. A port counts only where the port was translated. */
export interface NatFilter {
  /** The address after translation, in its short form. */
  address: string | null;
  /** The port after translation. */
  port: number | null;
}

/** Bits of which those under `mask` have to be `value`. */
export interface MaskedFilter {
  /** Unsigned 32 bits. */
  value: number;
  /** Unsigned 32 bits. */
  mask: number;
}

/** Which records are wanted. */
export interface FlowFilter {
  /** -f: AF_INET 2, AF_INET6 10; 0: both. */
  family: 0 | 2 | 10;
  /** -p. */
  protocol: number | null;
  /** What the original direction has to have. */
  original: TupleFilter;
  /** What the reply direction has to have. */
  reply: TupleFilter;
  /** --state: the number of the protocol's state. */
  state: number | null;
  /** --orig-vtag. */
  originalVtag: number | null;
  /** --reply-vtag. */
  replyVtag: number | null;
  /**
   * -u (statusFilter makes it). -L asks the kernel, which refuses a mask of 0 as EINVAL; -D looks itself, and only at the bits of
   * `value`: give it as the mask too.
   */
  status: MaskedFilter | null;
  /** -m. A record without a mark (a DESTROY event where it is 0) never matches. */
  mark: MaskedFilter | null;
  /** -c: the security mark, which no record has. */
  secmark: number | null;
  /** Security context, which the original has no option for. */
  secctx: string | null;
  /** -l: names (or numbers, as records have them) of labels that all have to be set. */
  labels: readonly string[];
  /** -w: a zone of both directions; 0 is also that of a connection whose directions have different ones. */
  zone: number | null;
  /** --orig-zone: a zone of this direction alone; 0 is also that of a connection with one zone for both. */
  zoneOriginal: number | null;
  /** --reply-zone, likewise. */
  zoneReply: number | null;
  /** -n. */
  sourceNat: NatFilter | null;
  /** -g. */
  destinationNat: NatFilter | null;
  /** -j: either of the two. */
  anyNat: NatFilter | null;
  /** Name of the helper, which the original has no option for. */
  helper: string | null;
  /** -i: the number that `-o id` shows. */
  id: number | null;
  /** Whether the original's ways are kept (see above). */
  asOriginal: boolean;
}

/** A filter that everything matches. */
export function newFilter(asOriginal = true): FlowFilter {
  return {
    family: 0,
    protocol: null,
    original: newTupleFilter(),
    reply: newTupleFilter(),
    state: null,
    originalVtag: null,
    replyVtag: null,
    status: null,
    mark: null,
    secmark: null,
    secctx: null,
    labels: [],
    zone: null,
    zoneOriginal: null,
    zoneReply: null,
    sourceNat: null,
    destinationNat: null,
    anyNat: null,
    helper: null,
    id: null,
    asOriginal,
  };
}

function newTupleFilter(): TupleFilter {
  return {
    source: null,
    destination: null,
    sourcePort: null,
    destinationPort: null,
    sourceKey: null,
    destinationKey: null,
    icmpType: null,
    icmpCode: null,
    icmpId: null,
  };
}

/**
 * A filter from an address: `10.0.0.0/8`, `fd00::/16`, `10.0.0.1`. `mask`, an address, stands in place of a prefix (--mask-src).
 * Null where one of them is no address of the same family, or the prefix too long.
 */
export function addressFilter(text: string, mask: string | null = null): AddressFilter | null {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === null) return null;
  const bits = address.family === 2 ? 32 : 128;
  let maskWords = prefixMask(bits, bits);
  if (mask !== null) {
    const parsed = parseAddress(mask);
    if (parsed === null || parsed.family !== address.family) return null;
    maskWords = parsed.words;
  } else if (slash >= 0) {
    const prefix = text.slice(slash + 1);
    if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > bits) return null;
    maskWords = prefixMask(Number(prefix), bits);
  }
  const whole = prefixMask(bits, bits);
  return {
    family: address.family,
    text: formatAddress(address.family, address.words),
    words: address.words.map((w, i) => w & maskWords[i]),
    mask: maskWords,
    isWhole: whole.every((w, i) => maskWords[i] === w),
    scratch: new Int32Array(4),
  };
}

/**
 * What one more -u adds to `previous`: `bits` are the STATUS_ bits that it names, `isUnreplied` whether UNREPLIED is among them.
 * As the original: bits add up, but of several -u only the first one's are looked at, and those of UNREPLIED.
 */
export function statusFilter(previous: MaskedFilter | null, bits: number, isUnreplied: boolean): MaskedFilter {
  const value = (previous?.value ?? 0) | bits;
  const mask = (previous?.mask ?? 0) | (isUnreplied ? 2 : 0);
  return { value, mask: mask === 0 ? value : mask };
}

/** Whether the record is one of those wanted. */
export function matches(f: FlowFilter, r: FlowRecord): boolean {
  if (f.family !== 0 && f.family !== r.family) return false;
  if (f.protocol !== null && f.protocol !== r.protocol) return false;
  if (f.mark !== null && !isMasked(f.mark, r.mark)) return false;
  if (f.status !== null && !isMasked(f.status, r.status)) return false;
  if (!tupleMatches(f.original, r.original, r, f.asOriginal)) return false;
  if (!tupleMatches(f.reply, r.reply, r, f.asOriginal)) return false;
  return zonesMatch(f, r) && natMatches(f, r) && restMatches(f, r);
}

/**
 * Whether the expectation is one of those wanted: its family, protocol, the original's tuple as what is expected, zone, helper. The
 * other parts say nothing of an expectation. (The original takes -f only.)
 */
export function matchesExpectation(f: FlowFilter, e: ExpectationRecord): boolean {
  if (f.family !== 0 && f.family !== e.family) return false;
  if (f.protocol !== null && f.protocol !== e.protocol) return false;
  if (f.zone !== null && f.zone !== e.zone) return false;
  if (f.helper !== null && f.helper !== e.helper) return false;
  return tupleMatches(f.original, e.tuple, e, false);
}

function isMasked(f: MaskedFilter, value: number | null): boolean {
  return value !== null && ((value & f.mask) ^ f.value) === 0;
}

function tupleMatches(
  f: TupleFilter,
  t: FlowTuple,
  r: { family: number; protocol: number },
  asOriginal: boolean,
): boolean {
  if (f.source !== null && !addressMatches(f.source, t.source, r.family)) return false;
  if (f.destination !== null && !addressMatches(f.destination, t.destination, r.family)) return false;
  const ports = asOriginal && r.protocol === PROTO_DCCP ? null : t.ports;
  if (f.sourcePort !== null && f.sourcePort !== ports?.source) return false;
  if (f.destinationPort !== null && f.destinationPort !== ports?.destination) return false;
  if (f.icmpType !== null && f.icmpType !== t.icmp?.type) return false;
  if (f.icmpCode !== null && f.icmpCode !== t.icmp?.code) return false;
  if (f.icmpId !== null && f.icmpId !== t.icmp?.id) return false;
  if (asOriginal && r.protocol === PROTO_GRE) return true;
  if (f.sourceKey !== null && f.sourceKey !== t.keys?.source) return false;
  return f.destinationKey === null || f.destinationKey === t.keys?.destination;
}

function addressMatches(f: AddressFilter, text: string, family: number): boolean {
  if (f.family !== family) return false;
  if (f.isWhole) return f.text === text;
  const words = f.scratch;
  if (parseInto(text, words) !== family) return false;
  for (let i = 0; i < 4; i++) {
    if (((words[i] & f.mask[i]) ^ f.words[i]) !== 0) return false;
  }
  return true;
}

function zonesMatch(f: FlowFilter, r: FlowRecord): boolean {
  const isOne = r.zoneOriginal === r.zoneReply;
  if (f.zone !== null && f.zone !== (isOne ? r.zoneOriginal : 0)) return false;
  if (f.zoneOriginal !== null && f.zoneOriginal !== (isOne ? 0 : r.zoneOriginal)) return false;
  return f.zoneReply === null || f.zoneReply === (isOne ? 0 : r.zoneReply);
}

function natMatches(f: FlowFilter, r: FlowRecord): boolean {
  if (f.sourceNat !== null && !natMatchesHalf(f.sourceNat, f, r, true)) return false;
  if (f.destinationNat !== null && !natMatchesHalf(f.destinationNat, f, r, false)) return false;
  if (f.anyNat === null) return true;
  if (f.asOriginal && f.anyNat.address !== null && compares(f)) return false;
  return natMatchesHalf(f.anyNat, f, r, true) || natMatchesHalf(f.anyNat, f, r, false);
}

/** Whether the source (or destination) was translated to what is asked for. */
function natMatchesHalf(n: NatFilter, f: FlowFilter, r: FlowRecord, isSource: boolean): boolean {
  const isIpv6 = r.family === 10;
  if (!isNatDone(r, isSource) || (n.address !== null && n.address.includes(':') !== isIpv6)) return false;
  const isMoved = isTranslated(r, isSource);
  const port = isSource ? r.reply.ports?.destination : r.reply.ports?.source;
  const isPortMoved = f.asOriginal && r.original.icmp !== null ? isIcmpMoved(r, isSource) : arePortsMoved(r, isSource);
  const address = f.asOriginal && isIpv6 ? null : n.address;
  if (address === null && n.port === null) return isMoved || isPortMoved;
  const now = isSource ? r.reply.destination : r.reply.source;
  if (address !== null && !(isMoved && now === address)) return false;
  return n.port === null || (isPortMoved && port === n.port);
}

/** Whether a port, or a GRE key, is another one on the way back. */
function arePortsMoved(r: FlowRecord, isSource: boolean): boolean {
  const before = r.original.ports ?? r.original.keys;
  const after = r.reply.ports ?? r.reply.keys;
  if (isSource) return before?.source !== after?.destination;
  return before?.destination !== after?.source;
}

/** What the original takes for it in ICMP: of a connection that surely went through the nat table. */
function isIcmpMoved(r: FlowRecord, isSource: boolean): boolean {
  const { icmp: before } = r.original;
  const { icmp: after } = r.reply;
  if (before === null || after === null || (r.status & STATUS_CONFIRMED) === 0) return false;
  return isSource ? before.id !== ((after.type << 8) | after.code) : ((before.type << 8) | before.code) !== after.id;
}

/** Whether one of the parts is asked for that keep the original from finding anything by the address of -j. */
export function compares(f: FlowFilter): boolean {
  const { original, reply } = f;
  if (original.source !== null || original.destination !== null || reply.source !== null) return true;
  if (reply.destination !== null || f.protocol !== null || f.status !== null || f.mark !== null) return true;
  if (f.secmark !== null || f.labels.length > 0 || f.zone !== null) return true;
  return f.zoneOriginal !== null || f.zoneReply !== null;
}

function restMatches(f: FlowFilter, r: FlowRecord): boolean {
  if (f.state !== null && f.state !== r.state) return false;
  if (f.originalVtag !== null && f.originalVtag !== r.vtags?.original) return false;
  if (f.replyVtag !== null && f.replyVtag !== r.vtags?.reply) return false;
  if (f.secctx !== null && f.secctx !== r.secctx) return false;
  if (f.secmark !== null && !f.asOriginal) return false;
  if (f.helper !== null && f.helper !== r.helper) return false;
  if (f.id !== null && f.id !== r.id) return false;
  for (let i = 0; i < f.labels.length; i++) {
    if (r.labels === null || !r.labels.includes(f.labels[i])) return false;
  }
  return true;
}
