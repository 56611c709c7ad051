/**
 * What a router does to a packet between routing and the FORWARD hook: hop limit, scope, size (net/ipv4/ip_forward.c
 * ip_forward, net/ipv6/ip6_output.c ip6_forward).
 */
import { replace16 } from '../wire/checksum.js';
import {
  AF_INET,
  HAS_LOCAL_ORIGIN,
  HAS_REASSEMBLED,
  HAS_SOCKET,
  IPPROTO_TCP,
  PACKET_HOST,
  type Packet,
  T_SRC,
} from '../wire/packet.js';
import type { HostKernel } from './kernel.js';
import { HOST_LINK_GROUP, HOST_SOCKET_ASSIGNED, HOST_SOURCE_SCOPE, HOST_TOO_BIG, HOST_TTL } from './reasons.js';

const IPV6_MIN_MTU = 1280;
const IP_DF = 0x4000;

const TIME_EXCEEDED4 = 11;
const TIME_EXCEEDED6 = 3;
const UNREACHABLE4 = 3;
const FRAGMENTATION_NEEDED = 4;
const PACKET_TOO_BIG6 = 2;
const UNREACHABLE6 = 1;
/** ICMPv6 destination unreachable: beyond the scope of the source address. */
const BEYOND_SCOPE = 2;

/**
 * Segments that offload joined: TCP that is longer than the link carries which it came from, or that the host made. Behind the
 * last hook they are cut again into what they were, so no MTU stops them (skb_gso_validate_network_len).
 */
export function isJoined(h: HostKernel, p: Packet): boolean {
  if (p.protocol !== IPPROTO_TCP || (p.has & HAS_REASSEMBLED) !== 0) return false;
  return (p.has & HAS_LOCAL_ORIGIN) !== 0 || p.l3Len > h.interfaces[p.inInterface]!.mtu;
}

/** Decrements the hop limit of a packet that may go on; false: dropped, `p.reason` says why. */
export function mayForward(h: HostKernel, p: Packet): boolean {
  if (p.packetType !== PACKET_HOST) return refuse(p, HOST_LINK_GROUP);
  if ((p.has & HAS_SOCKET) !== 0) return refuse(p, HOST_SOCKET_ASSIGNED);
  return p.family === AF_INET ? mayForward4(h, p) : mayForward6(h, p);
}

function refuse(p: Packet, reason: number): boolean {
  p.reason = reason;
  return false;
}

function tooBig(p: Packet, mtu: number): boolean {
  p.reasonArgs[0] = p.l3Len;
  p.reasonArgs[1] = mtu;
  return refuse(p, HOST_TOO_BIG);
}

function mayForward4(h: HostKernel, p: Packet): boolean {
  const ttl = p.view.getUint8(p.l3Off + 8);
  if (ttl <= 1) {
    h.answerError(p, TIME_EXCEEDED4, 0, 0);
    return refuse(p, HOST_TTL);
  }
  const mtu = h.interfaces[h.routing.outInterface]!.mtu;
  const df = (p.view.getUint16(p.l3Off + 6) & IP_DF) !== 0;
  if (p.l3Len > mtu && df && ((p.has & HAS_REASSEMBLED) === 0 || h.largestFragment > mtu) && !isJoined(h, p)) {
    h.answerError(p, UNREACHABLE4, FRAGMENTATION_NEEDED, mtu);
    return tooBig(p, mtu);
  }
  const before = p.view.getUint16(p.l3Off + 8);
  p.view.setUint8(p.l3Off + 8, ttl - 1);
  replace16(p.bytes, p.l3Off + 10, before, before - 256);
  return true;
}

function mayForward6(h: HostKernel, p: Packet): boolean {
  const hops = p.view.getUint8(p.l3Off + 7);
  if (hops <= 1) {
    h.answerError(p, TIME_EXCEEDED6, 0, 0);
    return refuse(p, HOST_TTL);
  }
  const first = p.tuple[T_SRC]!;
  const loopback = first === 0 && p.tuple[T_SRC + 1] === 0 && p.tuple[T_SRC + 2] === 0;
  // back out where it came from: nothing leaves its scope
  const crosses = h.routing.outInterface !== p.inInterface;
  if (crosses && (first >>> 24 === 0xff || (loopback && p.tuple[T_SRC + 3]! >>> 0 <= 1)))
    return refuse(p, HOST_SOURCE_SCOPE);
  if (crosses && first >>> 22 === 0xfe80 >>> 6) {
    h.answerError(p, UNREACHABLE6, BEYOND_SCOPE, 0);
    return refuse(p, HOST_SOURCE_SCOPE);
  }
  const mtu = Math.max(h.interfaces[h.routing.outInterface]!.mtu, IPV6_MIN_MTU);
  const length = (p.has & HAS_REASSEMBLED) === 0 ? p.l3Len : h.largestFragment;
  if (length > mtu && !isJoined(h, p)) {
    h.answerError(p, PACKET_TOO_BIG6, 0, mtu);
    return tooBig(p, mtu);
  }
  p.view.setUint8(p.l3Off + 7, hops - 1);
  return true;
}
