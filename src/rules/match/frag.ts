/** -m frag (IPv6): the fragment header (RFC 8200 section 4.5). */
import { IPPROTO_FRAGMENT } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { findHeader, HEADER_ABSENT } from '../ipv6-headers.js';
import { headerMissing } from '../kernel-checks.js';
import { bang, listedRange } from '../listed.js';
import { isWhole, type Range, rangeText, readRange, SIGN } from '../range-option.js';
import { not, uintOption } from '../values.js';

const FRAGMENT_HEADER_LEN = 8;
const OFFSET = 0xfff8;
const RESERVED = 0x6;
const MORE = 1;

/** Options of -m frag. */
export interface FragSpec {
  id: Range;
  idInvert: boolean;
  /** Parsed and printed only: the kernel ignores it, the header's length being fixed. -1 = not given. */
  length: number;
  lengthInvert: boolean;
  reserved: boolean;
  first: boolean;
  more: boolean;
  last: boolean;
}

/** -m frag. Behaviour: net/ipv6/netfilter/ip6t_frag.c frag_mt6. */
export const frag: MatchExtension<FragSpec> = {
  name: 'frag',
  families: [10],
  options: [
    { name: 'fragid', args: 1, invert: true },
    { name: 'fraglen', args: 1, invert: true },
    { name: 'fragres', args: 0 },
    { name: 'fragfirst', args: 0 },
    { name: 'fragmore', args: 0, excludes: ['fraglast'] },
    { name: 'fraglast', args: 0, excludes: ['fragmore'] },
  ],
  init: () => ({
    id: { low: 0, high: 0xffffffff },
    idInvert: false,
    length: -1,
    lengthInvert: false,
    reserved: false,
    first: false,
    more: false,
    last: false,
  }),
  option(spec, option, value, invert, c) {
    switch (option) {
      case 'fragid':
        spec.id = readRange('frag', option, value, 0xffffffff, c);
        spec.idInvert = invert;
        break;
      case 'fraglen':
        spec.length = uintOption('frag', option, value, 0, 0xffffffff, c);
        spec.lengthInvert = invert;
        break;
      case 'fragres':
        spec.reserved = true;
        break;
      case 'fragfirst':
        spec.first = true;
        break;
      case 'fragmore':
        spec.more = true;
        break;
      default:
        spec.last = true;
    }
  },
  save(spec) {
    const parts: string[] = [];
    if (!isWhole(spec.id)) parts.push(`${not(spec.idInvert)}--fragid ${rangeText(spec.id)}`);
    if (spec.length >= 0) parts.push(`${not(spec.lengthInvert)}--fraglen ${spec.length}`);
    if (spec.reserved) parts.push('--fragres');
    if (spec.first) parts.push('--fragfirst');
    if (spec.more) parts.push('--fragmore');
    if (spec.last) parts.push('--fraglast');
    return parts.join(' ');
  },
  list(spec) {
    let text = ` frag ${listedRange('id', spec.id, spec.idInvert)}`;
    if (spec.length >= 0) text += ` length:${bang(spec.lengthInvert)}${spec.length}`;
    if (spec.reserved) text += ' reserved';
    if (spec.first) text += ' first';
    if (spec.more) text += ' more';
    return spec.last ? `${text} last` : text;
  },
  load(spec) {
    const low = spec.id.low ^ SIGN;
    const high = spec.id.high ^ SIGN;
    const { idInvert, reserved } = spec;
    // One test for the offset field: these bits must be zero, and M must be set where --fragmore asks for it.
    const zero = (reserved ? RESERVED : 0) | (spec.first ? OFFSET : 0) | (spec.last ? MORE : 0);
    const set = spec.more ? MORE : 0;
    return (p, c) => {
      const at = findHeader(p, IPPROTO_FRAGMENT);
      if (at === HEADER_ABSENT) return false;
      if (at < 0 || p.end - at < FRAGMENT_HEADER_LEN) return headerMissing(p, c);
      const id = p.view.getInt32(at + 4) ^ SIGN;
      if ((id >= low && id <= high) === idInvert) return false;
      const word = p.view.getUint16(at + 2);
      if ((word & zero) !== 0 || (word & set) !== set) return false;
      return !reserved || p.bytes[at + 1] === 0;
    };
  },
};
