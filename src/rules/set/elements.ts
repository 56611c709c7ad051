/**
 * The elements of one set: keys of a fixed number of words in a hash table with open addressing, and what each element carries.
 *
 *   index   [slot]                  element + 1 in 24 bits, above them 8 of its hash; 0 = empty. Slots are a power of two, at
 *                                   most half of them taken
 *   keys    [element * keyWords]    the key
 *   hashes  [element]               of the first `hashWords` words: the rest (an interface) is told apart by comparing
 *
 * Elements are numbered; a number that became free is given to the next element. A slot that becomes free is closed by moving back those
 * behind it, so that a search ends at the first empty slot. Look-ups allocate nothing.
 */

/** No element. */
export const NO_ELEMENT = -1;
/** Bits of `flags`: in use. */
export const ELEMENT_USED = 1;
/** `nomatch` was given. */
export const ELEMENT_NOMATCH = 2;
/** hash:net,iface: the name is the beginning of interface names. */
export const ELEMENT_WILDCARD = 4;
/** bitmap:ip,mac: the MAC address is known. */
export const ELEMENT_MAC = 8;
/** Ticks a second of the kernel that is simulated: timeouts end on its ticks (jiffies). */
export const TICKS_PER_SECOND = 250;
/** Milliseconds of a tick. */
export const TICK_MS = 1000 / TICKS_PER_SECOND;

/** What elements of a set carry besides their key. */
export interface Extensions {
  timeout: boolean;
  counters: boolean;
  comment: boolean;
  skbinfo: boolean;
}

const FIRST_CAPACITY = 8;
/** Bits of an index word: the element's number + 1, and of its hash. */
const NUMBER = 0xffffff;
const TAG = 0xff000000 | 0;
/** Most elements of a set. */
export const ELEMENTS_MAX = NUMBER - 1;

/** See the head of this file. */
export class Elements {
  /** Elements in use. */
  count = 0;
  /** Numbers given out so far: elements are among [0, top). */
  top = 0;
  keys: Int32Array;
  flags: Uint8Array;
  /** Tick at which the element ends, 0 = never. Iff timeout; as all that follows, empty without its extension. */
  expires: Float64Array;
  packets: Float64Array;
  bytes: Float64Array;
  comments: string[] | null;
  /** Four words an element: mark, mask, class (skbprio), queue. */
  skbinfo: Int32Array;
  index: Int32Array;
  /** Slots - 1. */
  mask: number;
  private hashes: Int32Array;
  private free: number[] = [];
  private capacity = FIRST_CAPACITY;

  constructor(
    readonly keyWords: number,
    private readonly hashWords: number,
    readonly extensions: Extensions,
  ) {
    const n = this.capacity;
    this.keys = new Int32Array(n * keyWords);
    this.flags = new Uint8Array(n);
    this.hashes = new Int32Array(n);
    this.expires = new Float64Array(extensions.timeout ? n : 0);
    this.packets = new Float64Array(extensions.counters ? n : 0);
    this.bytes = new Float64Array(extensions.counters ? n : 0);
    this.comments = extensions.comment ? [] : null;
    this.skbinfo = new Int32Array(extensions.skbinfo ? n * 4 : 0);
    this.index = new Int32Array(n * 2);
    this.mask = n * 2 - 1;
  }

  /** Hash of a key. */
  hash(key: Int32Array): number {
    let h = 0x2545f491;
    for (let i = 0; i < this.hashWords; i++) {
      h = Math.imul(h ^ key[i]!, 0x9e3779b1 | 0);
      h ^= h >>> 15;
    }
    h = Math.imul(h, 0x85ebca6b | 0);
    return h ^ (h >>> 13);
  }

  /** The first element whose hashed words are those of `key`; its slot is then in `foundSlot`. */
  find(key: Int32Array, hash: number): number {
    return this.findFrom(key, hash, hash);
  }

  /** As `find`, from a slot on: for keys that are not hashed as a whole, of which there may be several. */
  findFrom(key: Int32Array, hash: number, from: number): number {
    const { index, hashes, mask } = this;
    for (let slot = from & mask; ; slot = (slot + 1) & mask) {
      const word = index[slot]!;
      if (word === 0) return NO_ELEMENT;
      if (((word ^ hash) & TAG) !== 0) continue;
      const e = (word & NUMBER) - 1;
      if (hashes[e] !== hash || !this.same(e, key, this.hashWords)) continue;
      this.foundSlot = slot;
      return e;
    }
  }
  foundSlot = 0;

  private same(e: number, key: Int32Array, words: number): boolean {
    const { keys } = this;
    const at = e * this.keyWords;
    for (let i = 0; i < words; i++) if (keys[at + i] !== key[i]) return false;
    return true;
  }

  /** The element in a slot, NO_ELEMENT where it is empty. */
  inSlot(slot: number): number {
    return (this.index[slot & this.mask]! & NUMBER) - 1;
  }

  /** Puts a key that is not there in; what it carries is empty. */
  insert(key: Int32Array, hash: number): number {
    const e = this.free.pop() ?? this.top++;
    if (e >= this.capacity) this.grow();
    for (let w = 0, at = e * this.keyWords; w < this.keyWords; w++) this.keys[at + w] = key[w]!;
    this.hashes[e] = hash;
    this.flags[e] = ELEMENT_USED;
    const { extensions } = this;
    if (extensions.timeout) this.expires[e] = 0;
    if (extensions.counters) this.packets[e] = this.bytes[e] = 0;
    if (this.comments !== null) this.comments[e] = '';
    this.enter(e);
    this.count++;
    return e;
  }

  private enter(e: number): void {
    const { index, mask } = this;
    let slot = this.hashes[e]! & mask;
    while (index[slot] !== 0) slot = (slot + 1) & mask;
    index[slot] = (this.hashes[e]! & TAG) | (e + 1);
  }

  private grow(): void {
    const n = this.capacity * 2;
    const { extensions } = this;
    this.capacity = n;
    this.keys = enlarged(this.keys, new Int32Array(n * this.keyWords));
    this.flags = enlarged(this.flags, new Uint8Array(n));
    this.hashes = enlarged(this.hashes, new Int32Array(n));
    if (extensions.timeout) this.expires = enlarged(this.expires, new Float64Array(n));
    if (extensions.counters) {
      this.packets = enlarged(this.packets, new Float64Array(n));
      this.bytes = enlarged(this.bytes, new Float64Array(n));
    }
    if (extensions.skbinfo) this.skbinfo = enlarged(this.skbinfo, new Int32Array(n * 4));
    this.index = new Int32Array(n * 2);
    this.mask = n * 2 - 1;
    for (let e = 0; e < this.top; e++) if (this.flags[e] !== 0) this.enter(e);
  }

  /** Takes an element out. */
  remove(e: number): void {
    const { index, mask, hashes } = this;
    let hole = hashes[e]! & mask;
    while ((index[hole]! & NUMBER) !== e + 1) hole = (hole + 1) & mask;
    for (let slot = (hole + 1) & mask; index[slot] !== 0; slot = (slot + 1) & mask) {
      // an element moves into the hole unless its own place lies behind it
      const home = hashes[(index[slot]! & NUMBER) - 1]! & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      index[hole] = index[slot]!;
      hole = slot;
    }
    index[hole] = 0;
    this.flags[e] = 0;
    this.free.push(e);
    this.count--;
  }

  /** Takes all elements out. */
  clear(): void {
    this.index.fill(0);
    this.flags.fill(0);
    this.free = [];
    this.count = this.top = 0;
  }
}

function enlarged<T extends Int32Array | Uint8Array | Float64Array>(from: T, to: T): T {
  to.set(from as never);
  return to;
}
