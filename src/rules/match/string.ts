/** -m string: a text or any bytes anywhere in a packet, from its network header on. */
import { HAS_REASSEMBLED, type Packet } from '../../wire/packet.js';
import type { FragmentBorders } from '../context.js';
import type { MatchExtension, OptionContext, RuleAround } from '../extension.js';
import { EINVAL, ENOENT } from '../kernel-checks.js';
import { not, uintOption } from '../values.js';

/** XT_STRING_MAX_PATTERN_SIZE. */
const MAX_PATTERN_LEN = 128;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BAR = 0x7c;
const BLANK = 0x20;

/** Options of -m string. */
export interface StringSpec {
  /** Bytes. */
  pattern: number[];
  invert: boolean;
  algorithm: string;
  /** The match lies in bytes [from, to) of the packet, 0 = first byte of the IP header. */
  from: number;
  to: number;
  ignoreCase: boolean;
}

/** The kernel's field for the algorithm's name holds no more. */
const ALGORITHM_LEN = 15;

/**
 * -m string. Both algorithms find the same. Behaviour: net/netfilter/xt_string.c string_mt and net/core/skbuff.c
 * skb_find_text: the whole pattern has to lie between --from and --to.
 */
export const string: MatchExtension<StringSpec> = {
  name: 'string',
  families: [2, 10],
  options: [
    { name: 'from', args: 1 },
    { name: 'to', args: 1 },
    { name: 'algo', args: 1, required: true },
    { name: 'string', args: 1, invert: true, excludes: ['hex-string'] },
    { name: 'hex-string', args: 1, invert: true, excludes: ['string'] },
    { name: 'icase', args: 0 },
  ],
  init: () => ({ pattern: [], invert: false, algorithm: '', from: 0, to: 0xffff, ignoreCase: false }),
  option(spec, option, value, invert, c) {
    switch (option) {
      case 'from':
      case 'to':
        spec[option] = uintOption('string', option, value, 0, 0xffff, c);
        break;
      case 'algo':
        spec.algorithm = value.slice(0, ALGORITHM_LEN);
        break;
      case 'icase':
        spec.ignoreCase = true;
        break;
      default:
        spec.pattern = option === 'string' ? utf8(value) : readHexString(value, c);
        if (spec.pattern.length > MAX_PATTERN_LEN) c.fail(`STRING too long "${value}"`, value);
        spec.invert = invert;
    }
  },
  check(_spec, seen, c) {
    if (!seen.has('string') && !seen.has('hex-string')) {
      c.fail("STRING match: You must specify `--string' or `--hex-string'");
    }
  },
  save(spec) {
    let text = `${not(spec.invert)}--${isHex(spec.pattern) ? 'hex-' : ''}string ${quotedPattern(spec.pattern)} --algo ${spec.algorithm}`;
    if (spec.from !== 0) text += ` --from ${spec.from}`;
    if (spec.to !== 0xffff) text += ` --to ${spec.to}`;
    return spec.ignoreCase ? text + ' --icase' : text;
  },
  list(spec) {
    let text = ` STRING match ${spec.invert ? '!' : ''} ${quotedPattern(spec.pattern)} ALGO name ${spec.algorithm}`;
    if (spec.from !== 0) text += ` FROM ${spec.from}`;
    if (spec.to !== 0xffff) text += ` TO ${spec.to}`;
    return spec.ignoreCase ? `${text} ICASE` : text;
  },
  refusedBy,
  load(spec) {
    const fold = foldTable(spec.ignoreCase);
    const pattern = Uint8Array.from(spec.pattern, (byte) => fold[byte] as number);
    const skip = skipTable(pattern, fold);
    const { from, to, invert } = spec;
    if (pattern.length === 0) return () => false;
    const piecewise = spec.algorithm === 'bm';
    return (p, c) => {
      const begin = p.l3Off + from;
      const end = Math.min(p.l3Off + to, p.end);
      const found =
        piecewise && (p.has & HAS_REASSEMBLED) !== 0
          ? inFragment(p, begin, end, c.fragments, pattern, fold, skip)
          : contains(p.bytes, begin, end, pattern, fold, skip);
      return found !== invert;
    };
  },
};

/** `fsm` exists in the kernel, but does not take bytes. */
function refusedBy(spec: StringSpec, _around: RuleAround) {
  if (spec.from > spec.to) return { errno: EINVAL, why: 'string: --from is greater than --to' };
  const known = spec.algorithm === 'bm' || spec.algorithm === 'kmp';
  if (!known && spec.algorithm !== 'fsm') return { errno: ENOENT, why: 'string: --algo is bm or kmp' };
  if (!known || spec.pattern.length === 0)
    return { errno: EINVAL, why: 'string: the pattern is empty, or for bm and kmp only' };
  return null;
}

/** The kernel's bm begins anew with each fragment of a packet that was put together: it sees nothing that crosses a border. */
function inFragment(
  p: Packet,
  begin: number,
  end: number,
  fragments: FragmentBorders,
  pattern: Uint8Array,
  fold: Uint8Array,
  skip: Uint8Array,
): boolean {
  const { cuts, cutCount } = fragments;
  const payload = p.l3Off + fragments.headerLen;
  let from = begin;
  for (let i = 0; i < cutCount; i++) {
    const cut = payload + (cuts[i] as number);
    if (contains(p.bytes, from, Math.min(cut, end), pattern, fold, skip)) return true;
    from = Math.max(begin, cut);
  }
  return false;
}

/** Horspool's search: one table, no state. `skip` says how far the window moves by the byte under its last place. */
function contains(
  bytes: Uint8Array,
  from: number,
  to: number,
  pattern: Uint8Array,
  fold: Uint8Array,
  skip: Uint8Array,
): boolean {
  const last = pattern.length - 1;
  const lastByte = pattern[last] as number;
  for (let at = from + last; at < to; ) {
    const byte = bytes[at] as number;
    if (fold[byte] === lastByte) {
      let i = 1;
      while (i <= last && fold[bytes[at - i] as number] === pattern[last - i]) i++;
      if (i > last) return true;
    }
    at += skip[byte] as number;
  }
  return false;
}

/** Distance of each byte's last place before the pattern's end to that end; the pattern's length where it has none. */
function skipTable(pattern: Uint8Array, fold: Uint8Array): Uint8Array {
  const last = pattern.length - 1;
  const skip = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++) {
    const before = last <= 0 ? -1 : pattern.lastIndexOf(fold[byte] as number, last - 1);
    skip[byte] = last - before;
  }
  return skip;
}

/** The kernel's toupper, which takes bytes as Latin-1 (lib/ctype.c); or every byte to itself. */
function foldTable(ignoreCase: boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => {
    const lower = (byte >= 0x61 && byte <= 0x7a) || (byte >= 0xdf && byte !== 0xf7);
    return ignoreCase && lower ? byte - 0x20 : byte;
  });
}

/** Whether a byte is not printable or a backslash stands last. */
function isHex(pattern: readonly number[]): boolean {
  return pattern.some((byte) => byte < BLANK || byte > 0x7e) || pattern[pattern.length - 1] === BACKSLASH;
}

/** `"text"` or `"|hexadecimal|"`. */
function quotedPattern(pattern: readonly number[]): string {
  if (isHex(pattern)) return `"|${pattern.map((byte) => (byte | 0x100).toString(16).slice(1)).join('')}|"`;
  const text = pattern.map((byte) => (byte === QUOTE || byte === BACKSLASH ? '\\' : '') + String.fromCharCode(byte));
  return `"${text.join('')}"`;
}

/**
 * Text with blocks of hexadecimal bytes between bars, blanks between the bytes: `a|0d 0a|b`. Outside a block a backslash takes
 * the next character as it stands.
 */
function readHexString(value: string, c: OptionContext): number[] {
  const s = utf8(value);
  const pattern: number[] = [];
  if (s.length === 0) c.fail('STRING must contain at least one char', value);
  let hex = false;
  for (let i = 0; i < s.length; ) {
    let literal = false;
    if (s[i] === BACKSLASH && !hex) {
      literal = true;
    } else if (s[i] === BACKSLASH) {
      c.fail('Cannot include literals in hex data', value);
    } else if (s[i] === BAR) {
      hex = !hex;
      while (hex && s[i + 1] === BLANK) i++;
      if (++i >= s.length) break;
    }
    if (literal) {
      if (i + 1 >= s.length) c.fail('Bad literal placement at end of string', value);
      pattern.push(s[i + 1] as number);
      i += 2;
    } else if (hex) {
      pattern.push(hexByteAt(s, i, value, c));
      i += s[i + 2] === BLANK ? 3 : 2;
    } else {
      pattern.push(s[i] as number);
      i++;
    }
  }
  return pattern;
}

function hexByteAt(s: readonly number[], at: number, value: string, c: OptionContext): number {
  if (at + 1 >= s.length) c.fail('Odd number of hex digits', value);
  // A block ends with a bar: two digits cannot be the last characters.
  if (at + 2 >= s.length) c.fail('Invalid hex block', value);
  let byte = 0;
  for (let i = at; i < at + 2; i++) {
    const ch = String.fromCharCode(s[i] as number);
    if (!/[0-9a-fA-F]/.test(ch)) c.fail(`Invalid hex char '${ch}'`, value);
    byte = byte * 16 + Number.parseInt(ch, 16);
  }
  return byte;
}

/** The bytes of a text as a command line carries it. */
function utf8(text: string): number[] {
  const bytes: number[] = [];
  for (const ch of text) {
    const code = ch.codePointAt(0) as number;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return bytes;
}
