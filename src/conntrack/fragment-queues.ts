/**
 * The queues in which one family's fragments wait for the rest of their packet: look-up, order, memory, time. What a queue, a
 * run, a duplicate and an overlap are is told in defrag.ts.
 *
 *   queue q, base of 29 words: source 4 | destination 4 | identification | protocol, family | user | interface |
 *      flags | length so far | bytes that are there | largest fragment | largest with DF | ECN bits | first run | last run |
 *      next of the hash chain | older | newer | memory | count at the last fragment | peer | next header offset |
 *      bucket | interface of the last fragment
 */
import { AF_INET, type Packet, T_DST, T_SRC } from '../wire/packet.js';
import type { FragmentPeers } from './fragment-peers.js';
import {
  F_END,
  F_LAST,
  F_MAC,
  F_NEXT,
  F_NEXT_RUN,
  F_OFFSET,
  F_PREFIX,
  FragmentStore,
  NONE,
  truesize,
} from './fragment-store.js';

const QUEUE_WORDS = 29;
export const Q_ID = 8;
export const Q_PROTO = 9;
export const Q_USER = 10;
export const Q_DEV = 11;
export const Q_FLAGS = 12;
export const Q_LEN = 13;
export const Q_MEAT = 14;
export const Q_MAX = 15;
export const Q_MAX_DF = 16;
export const Q_ECN = 17;
export const Q_FIRST = 18;
export const Q_LAST = 19;
export const Q_CHAIN = 20;
export const Q_OLDER = 21;
export const Q_NEWER = 22;
export const Q_MEMORY = 23;
export const Q_RID = 24;
export const Q_PEER = 25;
export const Q_NEXT_HEADER = 26;
export const Q_BUCKET = 27;
export const Q_ARRIVED_ON = 28;

/** Bits of Q_FLAGS: the first, the last fragment is there; one was cut by the capture. */
export const FIRST_IN = 1;
export const LAST_IN = 2;
export const CUT_IN = 4;

/** struct ipq, struct frag_queue: charged besides the fragments. */
const QUEUE_CHARGE = 256;
const BUCKETS = 1024;

/** Longest link-layer header that is kept with a fragment. */
export const MAX_LINK_LEN = 64;

/** What `insert` says. */
export const INSERTED = 0;
export const DUPLICATE = 1;
/** Overlap, or no memory: the queue is to be killed. */
export const UNFIT = 2;

export class FamilyQueues {
  readonly words: Int32Array;
  readonly deadlines: Float64Array;
  readonly store: FragmentStore;
  /** Bytes charged. */
  memory = 0;
  /** The queue that expires first; NONE = none waits. */
  oldest = NONE;
  readonly #buckets = new Int32Array(BUCKETS).fill(NONE);
  readonly #peers: FragmentPeers | null;
  readonly #high: number;
  readonly #timeoutMs: number;
  #newest = NONE;
  #free = 0;

  /** `high`: bytes that may be charged. `peers`: null where distances are not counted. */
  constructor(high: number, timeoutMs: number, peers: FragmentPeers | null) {
    this.#high = high;
    this.#timeoutMs = timeoutMs;
    this.#peers = peers;
    const count = Math.ceil(high / (768 + QUEUE_CHARGE)) + 2;
    this.words = new Int32Array(count * QUEUE_WORDS);
    this.deadlines = new Float64Array(count);
    this.store = new FragmentStore(high);
    for (let i = 0; i < count; i++)
      this.words[i * QUEUE_WORDS + Q_CHAIN] = i + 1 < count ? (i + 1) * QUEUE_WORDS : NONE;
  }

  /** When the oldest queue expires, ms; Infinity = none waits. */
  get dueMs(): number {
    return this.oldest === NONE ? Number.POSITIVE_INFINITY : this.deadlines[this.oldest / QUEUE_WORDS]!;
  }

  /** The final fragment: false where bits beyond it, or another end, are known. */
  takeEnd(q: number, end: number): boolean {
    const words = this.words;
    const flags = words[q + Q_FLAGS]!;
    if (end < words[q + Q_LEN]! || ((flags & LAST_IN) !== 0 && end !== words[q + Q_LEN])) return false;
    words[q + Q_FLAGS] = flags | LAST_IN;
    words[q + Q_LEN] = end;
    return true;
  }

  /** A fragment that others follow: false where it reaches beyond the known end. */
  takeMiddle(q: number, end: number): boolean {
    const words = this.words;
    if (end <= words[q + Q_LEN]!) return true;
    if ((words[q + Q_FLAGS]! & LAST_IN) !== 0) return false;
    words[q + Q_LEN] = end;
    return true;
  }

  /**
   * Puts a fragment into its place (inet_frag_queue_insert): INSERTED, DUPLICATE (nothing changed) or UNFIT.
   */
  insert(q: number, p: Packet, offset: number, end: number, payload: number): number {
    const words = this.words;
    const frags = this.store.words;
    const last = words[q + Q_LAST]!;
    const lastEnd = last === NONE ? 0 : frags[frags[last + F_LAST]! + F_END]!;
    let before = last;
    let append = false;
    if (last !== NONE && end > lastEnd) {
      if (offset < lastEnd) return UNFIT;
      append = offset === lastEnd;
    } else if (last !== NONE) {
      before = NONE;
      for (let run = words[q + Q_FIRST]!; run !== NONE; run = frags[run + F_NEXT_RUN]!) {
        if (end <= frags[run + F_OFFSET]!) break;
        const runEnd = frags[frags[run + F_LAST]! + F_END]!;
        if (offset < runEnd) {
          return offset >= frags[run + F_OFFSET]! && end <= runEnd ? DUPLICATE : UNFIT;
        }
        before = run;
      }
    }
    const from = p.macOff >= 0 && p.l3Off - p.macOff <= MAX_LINK_LEN ? p.macOff : p.l3Off;
    const f = this.store.take(p.bytes, from, Math.min(p.end, payload + end - offset));
    if (f === NONE) return UNFIT;
    frags[f + F_OFFSET] = offset;
    frags[f + F_END] = end;
    frags[f + F_PREFIX] = payload - from;
    frags[f + F_MAC] = p.l3Off - from;
    if (append) {
      frags[frags[last + F_LAST]! + F_NEXT] = f;
      frags[last + F_LAST] = f;
    } else if (before === NONE) {
      frags[f + F_NEXT_RUN] = words[q + Q_FIRST]!;
      words[q + Q_FIRST] = f;
      if (last === NONE) words[q + Q_LAST] = f;
    } else {
      frags[f + F_NEXT_RUN] = frags[before + F_NEXT_RUN]!;
      frags[before + F_NEXT_RUN] = f;
      if (before === last) words[q + Q_LAST] = f;
    }
    const charge = truesize(p.l3Off - from + p.l3Len);
    this.memory += charge;
    words[q + Q_MEMORY] = words[q + Q_MEMORY]! + charge;
    words[q + Q_MEAT] = words[q + Q_MEAT]! + end - offset;
    words[q + Q_ARRIVED_ON] = p.inInterface;
    if (offset === 0) words[q + Q_FLAGS] = words[q + Q_FLAGS]! | FIRST_IN;
    if (p.end < payload + end - offset) words[q + Q_FLAGS] = words[q + Q_FLAGS]! | CUT_IN;
    return INSERTED;
  }

  whole(q: number): boolean {
    const words = this.words;
    return (
      (words[q + Q_FLAGS]! & (FIRST_IN | LAST_IN)) === (FIRST_IN | LAST_IN) && words[q + Q_MEAT] === words[q + Q_LEN]
    );
  }

  /** The queue of a packet's fragments, made where there is none; NONE while memory is over the limit. */
  find(p: Packet, id: number, protocol: number, user: number, dev: number, nowMs: number): number {
    if (this.memory > this.#high) return NONE;
    const words = this.words;
    const tuple = p.tuple;
    let hash = Math.imul(id ^ (protocol << 16) ^ Math.imul(user, 0x2c1b3c6d) ^ dev, 0x9e3779b1);
    for (let i = T_SRC; i < T_DST + 4; i++) hash = Math.imul(hash ^ tuple[i]!, 0x85ebca6b) ^ (hash >>> 13);
    const bucket = (hash ^ (hash >>> 16)) & (BUCKETS - 1);
    for (let q = this.#buckets[bucket]!; q !== NONE; q = words[q + Q_CHAIN]!) {
      if (words[q + Q_ID] !== id || words[q + Q_PROTO] !== protocol || words[q + Q_USER] !== user) continue;
      if (words[q + Q_DEV] === dev && sameAddresses(words, q, tuple)) return q;
    }
    const q = this.#free;
    if (q === NONE) return NONE;
    this.#free = words[q + Q_CHAIN]!;
    for (let i = 0; i < 8; i++) words[q + i] = tuple[i]!;
    words[q + Q_ID] = id;
    words[q + Q_PROTO] = protocol;
    words[q + Q_USER] = user;
    words[q + Q_DEV] = dev;
    words[q + Q_MAX] = 0;
    words[q + Q_MAX_DF] = 0;
    words[q + Q_BUCKET] = bucket;
    words[q + Q_MEMORY] = QUEUE_CHARGE;
    words[q + Q_PEER] = this.#peers !== null && p.family === AF_INET ? this.#peers.take(tuple[T_SRC]!) : NONE;
    words[q + Q_RID] = 0;
    this.memory += QUEUE_CHARGE;
    clear(words, q);
    words[q + Q_CHAIN] = this.#buckets[bucket]!;
    this.#buckets[bucket] = q;
    this.#enqueue(q, nowMs);
    return q;
  }

  /** ip_frag_reinit: forgets the fragments and begins again with the one that just came. */
  restart(q: number, nowMs: number): void {
    this.#releaseFragments(q);
    clear(this.words, q);
    this.#dequeue(q);
    this.#enqueue(q, nowMs);
  }

  kill(q: number): void {
    const words = this.words;
    this.#releaseFragments(q);
    this.memory -= words[q + Q_MEMORY]!;
    this.#dequeue(q);
    const peer = words[q + Q_PEER]!;
    if (peer !== NONE) this.#peers?.release(peer);
    const bucket = words[q + Q_BUCKET]!;
    if (this.#buckets[bucket] === q) {
      this.#buckets[bucket] = words[q + Q_CHAIN]!;
    } else {
      let previous = this.#buckets[bucket]!;
      while (words[previous + Q_CHAIN] !== q) previous = words[previous + Q_CHAIN]!;
      words[previous + Q_CHAIN] = words[q + Q_CHAIN]!;
    }
    words[q + Q_CHAIN] = this.#free;
    this.#free = q;
  }

  #releaseFragments(q: number): void {
    const frags = this.store.words;
    let run = this.words[q + Q_FIRST]!;
    while (run !== NONE) {
      const nextRun = frags[run + F_NEXT_RUN]!;
      let f = run;
      while (f !== NONE) {
        const next = frags[f + F_NEXT]!;
        this.store.release(f);
        f = next;
      }
      run = nextRun;
    }
    this.memory -= this.words[q + Q_MEMORY]! - QUEUE_CHARGE;
    this.words[q + Q_MEMORY] = QUEUE_CHARGE;
  }

  /** All of a family wait equally long, so the list is sorted by deadline. */
  #enqueue(q: number, nowMs: number): void {
    const words = this.words;
    this.deadlines[q / QUEUE_WORDS] = nowMs + this.#timeoutMs;
    words[q + Q_OLDER] = this.#newest;
    words[q + Q_NEWER] = NONE;
    if (this.#newest === NONE) this.oldest = q;
    else words[this.#newest + Q_NEWER] = q;
    this.#newest = q;
  }

  #dequeue(q: number): void {
    const words = this.words;
    const older = words[q + Q_OLDER]!;
    const newer = words[q + Q_NEWER]!;
    if (older === NONE) this.oldest = newer;
    else words[older + Q_NEWER] = newer;
    if (newer === NONE) this.#newest = older;
    else words[newer + Q_OLDER] = older;
  }
}

/** An empty queue's state. */
function clear(words: Int32Array, q: number): void {
  words[q + Q_FLAGS] = 0;
  words[q + Q_LEN] = 0;
  words[q + Q_MEAT] = 0;
  words[q + Q_ECN] = 0;
  words[q + Q_FIRST] = NONE;
  words[q + Q_LAST] = NONE;
}

function sameAddresses(words: Int32Array, q: number, tuple: Int32Array): boolean {
  for (let i = 0; i < 8; i++) if (words[q + i] !== tuple[i]) return false;
  return true;
}
