/**
 * A saved connection table as a FlowSource: what a file holds, as if a kernel held it. Listings go through the file once and keep
 * nothing; the first change reads all of it into memory, and `text` gives it back in the form in which it came.
 */
import { flowToJson } from '../../flow/json.js';
import { formatFlowLine } from '../../flow/line.js';
import {
  type ExpectationRecord,
  type FlowRecord,
  type FlowTuple,
  newRecord,
  STATUS_CONFIRMED,
  STATUS_DST_NAT,
  STATUS_DST_NAT_DONE,
  STATUS_SRC_NAT,
  STATUS_SRC_NAT_DONE,
} from '../../flow/record.js';
import { formatSaveLine } from '../../flow/save.js';
import {
  type FlowChange,
  type FlowEventGroups,
  type FlowEventItem,
  type FlowList,
  type FlowQuery,
  type FlowSource,
  FlowSourceError,
  type FlowStatistics,
} from '../../flow/source.js';
import { readTable, type TableItems } from '../../flow/table.js';
import { formatFlowXml, XML_FOOT, XML_HEAD } from '../../flow/xml.js';

const ENOENT = 2;
const EEXIST = 17;

/** Connections that are given at a time. */
const BATCH = 512;

/** A file: its name for messages, and its text in parts of any size. */
export interface TableFile {
  name: string;
  read(): AsyncIterable<string>;
}

/** The form of a saved table: that of its first connection. */
type TableForm = 'line' | 'extended' | 'save' | 'xml' | 'json';

/** A saved table. Lists of dying and unconfirmed connections and statistics it has none of. */
export class SavedTable implements FlowSource {
  private readonly file: TableFile;
  private readonly isInMemory: boolean;
  private records: FlowRecord[] | null = null;
  /** Connections by their tuples, both directions; made when one is looked for. */
  private index: Map<string, FlowRecord> | null = null;
  /** Records that listings give, where the table is kept in memory. */
  private readonly own = new Set<FlowRecord>();
  /** Those that are not to be seen any more. */
  private readonly gone = new Set<FlowRecord>();
  private form: TableForm = 'save';
  /** Whether anything is other than the file has it. */
  isChanged = false;

  /** `isInMemory`: the table will be changed; listings give the very records that changes are about. */
  constructor(file: TableFile, isInMemory = false) {
    this.file = file;
    this.isInMemory = isInMemory;
  }

  /** The table as text, in the file's form. Valid after a change. */
  text(): string {
    const records = (this.records ?? []).filter((record) => !this.gone.has(record));
    const { form } = this;
    if (form === 'json') return lines(records, (r) => JSON.stringify(flowToJson(r)));
    if (form === 'save') return lines(records, (r) => formatSaveLine(r));
    const all = { id: true, labels: true, ktimestamp: true, extended: form === 'extended' };
    if (form === 'xml') return XML_HEAD + lines(records, (r) => formatFlowXml(r, all)) + XML_FOOT;
    return lines(records, (r) => formatFlowLine(r, all));
  }

  async *list(list: FlowList, query: FlowQuery): AsyncGenerator<FlowRecord[], void> {
    if (list !== 'conntrack') throw this.refusal(`a saved table has no list of ${list} connections`);
    for await (const batch of this.batches()) {
      const wanted = batch.filter((r) => isWanted(r, query));
      if (wanted.length > 0) yield wanted;
    }
  }

  async get(record: FlowRecord, byReply: boolean): Promise<FlowRecord> {
    return this.find(record, byReply);
  }

  async create(change: FlowChange): Promise<void> {
    const index = await this.tuples();
    const made = completed(change);
    if (keysOf(made).some((key) => index.has(key))) throw new FlowSourceError('there is such a connection', EEXIST);
    for (const key of keysOf(made)) index.set(key, made);
    (await this.load()).push(made);
    this.isChanged = true;
  }

  async update(change: FlowChange): Promise<void> {
    const { record } = change;
    const old = await this.find(record, false);
    old.timeout = record.timeout ?? old.timeout;
    old.mark = record.mark ?? old.mark;
    old.state = record.state ?? old.state;
    old.vtags = record.vtags ?? old.vtags;
    if (change.hasStatus) old.status = record.status;
    if (record.labels !== null) old.labels = maskedLabels(old.labels ?? [], record.labels, change.labelMask);
    this.isChanged = true;
  }

  async delete(record: FlowRecord, byReply: boolean): Promise<void> {
    // what a listing has given is the very record
    this.remove(this.own.has(record) ? record : await this.find(record, byReply));
  }

  async flush(family: 0 | 2 | 10): Promise<void> {
    for (const record of await this.load()) if (family === 0 || record.family === family) this.remove(record);
    this.isChanged = true;
  }

  private remove(record: FlowRecord): void {
    this.gone.add(record);
    if (this.index !== null) for (const key of keysOf(record)) this.index.delete(key);
    this.isChanged = true;
  }

  async *listExpectations(family: 0 | 2 | 10): AsyncGenerator<ExpectationRecord[], void> {
    for await (const { expectations } of this.items()) {
      yield family === 0 ? expectations : expectations.filter((e) => e.family === family);
    }
  }

  async getExpectation(record: ExpectationRecord): Promise<ExpectationRecord> {
    for await (const batch of this.listExpectations(record.family)) {
      const found = batch.find((e) => e.protocol === record.protocol && sameTuple(e.tuple, record.tuple));
      if (found !== undefined) return found;
    }
    throw new FlowSourceError('there is no such expectation', ENOENT);
  }

  async createExpectation(): Promise<void> {
    throw this.refusal('expectations of a saved table cannot be changed');
  }

  async deleteExpectation(): Promise<void> {
    throw this.refusal('expectations of a saved table cannot be changed');
  }

  async flushExpectations(): Promise<void> {
    throw this.refusal('expectations of a saved table cannot be changed');
  }

  async count(): Promise<{ count: number; limit: number }> {
    let count = 0;
    for await (const batch of this.batches()) count += batch.length;
    return { count, limit: 0 };
  }

  async statistics(): Promise<readonly FlowStatistics[]> {
    throw this.refusal('a saved table has no statistics');
  }

  /** Those of a file that `conntrack -E` has written. */
  async *events(groups: FlowEventGroups, isExpect: boolean): AsyncGenerator<readonly FlowEventItem[], void> {
    const isAsked = { NEW: groups.isNew, UPDATE: groups.isUpdate, DESTROY: groups.isDestroy };
    for await (const { events, expectationEvents } of this.items()) {
      yield isExpect ? expectationEvents : events.filter((e) => isAsked[e.type]);
    }
  }

  private refusal(reason: string): FlowSourceError {
    return new FlowSourceError(`${this.file.name}: ${reason}`, 0);
  }

  /** A connection is found by either of its tuples. */
  private async find(record: FlowRecord, byReply: boolean): Promise<FlowRecord> {
    const [original = '', reply = ''] = keysOf(record);
    const found = (await this.tuples()).get(byReply ? reply : original);
    const isOther = record.id !== null && found?.id != null && found.id !== record.id;
    if (found === undefined || isOther) throw new FlowSourceError('there is no such connection', ENOENT);
    return found;
  }

  private async tuples(): Promise<Map<string, FlowRecord>> {
    if (this.index !== null) return this.index;
    const index = new Map<string, FlowRecord>();
    for (const record of await this.load()) {
      for (const key of keysOf(record)) if (!index.has(key) && !this.gone.has(record)) index.set(key, record);
    }
    this.index = index;
    return index;
  }

  /** All connections; from then on this is the table, not the file. */
  private async load(): Promise<FlowRecord[]> {
    if (this.records !== null) return this.records;
    const records: FlowRecord[] = [];
    for await (const batch of this.fileBatches()) for (const record of batch) records.push(record);
    if (this.isInMemory) for (const record of records) this.own.add(record);
    this.records = records;
    return records;
  }

  private async *batches(): AsyncGenerator<FlowRecord[], void> {
    if (!this.isInMemory && this.records === null) {
      yield* this.fileBatches();
      return;
    }
    const all = await this.load();
    // what is added while the reader reads is not his
    for (let at = 0, end = all.length; at < end; at += BATCH) {
      yield all.slice(at, Math.min(at + BATCH, end)).filter((record) => !this.gone.has(record));
    }
  }

  private async *fileBatches(): AsyncGenerator<FlowRecord[], void> {
    const parts = seen(this.file.read(), (first) => {
      this.form = formOf(first);
    });
    for await (const { flows } of readTable(parts, this.file.name)) if (flows.length > 0) yield flows;
  }

  private items(): AsyncGenerator<TableItems, void> {
    return readTable(this.file.read(), this.file.name);
  }
}

/** The text as it goes by, after its first part was looked at. */
async function* seen(parts: AsyncIterable<string>, look: (first: string) => void): AsyncGenerator<string, void> {
  let isFirst = true;
  for await (const part of parts) {
    if (isFirst) look(part);
    isFirst = false;
    yield part;
  }
}

function lines(records: readonly FlowRecord[], format: (record: FlowRecord) => string): string {
  return records.map((record) => `${format(record)}\n`).join('');
}

function formOf(text: string): TableForm {
  for (const line of text.split('\n')) {
    if (/^\s*(#.*|conntrack v\d.*)?$/.test(line)) continue;
    if (/^\s*</.test(line)) return 'xml';
    if (/^\s*[{[]/.test(line)) return 'json';
    if (/^\s*-/.test(line)) return 'save';
    return /^\s*ipv[46] /.test(line) ? 'extended' : 'line';
  }
  return 'save';
}

function isWanted(r: FlowRecord, q: FlowQuery): boolean {
  if (q.family !== 0 && q.family !== r.family) return false;
  if (q.mark !== null && (((r.mark ?? 0) & q.mark.mask) ^ q.mark.value) !== 0) return false;
  return q.status === null || ((r.status & q.status.mask) ^ q.status.value) === 0;
}

function sameTuple(a: FlowTuple, b: FlowTuple): boolean {
  return tupleKey(a) === tupleKey(b);
}

/** What a connection is found by: protocol, zone and tuple of each direction. */
function keysOf(r: FlowRecord): [original: string, reply: string] {
  return [
    `${r.protocol} ${r.zoneOriginal} ${tupleKey(r.original)}`,
    `${r.protocol} ${r.zoneReply} ${tupleKey(r.reply)}`,
  ];
}

function tupleKey(t: FlowTuple): string {
  const ends = t.ports ?? t.keys;
  const rest = ends !== null ? `${ends.source} ${ends.destination}` : '';
  const icmp = t.icmp !== null ? `${t.icmp.type} ${t.icmp.code} ${t.icmp.id}` : '';
  return `${t.source} ${t.destination} ${rest}${icmp}`;
}

/** What the kernel makes of a request: the mark that it has without one, and the reply that translation leads to. */
function completed(change: FlowChange): FlowRecord {
  const { record, sourceNat, destinationNat } = change;
  const made: FlowRecord = {
    ...newRecord(record.family, record.protocol, record.original, copyOf(record.reply)),
    zoneOriginal: record.zoneOriginal,
    zoneReply: record.zoneReply,
    state: record.state,
    timeout: record.timeout,
    status: (change.hasStatus ? record.status : 0) | STATUS_CONFIRMED,
    mark: record.mark ?? 0,
    labels: record.labels,
    use: 1,
    vtags: record.vtags,
  };
  const { reply } = made;
  if (sourceNat !== null) {
    reply.destination = sourceNat.first;
    if (reply.ports !== null && sourceNat.firstPort !== 0) reply.ports.destination = sourceNat.firstPort;
    made.status |= STATUS_SRC_NAT | STATUS_SRC_NAT_DONE;
  }
  if (destinationNat !== null) {
    reply.source = destinationNat.first;
    if (reply.ports !== null && destinationNat.firstPort !== 0) reply.ports.source = destinationNat.firstPort;
    made.status |= STATUS_DST_NAT | STATUS_DST_NAT_DONE;
  }
  return made;
}

function copyOf(t: FlowTuple): FlowTuple {
  return { ...t, ports: t.ports === null ? null : { ...t.ports } };
}

function maskedLabels(old: readonly string[], set: readonly string[], mask: readonly string[] | null): string[] {
  if (mask === null) return [...set];
  const kept = old.filter((label) => !mask.includes(label) || set.includes(label));
  return [...kept, ...set.filter((label) => !kept.includes(label))];
}
