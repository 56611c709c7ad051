/**
 * `npm run bench`: what the engine costs, in processor time, beside the plain twin and beside other programs.
 *
 *   node bench/main.js [--quick] [--json] [--no-yardsticks]
 *
 * Everything is seeded; each contender is warmed, contenders run in turn, and the least of several rounds is shown with the
 * spread (most / least). Results are checked before any time is taken. Needs a built dist/.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { makeTracker } from './engine.js';
import { commandTime, compete, installed, processorTime, table } from './harness.js';
import { measureNetlink, netlinkPlan } from './netlink.js';
import { readRecording, writeRecording } from './pcap.js';
import { measureRules, rulesPlan } from './rules.js';
import { Connections, established, FrameList, handshakes, lives, SHORT_LIFE_PACKETS, seeded } from './traffic.js';
import { Twin } from './twin.js';

// as the command itself: docs/decisions/0010-inlining-budget.md
setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000');

const here = dirname(fileURLToPath(import.meta.url));
const quick = process.argv.includes('--quick');
const json = process.argv.includes('--json');
const yardsticks = !process.argv.includes('--no-yardsticks');

/** What is measured, in full and for a smoke test. */
const PLAN = quick
  ? {
      sizes: [1_000, 10_000],
      twinUpTo: 10_000,
      packets: 20_000,
      rounds: 2,
      lives: 5_000,
      memory: 50_000,
      files: [2_000, 5_000],
    }
  : {
      sizes: [1_000, 100_000, 1_000_000],
      twinUpTo: 1_000_000,
      packets: 500_000,
      rounds: 5,
      lives: 100_000,
      memory: 1_000_000,
      files: [100_000, 250_000],
    };
const SEED = 20_260_101;
const START_MS = 1_000;
/** After TIME_WAIT's 120 s. */
const AFTER_THE_END_MS = 130_000;

const results = [];
const say = (text) => {
  if (!json) process.stdout.write(`${text}\n`);
};

function record(group, measured, unit, value) {
  results.push({ group, name: measured.name, [unit]: value, spread: Number(measured.spread.toFixed(2)) });
  return [measured.name, Math.round(value).toLocaleString('en-US'), measured.spread.toFixed(2)];
}

function expectStates(what, states, wanted) {
  const got = JSON.stringify(states);
  if (got !== JSON.stringify(wanted)) throw new Error(`${what}: expected ${JSON.stringify(wanted)}, got ${got}`);
}

/** The engine and the twin as things that track frames; the twin only up to a size that it takes in reasonable time. */
function trackers(size, room) {
  const made = [{ name: 'statewall', make: () => makeTracker(room) }];
  if (size <= PLAN.twinUpTo) made.push({ name: 'objects and Map', make: () => new Twin() });
  return made;
}

/** ns a packet on established connections, uniformly at random. */
function measureTracking(size) {
  const connections = new Connections(size, 4, SEED);
  const opening = new FrameList(3 * Math.min(size, 50_000), 66);
  const contenders = trackers(size, Math.ceil(size * 1.25)).map(({ name, make }) => ({ name, tracker: make() }));
  for (let from = 0; from < size; from += 50_000) {
    opening.clear();
    handshakes(connections, opening, from, Math.min(size, from + 50_000));
    for (const { tracker } of contenders) tracker.track(opening, 0, opening.count, START_MS);
  }
  for (const { name, tracker } of contenders) expectStates(name, tracker.states(), { ESTABLISHED: size });
  const turns = new Uint8Array(size);
  const random = seeded(SEED + size);
  const list = new FrameList(PLAN.packets, 82);
  let round = 0;
  const measured = compete(
    contenders.map(({ name, tracker }, k) => ({
      name,
      prepare() {
        // the same packets for every contender of a round
        if (k > 0) return;
        round++;
        list.clear();
        established(connections, list, PLAN.packets, random, turns);
      },
      run: () => tracker.track(list, 0, list.count, START_MS + round),
      check() {
        if (tracker.invalid !== 0) throw new Error(`${name}: ${tracker.invalid} packets are invalid`);
      },
    })),
    PLAN.rounds,
    PLAN.packets,
  );
  for (const { name, tracker } of contenders) expectStates(name, tracker.states(), { ESTABLISHED: size });
  say(`\nTracking alone, established TCP, ${size.toLocaleString('en-US')} connections at random: ns a packet`);
  say(table([['', 'ns', 'spread'], ...measured.map((m) => record(`tracking ${size}`, m, 'nsPerPacket', m.ns))]));
}

/** Connections begun a second, into an empty table that has room for all. */
function measureSetups() {
  const size = PLAN.lives;
  const list = new FrameList(3 * size, 66);
  const measured = competeFresh(
    size,
    list,
    (connections) => handshakes(connections, list, 0, size),
    (name, tracker) => {
      expectStates(name, tracker.states(), { ESTABLISHED: size });
    },
  );
  say(`\nSet-ups (three packets each), ${size.toLocaleString('en-US')} connections: a second`);
  say(table([['', 'a second', 'spread'], ...measured.map((m) => record('set-ups', m, 'perSecond', 1e9 / m.ns))]));
}

/** Whole lives a second: handshake, data, close, expiry. */
function measureLives() {
  const size = PLAN.lives;
  const list = new FrameList(SHORT_LIFE_PACKETS * size, 82);
  const measured = competeFresh(
    size,
    list,
    (connections) => lives(connections, list, 0, size, true),
    (name, tracker) => {
      if (tracker.count !== 0) throw new Error(`${name}: ${tracker.count} connections are left`);
    },
    (tracker) => tracker.expire(AFTER_THE_END_MS),
  );
  say(
    `\nWhole lives (${SHORT_LIFE_PACKETS} packets each, and expiry), ${size.toLocaleString('en-US')} connections: a second`,
  );
  say(table([['', 'a second', 'spread'], ...measured.map((m) => record('lives', m, 'perSecond', 1e9 / m.ns))]));
}

/** Rounds in which each tracker begins empty; `afterwards` belongs to what is measured. */
function competeFresh(size, list, fill, check, afterwards = () => {}) {
  let round = 0;
  return compete(
    trackers(size, Math.ceil(size * 1.25)).map(({ name, make }, k) => {
      let tracker;
      return {
        name,
        prepare() {
          tracker = make();
          if (k > 0) return;
          list.clear();
          fill(new Connections(size, 4, SEED + round++));
        },
        run() {
          tracker.track(list, 0, list.count, START_MS);
          afterwards(tracker);
        },
        check: () => check(name, tracker),
      };
    }),
    PLAN.rounds,
    size,
  );
}

/** Resident bytes a connection, in a process of its own. */
function measureMemory() {
  const rows = [['', 'IPv4', 'IPv6']];
  for (const name of ['statewall', 'objects and Map']) {
    const bytes = [4, 6].map((family) => {
      const args = ['--expose-gc', join(here, 'memory.js'), name, String(family), String(PLAN.memory)];
      const child = spawnSync(process.execPath, args, { encoding: 'utf8' });
      if (child.status !== 0) throw new Error(child.stderr);
      return Number(child.stdout);
    });
    results.push({ group: 'memory', name, bytesPerConnection4: bytes[0], bytesPerConnection6: bytes[1] });
    rows.push([name, ...bytes.map((b) => b.toFixed(0))]);
  }
  say(`\nMemory, ${PLAN.memory.toLocaleString('en-US')} connections, index included: bytes a connection`);
  say(table(rows));
}

/** A capture from file to verdict, in processes of their own, with other programs on the same file. */
function measureFiles() {
  const folder = mkdtempSync(join(tmpdir(), 'statewall-bench-'));
  try {
    PLAN.files.forEach((connections, k) => {
      measureFile(join(folder, 'traffic.pcap'), connections, yardsticks && k === 0, k === 0);
    });
    const start = Math.round(commandTime(`'${process.execPath}' -e 0`, 3).ns / 1e6);
    say(`(Node itself starts in ${start} ms, which is in these numbers, as is V8's compiling of what gets hot.)`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One recording: statewall, and if wanted other programs and the twin. */
function measureFile(file, connections, withOthers, withTwin) {
  const packets = writeRecording(file, connections, Math.min(connections, 20_000), SEED);
  const mb = (statSync(file).size / 1e6).toFixed(0);
  const what = `${packets.toLocaleString('en-US')} packets of ${connections.toLocaleString('en-US')} connections, ${mb} MB`;
  say(`\nA capture from file to verdict (${what}): packets a second`);
  const replay = `'${process.execPath}' '${join(here, '../dist/cli/main.js')}' replay '${file}' --summary`;
  const rules = `--rules '${join(here, 'rules.v4')}' --host '${join(here, 'host.yaml')}'`;
  const commands = [['statewall replay, 20 rules', `${replay} ${rules}`]];
  if (withOthers) commands.push(...others(file, dirname(file)));
  const rows = [['', 'a second', 'spread']];
  for (const [name, command] of commands) {
    const measured = commandTime(command, name.startsWith('tshark') ? 1 : PLAN.rounds);
    if (measured === null) throw new Error(`${name} failed: ${command}`);
    rows.push(record(`file ${packets}`, { ...measured, name }, 'packetsPerSecond', (packets * 1e9) / measured.ns));
  }
  if (withTwin) rows.push(twinOnFile(file, packets, connections));
  say(table(rows));
}

function others(file, folder) {
  const all = [
    ['tcpdump', 'tcpdump -r to nowhere', `tcpdump -r '${file}' -w /dev/null`],
    ['softflowd', 'softflowd', `softflowd -r '${file}' -c none -p '${folder}/pid' -d`],
    ['argus', 'argus', `argus -X -r '${file}' -w '${folder}/argus.out' && rm '${folder}/argus.out'`],
    ['tshark', 'tshark -z conv,tcp', `tshark -q -r '${file}' -z conv,tcp`],
  ];
  return all.filter(([program]) => installed(program)).map(([, name, command]) => [name, command]);
}

function twinOnFile(file, packets, connections) {
  const twin = new Twin();
  const ns = processorTime(() => readRecording(file, (b, v, s, e, nowMs) => twin.trackOne(b, v, s, e, nowMs)));
  expectStates('twin', twin.states(), { TIME_WAIT: connections });
  return record(
    `file ${packets}`,
    { name: 'objects and Map, no rules', spread: 1 },
    'packetsPerSecond',
    (packets * 1e9) / ns,
  );
}

say(`statewall bench on ${cpus()[0].model.trim()}, Node ${process.versions.node}; processor time of one core`);
for (const size of PLAN.sizes) measureTracking(size);
measureSetups();
measureLives();
measureMemory();
measureRules({ ...rulesPlan(quick), yardsticks }, record, say);
measureFiles();
if (yardsticks) await measureNetlink(netlinkPlan(quick), record, say);
if (json) process.stdout.write(`${JSON.stringify(results, null, 1)}\n`);
