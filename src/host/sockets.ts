/**
 * The sockets of a host, and which of them a packet belongs to (inet_lookup in net/ipv4/inet_hashtables.c, udp4_lib_lookup).
 *
 * A socket is its place in the host file, from 1; 0 is KERNEL_SOCKET. Rows are found by protocol and local port - each of them may be
 * "any", so that there are three lists to look at, each with the entries that say most first - and compared with both addresses.
 * Nothing changes after construction and no look-up allocates.
 *
 * What the entries cannot say: a server's connections are taken to be sockets of their own, with the listening one's owner, from the
 * answer to the SYN on; sockets that the kernel keeps for a while without a process (TIME_WAIT, orphans) are not told apart.
 */
import type { Tracker } from '../conntrack/tracker.js';
import {
  KERNEL_SOCKET,
  NO_SOCKET,
  SOCKETS_ANY,
  SOCKETS_CONNECTED,
  SOCKETS_LISTENING,
  SOCKETS_SENDING,
  type SocketFacts,
} from '../rules/host-facts.js';
import {
  AF_INET,
  CT_ESTABLISHED,
  HAS_LOCAL_ORIGIN,
  HAS_PORTS,
  HAS_SOCKET,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  type Packet,
  T_DST,
  T_PORTS,
  T_SRC,
  TUPLE_WORDS,
} from '../wire/packet.js';
import { cgroupNames, type SocketEnd, type SocketEntry } from './socket-config.js';

const LO_INDEX = 1;
const ANY_PROTOCOL = 256;
const TCP_RST = 4;
const TCP_SYN = 2;
const NO_ROWS = new Int32Array(0);
const ICMP_ECHO = 8;
const ICMP_TIMESTAMP = 13;
const ICMP_ADDRESS = 17;
const ICMPV6_ECHO_REQUEST = 128;

/** The packet that is on its way, as far as facts depend on it; HostKernel is one. */
export interface Bystander {
  /** Above 0 while a packet that the host made by itself is on its way. */
  readonly answering: number;
  /** The socket of that packet: NO_SOCKET or KERNEL_SOCKET. */
  readonly answerSocket: number;
  /** Index of the interface by which the packet came that is being handled; 0 = none. */
  readonly arrivedOn: number;
}

/** See the head of this file. */
export class SocketTable implements SocketFacts {
  /** Index 0 is the kernel's. */
  private readonly entries: readonly (SocketEntry | null)[];
  /** Rows by protocol << 16 | port, best first; ANY_PROTOCOL and port 0 = any. */
  private readonly rows = new Map<number, Int32Array>();
  /** How much an entry says. */
  private readonly scores: Int32Array;
  private readonly paths: string[] = [];
  /** For each of `paths`: 1 = the socket is in that cgroup or below. */
  private readonly under: Uint8Array[] = [];
  private readonly tuple = new Int32Array(TUPLE_WORDS);
  /** The socket of the packet that is on its way and HAS_SOCKET. */
  private given = NO_SOCKET;
  /** Whether a socket marks what it sends. */
  readonly hasMarks: boolean;

  constructor(
    entries: readonly SocketEntry[],
    private readonly tracker: Tracker,
    private readonly around: Bystander,
  ) {
    this.entries = [null, ...entries];
    this.hasMarks = entries.some((entry) => entry.mark !== 0);
    this.scores = Int32Array.from(this.entries, (entry) => (entry === null ? 0 : scoreOf(entry)));
    const lists = new Map<number, number[]>();
    for (const [i, entry] of this.entries.entries()) {
      if (entry === null) continue;
      const port = Math.max(0, entry.local.port);
      const key = ((entry.protocol < 0 ? ANY_PROTOCOL : entry.protocol) << 16) | port;
      lists.set(key, [...(lists.get(key) ?? []), i]);
    }
    for (const [key, list] of lists) {
      this.rows.set(key, Int32Array.from(list.sort((a, b) => this.scores[b]! - this.scores[a]! || a - b)));
    }
  }

  assign(p: Packet, socket: number): void {
    p.has |= HAS_SOCKET;
    this.given = socket;
  }

  assigned(p: Packet): number {
    return (p.has & HAS_SOCKET) === 0 ? NO_SOCKET : this.given;
  }

  sender(p: Packet): number {
    // what the host makes by itself is of no process, whoever may listen where it comes from
    if (this.around.answering > 0) return this.around.answerSocket;
    if ((p.has & HAS_LOCAL_ORIGIN) === 0) return NO_SOCKET;
    const { protocol } = p;
    if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6) return this.icmpSender(p);
    // as the process knows it: translation has not touched the half of the connection that this host made
    const t = this.ownTuple(p);
    const ports = (p.has & HAS_PORTS) === 0 ? 0 : t[T_PORTS]!;
    const from = ports >>> 16;
    const to = ports & 0xffff;
    const found = this.lookUp(p.family, protocol, t, T_DST, to, t, T_SRC, from, SOCKETS_SENDING);
    if (found !== NO_SOCKET || protocol !== IPPROTO_TCP || (p.tcpFlags & TCP_RST) === 0) return found;
    // the kernel resets what nobody waits for, from a socket of its own in IPv4, from none in IPv6 (tcp_v4_send_reset, tcp_v6_send_reset)
    return p.family === AF_INET ? KERNEL_SOCKET : NO_SOCKET;
  }

  private ownTuple(p: Packet): Int32Array {
    if (p.connection < 0) return p.tuple;
    this.tracker.table.readTuple(p.connection >> 1, p.connection & 1, this.tuple);
    return this.tuple;
  }

  /** Queries come from processes; replies and errors from the kernel. */
  private icmpSender(p: Packet): number {
    const type = (p.tuple[T_PORTS]! >> 8) & 0xff;
    const query =
      p.protocol === IPPROTO_ICMP
        ? type === ICMP_ECHO || type === ICMP_TIMESTAMP || type === ICMP_ADDRESS
        : type === ICMPV6_ECHO_REQUEST;
    if (!query) return KERNEL_SOCKET;
    return this.lookUp(
      p.family,
      p.protocol,
      p.tuple,
      T_DST,
      0,
      p.tuple,
      T_SRC,
      p.tuple[T_PORTS]! >>> 16,
      SOCKETS_SENDING,
    );
  }

  receiver(p: Packet): number {
    if ((p.has & HAS_SOCKET) !== 0) return this.given;
    const { protocol, tuple } = p;
    // what comes over lo is not looked up before it is delivered
    if (p.inInterface === LO_INDEX || (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP)) return NO_SOCKET;
    if ((p.has & HAS_PORTS) === 0) return NO_SOCKET;
    const ports = tuple[T_PORTS]!;
    const from = ports >>> 16;
    const to = ports & 0xffff;
    const child = protocol === IPPROTO_TCP && p.state === CT_ESTABLISHED && (p.tcpFlags & TCP_SYN) === 0;
    const wanted = child ? SOCKETS_ANY : SOCKETS_CONNECTED;
    return this.lookUp(p.family, protocol, tuple, T_SRC, from, tuple, T_DST, to, wanted);
  }

  lookUp(
    family: number,
    protocol: number,
    remote: Int32Array,
    remoteAt: number,
    remotePort: number,
    local: Int32Array,
    localAt: number,
    localPort: number,
    connected: number,
  ): number {
    let best = NO_SOCKET;
    for (let k = 0; k < 3; k++) {
      const key = k === 0 ? (protocol << 16) | localPort : (k === 1 ? protocol : ANY_PROTOCOL) << 16;
      const rows = this.rows.get(key) ?? NO_ROWS;
      for (let i = 0; i < rows.length; i++) {
        const at = rows[i]!;
        if (best !== NO_SOCKET && this.scores[at]! <= this.scores[best]!) break;
        const entry = this.entries[at]!;
        if (!isWanted(entry, connected)) continue;
        if (!endFits(entry.local, family, local, localAt, localPort)) continue;
        if (entry.remote !== null && !endFits(entry.remote, family, remote, remoteAt, remotePort)) continue;
        best = at;
        break;
      }
    }
    return best;
  }

  uid(socket: number): number {
    return this.entries[socket]?.uid ?? -1;
  }

  gid(socket: number): number {
    return this.entries[socket]?.gid ?? -1;
  }

  hasGroup(socket: number, from: number, to: number): boolean {
    const entry = this.entries[socket] ?? null;
    if (entry === null) return false;
    const { groups } = entry;
    for (let i = 0; i < groups.length; i++) if (groups[i]! >= from && groups[i]! <= to) return true;
    return false;
  }

  classid(socket: number): number {
    return this.entries[socket]?.classid ?? 0;
  }

  cgroup(path: string): number {
    const names = cgroupNames(path);
    const text = names.join('/');
    const known = this.paths.indexOf(text);
    if (known >= 0) return known;
    const isIn = (entry: SocketEntry | null) => names.every((name, i) => entry?.cgroup[i] === name);
    this.under.push(Uint8Array.from(this.entries, (entry) => (isIn(entry) ? 1 : 0)));
    return this.paths.push(text) - 1;
  }

  isUnder(socket: number, cgroup: number): boolean {
    return this.under[cgroup]![socket] === 1;
  }

  mark(socket: number): number {
    return this.entries[socket]?.mark ?? 0;
  }

  isTransparent(socket: number): boolean {
    return this.entries[socket]?.transparent === true;
  }

  isWildcard(socket: number): boolean {
    const entry = this.entries[socket] ?? null;
    return entry !== null && entry.remote === null && entry.local.address === null;
  }
}

/** A remote end counts most, as a connected socket is found before those that listen; then ports and addresses. */
function scoreOf({ protocol, local, remote }: SocketEntry): number {
  let score = protocol < 0 ? 0 : 2;
  if (remote !== null) score += 32 + (remote.address === null ? 0 : 16) + (remote.port < 0 ? 0 : 16);
  if (local.port >= 0) score += 8;
  if (local.address !== null) score += 4;
  return local.family === 0 ? score : score + 1;
}

/** What names neither a port nor a peer says whose packets leave, not who waits for any. */
function isWanted({ local, remote }: SocketEntry, connected: number): boolean {
  if (connected === SOCKETS_SENDING) return true;
  if (remote !== null) return connected !== SOCKETS_LISTENING;
  return connected !== SOCKETS_CONNECTED && local.port >= 0;
}

function endFits(end: SocketEnd, family: number, words: Int32Array, at: number, port: number): boolean {
  if (end.family !== 0 && end.family !== family) return false;
  if (end.port >= 0 && end.port !== port) return false;
  const a = end.address;
  if (a === null) return true;
  return a[0] === words[at] && a[1] === words[at + 1] && a[2] === words[at + 2] && a[3] === words[at + 3];
}
