/** -L and -G: showing what is there. */
import { matches } from '../../flow/filter.js';
import { type FlowList, type FlowSource, FlowSourceError } from '../../flow/source.js';
import { filterOf, queryOf } from './command-filter.js';
import { failureOf } from './failure.js';
import { keyOf } from './key.js';
import type { CommandLine } from './line.js';
import type { Output } from './output.js';
import { printerOf } from './printer.js';
import { TopCounter } from './top.js';

const EINVAL = 22;

/** What a command did: how many it shows in its summary, and the words behind the number; '' = it has no summary. */
export interface Done {
  count: number;
  words: string;
}

/** -L of connections. */
export async function list(line: CommandLine, source: FlowSource, output: Output): Promise<Done> {
  const filter = filterOf(line);
  const printer = printerOf(line, output.world.nowUs);
  const top = line.own.top === null ? null : new TopCounter(line.own.top);
  const query = queryOf(line);
  let count = 0;
  try {
    // kernels refuse a mask that leaves nothing to compare: -u UNSET; other lists they do not filter
    if (line.table === 'conntrack' && query.status?.mask === 0) throw new FlowSourceError('an empty mask', EINVAL);
    for await (const batch of source.list(line.table as FlowList, query)) {
      let text = '';
      for (const record of batch) {
        if (!matches(filter, record)) continue;
        count++;
        if (top !== null) top.add(record);
        else text += count === 1 ? printer.head + printer.flow(record) : printer.flow(record);
      }
      await output.add(text);
    }
  } catch (error) {
    throw failureOf(error, 'list');
  }
  if (top !== null) output.add(line.own.json ? top.json() : top.table());
  else if (count > 0) output.add(printer.foot);
  return { count, words: top === null ? 'flow entries have been shown.' : 'flow entries have been counted.' };
}

/** -L of expectations; the original shows those of IPv4 where no family is asked for. */
export async function listExpectations(line: CommandLine, source: FlowSource, output: Output): Promise<Done> {
  const printer = printerOf(line, output.world.nowUs);
  let count = 0;
  try {
    for await (const batch of source.listExpectations(line.family === 0 ? 2 : line.family)) {
      for (const record of batch) {
        await output.add((++count === 1 ? printer.head : '') + printer.expectation(record));
      }
    }
  } catch (error) {
    throw failureOf(error, 'expect');
  }
  if (count > 0) output.add(printer.foot);
  return { count, words: 'expectations have been shown.' };
}

/** -G of a connection. */
export async function get(line: CommandLine, source: FlowSource, output: Output): Promise<Done> {
  const printer = printerOf(line, output.world.nowUs);
  const filter = filterOf(line);
  let count = 0;
  try {
    const record = await source.get(keyOf(line), false);
    if (matches(filter, record)) {
      count = 1;
      output.add(printer.head + printer.flow(record));
    }
  } catch (error) {
    throw failureOf(error, 'get');
  }
  return { count, words: 'flow entries have been shown.' };
}
