/** Every protocol without a tracker of its own: addresses and protocol number are the connection (nf_conntrack_proto_generic.c). */
import {
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  type Packet,
} from '../wire/packet.js';
import { TIMEOUT_GENERIC } from './sysctl.js';
import { TRACK_ACCEPT } from './track.js';
import type { Tracker } from './tracker.js';

/** Number of this tracker where trackers are named by protocols (IPPROTO_RAW). */
export const PROTO_GENERIC = 255;

/** The protocol whose tracker judges packets of `protocol`: itself, or PROTO_GENERIC (nf_ct_l4proto_find). */
export function trackerOf(protocol: number): number {
  switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
    case IPPROTO_SCTP:
    case IPPROTO_GRE:
    case IPPROTO_UDPLITE:
      return protocol;
    default:
      return PROTO_GENERIC;
  }
}

/** One packet of a connection of an unknown protocol. */
export function genericPacket(t: Tracker, p: Packet, slot: number, direction: number): number {
  const policy = t.table.coldOf(slot).timeouts;
  t.refresh(slot, direction, p.l3Len, policy === null ? t.settings.single[TIMEOUT_GENERIC]! : policy[0]!);
  return TRACK_ACCEPT;
}
