/**
 * Does a replay of any length take the same memory? Streams a seeded capture of GIGABYTES (10) into `statewall replay` and
 * samples the resident memory of that process on the way. Exit status 1 where it grows by more than MOST_GROWTH_MB from a
 * tenth of the way to the end. Linux only (/proc).
 *
 *   node bench/endless.js [GIGABYTES [pipe | fifo | file]] [--outputs]
 *
 * The traffic is whole lives of TCP connections with large segments, a millisecond between packets, so that the table has its
 * full size (connections in TIME_WAIT) after two minutes of the capture's time. --outputs writes every output there is:
 * a line of JSON for each packet, log, events, capture, table, rules.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  createWriteStream,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { fileHeader, START_SECONDS } from './pcap.js';
import { Connections, FrameList, LIFE_PACKETS, lives } from './traffic.js';

const here = dirname(fileURLToPath(import.meta.url));
const main = process.env.STATEWALL_MAIN ?? join(here, '../dist/cli/main.js');
const words = process.argv.slice(2).filter((a) => !a.startsWith('--'));
const total = Number(words[0] ?? 10) * 1e9;
const way = words[1] ?? 'pipe';
const outputs = process.argv.includes('--outputs');

const MOST_GROWTH_MB = 32;
const SEED = 20_260_102;
/** Payload of a data segment: 14 of them in a life. */
const SEGMENT_BYTES = 1400;
const CONNECTIONS_A_STEP = 64;
const SAMPLES = [0.1, 0.25, 0.5, 0.75, 1];

const folder = mkdtempSync(join(tmpdir(), 'statewall-endless-'));
const path = (name) => join(folder, name);

/** The capture in pieces of about a megabyte, up to `total` bytes. Each piece is valid until the next. */
function* capture() {
  yield fileHeader();
  const list = new FrameList(CONNECTIONS_A_STEP * LIFE_PACKETS, 66 + SEGMENT_BYTES);
  const out = Buffer.alloc(list.bytes.length + CONNECTIONS_A_STEP * LIFE_PACKETS * 16);
  let millis = 0;
  for (let bytes = 24, first = 0; bytes < total; first += CONNECTIONS_A_STEP) {
    list.clear();
    lives(
      new Connections(CONNECTIONS_A_STEP, 4, SEED + first, first),
      list,
      0,
      CONNECTIONS_A_STEP,
      false,
      64,
      SEGMENT_BYTES,
    );
    let at = 0;
    for (let i = 0; i < list.count; i++, millis++) {
      const length = list.offsets[i + 1] - list.offsets[i];
      out.writeUInt32LE(START_SECONDS + Math.floor(millis / 1000), at);
      out.writeUInt32LE((millis % 1000) * 1000, at + 4);
      out.writeUInt32LE(length, at + 8);
      out.writeUInt32LE(length, at + 12);
      out.set(list.bytes.subarray(list.offsets[i], list.offsets[i + 1]), at + 16);
      at += 16 + length;
    }
    bytes += at;
    yield out.subarray(0, at);
  }
}

/** Writes the capture into a stream, as fast as it takes it; calls `done(bytes)` after each piece. */
async function pour(stream, done) {
  let bytes = 0;
  for (const piece of capture()) {
    await new Promise((resolve, reject) => stream.write(piece, (e) => (e ? reject(e) : resolve())));
    bytes += piece.length;
    done(bytes);
  }
  await new Promise((resolve) => stream.end(resolve));
}

/** Resident megabytes of a process, now (VmRSS) or at most so far (VmHWM); NaN: it has ended. */
function resident(pid, field) {
  try {
    const m = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return m === null ? Number.NaN : Number(m[1]) / 1000;
  } catch {
    return Number.NaN;
  }
}

/** Byte that a process has read a file up to. */
function position(pid, file) {
  try {
    const fd = readdirSync(`/proc/${pid}/fd`).find((f) => readlinkSync(`/proc/${pid}/fd/${f}`) === file);
    return fd === undefined ? 0 : Number(/pos:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))[1]);
  } catch {
    return 0;
  }
}

const samples = [];
let peak = 0;
function sample(pid, bytes) {
  peak = Math.max(peak, resident(pid, 'VmHWM') || 0);
  while (samples.length < SAMPLES.length && bytes >= SAMPLES[samples.length] * total) {
    const part = SAMPLES[samples.length];
    samples.push(resident(pid, 'VmRSS'));
    console.log(`${String(part * 100).padStart(3)} %  ${samples.at(-1).toFixed(1).padStart(6)} MB`);
  }
}

/** The rules of the other measurements; with outputs, each new connection is logged. */
function rules() {
  const text = readFileSync(join(here, 'rules.v4'), 'utf8');
  const log = '-A INPUT -m conntrack --ctstate NEW -j LOG --log-prefix "new: "\n-A INPUT';
  writeFileSync(path('rules'), outputs ? text.replace('-A INPUT', log) : text);
  return path('rules');
}

function begin() {
  const source = way === 'pipe' ? '-' : path('capture');
  const args = ['replay', source, '--rules', rules(), '--host', join(here, 'host.yaml')];
  if (way === 'fifo') spawnSync('mkfifo', [source]);
  let stdout = 'pipe';
  if (outputs) {
    for (const name of ['log', 'events', 'capture', 'table', 'rules']) args.push(`--save-${name}`, path(`out.${name}`));
    args.push('--json');
    stdout = openSync(path('out.json'), 'w');
  } else args.push('--summary');
  return spawn(process.execPath, [main, ...args], { stdio: [way === 'pipe' ? 'pipe' : 'ignore', stdout, 'inherit'] });
}

async function run() {
  if (way === 'file') await pour(createWriteStream(path('capture')), () => {});
  const began = process.hrtime.bigint();
  const child = begin();
  let said = '';
  child.stdout?.on('data', (d) => {
    said += d;
  });
  let status = null;
  const ended = new Promise((resolve) =>
    child.on('close', (code) => {
      status = code;
      resolve();
    }),
  );
  if (way === 'file') {
    const size = statSync(path('capture')).size;
    for (let at = 0; status === null && samples.length < SAMPLES.length; await sleep(5)) {
      at = position(child.pid, path('capture'));
      sample(child.pid, at >= size ? total : Math.min(at, total - 1));
    }
  } else await pour(way === 'pipe' ? child.stdin : createWriteStream(path('capture')), (n) => sample(child.pid, n));
  await ended;
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  for (const name of outputs ? readdirSync(folder) : [])
    if (name.startsWith('out.')) console.log(`${name}: ${(statSync(path(name)).size / 1e6).toFixed(1)} MB`);
  process.stdout.write(said);
  const growth = samples.at(-1) - samples[0];
  console.log(
    `${total / 1e9} GB through a ${way} in ${seconds.toFixed(0)} s: at most ${peak.toFixed(1)} MB resident, ` +
      `${growth.toFixed(1)} MB more at the end than at a tenth, exit status ${status}`,
  );
  return status === 0 && growth < MOST_GROWTH_MB ? 0 : 1;
}

try {
  process.exitCode = await run();
} finally {
  rmSync(folder, { recursive: true });
}
