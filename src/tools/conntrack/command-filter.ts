/** A command line's options as what a listing is filtered by, and as what may be left out at the source. */
import { addressFilter, type FlowFilter, newFilter, type TupleFilter } from '../../flow/filter.js';
import type { FlowQuery, TuplePattern } from '../../flow/source.js';
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

/**
 * What the source may leave out: the original asks it for family, mark and (with -L) status; whole addresses, ports and zones are asked
 * for too, so that one connection of a million does not have to come through the socket with all others.
 */
export function queryOf(line: CommandLine): FlowQuery {
  const { command } = line;
  return {
    family: line.family,
    mark: command === 'U' ? null : line.mark,
    status: command === 'L' ? line.status : null,
    // 0 is also that of connections with two different ones
    zone: line.zone === 0 ? null : line.zone,
    tuple: tupleQueryOf(line),
    zero: line.given.has('z'),
  };
}

/** Protocols whose ports the kernel compares. */
const WITH_PORTS = ['tcp', 'udp', 'udplite', 'sctp'];

function tupleQueryOf(line: CommandLine): FlowQuery['tuple'] {
  const { transport, protocol, masks } = line;
  const hasPorts = protocol !== null && WITH_PORTS.includes(protocol.name);
  const port = (field: TransportField): number => (hasPorts ? (transport.get(field) ?? -1) : -1);
  const original: TuplePattern = {
    source: masks.source === null ? line.original.source : null,
    destination: masks.destination === null ? line.original.destination : null,
    sourcePort: port('sport'),
    destinationPort: port('dport'),
  };
  const reply: TuplePattern = {
    source: line.reply.source,
    destination: line.reply.destination,
    sourcePort: port('replySport'),
    destinationPort: port('replyDport'),
  };
  const isEmpty = (p: TuplePattern): boolean =>
    p.source === null && p.destination === null && p.sourcePort < 0 && p.destinationPort < 0;
  if (isEmpty(original) && isEmpty(reply)) return null;
  return { protocol: protocol?.number ?? -1, original, reply };
}
