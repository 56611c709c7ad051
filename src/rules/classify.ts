/**
 * Finding the rules of a long chain that a packet may match without looking at all of them.
 *
 * A chain's rules are sorted into a tree. A node asks one field of the packet - an address, a port, some class bits - and sends on
 * to the child of every value or prefix that fits, and always to the child for the rules that do not ask this field. No rule is
 * copied into the children of others, so a tree is as large as its chain. Leaves list records in order. The rules in all leaves
 * that a packet comes to are a superset of those that it matches; `nextRecord` tests the records of these leaves and gives the
 * first that fits, which is the rule that a walk from one to the next would find first.
 *
 * Only tests without effect are asked (see program.ts on regular packets), each record is tested in full before it counts, and the
 * walk goes on from it in the same way, so that counters and the order of everything that has effects are those of a plain walk.
 *
 * Layout, in words; offset 0 is "none":
 *
 *    leaf     0 NODE_LEAF | 1 end of the list | records ...
 *    split    0 FIELD_    | 1 child of the rules that do not ask | 2 mask of FIELD_BITS | 3 count | 4 bounds | 5 owners
 *    questions: as a split, but word 4 leads to `count` pairs (index into Program.functions, child of the rules that ask it)
 *    bounds   lower ends of the intervals that the prefixes make, ascending, top bit flipped; 4 words each for IPv6 addresses
 *    owners   for each interval its innermost prefix: offset of (child, prefix around it)
 */
import { ADDRESS_WORDS } from '../wire/address.js';
import { AF_INET, type Packet, T_DST, T_PORTS, T_SRC } from '../wire/packet.js';
import type { RuleContext } from './context.js';
import type { Program } from './program.js';
import * as layout from './program.js';

// As in evaluate.ts: constants of the module itself are part of the machine code.
const { W_MASK, W_MASK_IRREGULAR, W_PORT_FROM, W_PORT_TO, W_SRC, W_SRC_MASK, W_DST, W_DST_MASK } = layout;

export const NODE_LEAF = 0;
export const FIELD_SOURCE = 1;
export const FIELD_DESTINATION = 2;
export const FIELD_SOURCE_PORT = 3;
export const FIELD_DESTINATION_PORT = 4;
export const FIELD_BITS = 5;
/** What a match function answers (MatchFunction.question). */
export const FIELD_QUESTION = 6;

export const N_REST = 1;
export const N_MASK = 2;
export const N_COUNT = 3;
export const N_BOUNDS = 4;
export const N_OWNERS = 5;
/** Words of a split before its bounds. */
export const SPLIT_WORDS = 6;
/** Words of an owner: child, owner of the prefix around it. */
export const OWNER_WORDS = 2;

/** Turns the order of unsigned words into that of Int32. */
export const FLIP = 0x80000000 | 0;

/** The leaves that one packet came to in one chain; kept by the engine, used again for each packet. */
export class Candidates {
  /** Pairs: place in a leaf, end of the leaf. */
  leaves = new Int32Array(16);
  /** Words of `leaves` in use. */
  length = 0;
  private stack = new Int32Array(8);

  /** Makes room for trees in which a packet can come to so many leaves. */
  reserve(leaves: number): void {
    if (2 * leaves > this.leaves.length) this.leaves = new Int32Array(2 * leaves);
    if (leaves > this.stack.length) this.stack = new Int32Array(leaves);
  }

  /** Collects the leaves below `root`. `bits`: the packet's class bits. */
  collect(program: Program, root: number, p: Packet, bits: number, c: RuleContext): void {
    const { leaves, stack } = this;
    const { tree } = program;
    let length = 0;
    let sp = 0;
    let node = root;
    for (;;) {
      if (node === 0) {
        if (sp === 0) break;
        node = stack[--sp]!;
        continue;
      }
      const field = tree[node]!;
      if (field === NODE_LEAF) {
        leaves[length] = node + 2;
        leaves[length + 1] = tree[node + 1]!;
        length += 2;
        node = 0;
        continue;
      }
      if (field === FIELD_QUESTION) {
        sp = ask(program, node, p, c, stack, sp);
        node = tree[node + N_REST]!;
        continue;
      }
      let owner = ownerOf(tree, node, field, p, bits);
      node = tree[node + N_REST]!;
      while (owner !== 0) {
        stack[sp++] = tree[owner]!;
        owner = tree[owner + 1]!;
      }
    }
    this.length = length;
  }
}

/** Puts the children whose question is answered by yes on the stack; returns its new height. */
function ask(program: Program, node: number, p: Packet, c: RuleContext, stack: Int32Array, height: number): number {
  const { tree, functions } = program;
  const from = tree[node + N_BOUNDS]!;
  const end = from + 2 * tree[node + N_COUNT]!;
  let sp = height;
  for (let at = from; at < end; at += 2) if (functions[tree[at]!]!(p, c)) stack[sp++] = tree[at + 1]!;
  return sp;
}

/** The innermost prefix of a split that the packet's field is in; 0 = none. */
function ownerOf(tree: Int32Array, node: number, field: number, p: Packet, bits: number): number {
  let value: number;
  if (field === FIELD_BITS) value = bits & tree[node + N_MASK]!;
  else if (field === FIELD_DESTINATION_PORT) value = p.tuple[T_PORTS]! & 0xffff;
  else if (field === FIELD_SOURCE_PORT) value = p.tuple[T_PORTS]! >>> 16;
  else {
    const at = field === FIELD_SOURCE ? T_SRC : T_DST;
    if (p.family !== AF_INET) return wideOwner(tree, node, p.tuple, at);
    value = p.tuple[at]!;
  }
  value ^= FLIP;
  const bounds = tree[node + N_BOUNDS]!;
  let low = 0;
  let high = tree[node + N_COUNT]!;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (tree[bounds + middle]! <= value) low = middle;
    else high = middle;
  }
  return tree[tree[node + N_OWNERS]! + low]!;
}

/** The same for an IPv6 address. */
function wideOwner(tree: Int32Array, node: number, tuple: Int32Array, at: number): number {
  const bounds = tree[node + N_BOUNDS]!;
  let low = 0;
  let high = tree[node + N_COUNT]!;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    let word = 0;
    let bound = tree[bounds + middle * ADDRESS_WORDS]!;
    let value = tuple[at]! ^ FLIP;
    while (bound === value && word < ADDRESS_WORDS - 1) {
      word += 1;
      bound = tree[bounds + middle * ADDRESS_WORDS + word]!;
      value = tuple[at + word]! ^ FLIP;
    }
    if (bound <= value) low = middle;
    else high = middle;
  }
  return tree[tree[node + N_OWNERS]! + low]!;
}

/**
 * The first record from `from` on in the collected leaves whose own tests the packet passes; `last` where there is none.
 * Records that fail are not looked at again: `from` must not decrease between two calls of `collect`.
 */
export function nextRecord(
  code: Int32Array,
  candidates: Candidates,
  tree: Int32Array,
  from: number,
  last: number,
  bits: number,
  regular: boolean,
  p: Packet,
): number {
  const { leaves, length } = candidates;
  const maskAt = regular ? W_MASK : W_MASK_IRREGULAR;
  const portSign = regular ? FLIP : 0;
  const source = p.tuple[T_SRC]!;
  const destination = p.tuple[T_DST]!;
  const port = p.tuple[T_PORTS]! & 0xffff;
  let best = last;
  for (let k = 0; k < length; k += 2) {
    const end = leaves[k + 1]!;
    let at = leaves[k]!;
    for (; at < end; at++) {
      const r = tree[at]!;
      if (r >= best) break;
      if (r < from) continue;
      if (((bits ^ code[r]!) & code[r + maskAt]!) !== 0) continue;
      if ((((port - code[r + W_PORT_FROM]!) | (code[r + W_PORT_TO]! - port)) & portSign) !== 0) continue;
      if (((source ^ code[r + W_SRC]!) & code[r + W_SRC_MASK]!) !== 0) continue;
      if (((destination ^ code[r + W_DST]!) & code[r + W_DST_MASK]!) !== 0) continue;
      best = r;
      break;
    }
    leaves[k] = at;
  }
  return best;
}
