/**
 * `node --expose-gc bench/memory.js NAME FAMILY COUNT`: prints resident bytes a connection, the difference that COUNT
 * connections make to the process. The table's space is reserved before, but only what is touched becomes resident.
 */
import { makeTracker } from './engine.js';
import { Connections, FrameList, handshakes } from './traffic.js';
import { Twin } from './twin.js';

const [name, family, count] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const CHUNK = 10_000;
const tracker = name === 'statewall' ? makeTracker(count) : new Twin();
const connections = new Connections(count, Number(family), 1);
const list = new FrameList(3 * CHUNK, 86);
// warm up: code and generator are not part of the table
for (let i = 0; i < 3; i++) {
  list.clear();
  handshakes(new Connections(100, Number(family), 1, 2_000_000), list, 0, 100);
  tracker.track(list, 0, list.count, 1);
}
list.bytes.fill(1);
connections.next.fill(1);
globalThis.gc();
const before = process.memoryUsage().rss;
for (let from = 0; from < count - 100; from += CHUNK) {
  list.clear();
  handshakes(connections, list, from, Math.min(count - 100, from + CHUNK));
  tracker.track(list, 0, list.count, 1);
}
globalThis.gc();
const after = process.memoryUsage().rss;
if (tracker.count !== count) throw new Error(`expected ${count} connections, got ${tracker.count}`);
process.stdout.write(String((after - before) / (count - 100)));
