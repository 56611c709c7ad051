/**
 * Started by alloc.test.ts with the flags that it names: runs millions of packets through WHAT (its argument) and prints as JSON
 * how many there were and how often garbage was collected meanwhile. With a nursery of 1 MB, even one byte in two packets shows.
 *
 *   tracker   established connections, looked up at random
 *   host      whole lives through a host with the benchmark's 20 rules: creation, data, close, expiry
 *   control   as tracker, with a small object made for each packet: must be seen
 */
import { readFileSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { makeTracker } from '../../bench/engine.js';
import {
  Connections,
  established,
  FrameList,
  handshakes,
  LIFE_PACKETS,
  lives,
  SERVER,
  seeded,
} from '../../bench/traffic.js';

const SIZE = 5_000;
const PACKETS = 200_000;
const ROUNDS = 15;
const WARM_ROUNDS = 10;

/** Established traffic of SIZE connections; each call tracks PACKETS packets. */
function trackerRounds(keep) {
  const tracker = makeTracker(SIZE * 2);
  const connections = new Connections(SIZE, 4, 1);
  const opening = new FrameList(SIZE * 3, 66);
  handshakes(connections, opening, 0, SIZE);
  tracker.track(opening, 0, opening.count, 1_000);
  const list = new FrameList(PACKETS, 82);
  established(connections, list, PACKETS, seeded(2), new Uint8Array(SIZE));
  return (round) => {
    tracker.track(list, 0, list.count, 1_000 + round);
    if (keep !== null) for (let i = 0; i < PACKETS; i++) keep[i & 1023] = { i };
    return list.count;
  };
}

/** A host with rules, and traffic in columns as replay has it. */
async function hostRounds() {
  const { Host, FRAME_ARRIVES, FRAME_MADE, loadRules, LINKTYPE_ETHERNET } = await import('../../dist/internals.js');
  const host = new Host({
    interfaces: [{ name: 'eth0', addresses: ['192.0.2.10/24'] }],
    routes: [{ to: 'default', via: '192.0.2.1', dev: 'eth0' }],
    sysctl: { 'net.netfilter.nf_conntrack_max': SIZE * 4, 'net.netfilter.nf_conntrack_acct': 1 },
  });
  const file = new URL('../../bench/rules.v4', import.meta.url);
  host.load(loadRules(readFileSync(file, 'utf8'), 'rules.v4', 2));
  const count = PACKETS;
  const list = new FrameList(count, 82);
  lives(new Connections(count / LIFE_PACKETS, 4, 3), list, 0, count / LIFE_PACKETS);
  const frames = {
    bytes: list.bytes,
    start: list.offsets.subarray(0, count),
    end: list.offsets.subarray(1, count + 1),
    wireLen: Int32Array.from({ length: count }, (_, i) => list.offsets[i + 1] - list.offsets[i]),
    seconds: new Float64Array(count),
    nanos: new Int32Array(count),
  };
  const direction = new Uint8Array(count);
  for (let i = 0; i < count; i++)
    direction[i] = list.view.getInt32(list.offsets[i] + 26) === SERVER ? FRAME_MADE : FRAME_ARRIVES;
  const dev = new Int32Array(count).fill(host.interfaceIndex('eth0'));
  const linkType = new Int32Array(count).fill(LINKTYPE_ETHERNET);
  const column = () => new Int32Array(count);
  const results = {
    ...{ verdict: new Uint8Array(count), state: new Uint8Array(count), hook: new Uint8Array(count) },
    ...{ rule: column(), reason: column(), connection: column(), inInterface: column(), outInterface: column() },
  };
  return (round) => {
    // each round is long after the last one: its connections have expired, the same frames begin new ones
    frames.seconds.fill(1_000_000 + round * 1_000);
    host.run(frames, 0, count, direction, dev, linkType, results);
    let accepted = 0;
    for (let i = 0; i < count; i++) accepted += results.verdict[i] === 1 ? 1 : 0;
    if (accepted !== count) throw new Error(`${count - accepted} of ${count} packets were not accepted`);
    return count;
  };
}

const what = process.argv[2];
const run =
  what === 'host' ? await hostRounds() : trackerRounds(what === 'control' ? new Array(1024).fill(null) : null);
let seen = 0;
new PerformanceObserver((entries) => {
  seen += entries.getEntries().length;
}).observe({ entryTypes: ['gc'] });

/** Collections so far. They are told some time later, in order: the one that is asked for here comes last. */
async function collectionsSoFar() {
  const before = seen;
  globalThis.gc();
  for (let told = before; told === before || told !== seen; ) {
    told = seen;
    await pause(50);
  }
  return seen;
}

for (let round = 0; round < WARM_ROUNDS; round++) run(round);
const before = await collectionsSoFar();
let packets = 0;
for (let round = 0; round < ROUNDS; round++) packets += run(WARM_ROUNDS + round);
const collections = (await collectionsSoFar()) - before - 1;
process.stdout.write(JSON.stringify({ packets, collections }));
