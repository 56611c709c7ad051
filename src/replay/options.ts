/** What a replay is asked for, and who makes its host. */
import type { HostConfig } from '../host/config.js';
import type { ReplayHost } from './replay-host.js';

/** A replay as the command line asks for it; null: not asked for. */
export interface ReplayOptions {
  /** File names; `-` is standard input. */
  captures: readonly string[];
  rules: string | null;
  rules6: string | null;
  /** Rules of iptables-nft, beside those of iptables-legacy. */
  rulesNft: string | null;
  rules6Nft: string | null;
  /** The plane that packets meet first at equal priority. */
  firstPlane: Plane;
  host: string | null;
  /** Addresses of --local, with or without a prefix length. */
  local: readonly string[];
  inInterface: string | null;
  answers: Answering;
  loadTable: string | null;
  /** What `ipset save` prints, besides the sets of the host file. */
  sets: string | null;
  lenient: boolean;
  /** --sysctl, in order; they win over the host file. */
  sysctl: readonly (readonly [string, string])[];
  /** What goes to standard output. */
  show: 'lines' | 'summary' | 'json' | 'summary-json';
  colour: boolean;
  /** Whether standard error is a terminal on which progress may be drawn. */
  progress: boolean;
  saveRules: string | null;
  saveRules6: string | null;
  saveRulesNft: string | null;
  saveRules6Nft: string | null;
  saveSets: string | null;
  saveTable: string | null;
  tableFormat: TableFormat;
  /** Those of IPv4, as conntrack lists them if it is not told otherwise. */
  saveExpectations: string | null;
  saveExpectations6?: string | null;
  saveExpectationEvents?: string | null;
  saveEvents: string | null;
  saveLog: string | null;
  saveCapture: string | null;
}

/**
 * Values of --answers: whether the host answers what is delivered to it. `auto`: if the captures hold nothing that it sent and
 * --host says what it is.
 */
export const ANSWERING = ['auto', 'yes', 'no'] as const;
export type Answering = (typeof ANSWERING)[number];

/** Values of --first-plane. */
export const PLANES = ['nft', 'legacy'] as const;
export type Plane = (typeof PLANES)[number];

/** Forms of --save-table. */
export const TABLE_FORMATS = ['extended', 'save', 'xml', 'json', 'proc'] as const;
export type TableFormat = (typeof TABLE_FORMATS)[number];

/** A text and the name of the file that it came from, for messages. */
export interface NamedText {
  file: string;
  text: string;
}

/** Everything that a host is made of. */
export interface HostSetup {
  config: HostConfig;
  rules: NamedText | null;
  rules6: NamedText | null;
  rulesNft: NamedText | null;
  rules6Nft: NamedText | null;
  firstPlane: Plane;
  sets: NamedText | null;
  /** Skip what is not supported, with a warning, instead of refusing it. */
  lenient: boolean;
  /** Events will be drained: keep them. */
  events: boolean;
  /** The host answers what is delivered to it, as one without open sockets. */
  answers: boolean;
  /** A line for standard error. */
  warn(message: string): void;
}

/** Makes the host of a replay. Throws RuleError (rules) or HostConfigError (configuration). */
export type HostMaker = (setup: HostSetup) => ReplayHost;

/** Something that the person at the keyboard can put right; printed without a stack. */
export class ReplayError extends Error {
  /** 2: the command line is wrong; 1: something that it names is. */
  readonly status: 1 | 2;

  constructor(message: string, status: 1 | 2 = 1) {
    super(message);
    this.name = 'ReplayError';
    this.status = status;
  }
}
