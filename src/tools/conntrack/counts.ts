/** -C and -S: numbers. */
import { type FlowSource, FlowSourceError } from '../../flow/source.js';
import { formatStatistics, parseProcStatistics } from '../../flow/statistics.js';
import { failureOf } from './failure.js';
import type { CommandLine } from './line.js';
import type { Output } from './output.js';

/** Where the kernel tells everybody what netlink tells only those who may ask. */
const PROC_COUNT = '/proc/sys/net/netfilter/nf_conntrack_count';
const PROC_STATISTICS = '/proc/net/stat/nf_conntrack';

const EPERM = 1;

/** -C: how many connections, or expectations of IPv4, there are. */
export async function count(line: CommandLine, source: FlowSource, output: Output): Promise<void> {
  try {
    if (line.table === 'expect') {
      let expectations = 0;
      for await (const batch of source.listExpectations(2)) expectations += batch.length;
      output.add(line.own.json ? `${JSON.stringify({ count: expectations })}\n` : `${expectations}\n`);
      return;
    }
    const counts = await source.count();
    output.add(line.own.json ? `${JSON.stringify(counts)}\n` : `${counts.count}\n`);
  } catch (error) {
    // the number all the same; the status says that something was refused
    if (isForbidden(error, line)) {
      if (line.table === 'expect') output.add('0\n');
      else output.add((await output.world.read(PROC_COUNT)) ?? '');
    }
    throw failureOf(error, 'count');
  }
}

/** -S: what the kernel counts, a line for each CPU. */
export async function statistics(line: CommandLine, source: FlowSource, output: Output): Promise<void> {
  try {
    for (const one of await source.statistics(line.table === 'expect' ? 'expect' : 'conntrack')) {
      const { cpu, counts } = one;
      if (line.own.json) output.add(`${JSON.stringify({ cpu, ...Object.fromEntries(counts) })}\n`);
      else output.add(`${formatStatistics(one)}\n`);
    }
  } catch (error) {
    const text = isForbidden(error, line) ? await output.world.read(PROC_STATISTICS) : null;
    const all = text === null ? [] : parseProcStatistics(text, PROC_STATISTICS);
    for (const one of all) output.add(`${formatStatistics(one)}\n`);
    throw failureOf(error, 'count');
  }
}

function isForbidden(error: unknown, line: CommandLine): boolean {
  return error instanceof FlowSourceError && error.errno === EPERM && !line.own.json;
}
