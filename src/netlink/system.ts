/** What the rest of this room wants of the operating system; `socket.ts` has it of Linux, the tests have it of a made-up kernel. */
import { MessageBuffer } from './message.js';

/** Where datagrams are received: `slots` of `slotLen` bytes each in one buffer. */
export interface Datagrams {
  readonly buffer: MessageBuffer;
  /** Most datagrams at once. */
  readonly slots: number;
  /** Bytes of a slot, a multiple of 4; a longer datagram is cut. */
  readonly slotLen: number;
  /** Bytes that each had, which may be more than its slot has. */
  readonly lengths: Int32Array;
}

/** A netlink socket that never blocks. */
export interface NetlinkSocket {
  /** The port that the kernel gave it, which is the sender of its requests. */
  readonly port: number;
  /** Sends `length` bytes of messages; 0, or an errno. */
  send(bytes: Uint8Array, length: number): number;
  /** Receives what is there; how many datagrams, 0: none is there now, negative: -errno. */
  receive(into: Datagrams): number;
  /** Resolves when there is something to receive, or the socket was closed. */
  readable(): Promise<void>;
  /** Joins a multicast group; 0, or an errno. */
  join(group: number): number;
  /** Bytes of the receive buffer, as the kernel counts them. */
  bufferBytes(): number;
  /** Asks for a receive buffer, beyond the system's limit where this is allowed. */
  setBufferBytes(bytes: number): void;
  /** Messages that found no room since it was opened (SO_MEMINFO), modulo 2^32. */
  drops(): number;
  /** Closes it; a second time does nothing. */
  close(): void;
}

/** The operating system. */
export interface NetlinkSystem {
  /** Opens a socket in a network namespace (path of its file; null: this process's). Throws a FlowSourceError. */
  open(namespace: string | null): NetlinkSocket;
  /** Microseconds since the epoch. */
  nowUs(): number;
  /** Resolves after a while, without holding up what else is to be done. */
  delay(ms: number): Promise<void>;
  /** Text of a small file; null: there is none, or it may not be read. */
  readText(path: string): string | null;
  /** Name of the program whose netlink socket has a port of a namespace; null: it is not known, or gone. */
  programName(port: number, namespace: string | null): string | null;
}

/** Room for datagrams. */
export function newDatagrams(slots: number, slotLen: number): Datagrams {
  return { buffer: new MessageBuffer(slots * slotLen), slots, slotLen, lengths: new Int32Array(slots) };
}
