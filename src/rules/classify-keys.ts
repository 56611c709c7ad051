/**
 * One field of all rules of a chain, as prefixes: what each rule asks of a packet's address, port or class bits. Cold.
 *
 * A prefix is a *key*: a number that grows with its first value and, among those of the same first value, with its length, so that a
 * prefix comes before all that lie in it. An address of IPv6 has four words, everything else one: ports and bits are values of 32 bits.
 */
import { prefixLength } from './address.js';
import { FIELD_QUESTION, FLIP } from './classify.js';
import type { AddressMatch, Family } from './model.js';

/** A rule whose ports make more prefixes than this counts as one that does not ask. */
const MOST_PREFIXES = 64;

/** What asking a match function costs, in looks at a rule. */
const QUESTION_COST = 4;
/** The part of questions that are taken to be answered by yes. */
const QUESTION_HITS = 0.25;

/** Rules by key. */
export interface Groups {
  /** Ascending. */
  keys: Int32Array;
  /** The rules of keys[g] are rules[start[g]] up to rules[start[g + 1]]. */
  start: Int32Array;
  rules: Int32Array;
  /** Rules that do not ask. */
  rest: Int32Array;
}

/** See above. Filled by the `add` functions rule by rule, then sorted. */
export class FieldKeys {
  /** How many different keys there are. */
  count = 0;
  /** By key: the prefix's first value, words in network order. */
  private values: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  /** By key: the prefix's length. */
  private lengths: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** Prefixes in the order of their coming: rule, length, then words. */
  private readonly added: number[] = [];
  /** Rule k asks for keyOf[first[k]] up to keyOf[first[k + 1]]; none: it does not ask. */
  private first: Int32Array<ArrayBuffer> = new Int32Array(0);
  private keyOf: Int32Array<ArrayBuffer> = new Int32Array(0);
  /** By key, all zero between two uses. */
  private sizes: Int32Array<ArrayBuffer> = new Int32Array(0);

  constructor(
    /** FIELD_ constant. */
    readonly kind: number,
    /** FIELD_BITS: which bits. */
    readonly mask: number,
    /** Words of a value. */
    readonly width: number,
    private readonly ruleCount: number,
  ) {}

  /** -s or -d. Inverted ones, masks with holes and whole address spaces do not ask. */
  addAddress(rule: number, m: AddressMatch | null, family: Family): void {
    if (m === null || m.invert) return;
    const length = prefixLength(m.mask, family);
    if (length <= 0) return;
    this.added.push(rule, length);
    for (let w = 0; w < this.width; w++) this.added.push((m.address[w]! & m.mask[w]!) >>> 0);
  }

  /** Ranges of ports, from | to << 16 each. */
  addPorts(rule: number, ranges: readonly number[] | null): void {
    if (ranges === null) return;
    const sorted = ranges.length === 1 ? ranges : [...ranges].sort((a, b) => (a & 0xffff) - (b & 0xffff));
    const before = this.added.length;
    let reached = -1;
    for (const range of sorted) {
      const to = range >>> 16;
      let at = Math.max(range & 0xffff, reached + 1);
      while (at <= to) {
        let bits = 0;
        while (((at >>> bits) & 1) === 0 && at + (2 << bits) - 1 <= to && bits < 16) bits++;
        this.added.push(rule, 32 - bits, at);
        at += 1 << bits;
      }
      reached = Math.max(reached, to);
    }
    if (this.added.length - before > 3 * MOST_PREFIXES) this.added.length = before;
  }

  /** One value of 32 bits. */
  addValue(rule: number, value: number): void {
    this.added.push(rule, 32, value >>> 0);
  }

  /** To be called after the last rule was added: numbers the prefixes. */
  sort(): void {
    const { added } = this;
    const step = 2 + this.width;
    const total = added.length / step;
    this.keyOf = this.width === 1 ? this.numberWords(total) : this.numberWide(total, step);
    this.first = new Int32Array(this.ruleCount + 1);
    for (let i = 0; i < total; i++) this.first[added[i * step]! + 1]! += 1;
    for (let k = 0; k < this.ruleCount; k++) this.first[k + 1]! += this.first[k]!;
    this.sizes = new Int32Array(this.count);
    added.length = 0;
  }

  /** Gives each entry of one word its key. */
  private numberWords(total: number): Int32Array<ArrayBuffer> {
    const { added } = this;
    const names = new Float64Array(total);
    for (let i = 0; i < total; i++) names[i] = added[3 * i + 2]! * 64 + added[3 * i + 1]!;
    const sorted = names.slice().sort();
    let count = 0;
    for (let i = 0; i < total; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[count++] = sorted[i]!;
    this.count = count;
    this.values = new Uint32Array(count);
    this.lengths = new Uint8Array(count);
    for (let key = 0; key < count; key++) {
      const name = sorted[key]!;
      this.values[key] = Math.floor(name / 64);
      this.lengths[key] = name % 64;
    }
    const keyOf = new Int32Array(total);
    for (let i = 0; i < total; i++) {
      let low = 0;
      let high = count;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (sorted[middle]! <= names[i]!) low = middle;
        else high = middle;
      }
      keyOf[i] = low;
    }
    return keyOf;
  }

  /** The same for entries of several words. */
  private numberWide(total: number, step: number): Int32Array<ArrayBuffer> {
    const { added, width } = this;
    const order = Int32Array.from({ length: total }, (_, i) => i);
    order.sort((a, b) => compare(added, a * step, b * step, step));
    this.values = new Uint32Array(total * width);
    this.lengths = new Uint8Array(total);
    const keyOf = new Int32Array(total);
    for (let i = 0; i < total; i++) {
      const at = order[i]! * step;
      if (i === 0 || compare(added, at, order[i - 1]! * step, step) !== 0) {
        this.lengths[this.count] = added[at + 1]!;
        for (let w = 0; w < width; w++) this.values[this.count * width + w] = added[at + 2 + w]!;
        this.count++;
      }
      keyOf[order[i]!] = this.count - 1;
    }
    return keyOf;
  }

  /** Rules that a packet has to look at, on average, if these rules are split by this field; Infinity if none asks. */
  visited(left: Int32Array): number {
    const { first, keyOf, sizes } = this;
    let unasked = 0;
    let asked = 0;
    let squares = 0;
    let different = 0;
    for (let i = 0; i < left.length; i++) {
      const rule = left[i]!;
      const end = first[rule + 1]!;
      if (first[rule] === end) unasked++;
      for (let at = first[rule]!; at < end; at++) {
        // the sum of all squares grows by 2 n + 1 when a group grows from n to n + 1
        const size = sizes[keyOf[at]!]!;
        squares += 2 * size + 1;
        if (size === 0) different++;
        sizes[keyOf[at]!] = size + 1;
        asked++;
      }
    }
    for (let i = 0; i < left.length; i++) {
      const rule = left[i]!;
      for (let at = first[rule]!; at < first[rule + 1]!; at++) sizes[keyOf[at]!] = 0;
    }
    if (asked === 0) return Number.POSITIVE_INFINITY;
    // of all values one is found, as often as rules have it; each question is asked, and a part of them is answered by yes
    if (this.kind !== FIELD_QUESTION) return unasked + squares / asked;
    return unasked + different * QUESTION_COST + asked * QUESTION_HITS;
  }

  /** Sorts rules by key; their order stays within a key. */
  group(left: Int32Array): Groups {
    const { first, keyOf, sizes } = this;
    let asked = 0;
    let unasked = 0;
    let used = 0;
    for (let i = 0; i < left.length; i++) {
      const rule = left[i]!;
      if (first[rule] === first[rule + 1]) unasked++;
      for (let at = first[rule]!; at < first[rule + 1]!; at++) {
        if (sizes[keyOf[at]!]! === 0) used++;
        sizes[keyOf[at]!]! += 1;
        asked++;
      }
    }
    const keys = this.usedKeys(left, used);
    const start = new Int32Array(used + 1);
    for (let g = 0; g < used; g++) {
      start[g + 1] = start[g]! + sizes[keys[g]!]!;
      sizes[keys[g]!] = start[g]!;
    }
    const rules = new Int32Array(asked);
    const rest = new Int32Array(unasked);
    let r = 0;
    for (let i = 0; i < left.length; i++) {
      const rule = left[i]!;
      if (first[rule] === first[rule + 1]) rest[r++] = rule;
      for (let at = first[rule]!; at < first[rule + 1]!; at++) rules[sizes[keyOf[at]!]!++] = rule;
    }
    for (let g = 0; g < used; g++) sizes[keys[g]!] = 0;
    return { keys, start, rules, rest };
  }

  /** The keys whose sizes are not zero, ascending. */
  private usedKeys(left: Int32Array, used: number): Int32Array {
    const { first, keyOf, sizes } = this;
    const keys = new Int32Array(used);
    if (8 * used > this.count) {
      let n = 0;
      for (let key = 0; key < this.count; key++) if (sizes[key] !== 0) keys[n++] = key;
      return keys;
    }
    let n = 0;
    for (let i = 0; i < left.length; i++) {
      const rule = left[i]!;
      for (let at = first[rule]!; at < first[rule + 1]!; at++) {
        const key = keyOf[at]!;
        // negative: noted already
        if (sizes[key]! < 0) continue;
        keys[n++] = key;
        sizes[key] = -sizes[key]!;
      }
    }
    for (let i = 0; i < used; i++) sizes[keys[i]!] = -sizes[keys[i]!]!;
    return keys.sort();
  }

  /** Whether the prefix `inner` lies in `outer`. */
  contains(outer: number, inner: number): boolean {
    const { values, width } = this;
    const length = this.lengths[outer]!;
    for (let w = 0; w < width; w++) {
      const bits = length - 32 * w;
      if (bits <= 0) return true;
      const differ = values[outer * width + w]! ^ values[inner * width + w]!;
      if ((bits >= 32 ? differ : differ >>> (32 - bits)) !== 0) return false;
    }
    return true;
  }

  /** The value of a key of one word. */
  valueOf(key: number): number {
    return this.values[key]!;
  }

  /** Writes a prefix's first value, as bounds are written. */
  firstOf(key: number, out: Int32Array, at: number): void {
    for (let w = 0; w < this.width; w++) out[at + w] = this.values[key * this.width + w]! ^ FLIP;
  }

  /** Writes the value behind a prefix in the same way; false: there is none. */
  behind(key: number, out: Int32Array, at: number): boolean {
    const { width } = this;
    const bit = this.lengths[key]! - 1;
    let carry = 2 ** (31 - (bit & 31));
    for (let w = width - 1; w >= 0; w--) {
      let value = w > bit >> 5 ? 0 : this.values[key * width + w]!;
      if (w <= bit >> 5) {
        value += carry;
        carry = value >= 0x100000000 ? 1 : 0;
      }
      out[at + w] = (value | 0) ^ FLIP;
    }
    return carry === 0;
  }
}

/** Compares two entries by words, then length. */
function compare(added: readonly number[], a: number, b: number, step: number): number {
  for (let w = 2; w < step; w++) if (added[a + w] !== added[b + w]) return added[a + w]! - added[b + w]!;
  return added[a + 1]! - added[b + 1]!;
}
