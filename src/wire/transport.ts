/**
 * Transport headers: what a tuple and the protocol trackers need, read in one go.
 *
 * How many bytes a tuple needs is the kernel's rule (net/netfilter/nf_conntrack_core.c nf_ct_get_tuple): 4 for ports, 8 for
 * ICMP and ICMPv6, 8 for GRE version 1. HAS_TUPLE says that it was satisfied; protocols without a tracker always have one.
 */
import {
  HAS_PORTS,
  HAS_TCP,
  HAS_TUPLE,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  type Packet,
  T_PORTS,
} from './packet.js';

/** TCP header without options, bytes. */
const TCP_HEADER_LEN = 20;
const ICMP_HEADER_LEN = 8;
const UDP_HEADER_LEN = 8;
const SCTP_HEADER_LEN = 12;

/** GRE version 1 (RFC 2637) carries PPP only. */
const GRE_PROTOCOL_PPP = 0x880b;

/** The header bits that this file sets. */
const TRANSPORT_BITS = HAS_TCP | HAS_PORTS | HAS_TUPLE;

/**
 * Reads the transport header again: ports, tuple[T_PORTS], TCP fields, payloadOff and their HAS_ bits, from `l4Off`,
 * `protocol`, `end` and `l3Len`. Everything else of the packet stays. For use after a target or helper changed bytes there.
 */
export function parseTransport(p: Packet): void {
  p.has &= ~TRANSPORT_BITS;
  readTransport(p, p.l4Off);
}

/**
 * The same for a packet whose transport bits of `has` are clear. `l4Off` may lie at or after `end` (an empty packet, an
 * extension header that overruns): then nothing is read. TCP fields are filled whenever 20 bytes are there; HAS_TCP says that
 * the data offset is right too.
 */
export function readTransport(p: Packet, l4Off: number): void {
  if (p.protocol !== IPPROTO_TCP || l4Off < 0 || p.end - l4Off < TCP_HEADER_LEN) {
    readOtherTransport(p, l4Off);
    return;
  }
  const view = p.view;
  const word = view.getInt32(l4Off + 12);
  const payloadOff = l4Off + ((word >>> 28) << 2);
  p.tuple[T_PORTS] = view.getInt32(l4Off);
  p.seq = view.getInt32(l4Off + 4);
  p.ack = view.getInt32(l4Off + 8);
  p.window = word & 0xffff;
  p.tcpFlags = (word >> 16) & 0xff;
  if (payloadOff - l4Off >= TCP_HEADER_LEN && payloadOff <= p.l3Off + p.l3Len) {
    p.payloadOff = payloadOff;
    p.has |= HAS_TCP | HAS_PORTS | HAS_TUPLE;
  } else {
    p.payloadOff = -1;
    p.has |= HAS_PORTS | HAS_TUPLE;
  }
}

function readOtherTransport(p: Packet, l4Off: number): void {
  p.tuple[T_PORTS] = 0;
  p.seq = 0;
  p.ack = 0;
  p.window = 0;
  p.tcpFlags = 0;
  p.payloadOff = -1;
  if (l4Off < 0) return;
  switch (p.protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDPLITE:
    case IPPROTO_UDP:
      readPorts(p, l4Off, UDP_HEADER_LEN);
      return;
    case IPPROTO_SCTP:
      readPorts(p, l4Off, SCTP_HEADER_LEN);
      return;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      readIcmp(p, l4Off);
      return;
    case IPPROTO_GRE:
      readGre(p, l4Off);
      return;
    default:
      p.has |= HAS_TUPLE;
  }
}

function readPorts(p: Packet, l4Off: number, headerLen: number): void {
  const there = p.end - l4Off;
  if (there < 4) return;
  p.tuple[T_PORTS] = p.view.getInt32(l4Off);
  p.has |= HAS_PORTS | HAS_TUPLE;
  if (there >= headerLen && p.protocol !== IPPROTO_TCP) p.payloadOff = l4Off + headerLen;
}

/** id << 16 | type << 8 | code of any type: the tracker decides which types have an id. */
function readIcmp(p: Packet, l4Off: number): void {
  if (p.end - l4Off < ICMP_HEADER_LEN) return;
  const view = p.view;
  p.tuple[T_PORTS] = (view.getUint16(l4Off + 4) << 16) | view.getUint16(l4Off);
  p.has |= HAS_TUPLE;
  p.payloadOff = l4Off + ICMP_HEADER_LEN;
}

/**
 * net/netfilter/nf_conntrack_proto_gre.c gre_pkt_to_tuple. The source key, which the kernel takes from its call-id map, is the
 * tracker's to fill in: here it is 0.
 */
function readGre(p: Packet, l4Off: number): void {
  const there = p.end - l4Off;
  const view = p.view;
  if (there >= 8 && (view.getUint16(l4Off) & 7) === 1) {
    if (view.getUint16(l4Off + 2) !== GRE_PROTOCOL_PPP) return;
    p.tuple[T_PORTS] = view.getUint16(l4Off + 6);
  }
  p.has |= HAS_TUPLE;
}
