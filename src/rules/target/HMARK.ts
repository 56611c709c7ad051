/**
 * -j HMARK: marks the packet with a hash of its addresses and ports, the same for both directions (xt_HMARK.c). The hash has no
 * other key than the rule's --hmark-rnd: the mark is the kernel's.
 */
import { R_ORIG_PORTS, R_PROTO, R_REPLY_PORTS, RECORD_SHIFT } from '../../conntrack/layout.js';
import { ADDRESS_WORDS } from '../../wire/address.js';
import { hashThree, scaleHash } from '../../wire/jhash.js';
import { AF_INET, AF_INET6, IPPROTO_ICMP, type Packet, T_SRC, TUPLE_WORDS } from '../../wire/packet.js';
import { fillMask, prefixLength } from '../address.js';
import { type RuleContext, VERDICT_CONTINUE } from '../context.js';
import type { KernelRefusal, OptionContext, OptionSpec, TargetExtension } from '../extension.js';
import { EINVAL } from '../kernel-checks.js';
import { NOT_A_PREFIX, prefixOption } from '../match/option-values.js';
import type { Family } from '../model.js';
import { hex, uintOption } from '../values.js';
import { type HashedHeaders, readHashedHeaders } from './hashed-headers.js';

/** What goes into the hash, in the order in which it is printed; the bits of HmarkSpec.given are these indexes. */
const PARTS = [
  'src-prefix',
  'dst-prefix',
  'sport-mask',
  'dport-mask',
  'spi-mask',
  'sport',
  'dport',
  'spi',
  'proto-mask',
] as const;
type Part = (typeof PARTS)[number];
/** Largest values; the prefixes are no numbers. */
const MAX: Record<Part, number> = {
  'src-prefix': 0,
  'dst-prefix': 0,
  'sport-mask': 0xffff,
  'dport-mask': 0xffff,
  'spi-mask': 0xffffffff,
  sport: 0xffff,
  dport: 0xffff,
  spi: 0xffffffff,
  'proto-mask': 0xffff,
};
/** Hexadecimal digits that iptables-save prints at least. */
const DIGITS: Record<Part, number> = {
  'src-prefix': 0,
  'dst-prefix': 0,
  'sport-mask': 4,
  'dport-mask': 4,
  'spi-mask': 8,
  sport: 4,
  dport: 4,
  spi: 8,
  'proto-mask': 2,
};
/** Words of --hmark-tuple: the part that they ask for as a whole. */
const TUPLE: readonly (readonly [word: string, part: Part | null])[] = [
  ['src', 'src-prefix'],
  ['dst', 'dst-prefix'],
  ['sport', 'sport-mask'],
  ['dport', 'dport-mask'],
  ['spi', 'spi-mask'],
  ['proto', 'proto-mask'],
  ['ct', null],
];

/** `-j HMARK`. */
export interface HmarkSpec {
  /** The parts that were given. */
  given: Part[];
  source: Int32Array;
  destination: Int32Array;
  /** Both ports, or the SPI: source port << 16 | destination port, Int32. What is hashed is (ports & mask) | set. */
  portMask: number;
  portSet: number;
  protocolMask: number;
  /** Unsigned. */
  seed: number;
  modulus: number;
  offset: number;
  hasOffset: boolean;
  /** Addresses and ports of the connection in place of the packet's. */
  ofConnection: boolean;
}

/** The `HMARK` target. */
export const HMARK: TargetExtension<HmarkSpec> = {
  name: 'HMARK',
  families: [AF_INET, AF_INET6],
  options: [
    ...['hmark-tuple', ...PARTS.map((part) => `hmark-${part}`), 'hmark-mod', 'hmark-offset', 'hmark-rnd'].map(
      (name): OptionSpec => ({ name, args: 1 }),
    ),
  ],
  init: () => ({
    given: [],
    source: new Int32Array(ADDRESS_WORDS),
    destination: new Int32Array(ADDRESS_WORDS),
    portMask: 0,
    portSet: 0,
    protocolMask: 0,
    seed: 0,
    modulus: 0,
    offset: 0,
    hasOffset: false,
    ofConnection: false,
  }),
  option(spec, option, text, _inverted, c) {
    if (option === 'hmark-tuple') readTuple(spec, text, c);
    else if (option === 'hmark-mod') spec.modulus = uintOption('HMARK', option, text, 1, 0xffffffff, c);
    else if (option === 'hmark-rnd') spec.seed = uintOption('HMARK', option, text, 0, 0xffffffff, c);
    else if (option === 'hmark-offset') {
      spec.offset = uintOption('HMARK', option, text, 0, 0xffffffff, c);
      spec.hasOffset = true;
    } else readPart(spec, option, text, c);
  },
  check(spec, seen, c) {
    if (!seen.has('hmark-mod')) c.fail('--hmark-mod is mandatory');
    if (!seen.has('hmark-rnd')) c.fail('--hmark-rnd is mandatory');
    if (spec.given.length === 0 && !spec.ofConnection) c.fail('you have to specify --hmark-tuple at least');
    if (clash(spec, 'spi-mask', 'sport-mask', 'dport-mask')) {
      c.fail('you cannot use --hmark-spi-mask and --hmark-?port-mask,at the same time');
    }
  },
  save(spec, family) {
    const parts = printed(spec, family, (part, value) => `--hmark-${part} 0x${value.padStart(DIGITS[part], '0')}`);
    parts.push(`--hmark-rnd 0x${hex(spec.seed).slice(2).padStart(8, '0')}`, `--hmark-mod ${spec.modulus}`);
    if (spec.hasOffset) parts.push(`--hmark-offset ${spec.offset}`);
    if (spec.ofConnection) parts.push('--hmark-tuple ct');
    return parts.join(' ');
  },
  list(spec, family) {
    const parts = [` HMARK mod ${spec.modulus}`];
    if (spec.hasOffset) parts.push(`+ 0x${spec.offset.toString(16)}`);
    if (spec.ofConnection) parts.push('ct,');
    parts.push(...printed(spec, family, (part, value) => `${part} 0x${value}`).map(asListed));
    return `${parts.join(' ')} rnd ${hex(spec.seed)} `;
  },
  refusedBy: refusal,
  load: loadHmark,
};

/** Whether one part stands beside one of two others. */
function clash(spec: HmarkSpec, part: Part, one: Part, other: Part): boolean {
  return spec.given.includes(part) && (spec.given.includes(one) || spec.given.includes(other));
}

function refusal(spec: HmarkSpec): KernelRefusal | null {
  if (!clash(spec, 'spi', 'sport', 'dport')) return null;
  return { errno: EINVAL, why: 'HMARK: a packet has ports or an SPI, not both' };
}

function readTuple(spec: HmarkSpec, text: string, c: OptionContext): void {
  const words = text.split(',');
  for (const [i, word] of words.entries()) {
    if (word === '' && i === words.length - 1) {
      c.fail('"--hmark-tuple" requires a list of types with no spaces, e.g. src,dst,sport,dport,proto', text);
    }
    const found = word === '' ? undefined : TUPLE.find(([name]) => name.startsWith(word.toLowerCase()));
    if (found === undefined) c.fail(`Bad type "${words.slice(i).join(',')}"`, text);
    const part = found![1];
    if (part === null) spec.ofConnection = true;
    else give(spec, part, MAX[part], c.family);
  }
}

function readPart(spec: HmarkSpec, option: string, text: string, c: OptionContext): void {
  const part = option.slice('hmark-'.length) as Part;
  if (spec.given.includes(part)) c.fail(`HMARK: option "--${option}" can only be used once.`, `--${option}`);
  if (part !== 'src-prefix' && part !== 'dst-prefix') {
    give(spec, part, uintOption('HMARK', option, text, 0, MAX[part], c), c.family);
    return;
  }
  give(spec, part, 0, c.family);
  const bits = prefixOption('HMARK', option, text, c.family, c);
  // a mask with holes counts as all ones
  if (bits !== NOT_A_PREFIX) fillMask(bits, part === 'src-prefix' ? spec.source : spec.destination);
}

/** Ports and SPI share their place, as they do in the packet. */
function give(spec: HmarkSpec, part: Part, value: number, family: Family): void {
  spec.given = PARTS.filter((other) => other === part || spec.given.includes(other));
  const all = family === AF_INET ? 32 : 128;
  if (part === 'src-prefix') fillMask(all, spec.source);
  else if (part === 'dst-prefix') fillMask(all, spec.destination);
  else if (part === 'proto-mask') spec.protocolMask = value;
  else if (part === 'sport-mask') spec.portMask = (spec.portMask & 0xffff) | (value << 16);
  else if (part === 'dport-mask') spec.portMask = (spec.portMask & ~0xffff) | value;
  else if (part === 'spi-mask') spec.portMask = value | 0;
  else if (part === 'sport') spec.portSet = (spec.portSet & 0xffff) | (value << 16);
  else if (part === 'dport') spec.portSet = (spec.portSet & ~0xffff) | value;
  else spec.portSet = value | 0;
}

/** The parts that were given, in printing order; `text` words one that is a number in hexadecimal. */
function printed(spec: HmarkSpec, family: Family, text: (part: Part, value: string) => string): string[] {
  return PARTS.filter((part) => spec.given.includes(part)).map((part) => {
    if (part === 'src-prefix') return `--hmark-src-prefix ${prefixLength(spec.source, family)}`;
    if (part === 'dst-prefix') return `--hmark-dst-prefix ${prefixLength(spec.destination, family)}`;
    return text(part, partValue(spec, part).toString(16));
  });
}

/** A prefix as the listing has it: without the option's dashes, and all 128 bits of IPv6 as nothing. */
function asListed(text: string): string {
  return text.replace('--hmark-', '').replace(/^(src|dst)-prefix 128$/, '$1-prefix ');
}

function partValue(spec: HmarkSpec, part: Part): number {
  const { portMask, portSet } = spec;
  if (part === 'proto-mask') return spec.protocolMask;
  if (part === 'sport-mask') return portMask >>> 16;
  if (part === 'dport-mask') return portMask & 0xffff;
  if (part === 'spi-mask') return portMask >>> 0;
  if (part === 'sport') return portSet >>> 16;
  return part === 'dport' ? portSet & 0xffff : portSet >>> 0;
}

function loadHmark(spec: HmarkSpec): (p: Packet, c: RuleContext) => number {
  const { source, destination, portMask, portSet, protocolMask, ofConnection } = spec;
  const seed = spec.seed | 0;
  const modulus = spec.modulus | 0;
  const offset = spec.offset | 0;
  const tuple = new Int32Array(TUPLE_WORDS);
  const headers: HashedHeaders = { addressesOff: -1, protocol: 0, portsOff: -1 };
  return (p, c) => {
    let from = 0;
    let to = 0;
    let ports = 0;
    let protocol = 0;
    if (ofConnection) {
      if (p.connection < 0) return VERDICT_CONTINUE;
      const { table } = c.tracker;
      const at = (p.connection >> 1) << RECORD_SHIFT;
      protocol = (table.words[at + R_PROTO] as number) & 0xff;
      table.readTuple(p.connection >> 1, 0, tuple);
      from = maskedWords(tuple, source);
      table.readTuple(p.connection >> 1, 1, tuple);
      to = maskedWords(tuple, destination);
      if (protocol !== IPPROTO_ICMP) {
        const sent = (table.words[at + R_ORIG_PORTS] as number) >>> 16;
        ports = ordered((((sent << 16) | ((table.words[at + R_REPLY_PORTS] as number) >>> 16)) & portMask) | portSet);
      }
    } else {
      if (!readHashedHeaders(p, headers)) return VERDICT_CONTINUE;
      protocol = headers.protocol;
      if (headers.addressesOff >= 0) {
        const length = p.family === AF_INET ? 1 : ADDRESS_WORDS;
        from = maskedBytes(p, headers.addressesOff, length, source);
        to = maskedBytes(p, headers.addressesOff + 4 * length, length, destination);
      }
      if (headers.portsOff >= 0) ports = ordered((p.view.getInt32(headers.portsOff) & portMask) | portSet);
    }
    const lower = (from ^ 0x80000000) < (to ^ 0x80000000) ? from : to;
    const hash = hashThree(lower, from ^ to ^ lower, ports, seed) ^ (protocol & protocolMask);
    p.mark = (scaleHash(hash, modulus) + offset) | 0;
    return VERDICT_CONTINUE;
  };
}

/** The source of a tuple under a mask: an IPv6 address folded to one word. */
function maskedWords(tuple: Int32Array, mask: Int32Array): number {
  let word = 0;
  for (let i = 0; i < ADDRESS_WORDS; i++) word ^= (tuple[T_SRC + i] as number) & (mask[i] as number);
  return word;
}

function maskedBytes(p: Packet, at: number, length: number, mask: Int32Array): number {
  let word = 0;
  for (let i = 0; i < length; i++) word ^= p.view.getInt32(at + 4 * i) & (mask[i] as number);
  return word;
}

/** The larger port in the upper half: both directions of a connection hash alike. */
function ordered(ports: number): number {
  const first = ports >>> 16;
  const second = ports & 0xffff;
  return second > first ? (second << 16) | first : ports;
}
