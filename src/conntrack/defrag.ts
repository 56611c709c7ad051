/**
 * Reassembly of IPv4 and IPv6 fragments before connection tracking, as nf_defrag_ipv4 (net/ipv4/ip_fragment.c,
 * inet_fragment.c) and nf_conntrack_reasm do it at priority -400 in PREROUTING and OUTPUT.
 *
 * Terms. A *queue* collects one packet's fragments; its key is source, destination, identification, user (which hook and zone
 * asked), for IPv4 also the protocol, for IPv6 link-local and multicast destinations also the interface. A *run* is a row of
 * fragments that arrived in order without a gap; runs of a queue are disjoint and sorted. A new fragment that lies inside one
 * run is a duplicate and is forgotten; one that touches a run in any other way is an overlap and kills the queue (RFC 5722,
 * erratum 3089; the kernel holds IPv4 to the same rule, since overlaps serve to smuggle bytes past a filter).
 *
 * Life cycle. A queue is made by its first fragment, and ends complete (`DEFRAG_COMPLETE`), killed (overlap, contradictory
 * end, empty fragment, ECN bits that cannot go together, more than 64 KB), or expired: 30 s (IPv4) or 60 s (IPv6) after its
 * first fragment. While the memory charged exceeds the family's limit, every fragment is refused.
 *
 * Result. The packet is put together in the defragmenter's own buffer and parsed into `packet`; `maxSize` ... `cuts` tell how
 * it had been cut, so that it can leave as it came. All of it is valid until the next call of `receive` or `expire`.
 *
 * Memory. Pools are made at the first fragment of a family, then nothing allocates.
 */

import {
  AF_INET,
  HAS_BROKEN_CHAIN,
  HAS_CUT,
  HAS_LATER_FRAGMENT,
  HAS_LOCAL_ORIGIN,
  HAS_REASSEMBLED,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  Packet,
  T_DST,
} from '../wire/packet.js';
import { parseNetwork } from '../wire/parse.js';
import { finishHeader4, finishHeader6, nextHeaderField } from './fragment-headers.js';
import { FragmentPeers } from './fragment-peers.js';
import {
  CUT_IN,
  DUPLICATE,
  FamilyQueues,
  FIRST_IN,
  MAX_LINK_LEN,
  Q_ARRIVED_ON,
  Q_ECN,
  Q_FIRST,
  Q_FLAGS,
  Q_ID,
  Q_LAST,
  Q_LEN,
  Q_MAX,
  Q_MAX_DF,
  Q_NEXT_HEADER,
  Q_PEER,
  Q_RID,
  UNFIT,
} from './fragment-queues.js';
import { F_BYTES, F_END, F_MAC, F_NEXT, F_NEXT_RUN, F_OFFSET, F_PREFIX, NONE } from './fragment-store.js';

/** What `receive` returns. Not touched: the packet goes on as it is (no fragment, or one that cannot be queued). */
export const DEFRAG_PASS = 0;
/** The packet is whole: go on with `packet` instead. */
export const DEFRAG_COMPLETE = 1;
/** Stored: the fragment is not seen by any further hook (NF_STOLEN). */
export const DEFRAG_QUEUED = 2;
/** Dropped: duplicate, overlap, contradiction, memory full. */
export const DEFRAG_REFUSED = 3;

/** Users (include/net/ip.h enum ip_defrag_users); a zone is added to either. */
export const DEFRAG_CONNTRACK_IN = 0;
export const DEFRAG_CONNTRACK_OUT = 1 << 16;

/** Limits; the names of the sysctls stand beside them. */
export interface DefragLimits {
  /** net.ipv4.ipfrag_high_thresh, bytes. */
  high4: number;
  /** net.ipv4.ipfrag_time, ms. */
  timeout4Ms: number;
  /** net.ipv4.ipfrag_max_dist: fragments of other packets from the same source that may come between two of one. 0 = any. */
  maxDistance: number;
  /** net.netfilter.nf_conntrack_frag6_high_thresh, bytes. */
  high6: number;
  /** net.netfilter.nf_conntrack_frag6_timeout, ms. */
  timeout6Ms: number;
}

/** The kernel's defaults. */
export const DEFRAG_DEFAULTS: Readonly<DefragLimits> = {
  high4: 4194304,
  timeout4Ms: 30000,
  maxDistance: 64,
  high6: 4194304,
  timeout6Ms: 60000,
};

const IP_MAX = 65535;
const FRAGMENT_HEADER_LEN = 8;
const IPV6_HEADER_LEN = 40;
/** Where the IP header begins in the output buffer; room for a link-layer header before it. */
const OUT_L3 = MAX_LINK_LEN;

const IP_DF = 0x4000;
const IP_MF = 0x2000;
const IP_OFFSET = 0x1fff;

/**
 * RFC 3168 section 5.3, indexed by the set of ECN codepoints seen (bit 0 not-ECT, 1 ECT(1), 2 ECT(0), 3 CE): what is OR-ed into
 * the packet's own bits; 255 = drop (fragments with and without ECN). ip_frag_ecn_table has the same rows.
 */
const ECN_RESULT = Uint8Array.of(0, 0, 0, 255, 0, 255, 0, 255, 0, 255, 3, 255, 3, 255, 3, 255);

export class Defragmenter {
  /** The reassembled packet; after `expire` the first fragment of the packet that did not come together. */
  readonly packet = new Packet();
  /** Largest fragment's length in bytes with its IP header (IPCB frag_max_size; IPv6: with fragment header). */
  maxSize = 0;
  /** IPv4: the largest fragment had DF (IPSKB_FRAG_PMTU). */
  largestHadDf = false;
  /** Identification that the fragments bore. */
  identification = 0;
  /** End of each fragment's payload, counted from the first payload byte, in order; `cutCount` of them. */
  readonly cuts = new Int32Array((IP_MAX + 1) >> 3);
  cutCount = 0;
  /** Length of the header in front of the first fragment's payload (IPv6: the unfragmentable part, without fragment header). */
  headerLen = 0;
  /** When the next queue expires, ms; Infinity = none waits. Call `expire` before `receive` once this has come. */
  dueMs = Number.POSITIVE_INFINITY;

  readonly #limits: DefragLimits;
  #queues4: FamilyQueues | null = null;
  #queues6: FamilyQueues | null = null;
  #out = new Uint8Array(0);
  #peers: FragmentPeers | null = null;

  constructor(limits: DefragLimits = DEFRAG_DEFAULTS) {
    this.#limits = limits;
  }

  /** Takes a packet that has HAS_FRAGMENT. `user`: DEFRAG_CONNTRACK_IN or _OUT, plus the zone. Returns a DEFRAG_ code. */
  receive(p: Packet, user: number, nowMs: number): number {
    if (nowMs >= this.dueMs) this.#expireAll(nowMs);
    const result = p.family === AF_INET ? this.#receive4(p, user, nowMs) : this.#receive6(p, user, nowMs);
    this.#setDue();
    return result;
  }

  /**
   * Ends one queue whose time is over. False: none is. True: one was dropped; if `packet.family` is not 0, its first fragment
   * had arrived and stands in `packet`, for the ICMP error "fragment reassembly time exceeded": IPv4 if the packet is for
   * this host (ip_expire), IPv6 always (nf_ct_frag6_expire).
   */
  expire(nowMs: number): boolean {
    const family = this.#dueFamily(nowMs);
    if (family === null) return false;
    const q = family.oldest;
    const words = family.words;
    this.packet.family = 0;
    if ((words[q + Q_FLAGS]! & FIRST_IN) !== 0) this.#restoreFirst(family, q);
    family.kill(q);
    this.#setDue();
    return true;
  }

  /** Fragments' memory now charged, bytes: IPv4 and IPv6 together. */
  get memory(): number {
    return (this.#queues4?.memory ?? 0) + (this.#queues6?.memory ?? 0);
  }

  #receive4(p: Packet, user: number, nowMs: number): number {
    if (this.#queues4 === null) this.#queues4 = this.#make(this.#limits.high4, this.#limits.timeout4Ms, true);
    const family = this.#queues4;
    const view = p.view;
    const l3Off = p.l3Off;
    const headerLen = (view.getUint8(l3Off) & 15) * 4;
    const id = view.getUint16(l3Off + 4);
    const q = family.find(p, id, view.getUint8(l3Off + 9) | (AF_INET << 8), user, 0, nowMs);
    if (q === NONE) return DEFRAG_REFUSED;
    const words = family.words;
    if (this.#limits.maxDistance > 0 && this.#tooFar(family, q)) family.restart(q, nowMs);
    const field = view.getUint16(l3Off + 6);
    const offset = (field & IP_OFFSET) * 8;
    let end = offset + p.l3Len - headerLen;
    if ((field & IP_MF) === 0) {
      if (!family.takeEnd(q, end)) return this.#refuse(family, q);
    } else {
      end &= ~7;
      if (!family.takeMiddle(q, end)) return this.#refuse(family, q);
    }
    if (end === offset) return this.#refuse(family, q);
    const result = family.insert(q, p, offset, end, l3Off + headerLen);
    if (result === DUPLICATE) return DEFRAG_REFUSED;
    if (result === UNFIT) return this.#refuse(family, q);
    words[q + Q_ECN] = words[q + Q_ECN]! | (1 << (view.getUint8(l3Off + 1) & 3));
    const size = end - offset + headerLen;
    if (size > words[q + Q_MAX]!) words[q + Q_MAX] = size;
    if ((field & IP_DF) !== 0 && size > words[q + Q_MAX_DF]!) words[q + Q_MAX_DF] = size;
    return family.whole(q) ? this.#finish(family, q, p) : DEFRAG_QUEUED;
  }

  #receive6(p: Packet, user: number, nowMs: number): number {
    const view = p.view;
    const payloadLen = view.getUint16(p.l3Off + 4);
    const at = p.fragmentOff;
    const nextHeader = at < 0 ? NONE : nextHeaderField(p);
    if (payloadLen === 0 || nextHeader === NONE || headerCutOff(p)) return DEFRAG_PASS;
    if (at + FRAGMENT_HEADER_LEN > p.end) return (p.has & HAS_CUT) === 0 ? DEFRAG_REFUSED : DEFRAG_PASS;
    if (this.#queues6 === null) this.#queues6 = this.#make(this.#limits.high6, this.#limits.timeout6Ms, false);
    const family = this.#queues6;
    const first = p.tuple[T_DST]!;
    const dev = first >>> 22 === 0x3fa || first >>> 24 === 255 ? p.inInterface : 0;
    const q = family.find(p, view.getInt32(at + 4), p.family << 8, user, dev, nowMs);
    if (q === NONE) return DEFRAG_REFUSED;
    const words = family.words;
    const field = view.getUint16(at + 2);
    const offset = field & 0xfff8;
    const end = offset + payloadLen - (at + FRAGMENT_HEADER_LEN - p.l3Off - IPV6_HEADER_LEN);
    if (end > IP_MAX) return DEFRAG_REFUSED;
    if ((field & 1) === 0) {
      if (!family.takeEnd(q, end)) return DEFRAG_REFUSED;
    } else {
      if ((end & 7) !== 0) {
        // not an error of ours: the host that it is for says "parameter problem" (RFC 8200 section 4.5)
        family.kill(q);
        return DEFRAG_PASS;
      }
      if (!family.takeMiddle(q, end)) return DEFRAG_REFUSED;
    }
    if (end === offset) return DEFRAG_REFUSED;
    const result = family.insert(q, p, offset, end, at + FRAGMENT_HEADER_LEN);
    if (result === DUPLICATE) return DEFRAG_QUEUED;
    if (result === UNFIT) return this.#refuse(family, q);
    words[q + Q_ECN] = words[q + Q_ECN]! | (1 << ((view.getUint8(p.l3Off + 1) >> 4) & 3));
    if (payloadLen > words[q + Q_MAX]!) words[q + Q_MAX] = payloadLen;
    if (offset === 0) words[q + Q_NEXT_HEADER] = nextHeader;
    return family.whole(q) ? this.#finish(family, q, p) : DEFRAG_QUEUED;
  }

  /** Puts the packet together in the output buffer (ip_frag_reasm, nf_ct_frag6_reasm) and parses it. */
  #finish(family: FamilyQueues, q: number, arrived: Packet): number {
    const words = family.words;
    const ecn = ECN_RESULT[words[q + Q_ECN]! & 15]!;
    const isV4 = arrived.family === AF_INET;
    const head = words[q + Q_FIRST]!;
    const frags = family.store.words;
    const macLen = frags[head + F_MAC]!;
    const headerLen = frags[head + F_PREFIX]! - macLen - (isV4 ? 0 : FRAGMENT_HEADER_LEN);
    const total = headerLen + words[q + Q_LEN]!;
    if (ecn === 255 || (isV4 ? total : total - IPV6_HEADER_LEN) > IP_MAX) return this.#refuse(family, q);
    const out = this.#out;
    family.store.copy(head, 0, frags[head + F_PREFIX]!, out, OUT_L3 - macLen);
    const protocol = out[OUT_L3 + headerLen]!;
    this.#copyPayload(family, q, OUT_L3 + headerLen);
    const df = words[q + Q_MAX_DF] === words[q + Q_MAX];
    if (isV4) finishHeader4(out, OUT_L3, headerLen, total, ecn, df);
    else finishHeader6(out, OUT_L3, words[q + Q_NEXT_HEADER]!, protocol, total - IPV6_HEADER_LEN, ecn);
    this.maxSize = isV4 ? words[q + Q_MAX]! : IPV6_HEADER_LEN + words[q + Q_MAX]!;
    this.largestHadDf = isV4 && df;
    this.identification = words[q + Q_ID]!;
    this.headerLen = headerLen;
    const cut = (words[q + Q_FLAGS]! & CUT_IN) !== 0;
    family.kill(q);
    this.#parse(arrived, macLen, OUT_L3 + total);
    this.packet.has |= HAS_REASSEMBLED | (cut ? HAS_CUT : 0);
    return DEFRAG_COMPLETE;
  }

  /** Copies the payloads behind each other and notes where each ended. */
  #copyPayload(family: FamilyQueues, q: number, at: number): void {
    const frags = family.store.words;
    const flags = family.words[q + Q_FLAGS]!;
    if ((flags & CUT_IN) !== 0) this.#out.fill(0, at, at + family.words[q + Q_LEN]!);
    this.cutCount = 0;
    for (let run = family.words[q + Q_FIRST]!; run !== NONE; run = frags[run + F_NEXT_RUN]!) {
      for (let f = run; f !== NONE; f = frags[f + F_NEXT]!) {
        const prefix = frags[f + F_PREFIX]!;
        const offset = frags[f + F_OFFSET]!;
        family.store.copy(f, prefix, prefix + frags[f + F_END]! - offset, this.#out, at + offset);
        this.cuts[this.cutCount++] = frags[f + F_END]!;
      }
    }
  }

  /** The first fragment as it arrived, into `packet`: quoted by the error that tells its sender of the expiry. */
  #restoreFirst(family: FamilyQueues, q: number): void {
    const frags = family.store.words;
    const head = family.words[q + Q_FIRST]!;
    const macLen = frags[head + F_MAC]!;
    family.store.copy(head, 0, frags[head + F_BYTES]!, this.#out, OUT_L3 - macLen);
    this.packet.inInterface = family.words[q + Q_ARRIVED_ON]!;
    parseNetwork(this.packet, this.#out, OUT_L3, OUT_L3 - macLen + frags[head + F_BYTES]!);
    this.#placeLink(macLen);
  }

  #parse(arrived: Packet, macLen: number, end: number): void {
    const p = this.packet;
    p.inInterface = arrived.inInterface;
    parseNetwork(p, this.#out, OUT_L3, end);
    this.#placeLink(macLen);
    p.packetType = arrived.packetType;
    p.mark = arrived.mark;
    p.priority = arrived.priority;
    p.hook = arrived.hook;
    p.traced = arrived.traced;
    p.template = arrived.template;
    p.outInterface = arrived.outInterface;
    p.has |= arrived.has & HAS_LOCAL_ORIGIN;
  }

  #placeLink(macLen: number): void {
    if (macLen === 0) return;
    this.packet.macOff = OUT_L3 - macLen;
    this.packet.start = OUT_L3 - macLen;
  }

  /** Too many other fragments of the same source since this queue's last one (ip_frag_too_far): ids may have wrapped. */
  #tooFar(family: FamilyQueues, q: number): boolean {
    const peers = this.#peers;
    const words = family.words;
    const peer = words[q + Q_PEER]!;
    if (peers === null || peer === NONE) return false;
    const now = peers.count(peer);
    const distance = (now - words[q + Q_RID]!) | 0;
    words[q + Q_RID] = now;
    return words[q + Q_LAST] !== NONE && distance > this.#limits.maxDistance;
  }

  #refuse(family: FamilyQueues, q: number): number {
    family.kill(q);
    return DEFRAG_REFUSED;
  }

  #setDue(): void {
    this.dueMs = Math.min(
      this.#queues4?.dueMs ?? Number.POSITIVE_INFINITY,
      this.#queues6?.dueMs ?? Number.POSITIVE_INFINITY,
    );
  }

  #dueFamily(nowMs: number): FamilyQueues | null {
    if (this.#queues4 !== null && this.#queues4.dueMs <= nowMs) return this.#queues4;
    return this.#queues6 !== null && this.#queues6.dueMs <= nowMs ? this.#queues6 : null;
  }

  #expireAll(nowMs: number): void {
    for (let f = this.#dueFamily(nowMs); f !== null; f = this.#dueFamily(nowMs)) f.kill(f.oldest);
  }

  #make(high: number, timeoutMs: number, counted: boolean): FamilyQueues {
    if (this.#out.length === 0) this.#out = new Uint8Array(OUT_L3 + IP_MAX + IPV6_HEADER_LEN + 512);
    if (counted && this.#limits.maxDistance > 0) this.#peers = new FragmentPeers();
    return new FamilyQueues(high, timeoutMs, counted ? this.#peers : null);
  }
}

/**
 * A first fragment that ends inside its transport header (RFC 8200 section 4.5): not queued but passed on, as ipv6frag_thdr_
 * truncated decides. A chain that cannot be read counts as whole.
 */
function headerCutOff(p: Packet): boolean {
  if ((p.has & (HAS_LATER_FRAGMENT | HAS_BROKEN_CHAIN)) !== 0 || p.l4Off < 0) return false;
  let needed = 1;
  if (p.protocol === IPPROTO_TCP) needed = 20;
  else if (p.protocol === IPPROTO_UDP || p.protocol === IPPROTO_ICMPV6) needed = 8;
  return p.l4Off + needed > p.l3Off + p.l3Len;
}
