/**
 * What rules may know of the host beyond the packet: its sockets, its routes, the CPU at work, names that it gives to labels, its
 * accounting objects. Constant from the host's making on, so that an extension takes hold of it when its rule is loaded.
 */
import type { Packet } from '../wire/packet.js';
import type { Fingerprints } from './fingerprints.js';

/** What `SocketFacts` returns where there is no such socket. */
export const NO_SOCKET = -1;
/** A socket of the kernel's own, from which its RST and ICMP messages come: it exists, and no process owns it. */
export const KERNEL_SOCKET = 0;

/** The sockets of the host. They have numbers; NO_SOCKET where there is none. Nothing here allocates. */
export interface SocketFacts {
  /** Gives a packet that arrived to a socket (nf_tproxy_assign_sock). */
  assign(p: Packet, socket: number): void;
  /** The socket that a packet was given to. */
  assigned(p: Packet): number;
  /** The socket that sent a packet of the host's own (skb->sk); NO_SOCKET for all that only passes through. */
  sender(p: Packet): number;
  /** The socket whose connection a delivered packet belongs to, as the kernel knows it in INPUT (early demux). */
  receiver(p: Packet): number;
  /**
   * The socket for a packet from `words[remoteAt..]` and port to `words[localAt..]` and port: with that peer first, then one that
   * listens (inet_lookup, udp4_lib_lookup). `connected`: a SOCKETS_ constant.
   */
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
  ): number;
  /** Owner; -1 = no process owns it. */
  uid(socket: number): number;
  gid(socket: number): number;
  /** Whether one of its process's supplementary groups is in the range, both ends included. */
  hasGroup(socket: number, from: number, to: number): boolean;
  /** net_cls class, Int32; 0 = none. */
  classid(socket: number): number;
  /** A number for `isUnder`: of a cgroup by its path, `/` the root. */
  cgroup(path: string): number;
  /** Whether the socket's cgroup is that one or below it. */
  isUnder(socket: number, cgroup: number): boolean;
  /** SO_MARK, Int32. */
  mark(socket: number): number;
  /** Whether some socket has a mark. */
  readonly hasMarks: boolean;
  /** IP_TRANSPARENT. */
  isTransparent(socket: number): boolean;
  /** Bound to no address in particular. */
  isWildcard(socket: number): boolean;
}

/** Which sockets `SocketFacts.lookUp` looks at. */
export const SOCKETS_ANY = 0;
export const SOCKETS_CONNECTED = 1;
export const SOCKETS_LISTENING = 2;
/** Also those of which only what they send is known. */
export const SOCKETS_SENDING = 3;

/** The host's routes, asked without touching what the packet on its way was routed by. */
export interface RouteFacts {
  /** Number of the route to an address (four words from `at`) for packets with a mark; -1 = there is none. */
  routeTo(family: number, words: Int32Array, at: number, mark: number): number;
  /** RTN_ constant of a route. */
  typeOf(route: number): number;
  /** Interface of a route. */
  deviceOf(route: number): number;
  /** Routing realms that the packet's route gives it in its hook (dst->tclassid): those of its source in the upper 16 bits. */
  realms(p: Packet): number;
  /** Writes the first IPv4 or IPv6 address of an interface to `out`; false: it has none. */
  firstAddress(family: number, dev: number, out: Int32Array): boolean;
}

/** Limit of an accounting object; null: it only counts. */
export interface AccountingQuota {
  limit: number;
  /** Whether it counts packets, not bytes. */
  packets: boolean;
}

/** All that the host's description says for rules. */
export interface HostFacts {
  /** null: the host's description says nothing of sockets. */
  sockets: SocketFacts | null;
  routes: RouteFacts;
  /** The CPU that handles a packet. */
  cpuOf(p: Packet): number;
  /** Bits of connection labels by name. */
  labels: ReadonlyMap<string, number>;
  /** Accounting objects by name; null: every name that a rule uses is one. */
  accounting: ReadonlyMap<string, AccountingQuota | null> | null;
  /** null: the host's description names none. */
  fingerprints: Fingerprints | null;
}

/** Of a host of which nothing is known. */
export const NO_FACTS: HostFacts = {
  sockets: null,
  routes: {
    routeTo: () => -1,
    typeOf: () => 0,
    deviceOf: () => 0,
    realms: () => 0,
    firstAddress: () => false,
  },
  cpuOf: () => 0,
  labels: new Map(),
  accounting: null,
  fingerprints: null,
};
