/**
 * Builds the trees of classify.ts. Cold, but tens of thousands of rules are usual, so that it works on numbers in typed arrays.
 *
 * A node takes the field that leaves the fewest rules to look at: those that do not ask it, plus what a packet finds on average in
 * the child of its value. A field is asked once on the way to a leaf, so a tree is no deeper than there are fields, and building
 * takes time in proportion to the rules.
 */
import { ADDRESS_WORDS } from '../wire/address.js';
import { AF_INET } from '../wire/packet.js';
import * as C from './classify.js';
import { FieldKeys } from './classify-keys.js';
import type { AddressMatch, Family } from './model.js';
import { type TreeShape, W_MASK, W_MASK_IRREGULAR } from './program.js';

/** What a rule asks of the fields that a tree knows; only tests that nothing with an effect stands before. */
export interface Wants {
  /** Word offset of the rule's record. */
  record: number;
  source: AddressMatch | null;
  destination: AddressMatch | null;
  /** Of regular packets: from | to << 16 each, one of which the port must fit; null = not asked. */
  sourcePorts: readonly number[] | null;
  destinationPorts: readonly number[] | null;
  /** Index of a question's function, -1 = none; of regular packets and of the others. */
  question: number;
  irregularQuestion: number;
}

/** Makes the trees of one table's chains. */
export class TreeBuilder {
  private words = new Int32Array(4096);
  /** Offset 0 is "none". */
  private used = 1;
  /** Most leaves that a packet can come to in any tree so far. */
  leaves = 0;
  /** What `node` gives beside its root. */
  private below = 0;
  /** Owners of a split's intervals, until it is known how many there are. */
  private owners = new Int32Array(64);

  constructor(
    private readonly family: Family,
    private readonly code: Int32Array,
    /** Masks of the fields of the class word. */
    private readonly bitFields: readonly number[],
    private readonly shape: TreeShape,
  ) {}

  /** All trees so far. */
  tree(): Int32Array {
    return this.words.slice(0, this.used);
  }

  /** Builds a chain's trees: the place of two roots, for regular packets and for those whose ports and flags cannot be asked. */
  build(rules: readonly Wants[]): number {
    const records = Int32Array.from(rules, (r) => r.record);
    const all = Int32Array.from(rules, (_, k) => k);
    const addresses = this.addresses(rules);
    const roots = this.reserve(2);
    const regular = this.node(records, all, [
      ...addresses,
      ...ports(rules),
      ...this.bits(records, W_MASK),
      ...questions(rules, 'question'),
    ]);
    this.leaves = Math.max(this.leaves, this.below);
    const irregular = this.node(records, all, [
      ...addresses,
      ...this.bits(records, W_MASK_IRREGULAR),
      ...questions(rules, 'irregularQuestion'),
    ]);
    this.leaves = Math.max(this.leaves, this.below);
    this.words[roots] = regular;
    this.words[roots + 1] = irregular;
    return roots;
  }

  private addresses(rules: readonly Wants[]): FieldKeys[] {
    const width = this.family === AF_INET ? 1 : ADDRESS_WORDS;
    const source = new FieldKeys(C.FIELD_SOURCE, 0, width, rules.length);
    const destination = new FieldKeys(C.FIELD_DESTINATION, 0, width, rules.length);
    for (let k = 0; k < rules.length; k++) {
      source.addAddress(k, rules[k]!.source, this.family);
      destination.addAddress(k, rules[k]!.destination, this.family);
    }
    return sorted([source, destination]);
  }

  private bits(records: Int32Array, maskAt: number): FieldKeys[] {
    const { code } = this;
    const fields = this.bitFields.map((mask) => {
      const field = new FieldKeys(C.FIELD_BITS, mask, 1, records.length);
      for (let k = 0; k < records.length; k++) {
        const record = records[k]!;
        if ((code[record + maskAt]! & mask) === mask) field.addValue(k, code[record]! & mask);
      }
      return field;
    });
    return sorted(fields);
  }

  /** Writes a node and returns its place; `below` is then the most leaves that a packet can come to there. */
  private node(records: Int32Array, left: Int32Array, fields: readonly FieldKeys[]): number {
    const field = bestField(left, fields, this.shape.leaf);
    if (field === null) return this.leaf(records, left, 0, left.length);
    const others = fields.filter((f) => f !== field);
    const { keys, start, rules, rest } = field.group(left);
    const children = new Int32Array(keys.length);
    const leaves = new Int32Array(keys.length);
    for (let g = 0; g < keys.length; g++) {
      const from = start[g]!;
      const to = start[g + 1]!;
      const small = to - from <= this.shape.leaf;
      children[g] = small ? this.leaf(records, rules, from, to) : this.node(records, rules.subarray(from, to), others);
      leaves[g] = this.below;
    }
    this.below = 0;
    const restRoot = rest.length === 0 ? 0 : this.node(records, rest, others);
    const restLeaves = this.below;
    const root =
      field.kind === C.FIELD_QUESTION
        ? this.questions(field, keys, children, leaves)
        : this.split(field, keys, children, leaves);
    this.words[root + C.N_REST] = restRoot;
    this.below += restLeaves;
    return root;
  }

  private leaf(records: Int32Array, rules: Int32Array, from: number, to: number): number {
    const root = this.reserve(2 + to - from);
    const { words } = this;
    words[root] = C.NODE_LEAF;
    words[root + 1] = root + 2 + to - from;
    for (let i = from; i < to; i++) words[root + 2 + i - from] = records[rules[i]!]!;
    this.below = 1;
    return root;
  }

  /** Writes a node of questions without its rest: all of them may be answered by yes. */
  private questions(field: FieldKeys, keys: Int32Array, children: Int32Array, leaves: Int32Array): number {
    const root = this.reserve(C.SPLIT_WORDS + 2 * keys.length);
    const { words } = this;
    words[root] = field.kind;
    words[root + C.N_COUNT] = keys.length;
    words[root + C.N_BOUNDS] = root + C.SPLIT_WORDS;
    this.below = 0;
    for (let k = 0; k < keys.length; k++) {
      words[root + C.SPLIT_WORDS + 2 * k] = field.valueOf(keys[k]!);
      words[root + C.SPLIT_WORDS + 2 * k + 1] = children[k]!;
      this.below += leaves[k]!;
    }
    return root;
  }

  /** Writes a split without its rest. `keys` ascend. */
  private split(field: FieldKeys, keys: Int32Array, children: Int32Array, leaves: Int32Array): number {
    const count = keys.length;
    const { width } = field;
    const ownersAt = this.reserve(C.OWNER_WORDS * count);
    const root = this.reserve(C.SPLIT_WORDS + (2 * count + 1) * (width + 1));
    const bounds = root + C.SPLIT_WORDS;
    if (this.owners.length < 2 * count + 1) this.owners = new Int32Array(4 * count);
    const { words, owners } = this;
    // prefixes that are open at a place, the innermost last
    const open: number[] = [];
    let most = 0;
    let intervals = 1;
    for (let w = 0; w < width; w++) words[bounds + w] = C.FLIP;
    owners[0] = 0;
    const close = () => {
      const key = keys[open.pop()!]!;
      if (!field.behind(key, words, bounds + intervals * width)) return;
      intervals += sameBound(words, bounds, intervals, width) ? 0 : 1;
      owners[intervals - 1] = open.length === 0 ? 0 : ownersAt + C.OWNER_WORDS * open[open.length - 1]!;
    };
    for (let k = 0; k < count; k++) {
      while (open.length > 0 && !field.contains(keys[open[open.length - 1]!]!, keys[k]!)) close();
      const outer = open.length === 0 ? -1 : open[open.length - 1]!;
      const at = ownersAt + C.OWNER_WORDS * k;
      words[at] = children[k]!;
      words[at + 1] = outer < 0 ? 0 : ownersAt + C.OWNER_WORDS * outer;
      if (outer >= 0) leaves[k]! += leaves[outer]!;
      most = Math.max(most, leaves[k]!);
      field.firstOf(keys[k]!, words, bounds + intervals * width);
      intervals += sameBound(words, bounds, intervals, width) ? 0 : 1;
      owners[intervals - 1] = at;
      open.push(k);
    }
    while (open.length > 0) close();
    const end = bounds + intervals * width;
    words.set(owners.subarray(0, intervals), end);
    this.used = end + intervals;
    words[root] = field.kind;
    words[root + C.N_MASK] = field.mask;
    words[root + C.N_COUNT] = intervals;
    words[root + C.N_BOUNDS] = bounds;
    words[root + C.N_OWNERS] = end;
    this.below = most;
    return root;
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

function ports(rules: readonly Wants[]): FieldKeys[] {
  const source = new FieldKeys(C.FIELD_SOURCE_PORT, 0, 1, rules.length);
  const destination = new FieldKeys(C.FIELD_DESTINATION_PORT, 0, 1, rules.length);
  for (let k = 0; k < rules.length; k++) {
    source.addPorts(k, rules[k]!.sourcePorts);
    destination.addPorts(k, rules[k]!.destinationPorts);
  }
  return sorted([source, destination]);
}

function questions(rules: readonly Wants[], which: 'question' | 'irregularQuestion'): FieldKeys[] {
  const field = new FieldKeys(C.FIELD_QUESTION, 0, 1, rules.length);
  for (let k = 0; k < rules.length; k++) if (rules[k]![which] >= 0) field.addValue(k, rules[k]![which]);
  return sorted([field]);
}

/** Those that rules ask, with their keys numbered. */
function sorted(fields: readonly FieldKeys[]): FieldKeys[] {
  for (const field of fields) field.sort();
  return fields.filter((f) => f.count > 0);
}

/** Whether the bound behind the last one equals the last one: then it takes its place. */
function sameBound(words: Int32Array, bounds: number, intervals: number, width: number): boolean {
  const at = bounds + intervals * width;
  for (let w = 0; w < width; w++) if (words[at + w] !== words[at - width + w]) return false;
  return true;
}

/** The field that leaves the least to look at; null where none spares enough. */
function bestField(left: Int32Array, fields: readonly FieldKeys[], leaf: number): FieldKeys | null {
  if (left.length <= leaf) return null;
  let best: FieldKeys | null = null;
  let least = left.length - leaf;
  for (const field of fields) {
    const visited = field.visited(left);
    if (visited >= least) continue;
    least = visited;
    best = field;
  }
  return best;
}
