/** A command line's options as what a listing is filtered by, and as what may be left out at the source. */
import { addressFilter, type FlowFilter, newFilter, type TupleFilter } from '../../flow/filter.js';
import type { FlowQuery } from '../../flow/source.js';
import type { AddressPair, CommandLine } from './line.js';
import type { TransportField } from './protocols.js';

/**
 * Which connections a command line means. -U looks at everything but what it sets.
 * @throws nothing: the parser has seen that all addresses are addresses.
 */
export function filterOf(line: CommandLine): FlowFilter {
  const f = newFilter();
  f.id = line.id;
  f.labels = line.labels;
  const { command } = line;
  if (command !== 'U') f.state = line.transport.get('state') ?? null;
  f.family = line.family;
  f.protocol = line.protocol?.number ?? null;
  fillTuple(f.original, line, line.original, ['sport', 'dport'], line.masks);
  fillTuple(f.reply, line, line.reply, ['replySport', 'replyDport'], null);
  f.original.icmpType = line.transport.get('icmpType') ?? null;
  f.original.icmpCode = line.transport.get('icmpCode') ?? null;
  f.original.icmpId = line.transport.get('icmpId') ?? null;
  f.zone = line.zone;
  f.zoneOriginal = line.zoneOriginal;
  f.zoneReply = line.zoneReply;
  f.sourceNat = line.sourceNat;
  f.destinationNat = line.destinationNat;
  f.anyNat = line.anyNat;
  f.secmark = line.secmark;
  if (command === 'U') return f;
  f.mark = line.mark;
  f.status = line.status;
  // it looks at the bits that are asked for and at no others
  if (command === 'D' && line.status !== null) f.status = { value: line.status.value, mask: line.status.value };
  return f;
}

function fillTuple(
  into: TupleFilter,
  line: CommandLine,
  pair: AddressPair,
  [source, destination]: readonly [TransportField, TransportField],
  masks: AddressPair | null,
): void {
  if (pair.source !== null) into.source = addressFilter(pair.source, masks?.source ?? null);
  if (pair.destination !== null) into.destination = addressFilter(pair.destination, masks?.destination ?? null);
  const hasKeys = line.protocol?.name === 'gre';
  into[hasKeys ? 'sourceKey' : 'sourcePort'] = line.transport.get(source) ?? null;
  into[hasKeys ? 'destinationKey' : 'destinationPort'] = line.transport.get(destination) ?? null;
}

/** What the source may leave out. -L has the kernel look at the status, the others look themselves. */
export function queryOf(line: CommandLine): FlowQuery {
  const { command } = line;
  return {
    family: line.family,
    mark: command === 'U' ? null : line.mark,
    status: command === 'L' ? line.status : null,
    zone: null,
    tuple: null,
    zero: line.given.has('z'),
  };
}
