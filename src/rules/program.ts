/**
 * A compiled table: one Int32Array of records and, behind them, operand lists.
 *
 * A rule, and likewise a chain's policy or end, is a record of 16 words (64 bytes, one cache line). Records of a chain follow
 * one another and its policy or end comes last, so a walk never asks whether a chain is over.
 *
 *    0 want         \  the packet's class bits: ((bits ^ want) & mask) === 0
 *    1 mask         /
 *    2 source       \  first word of -s; mask 0 = not tested here
 *    3 source mask  /
 *    4 destination  \
 *    5 dest. mask   /
 *    6 port from    \  destination port of tcp and udp, both ends belong to the range; 0..65535 = not tested here
 *    7 port to      /
 *    8 action          A_ constant
 *    9 operand         verdict, record of a jump, or index of a target function
 *   10 list from    \  what is still to be tested of a regular packet
 *   11 list to      /
 *   12 list from    \  the same for an irregular one: everything that the record did not test, extensions as functions
 *   13 list to      /
 *   14 mask           as word 1, for irregular packets
 *   15 trace kind     TRACE_ constant
 *
 * Gates. In a long chain there is every so many rules (TreeShape) a record that fits every packet and is no
 * rule: from here on a walk goes by the chain's tree (classify.ts) and not from rule to rule. The chain's policy or end is then
 * found through the gate's word 2.
 *
 * Class bits. Each packet is put into classes once a walk: a small number for its protocol and for the interfaces that rules name
 * exactly, one bit for each other thing that rules ask of protocol, interfaces, fragment or connection state (`! -i lo`,
 * `-o ppp+`, `--ctstate NEW`). Which bits mean what is decided for each table when it is compiled; what does not fit into 32
 * bits is tested through the operand list.
 *
 * A packet is *regular* if its transport header was read as far as its protocol has one. Only a regular packet's ports and flags
 * are tested by opcodes, which then have no effect but their result, so that their order does not matter. For the others the
 * order does matter - a tcp match drops a packet that is too short at once - and all extensions run as functions, in order.
 */
import type { MatchFunction, TargetFunction } from './extension.js';
import type { Doubt } from './load.js';
import type { Chain, Rule } from './model.js';

export const RECORD_WORDS = 16;
/** Word offset of a record >> this = offset of its two counters. */
export const RECORD_TO_COUNTER = 3;
export const RECORD_SHIFT = 4;

export const W_WANT = 0;
export const W_MASK = 1;
export const W_SRC = 2;
export const W_SRC_MASK = 3;
export const W_DST = 4;
export const W_DST_MASK = 5;
export const W_PORT_FROM = 6;
export const W_PORT_TO = 7;
export const W_ACTION = 8;
export const W_OPERAND = 9;
export const W_LIST = 10;
export const W_LIST_IRREGULAR = 12;
export const W_MASK_IRREGULAR = 14;
export const W_TRACE = 15;

/** What a rule that matched does. */
export const A_COUNT = 0; //    no target: on to the next rule
export const A_VERDICT = 1; //  operand = VERDICT_ constant
export const A_JUMP = 2; //     operand = first record of the chain
export const A_GOTO = 3;
export const A_RETURN = 4; //   also the end of a user chain
export const A_FUNCTION = 5; // operand = index into Program.targets
export const A_CLASSIFY = 6; // no rule: a gate. operand = where the chain's pair of roots stands in Program.tree

/** Which chains get gates and how their trees grow. */
export interface TreeShape {
  /** Rules that a chain with gates has at least. */
  least: number;
  /** Rules of a chain before its first gate. */
  first: number;
  /** Rules between two gates. */
  every: number;
  /** Rules that may be left together: a split must spare more than these. */
  leaf: number;
}

/** Measured: a look-up in a tree costs as much as some 40 rules; where a packet fits an early rule, a walk is cheaper. */
export const TREES: TreeShape = { least: 56, first: 8, every: 32, leaf: 12 };

/** Of a gate: the record of the chain's policy or end. */
export const W_GATE_LAST = W_SRC;

/** Kinds of line that -j TRACE makes. */
export const TRACE_RULE = 0;
export const TRACE_RETURN = 1;
export const TRACE_POLICY = 2;
/** The kernel's words for them, by TRACE_ constant. */
export const TRACE_WORDS = ['rule', 'return', 'policy'] as const;

/** Operations of an operand list; the words that follow each. */
export const OP_FUNCTION = 0; //  index into Program.functions
export const OP_ADDRESS = 1; //   first tuple word, last tuple word, then (value, mask) for each
export const OP_NOT_ADDRESS = 2; // the same, inverted
export const OP_PROTOCOL = 3; //  number, invert (0 or 1)
export const OP_CHAIN_READ = 4; // (none) IPv6: drops at once if the extension headers could not be followed to their end
export const OP_IN = 5; //        pattern, invert: names in Program.patterns
export const OP_OUT = 6;
export const OP_STATE = 7; //     mask of 1 << CT_ constant
export const OP_FRAGMENT = 8; //  invert
export const OP_SOURCE_PORT = 9; // from, to, invert
export const OP_DESTINATION_PORT = 10;
export const OP_TCP_FLAGS = 11; // mask, wanted, invert
export const OP_MARK = 12; //     value, mask, invert
export const OP_PORT_SET = 13; // PORT_SET_ bits, count, then count words from | to << 16

export const PORT_SET_SOURCE = 1;
export const PORT_SET_DESTINATION = 2;
export const PORT_SET_INVERT = 4;

/** Classes of interfaces that a table distinguishes, as far as they have class bits. */
export interface InterfaceClass {
  /** Name, or prefix and `+`. */
  name: string;
  /** OR-ed into the class bits of a packet on an interface of that name. */
  bits: number;
}

/** One table of one family, compiled. */
export class Program {
  /** Records, then operand lists. */
  readonly code: Int32Array;
  /** Two doubles a record: packets, bytes. */
  readonly counters: Float64Array;
  /** First record of the chain that hangs on each hook; -1 = the table has none there. */
  readonly entry = new Int32Array(5).fill(-1);
  /** Record of that chain's policy. */
  readonly policy = new Int32Array(5).fill(-1);
  /** Class bits by protocol number. */
  readonly protocolBits = new Int32Array(256);
  /** Class bits by CT_ constant. */
  readonly stateBits = new Int32Array(8);
  fragmentBits = 0;
  /** Class bits by interface index. */
  inBits: Int32Array = new Int32Array(0);
  outBits: Int32Array = new Int32Array(0);
  readonly inClasses: InterfaceClass[] = [];
  readonly outClasses: InterfaceClass[] = [];
  /** Interface names that OP_IN and OP_OUT test. */
  readonly patterns: string[] = [];
  /** Whether interface i fits pattern k: patternHits[k * interfaceCount + i]. */
  patternHits: Uint8Array = new Uint8Array(0);
  interfaceCount = 0;
  /** Trees of the chains that have gates (classify.ts). */
  tree: Int32Array = new Int32Array(0);
  /** Most leaves of a tree that one packet can come to. */
  leaves = 0;
  readonly functions: MatchFunction[] = [];
  readonly targets: TargetFunction[] = [];
  /** Most jumps that can be open at once. */
  depth = 0;

  /** Cold: what each record came from. */
  readonly chains: Chain[] = [];
  /** null: policy, end or gate. */
  readonly rules: (Rule | null)[] = [];
  /** Rules that ask what the host cannot know. */
  doubts: readonly Doubt[] = [];

  constructor(
    records: Int32Array,
    operands: readonly number[],
    /** Index into `chains`, by record number. */
    readonly chainOf: Int32Array,
    /** Place in the chain, from 1; the policy or end has the number after the last rule, as the kernel's trace counts. */
    readonly numberOf: Int32Array,
  ) {
    this.code = new Int32Array(records.length + operands.length);
    this.code.set(records);
    this.code.set(operands, records.length);
    this.counters = new Float64Array(chainOf.length * 2);
  }

  /** Writes the counters into the rules and chains of the model (cold). */
  exportCounters(): void {
    for (const [record, rule] of this.rules.entries()) {
      if (this.code[record * RECORD_WORDS + W_ACTION] === A_CLASSIFY) continue;
      const chain = this.chains[this.chainOf[record]!]!;
      const into = rule ?? (chain.policy === null ? null : chain);
      if (into === null) continue;
      into.packets = this.counters[2 * record]!;
      into.bytes = this.counters[2 * record + 1]!;
    }
  }
}
