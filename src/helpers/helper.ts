/**
 * A helper: what it is, and what it works with while it reads a packet.
 *
 * Helpers run at the end of INPUT and POSTROUTING, after NAT and before the connection is confirmed (nf_confirm): headers are as they
 * leave, the payload is as it came. Payload is read by place in `p.bytes`; numbers are parsed and printed by hand.
 */
import { type Expectation, type ExpectFn, type ExpectTable, RELATE_CLASH, RELATE_OK } from '../conntrack/expect.js';
import type { ConnHelp, ExpectPolicy, HelperInfo } from '../conntrack/helper.js';
import { IPS_DST_NAT, IPS_SRC_NAT, R_STATUS, RECORD_SHIFT } from '../conntrack/layout.js';
import { NF_DROP, type Tracker } from '../conntrack/tracker.js';
import type { Nat } from '../nat/nat.js';
import { NatRange } from '../nat/range.js';
import { AF_INET, CT_ESTABLISHED, HAS_TCP, IPPROTO_TCP, type Packet, T_PORTS, TUPLE_WORDS } from '../wire/packet.js';
import { Mangler } from './mangle.js';
import type { HelperParameters } from './parameters.js';
import { SipText } from './sip-text.js';
import { NumberReader } from './text.js';

/** Ports that are tried for an expectation whose own is taken (nf_nat_exp_find_port). */
const MAX_PORT_ATTEMPTS = 128;
const MAX_PORT = 65535;

/** One helper, as src/helpers/registry.ts lists them. */
export interface Helper extends HelperInfo {
  /** Reads one packet of a connection; NF_ACCEPT, or NF_DROP where what it says cannot be tracked. */
  help(c: HelpContext): number;
  /** A connection begins that it expected with `c.expectedByHelper`. */
  expected?(c: HelpContext, slot: number, e: Expectation): void;
  /** The connection ends (struct nf_conntrack_helper's destroy). */
  destroy?(c: HelpContext, slot: number): void;
  /** Its policies where parameters change them. */
  readonly policiesOf?: (parameters: HelperParameters) => readonly ExpectPolicy[];
  /** Module that has the part for NAT, '' = none is needed. */
  readonly natModule: string;
}

/** What helpers ask of the host. */
export interface HelperHost {
  /** Makes sure that `by` bytes may be written behind the packet, which may move. */
  makeRoom(p: Packet, by: number): boolean;
  /** 32 random bits of the host's seeded source. */
  random(): number;
  /**
   * The netmask of the interface `dev` on which `address` is the broadcast address of a primary address; 0 = it is none. IPv4.
   */
  broadcastMask(dev: number, address: number): number;
  /** The interface on which the host reaches the address at `words`; 0: on none. */
  interfaceTo(family: number, words: Int32Array): number;
}

/** What a helper has read; each says which fields it fills in. */
export class Found {
  /** Absolute place and length of the text that NAT replaces. */
  at = 0;
  length = 0;
  port = 0;
  /** Of `address`; 0: none was named. */
  family = 0;
  readonly address = new Int32Array(4);
  readonly numbers = new Int32Array(8);
}

/** The packet at hand and everything around it; one object a host. */
export class HelpContext {
  readonly tracker: Tracker;
  readonly nat: Nat;
  readonly host: HelperHost;
  readonly parameters: HelperParameters;
  readonly expectations: ExpectTable;
  readonly mangler: Mangler;

  p!: Packet;
  slot = 0;
  /** 0 original, 1 reply. */
  direction = 0;
  help!: ConnHelp;
  /** Whether the payload is to be changed where it names addresses: the connection is translated, and the module for that is there. */
  isNatted = false;
  /** The payload is p.bytes[from, to). */
  from = 0;
  to = 0;
  /** Helpers whose part for NAT is there. */
  readonly natHelpers = new Set<unknown>();
  /** For `Expectation.expectfn`: the master's helper is told. */
  readonly expectedByHelper: ExpectFn = (slot, e) =>
    (this.tracker.table.coldOf(e.master).help?.helper as Helper | null)?.expected?.(this, slot, e);
  readonly scratchTuple = new Int32Array(TUPLE_WORDS);
  readonly masterTuple = new Int32Array(TUPLE_WORDS);
  readonly range = new NatRange();
  readonly found = new Found();
  readonly sip = new SipText(this);
  /** SIP: where a stream is taken, and the address of its whole call. */
  readonly media = { address: new Int32Array(4), common: new Int32Array(4) };
  readonly number = new NumberReader();
  /** The connection's tuples by direction. */
  readonly tuples = [new Int32Array(TUPLE_WORDS), new Int32Array(TUPLE_WORDS)] as const;

  constructor(tracker: Tracker, nat: Nat, host: HelperHost, parameters: HelperParameters) {
    this.parameters = parameters;
    this.tracker = tracker;
    this.nat = nat;
    this.host = host;
    this.expectations = tracker.expectations;
    this.mangler = new Mangler(this);
  }

  /** Takes up a packet that has a connection with a helper. */
  attach(p: Packet, help: ConnHelp): void {
    this.p = p;
    this.slot = p.connection >> 1;
    this.direction = p.connection & 1;
    this.help = help;
    const { table } = this.tracker;
    table.readTuple(this.slot, 0, this.tuples[0]);
    table.readTuple(this.slot, 1, this.tuples[1]);
    const status = table.words[(this.slot << RECORD_SHIFT) + R_STATUS]!;
    this.isNatted = (status & (IPS_SRC_NAT | IPS_DST_NAT)) !== 0;
    this.to = p.end;
    this.from = p.protocol === IPPROTO_TCP && (p.has & HAS_TCP) === 0 ? p.end : p.payloadOff < 0 ? p.end : p.payloadOff;
  }

  /** Whether there has been traffic both ways before this packet, or this is the first answer. */
  get isEstablished(): boolean {
    return this.p.state === CT_ESTABLISHED;
  }

  /** The tuple of the packet's direction. */
  get own(): Int32Array {
    return this.tuples[this.direction as 0 | 1];
  }

  /** The tuple of the opposite direction. */
  get other(): Int32Array {
    return this.tuples[(this.direction ^ 1) as 0 | 1];
  }

  /** A blank expectation of this connection. */
  make(): Expectation {
    return this.expectations.make(this.slot);
  }

  /** Puts an expectation into the table; RELATE_ constant. A refused one is the caller's still. */
  relate(e: Expectation, anyMaster = false): number {
    this.tracker.expectEvents.clockMs = this.tracker.clockMs;
    return this.expectations.relate(e, this.tracker.clockMs, anyMaster);
  }

  /** The same, and gives a refused one back; false: refused. */
  expect(e: Expectation): boolean {
    if (this.relate(e) === RELATE_OK) return true;
    this.expectations.discard(e);
    return false;
  }

  /** What becomes of a packet whose expectation was refused: the peer would connect in vain. */
  expectOrDrop(e: Expectation, accept: number): number {
    return this.expect(e) ? accept : NF_DROP;
  }

  /**
   * Expects with a port that is free on the translated side: the announced one, or one above it (nf_nat_exp_find_port). The port,
   * 0 = none; the expectation is given back then.
   */
  relateFreePort(e: Expectation, wanted: number): number {
    const range = MAX_PORT - wanted;
    let left = Math.min(range, MAX_PORT_ATTEMPTS);
    for (let port = wanted; ; ) {
      e.tuple[T_PORTS] = (e.tuple[T_PORTS]! & ~0xffff) | port;
      const result = this.relate(e);
      if (result === RELATE_OK) return port;
      if (result !== RELATE_CLASH || --left < 0) break;
      port = wanted + ((this.host.random() >>> 0) % range);
    }
    this.expectations.discard(e);
    return 0;
  }

  /** Whether two addresses of the connection's family are equal. */
  sameAddress(a: Int32Array, aAt: number, b: Int32Array, bAt: number): boolean {
    const words = this.p.family === AF_INET ? 1 : 4;
    for (let i = 0; i < words; i++) if (a[aAt + i] !== b[bAt + i]) return false;
    return true;
  }
}

/** Source port of a tuple. */
export function sourcePort(tuple: Int32Array): number {
  return tuple[T_PORTS]! >>> 16;
}

/** Destination port of a tuple. */
export function destinationPort(tuple: Int32Array): number {
  return tuple[T_PORTS]! & 0xffff;
}
