/**
 * The kernel's connections: how many there are, where most of them go, and what happens for some seconds.
 *
 *   sudo node live-table.js [SECONDS] [NAMESPACE]       NAMESPACE: /var/run/netns/NAME or /proc/PID/ns/net
 */
import { FlowSourceError, formatEventLine, openConntrack } from 'statewall/conntrack';

const [seconds = '10', namespace] = process.argv.slice(2);

async function main() {
  const table = await openConntrack(namespace === undefined ? {} : { namespace });
  const { count, limit } = await table.count();
  console.log(`${count} connections of at most ${limit}`);

  // a batch is what the kernel hands over at once: a table of any size passes through little memory
  const byDestination = new Map();
  for await (const records of table.list())
    for (const { original } of records) {
      const key =
        original.ports === null ? original.destination : `${original.destination} port ${original.ports.destination}`;
      byDestination.set(key, (byDestination.get(key) ?? 0) + 1);
    }
  const most = [...byDestination].sort((a, b) => b[1] - a[1]).slice(0, 5);
  for (const [destination, connections] of most) console.log(`${connections} to ${destination}`);

  // the stream ends by itself; leaving the loop would end it, too
  const signal = AbortSignal.timeout(Number(seconds) * 1000);
  const groups = { isNew: true, isDestroy: true };
  for await (const items of table.events(groups, false, 0, { signal, resynchronise: true }))
    for (const item of items) {
      if ('type' in item) console.log(formatEventLine(item));
      else if ('lost' in item) console.log(`${item.lost} events were lost; the table as it is now follows`);
      else console.log(`${item.snapshot.length} connections are there${item.complete ? ', and that is all' : ''}`);
    }
  table.close();
}

main().catch((error) => {
  if (!(error instanceof FlowSourceError)) throw error;
  console.error(`live-table: ${error.message}`);
  process.exitCode = 1;
});
