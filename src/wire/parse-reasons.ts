/**
 * Why bytes are not a packet that the network layer takes: what `parseFrame` and its kin return.
 *
 * The kernel drops such packets in ip_rcv / ipv6_rcv, before netfilter sees them (net/ipv4/ip_input.c ip_rcv_core,
 * net/ipv6/ip6_input.c ip6_rcv_core); each code is one of their tests. The numbers that belong to a code stand in
 * `Packet.reasonArgs`, in the order in which the text names them (%0, %1).
 */

/** ARP, LLC, PPPoE ...: no IP inside the frame. Not an error. */
export const PARSE_NOT_IP = 1;
/** The capture's link type is not one that is read. */
export const PARSE_LINK_TYPE = 2;
/** The frame ends inside its link-layer header. */
export const PARSE_LINK_SHORT = 3;
/** The frame ends inside its IP header. */
export const PARSE_IP_SHORT = 4;
/** The version field is not what the link layer announced. */
export const PARSE_IP_VERSION = 5;
/** IPv4: header length below 20 bytes. */
export const PARSE_IP_HEADER_LENGTH = 6;
/** IPv4: header checksum wrong. */
export const PARSE_IP_CHECKSUM = 7;
/** The length field says more than the frame holds. */
export const PARSE_IP_TRUNCATED = 8;
/** IPv4: total length below the header's own length. */
export const PARSE_IP_LENGTH = 9;
/** IPv6: multicast address as source (RFC 4291 section 2.7). */
export const PARSE_IP6_SOURCE = 10;
/** IPv6: destination of the reserved multicast scope 0 (RFC 4291 section 2.7). */
export const PARSE_IP6_SCOPE = 11;
/** IPv6: hop-by-hop options that are malformed, or unknown and marked "discard" (RFC 8200 section 4.2). */
export const PARSE_IP6_HOP_OPTIONS = 12;
/** IPv6: jumbo payload option out of place or with a wrong length (RFC 2675). */
export const PARSE_IP6_JUMBO = 13;
/** The capture (snap length) holds less than the IP header. */
export const PARSE_CUT = 14;

/** A sentence for each code; %0 and %1 stand for `Packet.reasonArgs`. Index 0 (PARSE_OK) is empty. */
export const PARSE_REASON_TEXTS: readonly string[] = [
  '',
  'not an IP packet',
  'link type %0 is not read',
  'the frame of %0 bytes ends inside its link-layer header',
  'the frame holds %0 bytes of an IP header of %1',
  'IP version %0 where %1 was announced',
  'IPv4 header length %0 is below 20',
  'IPv4 header checksum wrong',
  'IP length %0 where the frame holds %1 bytes',
  'IPv4 total length %0 is below the header length %1',
  'IPv6 source is a multicast address',
  'IPv6 destination is multicast of reserved scope 0',
  'IPv6 hop-by-hop options malformed, or one that asks to be discarded (type %0)',
  'IPv6 jumbo payload option wrong (length %0)',
  'the capture holds only %0 bytes of the IP header (%1)',
];
