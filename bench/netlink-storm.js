/**
 * Fills a network namespace's connection table, or makes events in it at a rate: what `bench/netlink.js` measures on.
 *
 *   node bench/netlink-storm.js NAMESPACE fill COUNT
 *   node bench/netlink-storm.js NAMESPACE storm RATE MILLISECONDS     prints how many events it made
 *
 * Messages are encoded once; of each further one only the bytes that differ are written.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { loadSystem, MessageWriter, newRecord, plainTuple, writeChange, writeKey } from '../dist/internals.js';

const [namespace, task, ...numbers] = process.argv.slice(2);
const BATCH = 256;
/** Events at once: with few of them the smallest receive buffer does not overflow from one call. */
const BURST = 32;
const NEW = 0x100;
const DELETE = 0x102;
const REQUEST = 0x1;
const CREATE = 0x600;
const NONE = { sourceNat: null, destinationNat: null, labelMask: null };

const socket = (await loadSystem()).open(namespace);

/** The n-th connection: three of four are TCP. */
function connection(n) {
  const isTcp = n % 4 !== 3;
  const source = `10.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
  const destination = `192.168.${(n * 7) & 63}.${(n * 13) & 255}`;
  const ports = { source: 1024 + (n % 50_000), destination: isTcp ? 443 : 53 };
  const original = { ...plainTuple(source, destination), ports };
  const reply = { ...plainTuple(destination, source), ports: { source: ports.destination, destination: ports.source } };
  const record = newRecord(2, isTcp ? 6 : 17, original, reply);
  return Object.assign(record, { status: 0xe, timeout: 86_400, mark: n % 4, state: isTcp ? 3 : null });
}

function write(w, n, type) {
  w.begin(type, REQUEST | (type === NEW ? CREATE : 0), 1, 2);
  const record = connection(n);
  if (type === NEW) writeChange(w, { record, hasStatus: true, hasReply: true, ...NONE }, true, null);
  else writeKey(w, record, false, false);
  w.end();
}

function send(bytes, length) {
  const errno = socket.send(bytes, length);
  if (errno !== 0) throw new Error(`errno ${errno}`);
}

/** Sends creations of `count` connections, in batches of which only the addresses and ports change. */
function fill(count) {
  const w = new MessageWriter(1 << 17);
  const starts = [];
  for (let n = 0; n < BATCH; n++) {
    starts.push(w.length);
    write(w, n, NEW);
  }
  // where the original's and the reply's addresses and ports are: asked of the encoder, by what differs
  const places = starts.map((start) => placesOf(w.bytes, start));
  for (let from = 0; from < count; from += BATCH) {
    const many = Math.min(BATCH, count - from);
    for (let i = 0; i < many; i++) patch(w.bytes, places[i], from + i);
    send(w.bytes, many === BATCH ? w.length : starts[many]);
  }
}

/** Offsets of addresses (source, destination) and ports in both tuples: tuple, addresses, protocol are written in this order. */
function placesOf(bytes, start) {
  const original = start + 20 + 8;
  const portsAt = original + 16 + 4 + 8;
  const length = bytes[start + 20] | (bytes[start + 21] << 8);
  const shift = length;
  const places = { source: original + 4, destination: original + 12, sport: portsAt + 4, dport: portsAt + 12, shift };
  return places;
}

function patch(bytes, at, n) {
  const third = (n * 7) & 63;
  const fourth = (n * 13) & 255;
  const port = 1024 + (n % 50_000);
  for (const [source, destination, sport] of [
    [at.source, at.destination, at.sport],
    [at.destination + at.shift, at.source + at.shift, at.dport + at.shift],
  ]) {
    bytes[source + 1] = n >>> 16;
    bytes[source + 2] = n >>> 8;
    bytes[source + 3] = n;
    bytes[destination + 2] = third;
    bytes[destination + 3] = fourth;
    bytes[sport] = port >>> 8;
    bytes[sport + 1] = port;
  }
}

/** Creates and deletes the same connections again and again: each message is one event. */
async function storm(rate, ms) {
  const rounds = [];
  for (let k = 0; k < 8; k++) {
    for (const type of [NEW, DELETE]) {
      const w = new MessageWriter(1 << 14);
      for (let n = 0; n < BURST; n++) write(w, k * BURST + n, type);
      rounds.push(w);
    }
  }
  const began = performance.now();
  let made = 0;
  for (let k = 0; ; ) {
    const elapsed = performance.now() - began;
    // only whole rounds, so that nothing is left
    if (elapsed >= ms && k % 2 === 0) break;
    if (made >= (elapsed * rate) / 1000 && elapsed < ms) {
      await sleep(1);
      continue;
    }
    const w = rounds[k++ % rounds.length];
    send(w.bytes, w.length);
    made += BURST;
  }
  process.stdout.write(JSON.stringify({ made, ms: performance.now() - began }));
}

if (task === 'fill') fill(Number(numbers[0]));
else await storm(Number(numbers[0]), Number(numbers[1]));
socket.close();
