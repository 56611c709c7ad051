/** What a protocol's tracker (tcp.ts, udp.ts ...) says of a packet. */

/** The packet belongs to the connection. */
export const TRACK_ACCEPT = 1;
/** INVALID; `Packet.reason` says why. */
export const TRACK_INVALID = -1;
/** The connection was ended so that this packet can begin a new one: look up again. */
export const TRACK_REPEAT = -2;
