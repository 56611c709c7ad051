/**
 * Seeded traffic: TCP connections as frames with right checksums, packed one after the other in one buffer.
 *
 * A frame is Ethernet, IPv4 or IPv6, TCP with the timestamp option, and 0 or DATA_BYTES of payload: 66 to 102 bytes.
 * Clients are 10.0.0.1 and up (fd00::1 and up), the server is SERVER. What a connection has sent so far is kept here,
 * so that packets made later go on where earlier ones ended: one recording is not played twice.
 */

/** Payload of a data segment. */
export const DATA_BYTES = 16;
/** The server that all connections lead to: 192.0.2.10 or 2001:db8::10. */
export const SERVER = 0xc000020a | 0;
/** Packets of a whole life, and of a short one with two questions and answers. */
export const LIFE_PACKETS = 20;
export const SHORT_LIFE_PACKETS = 10;

const FIN = 1;
const SYN = 2;
const PSH = 8;
const ACK = 16;

/**
 * A whole life, one row a packet: direction (0 = the client's), flags, whether it carries data.
 * Handshake, questions and answers, close begun by the client.
 */
function life(questions) {
  const exchange = [
    [0, PSH | ACK, 1],
    [1, PSH | ACK, 1],
  ];
  return [
    [0, SYN, 0],
    [1, SYN | ACK, 0],
    [0, ACK, 0],
    ...Array.from({ length: questions }, () => exchange).flat(),
    [0, FIN | ACK, 0],
    [1, FIN | ACK, 0],
    [0, ACK, 0],
  ];
}

const LIFE = life(7);
const SHORT_LIFE = life(2);

/** A small seeded generator (mulberry32): 32 random bits a call, as a number from 0 to 2^32 - 1. */
export function seeded(seed) {
  let a = seed | 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Frames one after the other: frame i is bytes[offsets[i]] up to bytes[offsets[i + 1]]. */
export class FrameList {
  constructor(capacity, bytesPerFrame = 102) {
    this.bytes = new Uint8Array(capacity * bytesPerFrame);
    this.view = new DataView(this.bytes.buffer);
    this.offsets = new Int32Array(capacity + 1);
    this.count = 0;
  }
  /** Forgets all frames; the memory stays. */
  clear() {
    this.count = 0;
  }
}

function sum16(view, at, end) {
  let sum = 0;
  for (; at + 1 < end; at += 2) sum += view.getUint16(at);
  return sum;
}

function fold(sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** What a set of connections has sent so far. */
export class Connections {
  /**
   * @param {number} count how many
   * @param {number} family 4 or 6
   * @param {number} seed for the initial sequence numbers
   * @param {number} first number of the first one: sets with different numbers do not meet
   */
  constructor(count, family, seed, first = 0) {
    const random = seeded(seed);
    this.count = count;
    this.family = family;
    this.first = first;
    /** The next sequence number of each direction: [client, server] of each connection. */
    this.next = new Int32Array(count * 2);
    for (let i = 0; i < count * 2; i++) this.next[i] = random();
  }

  /** Appends one packet of connection i to the list. */
  append(list, i, direction, flags, dataBytes) {
    const at = list.offsets[list.count];
    const ip = at + 14;
    const tcp =
      this.family === 4 ? this.#ipv4(list, at, i, direction, dataBytes) : this.#ipv6(list, at, i, direction, dataBytes);
    const end = tcp + 32 + dataBytes;
    this.#tcp(list.view, ip, tcp, end, i, direction, flags, dataBytes);
    list.count++;
    list.offsets[list.count] = end;
  }

  #ipv4(list, at, i, direction, dataBytes) {
    const { view } = list;
    const client = (0x0a000001 + Math.floor((this.first + i) / 50_000)) | 0;
    this.#ethernet(view, at, direction, 0x0800);
    const ip = at + 14;
    view.setUint32(ip, 0x45000000 | (52 + dataBytes));
    view.setUint32(ip + 4, ((i & 0xffff) << 16) | 0x4000);
    view.setUint32(ip + 8, 0x40060000);
    view.setInt32(ip + 12, direction === 0 ? client : SERVER);
    view.setInt32(ip + 16, direction === 0 ? SERVER : client);
    view.setUint16(ip + 10, fold(sum16(view, ip, ip + 20)));
    return ip + 20;
  }

  #ipv6(list, at, i, direction, dataBytes) {
    const { view } = list;
    const ip = at + 14;
    this.#ethernet(view, at, direction, 0x86dd);
    view.setUint32(ip, 0x60000000);
    view.setUint32(ip + 4, ((32 + dataBytes) << 16) | (6 << 8) | 64);
    const client = direction === 0 ? ip + 8 : ip + 24;
    const server = direction === 0 ? ip + 24 : ip + 8;
    view.setUint32(client, 0xfd000000);
    view.setUint32(client + 4, 0);
    view.setUint32(client + 8, 0);
    view.setUint32(client + 12, 1 + Math.floor((this.first + i) / 50_000));
    view.setUint32(server, 0x20010db8);
    view.setUint32(server + 4, 0);
    view.setUint32(server + 8, 0);
    view.setUint32(server + 12, 0x10);
    return ip + 40;
  }

  #ethernet(view, at, direction, type) {
    view.setUint32(at, 0x02000000);
    view.setUint32(at + 4, direction === 0 ? 0x000a0200 : 0x00010200);
    view.setUint32(at + 8, direction === 0 ? 0x00000001 : 0x0000000a);
    view.setUint16(at + 12, type);
  }

  #tcp(view, ip, tcp, end, i, direction, flags, dataBytes) {
    const port = 10_000 + ((this.first + i) % 50_000);
    const mine = i * 2 + direction;
    view.setUint16(tcp, direction === 0 ? port : 443);
    view.setUint16(tcp + 2, direction === 0 ? 443 : port);
    view.setInt32(tcp + 4, this.next[mine]);
    view.setInt32(tcp + 8, flags & ACK ? this.next[mine ^ 1] : 0);
    view.setUint32(tcp + 12, 0x80000000 | (flags << 16) | 0xfaf0);
    view.setUint32(tcp + 16, 0);
    view.setUint32(tcp + 20, 0x0101080a);
    view.setInt32(tcp + 24, this.next[mine]);
    view.setInt32(tcp + 28, this.next[mine ^ 1]);
    for (let k = 0; k < dataBytes; k += 4) view.setUint32(tcp + 32 + k, 0x61626364);
    const pseudo = this.family === 4 ? sum16(view, ip + 12, ip + 20) : sum16(view, ip + 8, ip + 40);
    view.setUint16(tcp + 16, fold(pseudo + 6 + (end - tcp) + sum16(view, tcp, end)));
    this.next[mine] = (this.next[mine] + dataBytes + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0)) | 0;
  }
}

/** Handshakes of connections from..to, three packets each, group by group so that they overlap. */
export function handshakes(connections, list, from, to, group = 64) {
  for (let start = from; start < to; start += group) {
    const end = Math.min(to, start + group);
    for (let step = 0; step < 3; step++)
      for (let i = start; i < end; i++) connections.append(list, i, LIFE[step][0], LIFE[step][1], 0);
  }
}

/** Established traffic: `packets` packets of connections uniformly at random, each one's directions in turn. */
export function established(connections, list, packets, random, turns) {
  for (let n = 0; n < packets; n++) {
    const i = random() % connections.count;
    const direction = turns[i];
    turns[i] ^= 1;
    connections.append(list, i, direction, direction === 0 ? PSH | ACK : ACK, direction === 0 ? DATA_BYTES : 0);
  }
}

/** Whole lives of connections from..to, group by group so that they overlap. */
export function lives(connections, list, from, to, short = false, group = 64, dataBytes = DATA_BYTES) {
  const rows = short ? SHORT_LIFE : LIFE;
  for (let start = from; start < to; start += group) {
    const end = Math.min(to, start + group);
    for (const [direction, flags, data] of rows)
      for (let i = start; i < end; i++) connections.append(list, i, direction, flags, data * dataBytes);
  }
}

/**
 * A recording: whole lives of all connections, `open` of them at a time, the next packet always of one at random.
 * Calls back with a filled list now and then; the list is cleared afterwards.
 */
export function recording(connections, open, seed, list, flush) {
  const random = seeded(seed);
  const slots = new Int32Array(open);
  const steps = new Uint8Array(open);
  let started = Math.min(open, connections.count);
  let alive = started;
  for (let s = 0; s < started; s++) slots[s] = s;
  while (alive > 0) {
    const s = random() % alive;
    const [direction, flags, data] = LIFE[steps[s]];
    connections.append(list, slots[s], direction, flags, data * DATA_BYTES);
    steps[s]++;
    if (steps[s] === LIFE_PACKETS && started < connections.count) {
      slots[s] = started++;
      steps[s] = 0;
    } else if (steps[s] === LIFE_PACKETS) {
      alive--;
      slots[s] = slots[alive];
      steps[s] = steps[alive];
    }
    if (list.count + 1 >= list.offsets.length) {
      flush(list);
      list.clear();
    }
  }
  flush(list);
  list.clear();
}
