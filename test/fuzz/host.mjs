/**
 * Mutation fuzzer of a whole host: mutated frames of every protocol and link type in both directions, singly and in batches,
 * through random rulesets and settings, while the clock leaps; nothing may throw, hang, or be left in the table.
 *
 *   node test/fuzz/host.mjs [COUNT [SEED [DIST [WORLD]]]]      exit status 1 on a finding
 *
 * A world is a host with rules and settings of its own for some hundred or thousand frames; a finding names its number, from
 * which WORLD begins anew. Now and then the host is replaced by one that is given its connections. In some worlds a twin host
 * gets the same frames one by one, in a buffer whose bytes around them differ: all that it says, sends and holds in the end
 * must be the same.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { RulesetMaker } from './rulesets.mjs';
import { Random } from './seeds.mjs';
import { checkTable } from './table-check.mjs';
import { MAX_FRAME, Traffic } from './traffic.mjs';
import { hostConfig, settings } from './worlds.mjs';

const count = Number(process.argv[2] ?? 200_000);
const seed = Number(process.argv[3] ?? 1);
const dist = resolve(process.argv[4] ?? 'build');
const firstWorld = Number(process.argv[5] ?? 0);
const FRAMES_A_WORLD = [300, 1000, 1000, 4000, 20_000];
const FRAMES_BETWEEN_CHECKS = 500;
/** Most frames handed over at once; more than the host looks ahead. */
const GROUP = 48;
/** Bytes around a frame that must stay as they are. */
const GAP = 64;
const SLOT = MAX_FRAME + 2 * GAP;
/** One call may take as long; a garbage collection or an expiry of everything is in it. */
const SLOWEST_MS = 2000;
const HANG_MS = 30_000;

const lib = {};
for (const file of [
  'capture/frame-batch.js',
  'capture/reader.js',
  'conntrack/layout.js',
  'conntrack/sysctl.js',
  'flow/event.js',
  'flow/json.js',
  'flow/line.js',
  'flow/save.js',
  'flow/table.js',
  'flow/xml.js',
  'host/host.js',
  'host/results.js',
  'iptables/restore.js',
  'iptables/save.js',
  'wire/checksum.js',
  'wire/packet.js',
  'wire/parse.js',
]) {
  Object.assign(lib, await import(pathToFileURL(resolve(dist, file)).href));
}
const { Host, SETTINGS } = lib;

/* A thread of its own notices when this one hangs. */
const beat = new Float64Array(new SharedArrayBuffer(16));
const watchdog = new Worker(
  `const { workerData: beat } = require('node:worker_threads');
   let last = -1;
   setInterval(() => {
     const now = beat[0] * 1e9 + beat[1];
     if (now === last && beat[0] >= 0) {
       require('node:fs').writeSync(2, 'world ' + beat[0] + ', frame ' + beat[1] + ': hangs\\n');
       process.kill(process.pid, 'SIGKILL');
     }
     last = now;
   }, ${HANG_MS});`,
  { eval: true, workerData: beat },
);
watchdog.unref();

const random = new Random(seed);
const traffic = new Traffic(lib, random);
const maker = new RulesetMaker();
const pick = (list) => list[random.below(list.length)];

const columns = () => ({
  bytes: null,
  start: new Int32Array(GROUP),
  end: new Int32Array(GROUP),
  wireLen: new Int32Array(GROUP),
  seconds: new Float64Array(GROUP),
  nanos: new Int32Array(GROUP),
  direction: new Uint8Array(GROUP),
  dev: new Int32Array(GROUP),
  linkType: new Int32Array(GROUP),
});
const results = () => ({
  verdict: new Uint8Array(GROUP),
  state: new Uint8Array(GROUP),
  hook: new Uint8Array(GROUP),
  rule: new Int32Array(GROUP),
  reason: new Int32Array(GROUP),
  connection: new Int32Array(GROUP),
  inInterface: new Int32Array(GROUP),
  outInterface: new Int32Array(GROUP),
});

/** A host, the buffer that its frames lie in, and a digest of all that it sends and logs. */
class Side {
  constructor(fill) {
    this.fill = fill;
    this.bytes = new Uint8Array(GROUP * SLOT).fill(fill);
    this.frames = columns();
    this.frames.bytes = this.bytes;
    this.results = results();
    this.host = null;
    this.digest = 0;
    this.looped = [];
    /** The frames as they were handed over, for reports. */
    this.given = [];
  }

  begin(config, rules, options, listens, connections) {
    this.host = new Host(config, options);
    this.digest = 0;
    this.looped = [];
    if (listens) this.host.listen();
    this.host.onEmit = (bytes, start, end, outInterface, kind, hostMade) =>
      this.emitted(bytes, start, end, outInterface, kind, hostMade);
    this.host.onLog = (line) => {
      if (/undefined|NaN|\[object/.test(line)) throw new Error(`log line: ${line}`);
      for (let i = 0; i < line.length; i++) this.add(line.charCodeAt(i));
    };
    this.load(rules);
    this.host.advance(timeMs);
    for (const flow of lib.parseTable(connections, 'saved')) this.host.addFlow(flow);
  }

  load(rules) {
    this.rules = rules.map((r) =>
      lib.loadRules(r.text, r.family === '4' ? 'rules.v4' : 'rules.v6', r.family === '4' ? 2 : 10, LENIENT),
    );
    for (const r of this.rules) this.host.load(r, LENIENT);
  }

  add(value) {
    this.digest = (Math.imul(this.digest, 31) + value) | 0;
  }

  emitted(bytes, start, end, outInterface, kind, hostMade) {
    if (start < 0 || end > bytes.length || end < start + 20)
      throw new Error(`emitted [${start}, ${end}) of ${bytes.length}`);
    if (outInterface < 0 || outInterface >= this.host.interfaces.length) throw new Error(`emitted on ${outInterface}`);
    const version = bytes[start] >> 4;
    if (version !== 4 && version !== 6) throw new Error(`emitted IP version ${version}`);
    for (let at = start; at < end; at++) this.add(bytes[at]);
    this.add(outInterface * 8 + kind * 2 + Number(hostMade));
    if (outInterface === 1 && this.looped.length < 8 && end - start < MAX_FRAME)
      this.looped.push(bytes.slice(start, end));
  }

  place(i, bytes, length) {
    const start = i * SLOT + GAP;
    this.bytes.fill(this.fill, start - GAP, start + MAX_FRAME + GAP);
    for (let at = 0; at < length; at++) this.bytes[start + at] = bytes[at];
    this.given[i] = bytes.slice(0, length);
    this.frames.start[i] = start;
    this.frames.end[i] = start + length;
  }

  /** Hands over the first `n` frames, in one batch or one by one. */
  run(n, singly) {
    const { frames: f, host, results: r } = this;
    if (!singly) {
      host.run(f, 0, n, f.direction, f.dev, f.linkType, r);
      if (host.tracker.endedCount !== 0) throw new Error('records wait to be freed');
    }
    for (let i = 0; i < n && singly; i++) {
      host.advance(f.seconds[i] * 1000 + Math.floor(f.nanos[i] / 1e6));
      const call = f.direction[i] === 0 ? 'receive' : 'send';
      host[call](f.bytes, f.start[i], f.end[i], f.wireLen[i], f.linkType[i], f.dev[i]);
      for (const name of Object.keys(r)) r[name][i] = host.result[name];
      this.ask();
    }
    for (let i = 0; i < n; i++) {
      this.add(r.verdict[i] + 8 * r.state[i] + 64 * r.hook[i] + 512 * r.outInterface[i]);
      this.add(r.rule[i]);
      this.add(r.reason[i]);
      this.add(r.connection[i]);
      if (r.verdict[i] > 5 || r.state[i] > 5 || r.hook[i] > 4) throw new Error('a result that cannot be');
      if (r.rule[i] !== -1 && host.decision(r.rule[i]) === null) throw new Error(`no decision ${r.rule[i]}`);
      if (r.reason[i] !== 0 && r.verdict[i] !== 5 && !host.reasonName(r.reason[i]))
        throw new Error(`no reason ${r.reason[i]}`);
    }
    this.outsideIsUntouched(n);
  }

  /** What is asked of a host after a packet. */
  ask() {
    const { host } = this;
    const r = host.result;
    if (r.verdict === lib.VERDICT_SKIPPED) return;
    const text = host.reasonText();
    if ((r.reason !== 0 && text === '') || /undefined|NaN|%\d/.test(text))
      throw new Error(`reason ${r.reason}: "${text}"`);
    if (host.tracker.endedCount !== 0) throw new Error('records wait to be freed');
  }

  outsideIsUntouched(n) {
    for (let i = 0; i < n; i++) {
      const start = i * SLOT;
      for (let at = start; at < start + GAP; at++)
        if (this.bytes[at] !== this.fill)
          throw new Error(`byte ${at - start - GAP} before ${this.frame(i)} was written`);
      const end = this.frames.end[i];
      for (let at = end; at < start + SLOT; at++)
        if (this.bytes[at] !== this.fill) throw new Error(`byte ${at - end} behind ${this.frame(i)} was written`);
    }
  }

  /** A frame as it was handed over, for reports. */
  frame(i) {
    const { direction, dev, linkType, wireLen } = this.frames;
    const hex = Buffer.from(this.given[i]).toString('hex');
    return `frame ${i} (direction ${direction[i]}, dev ${dev[i]}, link ${linkType[i]}, wire ${wireLen[i]}) ${hex}`;
  }

  /** Takes some events off the ring and prints them. */
  drain(most) {
    for (let n = 0; n < most; n++) {
      const e = this.host.nextEvent();
      if (e === null) return;
      const line = lib.formatEventLine(e);
      if (/undefined|NaN|\[object/.test(line)) throw new Error(`event line: ${line}`);
      for (let i = 0; i < line.length; i++) this.add(line.charCodeAt(i));
    }
  }

  /** The invariants, and everything that can be printed; the first connections as `conntrack -o save` prints them. */
  check(longestMs) {
    const { host } = this;
    checkTable(lib, host.tracker, longestMs);
    const saves = [];
    const text = [];
    let flows = 0;
    for (const flow of host.flows()) {
      saves.push(lib.formatSaveLine(flow));
      text.push(lib.formatFlowLine(flow), lib.formatProcLine(flow), saves.at(-1), lib.formatFlowXml(flow));
      text.push(JSON.stringify(lib.flowToJson(flow)));
      if (++flows === 50) break;
    }
    const all = `${text.join('\n')}\n`;
    if (/undefined|NaN|\[object/.test(all))
      throw new Error(`flows: ${all.split('\n').find((l) => /undefined|NaN|\[object/.test(l))}`);
    if (lib.parseTable(all, 'table').length !== flows * 5) throw new Error('flows are not read back');
    for (const r of this.rules) {
      host.engine.exportCounters(r);
      const saved = lib.printRuleset(r, { counters: true });
      if (/undefined|NaN|\[object/.test(saved)) throw new Error('saved rules');
      // leniently, because iptables too prints some rates that it then refuses
      lib.loadRules(saved, 'saved', r.family, LENIENT);
      saves.push(saved);
    }
    return saves;
  }
}

const LENIENT = { lenient: true };
const first = new Side(0x00);
const twin = new Side(0xff);
let timeMs = 0;

function step() {
  const kind = random.below(leaps ? 1000 : 900);
  if (kind < 400) return 0;
  if (kind < 900) return random.below(leaps ? 50 : 3);
  if (kind < 970) return random.below(3000);
  if (kind < 985) return random.below(200_000);
  if (kind < 988) return -random.below(5000);
  if (kind < 995) return random.below(4 * 3_600_000);
  if (kind < 998) return random.below(14 * 86_400) * 1000;
  return pick([24, 25, 30, 45, 49, 50, 60, 80, 400]) * 86_400_000 + random.below(100_000);
}

/** Makes a group of frames and hands it to the sides. */
function group(sides, most) {
  const n = random.below(3) === 0 ? 1 : 1 + random.below(most);
  const looped = first.looped;
  first.looped = [];
  for (let i = 0; i < n; i++) {
    traffic.next();
    let { bytes, length, wireLen, linkType } = traffic;
    let direction = random.below(4) === 0 ? 1 : 0;
    let dev = direction === 0 ? 1 + random.below(4) : random.below(5);
    if (looped.length > 0 && random.below(4) !== 0) {
      bytes = looped.shift();
      length = wireLen = bytes.length;
      linkType = 101;
      direction = 0;
      dev = 1;
    }
    timeMs = Math.max(0, timeMs + step());
    for (const side of sides) {
      side.place(i, bytes, length);
      const f = side.frames;
      f.wireLen[i] = wireLen;
      f.linkType[i] = linkType;
      f.direction[i] = direction;
      f.dev[i] = dev;
      f.seconds[i] = Math.floor(timeMs / 1000);
      f.nanos[i] = (timeMs % 1000) * 1e6;
    }
  }
  return n;
}

/** Whether the clock of this world leaps; else its table fills. */
let leaps = true;
let worldText = '';
let slowest = 0;
let packets = 0;
let skipped = 0;
let expired = 0;
let peak = 0;

function world(number, most) {
  random.state = Math.imul(seed * 1_000_003 + number, 0x9e3779b1) | 1;
  for (let i = 0; i < 8; i++) random.below(2);
  traffic.restart(random);
  timeMs = 1_760_000_000_000 + random.below(1 << 30);
  leaps = random.below(3) !== 0;
  const { sysctl, longestMs } = settings(SETTINGS, random);
  const config = hostConfig(sysctl, random);
  let rules = ['4', '6'].map((family) => ({ family, text: maker.make(family, random) }));
  worldText = JSON.stringify({ config, rules });
  const options = { seed: 7, eventRing: pick([1, 3, 64, 4096]), answers: random.below(2) === 0 };
  const listens = random.below(4) !== 0;
  const sides = random.below(3) === 0 ? [first, twin] : [first];
  const singly = random.below(4) === 0;
  const frames = Math.min(most, pick(FRAMES_A_WORLD));
  let connections = '';
  for (const side of sides) side.begin(config, rules, options, listens, connections);
  for (let done = 0, next = FRAMES_BETWEEN_CHECKS; done < frames; ) {
    beat[1] = done;
    const n = group(sides, GROUP);
    const began = performance.now();
    first.run(n, singly);
    const took = performance.now() - began;
    if (took > slowest) slowest = took;
    if (took > SLOWEST_MS) throw new Error(`${n} frames took ${took.toFixed(0)} ms`);
    if (sides.length > 1) twin.run(n, true);
    for (let i = 0; i < n; i++) if (first.results.verdict[i] === 5) skipped++;
    done += n;
    packets += n;
    if (random.below(3) === 0) {
      const most = random.below(20);
      for (const side of sides) side.drain(most);
    }
    if (sides.length > 1 && first.digest !== twin.digest)
      throw new Error('the twin, that got them one by one, says otherwise');
    if (random.below(700) === 0) {
      rules = ['4', '6'].map((family) => ({ family, text: maker.make(family, random) }));
      worldText = JSON.stringify({ config, rules });
      for (const side of sides) side.load(rules);
    }
    if (done < next) continue;
    next += FRAMES_BETWEEN_CHECKS;
    connections = first.check(longestMs).slice(0, -2).join('\n');
    if (random.below(12) === 0) for (const side of sides) side.begin(config, rules, options, listens, connections);
  }
  const end = first.check(longestMs);
  if (sides.length > 1 && twin.check(longestMs).join('\n') !== end.join('\n'))
    throw new Error('the twin ends with other connections or counters');
  const { statistics, table } = first.host.tracker;
  expired += statistics.earlyDrop;
  peak = Math.max(peak, table.peak);
}

const began = process.hrtime.bigint();
for (let number = firstWorld; packets < count; number++) {
  beat[0] = number;
  try {
    world(number, count - packets);
  } catch (error) {
    console.error(`world ${number} (seed ${seed}), after ${beat[1]} frames: ${worldText}`);
    console.error(error);
    process.exit(1);
  }
}
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
console.log(
  `${packets} frames, ${packets - skipped} of them IP packets, ${expired} early drops, at most ${peak} connections, ` +
    `slowest call ${slowest.toFixed(0)} ms, no finding, ${seconds.toFixed(1)} s`,
);
process.exit(0);
