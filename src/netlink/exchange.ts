/**
 * Questions and answers over one socket: a command with its acknowledgement, a dump with its many messages.
 *
 * The kernel works on a request while it is being sent, so that the answer is there at once; waiting is for a dump that is
 * longer than the receive buffer. An answer has its request's sequence number, and what has another is passed over.
 */
import { ATTRIBUTE_LEN, attributeText, attributeType, nextAttribute } from './attribute.js';
import * as C from './constants.js';
import { EINTR, EINVAL, ENOBUFS, EOPNOTSUPP, EPERM, MessageError, NetlinkError } from './error.js';
import {
  align4,
  HEADER_LEN,
  type MessageBuffer,
  messageEnd,
  messageFlags,
  messageSequence,
  messageType,
  NFGEN_LEN,
} from './message.js';
import { type Datagrams, type NetlinkSocket, type NetlinkSystem, newDatagrams } from './system.js';
import { MessageWriter } from './writer.js';

/** A dump comes in datagrams of up to 32 KB. */
const DATAGRAM_BYTES = 65_536;
/** Datagrams of a dump after which other work of this process gets its turn. */
const DATAGRAMS_A_TURN = 16;

/** Writes a request; it begins and ends one message with the given flags and sequence number. */
export type WriteRequest = (w: MessageWriter, flags: number, sequence: number) => void;

/** Reads one message of an answer. */
export type ReadMessage<T> = (buffer: MessageBuffer, at: number, end: number) => T;

/** One socket and the requests on it, one at a time. */
export class Exchange {
  private readonly system: NetlinkSystem;
  private readonly socket: NetlinkSocket;
  private readonly into: Datagrams = newDatagrams(1, DATAGRAM_BYTES);
  private readonly writer = new MessageWriter();
  private sequence = 0;
  /** What an EINVAL means for the request that was sent last, where that is clear. */
  private unknownHint = '';

  constructor(system: NetlinkSystem, socket: NetlinkSocket) {
    this.system = system;
    this.socket = socket;
  }

  /** Sends a request and reads what it is answered with up to the acknowledgement. Throws a NetlinkError. */
  async command<T>(operation: string, write: WriteRequest, read: ReadMessage<T> | null = null): Promise<T[]> {
    const sequence = this.send(operation, write, C.NLM_F_REQUEST | C.NLM_F_ACK);
    const answers: T[] = [];
    for (;;) {
      const length = await this.receive(operation);
      const { buffer } = this.into;
      for (let at = 0; at < length; ) {
        const end = messageEnd(buffer, at, length);
        const type = messageType(buffer, at);
        if (messageSequence(buffer, at) === sequence) {
          if (type === C.NLMSG_ERROR) {
            throwIfRefused(operation, buffer, at, end, this.unknownHint);
            return answers;
          }
          if (type >= C.NLMSG_MIN_TYPE && read !== null) answers.push(read(buffer, at, end));
        }
        at = align4(end);
      }
    }
  }

  /** Sends a request for a dump and gives what comes, a batch a datagram. Throws a NetlinkError. */
  async *dump<T>(operation: string, write: WriteRequest, read: ReadMessage<T>): AsyncGenerator<T[], void> {
    const sequence = this.send(operation, write, C.NLM_F_REQUEST | C.NLM_F_DUMP);
    let isInterrupted = false;
    for (let turn = 1; ; turn++) {
      const length = await this.receive(operation);
      const { buffer } = this.into;
      const batch: T[] = [];
      let isDone = false;
      for (let at = 0; at < length && !isDone; ) {
        const end = messageEnd(buffer, at, length);
        const type = messageType(buffer, at);
        if (messageSequence(buffer, at) === sequence) {
          if (messageFlags(buffer, at) & C.NLM_F_DUMP_INTR) isInterrupted = true;
          if (type === C.NLMSG_ERROR || type === C.NLMSG_DONE) {
            throwIfRefused(operation, buffer, at, end, this.unknownHint);
            isDone = true;
          } else if (type === C.NLMSG_OVERRUN) throw new NetlinkError(operation, ENOBUFS);
          else if (type >= C.NLMSG_MIN_TYPE) batch.push(read(buffer, at, end));
        }
        at = align4(end);
      }
      if (batch.length > 0) yield batch;
      if (isDone) break;
      if (turn % DATAGRAMS_A_TURN === 0) await this.system.delay(0);
    }
    if (isInterrupted) throw new NetlinkError(operation, EINTR, '', 'the table changed while it was read; ask again');
  }

  private send(operation: string, write: WriteRequest, flags: number): number {
    this.sequence = (this.sequence + 1) | 0;
    const w = this.writer.clear();
    write(w, flags, this.sequence);
    // where nothing was asked that could be wrong
    this.unknownHint = w.length === NFGEN_LEN ? missingModule(w.bytes) : '';
    const errno = this.socket.send(w.bytes, w.length);
    if (errno !== 0) throw refusal(operation, errno, '');
    return this.sequence;
  }

  /** Bytes of the next datagram. */
  private async receive(operation: string): Promise<number> {
    for (;;) {
      const n = this.socket.receive(this.into);
      if (n < 0) throw refusal(operation, -n, '');
      if (n > 0) break;
      await this.socket.readable();
    }
    const length = this.into.lengths[0];
    if (length > this.into.slotLen) throw new MessageError(`a datagram of ${length} bytes`, this.into.slotLen);
    return length;
  }
}

/** nfnetlink answers EINVAL to subsystems that nobody registered. */
function missingModule(request: Uint8Array): string {
  const subsystem = new Uint16Array(request.buffer, 4, 1)[0] >> 8;
  const module = subsystem === C.SUBSYS_TIMEOUT ? 'nfnetlink_cttimeout' : 'nf_conntrack_netlink';
  return `this kernel does not know the request (is its module ${module} there?)`;
}

/** An error of the kernel's with what it means for the user; `unknownHint` is what EINVAL means. */
export function refusal(operation: string, errno: number, reason: string, unknownHint = ''): NetlinkError {
  const hint = errno === EPERM ? 'this takes CAP_NET_ADMIN (root has it)' : errno === EINVAL ? unknownHint : '';
  return new NetlinkError(operation, errno, reason, hint);
}

/**
 * Throws what a message of type NLMSG_ERROR or NLMSG_DONE says; an errno of 0 is an acknowledgement.
 *
 *    16  i32 errno, negative
 *    20  ERROR only: the request's header, and the rest of the request unless NLM_F_CAPPED
 *        attributes of NLMSGERR_ATTR_, where NLM_F_ACK_TLVS is set
 */
export function throwIfRefused(
  operation: string,
  buffer: MessageBuffer,
  at: number,
  end: number,
  unknownHint = '',
): void {
  if (end - at < HEADER_LEN + 4) {
    // NLMSG_DONE of old kernels has no number
    if (messageType(buffer, at) === C.NLMSG_DONE) return;
    throw new MessageError('an error without a number', at);
  }
  const errno = -buffer.words[(at + HEADER_LEN) >> 2];
  if (errno === 0) return;
  throw refusal(operation, errno, reasonText(buffer, at, end), unknownHint);
}

function reasonText(buffer: MessageBuffer, at: number, end: number): string {
  const flags = messageFlags(buffer, at);
  if ((flags & C.NLM_F_ACK_TLVS) === 0) return '';
  let a = at + HEADER_LEN + 4;
  if (messageType(buffer, at) === C.NLMSG_ERROR) {
    if (end - a < HEADER_LEN) return '';
    a += flags & C.NLM_F_CAPPED ? HEADER_LEN : align4(Math.min(buffer.words[a >> 2] >>> 0, end));
  }
  for (let next = 0; a < end; a = next) {
    next = nextAttribute(buffer, a, end);
    if (attributeType(buffer, a) === C.NLMSGERR_ATTR_MSG && next > a + ATTRIBUTE_LEN) return attributeText(buffer, a);
  }
  return '';
}

/** Whether the kernel may have refused a request for what it does not know, rather than for what it says. */
export function isUnknownToKernel(error: unknown): boolean {
  return error instanceof NetlinkError && (error.errno === EINVAL || error.errno === EOPNOTSUPP);
}
