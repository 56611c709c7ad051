/**
 * What SNAT, DNAT, MASQUERADE and REDIRECT share: the range that a mapping is chosen from, as iptables reads and prints it
 * (libxt_NAT; ADDRESS[-ADDRESS][:PORT[-PORT[/BASE]]], IPv6 addresses with ports in brackets).
 */

import {
  NatRange,
  RANGE_MAP_IPS,
  RANGE_OFFSET,
  RANGE_PERSISTENT,
  RANGE_PORTS,
  RANGE_RANDOM,
  RANGE_RANDOM_FULLY,
} from '../../nat/range.js';
import { ADDRESS_WORDS, formatAddress, parseAddress } from '../../wire/address.js';
import { AF_INET, IPPROTO_DCCP, IPPROTO_ICMP, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from '../../wire/packet.js';
import type { KernelRefusal, OptionContext, RuleAround } from '../extension.js';
import type { Family } from '../model.js';
import { servicePort } from '../names.js';
import { type Scan, scanUint } from '../values.js';

/** A target's range as written. */
export interface NatSpec {
  /** First and last address, four words each; null: the address is not given. */
  addresses: { min: Int32Array; max: Int32Array } | null;
  ports: { min: number; max: number } | null;
  /** `/BASE`: the port that the first of the range stands for; null = not given. */
  base: number | null;
  random: boolean;
  randomFully: boolean;
  persistent: boolean;
}

/** A spec without anything in it. */
export function newNatSpec(): NatSpec {
  return { addresses: null, ports: null, base: null, random: false, randomFully: false, persistent: false };
}

/** What follows the last port. */
export type BaseRule =
  /** A base port counts. */
  | 'taken'
  /** It is read and forgotten: 0 takes its place. */
  | 'zero'
  /** It is refused. */
  | 'refused';

const MAX_PORT = 65535;
const PORT_PROTOCOLS = [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_DCCP, IPPROTO_ICMP];

/** Reads `PORT[-PORT[/BASE]]` into a spec. */
export function readNatPorts(spec: NatSpec, text: string, baseRule: BaseRule, c: OptionContext): void {
  if (c.protocol === null || !PORT_PROTOCOLS.includes(c.protocol.number)) {
    c.fail('Need TCP, UDP, SCTP or DCCP with port specification', text);
  }
  const scan: Scan = { value: -1, end: 0 };
  scanUint(text, 0, MAX_PORT, scan);
  if (scan.value < 0) {
    const port = service(text, c);
    spec.ports = { min: port, max: port };
    return;
  }
  const min = scan.value;
  const rest = text.slice(scan.end);
  if (rest === '') {
    spec.ports = { min, max: min };
    return;
  }
  if (rest[0] === ':') c.fail('Invalid port:port syntax - use dash', text);
  if (rest[0] !== '-') c.fail(`Garbage after port value: \`${rest}'`, text);
  const upper = rest.slice(1);
  scanUint(upper, 0, MAX_PORT, scan);
  if (scan.value < 0) c.fail(`Port \`${upper}' not valid`, text);
  if (scan.value < min) c.fail(`Port range \`${upper}' funky`, text);
  spec.ports = { min, max: scan.value };
  const after = upper.slice(scan.end);
  if (after === '') return;
  if (after[0] !== '/') c.fail(`Garbage after port range: \`${after}'`, text);
  const base = readBase(after.slice(1), c);
  if (baseRule === 'refused') c.fail('Shifted portmap ranges not supported with this kernel', text);
  spec.base = baseRule === 'zero' ? 0 : base;
}

/** A number of 1 to 65535, whatever follows it, or a service. */
function readBase(text: string, c: OptionContext): number {
  const scan: Scan = { value: -1, end: 0 };
  scanUint(text, 0, MAX_PORT, scan);
  return scan.value > 0 ? scan.value : service(text, c);
}

function service(name: string, c: OptionContext): number {
  const port = servicePort(name, null);
  if (port < 0) c.fail(`Port \`${name}' not valid`, name);
  return port;
}

/** Reads the value of --to-source or --to-destination into a spec. */
export function readNatRange(spec: NatSpec, text: string, baseRule: BaseRule, c: OptionContext): void {
  let addresses = text;
  let colon: number;
  const bracket = text.indexOf('[');
  if (bracket < 0) {
    // one colon separates ports; more of them are an IPv6 address
    colon = text.indexOf(':');
    if (colon >= 0 && text.includes(':', colon + 1)) colon = -1;
    if (colon >= 0) addresses = text.slice(0, colon);
  } else {
    const end = text.indexOf(']', bracket);
    if (end < 0 || c.family === AF_INET) c.fail('Invalid address format', text);
    addresses = text.slice(bracket + 1, end);
    colon = text.indexOf(':', end + 1);
  }
  if (colon >= 0) {
    readNatPorts(spec, text.slice(colon + 1), baseRule, c);
    if (addresses === '') return;
  }
  const dash = addresses.indexOf('-');
  const min = readAddress(dash < 0 ? addresses : addresses.slice(0, dash), c);
  spec.addresses = { min, max: dash < 0 ? min.slice() : readAddress(addresses.slice(dash + 1), c) };
}

function readAddress(text: string, c: OptionContext): Int32Array {
  const words = new Int32Array(ADDRESS_WORDS);
  if (parseAddress(text, words) !== c.family) c.fail(`Bad IP address "${text}"`, text);
  return words;
}

/** The value as iptables-save prints it. */
export function natRangeText(spec: NatSpec, family: Family): string {
  const ports = spec.ports === null ? '' : `:${natPortsText(spec)}`;
  if (spec.addresses === null) return ports;
  const first = formatAddress(family, spec.addresses.min);
  const last = formatAddress(family, spec.addresses.max);
  const text = first === last ? first : `${first}-${last}`;
  return family !== AF_INET && ports !== '' ? `[${text}]${ports}` : text + ports;
}

/** `80`, `80-90`, `80-90/85`. */
export function natPortsText(spec: NatSpec): string {
  if (spec.ports === null) return '';
  const { min, max } = spec.ports;
  const range = min === max ? `${min}` : `${min}-${max}`;
  return spec.base === null ? range : `${range}/${spec.base}`;
}

/** `--random --random-fully --persistent`, as far as they are set, each with a blank before it. */
export function natFlagsText(spec: NatSpec): string {
  let text = spec.random ? ' --random' : '';
  if (spec.randomFully) text += ' --random-fully';
  if (spec.persistent) text += ' --persistent';
  return text;
}

/** natFlagsText as listings have it: without the dashes. */
export function listedNatFlags(spec: NatSpec): string {
  return natFlagsText(spec).replaceAll(' --', ' ');
}

/** The range that mappings are chosen from. */
export function natRangeOf(spec: NatSpec): NatRange {
  const range = new NatRange();
  if (spec.addresses !== null) {
    range.flags |= RANGE_MAP_IPS;
    range.minAddress.set(spec.addresses.min);
    range.maxAddress.set(spec.addresses.max);
  }
  if (spec.ports !== null) {
    range.flags |= RANGE_PORTS;
    range.minPort = spec.ports.min;
    range.maxPort = spec.ports.max;
  }
  if (spec.base !== null) {
    range.flags |= RANGE_OFFSET;
    range.basePort = spec.base;
  }
  if (spec.random) range.flags |= RANGE_RANDOM;
  if (spec.randomFully) range.flags |= RANGE_RANDOM_FULLY;
  if (spec.persistent) range.flags |= RANGE_PERSISTENT;
  return range;
}

/** The kernel takes a translating target only where it can act: `hooks` are HOOK_ bits. */
export function refusedOutside(hooks: number, around: RuleAround, where: string): KernelRefusal | null {
  return (around.hooks & ~hooks) === 0 ? null : { errno: 22, why: `may stand in ${where} only` };
}
