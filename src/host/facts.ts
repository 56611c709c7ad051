/** What the rules of a host may ask of it (rules/host-facts), put together from its network and its sockets. */
import type { Tracker } from '../conntrack/tracker.js';
import { type HostFacts, NO_SOCKET, type RouteFacts, SOCKETS_ANY, type SocketFacts } from '../rules/host-facts.js';
import {
  AF_INET,
  HAS_LOCAL_ORIGIN,
  HOOK_INPUT,
  IPPROTO_TCP,
  IPPROTO_UDP,
  type Packet,
  T_DST,
  T_PORTS,
  T_SRC,
} from '../wire/packet.js';
import type { HostNetwork } from './config.js';
import type { Routing } from './routing.js';
import { type Bystander, SocketTable } from './sockets.js';

const LO_INDEX = 1;
const TCP_SYN_ACK = 0x12;
/** Any address of that scope. */
const GLOBAL = Int32Array.of(0x20000000, 0, 0, 1);

/** The facts of one host. */
export function hostFacts(network: HostNetwork, tracker: Tracker, around: Bystander): HostFacts {
  const { routing, cpus, sockets, labels, accounting, fingerprints } = network;
  const routes: RouteFacts = {
    routeTo: (family, words, at, mark) => routing.find(family, words, at, mark),
    typeOf: (route) => routing.typeOf(route),
    deviceOf: (route) => routing.deviceOf(route),
    realms: (p) => realmsOf(p, routing),
    firstAddress: (family, dev, out) => firstAddress(routing, family, dev, out),
  };
  return {
    sockets: sockets === null ? null : new SocketTable(sockets, tracker, around),
    routes,
    cpuOf: (p) => cpus[around.answering > 0 ? around.arrivedOn : p.inInterface] ?? 0,
    labels,
    accounting,
    fingerprints,
  };
}

/** The owner of the socket that a packet is sent by or delivered to, for LOG --log-uid; null: none is known (cold). */
export function ownerOf(p: Packet, sockets: SocketFacts | null): { uid: number; gid: number } | null {
  if (sockets === null) return null;
  // a SYN-ACK is sent by no full socket (nf_log_dump_sk_uid_gid)
  const answer = p.protocol === IPPROTO_TCP && (p.tcpFlags & TCP_SYN_ACK) === TCP_SYN_ACK;
  const socket = p.hook === HOOK_INPUT ? sockets.receiver(p) : answer ? NO_SOCKET : sockets.sender(p);
  const uid = socket === NO_SOCKET ? -1 : sockets.uid(socket);
  return uid < 0 ? null : { uid, gid: sockets.gid(socket) };
}

/** Whether a socket takes a packet that was delivered, so that the host itself has nothing to answer. */
export function isAwaited(p: Packet, sockets: SocketFacts | null): boolean {
  if (sockets === null || (p.protocol !== IPPROTO_TCP && p.protocol !== IPPROTO_UDP)) return false;
  if (sockets.assigned(p) !== NO_SOCKET) return true;
  const ports = p.tuple[T_PORTS]!;
  const from = ports >>> 16;
  const to = ports & 0xffff;
  return sockets.lookUp(p.family, p.protocol, p.tuple, T_SRC, from, p.tuple, T_DST, to, SOCKETS_ANY) !== NO_SOCKET;
}

/**
 * dst->tclassid (net/ipv4/route.c rt_set_nexthop, set_class_tag; fib_frontend.c fib_combine_itag): the realms of the route; where its
 * upper half is empty and the packet arrived, the realm of the route back to its source. Of what is delivered the latter alone.
 */
function realmsOf(p: Packet, routing: Routing): number {
  if (p.family !== AF_INET) return 0;
  const made = (p.has & HAS_LOCAL_ORIGIN) !== 0;
  const own = p.hook === HOOK_INPUT ? 0 : routing.realmOf(routing.find(AF_INET, p.tuple, T_DST, p.mark));
  if (made || p.inInterface === LO_INDEX || own >>> 16 !== 0) return own;
  return own | (routing.realmOf(routing.find(AF_INET, p.tuple, T_SRC)) << 16);
}

function firstAddress(routing: Routing, family: number, dev: number, out: Int32Array): boolean {
  return routing.redirectAddress(family, dev, GLOBAL, 0, out);
}
