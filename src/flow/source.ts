/**
 * A connection table that can be listed, changed and watched, wherever it is: the live kernel's (netlink), a simulated host's, or
 * one that was saved as text. conntrack(8)'s commands are written over this and know nothing of where the entries are.
 */
import type { ExpectationEvent, ExpectationRecord, FlowEvent, FlowRecord } from './record.js';

/** The kernel's lists of connections: those confirmed, those not yet, and those that ended and wait for their event's delivery. */
export type FlowList = 'conntrack' | 'unconfirmed' | 'dying';

/**
 * What a listing may leave out at the source. A source is free to ignore any of it (old kernels do), so who asks filters again.
 * Source: ctnetlink_alloc_filter in net/netfilter/nf_conntrack_netlink.c.
 */
export interface FlowQuery {
  /** AF_INET 2, AF_INET6 10; 0: both. */
  family: 0 | 2 | 10;
  /** Connections whose mark has `value` under `mask`; null: all. */
  mark: MaskedValue | null;
  /** Connections whose status has `value` under `mask`; null: all. */
  status: MaskedValue | null;
  /** Connections of this zone, be it of both directions or of one; null: all. */
  zone: number | null;
  /** Parts of tuples that have to be equal: address texts, protocol and port numbers; null or -1: any. */
  tuple: TupleQuery | null;
  /** Read the counters and set them to 0 in one step (`conntrack -L -z`). */
  zero: boolean;
}

/** A value that 32 bits have to have under a mask. */
export interface MaskedValue {
  /** Bits outside of the mask are to be 0. */
  value: number;
  /** The bits that count. */
  mask: number;
}

/** Parts of a connection's tuples that have to be equal. */
export interface TupleQuery {
  /** IP protocol number; 0 or less: any. */
  protocol: number;
  /** Of the tuple that began it. */
  original: TuplePattern;
  /** Of its answers' tuple. */
  reply: TuplePattern;
}

/** Parts of one direction's tuple that have to be equal. */
export interface TuplePattern {
  /** Address as text; null: any. */
  source: string | null;
  /** Address as text; null: any. */
  destination: string | null;
  /** Source port; -1: any. */
  sourcePort: number;
  /** Destination port; -1: any. */
  destinationPort: number;
}

/** A range that NAT shall choose from (`conntrack -I --src-nat`). */
export interface NatRange {
  /** First address, as text. */
  first: string;
  /** Last address, as text. */
  last: string;
  /** First port; 0: any. */
  firstPort: number;
  /** Last port. */
  lastPort: number;
}

/** A connection to create, or changes to one: of `record` everything that is null stays as it is. */
export interface FlowChange {
  /** Its original tuple and zones say which connection; `status` counts where `hasStatus` is set. */
  record: FlowRecord;
  /** Whether the status is part of the change. */
  hasStatus: boolean;
  /** Whether the reply tuple is part of the message: creating needs it, finding by the original does not. */
  hasReply: boolean;
  /** Translate the source at creation; null: not. */
  sourceNat: NatRange | null;
  /** Translate the destination at creation; null: not. */
  destinationNat: NatRange | null;
  /** Labels that the change may touch: names or numbers; null: all. Those that `record.labels` lacks are cleared. */
  labelMask: readonly string[] | null;
  /** Bits of the mark that the change may touch; all where it is absent. */
  markMask?: number;
}

/** An expectation to create. */
export interface ExpectationChange {
  /** What it is; a null timeout takes the kernel's own. */
  record: ExpectationRecord;
}

/** Kinds of events; each is a multicast group of the kernel. */
export interface FlowEventGroups {
  /** Connections that begin. */
  isNew: boolean;
  /** Connections that change. */
  isUpdate: boolean;
  /** Connections that end. */
  isDestroy: boolean;
}

/** A place in a stream of events where some were lost, because the reader was slower than they came. */
export interface FlowLoss {
  /** Events lost since the last such marker; null: not known. */
  lost: number | null;
  /** Bytes of the receive buffer from now on. */
  bufferBytes: number;
}

/** A part of the table as it is after a loss, where the reader asked to be brought up to date. */
export interface FlowSnapshot {
  /** Connections that are there now; those not in any part of the snapshot are gone. */
  snapshot: readonly FlowRecord[];
  /** Whether this is the last part; events that follow are younger than the first part. */
  complete: boolean;
}

/** What a stream of events gives: events in their order, and where some are missing. */
export type FlowEventItem = FlowEvent | ExpectationEvent | FlowLoss | FlowSnapshot;

/** What stops a stream from outside: an AbortSignal is one. */
export interface StopSignal {
  /** Whether it was given. */
  readonly aborted: boolean;
  /** Calls the listener when it is given. */
  addEventListener(type: 'abort', listener: () => void): void;
  /** Calls it no more. */
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** What a reader of events may want besides them. */
export interface FlowEventOptions {
  /** Ends the stream, as `return()` of its iterator does. */
  signal?: StopSignal;
  /** After each loss the table as it is then (FlowSnapshot); default: no. */
  resynchronise?: boolean;
  /** Look up the names of the programs that made changes (`-o userspace`), which takes time; default: no. */
  programs?: boolean;
}

/** Named counters, in the order in which `conntrack -S` prints them, of one CPU (or of all where `cpu` is null). */
export interface FlowStatistics {
  /** Number of the CPU; null: of all. */
  cpu: number | null;
  /** Name and count. */
  counts: readonly (readonly [name: string, count: number])[];
}

/** What a source answers to a change it refuses: the system's number and name, and the reason where the kernel gives one. */
export class FlowSourceError extends Error {
  /** errno, such as 2 for ENOENT. */
  readonly errno: number;
  /** The kernel's own words (NLMSGERR_ATTR_MSG), '' where it says none. */
  readonly reason: string;

  /** `message` is one line. */
  constructor(message: string, errno: number, reason = '') {
    super(message);
    this.name = 'FlowSourceError';
    this.errno = errno;
    this.reason = reason;
  }
}

/** The size of a table. */
export interface TableCount {
  /** Connections that are there. */
  count: number;
  /** Connections that may be; 0: not known. */
  limit: number;
}

/** A connection table, wherever it is. Everything may fail with a FlowSourceError. */
export interface FlowSource {
  /** Lists connections, in batches as they come; the records are the reader's. */
  list(list: FlowList, query: FlowQuery): AsyncIterable<readonly FlowRecord[]>;
  /** One connection, by its original or, where `byReply` is set, its reply tuple; errno 2 (ENOENT) where there is none. */
  get(record: FlowRecord, byReply: boolean): Promise<FlowRecord>;
  /** Adds a connection; errno 17 (EEXIST) where there is one. */
  create(change: FlowChange): Promise<void>;
  /** Changes a connection. */
  update(change: FlowChange): Promise<void>;
  /** Ends a connection; its id, where set, has to be the same. */
  delete(record: FlowRecord, byReply: boolean): Promise<void>;
  /** Ends all connections of a family; 0: of both. */
  flush(family: 0 | 2 | 10): Promise<void>;
  /** Lists expectations. */
  listExpectations(family: 0 | 2 | 10): AsyncIterable<readonly ExpectationRecord[]>;
  /** One expectation, by what is expected. */
  getExpectation(record: ExpectationRecord): Promise<ExpectationRecord>;
  /** Adds an expectation. */
  createExpectation(change: ExpectationChange): Promise<void>;
  /** Ends an expectation. */
  deleteExpectation(record: ExpectationRecord): Promise<void>;
  /** Ends all expectations. */
  flushExpectations(): Promise<void>;
  /** How many connections there are, and may be. */
  count(): Promise<TableCount>;
  /** Statistics of each CPU. */
  statistics(table: 'conntrack' | 'expect'): Promise<readonly FlowStatistics[]>;
  /** Events until the reader stops; `bufferBytes` is the receive buffer to begin with, 0: what the source finds right. */
  events(
    groups: FlowEventGroups,
    isExpect: boolean,
    bufferBytes: number,
    options?: FlowEventOptions,
  ): AsyncIterable<readonly FlowEventItem[]>;
}
