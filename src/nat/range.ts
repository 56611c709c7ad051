/**
 * What a mapping may choose from: addresses, ports, and how (struct nf_nat_range2, include/uapi/linux/netfilter/nf_nat.h).
 *
 * Terms: a *manip* is the half of a packet that NAT changes, its source or its destination.
 */
import { ADDRESS_WORDS } from '../wire/address.js';
import {
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  T_PORTS,
  T_PROTO,
  T_SRC,
} from '../wire/packet.js';

/** Which half of a packet is changed (enum nf_nat_manip_type): the source in POSTROUTING and INPUT ... */
export const MANIP_SRC = 0;
/** ... the destination in PREROUTING and OUTPUT. */
export const MANIP_DST = 1;

/** NatRange.flags: the address comes from minAddress to maxAddress. */
export const RANGE_MAP_IPS = 1 << 0;
/** The port, ICMP id or GRE key comes from minPort to maxPort. */
export const RANGE_PORTS = 1 << 1;
/** --random */
export const RANGE_RANDOM = 1 << 2;
/** --persistent: the destination does not count when an address is chosen. */
export const RANGE_PERSISTENT = 1 << 3;
/** --random-fully */
export const RANGE_RANDOM_FULLY = 1 << 4;
/** The port keeps its distance from basePort. */
export const RANGE_OFFSET = 1 << 5;
/** Ports are drawn even where the old one would do. */
export const RANGE_RANDOM_ALL = RANGE_RANDOM | RANGE_RANDOM_FULLY;

/** A range. Those that rules hold do not change once they are loaded. */
export class NatRange {
  /** RANGE_ bits. */
  flags = 0;
  /** Valid iff RANGE_MAP_IPS: as in a tuple, IPv4 in the first word. */
  readonly minAddress = new Int32Array(ADDRESS_WORDS);
  readonly maxAddress = new Int32Array(ADDRESS_WORDS);
  /** Valid iff RANGE_PORTS, 0-65535. */
  minPort = 0;
  maxPort = 0;
  /** Valid iff RANGE_OFFSET. */
  basePort = 0;

  /** Sets both ends to the address at `words[at..]`; flags and ports stay. */
  setAddress(words: Int32Array, at: number): void {
    for (let i = 0; i < ADDRESS_WORDS; i++) this.minAddress[i] = this.maxAddress[i] = words[at + i]!;
  }

  /** Takes flags and ports of another range, which then has one address of its own. */
  takePorts(from: NatRange): void {
    this.flags = from.flags | RANGE_MAP_IPS;
    this.minPort = from.minPort;
    this.maxPort = from.maxPort;
    this.basePort = from.basePort;
  }
}

/** Whether a tuple's source needs no change (nf_in_range). */
export function sourceInRange(tuple: Int32Array, range: NatRange): boolean {
  if ((range.flags & RANGE_MAP_IPS) !== 0 && !addressInRange(tuple, T_SRC, range)) return false;
  return (range.flags & RANGE_PORTS) === 0 || portInRange(tuple, MANIP_SRC, range);
}

/**
 * Whether the port of a tuple's half, or its ICMP id, lies in the range (l4proto_in_range). True for protocols that have
 * nothing like a port.
 */
export function portInRange(tuple: Int32Array, manip: number, range: NatRange): boolean {
  let half = manip;
  switch (tuple[T_PROTO]! & 0xff) {
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      half = MANIP_SRC;
      break;
    case IPPROTO_GRE:
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_SCTP:
      break;
    default:
      return true;
  }
  const port = half === MANIP_SRC ? tuple[T_PORTS]! >>> 16 : tuple[T_PORTS]! & 0xffff;
  return port >= range.minPort && port <= range.maxPort;
}

/** Whether the address at `words[at..]` lies between the range's ends (nf_nat_inet_in_range). */
function addressInRange(words: Int32Array, at: number, range: NatRange): boolean {
  return compareAddress(words, at, range.minAddress) >= 0 && compareAddress(words, at, range.maxAddress) <= 0;
}

/** As memcmp of the addresses' bytes: negative, 0, positive. Of IPv4 only the first words differ. */
function compareAddress(words: Int32Array, at: number, other: Int32Array): number {
  for (let i = 0; i < ADDRESS_WORDS; i++) {
    // the sign bit flipped: a signed comparison then orders unsigned words
    const a = words[at + i]! ^ 0x80000000;
    const b = other[i]! ^ 0x80000000;
    if (a !== b) return a < b ? -1 : 1;
  }
  return 0;
}
