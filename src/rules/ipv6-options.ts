/**
 * What -m hbh and -m dst have in common: a header of TLV options (RFC 8200 sections 4.2, 4.3 and 4.6), its length and the
 * options that it begins with.
 */
import type { Packet } from '../wire/packet.js';
import type { RuleContext } from './context.js';
import type { MatchExtension, OptionContext } from './extension.js';
import { findHeader, HEADER_ABSENT } from './ipv6-headers.js';
import { headerMissing } from './kernel-checks.js';
import { bang } from './listed.js';
import { not, uintOption } from './values.js';

/** Options of -m hbh and -m dst. */
export interface Ipv6OptionsSpec {
  /** Length of the whole header in bytes; -1 = not tested. */
  length: number;
  lengthInvert: boolean;
  /** type << 8 | length, each a byte; length 255 = any. Empty = not tested. */
  options: number[];
}

const MAX_OPTIONS = 16;
const ANY_LENGTH = 0xff;

/**
 * The match on the options header of type `header`, called `name` (`hbh`, `dst`).
 * Behaviour: net/ipv6/netfilter/ip6t_hbh.c hbh_mt6.
 */
export function ipv6OptionsMatch(name: string, header: number): MatchExtension<Ipv6OptionsSpec> {
  return {
    name,
    families: [10],
    options: [
      { name: `${name}-len`, args: 1, invert: true },
      { name: `${name}-opts`, args: 1 },
    ],
    init: () => ({ length: -1, lengthInvert: false, options: [] }),
    option(spec, option, value, invert, c) {
      if (option === `${name}-len`) {
        spec.length = uintOption(name, option, value, 0, 0xffffffff, c);
        spec.lengthInvert = invert;
        return;
      }
      for (const part of value.split(',')) {
        if (spec.options.length === MAX_OPTIONS) c.fail('too many addresses specified', value);
        spec.options.push(readOption(name, part, c));
      }
    },
    save(spec) {
      const parts: string[] = [];
      if (spec.length >= 0) parts.push(`${not(spec.lengthInvert)}--${name}-len ${spec.length}`);
      if (spec.options.length > 0) parts.push(`--${name}-opts ${spec.options.map(optionText).join(',')}`);
      return parts.join(' ');
    },
    list(spec) {
      let text = ` ${name}`;
      if (spec.length >= 0) text += ` length:${bang(spec.lengthInvert)}${spec.length}`;
      return spec.options.length === 0 ? text : `${text} opts ${spec.options.map(optionText).join(',')}`;
    },
    load(spec) {
      const { length, lengthInvert } = spec;
      const options = Int32Array.from(spec.options);
      return (p, c) => matchOptions(p, c, header, length, lengthInvert, options);
    },
  };
}

function matchOptions(
  p: Packet,
  c: RuleContext,
  header: number,
  length: number,
  lengthInvert: boolean,
  options: Int32Array,
): boolean {
  const bytes = p.bytes;
  let at = findHeader(p, header);
  if (at === HEADER_ABSENT) return false;
  if (at < 0 || p.end - at < 2) return headerMissing(p, c);
  const headerLen = ((bytes[at + 1] as number) + 1) << 3;
  if (p.end - at < headerLen) return headerMissing(p, c);
  if (length >= 0 && (headerLen === length) === lengthInvert) return false;
  const headerEnd = at + headerLen;
  at += 2;
  for (let i = 0; i < options.length; i++) {
    const wanted = options[i] as number;
    if (at >= headerEnd) return false;
    const type = bytes[at] as number;
    if (type !== wanted >> 8) return false;
    // Pad1 (type 0) is a byte without a length.
    let optionLen = 1;
    if (type !== 0) {
      if (at + 1 >= headerEnd) return false;
      const dataLen = bytes[at + 1] as number;
      if ((wanted & 0xff) !== ANY_LENGTH && (wanted & 0xff) !== dataLen) return false;
      optionLen = dataLen + 2;
    }
    at += optionLen;
    // Only the last option wanted may reach beyond the header.
    if (at > headerEnd && i < options.length - 1) return false;
  }
  return true;
}

/** Reads `type[:length]`; numbers above 255 are cut to a byte, as iptables does. */
function readOption(name: string, text: string, c: OptionContext): number {
  const colon = text.indexOf(':');
  const type = readNumber(name, 'opt', colon < 0 ? text : text.slice(0, colon), c);
  const length = colon < 0 ? ANY_LENGTH : readNumber(name, 'length', text.slice(colon + 1), c);
  return (type << 8) | length;
}

function readNumber(name: string, what: string, text: string, c: OptionContext): number {
  const m = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(text);
  if (m === null) c.fail(`${name}: no valid digits in ${what} \`${text}'`, text);
  if (m[0].length !== text.length) c.fail(`${name}: error parsing ${what} \`${text}'`, text);
  const digits = m[2] as string;
  const number = BigInt(/^0[0-7]+$/.test(digits) ? '0o' + digits.slice(1) : digits);
  if (number > 0xffffffffffffffffn) c.fail(`${what} \`${text}' specified too big: would overflow`, text);
  return Number(BigInt.asUintN(8, m[1] === '-' ? -number : number));
}

function optionText(option: number): string {
  const length = option & 0xff;
  return length === ANY_LENGTH ? String(option >> 8) : `${option >> 8}:${length}`;
}
