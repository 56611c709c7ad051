/**
 * The simulated host as plain data (`HostConfig`, the names of the YAML that --host takes) and its checked, compiled form.
 *
 * Compiling is cold and may throw `HostConfigError`; what comes out cannot make the packet path fail.
 */
import type { TimeoutPolicy } from '../conntrack/lifecycle.js';
import { Settings } from '../conntrack/sysctl.js';
import { moduleProblem } from '../helpers/parameters.js';
import type { HostInterface } from '../rules/context.js';
import { FingerprintError, Fingerprints } from '../rules/fingerprints.js';
import type { AccountingQuota } from '../rules/host-facts.js';
import { ADDRESS_WORDS, parseAddress, parseMac, parsePrefix } from '../wire/address.js';
import { AF_INET6 } from '../wire/packet.js';
import { LinkAddresses } from './link-addresses.js';
import type { RouteMark } from './marked-routes.js';
import { NeighbourTable } from './neighbours.js';
import type { AddressEntry, RouteEntry } from './routing.js';
import { ROUTE_TYPES, Routing } from './routing.js';
import { compileSocket, type SocketConfig, type SocketEntry } from './socket-config.js';
import { sysctlProblem } from './sysctl-values.js';
import { compileTimeouts, type TimeoutConfig } from './timeouts.js';

/** An interface; `lo` may be left out. */
export interface InterfaceConfig {
  /** 1 to 15 characters, as `-i` and `-o` name it. */
  name: string;
  /** `02:00:00:00:01:01`; made from the index where absent. */
  mac?: string;
  /** `10.1.0.1/24`, `fd00:1::1/64`; the first of a subnet is its primary address. */
  addresses?: string[];
  /** Number of the interface group; 0 where absent. */
  group?: number;
  /** Bytes of an IP packet; 1500 where absent, 65536 on lo. */
  mtu?: number;
  /** Number of the CPU that handles what arrives there, for `-m cpu`; the host's `cpu` where absent. */
  cpu?: number;
}

/** A route of the main table, as ip-route(8) takes it. Connected prefixes come with the addresses. */
export interface RouteConfig {
  /** `default` (IPv4, or the family of `via`), `::/0`, a prefix, an address. */
  to: string;
  /** The next hop's address; none: the destination is on the link. */
  via?: string;
  /** Needed for unicast routes. */
  dev?: string;
  /**
   * unicast where absent. blackhole, unreachable, prohibit end a packet's way: the first in silence, the others with an ICMP error.
   * local, which needs a mark, delivers packets to the host whatever their address, as a transparent proxy wants it.
   */
  type?: 'unicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'local';
  /** Among routes of the same length the lowest wins; 0 (IPv4) or 1024 (IPv6) where absent. */
  metric?: number;
  /** Source address for packets that the host makes. */
  src?: string;
  /** Routing realm, for `-m realm`: a number, `cosmos` (0), or `SOURCE/DESTINATION` as ip-route's `realms` takes it. IPv4 only. */
  realm?: number | string;
  /**
   * Only packets with this mark look the route up, before those without a mark: `1`, `0x1/0xff`. As `ip rule add fwmark` and a route in
   * the table that it names.
   */
  mark?: number | string;
}

/** Who sits behind which MAC address. */
export interface NeighbourConfig {
  /** IPv4 or IPv6, without a length. */
  address: string;
  /** `02:00:00:00:01:02`. */
  mac: string;
  /** Name of the interface it is reached by. */
  dev: string;
}

/** A set for -m set and -j SET, as `ipset create` makes it; the options have ipset's names. */
export interface SetConfig {
  /** As ipset(8) names it: `hash:net`, `hash:ip,port`, `bitmap:port`, `list:set`. */
  type: string;
  /** Of the addresses; inet where absent. */
  family?: 'inet' | 'inet6';
  /** Seconds that an entry stays if it does not say otherwise; 0 = for ever. Absent: entries stay, and have no timeouts. */
  timeout?: number;
  /** Whether entries count packets and bytes. */
  counters?: boolean;
  /** Whether entries may have comments. */
  comment?: boolean;
  /** Whether entries may have marks, for `-j SET --map-set`. */
  skbinfo?: boolean;
  /** Whether a full set gives up an entry for a new one. */
  forceadd?: boolean;
  /** Most entries; 65536 where absent. */
  maxelem?: number;
  /** Printed only. */
  hashsize?: number;
  /** Prefix length that addresses are cut to (hash:ip, hash:ip,port, bitmap:ip). */
  netmask?: number;
  /** Bits of addresses that count, in place of a netmask (hash:ip, hash:ip,port). */
  bitmask?: string;
  /** Bits of the mark that count (hash:ip,mark). */
  markmask?: number | string;
  /** `10.0.0.0/16`, `1024-2047`; bitmaps need it. */
  range?: string;
  /** Of a list; printed only. */
  size?: number;
  /** As `ipset add` takes them behind the set's name, options included: `10.0.0.0/8 timeout 300`. */
  entries?: string[];
}

/** A host as plain data. Everything may be left out. */
export interface HostConfig {
  /** In the order of their indexes, after `lo`, which is always there and first. */
  interfaces?: InterfaceConfig[];
  /** Of the main table, besides those that the interfaces' addresses bring. */
  routes?: RouteConfig[];
  /** Checked, but nothing depends on them: every neighbour is taken to answer, and what leaves has no link-layer header. */
  neighbours?: NeighbourConfig[];
  /** Kernel settings by their dotted names (`net.ipv4.ip_forward`); those that are not named have the defaults of Linux 6.18. */
  sysctl?: Record<string, number | string>;
  /**
   * Names of kernel modules, which decide about connection helpers: `nf_conntrack_ftp` has the helper of FTP, `nf_nat_ftp` its part for
   * NAT; options stand behind (`nf_conntrack_ftp ports=21,2121`). Absent: all are there.
   */
  modules?: string[];
  /** Sets by name, for `-m set` and `-j SET`. A list's members may stand behind it. */
  sets?: Record<string, SetConfig>;
  /** Timeout policies by name, for `-j CT --timeout`, as `nfct add timeout` makes them. */
  timeouts?: Record<string, TimeoutConfig>;
  /**
   * The host's sockets, for `-m owner`, `-m cgroup`, `-m socket`, `-j TPROXY` and `-j LOG --log-uid`. Where it is absent, nothing is
   * known of sockets, and rules that ask for one are in doubt; an empty list says that there is none.
   */
  sockets?: SocketConfig[];
  /** Bits (0 to 127) of connection labels by name, as connlabel.conf gives them. */
  labels?: Record<string, number>;
  /** Accounting objects by name, for `-m nfacct`: a rule with another name is refused. Absent: each name that a rule uses is one. */
  nfacct?: Record<string, AccountingConfig | null>;
  /** Text of a file of fingerprints (pf.os), for `-m osf`; in a host file, the name of the file. */
  osf?: string;
  /** Number of the CPU that handles packets, for `-m cpu`; 0 where absent. */
  cpu?: number;
}

/** An accounting object as `nfacct add` makes it. */
export interface AccountingConfig {
  /** Rules match only once more than this is counted; absent: always. */
  quota?: number;
  /** What the quota counts; bytes where absent. */
  unit?: 'packets' | 'bytes';
}

/** A host description that cannot be taken; `path` names the place: `interfaces[1].addresses[0]`. */
export class HostConfigError extends Error {
  /** The place in the description: `interfaces[1].addresses[0]`. */
  readonly path: string;
  /** @internal */
  constructor(path: string, message: string) {
    super(`${path}: ${message}`);
    this.name = 'HostConfigError';
    this.path = path;
  }
}

/** The compiled host. */
export interface HostNetwork {
  /** By index; 0 is null, 1 is lo. */
  interfaces: (HostInterface | null)[];
  /** Index of each name. */
  interfaceIndex: Map<string, number>;
  linkAddresses: LinkAddresses;
  routing: Routing;
  /** Those of the description, in its order. */
  routes: readonly RouteEntry[];
  neighbours: NeighbourTable;
  sysctl: Sysctls;
  /** What the sysctls say of connection tracking. */
  settings: Settings;
  /** By name. */
  timeouts: ReadonlyMap<string, TimeoutPolicy>;
  modules: ReadonlySet<string>;
  /** null: the description says nothing of sockets. */
  sockets: readonly SocketEntry[] | null;
  /** Bits by name. */
  labels: ReadonlyMap<string, number>;
  /** By name; null: those that rules name. */
  accounting: ReadonlyMap<string, AccountingQuota | null> | null;
  /** null: the description names none. */
  fingerprints: Fingerprints | null;
  /** By interface index; [0] for what the host makes. */
  cpus: Int32Array;
  sets: ReadonlyMap<string, SetConfig>;
}

/** `net.ipv4.ip_forward`, also where slashes stand for the dots. */
export function dottedName(name: string): string {
  return name.includes('/') ? name.replaceAll('.', '\0').replaceAll('/', '.').replaceAll('\0', '/') : name;
}

/** Values by dotted name; what is not named has the default that the reader gives. */
export class Sysctls {
  readonly values = new Map<string, string>();

  constructor(values: Record<string, number | string> = {}) {
    for (const name of Object.keys(values)) this.set(name, values[name] as number | string);
  }

  /** Sets `net.ipv4.ip_forward` (or with slashes); the old name of the forwarding switch is kept in step as the kernel does. */
  set(name: string, value: number | string): void {
    const dotted = dottedName(name);
    const text = String(value).trim();
    this.values.set(dotted, text);
    if (dotted === 'net.ipv4.ip_forward') this.values.set('net.ipv4.conf.all.forwarding', text);
    if (dotted === 'net.ipv4.conf.all.forwarding') this.values.set('net.ipv4.ip_forward', text);
  }

  text(name: string, fallback: string): string {
    return this.values.get(name) ?? fallback;
  }

  /** The first whole number in the value; `fallback` where it is not set or none. */
  number(name: string, fallback: number): number {
    const text = this.values.get(name);
    if (text === undefined) return fallback;
    const n = Number.parseInt(text, 10);
    return Number.isNaN(n) ? fallback : n;
  }
}

const LO_ADDRESSES = ['127.0.0.1/8', '::1/128'];
const LO_MTU = 65536;
const DEFAULT_MTU = 1500;
const MAX_LABEL = 127;
/** Kernel: NFACCT_NAME_MAX with the 0 behind it. */
const MAX_ACCOUNTING_NAME = 31;
const MAX_CPU = 65535;

/** Checks and compiles a host; throws HostConfigError with the place of the first thing that is wrong. */
export function compileHost(config: HostConfig): HostNetwork {
  const values = config.sysctl ?? {};
  for (const name of Object.keys(values)) {
    const problem = sysctlProblem(dottedName(name), values[name]!);
    if (problem !== null) throw new HostConfigError(`sysctl.${name}`, problem);
  }
  const sysctl = new Sysctls(values);
  const settings = new Settings();
  for (const [name, value] of sysctl.values) settings.set(name, Number(value));
  const interfaces: (HostInterface | null)[] = [null];
  const interfaceIndex = new Map<string, number>();
  const addresses: AddressEntry[] = [];
  const list = config.interfaces ?? [];
  compileInterface(
    list.find((i) => i.name === 'lo') ?? { name: 'lo' },
    'interfaces.lo',
    interfaces,
    interfaceIndex,
    addresses,
  );
  list.forEach((item, n) => {
    if (item.name === 'lo') return;
    compileInterface(item, `interfaces[${n}]`, interfaces, interfaceIndex, addresses);
  });
  const routes = (config.routes ?? []).map((item, n) => compileRoute(item, `routes[${n}]`, interfaceIndex));
  const neighbours = new NeighbourTable();
  (config.neighbours ?? []).forEach((item, n) => {
    compileNeighbour(item, `neighbours[${n}]`, interfaceIndex, neighbours);
  });
  return {
    interfaces,
    interfaceIndex,
    linkAddresses: new LinkAddresses(interfaces, (i) => list.find((c) => c.name === i.name)?.mac !== undefined),
    routing: new Routing(interfaces, addresses, routes, sysctl),
    routes,
    neighbours,
    sysctl,
    settings,
    timeouts: compileTimeouts(config.timeouts ?? {}, settings, complain),
    modules: compileModules(config.modules ?? []),
    sockets: config.sockets?.map((item, n) => compileSocket(item, `sockets[${n}]`, complain)) ?? null,
    labels: compileLabels(config.labels ?? {}),
    accounting: config.nfacct === undefined ? null : compileAccounting(config.nfacct),
    fingerprints: config.osf === undefined ? null : compileFingerprints(config.osf),
    cpus: compileCpus(config, interfaces),
    sets: new Map(Object.entries(config.sets ?? {})),
  };
}

function complain(path: string, message: string): never {
  throw new HostConfigError(path, message);
}

/** A whole number from 0 to `max`. */
function checkNumber(value: unknown, max: number, path: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value;
  return complain(path, `expected a whole number from 0 to ${max}, got ${quote(value)}`);
}

function compileModules(modules: readonly string[]): Set<string> {
  for (const [i, text] of modules.entries()) {
    const problem = moduleProblem(text);
    if (problem !== null) throw new HostConfigError(`modules[${i}]`, problem);
  }
  return new Set(modules);
}

function compileLabels(labels: Readonly<Record<string, number>>): Map<string, number> {
  return new Map(Object.entries(labels).map(([name, bit]) => [name, checkNumber(bit, MAX_LABEL, `labels.${name}`)]));
}

function compileAccounting(objects: Readonly<Record<string, AccountingConfig | null>>) {
  const compiled = new Map<string, AccountingQuota | null>();
  for (const [name, item] of Object.entries(objects)) {
    const path = `nfacct.${name}`;
    if (name === '' || name.length > MAX_ACCOUNTING_NAME)
      complain(path, `expected a name of 1 to ${MAX_ACCOUNTING_NAME} characters`);
    const unit = item?.unit ?? 'bytes';
    if (unit !== 'packets' && unit !== 'bytes')
      complain(`${path}.unit`, `expected packets or bytes, got ${quote(unit)}`);
    if (item?.unit !== undefined && item.quota === undefined) complain(`${path}.unit`, 'a unit without "quota"');
    const limit = item?.quota;
    const quota = limit === undefined ? null : checkNumber(limit, Number.MAX_SAFE_INTEGER, `${path}.quota`);
    compiled.set(name, quota === null ? null : { limit: quota, packets: unit === 'packets' });
  }
  return compiled;
}

function compileFingerprints(text: string): Fingerprints {
  try {
    return new Fingerprints(text);
  } catch (error) {
    if (!(error instanceof FingerprintError)) throw error;
    return complain('osf', `line ${error.line} of the fingerprints: ${error.message}`);
  }
}

function compileCpus(config: HostConfig, interfaces: readonly (HostInterface | null)[]): Int32Array {
  const own = checkNumber(config.cpu ?? 0, MAX_CPU, 'cpu');
  const cpus = new Int32Array(interfaces.length).fill(own);
  for (const [n, { name, cpu }] of (config.interfaces ?? []).entries()) {
    const index = interfaces.findIndex((i) => i?.name === name);
    if (cpu !== undefined) cpus[index] = checkNumber(cpu, MAX_CPU, `interfaces[${n}].cpu`);
  }
  return cpus;
}

function compileInterface(
  item: InterfaceConfig,
  path: string,
  interfaces: (HostInterface | null)[],
  interfaceIndex: Map<string, number>,
  addresses: AddressEntry[],
): void {
  const { name } = item;
  if (typeof name !== 'string' || name === '' || name.length > 15 || /[\s/]/.test(name)) {
    throw new HostConfigError(`${path}.name`, `expected an interface name of 1 to 15 characters, got ${quote(name)}`);
  }
  if (interfaceIndex.has(name)) throw new HostConfigError(`${path}.name`, `${name} is there twice`);
  const index = interfaces.length;
  const loopback = name === 'lo';
  const mtu = item.mtu ?? (loopback ? LO_MTU : DEFAULT_MTU);
  if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65536) {
    throw new HostConfigError(`${path}.mtu`, `expected 68 to 65536 bytes, got ${quote(mtu)}`);
  }
  const group = item.group ?? 0;
  if (!Number.isInteger(group) || group < 0)
    throw new HostConfigError(`${path}.group`, `expected a number, got ${quote(group)}`);
  const mac = loopback ? new Uint8Array(6) : item.mac === undefined ? madeMac(index) : parseMac(String(item.mac));
  if (mac === null) throw new HostConfigError(`${path}.mac`, `expected a MAC address, got ${quote(item.mac)}`);
  interfaces.push({ index, name, mac, group, mtu, loopback });
  interfaceIndex.set(name, index);
  addresses.push(...compileAddresses(item.addresses ?? (loopback ? LO_ADDRESSES : []), `${path}.addresses`, index));
}

/** The addresses of the interface `dev`; throws HostConfigError with the place `path[n]` of what is none. */
export function compileAddresses(texts: readonly string[], path: string, dev: number): AddressEntry[] {
  return texts.map((text, n) => {
    const prefix = parsePrefix(String(text));
    if (prefix === null) throw new HostConfigError(`${path}[${n}]`, `expected ADDRESS/LENGTH, got ${quote(text)}`);
    return { ...prefix, dev };
  });
}

/** A locally administered address for an interface that has none in the configuration. */
function madeMac(index: number): Uint8Array {
  return Uint8Array.of(2, 0, 0, 0, (index >> 8) & 255, index & 255);
}

function compileRoute(item: RouteConfig, path: string, interfaceIndex: Map<string, number>): RouteEntry {
  const type = item.type ?? 'unicast';
  const kind = ROUTE_TYPES.get(type);
  if (kind === undefined) {
    throw new HostConfigError(`${path}.type`, `expected ${[...ROUTE_TYPES.keys()].join(', ')}, got ${quote(type)}`);
  }
  const via = new Int32Array(ADDRESS_WORDS);
  const viaFamily = item.via === undefined ? 0 : parseAddress(String(item.via), via);
  if (item.via !== undefined && viaFamily === 0) {
    throw new HostConfigError(`${path}.via`, `expected an address, got ${quote(item.via)}`);
  }
  const isDefault = item.to === 'default';
  const to = parsePrefix(isDefault ? (viaFamily === AF_INET6 ? '::/0' : '0.0.0.0/0') : String(item.to));
  if (to === null) throw new HostConfigError(`${path}.to`, `expected default or a prefix, got ${quote(item.to)}`);
  if (viaFamily !== 0 && viaFamily !== to.family) {
    throw new HostConfigError(`${path}.via`, `is not of the family of ${quote(item.to)}`);
  }
  const dev = item.dev === undefined ? 0 : interfaceIndex.get(item.dev);
  if (dev === undefined) throw new HostConfigError(`${path}.dev`, `there is no interface ${quote(item.dev)}`);
  if (dev === 0 && (type === 'unicast' || type === 'local')) throw new HostConfigError(`${path}.dev`, 'is missing');
  const src = new Int32Array(ADDRESS_WORDS);
  const hasSource = item.src !== undefined;
  if (hasSource && parseAddress(String(item.src), src) !== to.family) {
    throw new HostConfigError(`${path}.src`, `expected an address of the route's family, got ${quote(item.src)}`);
  }
  const metric = item.metric ?? (to.family === AF_INET6 ? 1024 : 0);
  if (!Number.isInteger(metric) || metric < 0)
    throw new HostConfigError(`${path}.metric`, `expected a number, got ${quote(metric)}`);
  const realm = readRealm(item.realm ?? 0);
  if (realm === null || (to.family === AF_INET6 && item.realm !== undefined))
    throw new HostConfigError(
      `${path}.realm`,
      `expected 0 to 65535, cosmos, or two of them as SOURCE/DESTINATION, of an IPv4 route, got ${quote(item.realm)}`,
    );
  const mark = item.mark === undefined ? null : readMark(item.mark);
  if (mark === null && item.mark !== undefined)
    throw new HostConfigError(`${path}.mark`, `expected MARK or MARK/MASK, not 0, got ${quote(item.mark)}`);
  if (mark === null && type === 'local')
    throw new HostConfigError(`${path}.mark`, 'is missing: a local route needs one');
  return {
    ...to,
    type: kind,
    dev,
    via: viaFamily === 0 ? null : via,
    metric,
    src: hasSource ? src : null,
    realm,
    mark,
  };
}

/** RouteEntry.mark; null where it is none. */
function readMark(value: number | string): RouteMark | null {
  const m = /^(0x[0-9a-f]+|\d+)(?:\/(0x[0-9a-f]+|\d+))?$/i.exec(String(value));
  if (m === null) return null;
  const mark = Number(m[1]);
  const mask = m[2] === undefined ? 0xffffffff : Number(m[2]);
  if (mark > 0xffffffff || mask > 0xffffffff || ((mark & mask) | 0) === 0) return null;
  return { mark: mark & mask, mask: mask | 0 };
}

/** RouteEntry.realm; null where it is none. */
function readRealm(value: number | string): number | null {
  const numbers = String(value)
    .split('/')
    .map((part) => (part === 'cosmos' ? 0 : /^\d{1,5}$/.test(part) ? Number(part) : -1));
  if (numbers.length > 2 || numbers.some((n) => n < 0 || n > 0xffff)) return null;
  return numbers.length === 1 ? numbers[0]! : (numbers[0]! << 16) | numbers[1]!;
}

function compileNeighbour(
  item: NeighbourConfig,
  path: string,
  interfaceIndex: Map<string, number>,
  neighbours: NeighbourTable,
): void {
  const words = new Int32Array(ADDRESS_WORDS);
  const family = parseAddress(String(item.address), words);
  if (family === 0) throw new HostConfigError(`${path}.address`, `expected an address, got ${quote(item.address)}`);
  const mac = parseMac(String(item.mac));
  if (mac === null) throw new HostConfigError(`${path}.mac`, `expected a MAC address, got ${quote(item.mac)}`);
  const dev = interfaceIndex.get(item.dev);
  if (dev === undefined) throw new HostConfigError(`${path}.dev`, `there is no interface ${quote(item.dev)}`);
  neighbours.set(family, words, dev, mac);
}

function quote(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing';
}
