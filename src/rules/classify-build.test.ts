import { describe, expect, it } from 'vitest';
import * as K from '../../test/support/rules.js';
import { FIELD_BITS, FIELD_SOURCE, N_REST, NODE_LEAF } from './classify.js';
import { TreeBuilder, type Wants } from './classify-build.js';
import { RECORD_WORDS, W_MASK, W_MASK_IRREGULAR, W_WANT } from './program.js';

const NOTHING = { source: null, destination: null, sourcePorts: null, destinationPorts: null };

/** Builds a tree with leaves of one rule; rule k has record k * 16. */
function build(rules: Partial<Wants>[], code = new Int32Array(rules.length * RECORD_WORDS), bits: number[] = []) {
  const builder = new TreeBuilder(2, code, bits, { least: 1, first: 0, every: 1, leaf: 0 });
  const wants = rules.map((part, k) => ({
    ...NOTHING,
    record: k * RECORD_WORDS,
    question: -1,
    irregularQuestion: -1,
    ...part,
  }));
  const roots = builder.build(wants);
  const tree = builder.tree();
  return { tree, regular: tree[roots]!, irregular: tree[roots + 1]!, leaves: builder.leaves };
}

/** Records of a leaf as numbers of rules. */
function rulesOf(tree: Int32Array, leaf: number): number[] {
  expect(tree[leaf]).toBe(NODE_LEAF);
  return [...tree.subarray(leaf + 2, tree[leaf + 1])].map((record) => record / RECORD_WORDS);
}

describe('a tree', () => {
  it('of rules that ask nothing is one leaf', () => {
    const { tree, regular, leaves } = build([{}, {}, {}]);
    expect(rulesOf(tree, regular)).toEqual([0, 1, 2]);
    expect(leaves).toBe(1);
  });

  it('keeps those that do not ask apart', () => {
    const { tree, regular } = build([{ source: K.net('10.0.0.0/8') }, {}, { source: K.net('11.0.0.0/8') }]);
    expect(tree[regular]).toBe(FIELD_SOURCE);
    expect(rulesOf(tree, tree[regular + N_REST]!)).toEqual([1]);
  });

  it('knows to how many leaves a packet can come: each net around its address, and the rest', () => {
    const nets = ['10.0.0.0/8', '10.1.0.0/16', '10.1.1.0/24', '11.0.0.0/8'].map((text) => ({ source: K.net(text) }));
    expect(build(nets).leaves).toBe(3);
    expect(build([...nets, {}]).leaves).toBe(4);
  });

  it('asks no port of a packet that has none', () => {
    const port = (n: number) => ({ destinationPorts: [n | (n << 16)] });
    const { tree, regular, irregular } = build([port(1), port(2)]);
    expect(tree[regular]).not.toBe(NODE_LEAF);
    expect(rulesOf(tree, irregular)).toEqual([0, 1]);
  });

  it('asks class bits only of packets whose record asks them', () => {
    const code = new Int32Array(2 * RECORD_WORDS);
    for (const k of [0, 1]) {
      code[k * RECORD_WORDS + W_WANT] = k << 4;
      code[k * RECORD_WORDS + W_MASK] = 1 << 4;
    }
    const { tree, regular, irregular } = build([{}, {}], code, [1 << 4]);
    expect(tree[regular]).toBe(FIELD_BITS);
    expect(tree[irregular]).toBe(NODE_LEAF);
    for (const k of [0, 1]) code[k * RECORD_WORDS + W_MASK_IRREGULAR] = 1 << 4;
    const both = build([{}, {}], code, [1 << 4]);
    expect(both.tree[both.irregular]).toBe(FIELD_BITS);
  });

  it('may come to the leaves of all questions', () => {
    const questions = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1].map((question) => ({ question }));
    expect(build(questions).leaves).toBe(2);
  });
});
