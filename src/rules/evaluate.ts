/**
 * Runs packets through compiled tables: what the kernel does in ipt_do_table and ip6t_do_table.
 *
 * The engine holds one program for each table and family. `run` is called for each table that hangs on a hook and allocates
 * nothing. Afterwards `decidedTable` and `decidedRecord` say what decided; `decision` turns them into names.
 *
 * A target may send a packet of its own (REJECT answers), which then walks tables in the middle of the walk that made it: the
 * jump stack is shared, each walk uses the part above the walk around it.
 */
import {
  AF_INET,
  CT_NEW,
  CT_NONE,
  HAS_BROKEN_CHAIN,
  HAS_LATER_FRAGMENT,
  HAS_PORTS,
  HAS_TCP,
  IPPROTO_DCCP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  type Packet,
  T_DST,
  T_PORTS,
  T_SRC,
} from '../wire/packet.js';
import { Candidates, nextRecord } from './classify.js';
import { bindInterfaces, compileTable } from './compile.js';
import { type RuleContext, VERDICT_ACCEPT, VERDICT_CONTINUE, VERDICT_DROP } from './context.js';
import { type Doubt, type EngineHost, isChainBroken, type LoadOptions, loadTable } from './load.js';
import { type Family, type Rule, type Ruleset, TABLE_NAMES, type TableName } from './model.js';
import type { Program } from './program.js';
import * as layout from './program.js';

// An imported constant is read from memory at each use, one of the module's own is part of the machine code: 30 % in `scan`.
const {
  W_MASK,
  W_MASK_IRREGULAR,
  W_LIST,
  W_LIST_IRREGULAR,
  RECORD_WORDS,
  RECORD_TO_COUNTER,
  W_ACTION,
  W_OPERAND,
  A_FUNCTION,
  A_VERDICT,
  A_COUNT,
  A_RETURN,
  A_JUMP,
  A_CLASSIFY,
  W_GATE_LAST,
  RECORD_SHIFT,
  W_TRACE,
  W_PORT_FROM,
  W_PORT_TO,
  W_SRC,
  W_SRC_MASK,
  W_DST,
  W_DST_MASK,
  OP_FUNCTION,
  OP_ADDRESS,
  OP_NOT_ADDRESS,
  OP_STATE,
  OP_SOURCE_PORT,
  OP_DESTINATION_PORT,
  OP_TCP_FLAGS,
  OP_MARK,
  OP_PORT_SET,
  OP_CHAIN_READ,
  OP_PROTOCOL,
  OP_IN,
  OP_OUT,
  PORT_SET_SOURCE,
  PORT_SET_INVERT,
  PORT_SET_DESTINATION,
} = layout;

/** Table numbers of RuleEngine.run: indexes into TABLE_NAMES. */
export const TABLE_RAW = 0;
export const TABLE_MANGLE = 1;
export const TABLE_NAT = 2;
export const TABLE_FILTER = 3;
export const TABLE_SECURITY = 4;

const TABLES = TABLE_NAMES.length;
const HOOKS = 5;
/** Walks that may be open inside one another, at the size that `load` gives the jump stack; more make it grow. */
const NESTED_WALKS = 4;

/** What decided a packet, in words. */
export interface Decision {
  /** Of the packet, and so of the ruleset. */
  family: Family;
  /** The table whose walk decided. */
  table: TableName;
  /** The chain in which the rule stands, or whose policy it was. */
  chain: string;
  /** Place of the rule in its chain, from 1; null: the chain's policy. */
  number: number | null;
  /** The rule, for `printRule`; null: the chain's policy. */
  rule: Rule | null;
}

/** The compiled rules of one host, both families. */
export class RuleEngine {
  /** Number of the program that gave the last verdict: table, IPv6 + 5; -1 = none since `forget`. */
  decidedTable = -1;
  /** Record that gave it: a number unique in its program, to count by. */
  decidedRecord = 0;

  private programs: (Program | null)[] = new Array<Program | null>(2 * TABLES).fill(null);
  private readonly presentBits = new Int32Array(2 * HOOKS);
  private readonly rulesets: (Ruleset | null)[] = [null, null];
  /** What the tree at hand says of the packet at hand; a target function may start another walk, so it is made anew behind one. */
  private readonly candidates = new Candidates();
  private stack = new Int32Array(NESTED_WALKS);
  /** First free place of the stack. */
  private stackTop = 0;
  /** Which HAS_ bits a packet of each protocol must have to be regular. */
  private readonly headerBits = new Int32Array(256);

  /** @param shape which chains are searched by trees. */
  constructor(
    private readonly host: EngineHost,
    private readonly shape: layout.TreeShape = layout.TREES,
  ) {
    this.headerBits[IPPROTO_TCP] = HAS_TCP | HAS_PORTS;
    for (const p of [IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP, IPPROTO_DCCP]) this.headerBits[p] = HAS_PORTS;
  }

  /**
   * Checks and compiles all tables of a ruleset, then puts them in the place of that family's former ones.
   * @throws RuleError; the former rules stay then.
   */
  load(ruleset: Ruleset, options: LoadOptions = {}): void {
    const base = ruleset.family === AF_INET ? 0 : TABLES;
    const programs = this.programs.slice().fill(null, base, base + TABLES);
    for (const [name, table] of ruleset.tables) {
      const loaded = loadTable(table, ruleset.family, this.host, options);
      programs[base + TABLE_NAMES.indexOf(name)] = compileTable(loaded, this.host.interfaces, this.shape);
    }
    this.programs = programs;
    for (let hook = 0; hook < HOOKS; hook++)
      this.presentBits[hook + (base === 0 ? 0 : HOOKS)] = programs
        .slice(base, base + TABLES)
        .reduce((bits, program, table) => bits | (program !== null && program.entry[hook]! >= 0 ? 1 << table : 0), 0);
    this.rulesets[base === 0 ? 0 : 1] = ruleset;
    const depth = Math.max(...programs.map((p) => p?.depth ?? 0));
    const need = this.stackTop + NESTED_WALKS * (depth + 1);
    if (this.stack.length < need) this.growStack(need);
    for (const program of programs) if (program !== null) this.candidates.reserve(program.leaves);
    this.forget();
  }

  /** Must be called after EngineHost.interfaces changed. */
  interfacesChanged(): void {
    for (const program of this.programs) if (program !== null) bindInterfaces(program, this.host.interfaces);
  }

  /** The tables that a packet meets in a hook, as bits 1 << TABLE_: the others accept and leave the decision as it was. */
  present(family: number, hook: number): number {
    return this.presentBits[family === AF_INET ? hook : hook + HOOKS]!;
  }

  /** The compiled table, null where none is loaded. Its `chains` and `numberOf` name what `EngineHost.trace` was told. */
  program(family: Family, table: number): Program | null {
    return this.programs[(family === AF_INET ? 0 : TABLES) + table] ?? null;
  }

  /** Writes the counters into the rules and policies of a ruleset that `load` was given (last). */
  exportCounters(ruleset: Ruleset): void {
    const base = ruleset.family === AF_INET ? 0 : TABLES;
    if (this.rulesets[base === 0 ? 0 : 1] !== ruleset)
      throw new Error('exportCounters: not the ruleset that is loaded');
    for (let t = base; t < base + TABLES; t++) this.programs[t]?.exportCounters();
  }

  /** Whether a ruleset is the one of its family that is loaded. */
  holds(ruleset: Ruleset): boolean {
    return this.rulesets[ruleset.family === AF_INET ? 0 : 1] === ruleset;
  }

  /** Whether a decision is a rule's, not a policy's. */
  isRule(table: number, record: number): boolean {
    return this.programs[table]?.rules[record] != null;
  }

  /** Rules that asked what the host cannot know, with the packets that came to them since the rules were loaded (cold). */
  doubts(): Doubt[] {
    return this.programs.flatMap((program) => program?.doubts.filter((d) => d.packets > 0) ?? []);
  }

  /** Clears the decision; a table that is not loaded leaves it as it was. */
  forget(): void {
    this.decidedTable = -1;
    this.decidedRecord = 0;
  }

  /** The last decision in words (cold); null = no table was walked since `forget`. */
  decision(table: number = this.decidedTable, record: number = this.decidedRecord): Decision | null {
    const program = this.programs[table];
    if (table < 0 || program === null || program === undefined) return null;
    const rule = program.rules[record] ?? null;
    return {
      family: table < TABLES ? 2 : 10,
      table: TABLE_NAMES[table % TABLES]!,
      chain: program.chains[program.chainOf[record]!]!.name,
      number: rule === null ? null : program.numberOf[record]!,
      rule,
    };
  }

  /**
   * Walks one table's chain for a hook.
   * @param table TABLE_ constant; one that is not loaded accepts.
   * @returns VERDICT_ACCEPT, VERDICT_DROP or VERDICT_REJECT (or what else a target gave)
   */
  run(table: number, hook: number, p: Packet, c: RuleContext): number {
    const number = p.family === AF_INET ? table : table + TABLES;
    if (((this.present(p.family, hook) >> table) & 1) === 0) return VERDICT_ACCEPT;
    const program = this.programs[number]!;
    const outerHook = c.hook;
    const outerHotdrop = c.hotdrop;
    c.hook = hook;
    c.hotdrop = false;
    const verdict = this.walk(program, number, hook, p, c);
    c.hook = outerHook;
    c.hotdrop = outerHotdrop;
    return verdict;
  }

  private walk(program: Program, number: number, hook: number, p: Packet, c: RuleContext): number {
    const code = program.code;
    const counters = program.counters;
    const candidates = this.candidates;
    const floor = this.stackTop;
    if (this.stack.length < floor + program.depth) this.growStack(floor + program.depth);
    const stack = this.stack;
    let sp = floor;
    let r = program.entry[hook]!;
    for (;;) {
      // Read again after each target function: it may have changed any of it.
      const tuple = p.tuple;
      const source = tuple[T_SRC]!;
      const destination = tuple[T_DST]!;
      const port = tuple[T_PORTS]! & 0xffff;
      const bits = classBits(program, p);
      const regular = isRegular(this.headerBits, p);
      const maskAt = regular ? W_MASK : W_MASK_IRREGULAR;
      const listAt = regular ? W_LIST : W_LIST_IRREGULAR;
      const portSign = regular ? 0x80000000 | 0 : 0;
      // The record behind all that the collected leaves hold; -1: from rule to rule.
      let last = -1;
      for (;;) {
        r =
          last < 0
            ? scan(code, r, bits, maskAt, port, portSign, source, destination)
            : nextRecord(code, candidates, program.tree, r, last, bits, regular, p);
        const action = code[r + W_ACTION]!;
        if (action === A_CLASSIFY) {
          candidates.collect(program, program.tree[code[r + W_OPERAND]! + (regular ? 0 : 1)]!, p, bits, c);
          last = code[r + W_GATE_LAST]!;
          continue;
        }
        const list = code[r + listAt]!;
        const listEnd = code[r + listAt + 1]!;
        if (list !== listEnd && !runList(program, list, listEnd, p, c)) {
          if (c.hotdrop) return this.decide(number, r, VERDICT_DROP);
          r += RECORD_WORDS;
          continue;
        }
        const counter = r >> RECORD_TO_COUNTER;
        counters[counter]! += 1;
        counters[counter + 1]! += p.l3Len;
        if (p.traced) this.trace(program, number, r, p);
        const operand = code[r + W_OPERAND]!;
        if (action === A_FUNCTION) {
          this.stackTop = sp;
          const verdict = program.targets[operand]!(p, c);
          this.stackTop = floor;
          if (c.hotdrop) return this.decide(number, r, VERDICT_DROP);
          if (verdict !== VERDICT_CONTINUE) return this.decide(number, r, verdict);
          r += RECORD_WORDS;
          break;
        }
        if (c.hotdrop) return this.decide(number, r, VERDICT_DROP);
        if (action === A_VERDICT) return this.decide(number, r, operand);
        if (action === A_COUNT) {
          r += RECORD_WORDS;
        } else if (action === A_RETURN) {
          last = -1;
          r = sp === floor ? program.policy[hook]! : stack[--sp]! + RECORD_WORDS;
        } else {
          last = -1;
          if (action === A_JUMP) stack[sp++] = r;
          r = operand;
        }
      }
    }
  }

  private decide(table: number, record: number, verdict: number): number {
    this.decidedTable = table;
    this.decidedRecord = record >> RECORD_SHIFT;
    return verdict;
  }

  private trace(program: Program, table: number, at: number, p: Packet): void {
    const record = at >> RECORD_SHIFT;
    const kind = program.code[at + W_TRACE]!;
    this.host.trace(p, table % TABLES, program.chainOf[record]!, program.numberOf[record]!, kind);
  }

  private growStack(length: number): void {
    const grown = new Int32Array(length);
    grown.set(this.stack);
    this.stack = grown;
  }
}

/**
 * The first record from `r` on whose own tests a packet passes. A loop without calls or stores: the compiler then keeps the
 * array's bounds in registers. Three branches, which mostly go the same way at a rule, are cheaper than one test of everything.
 */
function scan(
  code: Int32Array,
  from: number,
  bits: number,
  maskAt: number,
  port: number,
  portSign: number,
  source: number,
  destination: number,
): number {
  let r = from;
  for (;;) {
    if (((bits ^ code[r]!) & code[r + maskAt]!) === 0) {
      if ((((port - code[r + W_PORT_FROM]!) | (code[r + W_PORT_TO]! - port)) & portSign) === 0) {
        if (((source ^ code[r + W_SRC]!) & code[r + W_SRC_MASK]!) === 0) {
          if (((destination ^ code[r + W_DST]!) & code[r + W_DST_MASK]!) === 0) return r;
        }
      }
    }
    r += RECORD_WORDS;
  }
}

function classBits(program: Program, p: Packet): number {
  return (
    program.protocolBits[p.protocol]! |
    program.inBits[p.inInterface]! |
    program.outBits[p.outInterface]! |
    program.stateBits[stateOf(p)]! |
    ((p.has & HAS_LATER_FRAGMENT) === 0 ? 0 : program.fragmentBits)
  );
}

/** A template that -j CT attached stands for a new connection until there is one (raw table). */
function stateOf(p: Packet): number {
  return p.state === CT_NONE && p.template !== 0 ? CT_NEW : p.state;
}

/** See program.ts. */
function isRegular(headerBits: Int32Array, p: Packet): boolean {
  const need = headerBits[p.protocol]!;
  if ((p.has & (need | HAS_LATER_FRAGMENT | HAS_BROKEN_CHAIN)) !== need) return false;
  return need === 0 || p.payloadOff >= 0;
}

/** Whether a packet passes an operand list; sets `hotdrop` where the kernel does. */
function runList(program: Program, list: number, end: number, p: Packet, c: RuleContext): boolean {
  const code = program.code;
  let o = list;
  while (o < end) {
    switch (code[o]!) {
      case OP_FUNCTION:
        if (!program.functions[code[o + 1]!]!(p, c)) return false;
        o += 2;
        break;
      case OP_ADDRESS:
      case OP_NOT_ADDRESS: {
        const words = code[o + 2]! - code[o + 1]!;
        if (addressFits(code, o, p.tuple) === (code[o] === OP_NOT_ADDRESS)) return false;
        o += 3 + 2 * words;
        break;
      }
      case OP_STATE:
        if (((1 << stateOf(p)) & code[o + 1]!) === 0) return false;
        o += 2;
        break;
      case OP_SOURCE_PORT:
        if (outside(p.tuple[T_PORTS]! >>> 16, code, o + 1) === (code[o + 3] === 0)) return false;
        o += 4;
        break;
      case OP_DESTINATION_PORT:
        if (outside(p.tuple[T_PORTS]! & 0xffff, code, o + 1) === (code[o + 3] === 0)) return false;
        o += 4;
        break;
      case OP_TCP_FLAGS:
        if (((p.tcpFlags & code[o + 1]!) !== code[o + 2]!) === (code[o + 3] === 0)) return false;
        o += 4;
        break;
      case OP_MARK:
        if (((p.mark & code[o + 2]!) !== code[o + 1]!) === (code[o + 3] === 0)) return false;
        o += 4;
        break;
      case OP_PORT_SET:
        if (!portSetFits(code, o, p.tuple[T_PORTS]!)) return false;
        o += 3 + code[o + 2]!;
        break;
      case OP_CHAIN_READ:
        if (isChainBroken(p)) {
          c.hotdrop = true;
          return false;
        }
        o += 1;
        break;
      case OP_PROTOCOL:
        if ((p.protocol !== code[o + 1]!) === (code[o + 2] === 0)) return false;
        o += 3;
        break;
      case OP_IN:
        if (program.patternHits[code[o + 1]! * program.interfaceCount + p.inInterface] === code[o + 2]!) return false;
        o += 3;
        break;
      case OP_OUT:
        if (program.patternHits[code[o + 1]! * program.interfaceCount + p.outInterface] === code[o + 2]!) return false;
        o += 3;
        break;
      default: // OP_FRAGMENT
        if (((p.has & HAS_LATER_FRAGMENT) === 0) === (code[o + 1] === 0)) return false;
        o += 2;
    }
  }
  return true;
}

/** Operands of OP_ADDRESS: first tuple word, end, then value and mask of each. */
function addressFits(code: Int32Array, o: number, tuple: Int32Array): boolean {
  const end = code[o + 2]!;
  let at = o + 3;
  for (let w = code[o + 1]!; w < end; w++) {
    if (((tuple[w]! ^ code[at]!) & code[at + 1]!) !== 0) return false;
    at += 2;
  }
  return true;
}

function outside(port: number, code: Int32Array, at: number): boolean {
  return port < code[at]! || port > code[at + 1]!;
}

function portSetFits(code: Int32Array, o: number, ports: number): boolean {
  const bits = code[o + 1]!;
  const source = ports >>> 16;
  const destination = ports & 0xffff;
  const end = o + 3 + code[o + 2]!;
  let hit = 0;
  for (let at = o + 3; at < end; at++) {
    const from = code[at]! & 0xffff;
    const to = code[at]! >>> 16;
    if ((bits & PORT_SET_SOURCE) !== 0 && source >= from && source <= to) hit = PORT_SET_INVERT;
    if ((bits & PORT_SET_DESTINATION) !== 0 && destination >= from && destination <= to) hit = PORT_SET_INVERT;
  }
  return (bits & PORT_SET_INVERT) !== hit;
}
