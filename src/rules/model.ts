/**
 * A ruleset as data: what iptables-save prints, as objects. Nothing here runs; `compile.ts` turns it into programs.
 *
 * Terms are iptables': a *table* has *chains*; a built-in chain hangs on a hook and has a *policy*; a *rule* has base
 * matches (-s -d -i -o -p -f), extension *matches* (-m) and one *target* (-j) or a jump to a user chain (-j, -g).
 */
import type { MatchExtension, TargetExtension } from './extension.js';

/** Address family as the kernel numbers it: 2 IPv4 (AF_INET), 10 IPv6 (AF_INET6). */
export type Family = 2 | 10;

/** The names of all tables, in the order in which a packet meets them. */
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
  /** The name that the text was given when it was read. */
  file: string;
  /** From 1. */
  line: number;
  /** From 1, in characters. */
  column: number;
}

/** All tables of one family. */
export interface Ruleset {
  /** The family whose packets it is for. */
  family: Family;
  /** Only the tables that the text named. */
  tables: Map<TableName, Table>;
}

/** One table. */
export interface Table {
  /** Its name. */
  name: TableName;
  /** Built-in chains first (BUILT_IN order), then user chains in the order of their making. */
  chains: Map<string, Chain>;
}

/** One chain, built-in or of the user. */
export interface Chain {
  /** At most 28 characters. */
  name: string;
  /** null: a user chain. */
  policy: 'ACCEPT' | 'DROP' | null;
  /** Packets that met the policy; always 0 for a user chain. */
  packets: number;
  /** Their bytes, from the IP header on. */
  bytes: number;
  /** In the order in which packets meet them; `number` elsewhere counts them from 1. */
  rules: Rule[];
}

/** -s / -d. IPv4 uses the first word of address and mask; words are big-endian values kept as Int32. */
export interface AddressMatch {
  /** Four words. */
  address: Int32Array;
  /** Four words; bits that count are 1. */
  mask: Int32Array;
  /** `!` */
  invert: boolean;
}

/** -i / -o; a name that ends in `+` matches the prefix before it. */
export interface InterfaceMatch {
  /** As in the rule, with its `+`. */
  name: string;
  /** `!` */
  invert: boolean;
}

/** One rule: every part that is not null must match. */
export interface Rule {
  /** `-s`; null = all. */
  source: AddressMatch | null;
  /** `-d`; null = all. */
  destination: AddressMatch | null;
  /** `-i`; null = all. */
  inInterface: InterfaceMatch | null;
  /** `-o`; null = all. */
  outInterface: InterfaceMatch | null;
  /** `-p`; null = all. */
  protocol: { number: number; invert: boolean } | null;
  /** `-f` (IPv4): second and further fragments. */
  fragment: { invert: boolean } | null;
  /** `-m`, in the order of the text. */
  matches: MatchUse[];
  /** `-j` or `-g`; null: the rule only counts. */
  target: Target | null;
  /** Packets that matched, as of the last `Host.exportCounters`. */
  packets: number;
  /** Their bytes, from the IP header on. */
  bytes: number;
  /** Where it stands in the text that it was read from; null: it was not read from one. */
  position: Position | null;
}

/** An extension match as a rule uses it. */
export interface MatchUse {
  /** The match: its `name` is what stands behind -m. */
  extension: MatchExtension;
  /** Its options, in a form that only the extension reads. */
  spec: unknown;
}

/** What a rule does with a packet that it matches. */
export type Target =
  | { kind: 'verdict'; name: 'ACCEPT' | 'DROP' | 'RETURN' | 'QUEUE' }
  | { kind: 'jump' | 'goto'; chain: string }
  | { kind: 'extension'; extension: TargetExtension; spec: unknown };
