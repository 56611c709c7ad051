/** -C and -S: numbers. */
import type { FlowSource } from '../../flow/source.js';
import { formatStatistics } from '../../flow/statistics.js';
import { failureOf } from './failure.js';
import type { CommandLine } from './line.js';
import type { Output } from './output.js';

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
    throw failureOf(error, 'count');
  }
}
