/**
 * The connection table: every tracked connection in one typed array (layout.ts), found through one open-addressing index.
 *
 * Terms: a *slot* is a record's number; a *ref* is slot << 1 | direction. A slot is *reserved* when a packet begins a
 * connection, *confirmed* (put into the index and on the wheel) when that packet has passed every hook, and *freed* when the
 * connection ends. Only confirmed connections are found.
 *
 * Index: pairs (hash, ref + 1), linear probing, deletion by shifting back. The hash of a tuple does not depend on the
 * direction, so one entry finds both; only where the reply is not the plain inverse (NAT, zones by direction) does the reply
 * tuple have an entry of its own (F_SECOND_INDEX). At most four fifths of the places are in use; it doubles beyond that. Of entries
 * with the same hash the youngest comes first, as in the kernel's chains: zones of one direction let two connections have one tuple.
 *
 * Timeouts: a record's deadline is checked on look-up; a wheel (wheel.ts) ends those that nobody looks up.
 *
 * Invariants: count = slots reserved or confirmed; a confirmed record is on exactly one wheel list and in the index once or
 * twice; a free slot has R_ID 0. Space for `capacity` records is reserved at construction and not touched until used.
 */
import { AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6, T_DST, T_PORTS, T_PROTO, T_SRC } from '../wire/packet.js';
import { ColdRecord } from './cold-record.js';
import {
  F_COLD,
  F_SECOND_INDEX,
  F_ZONED,
  IPS_CONFIRMED,
  IPS_DYING,
  R_COUNTERS,
  R_DEADLINE,
  R_ID,
  R_NEXT,
  R_ORIG_DST,
  R_ORIG_PORTS,
  R_ORIG_SRC,
  R_PROTO,
  R_REPLY_DST,
  R_REPLY_PORTS,
  R_REPLY_SRC,
  R_STATUS,
  RECORD_SHIFT,
  RECORD_WORDS,
} from './layout.js';
import { fold, LINE_OFFSET, lineAligned, powerOfTwo } from './table-memory.js';
import { Wheel } from './wheel.js';

/** Words of IPv6 address beyond the first, of all four addresses. */
const HIGH_WORDS = 12;
const TWO_32 = 2 ** 32;

/** All connections of one host; see the head of this file. */
export class ConnTable {
  /** Records that fit. */
  readonly capacity: number;
  readonly words: Int32Array;
  /** Ends what nobody looks up. */
  readonly wheel: Wheel;
  /** IPv6: words 1-3 of the four addresses, 12 words a slot: original source, destination, reply source, destination. */
  readonly high: Int32Array;
  /** 2 doubles a slot: start and stop, ms since the epoch. Empty until timestamps were on once. */
  stamps = new Float64Array(0);
  /** Events not delivered yet (IPCT_ bits); empty until somebody listened once. */
  pending = new Uint16Array(0);
  /** Slots in use: reserved or confirmed. */
  count = 0;
  /** The largest `count` so far. */
  peak = 0;

  private index: Int32Array;
  private indexMask: number;
  /** Index entries in use: one or two a confirmed connection. */
  private indexUsed = 0;
  private readonly keySource: number;
  private readonly keyPorts: number;
  private freeSlot = -1;
  private freshSlot = 0;
  private serial = 0;
  /** Zone original | zone reply << 16 of slots with F_ZONED. */
  private readonly zones: Int32Array;
  private readonly cold: ColdRecord[] = [new ColdRecord()];
  /** Index into `cold` of slots with F_COLD. */
  private readonly coldIndex: Int32Array;
  private readonly freeCold: number[] = [];

  /**
   * @param capacity most records ever in use at once
   * @param seed key of the hash; the same seed gives the same order of everything
   */
  constructor(capacity: number, seed: number) {
    this.capacity = capacity;
    this.words = new Int32Array(lineAligned(capacity * RECORD_WORDS * 4), LINE_OFFSET, capacity * RECORD_WORDS);
    this.wheel = new Wheel(this.words);
    this.high = new Int32Array(capacity * HIGH_WORDS);
    this.zones = new Int32Array(capacity);
    this.coldIndex = new Int32Array(capacity);
    const entries = powerOfTwo(capacity * 1.25);
    this.index = new Int32Array(entries * 2);
    this.indexMask = entries - 1;
    this.keySource = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1) | 0;
    this.keyPorts = Math.imul(this.keySource ^ 0x27d4eb2f, 0x85ebca6b) | 0;
  }

  /** Direction-independent hash of a packet's tuple in a zone. */
  hash(tuple: Int32Array, zone: number): number {
    const ports = tuple[T_PORTS]!;
    const protocol = tuple[T_PROTO]!;
    let a = tuple[T_SRC]!;
    let b = tuple[T_DST]!;
    if (protocol >> 8 === AF_INET6) {
      a = fold(a, tuple[T_SRC + 1]!, tuple[T_SRC + 2]!, tuple[T_SRC + 3]!);
      b = fold(b, tuple[T_DST + 1]!, tuple[T_DST + 2]!, tuple[T_DST + 3]!);
    }
    return this.mix(a, b, ports, protocol, zone);
  }

  /** The hash of one direction of a record: 0 original, 1 reply. */
  private hashOf(slot: number, direction: number): number {
    const w = this.words;
    const base = slot << RECORD_SHIFT;
    const at = base + direction * 3;
    const protocol = w[base + R_PROTO]!;
    const zones = this.zonesOf(slot);
    let a = w[at]!;
    let b = w[at + 1]!;
    if (protocol >> 8 === AF_INET6) {
      const h = this.high;
      const high = slot * HIGH_WORDS + direction * 6;
      a = fold(a, h[high]!, h[high + 1]!, h[high + 2]!);
      b = fold(b, h[high + 3]!, h[high + 4]!, h[high + 5]!);
    }
    return this.mix(a, b, w[at + 2]!, protocol, direction === 0 ? zones & 0xffff : zones >>> 16);
  }

  private mix(a: number, b: number, ports: number, protocol: number, zone: number): number {
    const number = protocol & 0xff;
    let low = ports & 0xffff;
    const high = ports >>> 16;
    // an ICMP query and its reply differ in type: only the id counts
    if (number === IPPROTO_ICMP || number === IPPROTO_ICMPV6) low = high;
    let x = Math.imul(a ^ this.keySource, 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 15) ^ high ^ this.keyPorts, 0xc2b2ae35);
    let y = Math.imul(b ^ this.keySource, 0x85ebca6b);
    y = Math.imul(y ^ (y >>> 15) ^ low ^ this.keyPorts, 0xc2b2ae35);
    let h = ((x ^ (x >>> 13)) + (y ^ (y >>> 13))) | 0;
    h = Math.imul(h ^ protocol ^ (zone << 12), 0x9e3779b1);
    return h ^ (h >>> 16);
  }

  /**
   * Brings the records that a batch of hashes leads to nearer: first all places of the index, then, which record each leads to, then
   * all records. Each loop by itself, so that the memory accesses of many packets are under way at the same time.
   * @param hashes overwritten with the slots, for `findAt`; where there is none, with 0
   */
  touch(hashes: Int32Array, count: number): void {
    const index = this.index;
    const mask = this.indexMask;
    const w = this.words;
    let sum = 0;
    for (let k = 0; k < count; k++) sum = (sum + index[(hashes[k]! & mask) << 1]!) | 0;
    for (let k = 0; k < count; k++) {
      const hash = hashes[k]!;
      let i = hash & mask;
      let entry = index[(i << 1) + 1]!;
      while (entry !== 0 && index[i << 1] !== hash) {
        i = (i + 1) & mask;
        entry = index[(i << 1) + 1]!;
      }
      hashes[k] = entry === 0 ? 0 : (entry - 1) >> 1;
    }
    for (let k = 0; k < count; k++) {
      const base = hashes[k]! << RECORD_SHIFT;
      sum = (sum + w[base]! + w[base + 16]!) | 0;
    }
    this.touched = sum;
  }
  /** @internal Keeps touching from being optimised away. */
  touched = 0;

  /**
   * The ref of the confirmed connection that a tuple belongs to, in the direction in which it does; -1 = none.
   * `zoneOriginal` and `zoneReply`: the packet's zone as seen by a match in that direction. Expired ones are found, too.
   */
  find(tuple: Int32Array, hash: number, zoneOriginal: number, zoneReply: number): number {
    const index = this.index;
    const mask = this.indexMask;
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const entry = index[(i << 1) + 1]!;
      if (entry === 0) return -1;
      if (index[i << 1] !== hash) continue;
      const ref = this.refOf((entry - 1) >> 1, tuple, zoneOriginal, zoneReply);
      if (ref >= 0) return ref;
    }
  }

  /** As `find` in zone 0, looking at one slot only: the one that `touch` found, unless it is in a zone. -1 = look in the index. */
  findAt(slot: number, tuple: Int32Array): number {
    const status = this.words[(slot << RECORD_SHIFT) + R_STATUS]!;
    // one in a zone may have a younger twin that the index has before it
    const isPlain = (status & (IPS_CONFIRMED | IPS_DYING | F_ZONED)) === IPS_CONFIRMED;
    return isPlain ? this.refOf(slot, tuple, 0, 0) : -1;
  }

  /** The ref of a slot's direction that has a tuple, in its zone; -1 = neither has. */
  private refOf(slot: number, tuple: Int32Array, zoneOriginal: number, zoneReply: number): number {
    const w = this.words;
    const base = slot << RECORD_SHIFT;
    const protocol = tuple[T_PROTO]!;
    if (w[base + R_PROTO] !== protocol) return -1;
    const zones = (w[base + R_STATUS]! & F_ZONED) === 0 ? 0 : this.zones[slot]!;
    if (
      w[base + R_ORIG_PORTS] === tuple[T_PORTS] &&
      w[base + R_ORIG_SRC] === tuple[T_SRC] &&
      w[base + R_ORIG_DST] === tuple[T_DST] &&
      (zones & 0xffff) === zoneOriginal &&
      (protocol >> 8 !== AF_INET6 || this.highEqual(slot, 0, tuple)) &&
      // of a connection with itself the kernel's hash chain has the reply tuple first
      (tuple[T_SRC] !== tuple[T_DST] || !this.isReply(slot, tuple, zones, zoneReply))
    )
      return slot << 1;
    return this.isReply(slot, tuple, zones, zoneReply) ? (slot << 1) | 1 : -1;
  }

  /** Whether a slot of the same protocol has a tuple in its reply direction. */
  private isReply(slot: number, tuple: Int32Array, zones: number, zoneReply: number): boolean {
    const w = this.words;
    const base = slot << RECORD_SHIFT;
    return (
      w[base + R_REPLY_PORTS] === tuple[T_PORTS] &&
      w[base + R_REPLY_SRC] === tuple[T_SRC] &&
      w[base + R_REPLY_DST] === tuple[T_DST] &&
      zones >>> 16 === zoneReply &&
      (tuple[T_PROTO]! >> 8 !== AF_INET6 || this.highEqual(slot, 1, tuple))
    );
  }

  private highEqual(slot: number, direction: number, tuple: Int32Array): boolean {
    const h = this.high;
    const at = slot * HIGH_WORDS + direction * 6;
    return (
      h[at] === tuple[T_SRC + 1] &&
      h[at + 1] === tuple[T_SRC + 2] &&
      h[at + 2] === tuple[T_SRC + 3] &&
      h[at + 3] === tuple[T_DST + 1] &&
      h[at + 4] === tuple[T_DST + 2] &&
      h[at + 5] === tuple[T_DST + 3]
    );
  }

  /**
   * Takes a free slot and writes a tuple as the original one and `replyPorts` with the addresses swapped as the reply.
   * Every other word is 0. Returns the slot, -1 where there is no room.
   */
  reserve(t: Int32Array, replyPorts: number, zones: number): number {
    let slot = this.freeSlot;
    const w = this.words;
    if (slot >= 0) this.freeSlot = w[(slot << RECORD_SHIFT) + R_NEXT]! - 1;
    else if (this.freshSlot < this.capacity) slot = this.freshSlot++;
    else return -1;
    const base = slot << RECORD_SHIFT;
    w[base + R_ORIG_SRC] = t[T_SRC]!;
    w[base + R_ORIG_DST] = t[T_DST]!;
    w[base + R_ORIG_PORTS] = t[T_PORTS]!;
    w[base + R_REPLY_SRC] = t[T_DST]!;
    w[base + R_REPLY_DST] = t[T_SRC]!;
    w[base + R_REPLY_PORTS] = replyPorts;
    w[base + R_PROTO] = t[T_PROTO]!;
    for (let i = R_DEADLINE; i < RECORD_WORDS; i++) w[base + i] = 0;
    if (zones !== 0) {
      w[base + R_STATUS] = F_ZONED;
      this.zones[slot] = zones;
    }
    this.serial = (this.serial + 1) | 0 || 1;
    w[base + R_ID] = this.serial;
    if (t[T_PROTO]! >> 8 === AF_INET6) {
      const h = this.high;
      const at = slot * HIGH_WORDS;
      for (let i = 0; i < 3; i++) {
        h[at + i] = h[at + 9 + i] = t[T_SRC + 1 + i]!;
        h[at + 3 + i] = h[at + 6 + i] = t[T_DST + 1 + i]!;
      }
    }
    this.count++;
    if (this.count > this.peak) this.peak = this.count;
    return slot;
  }

  /** Gives a slot back that is neither in the index nor on the wheel. */
  free(slot: number): void {
    const w = this.words;
    const base = slot << RECORD_SHIFT;
    if ((w[base + R_STATUS]! & F_COLD) !== 0) {
      const cold = this.coldIndex[slot]!;
      this.cold[cold]!.reset();
      this.freeCold.push(cold);
    }
    w[base + R_ID] = 0;
    w[base + R_STATUS] = 0;
    w[base + R_NEXT] = this.freeSlot + 1;
    this.freeSlot = slot;
    this.count--;
  }

  /** Puts a reserved slot into the index. Its tuples and zones must not change while it is there. */
  insert(slot: number): void {
    const w = this.words;
    const base = slot << RECORD_SHIFT;
    const h0 = this.hashOf(slot, 0);
    const h1 = this.hashOf(slot, 1);
    this.insertEntry(h0, slot << 1);
    if (h0 !== h1) {
      w[base + R_STATUS] = w[base + R_STATUS]! | F_SECOND_INDEX;
      this.insertEntry(h1, (slot << 1) | 1);
    }
  }

  /** Takes a slot out of the index. */
  remove(slot: number): void {
    const second = (this.words[(slot << RECORD_SHIFT) + R_STATUS]! & F_SECOND_INDEX) !== 0;
    this.removeEntry(this.hashOf(slot, 0), slot << 1);
    if (second) this.removeEntry(this.hashOf(slot, 1), (slot << 1) | 1);
  }

  private insertEntry(hash: number, ref: number): void {
    if (++this.indexUsed * 5 > (this.indexMask + 1) * 4) this.growIndex();
    const index = this.index;
    const mask = this.indexMask;
    let put = ref + 1;
    let i = hash & mask;
    for (let entry = index[(i << 1) + 1]!; entry !== 0; entry = index[(i << 1) + 1]!) {
      if (index[i << 1] === hash) {
        index[(i << 1) + 1] = put;
        put = entry;
        this.outdo(ref >> 1, (entry - 1) >> 1);
      }
      i = (i + 1) & mask;
    }
    index[i << 1] = hash;
    index[(i << 1) + 1] = put;
  }

  /** Where the younger of two with one hash is in a zone, the older one is never found without the index. */
  private outdo(younger: number, older: number): void {
    const w = this.words;
    const at = (older << RECORD_SHIFT) + R_STATUS;
    if ((w[(younger << RECORD_SHIFT) + R_STATUS]! & F_ZONED) === 0 || (w[at]! & F_ZONED) !== 0) return;
    w[at] = w[at]! | F_ZONED;
    this.zones[older] = 0;
  }

  /** Twice the index: only where most connections need a second entry (NAT), and then once. */
  private growIndex(): void {
    const old = this.index;
    this.index = new Int32Array(old.length * 2);
    this.indexMask = this.indexMask * 2 + 1;
    const mask = this.indexMask;
    // from a free place on, so that entries with one hash keep their order
    let free = 0;
    while (old[free + 1] !== 0) free += 2;
    for (let k = 0; k < old.length; k += 2) {
      const at = (free + k) & (old.length - 1);
      if (old[at + 1] === 0) continue;
      let i = old[at]! & mask;
      while (this.index[(i << 1) + 1] !== 0) i = (i + 1) & mask;
      this.index[i << 1] = old[at]!;
      this.index[(i << 1) + 1] = old[at + 1]!;
    }
  }

  private removeEntry(hash: number, ref: number): void {
    const index = this.index;
    const mask = this.indexMask;
    let hole = hash & mask;
    while (index[(hole << 1) + 1] !== ref + 1) hole = (hole + 1) & mask;
    for (let i = (hole + 1) & mask; index[(i << 1) + 1] !== 0; i = (i + 1) & mask) {
      // an entry may move back into the hole unless its home lies behind it
      const home = index[i << 1]! & mask;
      if (((i - home) & mask) < ((i - hole) & mask)) continue;
      index[hole << 1] = index[i << 1]!;
      index[(hole << 1) + 1] = index[(i << 1) + 1]!;
      hole = i;
    }
    index[(hole << 1) + 1] = 0;
    this.indexUsed--;
  }

  /**
   * Whether a reserved slot's tuples are free: no confirmed connection has its original tuple in the original direction or
   * its reply tuple in the reply direction, or either the other way round (nf_conntrack_core.c, __nf_conntrack_confirm).
   */
  clashes(slot: number, scratch: Int32Array): boolean {
    const zones = this.zonesOf(slot);
    const original = zones & 0xffff;
    const reply = zones >>> 16;
    for (let direction = 0; direction < 2; direction++) {
      this.readTuple(slot, direction, scratch);
      const hash = this.hash(scratch, direction === 0 ? original : reply);
      if (this.find(scratch, hash, original, reply) >= 0) return true;
    }
    return false;
  }

  /** Writes a tuple over one direction's of a record that is not in the index. */
  writeTuple(slot: number, direction: number, t: Int32Array): void {
    const w = this.words;
    const at = (slot << RECORD_SHIFT) + direction * 3;
    w[at] = t[T_SRC]!;
    w[at + 1] = t[T_DST]!;
    w[at + 2] = t[T_PORTS]!;
    const high = slot * HIGH_WORDS + direction * 6;
    for (let i = 0; i < 3; i++) {
      this.high[high + i] = t[T_SRC + 1 + i]!;
      this.high[high + 3 + i] = t[T_DST + 1 + i]!;
    }
  }

  /** Writes one direction's tuple of a record in Packet.tuple form. */
  readTuple(slot: number, direction: number, out: Int32Array): void {
    const w = this.words;
    const base = slot << RECORD_SHIFT;
    const at = base + direction * 3;
    out[T_SRC] = w[at]!;
    out[T_DST] = w[at + 1]!;
    out[T_PORTS] = w[at + 2]!;
    out[T_PROTO] = w[base + R_PROTO]!;
    const six = w[base + R_PROTO]! >> 8 === AF_INET6;
    const high = slot * HIGH_WORDS + direction * 6;
    for (let i = 0; i < 3; i++) {
      out[T_SRC + 1 + i] = six ? this.high[high + i]! : 0;
      out[T_DST + 1 + i] = six ? this.high[high + 3 + i]! : 0;
    }
  }

  /**
   * Goes through the confirmed slots whose hash lies `span` or less after `hash`, in units of which `units` (a power of two, at
   * least the index's places) make the circle: returns the number of the next one after `from` (-1 to begin) for `slotNear`,
   * -1 = no more.
   */
  nearby(hash: number, span: number, units: number, from: number): number {
    const index = this.index;
    const mask = this.indexMask;
    const end = Math.min(span, mask + 1);
    for (let k = from + 1; k < end; k++) {
      const at = ((hash + k) & mask) << 1;
      if (index[at + 1] !== 0 && ((index[at]! - hash) & (units - 1)) < span) return k;
    }
    return -1;
  }

  /** The slot that `nearby` found. */
  slotNear(hash: number, k: number): number {
    return (this.index[(((hash + k) & this.indexMask) << 1) + 1]! - 1) >> 1;
  }

  /** Places of the index. */
  get places(): number {
    return this.indexMask + 1;
  }

  /** The cold record of a slot, made if it has none. */
  coldFor(slot: number): ColdRecord {
    const at = (slot << RECORD_SHIFT) + R_STATUS;
    if ((this.words[at]! & F_COLD) === 0) {
      this.coldIndex[slot] = this.freeCold.pop() ?? this.cold.push(new ColdRecord()) - 1;
      this.words[at] = this.words[at]! | F_COLD;
    }
    return this.cold[this.coldIndex[slot]!]!;
  }

  /** The cold record of a slot to read; a shared empty one where it has none. */
  coldOf(slot: number): ColdRecord {
    const has = (this.words[(slot << RECORD_SHIFT) + R_STATUS]! & F_COLD) !== 0;
    return this.cold[has ? this.coldIndex[slot]! : 0]!;
  }

  /** The helper's name, '' = none. */
  helperName(slot: number): string {
    return this.coldOf(slot).helper;
  }

  /** Name of the helper of the connection that expected this one, '' = none. */
  masterHelperName(slot: number): string {
    return this.coldOf(slot).masterHelper;
  }

  /** 128 bits of labels in 4 words, null = none. */
  labels(slot: number): Int32Array | null {
    return this.coldOf(slot).labels;
  }

  /** Sets label bits; the connection has a cold record from then on. */
  setLabel(slot: number, word: number, bits: number): void {
    this.coldFor(slot).setLabel(word, bits);
  }

  /** Whether a kept (slot, generation) pair still names the same connection. */
  isAlive(slot: number, generation: number): boolean {
    return generation !== 0 && this.words[(slot << RECORD_SHIFT) + R_ID] === generation;
  }

  /** The next slot in use from `from` on (reserved ones too), -1 = none: for listing. */
  nextInUse(from: number): number {
    for (let slot = from; slot < this.freshSlot; slot++) {
      if (this.words[(slot << RECORD_SHIFT) + R_ID] !== 0) return slot;
    }
    return -1;
  }

  /** Zone original | zone reply << 16. */
  zonesOf(slot: number): number {
    return (this.words[(slot << RECORD_SHIFT) + R_STATUS]! & F_ZONED) === 0 ? 0 : this.zones[slot]!;
  }

  /** Counts a packet of a slot with F_COUNTERS. */
  countPacket(slot: number, direction: number, bytes: number): void {
    const w = this.words;
    const at = (slot << RECORD_SHIFT) + R_COUNTERS + 2 * direction;
    const packets = (w[at]! + 1) | 0;
    const total = (w[at + 1]! + bytes) | 0;
    w[at] = packets;
    w[at + 1] = total;
    // a sum below what was added has passed 2^32
    if (packets === 0 || total >>> 0 < bytes) this.carry(slot, 2 * direction, packets === 0, total >>> 0 < bytes);
  }

  private carry(slot: number, at: number, packets: boolean, bytes: boolean): void {
    const carries = this.coldFor(slot).carries;
    if (packets) carries[at]! += 1;
    if (bytes) carries[at + 1]! += 1;
  }

  /** A counter of a slot with F_COUNTERS: 0 packets, 1 bytes of the original direction, 2, 3 of the reply direction. */
  counter(slot: number, which: number): number {
    return (
      (this.words[(slot << RECORD_SHIFT) + R_COUNTERS + which]! >>> 0) + this.coldOf(slot).carries[which]! * TWO_32
    );
  }

  /** Sets a counter, numbered as in `counter`. */
  setCounter(slot: number, which: number, value: number): void {
    this.words[(slot << RECORD_SHIFT) + R_COUNTERS + which] = value | 0;
    if (value >= TWO_32) this.coldFor(slot).carries[which] = Math.floor(value / TWO_32);
  }

  /** Makes room for start and stop times. */
  needStamps(): void {
    if (this.stamps.length === 0) this.stamps = new Float64Array(this.capacity * 2);
  }

  /** Makes room for events that wait for the end of their packet. */
  needPending(): void {
    if (this.pending.length === 0) this.pending = new Uint16Array(this.capacity);
  }
}
