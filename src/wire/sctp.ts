/**
 * SCTP chunks (RFC 9260 section 3.2), one after the other, as connection tracking walks them (for_each_sctp_chunk).
 *
 *   for (let at = firstSctpChunk(p); at >= 0; at = nextSctpChunk(p, at)) { p.view.getUint8(at) is the type ... }
 */
import type { Packet } from './packet.js';

export const SCTP_HEADER_LEN = 12;

/** Chunk types, RFC 9260 section 3.2. */
export const SCTP_DATA = 0;
export const SCTP_INIT = 1;
export const SCTP_INIT_ACK = 2;
export const SCTP_SACK = 3;
export const SCTP_HEARTBEAT = 4;
export const SCTP_HEARTBEAT_ACK = 5;
export const SCTP_ABORT = 6;
export const SCTP_SHUTDOWN = 7;
export const SCTP_SHUTDOWN_ACK = 8;
export const SCTP_ERROR = 9;
export const SCTP_COOKIE_ECHO = 10;
export const SCTP_COOKIE_ACK = 11;
export const SCTP_ECNE = 12;
export const SCTP_CWR = 13;
export const SCTP_SHUTDOWN_COMPLETE = 14;

/** Chunk header: type, flags, length (with the header, without padding). */
const CHUNK_HEADER_LEN = 4;

/** Offset of the first chunk header; -1 = none. The four bytes of a returned header are always there, its body need not be. */
export function firstSctpChunk(p: Packet): number {
  return p.l4Off < 0 ? -1 : chunkAt(p, p.l4Off + SCTP_HEADER_LEN);
}

/** Offset of the chunk after the one at `at`; -1 = none. */
export function nextSctpChunk(p: Packet, at: number): number {
  return chunkAt(p, at + ((p.view.getUint16(at + 2) + 3) & ~3));
}

/** A length of 0 ends the walk, as in the kernel: it would never advance. */
function chunkAt(p: Packet, at: number): number {
  return at + CHUNK_HEADER_LEN <= p.end && p.view.getUint16(at + 2) !== 0 ? at : -1;
}

/** Length field of the chunk at `at`: header and value, without padding. */
export function sctpChunkLen(p: Packet, at: number): number {
  return p.view.getUint16(at + 2);
}
