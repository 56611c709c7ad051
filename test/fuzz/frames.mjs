/**
 * Mutation fuzzer of wire/: any bytes parse to a result or a reason, without an exception, without a look past the end.
 *
 *   node test/fuzz/frames.mjs [COUNT [SEED [DIST]]]      10 million frames take about 10 s; exit status 1 on a finding
 *
 * Each frame is parsed twice, at the same place in two buffers that differ in everything outside it: a digest of all that the
 * readers gave must be equal, and the bytes outside must be as they were.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { mutate, Random, SEED_FRAMES } from './seeds.mjs';

const count = Number(process.argv[2] ?? 1_000_000);
const seed = Number(process.argv[3] ?? 1);
const dist = resolve(process.argv[4] ?? 'build');
const load = (file) => import(pathToFileURL(resolve(dist, file)).href);

const { Packet } = await load('wire/packet.js');
const { parseFrame, parseNetwork, reparseNetwork, cookedDirection } = await load('wire/parse.js');
const { fillIpv4Checksum, fillTransportChecksum, transportChecksumOff, transportChecksumOk } =
  await load('wire/checksum.js');
const { parseQuoted } = await load('wire/icmp.js');
const { ipv6LoopbackOnly } = await load('wire/ipv6.js');
const { firstSctpChunk, nextSctpChunk, sctpChunkLen } = await load('wire/sctp.js');
const { readTcpOptions, TcpOptions, tcpSackEnd } = await load('wire/tcp-options.js');

const SIZE = 512;
const START = 128;
const MAX_FRAME = 256;
const LINK_TYPES = [0, 1, 12, 101, 108, 113, 228, 229, 276];
const seeds = SEED_FRAMES.map(([linkType, hex]) => [linkType, Uint8Array.from(Buffer.from(hex, 'hex'))]);
const random = new Random(seed);

/** Two sides: all bytes outside the frame are 0x00 on one and 0xff on the other. */
const sides = [0, 0xff].map((fill) => ({
  fill,
  bytes: new Uint8Array(SIZE).fill(fill),
  packet: new Packet(),
  inner: new Packet(),
  options: new TcpOptions(),
}));

let hash = 0;
function add(value) {
  hash = (Math.imul(hash, 31) + value) | 0;
}

function addPacket(p) {
  add(p.end);
  add(p.macOff);
  add(p.l3Off);
  add(p.l3Len);
  add(p.l4Off);
  add(p.payloadOff);
  add(p.family);
  add(p.protocol);
  add(p.has);
  add(p.fragment);
  add(p.fragmentOff);
  add(p.seq);
  add(p.ack);
  add(p.window);
  add(p.tcpFlags);
  add(p.packetType);
  for (let i = 0; i < 10; i++) add(p.tuple[i]);
}

/** Everything that can be asked of a frame; the digest of the answers. */
function digest(side, end, wireLen, linkType) {
  const { bytes, packet: p, inner, options } = side;
  hash = 0;
  add(cookedDirection(bytes, START, end, linkType));
  const code = parseFrame(p, bytes, START, end, wireLen, linkType);
  add(code);
  addPacket(p);
  if (p.end > end) throw new Error('end lies past the frame');
  if (code === 0) {
    add(Number(transportChecksumOk(p)));
    add(transportChecksumOff(p));
    add(Number(ipv6LoopbackOnly(p)));
    readTcpOptions(p, options);
    add(options.mss + options.windowScale * 65536);
    add(options.sackCount);
    for (let i = 0; i < options.sackCount; i++) add(options.sackLeft[i] ^ options.sackRight[i]);
    add(options.timestamp);
    add(tcpSackEnd(p));
    let chunks = 0;
    for (let at = firstSctpChunk(p); at >= 0; at = nextSctpChunk(p, at)) {
      add(sctpChunkLen(p, at));
      if (++chunks > SIZE) throw new Error('the chunk walk does not end');
    }
    if (p.payloadOff >= 0) {
      add(parseQuoted(p, inner));
      add(inner.has);
      add(inner.l4Off);
      add(inner.protocol);
      add(inner.tuple[8]);
    }
    if (p.family === 2) fillIpv4Checksum(p.view, p.l3Off);
    fillTransportChecksum(p);
    if (!transportChecksumOk(p) && p.protocol !== 136) throw new Error('a filled checksum is wrong');
    add(reparseNetwork(p, p.end));
    addPacket(p);
  } else if (!(code > 0 && code < 20)) {
    throw new Error(`parse result ${code}`);
  }
  add(parseNetwork(p, bytes, START + Math.min(14, end - START), end));
  addPacket(p);
  for (let at = START; at < end; at++) add(bytes[at]);
  return hash;
}

function outsideIsUntouched(side, end) {
  for (let at = 0; at < START; at++) if (side.bytes[at] !== side.fill) return false;
  for (let at = end; at < START + MAX_FRAME + 64; at++) if (side.bytes[at] !== side.fill) return false;
  return true;
}

const frame = new Uint8Array(MAX_FRAME);
const network = { 1: 14, 113: 16, 276: 20, 0: 4, 108: 4 };
/** Makes the IPv4 checksum right, so that what lies behind it is reached. */
function repair(length, linkType) {
  const at = network[linkType] ?? 0;
  const headerLen = (frame[at] & 15) * 4;
  if (frame[at] >> 4 !== 4 || headerLen < 20 || at + headerLen > length) return;
  fillIpv4Checksum(new DataView(frame.buffer), at);
}

let parsed = 0;
const began = process.hrtime.bigint();
for (let n = 0; n < count; n++) {
  const [seedType, seedBytes] = seeds[random.below(seeds.length)];
  frame.set(seedBytes);
  let length = seedBytes.length;
  mutate(frame, 0, length, random);
  const linkType = random.below(50) === 0 ? LINK_TYPES[random.below(LINK_TYPES.length)] : seedType;
  if (random.below(4) === 0) length = random.below(length + 1);
  if (random.below(4) !== 0) repair(length, linkType);
  const wireLen = random.below(3) === 0 ? length + random.below(100) : length;
  const end = START + length;
  const digests = [0, 0];
  for (let i = 0; i < 2; i++) {
    const side = sides[i];
    side.bytes.fill(side.fill, START, START + MAX_FRAME);
    for (let at = 0; at < length; at++) side.bytes[START + at] = frame[at];

    try {
      digests[i] = digest(side, end, wireLen, linkType);
      if (!outsideIsUntouched(side, end)) throw new Error('bytes outside the frame were written');
      if (i === 1 && digests[0] !== digests[1]) throw new Error('the result depends on bytes outside the frame');
    } catch (error) {
      console.error(
        `frame ${n} (seed ${seed}), link type ${linkType}, wire length ${wireLen}: ${Buffer.from(frame.subarray(0, length)).toString('hex')}`,
      );
      console.error(error);
      process.exit(1);
    }
  }
  if (sides[0].packet.l4Off >= 0) parsed++;
}
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
console.log(`${count} frames, ${parsed} with a transport header, no finding, ${seconds.toFixed(1)} s`);
