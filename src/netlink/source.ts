/** The kernel's connection table as a FlowSource. */
import type { ExpectationRecord, FlowRecord } from '../flow/record.js';
import {
  type ExpectationChange,
  type FlowChange,
  type FlowEventGroups,
  type FlowEventItem,
  type FlowEventOptions,
  type FlowList,
  type FlowQuery,
  type FlowSource,
  FlowSourceError,
  type FlowStatistics,
  type TableCount,
} from '../flow/source.js';
import * as C from './constants.js';
import { FlowDecoder } from './decode-flow.js';
import { writeChange, writeKey, writeQuery } from './encode-flow.js';
import { ENOENT } from './error.js';
import { EventStream } from './events.js';
import { isUnknownToKernel } from './exchange.js';
import { ExpectationDecoder, writeExpectation, writeExpectationKey } from './expectation.js';
import { LABEL_FILE, LabelNames } from './labels.js';
import { isNarrowed, matchesQuery } from './match.js';
import { Requests } from './requests.js';
import { decodeStatistics, decodeTotals } from './statistics.js';
import type { NetlinkSystem } from './system.js';
import { TimeoutPolicies } from './timeout-policies.js';

/** How a live table is opened. */
export interface NetlinkOptions {
  /** File of a network namespace: `/var/run/netns/NAME`, `/proc/PID/ns/net`; default: this process's. */
  namespace?: string;
  /** Names of labels; default: those of /etc/xtables/connlabel.conf. */
  labelNames?: LabelNames;
  /** Fill in `details` of records; default: no. */
  details?: boolean;
}

const LIST_MESSAGES: Record<FlowList, number> = {
  conntrack: C.MSG_GET,
  dying: C.MSG_CT_GET_DYING,
  unconfirmed: C.MSG_CT_GET_UNCONFIRMED,
};

const CONNTRACK = C.SUBSYS_CONNTRACK << 8;
const EXPECT = C.SUBSYS_EXPECT << 8;

/** The kernel's table of one network namespace. Each listing and each stream of events has a socket of its own. */
export class NetlinkFlowSource implements FlowSource {
  /** Timeout policies of the same namespace. */
  readonly timeoutPolicies: TimeoutPolicies;

  private readonly system: NetlinkSystem;
  private readonly requests: Requests;
  private readonly labelNames: LabelNames;
  private readonly wantsDetails: boolean;

  /** @internal `openConntrack` calls it with the system of this machine. */
  constructor(system: NetlinkSystem, options: NetlinkOptions = {}) {
    this.system = system;
    this.requests = new Requests(system, options.namespace ?? null);
    this.timeoutPolicies = new TimeoutPolicies(this.requests);
    this.labelNames = options.labelNames ?? LabelNames.parse(system.readText(LABEL_FILE) ?? '');
    this.wantsDetails = options.details ?? false;
  }

  /** Closes the socket of commands; the next command opens another. */
  close(): void {
    this.requests.close();
  }

  /**
   * Lists connections, a batch for each datagram of the kernel (about a hundred); leaving the loop early ends the listing.
   * The kernel filters where it can, the rest is done here: what is given is what was asked for.
   */
  async *list(list: FlowList = 'conntrack', wanted: Partial<FlowQuery> = {}): AsyncGenerator<FlowRecord[], void> {
    const query = { ...EVERYTHING, ...wanted };
    const message = query.zero ? C.MSG_CT_GET_CTRZERO : LIST_MESSAGES[list];
    const narrowed = isNarrowed(query);
    const family = queryFamily(query);
    const decoder = this.flowDecoder();
    let withQuery = narrowed && list === 'conntrack';
    for (;;) {
      const records = this.requests.dump(
        'list connections',
        (w, flags, sequence) => {
          w.begin(CONNTRACK | message, flags, sequence, family);
          if (withQuery) writeQuery(w, query, family);
          w.end();
        },
        (buffer, at, end) => {
          // once a datagram: ages are whole seconds
          if (at === 0) decoder.nowSeconds = this.nowSeconds();
          return decoder.decode(buffer, at, end);
        },
      );
      try {
        for await (const batch of records) {
          const found = narrowed ? batch.filter((record) => matchesQuery(record, query)) : batch;
          if (found.length > 0) yield found;
        }
        return;
      } catch (error) {
        // a refusal of the filter comes before anything else; without it the kernel sends everything
        if (!withQuery || !isUnknownToKernel(error)) throw error;
        withQuery = false;
      }
    }
  }

  /** One connection, by its original or reply tuple and its zone; errno 2 (ENOENT) where there is none. */
  async get(record: FlowRecord, byReply = false): Promise<FlowRecord> {
    const decoder = this.flowDecoder();
    const [found] = await this.requests.command(
      'get the connection',
      (w, flags, sequence) => {
        w.begin(CONNTRACK | C.MSG_GET, flags, sequence, record.family);
        writeKey(w, record, byReply, false);
        w.end();
      },
      (buffer, at, end) => decoder.decode(buffer, at, end),
    );
    if (found === undefined) throw new FlowSourceError('there is no such connection', ENOENT);
    return found;
  }

  /** Adds a connection, with its status unless told otherwise; errno 17 (EEXIST) where there is one. */
  async create(change: SomeOfChange): Promise<void> {
    const whole = { ...UNCHANGED, hasStatus: true, hasReply: true, ...change };
    await this.change('create the connection', whole, C.NLM_F_CREATE | C.NLM_F_EXCL);
  }

  /** Changes what is not null of a connection's record; its status only where this is said. */
  async update(change: SomeOfChange): Promise<void> {
    await this.change('update the connection', { ...UNCHANGED, ...change }, 0);
  }

  private async change(operation: string, change: FlowChange, extraFlags: number): Promise<void> {
    await this.requests.command(operation, (w, flags, sequence) => {
      w.begin(CONNTRACK | C.MSG_NEW, flags | extraFlags, sequence, change.record.family);
      writeChange(w, change, extraFlags !== 0, this.labelNames);
      w.end();
    });
  }

  /** Ends a connection; where its id is set it has to be the same. */
  async delete(record: FlowRecord, byReply = false): Promise<void> {
    await this.requests.command('delete the connection', (w, flags, sequence) => {
      w.begin(CONNTRACK | C.MSG_DELETE, flags, sequence, record.family);
      writeKey(w, record, byReply, true);
      w.end();
    });
  }

  /** Ends all connections of a family; 0: of both. */
  async flush(family: 0 | 2 | 10 = 0): Promise<void> {
    await this.requests.command('flush the table', (w, flags, sequence) => {
      w.begin(CONNTRACK | C.MSG_DELETE, flags, sequence, family).end();
    });
  }

  /** Lists expectations, in batches as they come. */
  async *listExpectations(family: 0 | 2 | 10 = 0): AsyncGenerator<ExpectationRecord[], void> {
    const decoder = new ExpectationDecoder({ details: this.wantsDetails });
    yield* this.requests.dump(
      'list expectations',
      (w, flags, sequence) => {
        w.begin(EXPECT | C.MSG_GET, flags, sequence, family).end();
      },
      (buffer, at, end) => decoder.decode(buffer, at, end),
    );
  }

  /** One expectation, by what is expected; errno 2 (ENOENT) where there is none. */
  async getExpectation(record: ExpectationRecord): Promise<ExpectationRecord> {
    const decoder = new ExpectationDecoder({ details: this.wantsDetails });
    const [found] = await this.requests.command(
      'get the expectation',
      (w, flags, sequence) => {
        w.begin(EXPECT | C.MSG_GET, flags, sequence, record.family);
        writeExpectationKey(w, record);
        w.end();
      },
      (buffer, at, end) => decoder.decode(buffer, at, end),
    );
    if (found === undefined) throw new FlowSourceError('there is no such expectation', ENOENT);
    return found;
  }

  /** Adds an expectation; its master has to be there and have a helper. */
  async createExpectation(change: ExpectationChange): Promise<void> {
    await this.requests.command('create the expectation', (w, flags, sequence) => {
      const extraFlags = C.NLM_F_CREATE | C.NLM_F_EXCL;
      w.begin(EXPECT | C.MSG_NEW, flags | extraFlags, sequence, change.record.family);
      writeExpectation(w, change.record);
      w.end();
    });
  }

  /** Ends an expectation; where its details are known its id has to be the same. */
  async deleteExpectation(record: ExpectationRecord): Promise<void> {
    await this.requests.command('delete the expectation', (w, flags, sequence) => {
      w.begin(EXPECT | C.MSG_DELETE, flags, sequence, record.family);
      writeExpectationKey(w, record);
      w.end();
    });
  }

  /** Ends all expectations. */
  async flushExpectations(): Promise<void> {
    await this.requests.command('flush the expectations', (w, flags, sequence) => {
      w.begin(EXPECT | C.MSG_DELETE, flags, sequence).end();
    });
  }

  /** How many connections there are and may be; a limit of 0 is not known (kernels before 5.7). */
  async count(): Promise<TableCount> {
    const [totals] = await this.requests.command(
      'count connections',
      (w, flags, sequence) => {
        w.begin(CONNTRACK | C.MSG_CT_GET_STATS, flags, sequence).end();
      },
      decodeTotals,
    );
    return totals ?? { count: 0, limit: 0 };
  }

  /** Statistics of each CPU, named as `conntrack -S` names them. */
  async statistics(table: 'conntrack' | 'expect'): Promise<readonly FlowStatistics[]> {
    const type = table === 'conntrack' ? CONNTRACK | C.MSG_CT_GET_STATS_CPU : EXPECT | C.MSG_EXPECT_GET_STATS_CPU;
    const all: FlowStatistics[] = [];
    const batches = this.requests.dump(
      'read statistics',
      (w, flags, sequence) => {
        w.begin(type, flags, sequence).end();
      },
      (buffer, at, end) => decodeStatistics(buffer, at, end, table),
    );
    for await (const batch of batches) all.push(...batch);
    return all;
  }

  /**
   * Events from the moment on in which the first batch is asked for, until the reader stops; with `isExpect` those of expectations.
   * `bufferBytes` is the receive buffer to begin with, 0: 8 MB, which takes 13 thousand events; it is doubled after each loss.
   */
  events(
    groups: Partial<FlowEventGroups> = ALL_GROUPS,
    isExpect = false,
    bufferBytes = 0,
    options: FlowEventOptions = {},
  ): AsyncIterable<readonly FlowEventItem[]> {
    return {
      [Symbol.asyncIterator]: () =>
        new EventStream(this.system, () => this.requests.open(), {
          groups: { ...NO_GROUPS, ...groups },
          isExpect,
          bufferBytes,
          decode: { labelNames: this.labelNames, details: this.wantsDetails },
          signal: options.signal ?? null,
          programName: options.programs ? (port) => this.requests.programName(port) : null,
          snapshot: options.resynchronise ? () => this.list() : null,
        }),
    };
  }

  private flowDecoder(): FlowDecoder {
    const decoder = new FlowDecoder({ labelNames: this.labelNames, details: this.wantsDetails });
    decoder.nowSeconds = this.nowSeconds();
    return decoder;
  }

  private nowSeconds(): number {
    return Math.floor(this.system.nowUs() / 1e6);
  }
}

/** A change of which only the record has to be given; what is left out changes nothing. */
export type SomeOfChange = Partial<FlowChange> & Pick<FlowChange, 'record'>;

const UNCHANGED = { hasStatus: false, hasReply: false, sourceNat: null, destinationNat: null, labelMask: null };
const ALL_GROUPS: FlowEventGroups = { isNew: true, isUpdate: true, isDestroy: true };
const NO_GROUPS: FlowEventGroups = { isNew: false, isUpdate: false, isDestroy: false };

/** All connections of both families. */
export const EVERYTHING: FlowQuery = { family: 0, mark: null, status: null, zone: null, tuple: null, zero: false };

/** The family of a query: its own, or that of its addresses, without which the kernel cannot compare them. */
function queryFamily(query: FlowQuery): number {
  if (query.family !== 0 || query.tuple === null) return query.family;
  const { original, reply } = query.tuple;
  const address = original.source ?? original.destination ?? reply.source ?? reply.destination;
  return address === null ? 0 : address.includes(':') ? 10 : 2;
}
