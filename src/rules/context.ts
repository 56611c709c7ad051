/**
 * What rules see of the host: at load (LoadContext) and at each packet (RuleContext).
 */
import type { Template } from '../conntrack/lifecycle.js';
import type { Tracker } from '../conntrack/tracker.js';
import type { Nat } from '../nat/nat.js';
import type { Packet } from '../wire/packet.js';
import type { HostFacts } from './host-facts.js';
import type { Family, Position, Rule } from './model.js';
import type { SetStore } from './set/store.js';
import type { SynproxyRequest } from './target/SYNPROXY.js';

/** Results of a target and of a table walk: the next rule decides. */
export const VERDICT_CONTINUE = -1;
/** The packet is dropped. */
export const VERDICT_DROP = 0;
/** The packet goes on; of a host's result: it was forwarded, delivered or sent. */
export const VERDICT_ACCEPT = 1;
/** Back to the calling chain, or to the policy. */
export const VERDICT_RETURN = 2;
/** The packet is dropped and was answered (REJECT). */
export const VERDICT_REJECT = 3;

/** An interface of the simulated host. Index 0 is "none"; `lo` is always there. */
export interface HostInterface {
  index: number;
  name: string;
  /** 6 bytes; all zero on lo. */
  mac: Uint8Array;
  group: number;
  mtu: number;
  loopback: boolean;
}

/** Address types of -m addrtype (linux/rtnetlink.h RTN_*): what the host's routing says of an address. */
export const RTN_UNSPEC = 0;
export const RTN_UNICAST = 1;
export const RTN_LOCAL = 2;
export const RTN_BROADCAST = 3;
export const RTN_ANYCAST = 4;
export const RTN_MULTICAST = 5;
export const RTN_BLACKHOLE = 6;
export const RTN_UNREACHABLE = 7;
export const RTN_PROHIBIT = 8;

/** What -j LOG asks for. */
export interface LogRequest {
  /** Text put before the line. */
  prefix: string;
  /** syslog level 0-7. */
  level: number;
  /** --log-tcp-sequence 1, --log-tcp-options 2, --log-ip-options 4, --log-uid 8, --log-macdecode 32. */
  flags: number;
}

/** What a match or target may ask while a rule is loaded. */
export interface LoadContext {
  family: Family;
  table: string;
  chain: string;
  /** HOOK_ bits from which this rule can be reached. */
  hooks: number;
  /** The rule's -p. */
  protocol: Rule['protocol'];
  tracker: Tracker;
  /** The interface's index by name; 0 = no such interface. */
  interfaceIndex(name: string): number;
  interfaces: readonly (HostInterface | null)[];
  /**
   * Something that several rules share by name (recent lists, hashlimit tables, quota groups): made on first use, kept
   * across reloads of the host's rules. The key begins with the extension's name: 'recent:ssh'.
   */
  shared<T>(key: string, make: () => T): T;
  /** What the host's description says; constant, to be kept by the loaded rule. */
  facts: HostFacts;
  /** The host's sets (ipset); null: it has none and cannot have any. */
  sets: SetStore | null;
  /** Registers a template and returns its number for Packet.template (never 0). */
  template(t: Template): number;
  /** Somewhere to count the packets that an answer of this rule rests on what the host cannot know; `why` says what that is. */
  doubt(why: string): { packets: number };
  /** RuleError with the rule's position; `status` 1: the kernel refuses it, 2: parameter problem. */
  fail(message: string, status?: 1 | 2): never;
}

/** How a packet had been cut before it was put together (conntrack/defrag). */
export interface FragmentBorders {
  /** Length of the IP header, or of the part that each IPv6 fragment has. */
  readonly headerLen: number;
  /** End of each fragment's payload, from the first payload byte on, in order; `cutCount` of them. */
  readonly cuts: Int32Array;
  readonly cutCount: number;
}

/** One a host, reused for each packet; what `match` and `target` functions may read and do. */
export interface RuleContext {
  readonly tracker: Tracker;
  /** What SNAT, DNAT and their kin set up mappings with. */
  readonly nat: Nat;
  readonly interfaces: readonly (HostInterface | null)[];
  /** Valid while the packet has HAS_REASSEMBLED. */
  readonly fragments: FragmentBorders;
  /** Milliseconds of the host's clock (since the epoch). */
  nowMs: number;
  /** HOOK_ constant of the chain being walked (same as packet.hook). */
  hook: number;
  /** Set by a match that wants the packet dropped at once (the kernel's hotdrop). */
  hotdrop: boolean;
  /** The next 32 random bits of the host's seeded source, as Int32. */
  random(): number;
  /** RTN_ type of an address (4 words from `at` in `words`; IPv4 the first) as the host's routing sees it; `dev` 0 = any. */
  addressType(family: number, words: Int32Array, at: number, dev: number): number;
  /** Whether the transport checksum is right (true where it cannot be checked). */
  checksumOk(p: Packet): boolean;
  /** A line for the kernel log about this packet, in the form of the kernel's nf_log_syslog. */
  log(p: Packet, request: LogRequest): void;
  /** Answers the packet as REJECT does; `type` is a REJECT_ code of rules/target/REJECT. */
  reject(p: Packet, type: number): void;
  /** Answers the SYN of a client as -j SYNPROXY does, or tells the server once the client's ACK has shown that it is there. */
  synproxy(p: Packet, request: SynproxyRequest): void;
  /** Answers the packet with an ICMP error of its family; `info`: an MTU, or where the wrong byte is, from the IP header on. */
  answerError(p: Packet, type: number, code: number, info: number): void;
  /**
   * Sends a copy of the packet to the gateway at `gateway` (four words) as -j TEE does (nf_dup_ipv4, nf_dup_ipv6); `dev` 0: where
   * the route to the gateway leads.
   */
  duplicate(p: Packet, gateway: Int32Array, dev: number): void;
  /**
   * Gives the packet a transport and IP header rewritten: after a target has changed bytes it calls what fits.
   * IPv4 header checksum and transport checksum are updated incrementally by the target itself (wire/checksum).
   */
  reparse(p: Packet): void;
  /**
   * Makes sure that `by` bytes may be written behind `p.end`, which else belong to somebody else: the packet may move to another
   * buffer, all its offsets with it. False: there is no room, and nothing changed.
   */
  makeRoom(p: Packet, by: number): boolean;
}

/** A rule that cannot be taken: `message` is iptables' own, a hint may follow on a line below; `describeError` prints it with its place. */
export class RuleError extends Error {
  /** Where in the text; null: it was not read from one. */
  readonly position: Position | null;
  /** iptables' exit status for it: 2 parameter problem, 1 the kernel refuses, 3 unknown table, 4 resource problem. */
  readonly status: number;
  /** @internal */
  constructor(message: string, position: Position | null = null, status = 2) {
    super(message);
    this.name = 'RuleError';
    this.position = position;
    this.status = status;
  }
}
