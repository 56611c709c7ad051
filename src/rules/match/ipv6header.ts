/** -m ipv6header (IPv6): which extension headers a packet has. */
import {
  IPPROTO_AH,
  IPPROTO_DSTOPTS,
  IPPROTO_ESP,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_NONE,
  IPPROTO_ROUTING,
  type Packet,
} from '../../wire/packet.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { extensionLen } from '../ipv6-headers.js';
import { bang } from '../listed.js';
import { fileProtocolNumber } from '../names.js';
import { not, readUint } from '../values.js';

/** Stands for whatever follows the extension headers. */
const PROTOCOL = 255;
const IPV6_HEADER_LEN = 40;

/** Bits in the order in which iptables prints them: number, bit, long name, short name. */
const HEADERS = [
  { number: IPPROTO_HOPOPTS, bit: 0x80, name: 'hop-by-hop', short: 'hop' },
  { number: IPPROTO_DSTOPTS, bit: 0x40, name: 'ipv6-opts', short: 'dst' },
  { number: IPPROTO_ROUTING, bit: 0x20, name: 'ipv6-route', short: 'route' },
  { number: IPPROTO_FRAGMENT, bit: 0x10, name: 'ipv6-frag', short: 'frag' },
  { number: IPPROTO_AH, bit: 0x08, name: 'ah', short: 'auth' },
  { number: IPPROTO_ESP, bit: 0x04, name: 'esp', short: 'esp' },
  { number: IPPROTO_NONE, bit: 0x02, name: 'ipv6-nonxt', short: 'none' },
  { number: PROTOCOL, bit: 0x01, name: 'protocol', short: 'prot' },
] as const;

/** The bit of each protocol number, 0 = no extension header. */
const BIT_OF = new Uint8Array(256);
for (const header of HEADERS) BIT_OF[header.number] = header.bit;
const PROTOCOL_BIT = BIT_OF[PROTOCOL] as number;

/** Options of -m ipv6header. */
export interface Ipv6headerSpec {
  /** Bits of HEADERS. */
  headers: number;
  invert: boolean;
  /** The packet has all of these, whatever else it has; else: exactly these. */
  soft: boolean;
}

/** -m ipv6header. Behaviour: net/ipv6/netfilter/ip6t_ipv6header.c ipv6header_mt6. */
export const ipv6header: MatchExtension<Ipv6headerSpec> = {
  name: 'ipv6header',
  families: [10],
  options: [
    { name: 'header', args: 1, invert: true, required: true },
    { name: 'soft', args: 0 },
  ],
  init: () => ({ headers: 0, invert: false, soft: false }),
  option(spec, option, value, invert, c) {
    if (option === 'soft') {
      spec.soft = true;
      return;
    }
    spec.headers = readHeaders(value, c);
    spec.invert = invert;
  },
  save: (spec) => `${not(spec.invert)}--header ${headerNames(spec.headers)}${spec.soft ? ' --soft' : ''}`,
  list(spec, _family, numeric) {
    const bits = `0x${spec.headers.toString(16).toUpperCase().padStart(2, '0')}`;
    const text = numeric ? bits : headerNames(spec.headers);
    return ` ipv6header flags:${bang(spec.invert)}${text}${spec.soft ? ' soft' : ''}`;
  },
  load(spec) {
    const { headers, invert, soft } = spec;
    return (p) => {
      const found = headersOf(p);
      if (found < 0) return false;
      // Soft and inverted: the packet has none of them.
      if (soft) return (found & headers) === (invert ? 0 : headers);
      return (found === headers) !== invert;
    };
  },
};

function headerNames(bits: number): string {
  return HEADERS.filter((h) => (bits & h.bit) !== 0)
    .map((h) => h.name)
    .join(',');
}

/** Bits of the headers that a packet has; -1 = a header is not there. A last header that is only too short still counts. */
function headersOf(p: Packet): number {
  const bytes = p.bytes;
  let next = bytes[p.l3Off + 6] as number;
  let at = p.l3Off + IPV6_HEADER_LEN;
  let found = 0;
  while (next !== PROTOCOL && BIT_OF[next] !== 0) {
    if (next === IPPROTO_NONE) return found | (BIT_OF[next] as number);
    if (p.end - at < 2) return -1;
    if (next === IPPROTO_ESP) return found | (BIT_OF[next] as number);
    found |= BIT_OF[next] as number;
    const len = bytes[at + 1] as number;
    const current = next;
    next = bytes[at] as number;
    at += current === IPPROTO_FRAGMENT ? 8 : extensionLen(current, len);
    if (at > p.end) break;
  }
  return next === IPPROTO_NONE || next === IPPROTO_ESP ? found : found | PROTOCOL_BIT;
}

function readHeaders(text: string, c: OptionContext): number {
  let bits = 0;
  for (const word of text.split(',')) {
    if (word !== '') bits |= headerBit(word, c);
  }
  if (bits === 0) c.fail('ip6t_ipv6header: cannot parse header names', text);
  return bits;
}

/** A name of HEADERS, a decimal number, or a protocol's name that has one of those numbers. */
function headerBit(word: string, c: OptionContext): number {
  for (const header of HEADERS) {
    if (word === header.name || word === header.short) return header.bit;
  }
  let number = /^(0|[1-9]\d*)$/.test(word) ? readUint(word, 0, 255) : -1;
  if (number < 0) number = fileProtocolNumber(word);
  const bit = number < 0 ? 0 : (BIT_OF[number] as number);
  if (bit === 0) c.fail(`unknown header \`${number < 0 ? word : number}' specified`, word);
  return bit;
}
