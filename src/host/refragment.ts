/**
 * Cutting packets at the way out: what reassembly put together leaves as it came, what is larger than the MTU is cut or
 * refused. As ip_do_fragment (net/ipv4/ip_output.c) and ip6_fragment (net/ipv6/ip6_output.c).
 *
 * A reassembled packet keeps its fragments' boundaries, as the kernel sends the very list of buffers that arrived, unless
 * that list no longer fits: a boundary is not a multiple of 8, a fragment exceeds the largest size (options that only the
 * first one had), or the first fragment was shorter than the TCP header, which early demultiplexing, or a target, pulled together.
 * Then it is cut evenly at the size of the largest fragment (IPv6: at least 1280).
 */
import { writeHeaderChecksum } from '../conntrack/fragment-headers.js';
import {
  AF_INET,
  HAS_LINEAR,
  HAS_LOCAL_ORIGIN,
  HAS_PULLED,
  HAS_PULLED_TCP,
  HAS_REASSEMBLED,
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_GRE,
  IPPROTO_HOPOPTS,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_ROUTING,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  type Packet,
} from '../wire/packet.js';

/** Takes the pieces in order; the bytes `[start, end)` begin at the IP header and are valid during the call. */
export interface FragmentSink {
  /** `bytes` has at least 64 bytes of room before `start` for a link-layer header. */
  fragment(bytes: Uint8Array, start: number, end: number): void;
}

/** How a reassembled packet had been cut; a Defragmenter has these. */
export interface Cuts {
  maxSize: number;
  largestHadDf: boolean;
  headerLen: number;
  readonly cuts: Int32Array;
  cutCount: number;
}

/** What `refragment` returns: the packet goes out whole. */
export const FRAGMENT_WHOLE = 0;
/** The sink has got the pieces. */
export const FRAGMENT_DONE = 1;
/** Not sent: IPv4 "fragmentation needed" (3/4), IPv6 "packet too big" (2/0) with the MTU is due. */
export const FRAGMENT_TOO_BIG = 2;

const IPV6_HEADER_LEN = 40;
const FRAGMENT_HEADER_LEN = 8;
const IPV6_MIN_MTU = 1280;
const TCP_HEADER_LEN = 20;
const SCTP_HEADER_LEN = 12;
/** Of UDP, UDP-Lite, ICMP, ICMPv6, and of GRE what has a key. */
const SHORT_HEADER_LEN = 8;
const IP_DF = 0x4000;
const IP_MF = 0x2000;
const IP_OFFSET = 0x1fff;
const IPOPT_END = 0;
const IPOPT_NOOP = 1;
const IPOPT_COPIED = 0x80;
/** Room for a link-layer header in front of each piece. */
const OUT_L3 = 64;

export class Refragmenter {
  readonly #out = new Uint8Array(OUT_L3 + 65536 + FRAGMENT_HEADER_LEN);
  /** IPv6 identifications: a counter, where the kernel draws at random. */
  #identification = 0;

  /** Sends `p` out through `mtu` bytes. `cuts` belongs to packets with HAS_REASSEMBLED. */
  refragment(p: Packet, cuts: Cuts, mtu: number, sink: FragmentSink): number {
    const isWhole = (p.has & HAS_REASSEMBLED) === 0;
    if (p.family === AF_INET) {
      if (isWhole && p.l3Len <= mtu) return FRAGMENT_WHOLE;
      const df = (p.view.getUint16(p.l3Off + 6) & IP_DF) !== 0;
      if (df && (isWhole || cuts.maxSize > mtu)) return FRAGMENT_TOO_BIG;
      this.#send4(p, isWhole ? null : cuts, isWhole ? mtu : Math.min(mtu, cuts.maxSize), sink);
      return FRAGMENT_DONE;
    }
    if (p.l3Len <= mtu && (isWhole || p.l3Len <= cuts.maxSize)) return FRAGMENT_WHOLE;
    if (isWhole) {
      // only a packet's source may cut it (RFC 8200 section 4.5)
      if ((p.has & HAS_LOCAL_ORIGIN) === 0) return FRAGMENT_TOO_BIG;
      return this.#send6(p, null, mtu, sink);
    }
    if (cuts.maxSize > mtu) return FRAGMENT_TOO_BIG;
    return this.#send6(p, cuts, Math.max(IPV6_MIN_MTU, cuts.maxSize), sink);
  }

  #send4(p: Packet, cuts: Cuts | null, limit: number, sink: FragmentSink): void {
    const headerLen = (p.view.getUint8(p.l3Off) & 15) * 4;
    const room = limit - headerLen;
    const total = p.l3Len - headerLen;
    const own = p.view.getUint16(p.l3Off + 6);
    const base = (own & IP_OFFSET) * 8;
    if (cuts !== null && keepsCuts(p, cuts, headerLen, room, total)) {
      for (let i = 0, from = 0; from < total; i++) {
        const to = pieceEnd(p, cuts, i, headerLen);
        if (to <= from) continue;
        this.#piece4(p, headerLen, from, to, (from >> 3) | (to < total ? IP_MF : 0), sink);
        from = to;
      }
      return;
    }
    const df = cuts?.largestHadDf === true ? IP_DF : 0;
    const step = room & ~7;
    for (let from = 0; from < total; ) {
      const to = total - from <= room ? total : from + step;
      const more = to < total || (own & IP_MF) !== 0 ? IP_MF : 0;
      this.#piece4(p, headerLen, from, to, ((base + from) >> 3) | more | df, sink);
      from = to;
    }
  }

  #piece4(p: Packet, headerLen: number, from: number, to: number, field: number, sink: FragmentSink): void {
    const out = this.#out;
    copy(p, p.l3Off, p.l3Off + headerLen, out, OUT_L3);
    if (from > 0 && headerLen > 20) dropOptions(out, OUT_L3 + 20, OUT_L3 + headerLen);
    copy(p, p.l3Off + headerLen + from, p.l3Off + headerLen + to, out, OUT_L3 + headerLen);
    const length = headerLen + to - from;
    out[OUT_L3 + 2] = length >> 8;
    out[OUT_L3 + 3] = length & 255;
    out[OUT_L3 + 6] = field >> 8;
    out[OUT_L3 + 7] = field & 255;
    writeHeaderChecksum(out, OUT_L3, headerLen);
    sink.fragment(out, OUT_L3, OUT_L3 + length);
  }

  #send6(p: Packet, cuts: Cuts | null, limit: number, sink: FragmentSink): number {
    const headerLen = unfragmentableLen(p);
    const room = limit - headerLen - FRAGMENT_HEADER_LEN;
    // headers that leave no room for eight bytes behind them (net/ipv6/ip6_output.c, ip6_fragment)
    if (room < 8) return FRAGMENT_TOO_BIG;
    const total = p.l3Len - headerLen;
    this.#identification = (this.#identification + 1) | 0;
    if (cuts !== null && keepsCuts(p, cuts, headerLen, room, total)) {
      for (let i = 0, from = 0; from < total; i++) {
        const to = pieceEnd(p, cuts, i, headerLen);
        if (to <= from) continue;
        this.#piece6(p, headerLen, from, to, from | (to < total ? 1 : 0), sink);
        from = to;
      }
      return FRAGMENT_DONE;
    }
    const step = room & ~7;
    for (let from = 0; from < total; ) {
      const to = total - from <= room ? total : from + step;
      this.#piece6(p, headerLen, from, to, from | (to < total ? 1 : 0), sink);
      from = to;
    }
    return FRAGMENT_DONE;
  }

  #piece6(p: Packet, headerLen: number, from: number, to: number, field: number, sink: FragmentSink): void {
    const out = this.#out;
    copy(p, p.l3Off, p.l3Off + headerLen, out, OUT_L3);
    const nextField = OUT_L3 + lastNextHeader(p, headerLen);
    const at = OUT_L3 + headerLen;
    const id = this.#identification;
    out[at] = out[nextField]!;
    out[nextField] = IPPROTO_FRAGMENT;
    out[at + 1] = 0;
    out[at + 2] = field >> 8;
    out[at + 3] = field & 255;
    out[at + 4] = id >>> 24;
    out[at + 5] = (id >>> 16) & 255;
    out[at + 6] = (id >>> 8) & 255;
    out[at + 7] = id & 255;
    copy(p, p.l3Off + headerLen + from, p.l3Off + headerLen + to, out, at + FRAGMENT_HEADER_LEN);
    const end = at + FRAGMENT_HEADER_LEN + to - from;
    const payloadLen = end - OUT_L3 - IPV6_HEADER_LEN;
    out[OUT_L3 + 4] = payloadLen >> 8;
    out[OUT_L3 + 5] = payloadLen & 255;
    sink.fragment(out, OUT_L3, end);
  }
}

/** Copies `[from, to)` of the packet; what the capture did not hold is zero. */
function copy(p: Packet, from: number, to: number, out: Uint8Array, at: number): void {
  const bytes = p.bytes;
  const stop = Math.min(to, p.end);
  let i = from;
  for (; i < stop; i++) out[at + i - from] = bytes[i]!;
  for (; i < to; i++) out[at + i - from] = 0;
}

/** Whether the packet can leave along the boundaries that it arrived with ("correct geometry"). */
function keepsCuts(p: Packet, cuts: Cuts, headerLen: number, room: number, total: number): boolean {
  if ((p.has & HAS_LINEAR) !== 0) return false;
  const count = cuts.cutCount;
  if (count < 2 || pieceEnd(p, cuts, count - 1, headerLen) !== total) return false;
  let from = 0;
  for (let i = 0; i < count; i++) {
    const to = pieceEnd(p, cuts, i, headerLen);
    if (to === from && i > 0) continue;
    if (to <= from || to - from > room || ((to & 7) !== 0 && to < total)) return false;
    from = to;
  }
  return true;
}

/**
 * Where, behind a header of `headerLen` bytes, the piece ends that came as number `i`. Where the repeated header ends elsewhere
 * than when the packet arrived, the first piece begins earlier or later; what was pulled is in it (__pskb_pull_tail).
 */
function pieceEnd(p: Packet, cuts: Cuts, i: number, headerLen: number): number {
  return Math.max(cuts.cuts[i]! + cuts.headerLen - headerLen, pulledLen(p, headerLen));
}

/** Bytes behind a header of `headerLen` that were pulled into the first piece: up to the end of the transport header. */
function pulledLen(p: Packet, headerLen: number): number {
  const off = p.l4Off - p.l3Off - headerLen;
  if ((p.has & HAS_PULLED_TCP) !== 0) return off + (p.view.getUint8(p.l4Off + 12) >> 4) * 4;
  const isDirectTcp = p.protocol === IPPROTO_TCP && off === 0 && (p.has & HAS_LOCAL_ORIGIN) === 0;
  if (!isDirectTcp && (p.has & HAS_PULLED) === 0) return 0;
  switch (p.protocol) {
    case IPPROTO_TCP:
      return off + TCP_HEADER_LEN;
    case IPPROTO_SCTP:
      return off + SCTP_HEADER_LEN;
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
    case IPPROTO_GRE:
      return off + SHORT_HEADER_LEN;
    default:
      return 0;
  }
}

/** Options without the "copied" flag become no-operations in all fragments but the first (RFC 791 section 3.1). */
function dropOptions(out: Uint8Array, from: number, end: number): void {
  let at = from;
  while (at < end) {
    const type = out[at]!;
    if (type === IPOPT_END) return;
    if (type === IPOPT_NOOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? out[at + 1]! : 0;
    if (length < 2 || at + length > end) return;
    if ((type & IPOPT_COPIED) === 0) for (let i = 0; i < length; i++) out[at + i] = IPOPT_NOOP;
    at += length;
  }
}

/** Bytes that stand in every fragment: IPv6 header, hop-by-hop, destination options before a routing header, routing header. */
function unfragmentableLen(p: Packet): number {
  const view = p.view;
  let type = view.getUint8(p.l3Off + 6);
  let at = p.l3Off + IPV6_HEADER_LEN;
  let routed = false;
  while (at + 2 <= p.end) {
    if (type === IPPROTO_ROUTING) routed = true;
    else if (type !== IPPROTO_HOPOPTS && (type !== IPPROTO_DSTOPTS || routed)) break;
    type = view.getUint8(at);
    at += (view.getUint8(at + 1) + 1) * 8;
  }
  return at - p.l3Off;
}

/** Offset from the IPv6 header of the next-header field that names what follows the first `headerLen` bytes. */
function lastNextHeader(p: Packet, headerLen: number): number {
  let field = 6;
  let at = IPV6_HEADER_LEN;
  while (at < headerLen) {
    field = at;
    at += (p.view.getUint8(p.l3Off + at + 1) + 1) * 8;
  }
  return field;
}
