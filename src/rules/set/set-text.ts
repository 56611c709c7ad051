/** Sets as text: `ipset save`, which can be read again, and `ipset list`. */
import { formatAddress, formatAddress4 } from '../../wire/address.js';
import { AF_INET6 } from '../../wire/packet.js';
import { ElementSet } from './element-set.js';
import { ELEMENT_NOMATCH, ELEMENT_WILDCARD } from './elements.js';
import { elementText } from './entry-text.js';
import { type IpSet, NO_TIMEOUT, type SetOptions, secondsLeft } from './ip-set.js';
import { ListSet } from './list-set.js';
import type { SetStore } from './store.js';

/** Bytes that an element, a slot and a set take; of our own, not the kernel's. */
const BYTES_ELEMENT = 8;
const BYTES_SET = 200;

/** What create was told, as it is printed behind the type. */
export function optionsText(set: IpSet): string {
  const { kind, options: o } = set;
  const words: string[] = [];
  const extensions = extensionWords(o);
  if (kind.storage === 'list') return [`size ${o.size}`, ...extensions].join(' ');
  if (kind.storage === 'bitmap') {
    const at = kind.parts[0] === 'port' ? String : formatAddress4;
    words.push(`range ${at(o.range[0])}-${at(o.range[1])}`, ...maskWords(o), ...extensions);
    return words.join(' ');
  }
  if (o.family !== 0) words.push(`family ${o.family === AF_INET6 ? 'inet6' : 'inet'}`);
  if (kind.parts.includes('mark')) words.push(`markmask 0x${(o.markmask >>> 0).toString(16).padStart(8, '0')}`);
  words.push(`hashsize ${o.hashsize}`, `maxelem ${o.maxelem}`);
  if (kind.dimension === 1) words.push(...maskWords(o));
  words.push(...extensions, `bucketsize ${o.bucketsize}`);
  words.push(`initval 0x${(o.initval >>> 0).toString(16).padStart(8, '0')}`);
  if (kind.dimension > 1) words.push(...maskWords(o));
  return words.join(' ');
}

function maskWords(o: SetOptions): string[] {
  if (o.bitmask !== null) return [`bitmask ${formatAddress(o.family, o.bitmask)}`];
  return o.netmask > 0 ? [`netmask ${o.netmask}`] : [];
}

function extensionWords(o: SetOptions): string[] {
  const words = o.timeout === NO_TIMEOUT ? [] : [`timeout ${o.timeout}`];
  for (const name of ['counters', 'comment', 'skbinfo'] as const) if (o[name]) words.push(name);
  return words;
}

/** What one element or member carries. */
interface Carried {
  expires: number;
  packets: number;
  bytes: number;
  comment: string;
  skbinfo: ArrayLike<number>;
}

function carriedText(o: SetOptions, tick: number, flags: string, c: Carried): string {
  let text = o.timeout === NO_TIMEOUT ? '' : ` timeout ${secondsLeft(c.expires, tick)}`;
  text += flags;
  if (o.counters) text += ` packets ${counterText(c.packets)} bytes ${counterText(c.bytes)}`;
  if (o.comment && c.comment !== '') text += ` comment "${c.comment}"`;
  if (!o.skbinfo) return text;
  const [mark = 0, mask = 0, priority = 0, queue = 0] = Array.from(c.skbinfo);
  if (mark !== 0 || mask !== 0) {
    text += ` skbmark 0x${(mark >>> 0).toString(16)}`;
    if (mask !== -1) text += `/0x${(mask >>> 0).toString(16)}`;
  }
  if (priority !== 0) text += ` skbprio ${(priority >>> 16).toString(16)}:${(priority & 0xffff).toString(16)}`;
  if (queue !== 0) text += ` skbqueue ${queue}`;
  return text;
}

function counterText(n: number): string {
  return n < Number.MAX_SAFE_INTEGER ? String(n) : String(BigInt(n));
}

/** Its elements, each as `ipset add` takes it, in the order of listing. */
export function elementTexts(set: IpSet, store: SetStore): string[] {
  const tick = store.tick();
  const { options } = set;
  if (set instanceof ListSet) {
    return set.present().map((m) => store.at(m.index).name + carriedText(options, tick, '', m));
  }
  if (!(set instanceof ElementSet)) return [];
  const { elements } = set;
  const at = 4;
  return set.listed().map((e) => {
    const flags =
      ((elements.flags[e]! & ELEMENT_NOMATCH) !== 0 ? ' nomatch' : '') +
      ((elements.flags[e]! & ELEMENT_WILDCARD) !== 0 ? ' wildcard' : '');
    const carried = {
      expires: elements.expires[e] ?? 0,
      packets: elements.packets[e] ?? 0,
      bytes: elements.bytes[e] ?? 0,
      comment: elements.comments?.[e] ?? '',
      skbinfo: elements.skbinfo.subarray(e * at, e * at + at),
    };
    return elementText(set, e) + carriedText(options, tick, flags, carried);
  });
}

/** As `ipset save` prints sets: each with its elements, every line ended. */
export function saveText(sets: readonly IpSet[], store: SetStore): string {
  const lines: string[] = [];
  for (const set of sets) {
    lines.push(`create ${set.name} ${set.kind.name} ${optionsText(set)}`);
    for (const text of elementTexts(set, store)) lines.push(`add ${set.name} ${text}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** As `ipset list` prints sets, an empty line between two. The size in memory is this program's, not the kernel's. */
export function listText(sets: readonly IpSet[], store: SetStore): string {
  const texts = sets.map((set) => {
    const elements = elementTexts(set, store);
    const lines = [
      `Name: ${set.name}`,
      `Type: ${set.kind.name}`,
      `Revision: ${set.kind.revision}`,
      `Header: ${optionsText(set)}`,
      `Size in memory: ${BYTES_SET + elements.length * BYTES_ELEMENT * 2}`,
      `References: ${set.references}`,
      `Number of entries: ${set.size()}`,
      'Members:',
      ...elements,
    ];
    return lines.map((line) => `${line}\n`).join('');
  });
  return texts.join('\n');
}
