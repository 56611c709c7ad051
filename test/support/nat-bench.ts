/** A tracker with NAT and packets for it, for tests of src/nat; random numbers are given by the test. */
import { R_STATUS, RECORD_SHIFT } from '../../src/conntrack/layout.js';
import { Settings } from '../../src/conntrack/sysctl.js';
import { NF_ACCEPT, Tracker } from '../../src/conntrack/tracker.js';
import { Nat } from '../../src/nat/nat.js';
import { NatRange, RANGE_MAP_IPS, RANGE_PORTS } from '../../src/nat/range.js';
import { ADDRESS_WORDS, formatAddress, parseAddress } from '../../src/wire/address.js';
import { fillTransportChecksum } from '../../src/wire/checksum.js';
import {
  HOOK_PREROUTING,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  Packet,
  T_DST,
  T_PORTS,
  T_PROTO,
  T_SRC,
  TUPLE_WORDS,
} from '../../src/wire/packet.js';
import { LINKTYPE_RAW, parseFrame } from '../../src/wire/parse.js';
import { type Bytes, ip4, ip6, u16, u32 } from './wire-frames.js';

/** What a test names of a packet; the rest is TCP from 10.1.0.2:1000 to 10.2.0.3:80. */
export interface Ends {
  protocol?: number;
  source?: string;
  destination?: string;
  /** Source port, or the id of an ICMP echo. */
  from?: number;
  to?: number;
  seq?: number;
  /** TCP flags; SYN alone where not given. */
  flags?: number;
  /** ICMP: an echo reply. */
  reply?: boolean;
  /** Zone that -j CT gave the packet, and for which directions: 1 original, 2 reply, 3 both (default). */
  zone?: number;
  zoneDirection?: number;
}

function transport(protocol: number, e: Ends): Bytes {
  const from = u16(e.from ?? 1000);
  const to = u16(e.to ?? 80);
  const data = [104, 101, 108, 108, 111];
  switch (protocol) {
    case IPPROTO_TCP:
      return [...from, ...to, ...u32(e.seq ?? 1000), ...u32(0), 0x50, e.flags ?? 2, ...u16(8192), 0, 0, 0, 0];
    case IPPROTO_UDPLITE:
      // all of it is covered, by a sum that is not right
      return [...from, ...to, 0, 0, 0, 1, ...data];
    case IPPROTO_UDP:
      return [...from, ...to, ...u16(8 + data.length), 0, 0, ...data];
    case IPPROTO_ICMP:
      return [e.reply ? 0 : 8, 0, 0, 0, ...from, 0, 1, ...data];
    case IPPROTO_ICMPV6:
      return [e.reply ? 129 : 128, 0, 0, 0, ...from, 0, 1, ...data];
    case IPPROTO_SCTP:
      return [
        ...from,
        ...to,
        ...u32(0),
        0,
        0,
        0,
        0,
        1,
        0,
        ...u16(20),
        ...u32(7),
        ...u32(9),
        ...u16(1),
        ...u16(1),
        ...u32(5),
      ];
    default:
      return [...from, ...to, 0, 0, 0, 0, ...data];
  }
}

/** The bytes of a whole packet from its IP header on, checksums right. */
export function packetBytes(e: Ends = {}): Uint8Array {
  const six = e.source?.includes(':') ?? false;
  const protocol = e.protocol ?? IPPROTO_TCP;
  const payload = transport(protocol, e);
  const ends = {
    source: e.source ?? '10.1.0.2',
    destination: e.destination ?? (six ? 'fd02::3' : '10.2.0.3'),
  };
  const bytes = Uint8Array.from(six ? ip6(protocol, payload, ends) : ip4(protocol, payload, ends));
  fillTransportChecksum(parsed(bytes));
  return bytes;
}

/** Bytes from the IP header on, parsed. */
export function parsed(bytes: Uint8Array): Packet {
  const p = new Packet();
  parseFrame(p, bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW);
  p.hook = HOOK_PREROUTING;
  return p;
}

/** `source:port>destination:port` of a tuple; ICMP: the id and type * 256 + code in place of the ports. */
export function tupleText(t: Int32Array): string {
  const family = t[T_PROTO]! >> 8;
  const ports = t[T_PORTS]!;
  return `${formatAddress(family, t, T_SRC)}:${ports >>> 16}>${formatAddress(family, t, T_DST)}:${ports & 0xffff}`;
}

/** A range of addresses (`10.2.0.1` or `10.2.0.1-10.2.0.9`, '' = none) and ports, with further RANGE_ flags. */
export function rangeOf(addresses: string, ports: readonly [number, number] | null = null, flags = 0): NatRange {
  const range = new NatRange();
  range.flags = flags;
  if (addresses !== '') {
    const [first, last] = addresses.split('-') as [string, string | undefined];
    parseAddress(first, range.minAddress);
    parseAddress(last ?? first, range.maxAddress);
    range.flags |= RANGE_MAP_IPS;
  }
  if (ports !== null) {
    [range.minPort, range.maxPort] = ports;
    range.flags |= RANGE_PORTS;
  }
  return range;
}

/** One tracker and its NAT. */
export class NatBench {
  readonly tracker: Tracker;
  readonly nat: Nat;
  /** How many random numbers were drawn. */
  drawn = 0;
  /** What MASQUERADE and REDIRECT find, by interface. */
  readonly addresses = new Map<number, string>();

  /** @param random the next random number */
  constructor(
    readonly random: () => number = () => 0,
    sysctl: Readonly<Record<string, number>> = {},
  ) {
    const settings = new Settings();
    settings.set('net.netfilter.nf_conntrack_max', 2000);
    for (const [name, value] of Object.entries(sysctl)) settings.set(`net.netfilter.nf_conntrack_${name}`, value);
    this.tracker = new Tracker({ settings, seed: 1, eventRing: 256 });
    this.tracker.advance(1_760_000_000_000, 1e9);
    const address = (_family: number, dev: number, _words: Int32Array, _at: number, out: Int32Array): boolean =>
      this.addresses.has(dev) && parseAddress(this.addresses.get(dev)!, out) !== 0;
    this.nat = new Nat(this.tracker, {
      random: () => this.draw(),
      masqueradeAddress: address,
      redirectAddress: address,
    });
    this.nat.enable();
  }

  /** The next random number, counted. */
  draw(): number {
    this.drawn++;
    return this.random();
  }

  /** A packet arrives and is tracked. */
  arrive(e: Ends | Uint8Array = {}): Packet {
    const p = parsed(e instanceof Uint8Array ? e : packetBytes(e));
    if (!(e instanceof Uint8Array) && e.zone !== undefined)
      p.template = this.zoneTemplate(e.zone, e.zoneDirection ?? 3);
    this.tracker.prepare(p);
    if (this.tracker.track(p) !== NF_ACCEPT || p.connection < 0) throw new Error('not tracked');
    return p;
  }

  private zoneTemplate(zone: number, zoneDirection: number): number {
    const rest = { zoneFromMark: false, helper: '', timeout: '', ctevents: 0, expevents: 0 };
    return this.tracker.templates.push({ zone, zoneDirection, ...rest }) - 1;
  }

  /** The packet has passed every hook; whether its connection entered the table. */
  leave(p: Packet): boolean {
    const passed = this.tracker.confirm(p) === NF_ACCEPT;
    this.tracker.settle();
    return passed;
  }

  /** A connection mapped by a range, confirmed; its slot. */
  connect(e: Ends, range: NatRange, manip: number): number {
    const p = this.arrive(e);
    this.nat.setup(p.connection >> 1, range, manip);
    if (!this.leave(p)) throw new Error('not confirmed');
    return p.connection >> 1;
  }

  /** The reply tuple of a connection as text. */
  reply(slot: number): string {
    const t = new Int32Array(TUPLE_WORDS);
    this.tracker.table.readTuple(slot, 1, t);
    return tupleText(t);
  }

  /** IPS_ bits of a connection. */
  status(slot: number): number {
    return this.tracker.table.words[(slot << RECORD_SHIFT) + R_STATUS]!;
  }
}

/** An address in four words. */
export function words(text: string): Int32Array {
  const out = new Int32Array(ADDRESS_WORDS);
  parseAddress(text, out);
  return out;
}
