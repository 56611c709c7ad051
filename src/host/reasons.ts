/**
 * Why the host, not a rule, dropped a packet: codes for `Packet.reason` beside those of connection tracking (below 100).
 */

/** Source address that cannot arrive from outside: the host's own, loopback, multicast, broadcast, 0.0.0.0 (RFC 1812 5.3.7). */
export const HOST_MARTIAN_SOURCE = 100;
/** Destination address that cannot arrive from outside: loopback, 0.0.0.0. */
export const HOST_MARTIAN_DESTINATION = 101;
/** rp_filter: packets to the source address would leave on another interface. */
export const HOST_REVERSE_PATH = 102;
/** Not for this host, and forwarding is off. */
export const HOST_NOT_FORWARDING = 103;
/** No route to the destination. */
export const HOST_NO_ROUTE = 104;
/** A route of type unreachable, prohibit or blackhole. */
export const HOST_ROUTE_REFUSES = 105;
/** A multicast group that nobody on the host has joined. */
export const HOST_NO_GROUP = 106;
/** TTL or hop limit used up. */
export const HOST_TTL = 107;
/** Larger than the MTU of the way out and not to be fragmented; argument 0 = length, 1 = MTU. */
export const HOST_TOO_BIG = 108;
/** Forwarding a source address of link-local scope (RFC 4291 section 2.5.6) or none at all. */
export const HOST_SOURCE_SCOPE = 109;
/** The link layer delivered it to everybody or to somebody else; such packets are not forwarded. */
export const HOST_LINK_GROUP = 110;
/** A fragment that was taken into the reassembly queue: no packet of its own any more. */
export const HOST_FRAGMENT_QUEUED = 111;
/** A fragment that reassembly refused: overlap, contradictory end, nothing in it, queue memory full. */
export const HOST_FRAGMENT_REFUSED = 112;
/** The next hop is not in the neighbour table. */
export const HOST_NO_NEIGHBOUR = 113;

/** IPv4 options that are malformed; argument 0 = the offset of the byte that is wrong. */
export const HOST_BAD_OPTIONS = 114;
/** A source route (accept_source_route is off). */
export const HOST_SOURCE_ROUTE = 115;

/**
 * NAT cannot translate it: a header is too short, an ICMP redirect about a translated connection, a masqueraded connection that
 * would leave on another interface.
 */
export const HOST_NAT_FAILED = 116;

/** -j TPROXY gave it to a socket of the host's, but no route delivers it here: such packets are not forwarded. */
export const HOST_SOCKET_ASSIGNED = 117;

/** The connection's helper cannot track what the packet announces, or its sequence numbers could not be adjusted. */
export const HOST_HELPER_REFUSES = 118;

/** -j SYNPROXY answered the SYN in the server's place. */
export const HOST_SYNPROXY_ANSWERED = 119;
/** -j SYNPROXY connects to the server in the client's name: the ACK brought the right cookie. */
export const HOST_SYNPROXY_CONNECTS = 120;
/** -j SYNPROXY: the ACK's cookie is wrong, or too old. */
export const HOST_SYNPROXY_COOKIE = 121;
/** The SYN/ACK of a server behind -j SYNPROXY: its client has had one. */
export const HOST_SYNPROXY_TAKES = 122;

/** Texts by code - HOST_MARTIAN_SOURCE; %0 and %1 stand for `Packet.reasonArgs`. */
export const HOST_REASON_TEXTS: readonly string[] = [
  'martian source address',
  'martian destination address',
  'reverse path filter: the source is not reached through this interface',
  'not for this host and forwarding is off',
  'no route to the destination',
  'the route refuses it (unreachable, prohibit or blackhole)',
  'multicast group that the host has not joined',
  'TTL used up',
  '%0 bytes are more than the MTU %1 and it may not be fragmented',
  'source address may not be forwarded (scope)',
  'not addressed to this host on the link layer',
  'fragment queued for reassembly',
  'fragment refused by reassembly',
  'next hop is not in the neighbour table',
  'IPv4 options are malformed at offset %0',
  'IPv4 source route',
  'address translation is not possible',
  'a socket of the host has it (TPROXY), but it is routed elsewhere',
  'the helper cannot track what it announces',
  "answered in the server's place (SYNPROXY)",
  'the cookie is right, the server is told (SYNPROXY)',
  'the cookie is wrong or too old (SYNPROXY)',
  'the client has had a SYN/ACK: both ends get an ACK (SYNPROXY)',
];

/** Stable short names by code - HOST_MARTIAN_SOURCE, for counting. */
export const HOST_REASON_NAMES: readonly string[] = [
  'martian-source',
  'martian-destination',
  'reverse-path',
  'not-forwarding',
  'no-route',
  'route-refuses',
  'no-group',
  'ttl',
  'too-big',
  'source-scope',
  'link-group',
  'fragment-queued',
  'fragment-refused',
  'no-neighbour',
  'bad-options',
  'source-route',
  'nat-failed',
  'socket-assigned',
  'helper-refuses',
  'synproxy-answered',
  'synproxy-connects',
  'synproxy-cookie',
  'synproxy-takes',
];
