/**
 * The buckets behind a --hashlimit-name: one an address, port or both, made when first seen and let go when unused
 * (xt_hashlimit.c: htable, dsthash_ent).
 *
 * Credit of the packet modes is an unsigned 64-bit number that wraps as the kernel's does; here it is two halves. A tick adds
 * 2^39, that is 128 to the upper half. In byte mode credit counts chunks of 16 bytes. With rate-match there is no credit: bytes
 * or packets of the current interval are compared with the rate.
 *
 * Expired buckets go with the garbage collection, every gcInterval; until then a packet revives them.
 */
import { ADDRESS_WORDS } from '../../wire/address.js';
import {
  AF_INET,
  AF_INET6,
  HAS_BROKEN_CHAIN,
  HAS_LATER_FRAGMENT,
  IPPROTO_AH,
  IPPROTO_DCCP,
  IPPROTO_ESP,
  IPPROTO_NONE,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  type Packet,
  T_DST,
  T_SRC,
} from '../../wire/packet.js';
import { fillMask } from '../address.js';
import type { RuleContext } from '../context.js';
import { HZ, JIFFY_MS } from './option-values.js';

/** Mode bits: what makes the key. */
export const HASH_DIP = 1 << 0;
export const HASH_DPT = 1 << 1;
export const HASH_SIP = 1 << 2;
export const HASH_SPT = 1 << 3;

/** Bytes are counted in chunks of 16. */
export const BYTE_SHIFT = 4;
/** Parts of a second in which a packet rate's period is given. */
export const SCALE = 1_000_000;

const CREDITS_PER_JIFFY = 2n ** 39n;
const CREDITS_PER_JIFFY_BYTES = 2 ** 24;
/** Credit that byte mode fills up to: one second. */
const BYTE_CREDIT_MAX = CREDITS_PER_JIFFY_BYTES * HZ;
/** What a tick adds to the upper half of 64 bits. */
const TICK_HIGH = Number(CREDITS_PER_JIFFY >> 32n);
const HALF = 2 ** 32;
const UINT32_MAX = 0xffffffff;
/** Buckets of a table that names no size, on a machine with more than 1 GiB. */
const DEFAULT_SIZE = 8192;

const NONE = -1;
const KEY_WORDS = 2 * ADDRESS_WORDS + 1;
const K_DST = ADDRESS_WORDS;
const K_PORTS = 2 * ADDRESS_WORDS;
/** Doubles of a bucket: tick of the last count, tick of expiry, then two by mode. */
const STATE_DOUBLES = 4;
const S_PREV = 0;
const S_EXPIRES = 1;
/** Packets: upper and lower half of the credit. Bytes: credit and how often it may be refilled. Rate: count, last one was over. */
const S_A = 2;
const S_B = 3;

/** Words of `clock`. */
const NOW = 0;
const COLLECTED = 1;
const BEGUN = 2;

/** What the kernel's table is made with; times in ms. */
export interface HashlimitConfig {
  family: number;
  /** HASH_ bits. */
  key: number;
  srcmask: number;
  dstmask: number;
  bytes: boolean;
  rateMatch: boolean;
  /** Packets: period in 1/1000000 s; bytes: cost of a chunk. */
  avg: number;
  burst: number;
  /** Seconds, with rateMatch. */
  interval: number;
  size: number;
  max: number;
  gcInterval: number;
  expire: number;
}

/** user2credits: credits for a period, 64 bits that wrap. */
export function packetCredits(period: bigint): bigint {
  return BigInt.asUintN(64, period * ((BigInt(HZ) * CREDITS_PER_JIFFY) / BigInt(SCALE)));
}

/** user2credits_byte: credits for a chunk. */
export function byteCredits(cost: number): number {
  return Number((BigInt(cost) * BigInt(BYTE_CREDIT_MAX)) >> 32n);
}

/** Bytes a second for the cost of a chunk. */
export function costToBytes(cost: number): number {
  return ((cost === 0 ? UINT32_MAX : Math.floor(UINT32_MAX / cost)) - 1) * 2 ** BYTE_SHIFT;
}

/** Results of `HashlimitTable.take`. */
export const OVER = 0;
export const BELOW = 1;
/** No bucket could be had: the packet is dropped. */
export const NO_BUCKET = -1;

/** All buckets of one name. */
export class HashlimitTable {
  /** Of the rule that made it. */
  readonly config: HashlimitConfig;
  private readonly max: number;
  private readonly srcmask = new Int32Array(ADDRESS_WORDS);
  private readonly dstmask = new Int32Array(ADDRESS_WORDS);
  private readonly key = new Int32Array(KEY_WORDS);
  private readonly capHigh: number;
  private readonly capLow: number;
  private readonly costHigh: number;
  private readonly costLow: number;
  private readonly byteCost: number;
  private readonly rate: number;
  private readonly rateBurst: number;
  private readonly expireTicks: number;
  private readonly gcTicks: number;

  private readonly heads: Int32Array;
  private keys = new Int32Array(64 * KEY_WORDS);
  private next = new Int32Array(64);
  private state = new Float64Array(64 * STATE_DOUBLES);
  private count = 0;
  private free = NONE;
  private fresh = 0;
  /** Ticks: now, the last garbage collection, the first packet. Kept here because a double as an argument is allocated. */
  private readonly clock = Float64Array.of(0, 0, NONE);

  constructor(config: HashlimitConfig) {
    this.config = config;
    const size = config.size === 0 ? DEFAULT_SIZE : config.size;
    this.max = config.max === 0 ? 8 * size : Math.max(config.max, size);
    fillMask(config.srcmask, this.srcmask);
    fillMask(config.dstmask, this.dstmask);
    const avg = BigInt(config.avg);
    const cap = config.bytes ? 0n : packetCredits(avg * BigInt(config.burst));
    const cost = config.bytes ? 0n : packetCredits(avg);
    this.capHigh = Number(cap >> 32n);
    this.capLow = Number(cap & 0xffffffffn);
    this.costHigh = Number(cost >> 32n);
    this.costLow = Number(cost & 0xffffffffn);
    this.byteCost = config.bytes ? byteCredits(config.avg) : 0;
    this.rate = config.bytes ? costToBytes(config.avg) : config.avg === 0 ? 0 : Math.floor(SCALE / config.avg);
    this.rateBurst = config.bytes ? this.rate * (config.burst || 1) : this.rate + config.burst;
    this.expireTicks = Math.ceil(config.expire / JIFFY_MS);
    this.gcTicks = Math.ceil(config.gcInterval / JIFFY_MS);
    let heads = 64;
    while (heads < Math.min(this.max, 65536)) heads *= 2;
    this.heads = new Int32Array(heads).fill(NONE);
  }

  /** Number of buckets, expired ones that were not collected yet included. */
  get size(): number {
    return this.count;
  }

  /**
   * Counts a packet: BELOW or OVER the limit, or NO_BUCKET.
   * @param rateMatch compare rates; `bytes` count bytes: as the rule says, which may differ from the table's own configuration
   */
  take(p: Packet, c: RuleContext, rateMatch: boolean, bytes: boolean): number {
    if (!this.readKey(p)) return NO_BUCKET;
    this.clock[NOW] = Math.floor(c.nowMs / JIFFY_MS);
    const e = this.bucket();
    if (e < 0) return NO_BUCKET;
    const s = this.state;
    const at = e * STATE_DOUBLES;
    s[at + S_EXPIRES] = this.clock[NOW]! + this.expireTicks;
    if (rateMatch) {
      s[at + S_A] = s[at + S_A]! + (bytes ? p.l3Len : 1);
      return s[at + S_B] === 0 && s[at + S_A]! <= this.rateBurst ? BELOW : OVER;
    }
    return bytes ? this.payBytes(at, p.l3Len) : this.payPacket(at);
  }

  private payPacket(at: number): number {
    const s = this.state;
    const high = s[at + S_A]!;
    const low = s[at + S_B]!;
    if (high < this.costHigh || (high === this.costHigh && low < this.costLow)) return OVER;
    const borrow = low < this.costLow ? 1 : 0;
    s[at + S_A] = high - this.costHigh - borrow;
    s[at + S_B] = low - this.costLow + borrow * HALF;
    return BELOW;
  }

  private payBytes(at: number, length: number): number {
    const s = this.state;
    const cost = Math.min(((length >> BYTE_SHIFT) + 1) * this.byteCost, BYTE_CREDIT_MAX);
    if (s[at + S_A]! < cost && s[at + S_B] !== 0) {
      s[at + S_B] = s[at + S_B]! - 1;
      s[at + S_A] = BYTE_CREDIT_MAX;
    }
    if (s[at + S_A]! < cost) return OVER;
    s[at + S_A] = s[at + S_A]! - cost;
    return BELOW;
  }

  /** rateinfo_recalc: what the time since the last count gives. */
  private refill(at: number): void {
    const s = this.state;
    const now = this.clock[NOW]!;
    const delta = now - s[at + S_PREV]!;
    if (delta === 0) return;
    if (this.config.rateMatch) {
      const interval = this.config.interval * HZ;
      if (delta < interval) return;
      s[at + S_PREV] = now;
      s[at + S_B] = s[at + S_A]! * interval > delta * this.rate ? 1 : 0;
      s[at + S_A] = 0;
      return;
    }
    s[at + S_PREV] = now;
    if (this.config.bytes) {
      s[at + S_A] = Math.min(s[at + S_A]! + CREDITS_PER_JIFFY_BYTES * delta, BYTE_CREDIT_MAX);
      return;
    }
    const high = (s[at + S_A]! + delta * TICK_HIGH) % HALF;
    s[at + S_A] = high;
    if (high > this.capHigh || (high === this.capHigh && s[at + S_B]! > this.capLow)) {
      s[at + S_A] = this.capHigh;
      s[at + S_B] = this.capLow;
    }
  }

  /** rateinfo_init: a bucket that was not there before is full. */
  private fill(at: number): void {
    const s = this.state;
    s[at + S_PREV] = this.clock[NOW]!;
    if (this.config.rateMatch) {
      s[at + S_A] = 0;
      s[at + S_B] = 0;
    } else if (this.config.bytes) {
      s[at + S_A] = BYTE_CREDIT_MAX;
      s[at + S_B] = this.config.burst;
    } else {
      s[at + S_A] = this.capHigh;
      s[at + S_B] = this.capLow;
    }
  }

  /** The bucket of `key`, counted up to now; made if there is none. NONE: the table is full. */
  private bucket(): number {
    const clock = this.clock;
    const now = clock[NOW]!;
    if (clock[BEGUN] === NONE) clock[BEGUN] = now;
    // what had expired by the last collection is gone
    clock[COLLECTED] = now - ((now - clock[BEGUN]!) % this.gcTicks);
    const hash = this.hash(this.key, 0);
    const head = hash & (this.heads.length - 1);
    for (let e = this.heads[head]!; e !== NONE; e = this.next[e]!) {
      if (!this.isKey(e)) continue;
      const at = e * STATE_DOUBLES;
      if (this.state[at + S_EXPIRES]! <= clock[COLLECTED]!) this.fill(at);
      else this.refill(at);
      return e;
    }
    if (this.count >= this.max || (this.free === NONE && this.fresh === this.next.length)) this.collect();
    if (this.count >= this.max) return NONE;
    const e = this.newBucket();
    this.keys.set(this.key, e * KEY_WORDS);
    this.next[e] = this.heads[head]!;
    this.heads[head] = e;
    this.fill(e * STATE_DOUBLES);
    return e;
  }

  private newBucket(): number {
    this.count++;
    const e = this.free;
    if (e !== NONE) {
      this.free = this.next[e]!;
      return e;
    }
    if (this.fresh === this.next.length) this.grow();
    return this.fresh++;
  }

  private grow(): void {
    const { keys, next, state } = this;
    this.keys = new Int32Array(keys.length * 2);
    this.next = new Int32Array(next.length * 2);
    this.state = new Float64Array(state.length * 2);
    this.keys.set(keys);
    this.next.set(next);
    this.state.set(state);
  }

  /** htable_gc: frees what had expired at the last collection. */
  private collect(): void {
    const time = this.clock[COLLECTED]!;
    for (let head = 0; head < this.heads.length; head++) {
      let previous = NONE;
      for (let e = this.heads[head]!; e !== NONE; ) {
        const next = this.next[e]!;
        if (this.state[e * STATE_DOUBLES + S_EXPIRES]! <= time) {
          if (previous === NONE) this.heads[head] = next;
          else this.next[previous] = next;
          this.next[e] = this.free;
          this.free = e;
          this.count--;
        } else {
          previous = e;
        }
        e = next;
      }
    }
  }

  private hash(words: Int32Array, at: number): number {
    let h = 0;
    for (let i = 0; i < KEY_WORDS; i++) h = Math.imul(h ^ words[at + i]!, 0x9e3779b1) ^ (h >>> 15);
    return h ^ (h >>> 16);
  }

  private isKey(e: number): boolean {
    const at = e * KEY_WORDS;
    for (let i = 0; i < KEY_WORDS; i++) if (this.keys[at + i] !== this.key[i]) return false;
    return true;
  }

  /** hashlimit_init_dst: what of the packet makes the key; false where ports are wanted and are not there. */
  private readKey(p: Packet): boolean {
    const wanted = this.config.key;
    const { key, srcmask, dstmask } = this;
    const t = p.tuple;
    const source = (wanted & HASH_SIP) !== 0;
    const destination = (wanted & HASH_DIP) !== 0;
    for (let i = 0; i < ADDRESS_WORDS; i++) {
      key[i] = source ? t[T_SRC + i]! & srcmask[i]! : 0;
      key[K_DST + i] = destination ? t[T_DST + i]! & dstmask[i]! : 0;
    }
    key[K_PORTS] = 0;
    if ((wanted & (HASH_SPT | HASH_DPT)) === 0) return true;
    if ((p.has & HAS_BROKEN_CHAIN) !== 0) return false;
    // ipv6_skip_exthdr finds no transport header behind "no next header"
    if (p.family === AF_INET6 && p.protocol === IPPROTO_NONE && (p.has & HAS_LATER_FRAGMENT) === 0) return false;
    const off = portsOffset(p);
    if (off < 0) return true;
    if (off + 4 > p.end) return false;
    const ports = p.view.getInt32(off);
    key[K_PORTS] = ((wanted & HASH_SPT) !== 0 ? ports & ~0xffff : 0) | ((wanted & HASH_DPT) !== 0 ? ports & 0xffff : 0);
    return true;
  }
}

/** Where the four bytes lie that stand for both ports (proto_ports_offset); -1 = the protocol has none. */
function portsOffset(p: Packet): number {
  let at = p.l4Off;
  if ((p.has & HAS_LATER_FRAGMENT) !== 0) {
    // IPv4: what follows the header is taken for ports all the same
    if (p.family !== AF_INET) return NONE;
    at = p.l3Off + (p.bytes[p.l3Off]! & 15) * 4;
  }
  switch (p.protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_DCCP:
    case IPPROTO_ESP:
    case IPPROTO_SCTP:
    case IPPROTO_UDPLITE:
      return at;
    case IPPROTO_AH:
      return p.family === AF_INET ? at + 4 : NONE;
    default:
      return NONE;
  }
}
