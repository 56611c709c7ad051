/**
 * ICMP and ICMPv6: queries are connections by id; errors belong to the connection of the packet that they quote, as RELATED;
 * neighbour discovery and multicast listener messages are not tracked (nf_conntrack_proto_icmp.c, _icmpv6.c).
 */
import { transportChecksumOk } from '../wire/checksum.js';
import { parseQuoted, QUOTED_OK } from '../wire/icmp.js';
import {
  AF_INET,
  CT_RELATED,
  CT_UNTRACKED,
  HOOK_PREROUTING,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  type Packet,
  T_DST,
  T_PORTS,
  T_PROTO,
  T_SRC,
} from '../wire/packet.js';
import {
  REASON_ICMP_CHECKSUM,
  REASON_ICMP_NOT_A_QUERY,
  REASON_ICMP_OUTER_ADDRESS,
  REASON_ICMP_QUOTED_UNKNOWN,
  REASON_ICMP_QUOTED_UNREADABLE,
  REASON_ICMP_SHORT,
  REASON_ICMP_TYPE,
  REASON_ICMPV6_REDIRECT,
} from './reasons.js';
import { SET_CHECKSUM, TIMEOUT_ICMP, TIMEOUT_ICMPV6 } from './sysctl.js';
import { TRACK_ACCEPT, TRACK_INVALID } from './track.js';
import type { Tracker } from './tracker.js';

const ICMP_HEADER = 8;
/** The highest type that Linux knows (NR_ICMP_TYPES). */
const ICMP_TYPES = 18;
const ICMPV6_REDIRECT = 137;
/** ICMPv6 types from here on are informational. */
const ICMPV6_INFO = 128;

/** Type of the reply to a query type and back; -1 = none. */
const REPLY4 = new Int16Array(256).fill(-1);
const REPLY6 = new Int16Array(256).fill(-1);
/** 1: a query that may begin a connection. */
const QUERY4 = new Uint8Array(256);
const QUERY6 = new Uint8Array(256);
for (const [query, reply] of [
  [8, 0], // echo
  [13, 14], // timestamp
  [15, 16], // information
  [17, 18], // address mask
] as const) {
  REPLY4[query] = reply;
  REPLY4[reply] = query;
  QUERY4[query] = 1;
}
for (const [query, reply] of [
  [128, 129], // echo
  [139, 140], // node information (RFC 4620)
] as const) {
  REPLY6[query] = reply;
  REPLY6[reply] = query;
  QUERY6[query] = 1;
}
/** Destination unreachable, source quench, redirect, time exceeded, parameter problem. */
const ERROR4 = new Uint8Array(256);
for (const type of [3, 4, 5, 11, 12]) ERROR4[type] = 1;
/**
 * MLD query, report, done, MLDv2 report; router and neighbour solicitation and advertisement; multicast router advertisement
 * and solicitation (RFC 4286; its termination is tracked, so INVALID).
 */
const UNTRACKED6 = new Uint8Array(256);
for (const type of [130, 131, 132, 133, 134, 135, 136, 143, 151, 152]) UNTRACKED6[type] = 1;

/** T_PORTS of the reply to an ICMP tuple; -1 where the type has no reply (as 0xffffffff no id/type/code can be that). */
export function icmpReplyPorts(protocol: number, ports: number): number {
  const reply = (protocol === IPPROTO_ICMP ? REPLY4 : REPLY6)[(ports >> 8) & 0xff]!;
  return reply === -1 ? -1 : (ports & ~0xff00) | (reply << 8);
}

/**
 * Before the look-up: errors find their connection through what they quote. Returns TRACK_INVALID where the packet is done
 * and INVALID, else TRACK_ACCEPT; then `p.connection` or `p.state` is set if it is done.
 */
export function icmpIn(t: Tracker, p: Packet): number {
  if (p.end - p.l4Off < ICMP_HEADER) {
    t.invalid(p, REASON_ICMP_SHORT, p.l3Off + p.l3Len - p.l4Off);
    return TRACK_INVALID;
  }
  if (p.hook === HOOK_PREROUTING && t.settings.value[SET_CHECKSUM] !== 0 && !transportChecksumOk(p)) {
    t.invalid(p, REASON_ICMP_CHECKSUM, p.protocol);
    return TRACK_INVALID;
  }
  const type = p.view.getUint8(p.l4Off);
  if (p.protocol === IPPROTO_ICMPV6) return icmp6In(t, p, type);
  if (type > ICMP_TYPES) {
    t.invalid(p, REASON_ICMP_TYPE, type);
    return TRACK_INVALID;
  }
  return ERROR4[type] === 1 ? errorIn(t, p) : TRACK_ACCEPT;
}

function icmp6In(t: Tracker, p: Packet, type: number): number {
  if (type < ICMPV6_INFO) return errorIn(t, p);
  if (type === ICMPV6_REDIRECT) return redirectIn(t, p);
  if (UNTRACKED6[type] === 1) p.state = CT_UNTRACKED;
  return TRACK_ACCEPT;
}

/** RFC 4861 section 4.5: the redirected packet stands in an option after two addresses. */
function redirectIn(t: Tracker, p: Packet): number {
  const option = p.l4Off + 40;
  if (p.end < option) {
    t.invalid(p, REASON_ICMPV6_REDIRECT, 0);
    return TRACK_INVALID;
  }
  // RFC 4861 section 8.1: only from a neighbour, by its link-local address
  if (p.view.getUint8(p.l3Off + 7) !== 255 || (p.view.getUint16(p.l3Off + 8) & 0xffc0) !== 0xfe80) {
    t.invalid(p, REASON_ICMPV6_REDIRECT, 2);
    return TRACK_INVALID;
  }
  if (p.end < option + 8 || p.view.getUint8(option + 1) === 0) {
    t.invalid(p, REASON_ICMPV6_REDIRECT, 1);
    return TRACK_INVALID;
  }
  const redirectedHeader = 4;
  if (p.view.getUint8(option) !== redirectedHeader) return TRACK_ACCEPT;
  const payloadOff = p.payloadOff;
  p.payloadOff = option + 8;
  const result = errorIn(t, p);
  p.payloadOff = payloadOff;
  return result;
}

/** nf_conntrack_proto_icmp.c, nf_conntrack_inet_error. */
function errorIn(t: Tracker, p: Packet): number {
  const inner = t.inner;
  if (parseQuoted(p, inner) !== QUOTED_OK) {
    t.invalid(p, REASON_ICMP_QUOTED_UNREADABLE);
    return TRACK_INVALID;
  }
  if (inner.protocol === IPPROTO_GRE) t.completeGre(inner);
  const wanted = t.scratch;
  if (!invertTuple(inner.tuple, wanted)) {
    t.invalid(p, REASON_ICMP_NOT_A_QUERY, (inner.tuple[T_PORTS]! >> 8) & 0xff);
    return TRACK_INVALID;
  }
  const ref = t.lookup(p, wanted);
  if (ref < 0) {
    t.invalid(p, REASON_ICMP_QUOTED_UNKNOWN);
    return TRACK_INVALID;
  }
  // the error must go to the one who sent what it quotes
  for (let i = 0; i < 4; i++) {
    if (wanted[T_DST + i] !== p.tuple[T_DST + i]) {
      const at = T_DST;
      t.invalid(p, REASON_ICMP_OUTER_ADDRESS, wanted[at]!, wanted[at + 1]!, wanted[at + 2]!, wanted[at + 3]!);
      return TRACK_INVALID;
    }
  }
  p.connection = ref;
  p.state = CT_RELATED;
  return TRACK_ACCEPT;
}

/** Writes the tuple of the opposite direction into another array; false where there is none (ICMP types without a reply). */
export function invertTuple(tuple: Int32Array, out: Int32Array): boolean {
  const protocol = tuple[T_PROTO]! & 0xff;
  const ports = tuple[T_PORTS]!;
  out[T_PROTO] = tuple[T_PROTO]!;
  for (let i = 0; i < 4; i++) {
    out[T_SRC + i] = tuple[T_DST + i]!;
    out[T_DST + i] = tuple[T_SRC + i]!;
  }
  if (protocol !== IPPROTO_ICMP && protocol !== IPPROTO_ICMPV6) {
    out[T_PORTS] = (ports << 16) | (ports >>> 16);
    return true;
  }
  const reply = icmpReplyPorts(protocol, ports);
  out[T_PORTS] = reply;
  return reply !== -1;
}

/** One query or reply of a connection. */
export function icmpPacket(t: Tracker, p: Packet, slot: number, direction: number): number {
  const four = p.family === AF_INET;
  const type = t.originalIcmpType(slot);
  // ICMP over IPv6 and ICMPv6 over IPv4 are nothing: what is a query in one is none in the other
  if ((four ? QUERY4 : QUERY6)[type] !== 1) {
    t.invalid(p, REASON_ICMP_NOT_A_QUERY, type);
    return TRACK_INVALID;
  }
  const policy = t.table.coldOf(slot).timeouts;
  const initial = t.settings.single[four ? TIMEOUT_ICMP : TIMEOUT_ICMPV6]!;
  t.refresh(slot, direction, p.l3Len, policy === null ? initial : policy[0]!);
  return TRACK_ACCEPT;
}
