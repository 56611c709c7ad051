/**
 * Builds the trees of classify.ts. Cold.
 *
 * A node takes the field that leaves the fewest rules to look at: those that do not ask it, plus what a packet finds on average in
 * the child of its value. A field is asked once on the way to a leaf, so a tree is no deeper than there are fields, and building
 * takes time in proportion to the rules.
 */
import { ADDRESS_WORDS } from '../wire/address.js';
import { AF_INET } from '../wire/packet.js';
import { prefixLength } from './address.js';
import * as C from './classify.js';
import type { AddressMatch, Family } from './model.js';
import { W_MASK, W_MASK_IRREGULAR } from './program.js';

/** What a rule asks of the fields that a tree knows; only tests that nothing with an effect stands before. */
export interface Wants {
  /** Word offset of the rule's record. */
  record: number;
  source: AddressMatch | null;
  destination: AddressMatch | null;
  /** Of regular packets: from | to << 16 each, one of which the port must fit; null = not asked. */
  sourcePorts: readonly number[] | null;
  destinationPorts: readonly number[] | null;
}

/** Rules that are left together: a split must spare more than these. */
const WORTH_A_SPLIT = 12;
/** A rule whose ports make more prefixes than this counts as one that does not ask. */
const MOST_PREFIXES = 64;

/** A prefix: words of the value (unsigned), its length in bits. */
interface Prefix {
  words: readonly number[];
  bits: number;
}

/** One field of all rules of a chain. */
interface Field {
  kind: number;
  /** FIELD_BITS: which. */
  mask: number;
  /** By number. */
  prefixes: Prefix[];
  /** By rule: numbers of its prefixes; null = the rule does not ask. */
  keys: (readonly number[] | null)[];
}

/** A tree is built of the rules that are left at a node and the fields that have not been asked yet. */
export class TreeBuilder {
  private words: Int32Array = new Int32Array(1024);
  /** Offset 0 is "none". */
  private used = 1;
  /** Most leaves that a packet can come to in any tree so far. */
  leaves = 0;

  constructor(
    private readonly family: Family,
    private readonly code: Int32Array,
    /** Masks of the fields of the class word. */
    private readonly bitFields: readonly number[],
  ) {}

  /** All trees so far. */
  tree(): Int32Array {
    return this.words.slice(0, this.used);
  }

  /** Builds a chain's trees: the place of two roots, for regular packets and for those whose ports and flags cannot be asked. */
  build(rules: readonly Wants[]): number {
    const roots = this.reserve(2);
    // in variables first: `words` may be another array afterwards
    const regular = this.root(rules, true);
    const irregular = this.root(rules, false);
    this.words[roots] = regular;
    this.words[roots + 1] = irregular;
    return roots;
  }

  private root(rules: readonly Wants[], regular: boolean): number {
    const fields = this.fields(rules, regular).filter((f) => f.prefixes.length > 0);
    const all = rules.map((_, k) => k);
    const { root, leaves } = this.node(rules, all, fields);
    this.leaves = Math.max(this.leaves, leaves);
    return root;
  }

  private fields(rules: readonly Wants[], regular: boolean): Field[] {
    const made: Field[] = [];
    const add = (kind: number, mask: number, read: (wants: Wants) => readonly Prefix[] | null) => {
      const field: Field = { kind, mask, prefixes: [], keys: [] };
      const numbers = new Map<string, number>();
      for (const wants of rules) {
        const prefixes = read(wants);
        field.keys.push(prefixes === null ? null : prefixes.map((p) => numberOf(p, numbers, field.prefixes)));
      }
      made.push(field);
    };
    add(C.FIELD_SOURCE, 0, (w) => addressPrefix(w.source, this.family));
    add(C.FIELD_DESTINATION, 0, (w) => addressPrefix(w.destination, this.family));
    if (regular) {
      add(C.FIELD_SOURCE_PORT, 0, (w) => portPrefixes(w.sourcePorts));
      add(C.FIELD_DESTINATION_PORT, 0, (w) => portPrefixes(w.destinationPorts));
    }
    const maskAt = regular ? W_MASK : W_MASK_IRREGULAR;
    for (const mask of this.bitFields) {
      add(C.FIELD_BITS, mask, ({ record }) =>
        (this.code[record + maskAt]! & mask) === mask
          ? [{ words: [(this.code[record]! & mask) >>> 0], bits: 32 }]
          : null,
      );
    }
    return made;
  }

  private node(rules: readonly Wants[], left: readonly number[], fields: readonly Field[]): Built {
    const field = bestField(left, fields);
    if (field === null) return this.leaf(rules, left);
    const others = fields.filter((f) => f !== field);
    const rest: number[] = [];
    const byKey = new Map<number, number[]>();
    for (const k of left) {
      const keys = field.keys[k];
      if (keys === null || keys === undefined) rest.push(k);
      else for (const key of keys) push(byKey, key, k);
    }
    const children = [...byKey].map(([key, list]) => ({
      prefix: field.prefixes[key]!,
      built: this.node(rules, list, others),
    }));
    const restBuilt = rest.length === 0 ? NOTHING : this.node(rules, rest, others);
    const { root, leaves } = this.split(field, children);
    this.words[root + C.N_REST] = restBuilt.root;
    return { root, leaves: leaves + restBuilt.leaves };
  }

  private leaf(rules: readonly Wants[], left: readonly number[]): Built {
    const root = this.reserve(2 + left.length);
    this.words[root] = C.NODE_LEAF;
    this.words[root + 1] = root + 2 + left.length;
    for (let i = 0; i < left.length; i++) this.words[root + 2 + i] = rules[left[i]!]!.record;
    return { root, leaves: 1 };
  }

  /** Writes a split without its rest. */
  private split(field: Field, children: { prefix: Prefix; built: Built }[]): Built {
    const width = field.kind <= C.FIELD_DESTINATION && this.family !== AF_INET ? ADDRESS_WORDS : 1;
    children.sort((a, b) => compare(a.prefix.words, b.prefix.words) || a.prefix.bits - b.prefix.bits);
    const ownersAt = this.reserve(C.OWNER_WORDS * children.length);
    const around = new Array<number>(children.length).fill(-1);
    const intervals = sweep(
      children.map((c) => c.prefix),
      width,
      around,
    );
    const depth: number[] = [];
    let most = 0;
    for (const [k, { built }] of children.entries()) {
      const outer = around[k]!;
      const at = ownersAt + C.OWNER_WORDS * k;
      this.words[at] = built.root;
      this.words[at + 1] = outer < 0 ? 0 : ownersAt + C.OWNER_WORDS * outer;
      depth.push(built.leaves + (outer < 0 ? 0 : depth[outer]!));
      most = Math.max(most, depth[k]!);
    }
    const root = this.reserve(C.SPLIT_WORDS + intervals.length * (width + 1));
    const bounds = root + C.SPLIT_WORDS;
    const owners = bounds + intervals.length * width;
    this.words[root] = field.kind;
    this.words[root + C.N_MASK] = field.mask;
    this.words[root + C.N_COUNT] = intervals.length;
    this.words[root + C.N_BOUNDS] = bounds;
    this.words[root + C.N_OWNERS] = owners;
    for (const [k, { from, owner }] of intervals.entries()) {
      for (let w = 0; w < width; w++) this.words[bounds + k * width + w] = (from[w]! | 0) ^ C.FLIP;
      this.words[owners + k] = owner < 0 ? 0 : ownersAt + C.OWNER_WORDS * owner;
    }
    return { root, leaves: most };
  }

  private reserve(count: number): number {
    const at = this.used;
    this.used += count;
    if (this.used > this.words.length) {
      const grown = new Int32Array(Math.max(2 * this.words.length, this.used));
      grown.set(this.words);
      this.words = grown;
    }
    return at;
  }
}

/** A node's place, and the most leaves that a packet can come to below it. */
interface Built {
  root: number;
  leaves: number;
}
const NOTHING: Built = { root: 0, leaves: 0 };

/** The field that leaves the least to look at; null where none spares enough. */
function bestField(left: readonly number[], fields: readonly Field[]): Field | null {
  if (left.length <= WORTH_A_SPLIT) return null;
  let best: Field | null = null;
  let least = left.length - WORTH_A_SPLIT;
  for (const field of fields) {
    const sizes = new Map<number, number>();
    let unasked = 0;
    let asked = 0;
    for (const k of left) {
      const keys = field.keys[k];
      if (keys === null || keys === undefined) unasked += 1;
      else {
        asked += keys.length;
        for (const key of keys) sizes.set(key, (sizes.get(key) ?? 0) + 1);
      }
    }
    if (asked === 0) continue;
    let squares = 0;
    for (const size of sizes.values()) squares += size * size;
    const visited = unasked + squares / asked;
    if (visited >= least) continue;
    least = visited;
    best = field;
  }
  return best;
}

function push(map: Map<number, number[]>, key: number, value: number): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function numberOf(prefix: Prefix, numbers: Map<string, number>, prefixes: Prefix[]): number {
  const name = prefix.words.join() + '/' + prefix.bits;
  let number = numbers.get(name);
  if (number === undefined) {
    number = prefixes.push(prefix) - 1;
    numbers.set(name, number);
  }
  return number;
}

/** Inverted matches, masks with holes and whole address spaces are not asked. */
function addressPrefix(m: AddressMatch | null, family: Family): Prefix[] | null {
  if (m === null || m.invert) return null;
  const bits = prefixLength(m.mask, family);
  if (bits <= 0) return null;
  const words: number[] = [];
  for (let w = 0; w < (family === AF_INET ? 1 : ADDRESS_WORDS); w++) words.push((m.address[w]! & m.mask[w]!) >>> 0);
  return [{ words, bits }];
}

/** Ranges of ports as prefixes of 32-bit words; overlapping ranges are joined. */
function portPrefixes(ranges: readonly number[] | null): Prefix[] | null {
  if (ranges === null) return null;
  const sorted = ranges.map((r) => ({ from: r & 0xffff, to: r >>> 16 })).sort((a, b) => a.from - b.from);
  const prefixes: Prefix[] = [];
  let reached = -1;
  for (const { from, to } of sorted) {
    let at = Math.max(from, reached + 1);
    while (at <= to) {
      let size = 1;
      while ((at & size) === 0 && at + 2 * size - 1 <= to && size < 65536) size *= 2;
      prefixes.push({ words: [at], bits: 32 - Math.log2(size) });
      at += size;
    }
    reached = Math.max(reached, to);
  }
  return prefixes.length > MOST_PREFIXES ? null : prefixes;
}

/** An interval of values and the innermost prefix that it lies in, -1 = none. */
interface Interval {
  from: readonly number[];
  owner: number;
}

/**
 * The intervals that sorted prefixes cut the values into, the first from zero on.
 * @param around set to the prefix around each one, where there is one.
 */
function sweep(prefixes: readonly Prefix[], width: number, around: number[]): Interval[] {
  const intervals: Interval[] = [{ from: new Array<number>(width).fill(0), owner: -1 }];
  const add = (from: readonly number[], owner: number) => {
    if (compare(intervals[intervals.length - 1]!.from, from) === 0) intervals.pop();
    intervals.push({ from, owner });
  };
  const open: { prefix: number; last: number[] }[] = [];
  const close = () => {
    const behind = following(open.pop()!.last);
    if (behind !== null) add(behind, open.length === 0 ? -1 : open[open.length - 1]!.prefix);
  };
  for (const [k, prefix] of prefixes.entries()) {
    while (open.length > 0 && compare(open[open.length - 1]!.last, prefix.words) < 0) close();
    if (open.length > 0) around[k] = open[open.length - 1]!.prefix;
    add(prefix.words, k);
    open.push({ prefix: k, last: lastOf(prefix) });
  }
  while (open.length > 0) close();
  return intervals;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let w = 0; w < a.length; w++) if (a[w] !== b[w]) return a[w]! - b[w]!;
  return 0;
}

/** The last value of a prefix. */
function lastOf({ words, bits }: Prefix): number[] {
  return words.map((word, w) => {
    const ones = Math.min(32, Math.max(0, bits - 32 * w));
    return ones === 32 ? word : (word | (0xffffffff >>> ones)) >>> 0;
  });
}

/** The value behind; null behind the last of all. */
function following(words: readonly number[]): number[] | null {
  const next = [...words];
  for (let w = next.length - 1; w >= 0; w--) {
    next[w] = (next[w]! + 1) % 0x100000000;
    if (next[w] !== 0) return next;
  }
  return null;
}
