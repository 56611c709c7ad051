/**
 * Turns a loaded table into a Program (layout and terms: program.ts).
 *
 * Three things make a walk cheap. Tests that every rule may have become fields of the record, compared without a branch each.
 * Extensions that nearly every ruleset uses become class bits, the port range of the record, or opcodes; they are recognised in
 * opcode.ts by name and spec. Everything else stays the function that the extension's `load` gave. Long chains get a tree besides
 * (classify.ts).
 */
import { AF_INET6, T_DST, T_SRC } from '../wire/packet.js';
import { ClassBits, type ClassField } from './class-bits.js';
import { TreeBuilder, type Wants } from './classify-build.js';
import { type HostInterface, VERDICT_ACCEPT, VERDICT_DROP } from './context.js';
import type { Question } from './extension.js';
import { interfaceFits, isUnconditional, type LoadedChain, type LoadedRule, type LoadedTable } from './load.js';
import type { AddressMatch, InterfaceMatch, Rule } from './model.js';
import { type OpcodeForm, opcodeForm } from './opcode.js';
import * as P from './program.js';

/**
 * Compiles one table. The counters begin with those of the model.
 * @param interfaces the host's; see `bindInterfaces` for what happens when they change.
 */
export function compileTable(
  table: LoadedTable,
  interfaces: readonly (HostInterface | null)[],
  shape: P.TreeShape = P.TREES,
): P.Program {
  const layout = layOut(table, shape);
  const classes = new ClassBits(table);
  const draft = new Draft(table, layout, classes, shape);
  for (const chain of table.chains) draft.chain(chain);
  const program = draft.finish();
  classes.finish(program);
  for (const chain of table.chains) {
    program.depth = Math.max(program.depth, chain.depth);
    if (chain.hook < 0) continue;
    program.entry[chain.hook] = layout.first.get(chain)! * P.RECORD_WORDS;
    program.policy[chain.hook] = lastRecord(chain, layout, shape) * P.RECORD_WORDS;
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

function layOut(table: LoadedTable, shape: P.TreeShape): Layout {
  const first = new Map<LoadedChain, number>();
  let count = 0;
  for (const chain of table.chains) {
    first.set(chain, count);
    count += chain.rules.length + gates(chain, shape) + 1;
  }
  return { count, first };
}

/** Gates of a chain: a chain that ends soon after the first has none. */
function gates({ rules }: LoadedChain, { least, first, every }: P.TreeShape): number {
  return rules.length < least ? 0 : Math.ceil((rules.length - first) / every);
}

/** Number of the record of a chain's policy or end. */
function lastRecord(chain: LoadedChain, layout: Layout, shape: P.TreeShape): number {
  return layout.first.get(chain)! + chain.rules.length + gates(chain, shape);
}

/** Collects the words of all records, and of the operand lists behind them. */
class Draft {
  private readonly records: Int32Array;
  private readonly operands: number[] = [];
  /** Word offset of the record in the making. */
  private at = 0;
  /** By record: its chain, its place in it, its rule. */
  private readonly chainOf: Int32Array;
  private readonly numberOf: Int32Array;
  private readonly rules: (Rule | null)[] = [];
  /** Number of the chain in the making, and of chains so far. */
  private current = 0;
  private chains = 0;
  private readonly functions: P.Program['functions'] = [];
  private readonly asked = new Map<string, number>();
  private readonly targets: P.Program['targets'] = [];
  private readonly patterns: string[] = [];
  /** What the record in the making leaves to be tested. */
  private readonly regular: number[] = [];
  private readonly irregular: number[] = [];
  private wants: Wants = NO_WANTS;
  /** Chains with gates: their gates' offsets and what their rules want. */
  private readonly gated: { gates: number[]; wants: Wants[] }[] = [];

  constructor(
    private readonly table: LoadedTable,
    private readonly layout: Layout,
    private readonly classes: ClassBits,
    private readonly shape: P.TreeShape,
  ) {
    this.records = new Int32Array(layout.count * P.RECORD_WORDS);
    this.chainOf = new Int32Array(layout.count);
    this.numberOf = new Int32Array(layout.count);
  }

  chain(chain: LoadedChain): void {
    const { rules } = chain;
    const tree: { gates: number[]; wants: Wants[] } = { gates: [], wants: [] };
    let nextGate = gates(chain, this.shape) > 0 ? this.shape.first : rules.length;
    this.current = this.chains++;
    for (let index = 0; index < rules.length; index++) {
      if (index === nextGate) {
        tree.gates.push(this.gate(chain));
        nextGate += this.shape.every;
      }
      const rule = rules[index]!;
      this.rule(rule, chain);
      if (tree.gates.length > 0) tree.wants.push(this.wants);
      this.end(rule.number, rule.rule);
    }
    if (tree.gates.length > 0) this.gated.push(tree);
    this.begin();
    const builtIn = chain.hook >= 0;
    this.set(P.W_ACTION, builtIn ? P.A_VERDICT : P.A_RETURN);
    this.set(P.W_OPERAND, builtIn && chain.chain.policy !== 'DROP' ? VERDICT_ACCEPT : VERDICT_DROP);
    this.set(P.W_TRACE, builtIn ? P.TRACE_POLICY : P.TRACE_RETURN);
    this.end(chain.chain.rules.length + 1, null);
  }

  finish(): P.Program {
    const { table, rules } = this;
    const program = new P.Program(this.records, this.operands, this.chainOf, this.numberOf);
    for (const f of this.functions) program.functions.push(f);
    for (const t of this.targets) program.targets.push(t);
    program.patterns.push(...this.patterns);
    for (const c of table.chains) program.chains.push(c.chain);
    for (let k = 0; k < rules.length; k++) {
      const rule = rules[k]!;
      program.rules.push(rule);
      const counted = rule ?? program.chains[program.chainOf[k]!]!;
      program.counters[2 * k] = counted.packets;
      program.counters[2 * k + 1] = counted.bytes;
    }
    this.growTrees(program);
    return program;
  }

  private growTrees(program: P.Program): void {
    if (this.gated.length === 0) return;
    const builder = new TreeBuilder(this.table.family, program.code, this.classes.masks(), this.shape);
    for (const { gates, wants } of this.gated) {
      const roots = builder.build(wants);
      for (const gate of gates) program.code[gate + P.W_OPERAND] = roots;
    }
    program.tree = builder.tree();
    program.leaves = builder.leaves;
  }

  /** A record that fits every packet, at first; `end` fills in where its lists are. */
  private begin(): void {
    this.set(P.W_PORT_TO, 65535);
    this.regular.length = this.irregular.length = 0;
  }

  private set(word: number, value: number): void {
    this.records[this.at + word] = value;
  }

  private get(word: number): number {
    return this.records[this.at + word]!;
  }

  private end(number: number, rule: Rule | null): void {
    this.place(P.W_LIST, this.regular);
    this.place(P.W_LIST_IRREGULAR, this.irregular);
    const record = this.at >> P.RECORD_SHIFT;
    this.chainOf[record] = this.current;
    this.numberOf[record] = number;
    this.rules.push(rule);
    this.at += P.RECORD_WORDS;
  }

  private gate(chain: LoadedChain): number {
    const at = this.at;
    this.begin();
    this.set(P.W_ACTION, P.A_CLASSIFY);
    this.set(P.W_GATE_LAST, lastRecord(chain, this.layout, this.shape) * P.RECORD_WORDS);
    this.end(0, null);
    return at;
  }

  private rule(loaded: LoadedRule, chain: LoadedChain): void {
    const { source, destination } = loaded.rule;
    this.wants = {
      record: this.at,
      source,
      destination,
      sourcePorts: null,
      destinationPorts: null,
      question: -1,
      irregularQuestion: -1,
    };
    this.begin();
    this.base(loaded.rule);
    this.matches(loaded);
    this.action(loaded, chain);
  }

  private base(rule: Rule): void {
    if (rule.source !== null) this.address(rule.source, T_SRC, P.W_SRC);
    if (rule.destination !== null) this.address(rule.destination, T_DST, P.W_DST);
    if (rule.inInterface !== null) this.interface(rule.inInterface, 'i');
    if (rule.outInterface !== null) this.interface(rule.outInterface, 'o');
    if (asksProtocol(rule)) this.protocol(rule.protocol!);
    if (rule.fragment !== null && this.table.family !== AF_INET6) {
      const field = this.classes.fragment(!rule.fragment.invert);
      if (field !== undefined) this.field(field, true);
      else this.both(P.OP_FRAGMENT, rule.fragment.invert ? 1 : 0);
    }
  }

  private protocol(protocol: { number: number; invert: boolean }): void {
    const invert = protocol.invert ? 1 : 0;
    const field = protocol.invert ? undefined : this.classes.protocol(protocol.number);
    // The IPv6 question whether the headers can be followed comes after addresses and interfaces and before the protocol.
    const v6 = this.table.family === AF_INET6;
    if (field !== undefined) this.field(field, !v6);
    else this.regular.push(P.OP_PROTOCOL, protocol.number, invert);
    if (v6) this.irregular.push(P.OP_CHAIN_READ);
    if (v6 || field === undefined) this.irregular.push(P.OP_PROTOCOL, protocol.number, invert);
  }

  private address(m: AddressMatch, first: number, at: number): void {
    const words = this.table.family === AF_INET6 ? 4 : 1;
    let from = 0;
    if (!m.invert) {
      this.set(at, m.address[0]! & m.mask[0]!);
      this.set(at + 1, m.mask[0]!);
      from = 1;
    }
    let to = words;
    while (to > from && m.mask[to - 1] === 0) to--;
    if (from === to && !m.invert) return;
    this.both(m.invert ? P.OP_NOT_ADDRESS : P.OP_ADDRESS, first + from, first + to);
    for (let w = from; w < to; w++) this.both(m.address[w]! & m.mask[w]!, m.mask[w]!);
  }

  private interface(m: InterfaceMatch, direction: 'i' | 'o'): void {
    const field = this.classes.interface(m, direction);
    if (field !== undefined) {
      this.field(field, true);
      return;
    }
    let pattern = this.patterns.indexOf(m.name);
    if (pattern < 0) pattern = this.patterns.push(m.name) - 1;
    this.both(direction === 'i' ? P.OP_IN : P.OP_OUT, pattern, m.invert ? 1 : 0);
  }

  private matches({ rule, matches }: LoadedRule): void {
    // Whether everything before is without effect, so that a later test may come first.
    let pure = true;
    let pureIrregular = this.table.family !== AF_INET6 || !asksProtocol(rule);
    for (let k = 0; k < matches.length; k++) {
      const form = opcodeForm(rule.matches[k]!, rule);
      if (form.kind === 'nothing') continue;
      const placed = pure ? this.placeInRecord(form, pureIrregular) : 'none';
      if (pure) this.note(form);
      if (placed === 'both') continue;
      const function_ = this.functions.push(matches[k]!) - 1;
      const { question } = matches[k]!;
      this.irregular.push(P.OP_FUNCTION, function_);
      if (question === undefined) pureIrregular = false;
      else if (pureIrregular && this.wants.irregularQuestion < 0) {
        this.wants.irregularQuestion = this.questionIndex(question);
      }
      if (form.kind !== 'function') {
        if (placed === 'none') this.regular.push(...operationOf(form));
        continue;
      }
      this.regular.push(P.OP_FUNCTION, function_);
      if (question === undefined) pure = false;
      else if (pure && this.wants.question < 0) this.wants.question = this.questionIndex(question);
    }
  }

  /** Rules that have the same question share its function. */
  private questionIndex({ text, ask }: Question): number {
    let index = this.asked.get(text);
    if (index === undefined) {
      index = this.functions.push(ask) - 1;
      this.asked.set(text, index);
    }
    return index;
  }

  /** Tries to put a test into the record: for regular packets, for both kinds, or not at all. */
  private placeInRecord(form: OpcodeForm, irregularToo: boolean): 'both' | 'regular' | 'none' {
    if (form.kind === 'ports') return this.placePorts(form);
    if (form.kind === 'portSet') this.placeHull(form);
    if (form.kind !== 'state') return 'none';
    const field = this.classes.state(form.mask);
    if (field === undefined || (this.get(P.W_MASK) & field.mask) !== 0) return 'none';
    this.field(field, irregularToo);
    return irregularToo ? 'both' : 'regular';
  }

  /** A plain destination port range goes into the record. */
  private placePorts(form: OpcodeForm & { kind: 'ports' }): 'regular' | 'none' {
    const { destination, source, flags } = form;
    if (source !== null || flags !== null || destination === null || destination.invert) return 'none';
    if (this.get(P.W_PORT_FROM) !== 0 || this.get(P.W_PORT_TO) !== 65535) return 'none';
    this.set(P.W_PORT_FROM, destination.from);
    this.set(P.W_PORT_TO, destination.to);
    return 'regular';
  }

  /** The record tests the range around a set of destination ports first: it sorts out most packets before the list is looked at. */
  private placeHull({ bits, ranges }: OpcodeForm & { kind: 'portSet' }): void {
    if (bits !== P.PORT_SET_DESTINATION || this.get(P.W_PORT_FROM) !== 0 || this.get(P.W_PORT_TO) !== 65535) return;
    this.set(P.W_PORT_FROM, Math.min(...ranges.map((r) => r & 0xffff)));
    this.set(P.W_PORT_TO, Math.max(...ranges.map((r) => r >>> 16)));
  }

  /** Notes for the tree which ports a rule takes. */
  private note(form: OpcodeForm): void {
    const { wants } = this;
    if (form.kind === 'ports') {
      const { source, destination } = form;
      if (source !== null && !source.invert) wants.sourcePorts ??= [source.from | (source.to << 16)];
      if (destination !== null && !destination.invert) {
        wants.destinationPorts ??= [destination.from | (destination.to << 16)];
      }
    } else if (form.kind === 'portSet') {
      if (form.bits === P.PORT_SET_DESTINATION) wants.destinationPorts ??= form.ranges;
      if (form.bits === P.PORT_SET_SOURCE) wants.sourcePorts ??= form.ranges;
    }
  }

  private action({ rule, target }: LoadedRule, chain: LoadedChain): void {
    this.set(P.W_TRACE, P.TRACE_RULE);
    const t = rule.target;
    if (t === null) {
      this.set(P.W_ACTION, P.A_COUNT);
      return;
    }
    switch (t.kind) {
      case 'verdict':
        this.set(P.W_ACTION, t.name === 'RETURN' ? P.A_RETURN : P.A_VERDICT);
        // Nobody listens to QUEUE in a simulated host: the kernel drops then.
        this.set(P.W_OPERAND, t.name === 'ACCEPT' ? VERDICT_ACCEPT : VERDICT_DROP);
        // The kernel cannot tell such a rule from a policy or a chain's end, and its trace names it so.
        if (isUnconditional(rule)) this.set(P.W_TRACE, chain.hook >= 0 ? P.TRACE_POLICY : P.TRACE_RETURN);
        return;
      case 'jump':
      case 'goto':
        this.set(P.W_ACTION, t.kind === 'jump' ? P.A_JUMP : P.A_GOTO);
        this.set(P.W_OPERAND, this.layout.first.get(this.table.byName.get(t.chain)!)! * P.RECORD_WORDS);
        return;
      case 'extension':
        this.set(P.W_ACTION, P.A_FUNCTION);
        this.set(P.W_OPERAND, this.targets.push(target!) - 1);
    }
  }

  private field({ want, mask }: ClassField, irregularToo: boolean): void {
    this.records[this.at + P.W_WANT]! |= want;
    this.records[this.at + P.W_MASK]! |= mask;
    if (irregularToo) this.records[this.at + P.W_MASK_IRREGULAR]! |= mask;
  }

  private both(...words: number[]): void {
    this.regular.push(...words);
    this.irregular.push(...words);
  }

  private place(word: number, list: readonly number[]): void {
    this.set(word, this.records.length + this.operands.length);
    for (let i = 0; i < list.length; i++) this.operands.push(list[i]!);
    this.set(word + 1, this.records.length + this.operands.length);
  }
}

const NO_WANTS: Wants = {
  record: 0,
  source: null,
  destination: null,
  sourcePorts: null,
  destinationPorts: null,
  question: -1,
  irregularQuestion: -1,
};

/** `-p 0` is every protocol. */
function asksProtocol(rule: Rule): boolean {
  return rule.protocol !== null && rule.protocol.number !== 0;
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
