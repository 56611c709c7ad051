/** What a command line of conntrack(8) says, before anything is done. */
import type { MaskedFilter } from '../../flow/filter.js';
import type { CommandLetter, TableName } from './options.js';
import type { ProtocolRow, TransportField } from './protocols.js';

/** Two addresses in their short form; null: not given. */
export interface AddressPair {
  source: string | null;
  destination: string | null;
}

/** Where addresses are translated to: -n, -g, -j. */
export interface NatValue {
  /** Null: any. */
  address: string | null;
  /** Null: any. */
  port: number | null;
}

/** What -o asks for. */
export interface OutputForm {
  xml: boolean;
  extended: boolean;
  timestamp: boolean;
  id: boolean;
  ktimestamp: boolean;
  labels: boolean;
  userspace: boolean;
  save: boolean;
}

/** What --top counts by. */
export type TopKey = 'src' | 'dst' | 'sport' | 'dport' | 'pair' | 'state' | 'zone';

/** Options that conntrack(8) does not have. */
export interface OwnOptions {
  json: boolean;
  top: TopKey | null;
  dryRun: boolean;
  explain: boolean;
  /** File of --undo; null: none. */
  undo: string | null;
  /** File of --table; null: the kernel's table. */
  table: string | null;
  /** Whether a change of a saved table is written back to its file. */
  write: boolean;
  /** Network namespace of the live table; null: this one. */
  namespace: string | null;
}

/** One command line. */
export interface CommandLine {
  command: CommandLetter;
  table: TableName;
  /** Keys of the options that were given (OPTIONS), and those that an address with a prefix brings. */
  given: ReadonlySet<string>;
  /** 0: none was said. */
  family: 0 | 2 | 10;
  protocol: ProtocolRow | null;
  original: AddressPair;
  reply: AddressPair;
  /** --tuple-src, --tuple-dst. */
  expected: AddressPair;
  /** --mask-src, --mask-dst, or those of prefixes. */
  masks: AddressPair;
  sourceNat: NatValue | null;
  destinationNat: NatValue | null;
  anyNat: NatValue | null;
  /** Unsigned 32 bits, as the following; null: not given. */
  timeout: number | null;
  status: MaskedFilter | null;
  mark: MaskedFilter | null;
  secmark: number | null;
  id: number | null;
  zone: number | null;
  zoneOriginal: number | null;
  zoneReply: number | null;
  /** Names, each of which the file of labels has. */
  labels: readonly string[];
  labelsAdd: readonly string[];
  /** Null: not given; empty: all. */
  labelsDel: readonly string[] | null;
  /** -e; null: all events. */
  events: { isNew: boolean; isUpdate: boolean; isDestroy: boolean } | null;
  /** -b; null: not given. */
  bufferBytes: bigint | null;
  output: OutputForm;
  transport: ReadonlyMap<TransportField, number>;
  own: OwnOptions;
  /** What was warned of, in whole lines. */
  warnings: string;
}

/** Nothing of -o. */
export function emptyOutput(): OutputForm {
  return {
    xml: false,
    extended: false,
    timestamp: false,
    id: false,
    ktimestamp: false,
    labels: false,
    userspace: false,
    save: false,
  };
}
