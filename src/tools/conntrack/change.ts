/** -I -A -D -U -F: changing what is there. */
import { matches } from '../../flow/filter.js';
import { type FlowRecord, STATUS_CONFIRMED } from '../../flow/record.js';
import { formatSaveLine } from '../../flow/save.js';
import { type FlowChange, type FlowQuery, type FlowSource, FlowSourceError } from '../../flow/source.js';
import { filterOf, queryOf } from './command-filter.js';
import { failureOf, failureWords } from './failure.js';
import { creationOf, expectationCreationOf, expectationKeyOf, fillProtocol } from './key.js';
import type { CommandLine } from './line.js';
import type { Done } from './list.js';
import type { Output } from './output.js';
import { printerOf } from './printer.js';
import type { ConntrackWorld, UndoFile } from './world.js';

const ENOENT = 2;
const EEXIST = 17;
const EOPNOTSUPP = 95;

/** -I and -A of a connection. -A does not mind that there is one already. */
export async function create(line: CommandLine, source: FlowSource): Promise<Done> {
  const isAdd = line.command === 'A';
  let count = 0;
  try {
    await source.create(creationOf(line));
    count = 1;
  } catch (error) {
    const isThere = error instanceof FlowSourceError && error.errno === EEXIST;
    if (!(isAdd && isThere)) throw failureOf(error, 'create');
  }
  return { count, words: `flow entries have been ${isAdd ? 'added' : 'created'}.` };
}

/** -I of an expectation. */
export async function createExpectation(line: CommandLine, source: FlowSource): Promise<Done> {
  try {
    await source.createExpectation({ record: expectationCreationOf(line) });
  } catch (error) {
    throw failureOf(error, 'createExpect');
  }
  return { count: 1, words: '' };
}

/** -G and -D of an expectation. */
export async function oneExpectation(line: CommandLine, source: FlowSource, output: Output): Promise<Done> {
  const key = expectationKeyOf(line);
  const printer = printerOf(line, output.world.nowUs);
  try {
    if (line.command === 'D') {
      if (line.own.dryRun) output.add(printer.expectation(await source.getExpectation(key)));
      else await source.deleteExpectation(key);
    } else output.add(printer.head + printer.expectation(await source.getExpectation(key)));
  } catch (error) {
    throw failureOf(error, 'expect');
  }
  if (line.command === 'G') return { count: 1, words: '' };
  if (line.own.dryRun) return { count: 1, words: 'expectations would be deleted.' };
  // the original counts those that it shows, which are none, and ends with status 1 for that
  return { count: 0, words: 'expectations have been shown.' };
}

/** -D of connections. What is to be undone is on the disk before it is deleted. */
export async function remove(
  line: CommandLine,
  source: FlowSource,
  output: Output,
  world: ConntrackWorld,
): Promise<Done> {
  const filter = filterOf(line);
  const printer = printerOf(line, output.world.nowUs);
  const { dryRun, undo } = line.own;
  const file = undo === null || dryRun ? null : world.openUndo(undo);
  let count = 0;
  try {
    for await (const batch of source.list('conntrack', queryOf(line))) {
      const wanted = batch.filter((record) => matches(filter, record));
      saveTo(file, wanted);
      for (const record of wanted) {
        if (!dryRun && !(await removed(source, record))) continue;
        count++;
        await output.add(printer.flow(record));
      }
    }
  } catch (error) {
    await output.flush();
    throw failureOf(error, 'delete');
  } finally {
    file?.close();
  }
  return { count, words: dryRun ? 'flow entries would be deleted.' : 'flow entries have been deleted.' };
}

/** Whether a connection is gone because of this; one that went by itself in the meantime is nobody's fault. */
async function removed(source: FlowSource, record: FlowRecord): Promise<boolean> {
  try {
    await source.delete(record, false);
    return true;
  } catch (error) {
    if (error instanceof FlowSourceError && error.errno === ENOENT) return false;
    throw error;
  }
}

function saveTo(file: UndoFile | null, records: readonly FlowRecord[]): void {
  if (file !== null && records.length > 0) file.write(records.map((r) => `${formatSaveLine(r)}\n`).join(''));
}

/** -F of connections. */
export async function flush(
  line: CommandLine,
  source: FlowSource,
  output: Output,
  world: ConntrackWorld,
): Promise<Done> {
  const { dryRun, undo } = line.own;
  const everything: FlowQuery = { family: line.family, mark: null, status: null, zone: null, tuple: null, zero: false };
  const printer = printerOf(line, output.world.nowUs);
  let count = 0;
  const file = undo === null || dryRun ? null : world.openUndo(undo);
  try {
    if (dryRun || file !== null) {
      for await (const batch of source.list('conntrack', everything)) {
        saveTo(file, batch);
        count += batch.length;
        if (dryRun) for (const record of batch) await output.add(printer.flow(record));
      }
    }
    if (!dryRun) await source.flush(line.family);
  } catch (error) {
    throw failureOf(error, 'flush');
  } finally {
    file?.close();
  }
  if (dryRun) return { count, words: 'flow entries would be deleted.' };
  return { count: -1, words: 'connection tracking table has been emptied.' };
}

/** -F of expectations. */
export async function flushExpectations(line: CommandLine, source: FlowSource, output: Output): Promise<Done> {
  const printer = printerOf(line, output.world.nowUs);
  let count = 0;
  try {
    if (!line.own.dryRun) await source.flushExpectations();
    else {
      for await (const batch of source.listExpectations(0)) {
        count += batch.length;
        for (const record of batch) await output.add(printer.expectation(record));
      }
    }
  } catch (error) {
    throw failureOf(error, 'expect');
  }
  if (line.own.dryRun) return { count, words: 'expectations would be deleted.' };
  return { count: -1, words: 'expectation table has been emptied.' };
}

/** An answer on the socket of -U. */
type Answer = { kind: 'done' } | { kind: 'record'; record: FlowRecord } | { kind: 'refused'; errno: number };

/**
 * -U of connections.
 *
 * conntrack(8) 1.4.7 sends two requests for each connection, the change and a look at what has become of it, and reads one answer to
 * each. But today's kernels answer the look with two messages, so that from the second connection on it reads answers that belong to
 * requests before: of the connections that it changes it shows the first, and then one of each three. What is shown and how the command
 * ends follow from the order of the answers; that is kept here, so that scripts see what they know.
 */
export async function update(
  line: CommandLine,
  source: FlowSource,
  output: Output,
  world: ConntrackWorld,
): Promise<Done> {
  const filter = filterOf(line);
  const printer = printerOf(line, output.world.nowUs);
  const answers: Answer[] = [];
  let count = 0;
  try {
    for await (const batch of source.list('conntrack', queryOf(line))) {
      for (const record of batch) {
        if (!matches(filter, record)) continue;
        const change = changeOf(line, record);
        if (change === null) continue;
        answers.push(await changed(line, source, change));
        const first = answers.shift()!;
        if (first.kind === 'refused') world.err(`Operation failed: ${failureWords(first.errno, 'update')}\n`);
        answers.push(...(await seen(line, source, change.record)));
        const second = answers.shift()!;
        if (second.kind === 'refused') {
          if (second.errno === ENOENT) continue;
          throw new FlowSourceError('', second.errno);
        }
        if (second.kind === 'record') await output.add(printer.flow(second.record));
        count++;
      }
    }
  } catch (error) {
    await output.flush();
    throw failureOf(error, 'update');
  }
  return { count, words: 'flow entries have been updated.' };
}

async function changed(line: CommandLine, source: FlowSource, change: FlowChange): Promise<Answer> {
  // it sends the family of the command line, and without one kernels cannot read the addresses
  if (line.family === 0) return { kind: 'refused', errno: EOPNOTSUPP };
  try {
    await source.update(change);
    return { kind: 'done' };
  } catch (error) {
    return refusal(error);
  }
}

async function seen(line: CommandLine, source: FlowSource, record: FlowRecord): Promise<Answer[]> {
  if (line.family === 0) return [{ kind: 'refused', errno: EOPNOTSUPP }];
  try {
    return [{ kind: 'record', record: await source.get(record, false) }, { kind: 'done' }];
  } catch (error) {
    return [refusal(error)];
  }
}

function refusal(error: unknown): Answer {
  if (error instanceof FlowSourceError && error.errno !== 0) return { kind: 'refused', errno: error.errno };
  throw error;
}

/** What of a connection changes; null: it is as it should be already. The zone is not looked at: only the default one is found. */
function changeOf(line: CommandLine, old: FlowRecord): FlowChange | null {
  const record: FlowRecord = {
    ...old,
    zoneOriginal: 0,
    zoneReply: 0,
    timeout: line.timeout,
    mark: null,
    labels: null,
    state: null,
    vtags: null,
    helper: null,
    id: null,
  };
  let isChange = line.timeout !== null && line.timeout !== old.timeout;
  if (line.mark !== null) {
    record.mark = (((old.mark ?? 0) & ~line.mark.mask) ^ line.mark.value) >>> 0;
    isChange ||= record.mark !== old.mark;
  }
  if (line.status !== null) {
    record.status = old.status | line.status.value | STATUS_CONFIRMED;
    isChange ||= record.status !== old.status;
  }
  const state = line.transport.get('state');
  if (state !== undefined || line.transport.has('vtagOriginal') || line.transport.has('vtagReply')) {
    fillProtocol(record, line);
    // tags alone are no change
    isChange ||= state !== undefined && record.state !== old.state;
  }
  const labels = labelsOf(line, old.labels ?? []);
  if (labels !== null) {
    record.labels = labels.after;
    isChange ||= labels.isChange;
  }
  if (!isChange) return null;
  return {
    record,
    hasStatus: line.status !== null,
    hasReply: false,
    sourceNat: null,
    destinationNat: null,
    labelMask: labels?.mask ?? null,
  };
}

/** Labels after --label-add or --label-del, and which of them the change may touch. */
function labelsOf(
  line: CommandLine,
  old: readonly string[],
): { after: readonly string[]; mask: readonly string[] | null; isChange: boolean } | null {
  const { labelsAdd, labelsDel } = line;
  if (labelsAdd.length > 0) {
    return { after: labelsAdd, mask: labelsAdd, isChange: true };
  }
  if (labelsDel === null) return null;
  if (labelsDel.length === 0) return { after: [], mask: null, isChange: old.length > 0 };
  return { after: [], mask: labelsDel, isChange: old.length > 0 };
}
