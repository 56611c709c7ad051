/** Options of `ipset create` and of `ipset add`: words behind the type or the element. */
import { AF_INET, AF_INET6, IPPROTO_TCP } from '../../wire/packet.js';
import { servicePort } from '../names.js';
import { NO_LENGTH, type SetEntry } from './entry.js';
import { readAddress } from './entry-text.js';
import { MAX_COUNTER, readNumber, SetFault, syntax } from './fault.js';
import { NO_TIMEOUT, type SetOptions } from './ip-set.js';
import type { SetKind } from './kinds.js';

/** Seconds (IPSET_MAX_TIMEOUT). */
const TIMEOUT_MAX = 2147483;
const UINT32_MAX = 0xffffffff;
const COMMENT_MAX = 255;
const HASHSIZE_MIN = 64;
const BUCKET_MAX = 12;
const LIST_MIN = 4;
/** Most elements of a bitmap (IPSET_BITMAP_MAX_RANGE + 1). */
const BITMAP_MAX = 65536;

/** An option with its argument, '' where it has none. */
type Given = readonly [name: string, argument: string];

/** Hands options and their arguments over, one after another; `flags` have none. */
function splitOptions(
  words: readonly string[],
  known: readonly string[],
  flags: readonly string[],
  take: (given: Given) => void,
): void {
  const seen = new Set<string>();
  for (let i = 0; i < words.length; i++) {
    const name = words[i]!;
    if (flags.includes(name)) {
      take([name, '']);
      continue;
    }
    if (!known.includes(name)) {
      const names = [...known, ...flags].filter((n) => !/^-|^(probes|resize|gc|from|to|network)$/.test(n));
      throw new SetFault(`Unknown argument: \`${name}'`, name, 2, `expected one of ${names.join(', ')}`);
    }
    const argument = words[++i];
    if (argument === undefined) throw new SetFault(`Missing mandatory argument of option \`${name}'`, name, 2);
    if (seen.has(name)) syntax(`${name} already specified`, name);
    seen.add(name);
    take([name, argument]);
  }
}

const EXTENSIONS = ['counters', 'comment', 'skbinfo'] as const;
/** Of old versions: taken, without a meaning. */
const IGNORED = ['probes', 'resize', 'gc'].flatMap((name) => [name, `--${name}`]);

/** Options that create takes for a type and that have an argument. */
function createNames(kind: SetKind): string[] {
  const names = ['timeout', ...IGNORED];
  if (kind.storage === 'hash') names.push('hashsize', 'maxelem', 'bucketsize', 'initval');
  if (kind.families.length > 1) names.push('family');
  if (kind.storage === 'bitmap') names.push('range', 'from', 'to', 'network');
  if (kind.storage === 'list') names.push('size');
  if (kind.netmask) names.push('netmask');
  if (kind.bitmask) names.push('bitmask');
  if (kind.parts.includes('mark')) names.push('markmask');
  return names;
}

function createFlags(kind: SetKind): string[] {
  const flags: string[] = [...EXTENSIONS];
  if (kind.storage === 'hash') flags.push('forceadd');
  if (kind.families.length > 1) flags.push('-4', '-6');
  return flags;
}

/** What create says. */
export function readCreateOptions(kind: SetKind, words: readonly string[]): SetOptions {
  const options = defaults(kind);
  let range = '';
  // all names are looked at before any argument is, and the family before the others
  const given: Given[] = [];
  splitOptions(words, createNames(kind), createFlags(kind), (g) => given.push(g));
  for (const [name, argument] of given) {
    if (name === '-4' || name === '-6') options.family = name === '-6' ? AF_INET6 : AF_INET;
    else if (name === 'family') options.family = readFamily(argument);
  }
  const names = given.map(([name]) => name);
  if (names.includes('netmask') && names.includes('bitmask'))
    syntax('bitmask and netmask are mutually exclusive, provide only one', 'bitmask');
  for (const [name, argument] of given) {
    if (IGNORED.includes(name) || name === 'family' || name.startsWith('-')) continue;
    if (name === 'from' || name === 'network') range = argument + range;
    else if (name === 'to') range += `-${argument}`;
    else if (name === 'range') range = argument;
    else if (name === 'counters' || name === 'comment' || name === 'skbinfo' || name === 'forceadd')
      options[name] = true;
    else if (name === 'netmask') options.netmask = readNetmask(argument, options.family);
    else if (name === 'bitmask') options.bitmask = readBitmask(argument, options.family);
    else readCreateNumber(name, argument, options);
  }
  if (kind.storage === 'bitmap') readRange(kind, range, options);
  return options;
}

function defaults(kind: SetKind): SetOptions {
  return {
    family: kind.families[0] ?? 0,
    hashsize: 1024,
    maxelem: 65536,
    bucketsize: BUCKET_MAX,
    initval: 0,
    timeout: NO_TIMEOUT,
    counters: false,
    comment: false,
    skbinfo: false,
    forceadd: false,
    netmask: 0,
    bitmask: null,
    markmask: -1,
    range: [0, 0],
    size: 8,
  };
}

function readCreateNumber(name: string, text: string, options: SetOptions): void {
  switch (name) {
    case 'timeout':
      options.timeout = readNumber(text, 0, TIMEOUT_MAX);
      return;
    case 'hashsize':
      options.hashsize = 2 ** Math.ceil(Math.log2(Math.max(HASHSIZE_MIN, readNumber(text, 0, UINT32_MAX))));
      return;
    case 'maxelem':
      options.maxelem = readNumber(text, 0, UINT32_MAX);
      return;
    case 'bucketsize': {
      const n = Math.min(BUCKET_MAX, Math.max(2, readNumber(text, 0, 255)));
      options.bucketsize = n + (n % 2);
      return;
    }
    case 'initval':
      options.initval = readNumber(text, 0, UINT32_MAX) | 0;
      return;
    case 'markmask':
      options.markmask = readNumber(text, 0, UINT32_MAX) | 0;
      return;
    default:
      options.size = Math.max(LIST_MIN, readNumber(text, 0, UINT32_MAX));
  }
}

function readFamily(text: string): number {
  if (text === 'inet' || text === 'ipv4' || text === '-4') return AF_INET;
  if (text === 'inet6' || text === 'ipv6' || text === '-6') return AF_INET6;
  return syntax(`unknown inet family ${text}`, text, 'expected inet or inet6');
}

function readNetmask(text: string, family: number): number {
  const bits = family === AF_INET6 ? 128 : 32;
  try {
    // one that keeps all bits is none
    return readNumber(text, 1, bits) % bits;
  } catch (error) {
    if (!(error instanceof SetFault)) throw error;
    const range = `netmask is out of the inclusive range of 1-${bits}`;
    throw new SetFault(`${error.message}\nSyntax error: ${range}`, text);
  }
}

function readBitmask(text: string, family: number): Int32Array {
  const { words } = readAddress(text, family);
  return words;
}

/** `FROM-TO` or a prefix; numbers of ports, or addresses. */
function readRange(kind: SetKind, text: string, options: SetOptions): void {
  if (text === '') throw new SetFault("Mandatory option `range' is missing", '', 2);
  if (kind.parts[0] === 'port') {
    const m = /^(?:(?:tcp|udp):)?([^-]+)(?:-(.+))?$/.exec(text);
    const from = readRangePort(m?.[1] ?? '', text);
    if (m?.[2] === undefined) throw new SetFault("Mandatory option `to' is missing", text, 2);
    const to = readRangePort(m[2], text);
    options.range = [Math.min(from, to), Math.max(from, to)];
    return;
  }
  const address = readAddress(text, AF_INET);
  let from = address.words[0]! >>> 0;
  let to = address.to === null ? from : address.to >>> 0;
  if (from > to) [from, to] = [to, from];
  if (address.length !== NO_LENGTH) {
    const size = 2 ** (32 - address.length);
    from -= from % size;
    to = from + size - 1;
  }
  if (options.netmask > 0) {
    const step = 2 ** (32 - options.netmask);
    from -= from % step;
    to += step - 1 - (to % step);
  }
  if (bitmapSize(from, to, options.netmask) > BITMAP_MAX)
    throw new SetFault('The range you specified exceeds the size limit of the set type', text);
  options.range = [from | 0, to | 0];
}

/**
 * Elements of a bitmap of addresses. With a netmask the range has to begin where the smallest network around it does, and to be more than
 * one of the networks that it is made of (bitmap_ip_create).
 */
function bitmapSize(from: number, to: number, netmask: number): number {
  if (netmask === 0) return to - from + 1;
  let length = 31;
  while (length > 0 && to - (to % 2 ** (32 - length)) !== from) length--;
  if ((length === 0 && (from !== 0 || to !== 0xffffffff)) || netmask <= length)
    throw new SetFault('Element is out of the range of the set');
  return 2 ** (netmask - length);
}

function readRangePort(text: string, word: string): number {
  if (/^[0-9]/.test(text)) return readNumber(text, 0, 65535, word);
  const port = servicePort(text, IPPROTO_TCP);
  return port >= 0 ? port : syntax(`cannot parse '${text}' as a tcp port`, word);
}

/** Reads options behind an element into it, one after another. */
export function readEntryOptions(
  kind: SetKind,
  words: readonly string[],
  verb: 'add' | 'del' | 'test',
  entry: SetEntry,
): void {
  const names = verb === 'add' ? ['timeout', 'packets', 'bytes', 'comment', 'skbmark', 'skbprio', 'skbqueue'] : [];
  const flags: string[] = [];
  if (kind.nets && verb !== 'del') flags.push('nomatch');
  if (kind.parts.includes('iface') && verb === 'add') flags.push('wildcard');
  if (kind.storage === 'list') names.push('before', 'after');
  const take = ([name, argument]: Given): void => {
    if (name === 'nomatch' || name === 'wildcard') entry[name] = true;
    else readEntryOption(name, argument, entry);
  };
  splitOptions(words, names, flags, take);
}

function readEntryOption(name: string, text: string, entry: SetEntry): void {
  switch (name) {
    case 'timeout':
      entry.timeout = readNumber(text, 0, TIMEOUT_MAX);
      return;
    case 'packets':
    case 'bytes':
      entry[name] = readNumber(text, 0, MAX_COUNTER);
      return;
    case 'comment':
      if (text.includes('"')) syntax('" character is not permitted in comments', text);
      if (text.length > COMMENT_MAX)
        syntax(`Comment is longer than the maximum allowed ${COMMENT_MAX} characters`, text);
      entry.comment = text;
      return;
    case 'before':
    case 'after':
      entry.beside = text;
      entry.before = name === 'before' ? 1 : -1;
      return;
    default:
      entry.skbinfo ??= new Int32Array(4);
      readSkbinfo(name, text, entry.skbinfo);
  }
}

function readSkbinfo(name: string, text: string, info: Int32Array): void {
  if (name === 'skbqueue') {
    info[3] = readNumber(text, 0, 65535);
    return;
  }
  if (name === 'skbmark') {
    const m = /^(0x[0-9a-f]{1,8})(?:\/(0x[0-9a-f]{1,8}))?$/i.exec(text);
    if (m === null) syntax('Invalid skbmark format, it should be:  MARK/MASK or MARK (see manpage)', text);
    info[0] = Number(m![1]) | 0;
    info[1] = m![2] === undefined ? -1 : Number(m![2]) | 0;
    return;
  }
  const m = /^([0-9a-f]+):([0-9a-f]+)$/i.exec(text);
  if (m === null) syntax('Invalid skbprio format, it should be:MAJOR:MINOR (see manpage)', text);
  info[2] = ((Number.parseInt(m![1]!, 16) & 0xffff) << 16) | (Number.parseInt(m![2]!, 16) & 0xffff);
}
