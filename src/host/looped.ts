/**
 * What the host sends to everybody on an IPv4 network, or to a group that it has joined, comes back to itself (ip_mc_output,
 * ip6_finish_output2, dev_loopback_xmit): a copy passes POSTROUTING, too, then arrives on the same interface and is delivered, tracked already. Of
 * IPv4 groups only 224.0.0.1 is known. What the kernel itself says to groups (IGMP, MLD, neighbour discovery) it does not listen to.
 */
import { RTN_BROADCAST, VERDICT_ACCEPT } from '../rules/context.js';
import {
  AF_INET,
  HAS_LOCAL_ORIGIN,
  HAS_LOOPED,
  IPPROTO_ICMPV6,
  IPPROTO_IGMP,
  PACKET_LOOPBACK,
  PARSE_OK,
  Packet,
  T_DST,
} from '../wire/packet.js';
import { parseNetwork } from '../wire/parse.js';
import type { Routing } from './routing.js';

const ALL_HOSTS = 0xe0000001 | 0;
const INTERFACE_LOCAL = 1;
const MLD_QUERY = 130;
const ND_REDIRECT = 137;
const MLD2_REPORT = 143;
/** Room before the copy, and for the longest packet with what rules may add. */
const START = 64;
const LONGEST = 65535 + 1024;

/** Whether a packet is for this host alone, and leaves it on no wire: to an IPv6 group of interface-local scope (RFC 4291 section 2.7). */
export function staysHere(p: Packet): boolean {
  return p.family !== AF_INET && p.tuple[T_DST]! >>> 24 === 0xff && ((p.tuple[T_DST]! >>> 16) & 0xf) <= INTERFACE_LOCAL;
}

/** MLD and neighbour discovery. */
function isOwnMessage(p: Packet): boolean {
  if (p.protocol !== IPPROTO_ICMPV6 || p.l4Off < 0 || p.l4Off >= p.end) return false;
  const type = p.view.getUint8(p.l4Off);
  return (type >= MLD_QUERY && type <= ND_REDIRECT) || type === MLD2_REPORT;
}

/** The one copy that can be on its way; its buffer is made for the first one. */
export class LoopedCopy {
  /** Valid from `make` until the next one. */
  readonly packet = new Packet();
  private isBusy = false;
  private bytes = new Uint8Array(0);

  /** Whether a packet of the host's comes back to it; behind OUTPUT. */
  isMeant(p: Packet, routing: Routing): boolean {
    if (this.isBusy) return false;
    const to = p.tuple[T_DST]!;
    if (p.family !== AF_INET)
      return to >>> 24 === 0xff && !isOwnMessage(p) && routing.hasJoined(p.tuple, p.outInterface);
    if (to >>> 28 === 14) return to === ALL_HOSTS && p.protocol !== IPPROTO_IGMP;
    return routing.addressType(AF_INET, p.tuple, T_DST, 0) === RTN_BROADCAST;
  }

  /** Makes `packet` a copy of `p`, of the same connection; false: it cannot be copied. */
  make(p: Packet): boolean {
    const length = p.end - p.l3Off;
    if (length > LONGEST) return false;
    if (this.bytes.length === 0) this.bytes = new Uint8Array(START + LONGEST);
    const { bytes, packet: copy } = this;
    for (let i = 0; i < length; i++) bytes[START + i] = p.bytes[p.l3Off + i]!;
    if (parseNetwork(copy, bytes, START, START + length, START + p.l3Len) !== PARSE_OK) return false;
    copy.has |= HAS_LOCAL_ORIGIN | HAS_LOOPED;
    copy.connection = p.connection;
    copy.state = p.state;
    copy.mark = p.mark;
    copy.priority = p.priority;
    copy.traced = p.traced;
    copy.inInterface = 0;
    copy.outInterface = p.outInterface;
    this.isBusy = true;
    return true;
  }

  /** The copy has passed POSTROUTING with this verdict; true: it is to arrive. */
  turn(verdict: number): boolean {
    const copy = this.packet;
    copy.inInterface = copy.outInterface;
    copy.outInterface = 0;
    copy.packetType = PACKET_LOOPBACK;
    return verdict === VERDICT_ACCEPT;
  }

  /** The copy is done. */
  end(): void {
    this.isBusy = false;
  }
}
