/**
 * The one file that touches the system: netlink sockets of Linux through koffi, which is loaded when the first is opened.
 *
 * A socket never blocks: `receive` takes what is there, `readable` waits with libuv's poll and without a thread. Whatever is
 * missing (koffi, Linux, the kernel's netlink family, permission) is a NetlinkUnavailableError or NetlinkError of one line.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { EAGAIN, EPROTONOSUPPORT, NetlinkError, NetlinkUnavailableError } from './error.js';
import type { Datagrams, NetlinkSocket, NetlinkSystem } from './system.js';

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_NETFILTER = 12;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const SO_MEMINFO = 55;
/** Index of the drops among the nine words of SO_MEMINFO. */
const SK_MEMINFO_DROPS = 8;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const CLONE_NEWNET = 0x40000000;
const O_RDONLY_CLOEXEC = 0o2000000;

/** Bytes of a pointer, of struct mmsghdr and struct iovec on 64-bit systems; others receive one by one. */
const POINTER_LEN = 8;
const MMSGHDR_LEN = 64;
const IOVEC_LEN = 16;

type Koffi = typeof import('koffi');
type Native = (...args: unknown[]) => number;

/** The C library's functions. */
interface Libc {
  koffi: Koffi;
  /** Pointers have 64 bits. */
  isWide: boolean;
  socket: Native;
  bind: Native;
  getsockname: Native;
  setsockopt: Native;
  getsockopt: Native;
  send: Native;
  recv: Native;
  recvmmsg: Native;
  close: Native;
  open: Native;
  setns: Native;
}

/** The system of this machine. Throws a NetlinkUnavailableError where netlink cannot be had. */
export async function loadSystem(): Promise<NetlinkSystem> {
  if (process.platform !== 'linux')
    throw new NetlinkUnavailableError(`the live connection table is Linux's; this is ${process.platform}`);
  let koffi: Koffi;
  try {
    koffi = (await import('koffi')).default as unknown as Koffi;
  } catch (error) {
    const code = (error as { code?: string }).code;
    const why = code === 'ERR_MODULE_NOT_FOUND' ? 'is not installed' : `cannot be loaded (${firstLine(error)})`;
    throw new NetlinkUnavailableError(`the live connection table needs the package koffi, which ${why}`);
  }
  const libc = bindLibc(koffi);
  return {
    open: (namespace: string | null) => openSocket(libc, namespace),
    nowUs: () => Math.round((performance.timeOrigin + performance.now()) * 1000),
    delay: (ms: number) => new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms))),
    readText,
    programName: (port: number, namespace: string | null) => programName(libc, port, namespace),
  };
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null;
  }
}

/** The socket's inode is in /proc/net/netlink (columns: address, protocol, port ... inode), its owner among all descriptors. */
function programName(libc: Libc, port: number, namespace: string | null): string | null {
  const read = (): string => readText('/proc/thread-self/net/netlink') ?? '';
  const line = (namespace === null ? read() : within(libc, namespace, read))
    .split('\n')
    .map((text) => text.trim().split(/\s+/))
    .find((columns) => columns[1] === String(NETLINK_NETFILTER) && columns[2] === String(port));
  const socket = `socket:[${line?.at(-1)}]`;
  for (const pid of line === undefined ? [] : names('/proc')) {
    if (!/^\d+$/.test(pid) || !names(`/proc/${pid}/fd`).some((fd) => target(`/proc/${pid}/fd/${fd}`) === socket))
      continue;
    return readText(`/proc/${pid}/comm`)?.trimEnd() ?? null;
  }
  return null;
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function target(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0];
}

function bindLibc(koffi: Koffi): Libc {
  const lib = koffi.load(null);
  return {
    koffi,
    isWide: koffi.sizeof('void *') === POINTER_LEN,
    socket: lib.func('int socket(int, int, int)'),
    bind: lib.func('int bind(int, void *, uint32_t)'),
    getsockname: lib.func('int getsockname(int, void *, void *)'),
    setsockopt: lib.func('int setsockopt(int, int, int, void *, uint32_t)'),
    getsockopt: lib.func('int getsockopt(int, int, int, void *, void *)'),
    send: lib.func('intptr_t send(int, void *, size_t, int)'),
    recv: lib.func('intptr_t recv(int, void *, size_t, int)'),
    recvmmsg: lib.func('int recvmmsg(int, void *, unsigned int, int, void *)'),
    close: lib.func('int close(int)'),
    open: lib.func('int open(const char *, int)'),
    setns: lib.func('int setns(int, int)'),
  };
}

/** Opens a socket; in another namespace by entering it for the time of one call, because a socket stays where it was made. */
function openSocket(libc: Libc, namespace: string | null): NetlinkSocket {
  const fd = namespace === null ? makeSocket(libc) : within(libc, namespace, () => makeSocket(libc));
  try {
    return new LinuxSocket(libc, fd);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

function makeSocket(libc: Libc): number {
  const fd = libc.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_NETFILTER);
  if (fd >= 0) return fd;
  const errno = libc.koffi.errno();
  if (errno === EPROTONOSUPPORT)
    throw new NetlinkUnavailableError('this kernel has no netlink for netfilter (module nfnetlink)', errno);
  throw new NetlinkError('open a netlink socket', errno);
}

/** Calls `f` in a network namespace. A namespace is a thread's, so nothing may be awaited in between. */
function within<T>(libc: Libc, path: string, f: () => T): T {
  const home = openFile(libc, '/proc/thread-self/ns/net');
  try {
    const there = openFile(libc, path);
    const failed = libc.setns(there, CLONE_NEWNET) < 0 ? libc.koffi.errno() : 0;
    libc.close(there);
    if (failed !== 0) throw new NetlinkError(`enter the network namespace ${path}`, failed);
    try {
      return f();
    } finally {
      // entering one's own namespace again cannot fail
      libc.setns(home, CLONE_NEWNET);
    }
  } finally {
    libc.close(home);
  }
}

function openFile(libc: Libc, path: string): number {
  const fd = libc.open(path, O_RDONLY_CLOEXEC);
  if (fd < 0) throw new NetlinkError(`open ${path}`, libc.koffi.errno());
  return fd;
}

/** What recvmmsg is told of a room for datagrams; `words` are `bytes`, and the vectors are pointed to. */
interface Headers {
  of: Datagrams;
  bytes: Uint8Array;
  vectors: Uint8Array;
  words: Uint32Array;
}

/** A socket with its poll handle; closing it wakes whoever waits. */
class LinuxSocket implements NetlinkSocket {
  readonly port: number;

  private readonly libc: Libc;
  private fd: number;
  /** Kept, because a handle that is collected is closed without a word. */
  private poll: ReturnType<Koffi['node']['poll']> | null = null;
  private wake: (() => void) | null = null;
  private waiting: Promise<void> | null = null;
  private headers: Headers | null = null;
  private laterFailure = 0;

  constructor(libc: Libc, fd: number) {
    this.libc = libc;
    this.fd = fd;
    const address = new Uint8Array(12);
    new Uint16Array(address.buffer)[0] = AF_NETLINK;
    if (libc.bind(fd, address, 12) < 0) throw new NetlinkError('bind a netlink socket', libc.koffi.errno());
    libc.getsockname(fd, address, new Uint32Array([12]));
    this.port = new Uint32Array(address.buffer)[1];
    // an answer with the kernel's words and without the whole request; kernels before 4.12 have neither
    this.set(SOL_NETLINK, NETLINK_EXT_ACK, 1);
    this.set(SOL_NETLINK, NETLINK_CAP_ACK, 1);
  }

  send(bytes: Uint8Array, length: number): number {
    return this.libc.send(this.fd, bytes, length, 0) < 0 ? this.libc.koffi.errno() : 0;
  }

  receive(into: Datagrams): number {
    if (this.fd < 0) return 0;
    const flags = MSG_DONTWAIT | MSG_TRUNC;
    if (into.slots > 1 && this.libc.isWide) return this.receiveMany(into, flags);
    if (this.laterFailure !== 0) {
      const failure = this.laterFailure;
      this.laterFailure = 0;
      return failure;
    }
    for (let slot = 0; slot < into.slots; slot++) {
      const bytes = slot === 0 ? into.buffer.bytes : into.buffer.bytes.subarray(slot * into.slotLen);
      const n = this.libc.recv(this.fd, bytes, into.slotLen, flags);
      if (n < 0) {
        // an error after some datagrams is the next call's, as recvmmsg has it
        const failure = this.failure();
        if (slot === 0) return failure;
        this.laterFailure = failure;
        return slot;
      }
      into.lengths[slot] = n;
    }
    return into.slots;
  }

  private receiveMany(into: Datagrams, flags: number): number {
    if (this.headers === null || this.headers.of !== into) this.headers = this.headersOf(into);
    const { bytes, words } = this.headers;
    const n = this.libc.recvmmsg(this.fd, bytes, into.slots, flags, null);
    if (n < 0) return this.failure();
    for (let i = 0; i < n; i++) into.lengths[i] = words[(i * MMSGHDR_LEN + 56) >> 2];
    return n;
  }

  /** struct mmsghdr of each slot: name 0, its length 8, iov 16, iovlen 24, control 32, its length 40, flags 48, bytes received 56. */
  private headersOf(into: Datagrams): Headers {
    const { koffi } = this.libc;
    const bytes = new Uint8Array(into.slots * MMSGHDR_LEN);
    const vectors = new Uint8Array(into.slots * IOVEC_LEN);
    const headers = new BigUint64Array(bytes.buffer);
    const iov = new BigUint64Array(vectors.buffer);
    const data = koffi.address(into.buffer.bytes);
    const vector = koffi.address(vectors);
    for (let i = 0; i < into.slots; i++) {
      iov[2 * i] = data + BigInt(i * into.slotLen);
      iov[2 * i + 1] = BigInt(into.slotLen);
      headers[(i * MMSGHDR_LEN + 16) >> 3] = vector + BigInt(i * IOVEC_LEN);
      headers[(i * MMSGHDR_LEN + 24) >> 3] = 1n;
    }
    return { of: into, bytes, vectors, words: new Uint32Array(bytes.buffer) };
  }

  private failure(): number {
    const errno = this.libc.koffi.errno();
    return errno === EAGAIN ? 0 : -errno;
  }

  readable(): Promise<void> {
    if (this.fd < 0) return Promise.resolve();
    this.waiting ??= new Promise((resolve) => {
      this.wake = resolve;
      const ready = (): void => this.stopWaiting();
      if (this.poll === null) this.poll = this.libc.koffi.node.poll(this.fd, { readable: true }, ready);
      else this.poll.start({ readable: true }, ready);
    });
    return this.waiting;
  }

  private stopWaiting(): void {
    if (this.waiting === null) return;
    this.poll?.stop();
    this.waiting = null;
    this.wake?.();
  }

  join(group: number): number {
    return this.set(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
  }

  bufferBytes(): number {
    const value = new Int32Array(1);
    this.libc.getsockopt(this.fd, SOL_SOCKET, SO_RCVBUF, value, new Uint32Array([4]));
    return value[0];
  }

  setBufferBytes(bytes: number): void {
    if (this.set(SOL_SOCKET, SO_RCVBUFFORCE, bytes) !== 0) this.set(SOL_SOCKET, SO_RCVBUF, bytes);
  }

  drops(): number {
    const values = new Uint32Array(SK_MEMINFO_DROPS + 1);
    const length = new Uint32Array([values.byteLength]);
    this.libc.getsockopt(this.fd, SOL_SOCKET, SO_MEMINFO, values, length);
    return values[SK_MEMINFO_DROPS];
  }

  close(): void {
    if (this.fd < 0) return;
    const { fd } = this;
    this.fd = -1;
    this.stopWaiting();
    this.poll?.close();
    this.poll = null;
    this.libc.close(fd);
  }

  private set(level: number, option: number, value: number): number {
    const failed = this.libc.setsockopt(this.fd, level, option, new Int32Array([value]), 4) < 0;
    return failed ? this.libc.koffi.errno() : 0;
  }
}
