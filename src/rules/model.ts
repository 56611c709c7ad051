/**
 * A ruleset as data: what iptables-save prints, as objects. Nothing here runs; `compile.ts` turns it into programs.
 *
 * Terms are iptables': a *table* has *chains*; a built-in chain hangs on a hook and has a *policy*; a *rule* has base
 * matches (-s -d -i -o -p -f), extension *matches* (-m) and one *target* (-j) or a jump to a user chain (-j, -g).
 */
import type { MatchExtension, TargetExtension } from './extension.js';

/** AF_INET or AF_INET6. */
export type Family = 2 | 10;

export const TABLE_NAMES = ['raw', 'mangle', 'nat', 'filter', 'security'] as const;
/** One of TABLE_NAMES. */
export type TableName = (typeof TABLE_NAMES)[number];

/** The hooks' chain names, indexed by HOOK_ constants (wire/packet). */
export const HOOK_NAMES = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const;

/** Built-in chains of each table in the order in which iptables-save prints them. */
export const BUILT_IN: Record<TableName, readonly string[]> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};

/** Where a rule stands in the file that it came from; line and column begin at 1. */
export interface Position {
  file: string;
  line: number;
  column: number;
}

/** All tables of one family. */
export interface Ruleset {
  family: Family;
  /** Only the tables that the text named. */
  tables: Map<TableName, Table>;
}

/** One table. */
export interface Table {
  name: TableName;
  /** Built-in chains first (BUILT_IN order), then user chains in the order of their making. */
  chains: Map<string, Chain>;
}

/** One chain, built-in or of the user. */
export interface Chain {
  name: string;
  /** null: a user chain. */
  policy: 'ACCEPT' | 'DROP' | null;
  /** The policy's counters; always 0 for a user chain. */
  packets: number;
  bytes: number;
  rules: Rule[];
}

/** -s / -d. IPv4 uses the first word of address and mask; words are big-endian values kept as Int32. */
export interface AddressMatch {
  address: Int32Array;
  mask: Int32Array;
  invert: boolean;
}

/** -i / -o; a name that ends in `+` matches the prefix before it. */
export interface InterfaceMatch {
  name: string;
  invert: boolean;
}

/** One rule: every part that is not null must match. */
export interface Rule {
  source: AddressMatch | null;
  destination: AddressMatch | null;
  inInterface: InterfaceMatch | null;
  outInterface: InterfaceMatch | null;
  /** `-p`; null = all. */
  protocol: { number: number; invert: boolean } | null;
  /** `-f` (IPv4): second and further fragments. */
  fragment: { invert: boolean } | null;
  matches: MatchUse[];
  /** null: the rule only counts. */
  target: Target | null;
  packets: number;
  bytes: number;
  position: Position | null;
}

/** An extension match as a rule uses it. */
export interface MatchUse {
  extension: MatchExtension;
  spec: unknown;
}

/** What a rule does with a packet that it matches. */
export type Target =
  | { kind: 'verdict'; name: 'ACCEPT' | 'DROP' | 'RETURN' | 'QUEUE' }
  | { kind: 'jump' | 'goto'; chain: string }
  | { kind: 'extension'; extension: TargetExtension; spec: unknown };
