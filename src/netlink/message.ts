/**
 * Messages in a buffer: nlmsghdr and nfgenmsg.
 *
 *     0  u32 length, header included; the next message begins at the next multiple of 4
 *     4  u16 type: subsystem << 8 | message
 *     6  u16 flags
 *     8  u32 sequence number, as the request had it
 *    12  u32 port of the program that asked for it, or that caused the event; 0: the kernel itself
 *    16  u8 family, u8 version 0, be16 resource id
 *    20  attributes
 *
 * The header's fields and those of attributes have the host's byte order, values have the network's.
 */
import { MessageError } from './error.js';

/** Bytes before the first attribute. */
export const HEADER_LEN = 16;
export const NFGEN_LEN = 20;

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** A buffer for messages, seen as bytes, half words and words; every message and attribute in it begins at a multiple of 4. */
export class MessageBuffer {
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Int32Array;
  /** For the few values of 64 bits that a double cannot hold. */
  readonly view: DataView;

  /** `capacity` in bytes, rounded up to a multiple of 4. */
  constructor(capacity: number) {
    const memory = new ArrayBuffer((capacity + 3) & ~3);
    this.bytes = new Uint8Array(memory);
    this.halves = new Uint16Array(memory);
    this.words = new Int32Array(memory);
    this.view = new DataView(memory);
  }

  /** A copy of bytes that came from elsewhere. */
  static of(bytes: Uint8Array): MessageBuffer {
    const buffer = new MessageBuffer(bytes.length);
    buffer.bytes.set(bytes);
    return buffer;
  }
}

/** The value of network order at a multiple of 4, as Int32. */
export function be32(buffer: MessageBuffer, at: number): number {
  const w = buffer.words[at >> 2];
  if (!LITTLE_ENDIAN) return w;
  return (w << 24) | ((w & 0xff00) << 8) | ((w >>> 8) & 0xff00) | (w >>> 24);
}

/** The 16-bit value of network order. */
export function be16(buffer: MessageBuffer, at: number): number {
  return (buffer.bytes[at] << 8) | buffer.bytes[at + 1];
}

/** The unsigned 64-bit value of network order as a double: exact up to 2^53. */
export function be64(buffer: MessageBuffer, at: number): number {
  return (be32(buffer, at) >>> 0) * 4294967296 + (be32(buffer, at + 4) >>> 0);
}

/** The unsigned 64-bit value of network order, exact. */
export function be64Exact(buffer: MessageBuffer, at: number): bigint {
  return buffer.view.getBigUint64(at);
}

/** Length of the message at `at`. */
export function messageLength(buffer: MessageBuffer, at: number): number {
  return buffer.words[at >> 2] >>> 0;
}

/** Subsystem << 8 | message. */
export function messageType(buffer: MessageBuffer, at: number): number {
  return buffer.halves[(at >> 1) + 2];
}

/** NLM_F_ bits. */
export function messageFlags(buffer: MessageBuffer, at: number): number {
  return buffer.halves[(at >> 1) + 3];
}

/** Sequence number, Int32. */
export function messageSequence(buffer: MessageBuffer, at: number): number {
  return buffer.words[(at >> 2) + 2];
}

/** Port of the program that asked or caused it. */
export function messagePort(buffer: MessageBuffer, at: number): number {
  return buffer.words[(at >> 2) + 3] >>> 0;
}

/** AF_INET 2, AF_INET6 10, or 0. */
export function messageFamily(buffer: MessageBuffer, at: number): number {
  return buffer.bytes[at + HEADER_LEN];
}

/** Resource id: the CPU's number in statistics. */
export function messageResource(buffer: MessageBuffer, at: number): number {
  return be16(buffer, at + HEADER_LEN + 2);
}

/**
 * One past the message at `at`, checked against the `end` of what was received: its length is that of a header at least and all
 * of it is there. Throws a MessageError.
 */
export function messageEnd(buffer: MessageBuffer, at: number, end: number): number {
  if (end - at < HEADER_LEN) throw new MessageError(`${end - at} bytes, less than a header`, at);
  const length = messageLength(buffer, at);
  if (length < HEADER_LEN) throw new MessageError(`length ${length} is less than a header`, at);
  if (length > end - at) throw new MessageError(`length ${length}, but ${end - at} bytes are there`, at);
  return at + length;
}

/** The same for a message of netfilter's, whose header is longer. Throws a MessageError. */
export function netfilterEnd(buffer: MessageBuffer, at: number, end: number): number {
  const last = messageEnd(buffer, at, end);
  if (last - at < NFGEN_LEN) throw new MessageError(`length ${last - at} is less than a header of netfilter`, at);
  return last;
}

/** Where the message after the one that ends at `end` begins. */
export function align4(end: number): number {
  return (end + 3) & ~3;
}
