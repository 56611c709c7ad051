/**
 * A router with a helper on one port, between a client behind r0 and a server behind r1: conversations in, what left and what is
 * expected out. Either end believes what reached it, so translated addresses and sequence numbers are used as they came.
 */
import type { ExpectationRecord } from '../../src/flow/record.js';
import type { HostConfig } from '../../src/host/config.js';
import { Host } from '../../src/host/host.js';
import { loadRules } from '../../src/iptables/restore.js';
import { fillTransportChecksum, transportChecksumOk } from '../../src/wire/checksum.js';
import { AF_INET6, PARSE_OK, Packet } from '../../src/wire/packet.js';
import { LINKTYPE_RAW, parseNetwork } from '../../src/wire/parse.js';
import { type Bytes, ip4, ip6, u16, u32 } from './wire-frames.js';

export const CLIENT = '10.1.0.2';
export const SERVER = '10.2.0.2';
/** The router's address on the server's side: what MASQUERADE gives. */
export const OUTSIDE = '10.2.0.1';
export const CLIENT6 = 'fd00:1::2';
export const SERVER6 = 'fd00:2::2';

export type Side = 'client' | 'server';

/** What left the router because of a packet. */
export interface Left {
  source: string;
  destination: string;
  sport: number;
  dport: number;
  seq: number;
  ack: number;
  /** Bytes of the TCP header behind the first 20. */
  options: Bytes;
  text: string;
  /** IP length, transport and IPv4 header checksums agree with the bytes. */
  isSound: boolean;
}

export interface HelperBenchOptions {
  helper: string;
  protocol: 'tcp' | 'udp';
  port: number;
  /** nat rules besides, `-A ...` a line; `-A POSTROUTING -o r1 -j MASQUERADE`. */
  nat?: string;
  /** In place of the raw rule that assigns the helper. */
  raw?: string;
  config?: Partial<HostConfig>;
  family?: 2 | 10;
}

export const MASQUERADE = '-A POSTROUTING -o r1 -j MASQUERADE\n';

function chains(names: string): string {
  return names
    .split(' ')
    .map((name) => `:${name} ACCEPT [0:0]\n`)
    .join('');
}

export class HelperBench {
  readonly host: Host;
  private readonly family: 2 | 10;
  private now = 1_000_000;
  private left: Left[] = [];

  constructor(o: HelperBenchOptions) {
    this.family = o.family ?? 2;
    this.host = new Host({
      interfaces: [
        { name: 'r0', addresses: ['10.1.0.1/24', 'fd00:1::1/64'] },
        { name: 'r1', addresses: ['10.2.0.1/24', 'fd00:2::1/64'] },
      ],
      routes: [{ to: 'default', via: '10.2.0.9', dev: 'r1' }],
      ...o.config,
      sysctl: {
        'net.ipv4.ip_forward': 1,
        'net.ipv6.conf.all.forwarding': 1,
        'net.netfilter.nf_conntrack_max': 100,
        ...o.config?.sysctl,
      },
    });
    const raw = o.raw ?? `-A PREROUTING -p ${o.protocol} --dport ${o.port} -j CT --helper ${o.helper}\n`;
    const nat = o.nat === undefined ? '' : `*nat\n${chains('PREROUTING INPUT OUTPUT POSTROUTING')}${o.nat}COMMIT\n`;
    const text = `*raw\n${chains('PREROUTING OUTPUT')}${raw}COMMIT\n${nat}`;
    this.host.load(loadRules(text, 'rules', this.family));
    this.host.listen();
    this.host.advance(this.now);
    this.host.onEmit = (bytes, start, end) => this.left.push(read(bytes.slice(start, end)));
  }

  /** ms go by. */
  wait(ms: number): void {
    this.now += ms;
    this.host.advance(this.now);
  }

  /** A packet arrives at the side of its sender; what left because of it. */
  send(side: Side, packet: Bytes): Left[] {
    const bytes = Uint8Array.from(packet);
    const p = new Packet();
    parseNetwork(p, bytes, 0, bytes.length);
    fillTransportChecksum(p);
    this.left = [];
    const dev = this.host.interfaceIndex(side === 'client' ? 'r0' : 'r1');
    this.host.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, dev);
    return this.left;
  }

  /** A packet that the router itself makes. */
  make(packet: Bytes): number {
    const bytes = Uint8Array.from(packet);
    return this.host.send(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW);
  }

  packet(protocol: number, source: string, destination: string, payload: Bytes): Bytes {
    return this.family === 2
      ? ip4(protocol, payload, { source, destination })
      : ip6(protocol, payload, { source, destination });
  }

  udp(side: Side, source: string, sport: number, destination: string, dport: number, text: string | Bytes): Left[] {
    const data = typeof text === 'string' ? bytesOf(text) : text;
    const header = [...u16(sport), ...u16(dport), ...u16(8 + data.length), 0, 0];
    return this.send(side, this.packet(17, source, destination, [...header, ...data]));
  }

  /** State of the last packet as the rules saw it (CT_ constant), and its verdict. */
  get state(): number {
    return this.host.result.state;
  }

  get verdict(): number {
    return this.host.result.verdict;
  }

  /** Reason code of the last packet by name. */
  get reason(): string {
    return this.host.reasonName(this.host.result.reason);
  }

  /** `tcp 10.2.0.2:* > 10.1.0.2:41000`, with class, flags and seconds where they are not 0, none and 300. */
  get expected(): string[] {
    return [...this.host.expectations()].map(expectationText).sort();
  }

  /** `NEW tcp ...` of each event of an expectation. */
  get events(): string[] {
    const events: string[] = [];
    for (let e = this.host.nextExpectationEvent(); e !== null; e = this.host.nextExpectationEvent())
      events.push(`${e.type} ${expectationText(e.record)}`);
    return events;
  }
}

const NAMES: Record<number, string> = { 6: 'tcp', 17: 'udp', 47: 'gre' };

function expectationText(e: ExpectationRecord): string {
  const source = e.mask.source === '0.0.0.0' || e.mask.source === '::' ? '*' : e.tuple.source;
  const port = (of: 'source' | 'destination') => {
    const mask = (e.mask.ports ?? e.mask.keys)![of];
    return mask === 0 ? '*' : String((e.tuple.ports ?? e.tuple.keys)![of]);
  };
  const flags = ['', ' permanent', ' inactive', ' permanent inactive'][e.flags];
  const seconds = e.timeout === 300 ? '' : ` ${e.timeout}s`;
  const klass = e.class === 0 ? '' : ` class ${e.class}`;
  const to = `${e.tuple.destination}:${port('destination')}`;
  return `${NAMES[e.protocol]} ${source}:${port('source')} > ${to}${klass}${flags}${seconds}`;
}

export function bytesOf(text: string): Bytes {
  return [...text].map((c) => c.charCodeAt(0) & 255);
}

function read(bytes: Uint8Array): Left {
  const p = new Packet();
  const parsed = parseNetwork(p, bytes, 0, bytes.length);
  const address = (at: number): string => {
    if (p.family !== AF_INET6) return [...bytes.subarray(at, at + 4)].join('.');
    return Array.from({ length: 8 }, (_, i) => ((bytes[at + 2 * i]! << 8) | bytes[at + 2 * i + 1]!).toString(16)).join(
      ':',
    );
  };
  const six = p.family === AF_INET6;
  return {
    source: address(six ? 8 : 12),
    destination: address(six ? 24 : 16),
    sport: p.tuple[8]! >>> 16,
    dport: p.tuple[8]! & 0xffff,
    seq: p.seq >>> 0,
    ack: p.ack >>> 0,
    options: p.protocol === 6 ? [...bytes.subarray(p.l4Off + 20, p.payloadOff)] : [],
    text: String.fromCharCode(...bytes.subarray(p.payloadOff < 0 ? p.end : p.payloadOff, p.end)),
    isSound: parsed === PARSE_OK && p.end === bytes.length && transportChecksumOk(p),
  };
}

const FIN = 1;
const SYN = 2;
const ACK = 16;

interface End {
  address: string;
  port: number;
  peer: string;
  peerPort: number;
  next: number;
  received: number;
}

/** A TCP conversation through the router. */
export class Talk {
  private readonly bench: HelperBench;
  private readonly sides: Record<Side, Side>;
  readonly ends: Record<Side, End>;
  /** Whether everything that left was sound. */
  isSound = true;

  /** `from`: where the one who opens it sits. */
  constructor(
    bench: HelperBench,
    o: { address?: string; port?: number; peer?: string; peerPort: number; from?: Side },
  ) {
    this.bench = bench;
    const { address = CLIENT, port = 40000, peer = SERVER, peerPort, from = 'client' } = o;
    this.sides = { client: from, server: from === 'client' ? 'server' : 'client' };
    this.ends = {
      client: { address, port, peer, peerPort, next: 1000, received: 0 },
      server: { address: peer, port: peerPort, peer: address, peerPort: port, next: 900_000, received: 0 },
    };
  }

  /** SYN, SYN-ACK, ACK. */
  open(): this {
    this.put('client', SYN);
    this.put('server', SYN | ACK);
    this.put('client', ACK);
    return this;
  }

  /** A text, and its acknowledgment; the text that arrived, null: nothing did. */
  say(who: Side, text: string | Bytes): string | null {
    const left = this.put(who, ACK | 8, typeof text === 'string' ? bytesOf(text) : text);
    this.put(who === 'client' ? 'server' : 'client', ACK);
    return left?.text ?? null;
  }

  /** Both ends close. */
  close(): void {
    this.put('client', FIN | ACK);
    this.put('server', FIN | ACK);
    this.put('client', ACK);
  }

  /** One segment; what came out at the other end. */
  put(who: Side, flags: number, data: Bytes = [], options: Bytes = []): Left | null {
    const e = this.ends[who];
    const other = this.ends[who === 'client' ? 'server' : 'client'];
    const words = 5 + options.length / 4;
    const ack = (flags & ACK) !== 0 ? e.received : 0;
    const header = [...u16(e.port), ...u16(e.peerPort), ...u32(e.next), ...u32(ack)];
    const segment = [...header, words << 4, flags, ...u16(9000), 0, 0, 0, 0, ...options, ...data];
    const left = this.bench.send(this.sides[who], this.bench.packet(6, e.address, e.peer, segment))[0] ?? null;
    const length = data.length + ((flags & SYN) >> 1) + (flags & FIN);
    e.next += length;
    if (left === null) return null;
    this.isSound &&= left.isSound;
    other.received = left.seq + left.text.length + ((flags & SYN) >> 1) + (flags & FIN);
    other.address = left.destination;
    other.port = left.dport;
    other.peer = left.source;
    other.peerPort = left.sport;
    return left;
  }
}
