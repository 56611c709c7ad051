/**
 * Fills a network namespace's connection table, or makes events in it at a rate: what `bench/netlink.js` measures on.
 *
 *   node bench/netlink-storm.js fill COUNT
 *   node bench/netlink-storm.js storm RATE MILLISECONDS     prints how many events it made
 *
 * in that namespace. A storm is of UDP packets, each the first of a connection: 10.0.0.0/8 is to be local, and to be dropped.
 * Messages and packets are written once; of each further one only the bytes that differ are.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';
import { loadSystem, MessageWriter, newRecord, plainTuple, writeChange } from '../dist/internals.js';

const [task, ...numbers] = process.argv.slice(2);
const BATCH = 256;
/** Packets at once: with few of them the smallest receive buffer does not overflow from one call. */
const BURST = 32;
const NEW = 0x100;
const REQUEST_CREATE = 0x601;
const NONE = { sourceNat: null, destinationNat: null, labelMask: null };

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

function write(w, n) {
  w.begin(NEW, REQUEST_CREATE, 1, 2);
  writeChange(w, { record: connection(n), hasStatus: true, hasReply: true, ...NONE }, true, null);
  w.end();
}

/** Sends creations of `count` connections, in batches of which only the addresses and ports change. */
async function fill(count) {
  const socket = (await loadSystem()).open(null);
  const send = (bytes, length) => {
    const errno = socket.send(bytes, length);
    if (errno !== 0) throw new Error(`not sent: errno ${errno}`);
  };
  const w = new MessageWriter(1 << 17);
  const starts = [];
  for (let n = 0; n < BATCH; n++) {
    starts.push(w.length);
    write(w, n);
  }
  // where the original's and the reply's addresses and ports are: asked of the encoder, by what differs
  const places = starts.map((start) => placesOf(w.bytes, start));
  for (let from = 0; from < count; from += BATCH) {
    const many = Math.min(BATCH, count - from);
    for (let i = 0; i < many; i++) patch(w.bytes, places[i], from + i);
    send(w.bytes, many === BATCH ? w.length : starts[many]);
  }
  socket.close();
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

/** A function that sends BURST datagrams to addresses that none had before. */
function makeSender() {
  const libc = koffi.load(null);
  const socket = libc.func('int socket(int, int, int)')(2, 2, 0);
  const sendmmsg = libc.func('int sendmmsg(int, void *, unsigned int, int)');
  const headers = new BigUint64Array(BURST * 8);
  const vectors = new BigUint64Array(BURST * 2);
  const addresses = new Uint8Array(BURST * 16);
  const payload = new Uint8Array(128);
  const pointers = [addresses, vectors, payload].map(({ buffer }) => koffi.address(new Uint8Array(buffer)));
  for (let i = 0; i < BURST; i++) {
    // AF_INET in the host's order, port 53
    addresses.set([2, 0, 0, 53, 10], 16 * i);
    headers[8 * i] = pointers[0] + BigInt(16 * i);
    headers[8 * i + 1] = 16n;
    headers[8 * i + 2] = pointers[1] + BigInt(16 * i);
    headers[8 * i + 3] = 1n;
    vectors[2 * i] = pointers[2];
    vectors[2 * i + 1] = 16n;
  }
  // beyond the addresses of networks and of broadcasts
  let n = 0x10100;
  return () => {
    for (let i = 0; i < BURST; i++, n++) {
      addresses[16 * i + 5] = n >>> 16;
      addresses[16 * i + 6] = n >>> 8;
      addresses[16 * i + 7] = n;
    }
    const sent = sendmmsg(socket, headers, BURST, 0);
    if (sent !== BURST) throw new Error(`${sent} of ${BURST} packets sent, errno ${koffi.errno()}`);
    // what is only pointed to has to stay
    return vectors.length + payload.length;
  };
}

/** Sends packets at a rate. */
async function storm(rate, ms) {
  const send = makeSender();
  const began = performance.now();
  let made = 0;
  for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - began) {
    if (made >= (elapsed * rate) / 1000) {
      await sleep(1);
      continue;
    }
    send();
    made += BURST;
  }
  process.stdout.write(JSON.stringify({ made, ms: performance.now() - began }));
}

if (task === 'fill') await fill(Number(numbers[0]));
else await storm(Number(numbers[0]), Number(numbers[1]));
