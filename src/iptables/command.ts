/**
 * A command line of iptables as data, and what reading it asks of the ruleset.
 */
import type { Position, Rule, TableName } from '../rules/model.js';

/** A command, checked as far as it can be without the ruleset's rules. */
export interface Command {
  /** A D C I R L S F Z N X E P; h and V: help and version were asked for, and nothing behind was read. */
  verb: string;
  /** What -Z beside -L or -S sets back: the chains, or the rule of `number`; '' = no -Z. */
  zero: '' | 'chains' | 'rule';
  table: TableName;
  /** '' = all chains (L S F Z X). */
  chain: string;
  /** Rule number from 1; 0 = none given. */
  number: number;
  /** -E's new name, -P's policy. */
  argument: string;
  /** A D C I R: one rule for each pair of addresses. */
  rules: Rule[];
  /** -P, rules: whether -c was given. */
  hasCounters: boolean;
  packets: number;
  bytes: number;
  /** -n -v -x and --line-numbers ('0'), for listings. */
  flags: string;
  /** Of the first word. */
  position: Position;
  /** The word with the chain's name, for `places`. */
  chainAt: number;
  /** The word with the rule's number, or the policy. */
  argumentAt: number;
  /** The word behind -j or -g. */
  targetAt: number;
  /** Where words stand; borrowed from the parser until it reads the next command. */
  places: { positionOf(word: number): Position };
}

/** What the parser asks about the ruleset that the command is for. */
export interface Scope {
  /** Whether the table has this chain. */
  isChain(table: string, name: string): boolean;
  /** Whether a name can only be a chain's, though a target has it: iptables-restore's text declared it (`:LOG - [0:0]`). */
  hidesTarget?(name: string): boolean;
  /** Names of a table's chains, for suggestions. */
  chainNames(table: string): Iterable<string>;
  /** Told of what iptables only warns about. */
  warn(message: string, position: Position): void;
}
