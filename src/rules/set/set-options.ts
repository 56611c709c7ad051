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

/** Words that are being read: an option, then its argument. */
export class OptionWords {
  private at = 0;
  private readonly seen = new Set<string>();

  constructor(private readonly words: readonly string[]) {}

  /** The next option, null at the end. Options may stand once, but for flags. */
  next(): string | null {
    return this.words[this.at++] ?? null;
  }

  /** The argument of `option`. */
  argument(option: string): string {
    const word = this.words[this.at++];
    if (word === undefined) throw new SetFault(`Missing mandatory argument of option \`${option}'`, option, 2);
    if (this.seen.has(option)) syntax(`${option} already specified`, option);
    this.seen.add(option);
    return word;
  }

  unknown(option: string, known: readonly string[]): never {
    throw new SetFault(`Unknown argument: \`${option}'`, option, 2, `expected one of ${known.join(', ')}`);
  }
}

/** Options that create takes for a type. */
function createNames(kind: SetKind): string[] {
  const names = ['timeout', 'counters', 'comment', 'skbinfo'];
  if (kind.storage === 'hash') names.push('hashsize', 'maxelem', 'bucketsize', 'initval', 'forceadd');
  if (kind.families.length > 1) names.push('family');
  if (kind.storage === 'bitmap') names.push('range');
  if (kind.storage === 'list') names.push('size');
  if (kind.netmask) names.push('netmask');
  if (kind.bitmask) names.push('bitmask');
  if (kind.parts.includes('mark')) names.push('markmask');
  return names;
}

/** What create says; flags of old versions are taken and have no meaning. */
export function readCreateOptions(kind: SetKind, words: readonly string[]): SetOptions {
  const options = defaults(kind);
  const names = createNames(kind);
  const reader = new OptionWords(words);
  let range = '';
  let netmask = '';
  let bitmask = '';
  for (let name = reader.next(); name !== null; name = reader.next()) {
    if (/^-?-?(probes|resize|gc)$/.test(name)) reader.argument(name);
    else if (name === '-4' || name === '-6') options.family = name === '-6' ? AF_INET6 : AF_INET;
    else if (kind.storage === 'bitmap' && /^(from|network)$/.test(name)) range = reader.argument(name) + range;
    else if (kind.storage === 'bitmap' && name === 'to') range += `-${reader.argument(name)}`;
    else if (!names.includes(name)) reader.unknown(name, names);
    else if (name === 'counters' || name === 'comment' || name === 'skbinfo' || name === 'forceadd')
      options[name] = true;
    else if (name === 'family') options.family = readFamily(reader.argument(name));
    else if (name === 'range') range = reader.argument(name);
    else if (name === 'netmask') netmask = reader.argument(name);
    else if (name === 'bitmask') bitmask = reader.argument(name);
    else readCreateNumber(name, reader.argument(name), options);
  }
  if (netmask !== '' && bitmask !== '') syntax('bitmask and netmask are mutually exclusive, provide only one', bitmask);
  if (netmask !== '') options.netmask = readNetmask(netmask, options.family);
  if (bitmask !== '') options.bitmask = readBitmask(bitmask, options.family);
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
    return readNumber(text, 1, bits);
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
    const to = m?.[2] === undefined ? from : readRangePort(m[2], text);
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
  const step = options.netmask > 0 ? 2 ** (32 - options.netmask) : 1;
  from -= from % step;
  to += step - 1 - (to % step);
  if ((to - from + 1) / step > BITMAP_MAX)
    throw new SetFault('The range you specified exceeds the size limit of the set type', text);
  options.range = [from | 0, to | 0];
}

function readRangePort(text: string, word: string): number {
  if (/^[0-9]/.test(text)) return readNumber(text, 0, 65535, word);
  const port = servicePort(text, IPPROTO_TCP);
  return port >= 0 ? port : syntax(`cannot parse '${text}' as a tcp port`, word);
}

/** Options behind an element. */
export function readEntryOptions(
  kind: SetKind,
  words: readonly string[],
  verb: 'add' | 'del' | 'test',
  entry: SetEntry,
) {
  const names = verb === 'add' ? ['timeout', 'packets', 'bytes', 'comment', 'skbmark', 'skbprio', 'skbqueue'] : [];
  if (kind.nets && verb !== 'del') names.push('nomatch');
  if (kind.parts.includes('iface') && verb !== 'del') names.push('wildcard');
  if (kind.storage === 'list') names.push('before', 'after');
  const reader = new OptionWords(words);
  for (let name = reader.next(); name !== null; name = reader.next()) {
    if (!names.includes(name)) reader.unknown(name, names);
    else if (name === 'nomatch' || name === 'wildcard') entry[name] = true;
    else readEntryOption(name, reader.argument(name), entry);
  }
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
