/**
 * Mutation fuzzer of the decoders of netlink messages: recorded messages of the kernel, and made-up ones, with bytes, lengths and types
 * changed, cut, doubled and joined. A decoder gives a record or throws a MessageError; it reads nothing outside of the message, and
 * what it gives can be printed and written.
 *
 *   node test/fuzz/netlink.mjs [MESSAGES] [SEED] [BUILD]      exit status 1 on a finding
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Random } from './seeds.mjs';

const count = Number(process.argv[2] ?? 200_000);
const seed = Number(process.argv[3] ?? 1);
const build = resolve(process.argv[4] ?? 'build');
const HANG_MS = 30_000;
const SLOW_MS = 50;
const MOST_BYTES = 4096;
/** Bytes behind a message; what is there must not matter. */
const GUARD = 64;

const lib = {};
for (const file of [
  'flow/expectation.js',
  'flow/line.js',
  'flow/save.js',
  'flow/xml.js',
  'netlink/decode-flow.js',
  'netlink/encode-flow.js',
  'netlink/error.js',
  'netlink/exchange.js',
  'netlink/expectation.js',
  'netlink/labels.js',
  'netlink/message.js',
  'netlink/statistics.js',
  'netlink/timeout-policies.js',
  'netlink/writer.js',
])
  Object.assign(lib, await import(pathToFileURL(resolve(build, file)).href));

/* A thread of its own notices when this one hangs. */
const beat = new Float64Array(new SharedArrayBuffer(8));
const watchdog = new Worker(
  `const { workerData: beat } = require('node:worker_threads');
   let last = -1;
   setInterval(() => {
     if (beat[0] === last) {
       require('node:fs').writeSync(2, 'message ' + beat[0] + ': hangs\\n');
       process.kill(process.pid, 'SIGKILL');
     }
     last = beat[0];
   }, ${HANG_MS});`,
  { eval: true, workerData: beat },
);
watchdog.unref();

const random = new Random(seed);
const recorded = JSON.parse(readFileSync(new URL('../netlink/recorded.json', import.meta.url), 'utf8'));

/** Single messages, each a start for mutations. */
const seeds = [];
for (const hex of [...recorded.answers.flatMap((a) => a.datagrams), ...recorded.events]) {
  const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += (view.getUint32(at, true) + 3) & ~3)
    seeds.push(bytes.slice(at, at + view.getUint32(at, true)));
}
// refusals with the kernel's words, with the request quoted and without
for (const flags of [0x200, 0x300, 0x100]) {
  const w = new lib.MessageWriter().begin(2, flags, 1);
  w.length = 16;
  w.raw(0xffea, Uint8Array.of(255, 255, 20, 0, 0, 0, 1, 1, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  seeds.push(w.text(1, 'NLA_F_NESTED is missing').u32(2, 40).end().bytes.slice(0, w.length));
}

const flows = [
  new lib.FlowDecoder({ details: true }),
  new lib.FlowDecoder({ labelNames: lib.LabelNames.parse('1 a') }),
];
const expectations = new lib.ExpectationDecoder({ details: true });
const INTERESTING = [0, 1, 2, 3, 4, 5, 7, 8, 0x7f, 0x80, 0xfc, 0xff];

const work = new lib.MessageBuffer(MOST_BYTES + GUARD);
let length = 0;

/** Where an attribute may begin. */
const place = () => 4 * random.below(Math.max(1, length >> 2));

const MUTATIONS = [
  () => {
    work.bytes[random.below(length)] = random.below(256);
  },
  () => {
    work.bytes[random.below(length)] = INTERESTING[random.below(INTERESTING.length)];
  },
  () => {
    work.bytes[random.below(length)] ^= 1 << random.below(8);
  },
  // an attribute's length, or its type
  () => {
    work.halves[place() >> 1] = random.below(3) === 0 ? random.below(0x10000) : random.below(length + 8);
  },
  () => {
    work.halves[(place() >> 1) + 1] = (random.below(3) === 0 ? 0x8000 : 0) | random.below(30);
  },
  // the message's length
  () => {
    work.words[0] = random.below(4) === 0 ? random.below(0x7fffffff) * 2 : random.below(length + 8);
  },
  // cut, with and without the header saying so
  () => {
    length = random.below(length + 1);
    if (random.below(2) === 0) work.words[0] = length;
  },
  // a part of it twice
  () => {
    const from = place();
    const size = 4 * random.below(32);
    if (length + size > MOST_BYTES || from + size > length) return;
    work.bytes.copyWithin(from + size, from, length);
    length += size;
    work.words[0] = length;
  },
  // the attributes of another message
  () => {
    const other = seeds[random.below(seeds.length)];
    if (length + other.length > MOST_BYTES || other.length < 20) return;
    const at = (length + 3) & ~3;
    work.bytes.set(other.subarray(20), at);
    length = at + other.length - 20;
    work.words[0] = length;
  },
  // the whole of it inside one attribute
  () => {
    if (length < 20 || length + 4 > MOST_BYTES) return;
    work.bytes.copyWithin(24, 20, length);
    length += 4;
    work.halves[10] = length - 20;
    work.halves[11] = 0x8000 | random.below(28);
    work.words[0] = length;
  },
  () => {
    work.bytes[16] = [0, 2, 10, 7, 255][random.below(5)];
  },
];

function make() {
  const start = seeds[random.below(seeds.length)];
  work.bytes.set(start);
  length = start.length;
  for (let n = random.below(4) === 0 ? random.below(12) : 1 + random.below(2); n > 0 && length > 0; n--)
    MUTATIONS[random.below(MUTATIONS.length)]();
}

const DECODERS = [
  () => check(flows[0].decode(work, 0, length)),
  () => check(flows[1].decode(work, 0, length)),
  () => lib.formatExpectationLine(expectations.decode(work, 0, length)),
  () => JSON.stringify(lib.decodeStatistics(work, 0, length, 'conntrack')),
  () => JSON.stringify(lib.decodeTotals(work, 0, length)),
  () => JSON.stringify(lib.decodePolicy(work, 0, length)),
  () => refusal(),
];

/** Now and then everything that is done with a record. */
let turn = 0;
function check(record) {
  const text = lib.formatFlowLine(record, { extended: true, id: true, ktimestamp: true, labels: true });
  if (turn++ % 16 !== 0) return text;
  const forms = text + lib.formatSaveLine(record) + lib.formatFlowXml(record) + lib.formatProcLine(record);
  const w = new lib.MessageWriter();
  const more = { hasStatus: true, hasReply: true, sourceNat: null, destinationNat: null, labelMask: null };
  lib.writeChange(w.begin(0x100, 0, 0, record.family), { record, ...more }, true, lib.LabelNames.parse('1 a'));
  return forms + w.end().length;
}

function refusal() {
  const end = lib.messageEnd(work, 0, length);
  try {
    lib.throwIfRefused('fuzz', work, 0, end);
    return '';
  } catch (error) {
    if (error instanceof lib.NetlinkError) return error.message;
    throw error;
  }
}

/** What a decoder says of the message: its result, or the error. */
function outcome(decode) {
  try {
    const text = decode();
    if (/undefined|NaN|\[object/.test(text)) throw new Error(`prints ${text}`);
    return text;
  } catch (error) {
    if (error instanceof lib.MessageError) return error.message;
    throw error;
  }
}

/** The outcome; of a slow one the time of the fastest of several, because other work of the machine is not the decoder's. */
function timed(decode) {
  let least = Number.POSITIVE_INFINITY;
  let result = '';
  const before = turn;
  for (let tries = 0; tries < 5 && least > SLOW_MS; tries++) {
    turn = before;
    const start = performance.now();
    result = outcome(decode);
    least = Math.min(least, performance.now() - start);
  }
  slowest = Math.max(slowest, least);
  if (least > SLOW_MS) throw new Error(`takes ${least.toFixed(0)} ms`);
  return result;
}

const began = process.hrtime.bigint();
let refused = 0;
let slowest = 0;
for (let number = 0; number < count; number++) {
  beat[0] = number;
  make();
  const decode = DECODERS[random.below(4) === 0 ? random.below(DECODERS.length) : random.below(2)];
  const size = length;
  try {
    work.bytes.fill(0, size, size + GUARD);
    const before = turn;
    const first = timed(decode);
    if (first.startsWith('broken')) refused++;
    if (number % 8 !== 0) continue;
    // the same with other bytes behind it
    work.bytes.fill(0xff, size, size + GUARD);
    turn = before;
    if (outcome(decode) !== first) throw new Error('bytes behind the message matter');
  } catch (error) {
    console.error(`message ${number} (seed ${seed}): ${Buffer.from(work.bytes.subarray(0, size)).toString('hex')}`);
    console.error(error);
    process.exit(1);
  }
}
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
console.log(
  `${count} messages, ${refused} refused, slowest ${slowest.toFixed(0)} ms, no finding, ${seconds.toFixed(1)} s`,
);
process.exit(0);
