/**
 * How often the host tells a sender that something is wrong. Two limits take from one purse of each peer (struct inet_peer):
 *
 * - no route, IPv4: one message costs a second, at most five are saved up (net/ipv4/route.c ip_error with the sysctls error_burst
 *   and error_cost at their defaults);
 * - each ICMP and ICMPv6 message of the types in icmp_ratemask, whoever makes it: one costs icmp_ratelimit ms, at most six are
 *   saved up (net/ipv4/icmp.c icmpv4_xrlim_allow, net/ipv6/icmp.c icmpv6_xrlim_allow, inet_peer_xrlim_allow).
 *
 * The second is on where the host's description gives the limit. The limit on all messages together (icmp_msgs_per_sec) is
 * partly drawn, and not made here.
 */
import { AF_INET, AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6, type Packet, T_DST, T_SRC } from '../wire/packet.js';
import { ErrorPeers } from './error-peers.js';
import type { SysctlReader } from './routing.js';

const LO_INDEX = 1;
const NO_ROUTE_COST_MS = 1000;
const NO_ROUTE_BURST = 5;
const BURST = 6;
/** Destination unreachable, source quench, time exceeded, parameter problem. */
const DEFAULT_MASK = 0x1818;
const DEFAULT_MASK6 = '0-1,3-127';
/** NR_ICMP_TYPES: above, nothing is limited. */
const MAX_TYPE = 18;
const ICMP_DEST_UNREACH = 3;
const ICMP_FRAG_NEEDED = 4;
const ICMPV6_PKT_TOOBIG = 2;

export class ErrorLimits {
  private readonly peers = new ErrorPeers();
  /** ms that a message costs; 0: there is no limit. */
  private readonly cost4: number;
  private readonly cost6: number;
  /** 1 for each type that is limited. */
  private readonly types4 = new Uint8Array(256);
  private readonly types6 = new Uint8Array(256);

  constructor(sysctl: SysctlReader) {
    this.cost4 = sysctl.number('net.ipv4.icmp_ratelimit', 0);
    this.cost6 = sysctl.number('net.ipv6.icmp.ratelimit', 0);
    const mask = sysctl.number('net.ipv4.icmp_ratemask', DEFAULT_MASK);
    for (let type = 0; type <= MAX_TYPE; type++) this.types4[type] = (mask >>> type) & 1;
    for (const [first, last] of parseBitmap(sysctl.text('net.ipv6.icmp.ratemask', DEFAULT_MASK6)) ?? []) {
      this.types6.fill(1, first, last + 1);
    }
  }

  /** Whether the sender of `p` may be told that there is no route. */
  allowsNoRoute(p: Packet, nowMs: number): boolean {
    return (
      p.family !== AF_INET || this.peers.allows(p.tuple, T_SRC, AF_INET, nowMs, NO_ROUTE_COST_MS, NO_ROUTE_BURST, false)
    );
  }

  /** Whether an answer that the host has made, whose `outInterface` is known, may leave. */
  allows(answer: Packet, nowMs: number): boolean {
    const { family } = answer;
    const cost = family === AF_INET ? this.cost4 : this.cost6;
    if (cost === 0 || answer.outInterface === LO_INDEX || !this.isLimited(answer)) return true;
    return this.peers.allows(answer.tuple, T_DST, family, nowMs, cost, BURST, true);
  }

  private isLimited(answer: Packet): boolean {
    const { family, l4Off, bytes } = answer;
    if (answer.protocol !== (family === AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6)) return false;
    const type = bytes[l4Off]!;
    // a limit would break path MTU discovery
    if (family === AF_INET6) return type !== ICMPV6_PKT_TOOBIG && this.types6[type] === 1;
    if (type === ICMP_DEST_UNREACH && bytes[l4Off + 1] === ICMP_FRAG_NEEDED) return false;
    return this.types4[type] === 1;
  }
}

/** `0-1,3-127` as ranges of bits 0 to 255; null: it is none. */
export function parseBitmap(text: string): [number, number][] | null {
  if (text === '') return [];
  const ranges: [number, number][] = [];
  for (const part of text.split(',')) {
    const found = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(part.trim());
    if (found === null) return null;
    const first = Number(found[1]);
    const last = Number(found[2] ?? found[1]);
    if (first > last || last > 255) return null;
    ranges.push([first, last]);
  }
  return ranges;
}
