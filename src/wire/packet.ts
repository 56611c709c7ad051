/**
 * One parsed packet, filled in place.
 *
 * A host owns a few of these and reuses them: every field is valid until the next parse into the same object. Nothing here
 * allocates; `bytes` is borrowed from the caller (a capture buffer, a socket buffer) and is rewritten in place by mangling.
 *
 * Offsets are absolute positions in `bytes`; -1 = absent.
 */

/** AF_INET, as the kernel numbers families (NFPROTO_IPV4). */
export const AF_INET = 2;
/** AF_INET6 (NFPROTO_IPV6). */
export const AF_INET6 = 10;

export const IPPROTO_ICMP = 1;
export const IPPROTO_IGMP = 2;
export const IPPROTO_IPIP = 4;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_DCCP = 33;
export const IPPROTO_GRE = 47;
export const IPPROTO_ESP = 50;
export const IPPROTO_AH = 51;
export const IPPROTO_ICMPV6 = 58;
export const IPPROTO_SCTP = 132;
export const IPPROTO_UDPLITE = 136;

export const IPPROTO_HOPOPTS = 0;
export const IPPROTO_ROUTING = 43;
export const IPPROTO_FRAGMENT = 44;
export const IPPROTO_NONE = 59;
export const IPPROTO_DSTOPTS = 60;

/** Bits of `Packet.has`: what the parser found and what is known of the packet. */
export const HAS_TCP = 1 << 0; //        a whole TCP header (at least 20 bytes, data offset inside the packet) was read
export const HAS_PORTS = 1 << 1; //      tuple[8] holds source port << 16 | destination port
export const HAS_FRAGMENT = 1 << 2; //   an IPv4 fragment (MF or offset) or an IPv6 fragment header
export const HAS_LATER_FRAGMENT = 1 << 3; // a fragment whose offset is not zero: no transport header
export const HAS_CUT = 1 << 4; //        the capture holds fewer bytes than the packet had on the wire (snap length)
export const HAS_REASSEMBLED = 1 << 5; // made by defragmentation; lives in the defragmenter's buffer
export const HAS_LOCAL_ORIGIN = 1 << 6; // made by the host itself (OUTPUT path): checksums are taken as right
/** The transport part of a tuple could be read (nf_ct_get_tuple succeeds): connection tracking can look the packet up. */
export const HAS_TUPLE = 1 << 7;
/** IPv6: an extension header is malformed or outside the packet. Rules with -p drop such a packet, the tracker cannot track it. */
export const HAS_BROKEN_CHAIN = 1 << 8;

/** A target made the whole packet writable: the boundaries of its fragments are lost (skb_ensure_writable). */
export const HAS_LINEAR = 1 << 9;
/** A target gave it to a socket of the host's (skb->sk, -j TPROXY): it is delivered there or nowhere. */
export const HAS_SOCKET = 1 << 10;
/** A target made the TCP header writable, options and all: it lies in the first piece, whatever fragments it came in. */
export const HAS_PULLED_TCP = 1 << 11;
/** NAT or tracking made the transport header writable, without options: it lies in the first piece, too. */
export const HAS_PULLED = 1 << 12;
/** The host made it about a packet that is not tracked: what -j CT and NOTRACK say does not count (nf_conntrack_attach). */
export const HAS_UNTRACKED_CAUSE = 1 << 13;
/** A copy of what the host broadcasts, on its way back to it: it has no socket. */
export const HAS_LOOPED = 1 << 14;

/** Why bytes are not a packet that the network layer takes: `Packet.reason` after a parse. 0 = fine. */
export const PARSE_OK = 0;

/** State of a packet, numbered so that `1 << state` is its bit in a --ctstate mask: INVALID, of no connection. */
export const CT_INVALID = 0;
/** State of a packet: ESTABLISHED, of a connection that has seen packets both ways; the first answer already is. */
export const CT_ESTABLISHED = 1;
/** State of a packet: RELATED, begins a connection that another one announced, or is an ICMP error about one. */
export const CT_RELATED = 2;
/** State of a packet: NEW, of a connection that has seen no answer. */
export const CT_NEW = 3;
/** State of a packet: UNTRACKED, by NOTRACK or CT --notrack, or by itself (neighbour discovery). */
export const CT_UNTRACKED = 4;
/** Not looked at by connection tracking yet (raw table and before). Matches as INVALID there, as in the kernel. */
export const CT_NONE = 5;

/** Hook of all packets that arrive, before routing. */
export const HOOK_PREROUTING = 0;
/** Hook of packets that are for the host itself. */
export const HOOK_INPUT = 1;
/** Hook of packets that arrived and leave again. */
export const HOOK_FORWARD = 2;
/** Hook of packets that the host makes. */
export const HOOK_OUTPUT = 3;
/** Hook of all packets that leave. */
export const HOOK_POSTROUTING = 4;

/** Packet types of -m pkttype (linux/if_packet.h). */
export const PACKET_HOST = 0;
export const PACKET_BROADCAST = 1;
export const PACKET_MULTICAST = 2;
export const PACKET_OTHERHOST = 3;
export const PACKET_LOOPBACK = 5;

/** Words of `Packet.tuple`. IPv4 addresses stand in the first word of four, the others are 0. */
export const T_SRC = 0;
export const T_DST = 4;
/** source port << 16 | destination port; ICMP: id << 16 | type << 8 | code; GRE: source key << 16 | destination key. */
export const T_PORTS = 8;
/** protocol | family << 8. */
export const T_PROTO = 9;
export const TUPLE_WORDS = 10;

const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);

/** A packet on its way: what was read from its bytes, then what the host and the tracker know of it. */
export class Packet {
  /** The buffer that the frame lies in; borrowed. */
  bytes: Uint8Array = NO_BYTES;
  /** A view of the same bytes (`view` offset 0 = `bytes` offset 0). Kept as long as the buffer is the same. */
  view: DataView = NO_VIEW;
  /** First byte of the frame. */
  start = 0;
  /** One past the last captured byte of the IP packet (padding after it is not in). */
  end = 0;
  /** Ethernet header; -1 where the link type has none. */
  macOff = -1;
  /** First byte of the IP header. */
  l3Off = -1;
  /** Length of the IP packet in bytes as its header says (skb->len); may exceed `end - l3Off` when HAS_CUT. */
  l3Len = 0;
  /** First byte of the transport header (after IPv4 options, IPv6 extension headers); -1 for a later fragment. */
  l4Off = -1;
  /** First byte after the TCP, UDP, ICMP ... header; -1 where there is none. */
  payloadOff = -1;
  /** AF_INET, AF_INET6, or 0: not IP. */
  family = 0;
  /** Transport protocol: the last next-header of the IPv6 chain. */
  protocol = 0;
  /** HAS_ bits. */
  has = 0;
  /** IPv4: flags and fragment offset field as on the wire. IPv6: offset | M bit of the fragment header. 0 = no fragment. */
  fragment = 0;
  /** IPv6 fragment header; -1 = none. */
  fragmentOff = -1;

  /** TCP, valid iff HAS_TCP. Sequence numbers are Int32: compare by subtraction. */
  seq = 0;
  ack = 0;
  window = 0;
  /** FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128. */
  tcpFlags = 0;

  /** See T_SRC, T_DST, T_PORTS, T_PROTO. */
  readonly tuple = new Int32Array(TUPLE_WORDS);
  /** Direction-symmetric hash of the tuple, set by the tracker. */
  hash = 0;
  /** Slot that the tracker's look ahead found for the hash: perhaps the packet's connection. */
  candidate = 0;

  /** Interface indexes (host/config); 0 = none. */
  inInterface = 0;
  outInterface = 0;
  hook = 0;
  /** PACKET_HOST ... */
  packetType = PACKET_HOST;
  /** nfmark, unsigned 32 bits kept as Int32. */
  mark = 0;
  /** skb->priority, as CLASSIFY sets it. */
  priority = 0;

  /** slot << 1 | direction; -1 = none. */
  connection = -1;
  /** CT_ constant. */
  state = CT_NONE;
  /** Number of the template that -j CT attached (rules/context), 0 = none. */
  template = 0;
  /** Set by -j TRACE: every rule passed is logged. */
  traced = false;

  /** Why the tracker called it INVALID, or why the host dropped it: a code of conntrack/reasons; 0 = no reason. */
  reason = 0;
  /** The numbers that belong to `reason`. */
  readonly reasonArgs = new Float64Array(4);

  /** Points the packet at another buffer; makes a view only if the buffer changed. */
  attach(bytes: Uint8Array): void {
    if (this.bytes === bytes) return;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}
