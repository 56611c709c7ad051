/**
 * A kernel in memory that answers as ctnetlink does: multipart dumps in datagrams, acknowledgements, errors with the kernel's words,
 * events to the groups that a socket joined, a receive buffer that overflows. What it holds are messages' attributes as they came.
 */

import { FlowSourceError } from '../../src/flow/source.js';
import { attributeEnd, attributeType, nextAttribute } from '../../src/netlink/attribute.js';
import * as C from '../../src/netlink/constants.js';
import { HEADER_LEN, MessageBuffer, NFGEN_LEN } from '../../src/netlink/message.js';
import type { Datagrams, NetlinkSocket, NetlinkSystem } from '../../src/netlink/system.js';
import { MessageWriter } from '../../src/netlink/writer.js';

/** Bytes that a datagram is charged beyond its own. */
const OVERHEAD = 768;
const PER_DATAGRAM = 2;

/** A connection or expectation: its family, and its attributes by number. */
export interface FakeEntry {
  subsystem: number;
  family: number;
  attributes: Map<number, Uint8Array>;
}

/** What a test may change about the kernel. */
export class FakeKernel implements NetlinkSystem {
  entries: FakeEntry[] = [];
  /** Errors by message type, in place of an answer. */
  refusals = new Map<number, { errno: number; text: string }>();
  /** Dumps with attributes are refused so, as kernels do that do not know them. */
  filterErrno = 0;
  /** Dumps are marked as interrupted. */
  isInterrupted = false;
  /** Requests that were received: type, flags, attribute numbers. */
  readonly requests: { type: number; flags: number; family: number; attributes: number[] }[] = [];
  readonly sockets = new Set<FakeSocket>();
  openErrno = 0;
  joinErrno = 0;
  timeUs = 1_795_000_000_000_000;
  opened = 0;
  readonly files = new Map<string, string>();
  readonly namespaces: (string | null)[] = [];
  readonly programs = new Map<number, string>();

  open(namespace: string | null): NetlinkSocket {
    if (this.openErrno !== 0) throw new FlowSourceError('no socket', this.openErrno);
    this.namespaces.push(namespace);
    const socket = new FakeSocket(this, 1000 + ++this.opened);
    this.sockets.add(socket);
    return socket;
  }

  nowUs(): number {
    return this.timeUs;
  }

  delay(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  readText(path: string): string | null {
    return this.files.get(path) ?? null;
  }

  programName(port: number): string | null {
    return this.programs.get(port) ?? null;
  }

  /** Sends an event to all sockets of its group. */
  notify(type: 'NEW' | 'UPDATE' | 'DESTROY', entry: FakeEntry, port = 0): void {
    const isExpect = entry.subsystem === C.SUBSYS_EXPECT;
    const group = { NEW: 1, UPDATE: 2, DESTROY: 3 }[type] + (isExpect ? 3 : 0);
    const message = type === 'DESTROY' ? C.MSG_DELETE : C.MSG_NEW;
    const flags = type === 'NEW' ? C.NLM_F_CREATE | C.NLM_F_EXCL : 0;
    const w = new MessageWriter();
    writeEntry(w, (entry.subsystem << 8) | message, flags, 0, entry);
    const bytes = w.bytes.slice(0, w.length);
    new DataView(bytes.buffer).setUint32(12, port, true);
    for (const socket of this.sockets) if (socket.groups.has(group)) socket.deliver(bytes);
  }

  /** Works on the requests that a socket sent. */
  handle(socket: FakeSocket, bytes: Uint8Array): void {
    const buffer = MessageBuffer.of(bytes);
    for (let at = 0; at < bytes.length; at += buffer.words[at >> 2]) this.request(socket, buffer, at);
  }

  private request(socket: FakeSocket, buffer: MessageBuffer, at: number): void {
    const end = at + buffer.words[at >> 2];
    const type = buffer.halves[(at >> 1) + 2];
    const flags = buffer.halves[(at >> 1) + 3];
    const sequence = buffer.words[(at >> 2) + 2];
    const family = buffer.bytes[at + HEADER_LEN];
    const entry: FakeEntry = { subsystem: type >> 8, family, attributes: new Map() };
    for (let a = at + NFGEN_LEN, next = 0; a < end; a = next) {
      next = nextAttribute(buffer, a, end);
      entry.attributes.set(attributeType(buffer, a), buffer.bytes.slice(a + 4, attributeEnd(buffer, a)));
    }
    this.requests.push({ type, flags, family, attributes: [...entry.attributes.keys()] });
    const refusal = this.refusals.get(type);
    const isDump = (flags & C.NLM_F_DUMP) === C.NLM_F_DUMP;
    if (refusal !== undefined) socket.answer(refusal.errno, sequence, refusal.text);
    else if (isDump && entry.attributes.size > 0 && this.filterErrno !== 0) socket.answer(this.filterErrno, sequence);
    else if (isDump) this.dump(socket, type, sequence, entry);
    else socket.answer(this.work(socket, type, flags, sequence, entry), sequence);
  }

  /** Does what a request says and gives the errno that it is acknowledged with. */
  private work(socket: FakeSocket, type: number, flags: number, sequence: number, entry: FakeEntry): number {
    switch (type & 0xff) {
      case C.MSG_NEW:
        return flags & C.NLM_F_CREATE ? this.create(socket, entry) : this.update(socket, entry);
      case C.MSG_GET:
        return this.get(socket, type, entry, sequence);
      case C.MSG_DELETE:
        return this.remove(socket, entry);
      case C.MSG_CT_GET_STATS:
        return this.totals(socket, sequence);
    }
    return 22;
  }

  private dump(socket: FakeSocket, type: number, sequence: number, query: FakeEntry): void {
    const mark = query.attributes.get(C.CTA_MARK);
    const found = this.entries.filter(
      (e) =>
        e.subsystem === type >> 8 &&
        (query.family === 0 || e.family === query.family) &&
        (mark === undefined || same(e.attributes.get(C.CTA_MARK), mark)),
    );
    const flags = C.NLM_F_MULTI | (this.isInterrupted ? C.NLM_F_DUMP_INTR : 0);
    for (let i = 0; i < found.length; i += PER_DATAGRAM) {
      const w = new MessageWriter();
      for (const e of found.slice(i, i + PER_DATAGRAM))
        writeEntry(w, (e.subsystem << 8) | C.MSG_NEW, flags, sequence, e);
      socket.deliver(w.bytes.slice(0, w.length));
    }
    socket.deliver(control(C.NLMSG_DONE, flags, sequence, 0, new Uint8Array(0)));
  }

  private find(wanted: FakeEntry): FakeEntry | undefined {
    const key = wanted.subsystem === C.SUBSYS_EXPECT ? C.CTA_EXPECT_TUPLE : C.CTA_TUPLE_ORIG;
    return this.entries.find(
      (e) =>
        e.subsystem === wanted.subsystem &&
        (same(e.attributes.get(key), wanted.attributes.get(key)) ||
          (key === C.CTA_TUPLE_ORIG &&
            same(e.attributes.get(C.CTA_TUPLE_REPLY), wanted.attributes.get(C.CTA_TUPLE_REPLY)))),
    );
  }

  private create(socket: FakeSocket, entry: FakeEntry): number {
    if (this.find(entry) !== undefined) return 17;
    this.entries.push(entry);
    this.notify('NEW', entry, socket.port);
    return 0;
  }

  private update(socket: FakeSocket, entry: FakeEntry): number {
    const old = this.find(entry);
    if (old === undefined) return 2;
    for (const [type, bytes] of entry.attributes) old.attributes.set(type, bytes);
    this.notify('UPDATE', old, socket.port);
    return 0;
  }

  private get(socket: FakeSocket, type: number, wanted: FakeEntry, sequence: number): number {
    const found = this.find(wanted);
    if (found === undefined) return 2;
    const w = new MessageWriter();
    writeEntry(w, (type & 0xff00) | C.MSG_NEW, 0, sequence, found);
    socket.deliver(w.bytes.slice(0, w.length));
    return 0;
  }

  private remove(socket: FakeSocket, wanted: FakeEntry): number {
    const isFlush = wanted.attributes.size === 0;
    const found = isFlush ? this.entries.filter((e) => e.subsystem === wanted.subsystem) : [this.find(wanted)];
    for (const entry of found) {
      if (entry === undefined) return 2;
      this.entries = this.entries.filter((e) => e !== entry);
      this.notify('DESTROY', entry, socket.port);
    }
    return 0;
  }

  private totals(socket: FakeSocket, sequence: number): number {
    const w = new MessageWriter().begin((C.SUBSYS_CONNTRACK << 8) | C.MSG_CT_GET_STATS, 0, sequence);
    w.be32(C.CTA_STATS_GLOBAL_ENTRIES, this.entries.length).be32(C.CTA_STATS_GLOBAL_MAX_ENTRIES, 262_144).end();
    socket.deliver(w.bytes.slice(0, w.length));
    return 0;
  }
}

/** A socket of the made-up kernel. */
export class FakeSocket implements NetlinkSocket {
  readonly port: number;
  readonly groups = new Set<number>();
  isClosed = false;
  /** How often it was read. */
  receives = 0;

  private readonly kernel: FakeKernel;
  private queue: Uint8Array[] = [];
  private capacity = 212_992;
  private dropped = 0;
  private isCongested = false;
  private error = 0;
  private waiters: (() => void)[] = [];

  constructor(kernel: FakeKernel, port: number) {
    this.kernel = kernel;
    this.port = port;
  }

  send(bytes: Uint8Array, length: number): number {
    this.kernel.handle(this, bytes.slice(0, length));
    return 0;
  }

  /** Puts a datagram into the queue, or drops it: a full queue stays shut until it was read empty. */
  deliver(bytes: Uint8Array): void {
    const used = this.queue.reduce((sum, datagram) => sum + datagram.length + OVERHEAD, 0);
    if (this.isCongested || used >= this.capacity) {
      this.dropped++;
      if (!this.isCongested) this.error = 105;
      this.isCongested = true;
    } else this.queue.push(bytes);
    this.wake();
  }

  answer(errno: number, sequence: number, text = ''): void {
    const attributes = new MessageWriter();
    if (text !== '') attributes.text(C.NLMSGERR_ATTR_MSG, text);
    const flags = C.NLM_F_CAPPED | (text === '' ? 0 : C.NLM_F_ACK_TLVS);
    this.deliver(control(C.NLMSG_ERROR, flags, sequence, -errno, attributes.bytes.slice(0, attributes.length)));
  }

  receive(into: Datagrams): number {
    this.receives++;
    if (this.error !== 0) {
      const { error } = this;
      this.error = 0;
      return -error;
    }
    let n = 0;
    for (; n < into.slots && this.queue.length > 0; n++) {
      const datagram = this.queue.shift() as Uint8Array;
      into.buffer.bytes.set(datagram.subarray(0, into.slotLen), n * into.slotLen);
      into.lengths[n] = datagram.length;
    }
    if (this.queue.length === 0) this.isCongested = false;
    return n;
  }

  readable(): Promise<void> {
    if (this.isClosed || this.queue.length > 0 || this.error !== 0) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  join(group: number): number {
    if (this.kernel.joinErrno === 0) this.groups.add(group);
    return this.kernel.joinErrno;
  }

  bufferBytes(): number {
    return this.capacity;
  }

  setBufferBytes(bytes: number): void {
    this.capacity = 2 * bytes;
  }

  drops(): number {
    return this.dropped;
  }

  close(): void {
    this.isClosed = true;
    this.kernel.sockets.delete(this);
    this.wake();
  }
}

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
}

function writeEntry(w: MessageWriter, type: number, flags: number, sequence: number, entry: FakeEntry): void {
  w.begin(type, flags, sequence, entry.family);
  for (const [number, bytes] of entry.attributes) w.raw(number, bytes);
  w.end();
}

/** NLMSG_ERROR with the header of a request behind it, or NLMSG_DONE. */
function control(type: number, flags: number, sequence: number, number: number, attributes: Uint8Array): Uint8Array {
  const quoted = type === C.NLMSG_ERROR ? HEADER_LEN : 0;
  const bytes = new Uint8Array(HEADER_LEN + 4 + quoted + attributes.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setInt32(8, sequence, true);
  view.setInt32(HEADER_LEN, number, true);
  if (quoted > 0) view.setUint32(HEADER_LEN + 4, HEADER_LEN, true);
  bytes.set(attributes, HEADER_LEN + 4 + quoted);
  return bytes;
}
