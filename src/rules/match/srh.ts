/** -m srh (IPv6): fields and addresses of a segment routing header (RFC 8754 section 2). */
import { ADDRESS_WORDS, formatAddress } from '../../wire/address.js';
import { AF_INET6, IPPROTO_ROUTING, type Packet } from '../../wire/packet.js';
import { prefixLength } from '../address.js';
import type { MatchExtension, MatchFunction, OptionContext, OptionSpec } from '../extension.js';
import { findHeader } from '../ipv6-headers.js';
import { not, uintOption } from '../values.js';
import { type MaskedHost, maskedHostOption } from './option-values.js';

/*
 * The header, from its first byte:
 *   0 next header   1 length in 8 bytes, less one   2 type (4)   3 segments left
 *   4 last entry    5 flags                         6 tag, two bytes
 *   8 segments of 16 bytes, the last one first
 */
const SRH_HEADER_LEN = 8;
const SRH_TYPE = 4;
const SEGMENT_LEN = 16;

/** Byte fields by the word in their options' names; the index is the field's in SrhSpec.fields. */
const FIELDS = [
  ['hdr-len', 1],
  ['segs-left', 3],
  ['last-entry', 4],
] as const;
const COMPARISONS = ['eq', 'gt', 'lt'] as const;
const SEGMENTS = ['psid', 'nsid', 'lsid'] as const;

/** A comparison of a byte field: `!` or not; null = not asked for. */
type Inverted = boolean | null;

/** Options of -m srh. */
export interface SrhSpec {
  /** -1 = not tested. */
  nextHeader: number;
  nextHeaderInvert: boolean;
  /** Of each of FIELDS: one value for its three comparisons (the last one given), and which of them are asked for. */
  fields: { value: number; compare: Inverted[] }[];
  /** -1 = not tested. */
  tag: number;
  tagInvert: boolean;
  /** Of each of SEGMENTS; null = not tested. */
  segments: ((MaskedHost & { invert: boolean }) | null)[];
}

function fieldOptions(): OptionSpec[] {
  return FIELDS.flatMap(([field]) =>
    COMPARISONS.map((compare): OptionSpec => ({ name: `srh-${field}-${compare}`, args: 1, invert: true })),
  );
}

/** -m srh. Behaviour: net/ipv6/netfilter/ip6t_srh.c srh1_mt6. A broken header chain does not match and drops nothing. */
export const srh: MatchExtension<SrhSpec> = {
  name: 'srh',
  families: [AF_INET6],
  options: [
    { name: 'srh-next-hdr', args: 1, invert: true },
    ...fieldOptions(),
    { name: 'srh-tag', args: 1, invert: true },
    ...SEGMENTS.map((name): OptionSpec => ({ name: `srh-${name}`, args: 1, invert: true })),
  ],
  init: () => ({
    nextHeader: -1,
    nextHeaderInvert: false,
    fields: FIELDS.map(() => ({ value: 0, compare: [null, null, null] })),
    tag: -1,
    tagInvert: false,
    segments: [null, null, null],
  }),
  option: readOption,
  save(spec) {
    const parts: string[] = [];
    if (spec.nextHeader >= 0) parts.push(`${not(spec.nextHeaderInvert)}--srh-next-hdr ${spec.nextHeader}`);
    for (const { name, value, invert } of comparisons(spec)) parts.push(`${not(invert)}--srh-${name} ${value}`);
    if (spec.tag >= 0) parts.push(`${not(spec.tagInvert)}--srh-tag ${spec.tag}`);
    for (const { name, text, invert } of segments(spec)) parts.push(`${not(invert)}--srh-${name} ${text}`);
    return parts.join(' ');
  },
  list(spec) {
    let text = ' srh';
    if (spec.nextHeader >= 0) text += ` next-hdr:${spec.nextHeaderInvert ? '!' : ''}${spec.nextHeader}`;
    for (const { name, value, invert } of comparisons(spec)) text += ` ${name}:${invert ? '!' : ''}${value}`;
    if (spec.tag >= 0) text += ` tag:${spec.tagInvert ? '!' : ''}${spec.tag}`;
    for (const { name, text: host, invert } of segments(spec)) text += ` ${name} ${invert ? '!' : ''} ${host}`;
    return text;
  },
  load: loadSrh,
};

function readOption(spec: SrhSpec, option: string, text: string, invert: boolean, c: OptionContext): void {
  const name = option.slice('srh-'.length);
  if (name === 'next-hdr') {
    spec.nextHeader = uintOption('srh', option, text, 0, 255, c);
    spec.nextHeaderInvert = invert;
    return;
  }
  if (name === 'tag') {
    spec.tag = uintOption('srh', option, text, 0, 0xffff, c);
    spec.tagInvert = invert;
    return;
  }
  const segment = SEGMENTS.indexOf(name as 'psid');
  if (segment >= 0) {
    spec.segments[segment] = { ...maskedHostOption('srh', option, text, AF_INET6, c), invert };
    return;
  }
  const field = spec.fields[FIELDS.findIndex(([word]) => name.startsWith(word))]!;
  field.value = uintOption('srh', option, text, 0, 255, c);
  field.compare[COMPARISONS.indexOf(name.slice(-2) as 'eq')] = invert;
}

/** The comparisons that are asked for, as they are printed. */
function comparisons(spec: SrhSpec): { name: string; value: number; invert: boolean }[] {
  return spec.fields.flatMap(({ value, compare }, f) =>
    compare.flatMap((invert, k) =>
      invert === null ? [] : [{ name: `${FIELDS[f]![0]}-${COMPARISONS[k]!}`, value, invert }],
    ),
  );
}

function segments(spec: SrhSpec): { name: string; text: string; invert: boolean }[] {
  return spec.segments.flatMap((segment, i) => {
    if (segment === null) return [];
    const bits = prefixLength(segment.mask, AF_INET6);
    const text = `${formatAddress(AF_INET6, segment.address)}/${bits < 0 ? 128 : bits}`;
    return [{ name: SEGMENTS[i] as string, text, invert: segment.invert }];
  });
}

const NO_SEGMENT: MaskedHost = { address: new Int32Array(ADDRESS_WORDS), mask: new Int32Array(ADDRESS_WORDS) };

function loadSrh(spec: SrhSpec): MatchFunction {
  const { nextHeader, nextHeaderInvert, tagInvert } = spec;
  // iptables hands the number over as the machine stores it, the kernel compares it with the bytes of the packet
  const tag = spec.tag < 0 ? -1 : ((spec.tag & 0xff) << 8) | (spec.tag >> 8);
  const [length, left, last] = spec.fields.map((field, i) => fieldTest(FIELDS[i]![1], field)) as [
    FieldTest,
    FieldTest,
    FieldTest,
  ];
  const [previous, next, final] = spec.segments.map((s) => s ?? NO_SEGMENT) as [MaskedHost, MaskedHost, MaskedHost];
  const [asksPrevious, asksNext, asksFinal] = spec.segments.map((s) => s !== null) as [boolean, boolean, boolean];
  const [previousInvert, nextInvert, finalInvert] = spec.segments.map((s) => s?.invert === true) as [
    boolean,
    boolean,
    boolean,
  ];
  return (p) => {
    const at = findHeader(p, IPPROTO_ROUTING);
    if (at < 0 || p.end - at < SRH_HEADER_LEN) return false;
    const { bytes } = p;
    if (p.l3Off + p.l3Len - at < ((bytes[at + 1] as number) + 1) << 3) return false;
    const segmentsLeft = bytes[at + 3] as number;
    if (bytes[at + 2] !== SRH_TYPE || segmentsLeft > (bytes[at + 4] as number)) return false;
    if (nextHeader >= 0 && (bytes[at] === nextHeader) === nextHeaderInvert) return false;
    if (!length(bytes, at) || !left(bytes, at) || !last(bytes, at)) return false;
    if (tag >= 0 && (p.view.getUint16(at + 6) === tag) === tagInvert) return false;
    if (asksPrevious) {
      if (segmentsLeft === bytes[at + 4]) return false;
      if (!isSegment(p, at, segmentsLeft + 1, previous, previousInvert)) return false;
    }
    if (asksNext) {
      if (segmentsLeft === 0) return false;
      if (!isSegment(p, at, segmentsLeft - 1, next, nextInvert)) return false;
    }
    return !asksFinal || isSegment(p, at, 0, final, finalInvert);
  };
}

type FieldTest = (bytes: Uint8Array, at: number) => boolean;

function fieldTest(off: number, { value, compare }: SrhSpec['fields'][number]): FieldTest {
  const [equal, greater, less] = compare as [Inverted, Inverted, Inverted];
  return (bytes, at) => {
    const is = bytes[at + off] as number;
    if (equal !== null && (is === value) === equal) return false;
    if (greater !== null && is > value === greater) return false;
    return less === null || is < value !== less;
  };
}

/** Whether the segment number `index` is there and is the address, or `invert`: is another one. */
function isSegment(p: Packet, header: number, index: number, host: MaskedHost, invert: boolean): boolean {
  const at = header + SRH_HEADER_LEN + index * SEGMENT_LEN;
  if (at + SEGMENT_LEN > p.end) return false;
  let differs = 0;
  for (let i = 0; i < ADDRESS_WORDS; i++) {
    differs |= (p.view.getInt32(at + 4 * i) ^ (host.address[i] as number)) & (host.mask[i] as number);
  }
  return (differs === 0) !== invert;
}
