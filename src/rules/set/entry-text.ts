/** Elements as text: what `ipset add` takes behind the name of the set, and what `ipset save` prints. */
import { formatAddress, formatMac, parseAddress } from '../../wire/address.js';
import {
  AF_INET,
  AF_INET6,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../wire/packet.js';
import { protocolName, protocolNumber, servicePort } from '../names.js';
import type { ElementSet } from './element-set.js';
import { type EntryAddress, emptyEntry, entryAddress, NO_LENGTH, type SetEntry } from './entry.js';
import { readNumber, SetFault, syntax } from './fault.js';
import { icmpName, icmpNames, icmpNumber } from './icmp-names.js';
import type { Part, SetKind } from './kinds.js';

const PORT_MAX = 65535;
const PROTOCOL_MAX = 255;
const IFACE_MAX = 15;
const NAME_MAX = 31;
const MARK_MAX = 0xffffffff;

/** What an element is read for: `test` takes no ranges. */
export type ElementVerb = 'add' | 'del' | 'test';

/** Reads an element. */
export function readElement(text: string, kind: SetKind, family: number): SetEntry {
  const entry = emptyEntry();
  if (kind.storage === 'list') {
    if (text.includes(',')) throw new SetFault('you must specify elements as setname,[before|after],setname', text);
    entry.member = setName(text);
    return entry;
  }
  const words = splitParts(text, kind);
  for (let i = 0; i < words.length; i++) readPart(words[i]!, kind.parts[i]!, i, { kind, family, entry });
  return entry;
}

/** Refuses what a command does not take: after its options are read, as ipset does. */
export function checkElement(entry: SetEntry, text: string, kind: SetKind, family: number, verb: ElementVerb): void {
  const excess = excessOf(entry, kind, verb);
  if (excess === null) return;
  const name = family === 0 ? 'unspec' : family === AF_INET6 ? 'inet6' : 'inet';
  const where = `command ${verb} with set type ${kind.name} and family ${name}`;
  throw new SetFault(`${excess} is not allowed in ${where}`, text);
}

/** What an entry names that the command does not take; null = nothing. */
function excessOf(entry: SetEntry, kind: SetKind, verb: ElementVerb): string | null {
  const parts = kind.parts.filter((p) => p === 'ip' || p === 'net');
  const spreads = kind.name === 'hash:ip' || verb !== 'test';
  for (const [i, { length, to }] of entry.addresses.entries()) {
    if (to !== null && i === 0 && !spreads) return 'FROM-TO IP range';
    const prefixes = parts[i] === 'net' || (i === 0 && spreads && !kind.parts.includes('mac'));
    if (length !== NO_LENGTH && !prefixes) return 'IP/CIDR range';
  }
  return verb === 'test' && entry.ports[1] !== entry.ports[0] ? 'FROM-TO port range' : null;
}

/** A set's name. */
export function setName(text: string): string {
  if (text.length > NAME_MAX) syntax(`setname '${text}' is longer than ${NAME_MAX} characters`, text);
  return text;
}

function splitParts(text: string, kind: SetKind): string[] {
  const want = kind.parts.length;
  const words = text.split(',');
  const ordinals = ['', 'Second', 'Third'];
  const seps = ['none', 'one', 'two'];
  // bitmap:ip,mac: the MAC address may come later
  const least = kind.name === 'bitmap:ip,mac' ? 1 : want;
  const missing = words.findIndex((w, i) => i > 0 && w === '');
  if (words[0] === '' && want > 1) syntax(`Second element is missing from ${text}.`, text);
  if (words.length > want) {
    const there = want === 1 ? 'Elem separator' : want === 2 ? 'Two elem separators' : 'Three elem separators';
    syntax(`${there} in ${text}, but settype ${kind.name} supports ${seps[want - 1]}.`, text);
  }
  if (words.length < least) syntax(`${ordinals[words.length]} element is missing from ${text}.`, text);
  if (missing > 0) syntax(`Second element is missing from ${text}.`, text);
  return words;
}

interface Reading {
  kind: SetKind;
  family: number;
  entry: SetEntry;
}

function readPart(text: string, part: Part, at: number, r: Reading): void {
  const { entry } = r;
  switch (part) {
    case 'ip':
    case 'net':
      entry.addresses.push(readPartAddress(text, part, at, r));
      return;
    case 'port':
      readPorts(text, r);
      return;
    case 'mac':
      entry.mac = readMac(text);
      return;
    case 'mark':
      entry.mark = readNumber(text, 0, MARK_MAX) | 0;
      return;
    default:
      readInterface(text, entry);
  }
}

function readPartAddress(text: string, part: Part, at: number, { kind, family }: Reading): EntryAddress {
  const spreads = at === 0 && !kind.parts.includes('mac') && family !== AF_INET6;
  if (part === 'ip' && !spreads) {
    const several = text.includes('-') || !/^[^/]*(\/(32|128))?$/.test(text);
    if (several) syntax(`plain IP address must be supplied: ${text}`, text);
  }
  if (part === 'net' && family === AF_INET6 && text.includes('-'))
    syntax(`IP address or IP/cidr must be specified: ${text}`, text);
  return readAddress(text, family);
}

/** `ADDRESS`, `ADDRESS/LENGTH` or `FROM-TO`. */
export function readAddress(text: string, family: number): EntryAddress {
  const address = entryAddress();
  const slash = text.indexOf('/');
  const dash = text.indexOf('-');
  const whole = family === AF_INET6 ? 128 : 32;
  if (slash >= 0) {
    const from = text.slice(0, slash);
    if (slash === text.length - 1) refuseAddress(text, family);
    address.length = readNumber(text.slice(slash + 1), 0, whole, text);
    readWords(from, family, address.words, text);
  } else if (dash > 0 && dash < text.length - 1) {
    const to = entryAddress();
    readWords(text.slice(0, dash), family, address.words, text);
    readWords(text.slice(dash + 1), family, to.words, text);
    address.to = to.words[0]!;
  } else readWords(text, family, address.words, text);
  return address;
}

function readWords(text: string, family: number, out: Int32Array, word: string): void {
  const bare = /^\[.*\]$/.test(text) ? text.slice(1, -1) : text;
  if (family === AF_INET6) {
    if (parseAddress(bare, out) !== AF_INET6) refuseAddress(bare, family, word);
    return;
  }
  const value = bare === 'localhost' ? 0x7f000001 : inetAddress(bare);
  if (value === null) refuseAddress(bare, family, word);
  out[0] = value;
}

function refuseAddress(text: string, family: number, word = text): never {
  syntax(
    `cannot parse ${text}: resolving to IPv${family === AF_INET6 ? 6 : 4} address failed`,
    word,
    'expected an address: names are not looked up',
  );
}

/** As inet_aton(3) reads it: `10.1` is 10.0.0.1, a leading 0 means octal. */
function inetAddress(text: string): number | null {
  const parts = text.split('.');
  if (parts.length > 4) return null;
  let word = 0;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    if (!/^(0[0-7]*|[1-9][0-9]*)$/.test(part)) return null;
    const n = Number.parseInt(part, part.length > 1 && part[0] === '0' ? 8 : 10);
    const last = i === parts.length - 1;
    if (n > (last ? 2 ** (8 * (4 - i)) - 1 : 255)) return null;
    word = last ? word | n : word | (n << (24 - 8 * i));
  }
  return word;
}

function readPorts(text: string, { kind, family, entry }: Reading): void {
  const bitmap = kind.storage === 'bitmap';
  const colon = /^[^[\]:]*:/.exec(text)?.[0].length ?? 0;
  const name = colon > 0 ? text.slice(0, colon - 1) : 'tcp';
  const rest = text.slice(colon);
  entry.protocol = readProtocol(name, text);
  readPortsOf(rest, name, text, family, entry);
  if (bitmap && entry.protocol !== IPPROTO_TCP && entry.protocol !== IPPROTO_UDP)
    syntax('Only protocols TCP and UDP are valid', text);
}

function readPortsOf(rest: string, name: string, text: string, family: number, entry: SetEntry): void {
  switch (entry.protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_SCTP:
      entry.ports = readPortRange(rest, name, entry.protocol, text);
      return;
    case IPPROTO_ICMP:
      if (family !== AF_INET) syntax('Protocol ICMP can be used with family inet only', text);
      entry.ports = readIcmp(rest, entry.protocol, 'ICMP', text);
      return;
    case IPPROTO_ICMPV6:
      if (family !== AF_INET6) syntax('Protocol ICMPv6 can be used with family inet6 only', text);
      entry.ports = readIcmp(rest, entry.protocol, 'ICMPv6', text);
      return;
    default:
      if (rest !== '0') syntax(`Protocol ${name} can be used with pseudo port value 0 only.`, text);
      entry.ports = [0, 0];
  }
}

function readProtocol(name: string, word: string): number {
  const lower = name.toLowerCase();
  const known = /^(all|mh|ipv6-mh)$/.test(lower) ? -1 : protocolNumber(lower);
  if (known > 0) return known;
  if (known === 0) syntax(`Unsupported protocol '${name}'`, word);
  if (/^[0-9]+$/.test(name) && Number(name) <= PROTOCOL_MAX) return Number(name);
  return syntax(`cannot parse '${name}' as a protocol`, word, 'expected a name such as tcp, udp, icmp, or a number');
}

/** `80`, `http`, `80-90`, `[ftp-data]`. */
function readPortRange(text: string, name: string, protocol: number, word: string): [number, number] {
  const m = /^(\[[^\]]*\]|[^-]*)(?:-(.*))?$/s.exec(text);
  if (m === null) return refusePort(text, name, word);
  const from = readPort(m[1]!, name, protocol, word);
  return m[2] === undefined ? [from, from] : [from, readPort(m[2], name, protocol, word)];
}

function readPort(text: string, name: string, protocol: number, word: string): number {
  const bare = /^\[.*\]$/.test(text) ? text.slice(1, -1) : text;
  if (/^(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i.test(bare)) {
    const n = bare.length > 1 && /^0[0-7]/.test(bare) ? Number.parseInt(bare, 8) : Number(bare);
    return n <= PORT_MAX ? n : refusePort(bare, name, word, `'${bare}' is out of range 0-65535`);
  }
  const port = servicePort(bare, protocol);
  return port >= 0 ? port : refusePort(bare, name, word);
}

function refusePort(text: string, name: string, word: string, why = `'${text}' is invalid as number`): never {
  throw new SetFault(
    `Syntax error: ${why}\nSyntax error: '${name}' is invalid as number\ncannot parse '${text}' as a ${name} port`,
    word,
  );
}

function readIcmp(text: string, protocol: number, label: string, word: string): [number, number] {
  const slash = text.indexOf('/');
  if (slash >= 0) {
    const type = readNumber(text.slice(0, slash), 0, 255, word);
    const number = (type << 8) | readNumber(text.slice(slash + 1), 0, 255, word);
    return [number, number];
  }
  const number = icmpNumber(protocol, text);
  if (number === undefined) {
    const hint = `expected TYPE/CODE or one of ${[...icmpNames(protocol)].join(', ')}`;
    throw new SetFault(`Cannot parse ${text} as an ${label} type/code.`, word, 1, hint);
  }
  return [number, number];
}

function readMac(text: string): Uint8Array {
  if (!/^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i.test(text)) syntax(`cannot parse '${text}' as ethernet address`, text);
  return Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16));
}

function readInterface(text: string, entry: SetEntry): void {
  entry.physdev = text.startsWith('physdev:');
  entry.iface = entry.physdev ? text.slice('physdev:'.length) : text;
  if (entry.iface.length > IFACE_MAX)
    syntax(`interface name '${entry.iface}' is longer than ${IFACE_MAX} characters`, text);
}

/** An element as `ipset save` prints it, without what it carries. */
export function elementText(set: ElementSet, e: number): string {
  const { layout, elements, kind } = set;
  const { keys, keyWords } = elements;
  const at = e * keyWords;
  const family = layout.addressWords === 1 ? AF_INET : AF_INET6;
  const texts: string[] = [];
  let net = 0;
  kind.parts.forEach((part, i) => {
    const off = at + layout.offsets[i]!;
    if (part === 'ip') texts.push(formatAddress(family, keys, off));
    else if (part === 'net') {
      const length = (keys[at + layout.lengthsOff]! >> (net++ * 8)) & 0xff;
      texts.push(formatAddress(family, keys, off) + (length === layout.addressBits ? '' : `/${length}`));
    } else if (part === 'port') texts.push(kind.storage === 'bitmap' ? String(keys[off]) : portText(keys[off]!));
    else if (part === 'mark') texts.push(`0x${(keys[off]! >>> 0).toString(16).padStart(8, '0')}`);
    else if (part === 'iface') texts.push(`${keys[off]! & 1 ? 'physdev:' : ''}${set.interfaceNames[keys[off]! >> 1]}`);
    else if (set.hasMacAddress(e)) texts.push(macText(keys[off]!, keys[off + 1]!));
  });
  return texts.join(',');
}

function portText(word: number): string {
  const protocol = word >>> 16;
  const port = word & 0xffff;
  const isIcmp = protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;
  return `${protocolName(protocol)}:${isIcmp ? icmpName(protocol, port) : port}`;
}

function macText(high: number, low: number): string {
  return formatMac(Uint8Array.of(high >> 8, high, low >> 24, low >> 16, low >> 8, low)).toUpperCase();
}
