/**
 * What the icmp and icmp6 matches share: reading and printing `type[/code]`, and the test (xt_tcpudp.c, type_code_in_range).
 */
import type { MatchFunction, OptionContext } from '../extension.js';
import { bang } from '../listed.js';
import { not, type Scan, scanUint } from '../values.js';
import { headerOff } from './ports.js';

/** A type and a range of codes. */
export interface IcmpSpec {
  type: number;
  codeFrom: number;
  codeTo: number;
  invert: boolean;
}

/** A name of iptables-extensions(8); codes from and to, 0-255 = any. */
export type IcmpName = readonly [name: string, type: number, codeFrom: number, codeTo: number];

const ICMP_HEADER = 8;

/** Reads a name (or the unambiguous beginning of one) or `type[/code[:code]]`. `label`: ICMP or ICMPv6, for messages. */
export function readIcmpType(value: string, label: string, names: readonly IcmpName[], c: OptionContext): IcmpSpec {
  const wanted = value.toLowerCase();
  let found: IcmpName | null = null;
  for (const entry of names) {
    if (!entry[0].toLowerCase().startsWith(wanted)) continue;
    if (found !== null) c.fail(`Ambiguous ${label} type \`${value}': \`${found[0]}' or \`${entry[0]}'?`, value);
    found = entry;
  }
  if (found !== null) return { type: found[1], codeFrom: found[2], codeTo: found[3], invert: false };

  const scan: Scan = { value: -1, end: 0 };
  const [type, lastType] = readPair(value, 0, scan) ?? c.fail(`Unknown ${label} type \`${value}'`, value);
  let codes: readonly [number, number] = [0, 255];
  if (value[scan.end] === '/') {
    codes = readPair(value, scan.end + 1, scan) ?? c.fail(`Unknown ${label} code \`${value}'`, value);
  }
  if (scan.end !== value.length) c.fail(`unknown character ${value.charAt(scan.end)}`, value);
  if (type !== lastType) c.fail(`${label} type range not supported`, value);
  return { type, codeFrom: codes[0], codeTo: codes[1], invert: false };
}

/** `NUMBER[:NUMBER]`, each a byte, from `at`; null where there is none. */
function readPair(text: string, at: number, scan: Scan): [number, number] | null {
  scanUint(text, at, 255, scan);
  const first = scan.value;
  if (first < 0 || text[scan.end] !== ':') return first < 0 ? null : [first, first];
  scanUint(text, scan.end + 1, 255, scan);
  return scan.value < 0 ? null : [first, scan.value];
}

/** `--icmp-type 3/1`. */
export function icmpText(option: string, spec: IcmpSpec): string {
  const code = spec.codeFrom === 0 && spec.codeTo === 255 ? '' : `/${spec.codeFrom}`;
  return `${not(spec.invert)}--${option} ${spec.type}${code}`;
}

/** ` icmptype 3 code 1`, or ` icmp ` and the first of `names` that means just these types and codes. */
export function listedIcmp(word: string, spec: IcmpSpec, names: readonly IcmpName[]): string {
  const { type, codeFrom, codeTo, invert } = spec;
  const name = names.find((entry) => entry[1] === type && entry[2] === codeFrom && entry[3] === codeTo);
  if (name !== undefined) return ` ${word} ${bang(invert)}${name[0]}`;
  const text = ` ${word}${invert ? ' !' : ''}type ${type}`;
  if (codeFrom === codeTo) return `${text} code ${codeFrom}`;
  return codeFrom === 0 && codeTo === 255 ? text : `${text} codes ${codeFrom}-${codeTo}`;
}

/** The test; `anyType` is a type that stands for all (ICMP: 255), -1 = none. */
export function loadIcmp(spec: IcmpSpec, anyType: number): MatchFunction {
  const { type, codeFrom, codeTo, invert } = spec;
  const any = type === anyType;
  return (p, c) => {
    const at = headerOff(p, c, ICMP_HEADER, false);
    if (at < 0) return false;
    const code = p.bytes[at + 1] as number;
    return (any || ((p.bytes[at] as number) === type && code >= codeFrom && code <= codeTo)) !== invert;
  };
}
