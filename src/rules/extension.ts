/**
 * What a match or target extension is: one object a file in `match/` and `target/`, named as iptables names it.
 *
 * An extension carries its option table (data that the option parser in iptables/ reads), how a parsed `spec` prints in
 * iptables-save form, and how it is loaded: turned into a function over a packet. The spec is a plain object that only the
 * extension understands; two equal command lines give two deeply equal specs.
 */
import type { Packet } from '../wire/packet.js';
import type { LoadContext, RuleContext } from './context.js';
import type { Family, MatchUse } from './model.js';

/** One long option of an extension. */
export interface OptionSpec {
  /** Long name without the dashes; getopt accepts unambiguous prefixes. */
  name: string;
  /** Other long names with the same meaning. */
  aliases?: readonly string[];
  /** The family that alone has it; absent = both. */
  family?: Family;
  /** Words that follow ('optional': taken if the next word is not an option). Two: one value, blank between. */
  args: 0 | 1 | 2 | 'optional';
  /** The message where the second of two words is missing. */
  secondMissing?: string;
  /** Whether `!` may stand before it. */
  invert?: boolean;
  /** Whether it may be given more than once (default: iptables' "multiple use of option" error, exit 2). */
  repeat?: boolean;
  /** The message for a second use where the extension has words of its own for it. */
  repeatMessage?: string;
  /** Whether the extension cannot do without it (exit 2: `NAME: option "--x" must be specified`). */
  required?: boolean;
  /**
   * Names of options that may not stand beside it (exit 2: `NAME: option "--x" cannot be used together with "--y"`), in the order
   * in which they are looked for.
   */
  excludes?: readonly string[];
  /** Names of options that must stand beside it (exit 2: `NAME: option "--x" also requires "--y".`). */
  also?: readonly string[];
}

/** What an extension may ask while its options are read. */
export interface OptionContext {
  family: Family;
  /** The rule's `-p`, as far as read; null = none. An inverted protocol shows as `invert`. */
  protocol: { number: number; invert: boolean } | null;
  /** The table that the rule goes into. */
  table: string;
  /**
   * Throws a RuleError that prints as iptables does: `iptables vX (legacy): MESSAGE` with exit status 2 (a parameter problem).
   * `word` is the wrong word, for file, line and column; `hint` says in a line of its own what iptables does not.
   */
  fail(message: string, word?: string, hint?: string): never;
  /** What iptables only warns about, in its own words. */
  warn?(message: string): void;
}

/** The rule that an extension stands in, as the kernel sees it when it checks the extension. */
export interface RuleAround {
  family: Family;
  table: string;
  /** HOOK_ bits from which the rule can be reached. */
  hooks: number;
  protocol: { number: number; invert: boolean } | null;
  /** Its matches: TCPMSS wants a tcp match for SYN among them. Absent = not known, nothing is demanded of them. */
  matches?: readonly MatchUse[];
}

/** Why the kernel refuses a rule: its errno (EINVAL 22, ENOENT 2) and the reason in words, which iptables does not tell. */
export interface KernelRefusal {
  errno: number;
  why: string;
}

/** What matches and targets have in common. `S` is the spec's type. */
// biome-ignore lint/suspicious/noExplicitAny: lists hold extensions of every spec type
export interface Extension<S = any> {
  name: string;
  families: readonly Family[];
  /** The kernel that is simulated does not have it: iptables warns where it is named, and `refusedBy` refuses the rule. */
  notInKernel?: true;
  options: readonly OptionSpec[];
  /** A spec with defaults. */
  init(family: Family): S;
  /** Takes one option; `option` is OptionSpec.name; `value` is '' where args is 0. */
  option(spec: S, option: string, value: string, inverted: boolean, c: OptionContext): void;
  /** After the last option: anything that a single option could not check. `seen` has the names of the options given. */
  check?(spec: S, seen: ReadonlySet<string>, c: OptionContext): void;
  /** The options as iptables-save prints them, without `-m name`: '' or e.g. '--dport 80'. */
  save(spec: S, family: Family): string;
  /**
   * The options as `iptables -L` prints them at a rule's end, with the blanks that iptables 1.8.9 prints around them:
   * ' tcp dpt:22'. The texts of a rule's matches, then its target's, stand behind each other with nothing between them.
   * `numeric`: -n was given. Absent: the listing shows nothing of it.
   */
  list?(spec: S, family: Family, numeric: boolean): string;
  /**
   * What the kernel demands of the rule around it when the table is handed over (protocol, hooks, values); null = nothing amiss.
   * Runs when rule text is read; `load` need not repeat it.
   */
  refusedBy?(spec: S, around: RuleAround): KernelRefusal | null;
  /**
   * What a simulated host cannot know about it, and what is taken instead, in one line; absent = evaluated fully. Packets that ask
   * it are counted (load.ts, Doubt), so that a verdict that rests on it comes with a warning.
   */
  unsupported?: string;
  /** Whether this use of it rests on what the host cannot know; absent = every use. Only where `unsupported` is given. */
  isDoubtful?(spec: S, c: LoadContext): boolean;
}

/** True = the packet matches. */
export interface MatchFunction {
  (p: Packet, c: RuleContext): boolean;
  /** What may be asked in its place to know beforehand whether it will match; absent = it is asked rule by rule. */
  question?: Question;
}

/** A question whose answer serves all rules that have it (classify.ts). */
export interface Question {
  /** The same text is the same question. */
  text: string;
  /** The answer of the match, which must not depend on how often or when in a walk it is asked; this one has no effect. */
  ask(p: Packet, c: RuleContext): boolean;
}
/** Returns a VERDICT_ constant of context.ts; VERDICT_CONTINUE goes on with the next rule. */
export type TargetFunction = (p: Packet, c: RuleContext) => number;

/** A match: `-m name`. */
// biome-ignore lint/suspicious/noExplicitAny: lists hold extensions of every spec type
export interface MatchExtension<S = any> extends Extension<S> {
  /** `-p NAME` of this number makes its options known without -m (tcp, udp, icmp ...). */
  impliedBy?: number;
  /**
   * Checks what only the kernel checks (throws RuleError through `c.fail`: exit status 1 or 2) and gives the function that
   * tests a packet. All allocation and name look-up happens here, none in the function. Absent: parsed and printed only.
   */
  load?(spec: S, c: LoadContext): MatchFunction;
}

/** A target: `-j NAME`. */
// biome-ignore lint/suspicious/noExplicitAny: lists hold extensions of every spec type
export interface TargetExtension<S = any> extends Extension<S> {
  /** Tables it may stand in; absent = all. */
  tables?: readonly string[];
  load?(spec: S, c: LoadContext): TargetFunction;
}
