/**
 * -m tcp: ports, flags and one option of the TCP header (xt_tcpudp.c, tcp_mt).
 */
import { AF_INET, AF_INET6, IPPROTO_TCP, type Packet } from '../../wire/packet.js';
import type { RuleContext } from '../context.js';
import type { MatchExtension, MatchFunction, OptionContext } from '../extension.js';
import { bang, listedPorts } from '../listed.js';
import { not, readUint } from '../values.js';
import { allPorts, headerOff, needsProtocol, type PortRange, portText, readPortRange } from './ports.js';

/** `-m tcp`. */
export interface TcpSpec {
  source: PortRange;
  destination: PortRange;
  /** Packet.tcpFlags & mask must be `wanted`; null = not asked for. */
  flags: { mask: number; wanted: number; invert: boolean } | null;
  /** TCP option kind, null = not asked for. */
  option: { kind: number; invert: boolean } | null;
}

const FLAG_NAMES = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'] as const;
const ALL_FLAGS = 63;
/** FIN, SYN, RST, ACK looked at and SYN alone set: what --syn means. */
const SYN_MASK = 23;
const SYN = 2;
const TCP_HEADER = 20;

/** The `tcp` match. */
export const tcp: MatchExtension<TcpSpec> = {
  name: 'tcp',
  families: [AF_INET, AF_INET6],
  impliedBy: IPPROTO_TCP,
  options: [
    { name: 'source-port', aliases: ['sport'], args: 1, invert: true, repeatMessage: once('source-port') },
    { name: 'destination-port', aliases: ['dport'], args: 1, invert: true, repeatMessage: once('destination-port') },
    { name: 'syn', args: 0, invert: true, repeat: true },
    { name: 'tcp-flags', args: 2, secondMissing: '--tcp-flags requires two args.', invert: true, repeat: true },
    { name: 'tcp-option', args: 1, invert: true, repeatMessage: once('tcp-option') },
  ],
  init: () => ({ source: allPorts(), destination: allPorts(), flags: null, option: null }),
  option(spec, option, value, inverted, c) {
    if (option === 'source-port') spec.source = readTcpPorts(value, inverted, c);
    else if (option === 'destination-port') spec.destination = readTcpPorts(value, inverted, c);
    else if (option === 'tcp-option') {
      const kind = readUint(value, 1, 255);
      if (kind < 0) c.fail(`Bad TCP option "${value}"`, value);
      spec.option = { kind, invert: inverted };
    } else {
      if (spec.flags !== null) c.fail("Only one of `--syn' or `--tcp-flags'  allowed");
      spec.flags =
        option === 'syn' ? { mask: SYN_MASK, wanted: SYN, invert: inverted } : readFlagPair(value, inverted, c);
    }
  },
  save(spec) {
    let text = portText('sport', spec.source) + portText('dport', spec.destination);
    if (spec.option !== null) text += ` ${not(spec.option.invert)}--tcp-option ${spec.option.kind}`;
    if (showsFlags(spec)) {
      const { mask, wanted, invert } = spec.flags;
      text += ` ${not(invert)}--tcp-flags ${flagText(mask)} ${flagText(wanted)}`;
    }
    return text.slice(1);
  },
  list(spec, _family, numeric) {
    let text = ` tcp${listedPorts('spt', spec.source, IPPROTO_TCP, numeric)}`;
    text += listedPorts('dpt', spec.destination, IPPROTO_TCP, numeric);
    if (spec.option !== null) text += ` option=${bang(spec.option.invert)}${spec.option.kind}`;
    if (!showsFlags(spec)) return text;
    const { mask, wanted, invert } = spec.flags;
    const show = numeric ? flagNumber : flagText;
    return `${text} flags:${bang(invert)}${show(mask)}/${show(wanted)}`;
  },
  refusedBy: (_spec, around) => needsProtocol('tcp', IPPROTO_TCP, around),
  load: (spec) => loadTcp(spec),
};

function once(option: string): string {
  return `Only one \`--${option}' allowed`;
}

function readTcpPorts(value: string, inverted: boolean, c: OptionContext): PortRange {
  const range = readPortRange(value, IPPROTO_TCP, c);
  if (range.from > range.to) c.fail('invalid portrange (min > max)', value);
  range.invert = inverted;
  return range;
}

function readFlagPair(value: string, invert: boolean, c: OptionContext): TcpSpec['flags'] {
  const blank = value.lastIndexOf(' ');
  const mask = readFlags(value.slice(0, blank), c);
  return { mask, wanted: readFlags(value.slice(blank + 1), c), invert };
}

function readFlags(text: string, c: OptionContext): number {
  let flags = 0;
  for (const name of text.split(',')) {
    if (name === '') continue;
    const upper = name.toUpperCase();
    const bit = (FLAG_NAMES as readonly string[]).indexOf(upper);
    if (bit >= 0) flags |= 1 << bit;
    else if (upper === 'ALL') flags |= ALL_FLAGS;
    else if (upper !== 'NONE') c.fail(`Unknown TCP flag \`${name}'`, text);
  }
  return flags;
}

/** A mask of no flags is not shown, even one that nothing can match (`NONE SYN`). */
function showsFlags(spec: TcpSpec): spec is TcpSpec & { flags: NonNullable<TcpSpec['flags']> } {
  return spec.flags !== null && (spec.flags.mask !== 0 || spec.flags.invert);
}

function flagText(flags: number): string {
  if (flags === 0) return 'NONE';
  return FLAG_NAMES.filter((_, bit) => (flags & (1 << bit)) !== 0).join(',');
}

function flagNumber(flags: number): string {
  return `0x${flags.toString(16).toUpperCase().padStart(2, '0')}`;
}

function loadTcp(spec: TcpSpec): MatchFunction {
  const { source, destination } = spec;
  const flags = spec.flags ?? { mask: 0, wanted: 0, invert: false };
  const kind = spec.option === null ? 0 : spec.option.kind;
  const invertOption = spec.option?.invert === true;
  return (p, c) => {
    const at = headerOff(p, c, TCP_HEADER, true);
    if (at < 0) return false;
    const bytes = p.bytes;
    const from = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    if ((from >= source.from && from <= source.to) === source.invert) return false;
    const to = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
    if ((to >= destination.from && to <= destination.to) === destination.invert) return false;
    if ((((bytes[at + 13] as number) & flags.mask) === flags.wanted) === flags.invert) return false;
    return kind === 0 || optionFits(p, c, at, kind, invertOption);
  };
}

/** Whether the header's options hold `kind` (or lack it, inverted). A data offset that points outside drops the packet. */
function optionFits(p: Packet, c: RuleContext, at: number, kind: number, invert: boolean): boolean {
  const bytes = p.bytes;
  const end = at + ((bytes[at + 12] as number) >> 4) * 4;
  if (end < at + TCP_HEADER || end > p.end) {
    c.hotdrop = true;
    return false;
  }
  let i = at + TCP_HEADER;
  while (i < end) {
    const k = bytes[i] as number;
    if (k === kind) return !invert;
    // End of options does not end the search: the kernel steps over it as over a no-operation.
    if (k < 2 || i + 1 >= end) i++;
    else i += (bytes[i + 1] as number) || 1;
  }
  return invert;
}
