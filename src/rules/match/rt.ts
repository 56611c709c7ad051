/** -m rt (IPv6): the routing header (RFC 8200 section 4.4) and the addresses of type 0 (RFC 2460). */
import { ADDRESS_WORDS, formatAddress, parseAddress } from '../../wire/address.js';
import { AF_INET6, IPPROTO_ROUTING, type Packet } from '../../wire/packet.js';
import type { RuleContext } from '../context.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { findHeader, HEADER_ABSENT } from '../ipv6-headers.js';
import { headerMissing } from '../kernel-checks.js';
import { bang, listedRange } from '../listed.js';
import { isWhole, type Range, rangeText, readRange, SIGN } from '../range-option.js';
import { not, uintOption } from '../values.js';

/** Next header, length, type, segments left. */
const ROUTING_HEADER_LEN = 4;
/** With the reserved word of type 0; the addresses follow. */
const TYPE0_HEADER_LEN = 8;
const ADDRESS_LEN = 16;
const MAX_ADDRESSES = 16;

/** Options of -m rt. */
export interface RtSpec {
  /** -1 = not tested; above 255 nothing matches. */
  type: number;
  typeInvert: boolean;
  segmentsLeft: Range;
  segmentsLeftInvert: boolean;
  /** Length of the whole header in bytes; -1 = not tested. */
  length: number;
  lengthInvert: boolean;
  /** Type 0: the reserved word must be zero. */
  reserved: boolean;
  /** Type 0: four words an address; empty = not tested. */
  addresses: number[];
  /** Whether other addresses may stand between and behind those of `addresses`. */
  notStrict: boolean;
}

/** -m rt. Behaviour: net/ipv6/netfilter/ip6t_rt.c rt_mt6. */
export const rt: MatchExtension<RtSpec> = {
  name: 'rt',
  families: [10],
  options: [
    { name: 'rt-type', args: 1, invert: true },
    { name: 'rt-segsleft', args: 1, invert: true },
    { name: 'rt-len', args: 1, invert: true },
    { name: 'rt-0-res', args: 0 },
    { name: 'rt-0-addrs', args: 1 },
    { name: 'rt-0-not-strict', args: 0 },
  ],
  init: () => ({
    type: -1,
    typeInvert: false,
    segmentsLeft: { low: 0, high: 0xffffffff },
    segmentsLeftInvert: false,
    length: -1,
    lengthInvert: false,
    reserved: false,
    addresses: [],
    notStrict: false,
  }),
  option(spec, option, value, invert, c) {
    switch (option) {
      case 'rt-type':
        spec.type = uintOption('rt', option, value, 0, 0xffffffff, c);
        spec.typeInvert = invert;
        break;
      case 'rt-segsleft':
        spec.segmentsLeft = readRange('rt', option, value, 0xffffffff, c);
        spec.segmentsLeftInvert = invert;
        break;
      case 'rt-len':
        spec.length = uintOption('rt', option, value, 0, 0xffffffff, c);
        spec.lengthInvert = invert;
        break;
      case 'rt-0-res':
        wantsType0(spec, option, c);
        spec.reserved = true;
        break;
      case 'rt-0-addrs':
        wantsType0(spec, option, c);
        spec.addresses = readAddresses(value, c);
        break;
      default:
        if (spec.addresses.length === 0) c.fail("`--rt-0-addr ...' required before `--rt-0-not-strict'", `--${option}`);
        spec.notStrict = true;
    }
  },
  save(spec) {
    const parts: string[] = [];
    if (spec.type >= 0) parts.push(`${not(spec.typeInvert)}--rt-type ${spec.type}`);
    if (!isWhole(spec.segmentsLeft)) {
      parts.push(`${not(spec.segmentsLeftInvert)}--rt-segsleft ${rangeText(spec.segmentsLeft)}`);
    }
    if (spec.length >= 0) parts.push(`${not(spec.lengthInvert)}--rt-len ${spec.length}`);
    if (spec.reserved) parts.push('--rt-0-res');
    if (spec.addresses.length > 0) parts.push(`--rt-0-addrs ${addressesText(spec.addresses)}`);
    if (spec.notStrict) parts.push('--rt-0-not-strict');
    return parts.join(' ');
  },
  list(spec) {
    const left = listedRange('segsleft', spec.segmentsLeft, spec.segmentsLeftInvert);
    let text = ' rt';
    if (spec.type >= 0) text += ` type:${bang(spec.typeInvert)}${spec.type | 0}`;
    if (left !== '') text += ` ${left}`;
    if (spec.length >= 0) text += ` length:${bang(spec.lengthInvert)}${spec.length}`;
    if (spec.reserved) text += ' reserved';
    if (spec.addresses.length > 0) text += ` 0-addrs ${addressesText(spec.addresses)}`;
    return spec.notStrict ? `${text} 0-not-strict` : text;
  },
  load(spec) {
    const low = spec.segmentsLeft.low ^ SIGN;
    const high = spec.segmentsLeft.high ^ SIGN;
    const { type, typeInvert, segmentsLeftInvert, length, lengthInvert, reserved, notStrict } = spec;
    const addresses = Int32Array.from(spec.addresses);
    return (p, c) => {
      const at = findHeader(p, IPPROTO_ROUTING);
      if (at === HEADER_ABSENT) return false;
      if (at < 0 || p.end - at < ROUTING_HEADER_LEN) return headerMissing(p, c);
      const headerLen = ((p.bytes[at + 1] as number) + 1) << 3;
      if (p.end - at < headerLen) return headerMissing(p, c);
      const left = (p.bytes[at + 3] as number) ^ SIGN;
      if ((left >= low && left <= high) === segmentsLeftInvert) return false;
      if (length >= 0 && (headerLen === length) === lengthInvert) return false;
      if (type >= 0 && (p.bytes[at + 2] === type) === typeInvert) return false;
      if (reserved && p.view.getInt32(at + 4) !== 0) return false;
      return addresses.length === 0 || matchAddresses(p, c, at, headerLen, addresses, notStrict);
    };
  },
};

/**
 * Strict: the header's addresses are exactly those wanted. Not strict: those wanted appear in it in their order.
 * The kernel's not-strict search ends with the last address that was found, so what follows it does not matter.
 */
function matchAddresses(
  p: Packet,
  c: RuleContext,
  at: number,
  headerLen: number,
  addresses: Int32Array,
  notStrict: boolean,
): boolean {
  const there = Math.floor((headerLen - TYPE0_HEADER_LEN) / ADDRESS_LEN);
  const wanted = addresses.length / ADDRESS_WORDS;
  if (notStrict ? wanted > there : wanted !== there) return false;
  let found = 0;
  for (let i = 0; i < there && found < wanted; i++) {
    const from = at + TYPE0_HEADER_LEN + i * ADDRESS_LEN;
    if (p.end - from < ADDRESS_LEN) return headerMissing(p, c);
    if (sameAddress(p.view, from, addresses, found * ADDRESS_WORDS)) found++;
    else if (!notStrict) return false;
  }
  return found === wanted;
}

function sameAddress(view: DataView, at: number, words: Int32Array, from: number): boolean {
  return (
    view.getInt32(at) === words[from] &&
    view.getInt32(at + 4) === words[from + 1] &&
    view.getInt32(at + 8) === words[from + 2] &&
    view.getInt32(at + 12) === words[from + 3]
  );
}

function wantsType0(spec: RtSpec, option: string, c: OptionContext): void {
  if (spec.type !== 0 || spec.typeInvert) c.fail(`\`--rt-type 0' required before \`--${option}'`, `--${option}`);
}

function readAddresses(text: string, c: OptionContext): number[] {
  const words: number[] = [];
  const address = new Int32Array(ADDRESS_WORDS);
  for (const part of text.split(',')) {
    if (words.length === MAX_ADDRESSES * ADDRESS_WORDS) c.fail('too many addresses specified', text);
    if (parseAddress(part, address) !== AF_INET6) c.fail(`bad address: ${part}`, text);
    words.push(...address);
  }
  return words;
}

function addressesText(addresses: readonly number[]): string {
  const words = Int32Array.from(addresses);
  const parts: string[] = [];
  for (let at = 0; at < words.length; at += ADDRESS_WORDS) parts.push(formatAddress(AF_INET6, words, at));
  return parts.join(',');
}
