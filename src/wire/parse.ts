/**
 * From a frame's bytes to a filled Packet: the link layer, then IPv4 or IPv6, then the transport header.
 *
 * Any bytes give a result or a reason, never an exception, and no byte at or after `end` is read. Validity is the kernel's at
 * the same place: what ip_rcv and ipv6_rcv drop before netfilter is a PARSE_ reason; what they pass is PARSE_OK, however odd
 * its transport header is.
 */
import { readIpv4 } from './ipv4.js';
import { readIpv6 } from './ipv6.js';
import {
  AF_INET6,
  CT_NONE,
  HAS_LINEAR,
  HAS_LOCAL_ORIGIN,
  HAS_LOOPED,
  HAS_PULLED,
  HAS_PULLED_TCP,
  HAS_REASSEMBLED,
  HAS_SOCKET,
  HAS_UNTRACKED_CAUSE,
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  PARSE_OK,
  type Packet,
} from './packet.js';
import { PARSE_IP_SHORT, PARSE_IP_VERSION, PARSE_LINK_SHORT, PARSE_LINK_TYPE, PARSE_NOT_IP } from './parse-reasons.js';

/** Link types as pcap files number them (https://www.tcpdump.org/linktypes.html). */
export const LINKTYPE_NULL = 0;
/** Link type: Ethernet, with or without 802.1Q tags. */
export const LINKTYPE_ETHERNET = 1;
/** Raw IP under the numbers that BSDs gave DLT_RAW. */
export const LINKTYPE_RAW_BSD = 12;
export const LINKTYPE_RAW_OPENBSD = 14;
/** Link type: none, the frame begins with the IPv4 or IPv6 header. */
export const LINKTYPE_RAW = 101;
export const LINKTYPE_LOOP = 108;
/** Link type: Linux cooked v1, as `tcpdump -i any` writes it. */
export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_IPV4 = 228;
export const LINKTYPE_IPV6 = 229;
/** Link type: Linux cooked v2. */
export const LINKTYPE_LINUX_SLL2 = 276;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_8021Q = 0x8100;
const ETHERTYPE_8021AD = 0x88a8;

const ETHERNET_HEADER_LEN = 14;
const SLL_HEADER_LEN = 16;
const SLL2_HEADER_LEN = 20;
/** Packet type "sent by us" of the cooked headers. */
const SLL_OUTGOING = 4;

/**
 * Parses the frame `bytes[start, end)` into `p`. `wireLen`: the frame's length on the wire; more than `end - start` means that
 * the capture cut it, and lengths then come from the IP header (HAS_CUT). Every field is set anew except inInterface, which is
 * the caller's. Returns PARSE_OK or a PARSE_ reason.
 *
 * The bytes stay borrowed by `p` until its next parse.
 */
export function parseFrame(
  p: Packet,
  bytes: Uint8Array,
  start: number,
  end: number,
  wireLen: number,
  linkType: number,
): number {
  p.attach(bytes);
  resetPacket(p, start, end);
  const wireEnd = wireLen > end - start ? start + wireLen : end;
  const reason =
    linkType === LINKTYPE_ETHERNET
      ? parseEthernet(p, start, end, wireEnd)
      : parseOtherLink(p, start, end, wireEnd, linkType);
  if (reason !== PARSE_OK) resetUnread(p);
  return reason;
}

/**
 * Parses a packet that begins at its IP header: one that was reassembled, or that the host makes. As `parseFrame`, with
 * `start` = `l3Off`, no link-layer header, and without looking at the IPv4 header checksum. `wireEnd`: where the packet ended
 * on the wire if the capture cut it.
 */
export function parseNetwork(p: Packet, bytes: Uint8Array, l3Off: number, end: number, wireEnd = end): number {
  p.attach(bytes);
  resetPacket(p, l3Off, end);
  const reason = parseVersion(p, l3Off, end, wireEnd, false);
  if (reason !== PARSE_OK) resetUnread(p);
  return reason;
}

/**
 * Reads the headers of the same bytes again after something rewrote them (addresses, ports, lengths): header fields, tuple and
 * HAS_ bits of the parser are set anew; connection, state, mark, interfaces, packetType and what else the host knows of the
 * packet stay. `end`: one past the packet's last byte, which may have moved.
 */
export function reparseNetwork(p: Packet, end: number): number {
  const kept = p.has & KEPT_BITS;
  const family = p.family;
  const cut = Math.max(0, p.l3Off + p.l3Len - p.end);
  resetHeaders(p);
  p.has = kept;
  const reason =
    family === AF_INET6 ? readIpv6(p, p.l3Off, end, end + cut) : readIpv4(p, p.l3Off, end, end + cut, false);
  if (reason !== PARSE_OK) resetUnread(p);
  return reason;
}

/** Bits known of the packet, not read from it. */
const KEPT_BITS =
  HAS_REASSEMBLED |
  HAS_LOCAL_ORIGIN |
  HAS_LINEAR |
  HAS_SOCKET |
  HAS_PULLED_TCP |
  HAS_PULLED |
  HAS_UNTRACKED_CAUSE |
  HAS_LOOPED;

/**
 * What a cooked header says of the way of the frame: 1 = it arrived, 2 = the capturing host sent it, 0 = not a cooked capture.
 */
export function cookedDirection(bytes: Uint8Array, start: number, end: number, linkType: number): 0 | 1 | 2 {
  if (linkType === LINKTYPE_LINUX_SLL && end - start >= SLL_HEADER_LEN) {
    return bytes[start + 1] === SLL_OUTGOING ? 2 : 1;
  }
  if (linkType === LINKTYPE_LINUX_SLL2 && end - start >= SLL2_HEADER_LEN) {
    return bytes[start + 10] === SLL_OUTGOING ? 2 : 1;
  }
  return 0;
}

function resetPacket(p: Packet, start: number, end: number): void {
  p.start = start;
  p.end = end;
  p.macOff = -1;
  p.l3Off = -1;
  p.l3Len = 0;
  p.has = 0;
  p.packetType = PACKET_HOST;
  p.hash = 0;
  p.candidate = 0;
  p.outInterface = 0;
  p.hook = 0;
  p.mark = 0;
  p.priority = 0;
  p.connection = -1;
  p.state = CT_NONE;
  p.template = 0;
  p.traced = false;
  p.reason = 0;
  resetHeaders(p);
}

/** What a reader of headers does not set in every case. */
function resetHeaders(p: Packet): void {
  p.l4Off = -1;
  p.family = 0;
  p.protocol = 0;
  p.fragment = 0;
  p.fragmentOff = -1;
}

/** What the readers set only where they come to their end. */
function resetUnread(p: Packet): void {
  p.payloadOff = -1;
  p.seq = 0;
  p.ack = 0;
  p.window = 0;
  p.tcpFlags = 0;
  p.tuple.fill(0);
}

function parseEthernet(p: Packet, start: number, end: number, wireEnd: number): number {
  if (end - start < ETHERNET_HEADER_LEN) return linkShort(p, start, end);
  const view = p.view;
  p.macOff = start;
  if ((view.getUint8(start) & 1) !== 0) p.packetType = groupType(view, start);
  const type = view.getUint16(start + 12);
  if (type === ETHERTYPE_IPV4) return readIpv4(p, start + ETHERNET_HEADER_LEN, end, wireEnd, true);
  return parseEtherType(p, type, start + ETHERNET_HEADER_LEN, end, wireEnd);
}

function parseEtherType(p: Packet, first: number, from: number, end: number, wireEnd: number): number {
  let type = first;
  let at = from;
  while (type === ETHERTYPE_8021Q || type === ETHERTYPE_8021AD) {
    if (end - at < 4) return linkShort(p, p.start, end);
    type = p.view.getUint16(at + 2);
    at += 4;
  }
  if (type === ETHERTYPE_IPV4) return readIpv4(p, at, end, wireEnd, true);
  if (type === ETHERTYPE_IPV6) return readIpv6(p, at, end, wireEnd);
  return PARSE_NOT_IP;
}

function parseOtherLink(p: Packet, start: number, end: number, wireEnd: number, linkType: number): number {
  switch (linkType) {
    case LINKTYPE_RAW_BSD:
    case LINKTYPE_RAW_OPENBSD:
    case LINKTYPE_RAW:
      return parseVersion(p, start, end, wireEnd, true);
    case LINKTYPE_IPV4:
      return readIpv4(p, start, end, wireEnd, true);
    case LINKTYPE_IPV6:
      return readIpv6(p, start, end, wireEnd);
    case LINKTYPE_LINUX_SLL:
      if (end - start < SLL_HEADER_LEN) return linkShort(p, start, end);
      p.packetType = cookedType(p.view.getUint16(start));
      return parseEtherType(p, p.view.getUint16(start + 14), start + SLL_HEADER_LEN, end, wireEnd);
    case LINKTYPE_LINUX_SLL2:
      if (end - start < SLL2_HEADER_LEN) return linkShort(p, start, end);
      p.packetType = cookedType(p.view.getUint8(start + 10));
      return parseEtherType(p, p.view.getUint16(start), start + SLL2_HEADER_LEN, end, wireEnd);
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
      return parseNull(p, start, end, wireEnd);
    default:
      p.reasonArgs[0] = linkType;
      return PARSE_LINK_TYPE;
  }
}

/**
 * The four bytes are the address family as the capturing system numbers it, in its byte order (NULL) or the network's (LOOP).
 * All known numbers are below 256, so that the order shows by itself.
 */
function parseNull(p: Packet, start: number, end: number, wireEnd: number): number {
  if (end - start < 4) return linkShort(p, start, end);
  const word = p.view.getInt32(start);
  const family = (word & 0xffffff) === 0 ? word >>> 24 : word;
  if (family === 2) return readIpv4(p, start + 4, end, wireEnd, true);
  // AF_INET6: Linux 10, NetBSD and OpenBSD 24, FreeBSD 28, Darwin 30, Windows 23.
  if (family === 10 || family === 24 || family === 28 || family === 30 || family === 23) {
    return readIpv6(p, start + 4, end, wireEnd);
  }
  return PARSE_NOT_IP;
}

/** Raw IP: the version field says which. */
function parseVersion(p: Packet, l3Off: number, end: number, wireEnd: number, verify: boolean): number {
  if (end <= l3Off) return emptyPacket(p, l3Off);
  const version = p.view.getUint8(l3Off) >> 4;
  if (version === 4) return readIpv4(p, l3Off, end, wireEnd, verify);
  if (version === 6) return readIpv6(p, l3Off, end, wireEnd);
  p.l3Off = l3Off;
  p.reasonArgs[0] = version;
  p.reasonArgs[1] = 4;
  return PARSE_IP_VERSION;
}

function emptyPacket(p: Packet, l3Off: number): number {
  p.l3Off = l3Off;
  p.reasonArgs[0] = 0;
  p.reasonArgs[1] = 20;
  return PARSE_IP_SHORT;
}

/** A destination address with the group bit: broadcast if all ones. */
function groupType(view: DataView, mac: number): number {
  return view.getInt32(mac) === -1 && view.getUint16(mac + 4) === 0xffff ? PACKET_BROADCAST : PACKET_MULTICAST;
}

/** Cooked packet types are numbered like PACKET_ constants; "sent by us" is an ordinary packet to the rules. */
function cookedType(type: number): number {
  return type <= PACKET_OTHERHOST ? type : PACKET_HOST;
}

function linkShort(p: Packet, start: number, end: number): number {
  p.reasonArgs[0] = end - start;
  return PARSE_LINK_SHORT;
}
