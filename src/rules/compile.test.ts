import { describe, expect, it } from 'vitest';
import * as K from '../../test/support/rules.js';
import { CT_NEW } from '../wire/packet.js';
import { compileTable } from './compile.js';
import { loadTable } from './load.js';
import { multiport } from './match/multiport.js';
import { state } from './match/state.js';
import { tcp } from './match/tcp.js';
import type { MatchUse, Rule } from './model.js';
import * as P from './program.js';

const protocol = { number: 6, invert: false };
const any = { from: 0, to: 65535, invert: false };
const isNew: MatchUse = { extension: state, spec: { mask: 1 << CT_NEW, invert: false } };
const odd = K.match(() => true, 'odd');

function dport(from: number, to: number, invert = false): MatchUse {
  return { extension: tcp, spec: { source: any, destination: { from, to, invert }, flags: null, option: null } };
}

/** Compiles FORWARD with these rules; `list` are the words of a record's operand list. */
function compile(rules: Rule[], family: 2 | 10 = 2) {
  const host = K.testHost('lo', 'eth0');
  const table = K.ruleset('filter', { FORWARD: rules }, {}, family).tables.get('filter')!;
  const program = compileTable(loadTable(table, family, host), host.interfaces);
  const first = program.entry[2]!;
  const list = (at: number) => [...program.code.subarray(program.code[first + at]!, program.code[first + at + 1]!)];
  return { program, first, word: (w: number) => program.code[first + w]!, list };
}

describe('a record', () => {
  it('holds a port range and a state in front of it; nothing is left to do for a regular packet', () => {
    const { word, list } = compile([K.rule({ protocol, matches: [isNew, dport(80, 88)] })]);
    expect([word(P.W_PORT_FROM), word(P.W_PORT_TO)]).toEqual([80, 88]);
    expect(word(P.W_MASK)).toBe(word(P.W_MASK_IRREGULAR));
    expect(list(P.W_LIST)).toEqual([]);
    expect(list(P.W_LIST_IRREGULAR)).toEqual([P.OP_FUNCTION, 0]);
  });

  it('tests a state behind a tcp match for regular packets only: the tcp match may drop the others', () => {
    const { word, list } = compile([K.rule({ protocol, matches: [dport(80, 80), isNew] })]);
    expect(word(P.W_MASK)).not.toBe(word(P.W_MASK_IRREGULAR));
    expect(list(P.W_LIST)).toEqual([]);
    expect(list(P.W_LIST_IRREGULAR)).toEqual([P.OP_FUNCTION, 0, P.OP_FUNCTION, 1]);
  });

  it('holds nothing that stands behind a function', () => {
    const { word, list } = compile([K.rule({ protocol, matches: [odd, dport(80, 80), isNew] })]);
    expect([word(P.W_PORT_FROM), word(P.W_PORT_TO)]).toEqual([0, 65535]);
    const ports = [P.OP_DESTINATION_PORT, 80, 80, 0];
    expect(list(P.W_LIST)).toEqual([P.OP_FUNCTION, 0, ...ports, P.OP_STATE, 1 << CT_NEW]);
  });

  it('holds the range around a set of destination ports, and the set is in the list', () => {
    const use = { extension: multiport, spec: { which: 'dports', ranges: [443, 443, 80, 90], invert: false } };
    const { word, list } = compile([K.rule({ protocol, matches: [use] })]);
    expect([word(P.W_PORT_FROM), word(P.W_PORT_TO)]).toEqual([80, 443]);
    expect(list(P.W_LIST).slice(0, 3)).toEqual([P.OP_PORT_SET, P.PORT_SET_DESTINATION, 2]);
  });

  it('holds no inverted range', () => {
    const { word, list } = compile([K.rule({ protocol, matches: [dport(80, 80, true)] })]);
    expect(word(P.W_PORT_TO)).toBe(65535);
    expect(list(P.W_LIST)).toEqual([P.OP_DESTINATION_PORT, 80, 80, 1]);
  });

  it('asks IPv6 for its extension headers before anything that -p rules do with an irregular packet', () => {
    const { list } = compile([K.rule({ protocol, matches: [isNew] })], 10);
    expect(list(P.W_LIST_IRREGULAR)).toEqual([P.OP_CHAIN_READ, P.OP_PROTOCOL, 6, 0, P.OP_FUNCTION, 0]);
    expect(list(P.W_LIST)).toEqual([]);
  });
});

it('the policy is the record behind the rules, and a user chain ends with a return', () => {
  const { program, first } = compile([K.rule(), K.rule()]);
  expect(program.policy[2]).toBe(first + 2 * P.RECORD_WORDS);
  expect(program.entry[0]).toBe(-1);
  expect([...program.numberOf]).toEqual([1, 1, 2, 3, 1]);
});

it('one class bit serves all rules that ask the same', () => {
  const rules = Array.from({ length: 100 }, (_, k) =>
    K.rule({ protocol, inInterface: { name: 'ppp+', invert: k % 2 === 1 }, matches: [isNew] }),
  );
  const { program, word } = compile(rules);
  expect(program.inClasses).toHaveLength(1);
  expect(program.patterns).toEqual([]);
  // Protocol, ppp+ and NEW: three bits.
  expect(word(P.W_MASK)).toBe(0b111);
});
