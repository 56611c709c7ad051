/**
 * A TCP client and a server on both sides of a router, each going by what came out at its side: for what a router makes up by itself, such
 * as the sequence numbers of SYNPROXY, so that no packets can be written down beforehand.
 */
import { fillTransportChecksum } from '../../src/wire/checksum.js';
import { Packet } from '../../src/wire/packet.js';
import { parseNetwork } from '../../src/wire/parse.js';
import { type Bytes, ip4, ip6, u16, u32 } from './wire-frames.js';

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;
export const ECE = 64;
export const CWR = 128;

/** Options of a segment; what is not given is not there. */
export interface Options {
  mss?: number;
  sack?: boolean;
  /** Timestamp; the echo is what the other end said last, unless `echo` says otherwise. */
  stamp?: number;
  echo?: number;
  scale?: number;
}

/** One end sends a segment. Numbers that are not given are those that fit. */
export interface Action {
  who: 'client' | 'server';
  flags: number;
  /** Relative to the sender's first number. */
  seq?: number;
  /** Added to what fits. */
  ackOff?: number;
  options?: Options;
  data?: number;
  window?: number;
  /** Before it. */
  waitMs?: number;
}

/** What came out of the router, in numbers that do not depend on what it made up. */
export interface Heard {
  /** At whose side. */
  at: 'client' | 'server';
  flags: number;
  /** Relative to the first number of the end that it comes from, or is said to come from. */
  seq: number;
  /** Relative to the receiver's first number; of a SYN without ACK: to the number that the router made up. null: 0. */
  ack: number | null;
  window: number;
  data: number;
  mss?: number;
  sack?: boolean;
  scale?: number;
  /** Of a SYN/ACK of the router's: the bits that tell options. Else relative to it (to the client), or as it is. */
  stamp?: number;
  echo?: number;
  ttl: number;
}

/** A router: takes a packet at a side, gives back what came out at which side. */
export type Router = (
  side: 'client' | 'server',
  packet: Uint8Array,
  waitMs: number,
) => Promise<[side: 'client' | 'server', packet: Uint8Array][]>;

/** Where the two ends are. */
export interface Place {
  family: 4 | 6;
  client: string;
  server: string;
  clientPort: number;
  serverPort: number;
}

const FIRST = { client: 1000, server: 700_000 };
const STAMP_BITS = 0x3f;

/** A segment's fields, absolute. */
interface Segment {
  flags: number;
  seq: number;
  ack: number;
  window: number;
  data: number;
  ttl: number;
  options: Options & { echo?: number };
}

function read(packet: Uint8Array): Segment {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const four = packet[0]! >> 4 === 4;
  const at = four ? 20 : 40;
  const header = (packet[at + 12]! >> 4) * 4;
  const options: Options = {};
  for (let o = at + 20; o < at + header && packet[o] !== 0; ) {
    const kind = packet[o]!;
    if (kind === 2) options.mss = view.getUint16(o + 2);
    if (kind === 3) options.scale = packet[o + 2]!;
    if (kind === 4) options.sack = true;
    if (kind === 8) {
      options.stamp = view.getUint32(o + 2);
      options.echo = view.getUint32(o + 6);
    }
    o += kind === 1 ? 1 : packet[o + 1]!;
  }
  return {
    flags: packet[at + 13]!,
    seq: view.getUint32(at + 4),
    ack: view.getUint32(at + 8),
    window: view.getUint16(at + 14),
    data: packet.length - at - header,
    ttl: packet[four ? 8 : 7]!,
    options,
  };
}

function write(place: Place, who: 'client' | 'server', s: Omit<Segment, 'ttl'>): Uint8Array {
  const { mss, sack, stamp, echo, scale } = s.options;
  const options: Bytes = [
    ...(mss === undefined ? [] : [2, 4, ...u16(mss)]),
    ...(sack ? [1, 1, 4, 2] : []),
    ...(stamp === undefined ? [] : [1, 1, 8, 10, ...u32(stamp), ...u32(echo ?? 0)]),
    ...(scale === undefined ? [] : [1, 3, 3, scale]),
  ];
  const ports = who === 'client' ? [place.clientPort, place.serverPort] : [place.serverPort, place.clientPort];
  const bytes = [
    ...u16(ports[0]!),
    ...u16(ports[1]!),
    ...u32(s.seq),
    ...u32(s.ack),
    (5 + options.length / 4) << 4,
    s.flags,
    ...u16(s.window),
    0,
    0,
    0,
    0,
    ...options,
    ...Array<number>(s.data).fill(0x41),
  ];
  const ends = who === 'client' ? [place.client, place.server] : [place.server, place.client];
  const addresses = { source: ends[0]!, destination: ends[1]! };
  const packet = Uint8Array.from(place.family === 4 ? ip4(6, bytes, addresses) : ip6(6, bytes, addresses));
  const p = new Packet();
  parseNetwork(p, packet, 0, packet.length);
  fillTransportChecksum(p);
  return packet;
}

/** The two ends and what they know; `act` for each action. */
class Ends {
  /** Next own number, and the next one of the peer's; absolute. */
  private readonly next = { ...FIRST };
  private readonly seen = { client: 0, server: 0 };
  private readonly echo: { client?: number; server?: number } = {};
  /** What the router made up: its number, its timestamp. */
  private cookie: number | null = null;
  /** The last one, and the one that the server was told of: from then on the connection counts from that. */
  private stamp = 0;

  constructor(
    private readonly place: Place,
    private readonly router: Router,
  ) {}

  async act(a: Action): Promise<Heard[]> {
    const seq = a.seq === undefined ? this.next[a.who] : FIRST[a.who] + a.seq;
    const data = a.data ?? 0;
    const options = { ...a.options };
    if (options.stamp !== undefined) options.echo ??= this.echo[a.who] ?? 0;
    const ack = (a.flags & ACK) === 0 ? 0 : this.seen[a.who] + (a.ackOff ?? 0);
    const s = { flags: a.flags, seq, ack, window: a.window ?? 65_000, data, options };
    const packet = write(this.place, a.who, s);
    this.next[a.who] = Math.max(this.next[a.who], seq + data + length(a.flags));
    const came = await this.router(a.who, packet, a.waitMs ?? 0);
    return came.map(([side, bytes]) => this.hear(side, read(bytes)));
  }

  private hear(at: 'client' | 'server', s: Segment): Heard {
    const from = at === 'client' ? 'server' : 'client';
    if ((s.flags & RST) === 0) this.seen[at] = (s.seq + s.data + length(s.flags)) >>> 0;
    if (s.options.stamp !== undefined) this.echo[at] = s.options.stamp;
    if (at === 'server' && (s.flags & SYN) !== 0) this.stamp = (s.options.echo ?? 0) & ~STAMP_BITS;
    const isAnswer = at === 'client' && (s.flags & (SYN | ACK)) === (SYN | ACK);
    if (isAnswer) {
      this.cookie = s.seq;
      this.stamp = (s.options.stamp ?? 0) & ~STAMP_BITS;
    }
    const base = at === 'client' ? (this.cookie ?? 0) : FIRST.client;
    const { mss, sack, scale, stamp, echo } = s.options;
    return {
      at,
      flags: s.flags,
      seq: (s.seq - base) | 0,
      ack: this.relativeAck(from, s),
      window: s.window,
      data: s.data,
      ttl: s.ttl,
      ...(mss === undefined ? {} : { mss }),
      ...(sack === undefined ? {} : { sack }),
      ...(scale === undefined ? {} : { scale }),
      ...(stamp === undefined ? {} : { stamp: (at === 'client' ? stamp - this.stamp : stamp) | 0 }),
      ...(echo === undefined ? {} : { echo: this.relativeEcho(at, s) }),
    };
  }

  private relativeAck(from: 'client' | 'server', s: Segment): number | null {
    if (s.ack === 0) return null;
    if ((s.flags & ACK) === 0) return (s.ack - (this.cookie ?? 0)) | 0;
    return (s.ack - (from === 'client' ? FIRST.server : FIRST.client)) | 0;
  }

  /** To the server: a SYN echoes the router's timestamp; the ACK that follows it has the server's one moved by it. */
  private relativeEcho(at: 'client' | 'server', s: Segment): number {
    const echo = s.options.echo!;
    if (at === 'client') return echo;
    if ((s.flags & SYN) !== 0) return echo & STAMP_BITS;
    // whichever is small: what the server said, or that and what it is ahead of the router
    const moved = (echo + this.stamp) | 0;
    return Math.abs(moved) < Math.abs(echo | 0) ? moved : echo | 0;
  }
}

function length(flags: number): number {
  return ((flags & SYN) !== 0 ? 1 : 0) + ((flags & FIN) !== 0 ? 1 : 0);
}

/** Runs a script; what came out after each action. */
export async function play(place: Place, script: readonly Action[], router: Router): Promise<Heard[][]> {
  const ends = new Ends(place, router);
  const heard: Heard[][] = [];
  for (const action of script) heard.push(await ends.act(action));
  return heard;
}
