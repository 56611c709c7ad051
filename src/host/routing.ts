/**
 * The host's routing: which packets are its own, where the others go, which addresses it would never believe.
 *
 * Two prefix tables, looked up in the kernel's order: `local` (own addresses, 127/8, broadcast and anycast addresses), then
 * `main` (connected prefixes and configured routes). A value is an index into the entry arrays below.
 *
 *   entry e: type[e] RTN_, dev[e], via[4e..] (hasVia[e]), source[4e..] (hasSource[e])
 *
 * The results of a look-up are fields of the Routing object (`type`, `outInterface`, `nextHop` ...), valid until the next
 * look-up. Nothing allocates after construction.
 *
 * Multicast: the host is a member of what every host joins (224.0.0.1; ff01::1, ff02::1, the solicited-node groups, and
 * ff02::2 where it forwards), and forwards none. Not modelled: several tables and rules but for marks, ECMP, multicast routing, redirects,
 * route_localnet, accept_local.
 */

import type { HostInterface } from '../rules/context.js';
import {
  RTN_ANYCAST,
  RTN_BLACKHOLE,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_PROHIBIT,
  RTN_UNICAST,
  RTN_UNREACHABLE,
  RTN_UNSPEC,
} from '../rules/context.js';
import { ADDRESS_WORDS } from '../wire/address.js';
import { AF_INET, AF_INET6, IPPROTO_IGMP, type Packet, T_DST, T_SRC } from '../wire/packet.js';
import { ErrorLimits } from './error-limits.js';
import { MarkedRoutes, type RouteMark } from './marked-routes.js';
import { maskWord, PrefixTable } from './prefixes.js';
import {
  HOST_MARTIAN_DESTINATION,
  HOST_MARTIAN_SOURCE,
  HOST_NO_GROUP,
  HOST_NO_ROUTE,
  HOST_NOT_FORWARDING,
  HOST_REVERSE_PATH,
  HOST_ROUTE_REFUSES,
} from './reasons.js';
import { selectRedirect4, selectRedirect6, selectSource6 } from './source-address.js';

/** An address of the host with its prefix. */
export interface AddressEntry {
  family: number;
  words: Int32Array;
  length: number;
  dev: number;
}

/** A configured route. */
export interface RouteEntry {
  family: number;
  words: Int32Array;
  length: number;
  /** RTN_UNICAST, RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT or, with a mark, RTN_LOCAL. */
  type: number;
  /** 0 = none. */
  dev: number;
  via: Int32Array | null;
  metric: number;
  src: Int32Array | null;
  /** Int32: realm of the source in the upper 16 bits, of the destination in the lower ones; absent: 0. */
  realm?: number;
  /** Absent: of the main table. */
  mark?: RouteMark | null;
}

/** Sysctls as routing reads them. */
export interface SysctlReader {
  number(name: string, fallback: number): number;
  text(name: string, fallback: string): string;
}

/** Route types by name, as ip-route(8) and the host configuration name them. */
export const ROUTE_TYPES: ReadonlyMap<string, number> = new Map([
  ['unicast', RTN_UNICAST],
  ['blackhole', RTN_BLACKHOLE],
  ['unreachable', RTN_UNREACHABLE],
  ['prohibit', RTN_PROHIBIT],
  ['local', RTN_LOCAL],
]);

/** Where an arrived packet goes: what `routeInput` returns. */
export const WAY_INPUT = 1;
export const WAY_FORWARD = 2;
/** Dropped without a word; `reason` says why. */
export const WAY_DROP = 3;
/** Dropped with the ICMP error `icmpType`, `icmpCode`; `reason` says why. */
export const WAY_ERROR = 4;

const ICMP_DEST_UNREACH = 3;
const ICMP_NET_UNREACH = 0;
const ICMP_HOST_UNREACH = 1;
const ICMP_PKT_FILTERED = 13;
const ICMPV6_DEST_UNREACH = 1;
const ICMPV6_NOROUTE = 0;
const ICMPV6_ADM_PROHIBITED = 1;

const MULTICAST_ALL_HOSTS = 0xe0000001 | 0;
const LO_INDEX = 1;
/** Upper 10 bits of fe80::/10. */
const LINK_LOCAL = 0xfe80 >>> 6;
const CACHE_LINES = 1024;
/** Top bits of a 32-bit product that index the cache. */
const CACHE_SHIFT = 22;
const CACHE_EMPTY = -2;

export class Routing {
  /** Results of `route`: RTN_ type; RTN_UNREACHABLE also where there is no route at all (then `entry` is -1). */
  type = RTN_UNSPEC;
  /** Interface index; 0 = none. */
  outInterface = 0;
  entry = -1;
  /** The gateway, or the destination itself where it is on the link. */
  readonly nextHop = new Int32Array(ADDRESS_WORDS);
  /** Valid after WAY_DROP and WAY_ERROR: a HOST_ code. */
  reason = 0;
  /** Whom the host may still tell of errors. */
  readonly errorLimits: ErrorLimits;
  /** Valid after WAY_ERROR. */
  icmpType = 0;
  icmpCode = 0;

  /** Addresses of the host in the order of configuration. */
  addresses: readonly AddressEntry[];
  /** net.ipv4.conf.IFACE.forwarding by interface index. */
  readonly forwarding4: Uint8Array;
  readonly forwarding6: boolean;

  #local = new PrefixTable();
  #main = new PrefixTable();
  #marked = new MarkedRoutes();
  /** max(all, IFACE) of rp_filter: 0 off, 1 strict, 2 loose. */
  readonly #reversePath: Uint8Array;
  #type: Uint8Array;
  #dev: Int32Array;
  #via: Int32Array;
  #hasVia: Uint8Array;
  #source: Int32Array;
  #hasSource: Uint8Array;
  #realm: Int32Array;
  #count = 0;
  /** Direct-mapped: IPv4 address, its entry. `become` empties it. */
  readonly #cacheKey = new Int32Array(CACHE_LINES);
  readonly #cacheEntry = new Int32Array(CACHE_LINES).fill(CACHE_EMPTY);

  constructor(
    interfaces: readonly (HostInterface | null)[],
    addresses: readonly AddressEntry[],
    routes: readonly RouteEntry[],
    sysctl: SysctlReader,
  ) {
    this.addresses = addresses;
    this.errorLimits = new ErrorLimits(sysctl);
    this.forwarding4 = new Uint8Array(interfaces.length);
    this.#reversePath = new Uint8Array(interfaces.length);
    this.forwarding6 = sysctl.number('net.ipv6.conf.all.forwarding', 0) !== 0;
    for (const i of interfaces) {
      if (i === null) continue;
      const all = sysctl.number('net.ipv4.conf.all.forwarding', sysctl.number('net.ipv4.ip_forward', 0));
      this.forwarding4[i.index] = sysctl.number(`net.ipv4.conf.${i.name}.forwarding`, all) !== 0 ? 1 : 0;
      this.#reversePath[i.index] = Math.max(
        sysctl.number('net.ipv4.conf.all.rp_filter', 0),
        sysctl.number(`net.ipv4.conf.${i.name}.rp_filter`, 0),
      );
    }
    const room = addresses.length * 4 + routes.length;
    this.#type = new Uint8Array(room);
    this.#dev = new Int32Array(room);
    this.#via = new Int32Array(room * ADDRESS_WORDS);
    this.#hasVia = new Uint8Array(room);
    this.#source = new Int32Array(room * ADDRESS_WORDS);
    this.#hasSource = new Uint8Array(room);
    this.#realm = new Int32Array(room);
    for (const a of addresses) this.#addAddress(a);
    const byMetric = [...routes].sort((a, b) => a.metric - b.metric);
    for (const r of byMetric) {
      const entry = this.#addEntry(r.type, r.dev, r.via, r.src);
      this.#realm[entry] = r.realm ?? 0;
      if (r.mark) this.#marked.add(r.mark, r.family, r.words, r.length, entry);
      else this.#main.add(r.family, r.words, r.length, entry);
    }
  }

  /** Takes the addresses and routes of another one, which is not used any more (links.ts). */
  become(other: Routing): void {
    this.addresses = other.addresses;
    this.#local = other.#local;
    this.#main = other.#main;
    this.#marked = other.#marked;
    this.#type = other.#type;
    this.#dev = other.#dev;
    this.#via = other.#via;
    this.#hasVia = other.#hasVia;
    this.#source = other.#source;
    this.#hasSource = other.#hasSource;
    this.#realm = other.#realm;
    this.#cacheEntry.fill(CACHE_EMPTY);
  }

  /**
   * Looks up the destination at `words[at..at+3]` as the host's own packets are routed; fills the result fields and
   * returns `type`. What is the host's own goes out on lo.
   */
  route(family: number, words: Int32Array, at: number, mark = 0): number {
    this.#lookUp(family, words, at, mark);
    if (this.type === RTN_LOCAL || this.type === RTN_ANYCAST) this.outInterface = LO_INDEX;
    return this.type;
  }

  /** Whether some routes depend on marks. */
  get hasMarks(): boolean {
    return this.#marked.any;
  }

  /** The entry of the route to an address, -1 = none; leaves the result fields alone. */
  find(family: number, words: Int32Array, at: number, mark = 0): number {
    if (mark !== 0 && this.#marked.any && this.#local.find(family, words, at) < 0) {
      const e = this.#marked.find(mark, family, words, at);
      if (e >= 0) return e;
    }
    if (family === AF_INET) return this.#find4(words, at);
    const e = this.#local.find(family, words, at);
    return e >= 0 ? e : this.#main.find(family, words, at);
  }

  /** RTN_ type of an entry. */
  typeOf(entry: number): number {
    return this.#type[entry]!;
  }

  /** Interface of an entry. */
  deviceOf(entry: number): number {
    return this.#dev[entry]!;
  }

  /** Realms of an entry, as RouteEntry has them; 0 for -1. */
  realmOf(entry: number): number {
    return entry < 0 ? 0 : this.#realm[entry]!;
  }

  /**
   * Decides about an arrived packet (after PREROUTING) by its present addresses: WAY_INPUT, WAY_FORWARD (route in the result
   * fields), WAY_DROP or WAY_ERROR. As ip_route_input_slow (net/ipv4/route.c) and ip6_route_input with the handlers of
   * their results. Packets that arrive on lo have been judged when they were sent.
   */
  routeInput(p: Packet): number {
    if (p.inInterface === LO_INDEX) {
      this.#lookUp(p.family, p.tuple, T_DST);
      // what NAT has given another destination on its way in is routed anew
      if (this.type !== RTN_UNICAST) return WAY_INPUT;
    }
    return p.family === AF_INET ? this.#input4(p) : this.#input6(p);
  }

  /**
   * RTN_ type of an address as -m addrtype sees it. IPv4 (inet_dev_addr_type): only what the local table says, all else is
   * RTN_UNICAST; `dev` 0 = any, else own addresses of other interfaces are RTN_UNICAST. IPv6: the most telling one of
   * RTN_UNSPEC, MULTICAST, LOCAL, ANYCAST, UNREACHABLE, UNICAST; `addressTypes6` has them all.
   */
  addressType(family: number, words: Int32Array, at: number, dev: number): number {
    if (family === AF_INET) {
      const word = words[at]!;
      if (word === -1 || word === 0) return RTN_BROADCAST;
      if (word >>> 28 === 14) return RTN_MULTICAST;
      const e = this.#local.find(family, words, at);
      return e < 0 || (dev !== 0 && this.#dev[e] !== dev) ? RTN_UNICAST : this.#type[e]!;
    }
    const types = this.addressTypes6(words, at, dev);
    if ((types & (1 << RTN_UNSPEC)) !== 0) return RTN_UNSPEC;
    if ((types & (1 << RTN_MULTICAST)) !== 0) return RTN_MULTICAST;
    if ((types & (1 << RTN_LOCAL)) !== 0) return RTN_LOCAL;
    if ((types & (1 << RTN_ANYCAST)) !== 0) return RTN_ANYCAST;
    return (types & (1 << RTN_UNREACHABLE)) !== 0 ? RTN_UNREACHABLE : RTN_UNICAST;
  }

  /**
   * All `1 << RTN_` types of an IPv6 address as xt_addrtype's match_type6 tests them: UNICAST, MULTICAST and UNSPEC by the
   * address alone, LOCAL, ANYCAST and UNREACHABLE (no route, or one that refuses) by routing.
   */
  addressTypes6(words: Int32Array, at: number, dev: number): number {
    const first = words[at]!;
    const unspecified = first === 0 && words[at + 1] === 0 && words[at + 2] === 0 && words[at + 3] === 0;
    if (first >>> 24 === 255) return 1 << RTN_MULTICAST;
    const types = unspecified ? 1 << RTN_UNSPEC : 1 << RTN_UNICAST;
    let e = this.#local.find(AF_INET6, words, at);
    if (e >= 0) {
      if (this.#type[e] === RTN_ANYCAST) return types | (1 << RTN_ANYCAST);
      return dev === 0 || this.#dev[e] === dev ? types | (1 << RTN_LOCAL) : types;
    }
    e = this.#main.find(AF_INET6, words, at);
    return e < 0 || this.#type[e] !== RTN_UNICAST ? types | (1 << RTN_UNREACHABLE) : types;
  }

  /**
   * Writes the source address that the host gives to a packet of its own to `words[at..]` into `out[outAt..]`: the route's
   * `src`, else the address of the interface whose subnet holds the next hop, else its first one, else any other
   * (inet_select_addr); IPv6 by RFC 6724 section 5. False: there is none. Uses and overwrites the result fields.
   */
  selectSource(family: number, words: Int32Array, at: number, out: Int32Array, outAt: number): boolean {
    const type = this.route(family, words, at);
    if (type === RTN_LOCAL || type === RTN_ANYCAST) {
      for (let i = 0; i < ADDRESS_WORDS; i++) out[outAt + i] = words[at + i]!;
      return true;
    }
    const e = this.entry;
    if (e >= 0 && this.#hasSource[e] === 1) {
      for (let i = 0; i < ADDRESS_WORDS; i++) out[outAt + i] = this.#source[e * ADDRESS_WORDS + i]!;
      return true;
    }
    const from =
      family === AF_INET
        ? this.#source4(this.outInterface)
        : selectSource6(this.addresses, this.outInterface, words, at);
    if (from < 0) return false;
    const own = this.addresses[from]!.words;
    for (let i = 0; i < ADDRESS_WORDS; i++) out[outAt + i] = own[i]!;
    return true;
  }

  /**
   * Writes to `out` the address that MASQUERADE puts on what leaves on `dev` for `words[at..]`: of that interface, not the
   * route's `src` (nf_nat_masquerade_ipv4; IPv6 as selectSource). False: there is none. Overwrites the result fields.
   */
  masqueradeAddress(family: number, dev: number, words: Int32Array, at: number, out: Int32Array): boolean {
    this.#lookUp(family, words, at);
    // addresses of lo are of no use to anybody outside
    const own = dev === LO_INDEX ? 0 : dev;
    const from = family === AF_INET ? this.#source4(own) : selectSource6(this.addresses, dev, words, at);
    return from >= 0 && this.#copyAddress(from, out);
  }

  /**
   * Writes to `out` the address of `dev` that REDIRECT sends a packet for `words[at..]` to (nf_nat_redirect.c): IPv4 the first;
   * IPv6 by the destination's scope. False: it has none.
   */
  redirectAddress(family: number, dev: number, words: Int32Array, at: number, out: Int32Array): boolean {
    const { addresses } = this;
    const from = family === AF_INET ? selectRedirect4(addresses, dev) : selectRedirect6(addresses, dev, words, at);
    return from >= 0 && this.#copyAddress(from, out);
  }

  #copyAddress(index: number, out: Int32Array): boolean {
    const own = this.addresses[index]!.words;
    for (let i = 0; i < ADDRESS_WORDS; i++) out[i] = own[i]!;
    return true;
  }

  /** True where the address is one of the host's (any interface). */
  isOwn(family: number, words: Int32Array, at: number): boolean {
    const e = this.#local.find(family, words, at);
    return e >= 0 && this.#type[e] === RTN_LOCAL;
  }

  #source4(dev: number): number {
    let any = -1;
    let onDev = -1;
    for (let i = 0; i < this.addresses.length; i++) {
      const a = this.addresses[i]!;
      if (a.family !== AF_INET) continue;
      if (any < 0 && a.dev !== LO_INDEX) any = i;
      if (a.dev !== dev) continue;
      if ((((a.words[0]! ^ this.nextHop[0]!) & maskWord(a.length, 0)) | 0) === 0) return i;
      if (onDev < 0) onDev = i;
    }
    return onDev >= 0 ? onDev : any;
  }

  /** Both tables' answer about an IPv4 address, remembered: most packets go to few addresses. */
  #find4(words: Int32Array, at: number): number {
    const word = words[at]!;
    const line = Math.imul(word, 0x9e3779b1) >>> CACHE_SHIFT;
    if (this.#cacheKey[line] === word && this.#cacheEntry[line] !== CACHE_EMPTY) return this.#cacheEntry[line]!;
    let e = this.#local.find(AF_INET, words, at);
    if (e < 0) e = this.#main.find(AF_INET, words, at);
    this.#cacheKey[line] = word;
    this.#cacheEntry[line] = e;
    return e;
  }

  #lookUp(family: number, words: Int32Array, at: number, mark = 0): void {
    const e = this.find(family, words, at, mark);
    this.entry = e;
    const group = family === AF_INET ? words[at]! >>> 28 === 14 : words[at]! >>> 24 === 255;
    const all = family === AF_INET && words[at] === -1;
    if (e < 0) {
      this.type = all ? RTN_BROADCAST : RTN_UNREACHABLE;
      this.outInterface = 0;
    } else {
      this.type = group ? RTN_MULTICAST : all ? RTN_BROADCAST : this.#type[e]!;
      this.outInterface = this.#dev[e]!;
    }
    const viaAt = e * ADDRESS_WORDS;
    const gateway = e >= 0 && this.#hasVia[e] === 1 && this.type === RTN_UNICAST;
    for (let i = 0; i < ADDRESS_WORDS; i++) {
      this.nextHop[i] = gateway ? this.#via[viaAt + i]! : words[at + i]!;
    }
  }

  #drop(reason: number): number {
    this.reason = reason;
    return WAY_DROP;
  }

  #error(reason: number, type: number, code: number): number {
    this.reason = reason;
    this.icmpType = type;
    this.icmpCode = code;
    return WAY_ERROR;
  }

  #input4(p: Packet): number {
    const source = p.tuple[T_SRC]!;
    const destination = p.tuple[T_DST]!;
    if (destination >>> 28 === 14) return this.#multicast4(p, source, destination);
    if (source >>> 28 === 14 || source === -1) return this.#drop(HOST_MARTIAN_SOURCE);
    if (destination === -1 || (source | destination) === 0) {
      this.#lookUp(AF_INET, p.tuple, T_DST, p.mark);
      this.type = RTN_BROADCAST;
      return source === 0 ? WAY_INPUT : this.#checkSource(p, WAY_INPUT);
    }
    if (source === 0 || source >>> 24 === 127) return this.#drop(HOST_MARTIAN_SOURCE);
    if (destination === 0 || destination >>> 24 === 127) return this.#drop(HOST_MARTIAN_DESTINATION);
    this.#lookUp(AF_INET, p.tuple, T_DST, p.mark);
    const type = this.type;
    if (type === RTN_BROADCAST || type === RTN_LOCAL) return this.#checkSource(p, WAY_INPUT);
    if (this.forwarding4[p.inInterface] !== 1) return this.#drop(HOST_NOT_FORWARDING);
    if (type === RTN_UNICAST) return this.#checkSource(p, WAY_FORWARD);
    return this.#refused4();
  }

  /** ip_route_input_mc: only joined groups; a source of 0.0.0.0 only to 224.0.0.x or for IGMP (ip_mc_validate_source). */
  #multicast4(p: Packet, source: number, destination: number): number {
    this.#lookUp(AF_INET, p.tuple, T_DST, p.mark);
    this.type = RTN_MULTICAST;
    if (destination !== MULTICAST_ALL_HOSTS) return this.#drop(HOST_NO_GROUP);
    if (source >>> 28 === 14 || source === -1 || source >>> 24 === 127) return this.#drop(HOST_MARTIAN_SOURCE);
    if (source === 0) {
      const linkScope = destination >>> 8 === 0xe00000;
      return linkScope || p.protocol === IPPROTO_IGMP ? WAY_INPUT : this.#drop(HOST_MARTIAN_SOURCE);
    }
    return this.#checkSource(p, WAY_INPUT);
  }

  /** fib_validate_source: `way`, or dropped because the source is the host's own or fails rp_filter. Keeps the route. */
  #checkSource(p: Packet, way: number): number {
    const known = this.#find4(p.tuple, T_SRC);
    if (known >= 0 && this.#type[known] === RTN_LOCAL) return this.#drop(HOST_MARTIAN_SOURCE);
    const filter = this.#reversePath[p.inInterface]!;
    if (filter === 0) return way;
    if (this.#local.find(AF_INET, p.tuple, T_SRC) >= 0) return this.#drop(HOST_MARTIAN_SOURCE);
    const back = this.#main.find(AF_INET, p.tuple, T_SRC);
    if (back < 0 || this.#type[back] !== RTN_UNICAST) return this.#drop(HOST_REVERSE_PATH);
    return filter === 1 && this.#dev[back] !== p.inInterface ? this.#drop(HOST_REVERSE_PATH) : way;
  }

  /** ip_error: what a forwarding host says where fib_lookup failed. */
  #refused4(): number {
    if (this.entry < 0) return this.#error(HOST_NO_ROUTE, ICMP_DEST_UNREACH, ICMP_NET_UNREACH);
    if (this.type === RTN_UNREACHABLE) return this.#error(HOST_ROUTE_REFUSES, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH);
    if (this.type === RTN_PROHIBIT) return this.#error(HOST_ROUTE_REFUSES, ICMP_DEST_UNREACH, ICMP_PKT_FILTERED);
    return this.#drop(HOST_ROUTE_REFUSES);
  }

  #input6(p: Packet): number {
    this.#lookUp(AF_INET6, p.tuple, T_DST, p.mark);
    if (p.tuple[T_DST]! >>> 24 === 255) {
      return this.hasJoined(p.tuple, p.inInterface) ? WAY_INPUT : this.#drop(HOST_NO_GROUP);
    }
    const type = this.type;
    if (type === RTN_LOCAL || type === RTN_ANYCAST) return WAY_INPUT;
    if (this.entry < 0) return this.#error(HOST_NO_ROUTE, ICMPV6_DEST_UNREACH, ICMPV6_NOROUTE);
    if (type === RTN_UNREACHABLE) return this.#error(HOST_ROUTE_REFUSES, ICMPV6_DEST_UNREACH, ICMPV6_NOROUTE);
    if (type === RTN_PROHIBIT) return this.#error(HOST_ROUTE_REFUSES, ICMPV6_DEST_UNREACH, ICMPV6_ADM_PROHIBITED);
    if (type !== RTN_UNICAST) return this.#drop(HOST_ROUTE_REFUSES);
    if (!this.isOnLink6(p.tuple, T_DST, p.inInterface))
      return this.#error(HOST_NO_ROUTE, ICMPV6_DEST_UNREACH, ICMPV6_NOROUTE);
    return this.forwarding6 ? WAY_FORWARD : this.#drop(HOST_NOT_FORWARDING);
  }

  /**
   * Whether a packet that came in on `dev` may go to an address: link-local ones are on that link only (rt6_need_strict), which needs a
   * route or an address of that kind there.
   */
  isOnLink6(words: Int32Array, at: number, dev: number): boolean {
    if (words[at]! >>> 22 !== LINK_LOCAL) return true;
    const e = this.#main.find(AF_INET6, words, at);
    if (e >= 0 && this.#dev[e] === dev) return true;
    return this.addresses.some((a) => a.family === AF_INET6 && a.dev === dev && a.words[0]! >>> 22 === LINK_LOCAL);
  }

  /** Whether the host has joined the IPv6 group at T_DST on that interface (what ipv6_chk_mcast_addr asks). */
  hasJoined(tuple: Int32Array, dev: number): boolean {
    const first = tuple[T_DST]!;
    const last = tuple[T_DST + 3]!;
    if ((first !== (0xff020000 | 0) && first !== (0xff010000 | 0)) || tuple[T_DST + 1] !== 0) return false;
    if (tuple[T_DST + 2] === 0) {
      return last === 1 || (last === 2 && this.forwarding6 && first === (0xff020000 | 0));
    }
    if (first !== (0xff020000 | 0) || tuple[T_DST + 2] !== 1 || last >>> 24 !== 255) return false;
    for (let i = 0; i < this.addresses.length; i++) {
      const a = this.addresses[i]!;
      if (a.family !== AF_INET6 || a.dev !== dev) continue;
      if (((a.words[3]! ^ last) & 0xffffff) === 0) return true;
      // the subnet-router anycast address has its own solicited-node group
      if (this.forwarding6 && a.length < 127 && (a.words[3]! & maskWord(a.length, 3) & 0xffffff) === (last & 0xffffff))
        return true;
    }
    return false;
  }

  #addEntry(type: number, dev: number, via: Int32Array | null, source: Int32Array | null): number {
    const e = this.#count++;
    this.#type[e] = type;
    this.#dev[e] = dev;
    if (via !== null) {
      this.#via.set(via, e * ADDRESS_WORDS);
      this.#hasVia[e] = 1;
    }
    if (source !== null) {
      this.#source.set(source, e * ADDRESS_WORDS);
      this.#hasSource[e] = 1;
    }
    return e;
  }

  /** The routes that an address brings along (fib_add_ifaddr, addrconf_add_ifaddr). */
  #addAddress(a: AddressEntry): void {
    const bits = a.family === AF_INET ? 32 : 128;
    const own = this.#addEntry(RTN_LOCAL, a.dev, null, null);
    this.#local.add(a.family, a.words, bits, own);
    if (a.length === bits) return;
    if (a.family === AF_INET) {
      if (a.dev === LO_INDEX) this.#local.add(AF_INET, a.words, a.length, own);
      else this.#main.add(AF_INET, a.words, a.length, this.#addEntry(RTN_UNICAST, a.dev, null, a.words));
      if (a.length >= 31) return;
      const broadcast = Int32Array.of(a.words[0]! | ~maskWord(a.length, 0), 0, 0, 0);
      this.#local.add(AF_INET, broadcast, 32, this.#addEntry(RTN_BROADCAST, a.dev, null, a.words));
      return;
    }
    this.#main.add(AF_INET6, a.words, a.length, this.#addEntry(RTN_UNICAST, a.dev, null, null));
    if (!this.forwarding6 || a.length >= 127 || a.dev === LO_INDEX) return;
    const anycast = a.words.map((word, i) => word & maskWord(a.length, i));
    this.#local.add(AF_INET6, anycast, 128, this.#addEntry(RTN_ANYCAST, a.dev, null, null));
  }
}
