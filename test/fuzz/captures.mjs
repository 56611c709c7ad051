/**
 * Mutation fuzzer of capture/: damaged pcap and pcapng files end in a CaptureError or are read, nothing else; every frame handed
 * out lies in the buffer; how the file is cut into pieces makes no difference.
 *
 *   node test/fuzz/captures.mjs [COUNT [SEED [DIST]]]      exit status 1 on a finding
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { mutate, Random, SEED_FRAMES } from './seeds.mjs';

const count = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? 1);
const dist = resolve(process.argv[4] ?? 'build');
const load = (file) => import(pathToFileURL(resolve(dist, file)).href);

const { CaptureReader } = await load('capture/reader.js');
const { CaptureError } = await load('capture/input.js');
const { FrameBatch } = await load('capture/frame-batch.js');
const { PcapngWriter } = await load('capture/pcapng-writer.js');

const random = new Random(seed);
const frames = SEED_FRAMES.map(([, hex]) => Uint8Array.from(Buffer.from(hex, 'hex')));

function pcapng() {
  const chunks = [];
  const writer = new PcapngWriter((bytes, start, end) => chunks.push(Buffer.from(bytes.subarray(start, end))), 'fuzz');
  for (const name of ['r0', 'r1']) writer.addInterface(name, 1);
  for (let i = 0; i < 12; i++) {
    const frame = frames[random.below(frames.length)];
    const comment = i % 3 === 0 ? 'note' : '';
    writer.writePacket(i & 1, 1760000000 + i, i, frame, 0, frame.length, frame.length + i, i % 3, comment);
  }
  writer.flush();
  return Buffer.concat(chunks);
}

function pcap(little) {
  const parts = [];
  const words = (...values) => {
    const part = Buffer.alloc(values.length * 4);
    for (const [i, value] of values.entries()) {
      if (little) part.writeUInt32LE(value, i * 4);
      else part.writeUInt32BE(value, i * 4);
    }
    parts.push(part);
  };
  words(0xa1b2c3d4, little ? 0x00040002 : 0x00020004, 0, 0, 65535, 1);
  for (let i = 0; i < 12; i++) {
    const frame = frames[random.below(frames.length)];
    words(1760000000 + i, i, frame.length, frame.length);
    parts.push(Buffer.from(frame));
  }
  return Buffer.concat(parts);
}

const readerBatches = [new FrameBatch(64), new FrameBatch(3)];

/** Reads a file in pieces; returns a digest of its rows and of the error. */
function readAll(file, length, pieceLen, batch) {
  const reader = new CaptureReader();
  let digest = '';
  let at = 0;
  for (let turn = 0; ; turn++) {
    if (turn > 10 * file.length + 100) throw new Error('the reader makes no progress');
    const rows = reader.read(batch);
    for (let i = 0; i < rows; i++) {
      const { start, end } = batch;
      if (start[i] < 0 || end[i] < start[i] || end[i] > reader.bytes.length)
        throw new Error('a frame outside the buffer');
      if (batch.wireLen[i] < end[i] - start[i] || reader.interfaces[batch.interfaceId[i]] === undefined) {
        throw new Error('a row that cannot be');
      }
      let sum = 0;
      for (let b = start[i]; b < end[i]; b++) sum = (Math.imul(sum, 31) + batch.bytes[b]) | 0;
      digest += `${sum} ${batch.seconds[i]}.${batch.nanos[i]} ${batch.interfaceId[i]} ${batch.direction[i]};`;
    }
    if (rows > 0) continue;
    if (reader.error !== null) {
      if (!(reader.error instanceof CaptureError)) throw new Error('another error');
      return `${digest}${reader.error.message}`;
    }
    if (reader.atEnd) return digest;
    if (at === length) reader.finish();
    else at += reader.feed(file, at, Math.min(length, at + pieceLen));
  }
}

let damaged = 0;
const began = process.hrtime.bigint();
const sources = [() => pcapng(), () => pcap(true), () => pcap(false)];
let files = sources.map((make) => make());
for (let n = 0; n < count; n++) {
  if (n % 1000 === 999) files = sources.map((make) => make());
  const file = Uint8Array.from(files[random.below(files.length)]);
  const length = random.below(3) === 0 ? random.below(file.length + 1) : file.length;
  // Half of the changes hit the headers at the begin.
  mutate(file, 0, random.below(2) === 0 ? Math.min(200, length) : length, random);
  try {
    const whole = readAll(file, length, file.length, readerBatches[0]);
    if (n % 8 === 0) {
      const pieces = readAll(file, length, 1 + random.below(40), readerBatches[1]);
      if (pieces !== whole) throw new Error(`in pieces it reads otherwise:\n${whole}\n${pieces}`);
    }
    if (whole.includes('expected')) damaged++;
  } catch (error) {
    console.error(`file ${n} (seed ${seed}): ${Buffer.from(file.subarray(0, length)).toString('hex')}`);
    console.error(error);
    process.exit(1);
  }
}
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
console.log(`${count} files, ${damaged} ended with an error, no finding, ${seconds.toFixed(1)} s`);
