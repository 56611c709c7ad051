/**
 * Turns a loaded table into a Program (layout and terms: program.ts).
 *
 * Three things make a walk cheap. Tests that every rule may have become fields of the record, compared without a branch each.
 * Extensions that nearly every ruleset uses become class bits, the port range of the record, or opcodes; they are recognised in
 * opcode.ts by name and spec. Everything else stays the function that the extension's `load` gave.
 */
import { AF_INET6, T_DST, T_SRC } from '../wire/packet.js';
import { type HostInterface, VERDICT_ACCEPT, VERDICT_DROP } from './context.js';
import { interfaceFits, isUnconditional, type LoadedChain, type LoadedRule, type LoadedTable } from './load.js';
import type { AddressMatch, InterfaceMatch, Rule } from './model.js';
import { type OpcodeForm, opcodeForm } from './opcode.js';
import * as P from './program.js';

/**
 * Compiles one table. The counters begin with those of the model.
 * @param interfaces the host's; see `bindInterfaces` for what happens when they change.
 */
export function compileTable(table: LoadedTable, interfaces: readonly (HostInterface | null)[]): P.Program {
  const layout = layOut(table);
  const classes = new ClassBits(table);
  const operands: number[] = [];
  const records = layout.count * P.RECORD_WORDS;
  const drafts = new Draft(table, layout, classes, operands, records);
  for (const chain of table.chains) drafts.chain(chain);
  const program = new P.Program(layout.count, operands);
  drafts.finish(program);
  classes.finish(program);
  for (const chain of table.chains) {
    program.depth = Math.max(program.depth, chain.depth);
    if (chain.hook < 0) continue;
    program.entry[chain.hook] = layout.first.get(chain)! * P.RECORD_WORDS;
    program.policy[chain.hook] = (layout.first.get(chain)! + chain.rules.length) * P.RECORD_WORDS;
  }
  program.doubts = table.doubts;
  bindInterfaces(program, interfaces);
  return program;
}

/** Looks interface names up again: to be called when the host has other interfaces than before. */
export function bindInterfaces(program: P.Program, interfaces: readonly (HostInterface | null)[]): void {
  const count = Math.max(interfaces.length, 1);
  program.interfaceCount = count;
  program.inBits = new Int32Array(count);
  program.outBits = new Int32Array(count);
  program.patternHits = new Uint8Array(count * program.patterns.length);
  for (let i = 0; i < count; i++) {
    // Where there is no interface the kernel compares the empty name: only "+" fits.
    const name = interfaces[i]?.name ?? '';
    for (const c of program.inClasses) if (interfaceFits(c.name, name)) program.inBits[i]! |= c.bits;
    for (const c of program.outClasses) if (interfaceFits(c.name, name)) program.outBits[i]! |= c.bits;
    for (const [k, pattern] of program.patterns.entries()) {
      program.patternHits[k * count + i] = interfaceFits(pattern, name) ? 1 : 0;
    }
  }
}

interface Layout {
  count: number;
  /** Record number of each chain's first rule. */
  first: Map<LoadedChain, number>;
}

function layOut(table: LoadedTable): Layout {
  const first = new Map<LoadedChain, number>();
  let count = 0;
  for (const chain of table.chains) {
    first.set(chain, count);
    count += chain.rules.length + 1;
  }
  return { count, first };
}

/** A field of the class word: want & mask. */
interface ClassField {
  want: number;
  mask: number;
}

/** Hands out the 32 bits of the class word; see program.ts. */
class ClassBits {
  private used = 0;
  private readonly fields = new Map<string, ClassField>();
  private readonly protocols: { number: number; bits: number }[] = [];
  private readonly inClasses: P.InterfaceClass[] = [];
  private readonly outClasses: P.InterfaceClass[] = [];
  private readonly states: { mask: number; bit: number }[] = [];
  private fragmentBit = 0;

  constructor(table: LoadedTable) {
    const rules = table.chains.flatMap((c) => c.rules.map((r) => r.rule));
    const protocols = rules.flatMap((r) => (r.protocol === null ? [] : [r.protocol.number]));
    this.number('p', protocols, (n, bits) => this.protocols.push({ number: n, bits }));
    const exactIn = rules.flatMap((r) => exactName(r.inInterface));
    this.number('i', exactIn, (name, bits) => this.inClasses.push({ name, bits }));
    const exactOut = rules.flatMap((r) => exactName(r.outInterface));
    this.number('o', exactOut, (name, bits) => this.outClasses.push({ name, bits }));
  }

  protocol(n: number): ClassField | undefined {
    return this.fields.get('p' + n);
  }

  interface(m: InterfaceMatch, direction: 'i' | 'o'): ClassField | undefined {
    if (exactName(m).length > 0) return this.fields.get(direction + m.name);
    const classes = direction === 'i' ? this.inClasses : this.outClasses;
    const bit = this.bit(direction + m.name, (b) => classes.push({ name: m.name, bits: b }));
    return flag(bit, !m.invert);
  }

  fragment(wanted: boolean): ClassField | undefined {
    const bit = this.bit('f', (b) => {
      this.fragmentBit = b;
    });
    return flag(bit, wanted);
  }

  state(mask: number): ClassField | undefined {
    const bit = this.bit('s' + mask, (b) => this.states.push({ mask, bit: b }));
    return flag(bit, true);
  }

  finish(program: P.Program): void {
    for (const { number, bits } of this.protocols) program.protocolBits[number] = bits;
    for (const { mask, bit } of this.states) {
      for (let s = 0; s < 8; s++) if ((mask & (1 << s)) !== 0) program.stateBits[s]! |= bit;
    }
    program.fragmentBits = this.fragmentBit;
    program.inClasses.push(...this.inClasses);
    program.outClasses.push(...this.outClasses);
  }

  /** Gives the values, most frequent first, the numbers 1, 2, 3 ... of a field just wide enough; 0 = any other value. */
  private number<T extends string | number>(prefix: string, values: T[], take: (value: T, bits: number) => void): void {
    const frequency = new Map<T, number>();
    for (const v of values) frequency.set(v, (frequency.get(v) ?? 0) + 1);
    const order = [...frequency.keys()].sort((a, b) => frequency.get(b)! - frequency.get(a)!);
    if (order.length === 0) return;
    // Eight bits a field at most: what is left over is tested by opcode.
    const width = Math.min(8, 32 - Math.clz32(order.length));
    const mask = ((1 << width) - 1) << this.used;
    for (const [k, value] of order.slice(0, (1 << width) - 1).entries()) {
      const bits = (k + 1) << this.used;
      this.fields.set(prefix + value, { want: bits, mask });
      take(value, bits);
    }
    this.used += width;
  }

  private bit(key: string, take: (bit: number) => void): number {
    const known = this.fields.get('#' + key);
    if (known !== undefined) return known.mask;
    if (this.used === 32) return 0;
    const bit = 1 << this.used++;
    this.fields.set('#' + key, { want: bit, mask: bit });
    take(bit);
    return bit;
  }
}

function flag(bit: number, wanted: boolean): ClassField | undefined {
  return bit === 0 ? undefined : { want: wanted ? bit : 0, mask: bit };
}

function exactName(m: InterfaceMatch | null): string[] {
  return m === null || m.invert || m.name.endsWith('+') ? [] : [m.name];
}

/** Collects the words of all records; the operand lists begin behind the last record. */
class Draft {
  private readonly words: number[] = [];
  private readonly sources: { chain: LoadedChain; number: number; rule: Rule | null }[] = [];
  private readonly functions: P.Program['functions'] = [];
  private readonly targets: P.Program['targets'] = [];
  private readonly patterns: string[] = [];

  constructor(
    private readonly table: LoadedTable,
    private readonly layout: Layout,
    private readonly classes: ClassBits,
    private readonly operands: number[],
    private readonly operandsAt: number,
  ) {}

  chain(chain: LoadedChain): void {
    for (const rule of chain.rules) {
      this.rule(rule, chain);
      this.sources.push({ chain, number: rule.number, rule: rule.rule });
    }
    const end = emptyRecord();
    if (chain.hook >= 0) {
      end[P.W_ACTION] = P.A_VERDICT;
      end[P.W_OPERAND] = chain.chain.policy === 'DROP' ? VERDICT_DROP : VERDICT_ACCEPT;
      end[P.W_TRACE] = P.TRACE_POLICY;
    } else {
      end[P.W_ACTION] = P.A_RETURN;
      end[P.W_TRACE] = P.TRACE_RETURN;
    }
    this.words.push(...end);
    this.sources.push({ chain, number: chain.chain.rules.length + 1, rule: null });
  }

  finish(program: P.Program): void {
    program.code.set(this.words);
    program.functions.push(...this.functions);
    program.targets.push(...this.targets);
    program.patterns.push(...this.patterns);
    const index = new Map(this.table.chains.map((c, k) => [c, k]));
    for (const c of this.table.chains) program.chains.push(c.chain);
    for (const [k, { chain, number, rule }] of this.sources.entries()) {
      program.chainOf[k] = index.get(chain)!;
      program.numberOf[k] = number;
      program.rules.push(rule);
      program.counters[2 * k] = rule === null ? chain.chain.packets : rule.packets;
      program.counters[2 * k + 1] = rule === null ? chain.chain.bytes : rule.bytes;
    }
  }

  private rule(loaded: LoadedRule, chain: LoadedChain): void {
    const record = emptyRecord();
    const regular: number[] = [];
    const irregular: number[] = [];
    this.base(loaded.rule, record, regular, irregular);
    this.matches(loaded, record, regular, irregular);
    this.action(loaded, chain, record);
    this.place(record, P.W_LIST, regular);
    this.place(record, P.W_LIST_IRREGULAR, irregular);
    this.words.push(...record);
  }

  private base(rule: Rule, record: number[], regular: number[], irregular: number[]): void {
    const both = (...words: number[]) => {
      regular.push(...words);
      irregular.push(...words);
    };
    this.address(rule.source, T_SRC, P.W_SRC, record, both);
    this.address(rule.destination, T_DST, P.W_DST, record, both);
    this.interface(rule.inInterface, 'i', record, both);
    this.interface(rule.outInterface, 'o', record, both);
    if (asksProtocol(rule)) this.protocol(rule.protocol!, record, regular, irregular);
    if (rule.fragment !== null && this.table.family !== AF_INET6) {
      const field = this.classes.fragment(!rule.fragment.invert);
      if (field !== undefined) setField(record, field, true);
      else both(P.OP_FRAGMENT, rule.fragment.invert ? 1 : 0);
    }
  }

  private protocol(
    protocol: { number: number; invert: boolean },
    record: number[],
    regular: number[],
    irregular: number[],
  ): void {
    const operation = [P.OP_PROTOCOL, protocol.number, protocol.invert ? 1 : 0];
    const field = protocol.invert ? undefined : this.classes.protocol(protocol.number);
    // The IPv6 question whether the headers can be followed comes after addresses and interfaces and before the protocol.
    const v6 = this.table.family === AF_INET6;
    if (field !== undefined) setField(record, field, !v6);
    else regular.push(...operation);
    if (v6) irregular.push(P.OP_CHAIN_READ, ...operation);
    else if (field === undefined) irregular.push(...operation);
  }

  private address(
    m: AddressMatch | null,
    first: number,
    at: number,
    record: number[],
    both: (...words: number[]) => void,
  ): void {
    if (m === null) return;
    const words = this.table.family === AF_INET6 ? 4 : 1;
    let from = 0;
    if (!m.invert) {
      record[at] = m.address[0]! & m.mask[0]!;
      record[at + 1] = m.mask[0]!;
      from = 1;
    }
    let to = words;
    while (to > from && m.mask[to - 1] === 0) to--;
    if (from === to && !m.invert) return;
    const list: number[] = [];
    for (let w = from; w < to; w++) list.push(m.address[w]! & m.mask[w]!, m.mask[w]!);
    both(m.invert ? P.OP_NOT_ADDRESS : P.OP_ADDRESS, first + from, first + to, ...list);
  }

  private interface(
    m: InterfaceMatch | null,
    direction: 'i' | 'o',
    record: number[],
    both: (...words: number[]) => void,
  ): void {
    if (m === null) return;
    const field = this.classes.interface(m, direction);
    if (field !== undefined) {
      setField(record, field, true);
      return;
    }
    let pattern = this.patterns.indexOf(m.name);
    if (pattern < 0) pattern = this.patterns.push(m.name) - 1;
    both(direction === 'i' ? P.OP_IN : P.OP_OUT, pattern, m.invert ? 1 : 0);
  }

  private matches(loaded: LoadedRule, record: number[], regular: number[], irregular: number[]): void {
    // Whether everything before is without effect, so that a later test may come first.
    let pure = true;
    let pureIrregular = this.table.family !== AF_INET6 || !asksProtocol(loaded.rule);
    for (const [k, use] of loaded.rule.matches.entries()) {
      const form = opcodeForm(use, loaded.rule);
      if (form.kind === 'nothing') continue;
      const function_ = [P.OP_FUNCTION, this.functions.push(loaded.matches[k]!) - 1];
      const placed = pure ? this.placeInRecord(form, record, pureIrregular) : 'none';
      if (placed !== 'both') irregular.push(...function_);
      if (placed === 'none') regular.push(...(form.kind === 'function' ? function_ : operationOf(form)));
      if (form.kind === 'function') pure = false;
      if (placed !== 'both') pureIrregular = false;
    }
  }

  /** Tries to put a test into the record: for regular packets, for both kinds, or not at all. */
  private placeInRecord(form: OpcodeForm, record: number[], irregularToo: boolean): 'both' | 'regular' | 'none' {
    if (form.kind === 'ports') return placePorts(form, record);
    if (form.kind === 'portSet') placeHull(form, record);
    if (form.kind !== 'state') return 'none';
    const field = this.classes.state(form.mask);
    if (field === undefined || (record[P.W_MASK]! & field.mask) !== 0) return 'none';
    setField(record, field, irregularToo);
    return irregularToo ? 'both' : 'regular';
  }

  private action({ rule, target }: LoadedRule, chain: LoadedChain, record: number[]): void {
    record[P.W_TRACE] = P.TRACE_RULE;
    const t = rule.target;
    if (t === null) {
      record[P.W_ACTION] = P.A_COUNT;
      return;
    }
    switch (t.kind) {
      case 'verdict':
        record[P.W_ACTION] = t.name === 'RETURN' ? P.A_RETURN : P.A_VERDICT;
        // Nobody listens to QUEUE in a simulated host: the kernel drops then.
        record[P.W_OPERAND] = t.name === 'ACCEPT' ? VERDICT_ACCEPT : VERDICT_DROP;
        // The kernel cannot tell such a rule from a policy or a chain's end, and its trace names it so.
        if (isUnconditional(rule)) record[P.W_TRACE] = chain.hook >= 0 ? P.TRACE_POLICY : P.TRACE_RETURN;
        return;
      case 'jump':
      case 'goto':
        record[P.W_ACTION] = t.kind === 'jump' ? P.A_JUMP : P.A_GOTO;
        record[P.W_OPERAND] = this.layout.first.get(this.table.byName.get(t.chain)!)! * P.RECORD_WORDS;
        return;
      case 'extension':
        record[P.W_ACTION] = P.A_FUNCTION;
        record[P.W_OPERAND] = this.targets.push(target!) - 1;
    }
  }

  private place(record: number[], at: number, list: readonly number[]): void {
    record[at] = this.operandsAt + this.operands.length;
    this.operands.push(...list);
    record[at + 1] = this.operandsAt + this.operands.length;
  }
}

/** `-p 0` is every protocol. */
function asksProtocol(rule: Rule): boolean {
  return rule.protocol !== null && rule.protocol.number !== 0;
}

function emptyRecord(): number[] {
  const record = new Array<number>(P.RECORD_WORDS).fill(0);
  record[P.W_PORT_TO] = 65535;
  return record;
}

function setField(record: number[], { want, mask }: ClassField, irregularToo: boolean): void {
  record[P.W_WANT]! |= want;
  record[P.W_MASK]! |= mask;
  if (irregularToo) record[P.W_MASK_IRREGULAR]! |= mask;
}

/** A plain destination port range goes into the record. */
function placePorts(form: OpcodeForm & { kind: 'ports' }, record: number[]): 'regular' | 'none' {
  const { destination, source, flags } = form;
  if (source !== null || flags !== null || destination === null || destination.invert) return 'none';
  if (record[P.W_PORT_FROM] !== 0 || record[P.W_PORT_TO] !== 65535) return 'none';
  record[P.W_PORT_FROM] = destination.from;
  record[P.W_PORT_TO] = destination.to;
  return 'regular';
}

/** The record tests the range around a set of destination ports first: it sorts out most packets before the list is looked at. */
function placeHull({ bits, ranges }: OpcodeForm & { kind: 'portSet' }, record: number[]): void {
  if (bits !== P.PORT_SET_DESTINATION || record[P.W_PORT_FROM] !== 0 || record[P.W_PORT_TO] !== 65535) return;
  record[P.W_PORT_FROM] = Math.min(...ranges.map((r) => r & 0xffff));
  record[P.W_PORT_TO] = Math.max(...ranges.map((r) => r >>> 16));
}

function operationOf(form: OpcodeForm): number[] {
  switch (form.kind) {
    case 'state':
      return [P.OP_STATE, form.mask];
    case 'ports': {
      const list: number[] = [];
      const { source: s, destination: d, flags: f } = form;
      if (s !== null) list.push(P.OP_SOURCE_PORT, s.from, s.to, s.invert ? 1 : 0);
      if (d !== null) list.push(P.OP_DESTINATION_PORT, d.from, d.to, d.invert ? 1 : 0);
      if (f !== null) list.push(P.OP_TCP_FLAGS, f.mask, f.wanted, f.invert ? 1 : 0);
      return list;
    }
    case 'mark':
      return [P.OP_MARK, form.value, form.mask, form.invert ? 1 : 0];
    case 'portSet':
      return [P.OP_PORT_SET, form.bits, form.ranges.length, ...form.ranges];
    default:
      return [];
  }
}
