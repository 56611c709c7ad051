/** -m dccp: ports, packet type and options of a DCCP packet (RFC 4340 section 5). */
import { IPPROTO_DCCP, type Packet } from '../../wire/packet.js';
import type { RuleContext } from '../context.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { headerMissing } from '../kernel-checks.js';
import { bang, listedPorts } from '../listed.js';
import { not, uintOption } from '../values.js';
import { ALL_PORTS, givenPortText, inRange } from './given-ports.js';
import { portRangeOption } from './option-values.js';
import { headerOff, needsProtocol, type PortRange } from './ports.js';

const TYPES = [
  'REQUEST',
  'RESPONSE',
  'DATA',
  'ACK',
  'DATAACK',
  'CLOSEREQ',
  'CLOSE',
  'RESET',
  'SYNC',
  'SYNCACK',
  'INVALID',
];
/** Type 10 and all reserved types. */
const INVALID = 10;
/** Bytes after the generic header, by type; RESET and the reserved types 12. */
const EXTRA_LEN = [4, 12, 0, 8, 8, 8, 8, 12, 8, 8, 12, 12, 12, 12, 12, 12];
const HEADER_LEN = 12;

/** Options of -m dccp; null = not given. */
export interface DccpSpec {
  source: PortRange | null;
  destination: PortRange | null;
  /** Bits 1 << type; -1 = not tested. */
  types: number;
  typesInvert: boolean;
  /** Option number; 0 = not tested. */
  option: number;
  optionInvert: boolean;
}

/** -m dccp. Behaviour: net/netfilter/xt_dccp.c dccp_mt. */
export const dccp: MatchExtension<DccpSpec> = {
  name: 'dccp',
  families: [2, 10],
  impliedBy: IPPROTO_DCCP,
  options: [
    { name: 'source-port', aliases: ['sport'], args: 1, invert: true },
    { name: 'destination-port', aliases: ['dport'], args: 1, invert: true },
    { name: 'dccp-types', args: 1, invert: true },
    { name: 'dccp-option', args: 1, invert: true },
  ],
  init: () => ({ source: null, destination: null, types: -1, typesInvert: false, option: 0, optionInvert: false }),
  option(spec, option, value, invert, c) {
    switch (option) {
      case 'source-port':
        spec.source = portRangeOption('dccp', option, value, invert, c);
        break;
      case 'destination-port':
        spec.destination = portRangeOption('dccp', option, value, invert, c);
        break;
      case 'dccp-types':
        spec.types = readTypes(value, c);
        spec.typesInvert = invert;
        break;
      default:
        spec.option = uintOption('dccp', option, value, 1, 255, c);
        spec.optionInvert = invert;
    }
  },
  save(spec) {
    const parts: string[] = [];
    if (spec.source !== null) parts.push(givenPortText('--sport', spec.source));
    if (spec.destination !== null) parts.push(givenPortText('--dport', spec.destination));
    if (spec.types >= 0) parts.push(`${not(spec.typesInvert)}--dccp-types ${typesText(spec.types)}`);
    if (spec.option !== 0) parts.push(`${not(spec.optionInvert)}--dccp-option ${spec.option}`);
    return parts.join(' ');
  },
  list(spec, _family, numeric) {
    let text = ' dccp';
    if (spec.source !== null) text += listedPorts('spt', spec.source, IPPROTO_DCCP, numeric);
    if (spec.destination !== null) text += listedPorts('dpt', spec.destination, IPPROTO_DCCP, numeric);
    if (spec.types >= 0)
      text += ` ${not(spec.typesInvert)}${numeric ? typeNumbers(spec.types) : typesText(spec.types)}`;
    return spec.option === 0 ? text : `${text} option=${bang(spec.optionInvert)}${spec.option}`;
  },
  refusedBy: (_spec, around) => needsProtocol('dccp', IPPROTO_DCCP, around),
  load(spec) {
    const source = spec.source ?? ALL_PORTS;
    const destination = spec.destination ?? ALL_PORTS;
    const { types, typesInvert, option, optionInvert } = spec;
    return (p, c) => {
      const at = headerOff(p, c, HEADER_LEN, false);
      if (at < 0) return false;
      if (!inRange(p.view.getUint16(at), source) || !inRange(p.view.getUint16(at + 2), destination)) return false;
      const type = ((p.bytes[at + 8] as number) >> 1) & 15;
      if (types >= 0 && (((types >> Math.min(type, INVALID)) & 1) !== 0) === typesInvert) return false;
      return option === 0 || hasOption(p, c, at, type, option) !== optionInvert;
    };
  },
};

/** Whether the option list has this option; a header that ends before its options, or outside the packet, drops the packet. */
function hasOption(p: Packet, c: RuleContext, from: number, type: number, option: number): boolean {
  const bytes = p.bytes;
  const extended = (bytes[from + 8] as number) & 1;
  const end = from + (bytes[from + 4] as number) * 4;
  let at = from + HEADER_LEN + 4 * extended + (EXTRA_LEN[type] as number);
  if (end < at) return headerMissing(p, c);
  if (end === at) return false;
  if (end > p.end) return headerMissing(p, c);
  while (at < end) {
    const kind = bytes[at] as number;
    if (kind === option) return true;
    const len = kind < 2 || at + 1 >= end ? 1 : (bytes[at + 1] as number);
    at += len === 0 ? 1 : len;
  }
  return false;
}

function readTypes(text: string, c: OptionContext): number {
  let bits = 0;
  for (const word of text.split(',')) {
    if (word === '') continue;
    const type = TYPES.indexOf(word.toUpperCase());
    if (type < 0) c.fail(`Unknown DCCP type \`${word}'`, word);
    bits |= 1 << type;
  }
  return bits;
}

function typesText(bits: number): string {
  return TYPES.filter((_, type) => ((bits >> type) & 1) !== 0).join(',');
}

/** With all reserved types where INVALID is wanted. */
function typeNumbers(bits: number): string {
  const all = ((bits >> INVALID) & 1) === 0 ? bits : bits | (0xffff << INVALID);
  return EXTRA_LEN.flatMap((_, type) => (((all >> type) & 1) === 0 ? [] : [type])).join(',');
}
