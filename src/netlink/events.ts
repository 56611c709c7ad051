/**
 * A stream of events over a socket that has joined the kernel's multicast groups.
 *
 * Reading: whenever something is there, all of it is taken and given as one batch; then the socket is left alone for GATHER_MS,
 * because one wake for many events costs a fraction of one wake for each; then it is polled.
 *
 * Losing: a receive buffer that is full drops what comes until it was read empty (NETLINK_S_CONGESTED in af_netlink.c). So what was
 * lost came after what is read up to there and before everything else: the marker stands exactly where they are missing, and the
 * kernel's counter of drops says how many they were. The buffer is doubled each time, up to MOST_BUFFER_BYTES.
 */
import type { ExpectationEvent, FlowEvent, FlowEventType, FlowRecord } from '../flow/record.js';
import type { FlowEventGroups, FlowEventItem, StopSignal } from '../flow/source.js';
import * as C from './constants.js';
import { type DecodeOptions, FlowDecoder } from './decode-flow.js';
import { ENOBUFS, MessageError } from './error.js';
import { refusal } from './exchange.js';
import { ExpectationDecoder } from './expectation.js';
import { align4, type MessageBuffer, messageEnd, messageFlags, messagePort, messageType } from './message.js';
import { type NetlinkSocket, type NetlinkSystem, newDatagrams } from './system.js';

const SLOTS = 256;
const SLOT_BYTES = 8192;
const GATHER_MS = 5;
/** Events after which a batch is handed over though more are there. */
const MOST_IN_BATCH = 2048;
/** Batches that follow each other without waiting before other work of this process gets its turn. */
const BATCHES_A_TURN = 4;
/** Receive buffer where none is asked for: the kernel doubles it, and an event of 232 bytes takes 1280 of it. */
const BUFFER_BYTES = 8 * 1024 * 1024;
const MOST_BUFFER_BYTES = 256 * 1024 * 1024;
/** How long a program's name is believed, and how many are. */
const NAME_KEPT_US = 1_000_000;
const MOST_NAMES = 1000;
const OPERATION = 'watch events';

/** What a stream is about. */
export interface EventStreamOptions {
  groups: FlowEventGroups;
  /** Expectations in place of connections. */
  isExpect: boolean;
  /** Receive buffer to begin with; 0: BUFFER_BYTES. */
  bufferBytes: number;
  decode: DecodeOptions;
  signal: StopSignal | null;
  /** Names of programs by their ports; null: not wanted. */
  programName: ((port: number) => string | null) | null;
  /** The table as it is, given after each loss; null: not wanted. */
  snapshot: (() => AsyncIterable<readonly FlowRecord[]>) | null;
}

/** The iterator of a stream. It subscribes when `next` is called first; `return` closes it, also while a `next` waits. */
export class EventStream implements AsyncIterator<FlowEventItem[], undefined> {
  private readonly system: NetlinkSystem;
  private readonly open: () => NetlinkSocket;
  private readonly options: EventStreamOptions;
  private readonly into = newDatagrams(SLOTS, SLOT_BYTES);
  private readonly flows: FlowDecoder;
  private readonly expectations: ExpectationDecoder;
  private readonly onAbort = (): void => this.stop();
  private socket: NetlinkSocket | null = null;
  private isStopped = false;
  /** Something was lost and the buffer was not yet read empty. */
  private isOverrun = false;
  private countedDrops = 0;
  private hasGathered = true;
  private batches = 0;
  private nowUs = 0;
  private readonly programs = new Map<number, { name: string | null; us: number }>();
  private snapshot: AsyncIterator<readonly FlowRecord[]> | null = null;

  constructor(system: NetlinkSystem, open: () => NetlinkSocket, options: EventStreamOptions) {
    this.system = system;
    this.open = open;
    this.options = options;
    this.flows = new FlowDecoder(options.decode);
    this.expectations = new ExpectationDecoder(options.decode);
  }

  async next(): Promise<IteratorResult<FlowEventItem[], undefined>> {
    try {
      const value = await this.batch();
      return value === null ? { value: undefined, done: true } : { value, done: false };
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<FlowEventItem[], undefined>> {
    this.stop();
    return { value: undefined, done: true };
  }

  private stop(): void {
    this.isStopped = true;
    this.options.signal?.removeEventListener('abort', this.onAbort);
    this.socket?.close();
    void this.snapshot?.return?.();
    this.snapshot = null;
  }

  /** The next items; null at the end. */
  private async batch(): Promise<FlowEventItem[] | null> {
    if (this.options.signal?.aborted) this.stop();
    if (this.isStopped) return null;
    this.socket ??= this.subscribe();
    const { socket } = this;
    if (this.snapshot !== null) return await this.nextOfSnapshot(this.snapshot);
    if (++this.batches % BATCHES_A_TURN === 0) await this.system.delay(0);
    while (!this.isStopped) {
      const items = this.drain(socket);
      if (items.length > 0) {
        this.hasGathered = false;
        return items;
      }
      if (this.hasGathered) await socket.readable();
      else await this.system.delay(GATHER_MS);
      this.hasGathered = true;
    }
    return null;
  }

  private subscribe(): NetlinkSocket {
    const socket = this.open();
    this.options.signal?.addEventListener('abort', this.onAbort);
    socket.setBufferBytes(this.options.bufferBytes || BUFFER_BYTES);
    const { isNew, isUpdate, isDestroy } = this.options.groups;
    const first = this.options.isExpect ? C.GROUP_EXPECT_NEW : C.GROUP_CONNTRACK_NEW;
    for (const [k, isWanted] of [isNew, isUpdate, isDestroy].entries()) {
      const errno = isWanted ? socket.join(first + k) : 0;
      if (errno === 0) continue;
      socket.close();
      throw refusal(OPERATION, errno, '');
    }
    return socket;
  }

  /** Everything that is there, or as much as a batch has. */
  private drain(socket: NetlinkSocket): FlowEventItem[] {
    const items: FlowEventItem[] = [];
    while (items.length < MOST_IN_BATCH && !this.isStopped) {
      const n = socket.receive(this.into);
      if (n === -ENOBUFS) {
        this.isOverrun = true;
        continue;
      }
      if (n < 0) throw refusal(OPERATION, -n, '');
      this.nowUs = this.system.nowUs();
      for (let slot = 0; slot < n; slot++) this.take(slot, items);
      if (n === SLOTS) continue;
      if (this.isOverrun) items.push(this.loss(socket));
      break;
    }
    return items;
  }

  private loss(socket: NetlinkSocket): FlowEventItem {
    this.isOverrun = false;
    const drops = socket.drops();
    const lost = (drops - this.countedDrops) >>> 0;
    this.countedDrops = drops;
    // the kernel doubles what it is asked for
    const bytes = socket.bufferBytes();
    if (bytes < MOST_BUFFER_BYTES) socket.setBufferBytes(bytes);
    const { snapshot } = this.options;
    if (snapshot !== null) this.snapshot = snapshot()[Symbol.asyncIterator]();
    return { lost, bufferBytes: socket.bufferBytes() };
  }

  private async nextOfSnapshot(snapshot: AsyncIterator<readonly FlowRecord[]>): Promise<FlowEventItem[] | null> {
    const part = await snapshot.next();
    if (this.isStopped) return null;
    if (part.done) this.snapshot = null;
    return [{ snapshot: part.done ? [] : part.value, complete: part.done === true }];
  }

  private take(slot: number, items: FlowEventItem[]): void {
    const { buffer, slotLen, lengths } = this.into;
    const start = slot * slotLen;
    if (lengths[slot] > slotLen) throw new MessageError(`an event of ${lengths[slot]} bytes`, start);
    const last = start + lengths[slot];
    for (let at = start; at < last; ) {
      const end = messageEnd(buffer, at, last);
      const item = this.event(buffer, at, end);
      if (item !== null) items.push(item);
      at = align4(end);
    }
  }

  /** The event of a message; null: it is none. */
  private event(buffer: MessageBuffer, at: number, end: number): FlowEvent | ExpectationEvent | null {
    const messageKind = messageType(buffer, at);
    const subsystem = messageKind >> 8;
    const message = messageKind & 0xff;
    if (message !== C.MSG_NEW && message !== C.MSG_DELETE) return null;
    const isNew = (messageFlags(buffer, at) & (C.NLM_F_CREATE | C.NLM_F_EXCL)) !== 0;
    const type: FlowEventType = message === C.MSG_DELETE ? 'DESTROY' : isNew ? 'NEW' : 'UPDATE';
    if (subsystem === C.SUBSYS_EXPECT)
      return { type, record: this.expectations.decode(buffer, at, end), timestampUs: this.nowUs };
    if (subsystem !== C.SUBSYS_CONNTRACK) return null;
    this.flows.nowSeconds = Math.floor(this.nowUs / 1e6);
    const record = this.flows.decode(buffer, at, end);
    const { eventNs } = this.flows;
    const timestampUs = eventNs === null ? this.nowUs : Number(eventNs / 1000n);
    const portid = messagePort(buffer, at) || null;
    return { type, record, timestampUs, portid, progname: portid === null ? null : this.programName(portid) };
  }

  /** Looking one up reads all of /proc, and a program that makes one change makes more. */
  private programName(port: number): string | null {
    if (this.options.programName === null) return null;
    const known = this.programs.get(port);
    if (known !== undefined && this.nowUs - known.us < NAME_KEPT_US) return known.name;
    if (this.programs.size >= MOST_NAMES) this.programs.clear();
    const name = this.options.programName(port);
    this.programs.set(port, { name, us: this.nowUs });
    return name;
  }
}
