/** -C and -S: numbers. */
import type { FlowSource } from '../../flow/source.js';
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
    for (const { cpu, counts } of await source.statistics(line.table === 'expect' ? 'expect' : 'conntrack')) {
      if (line.own.json) {
        output.add(`${JSON.stringify({ cpu, ...Object.fromEntries(counts) })}\n`);
        continue;
      }
      const words = counts.map(([name, value]) => `${name}=${value} `).join('');
      output.add(`${cpu === null ? '' : `cpu=${String(cpu).padEnd(4)}\t`}${words}\n`);
    }
  } catch (error) {
    throw failureOf(error, 'count');
  }
}
