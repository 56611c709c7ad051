/** The tuples that a command line gives, as records: what to find, and what to make. */
import {
  type ExpectationRecord,
  type FlowRecord,
  type FlowTuple,
  newRecord,
  STATUS_CONFIRMED,
} from '../../flow/record.js';
import { invertTuple } from '../../flow/save.js';
import { type FlowChange, FlowSourceError, type NatRange } from '../../flow/source.js';
import { systemWords } from './failure.js';
import type { AddressPair, CommandLine, NatValue } from './line.js';
import type { TransportField } from './protocols.js';
import { ConntrackError, STATUS_FAILED } from './usage-error.js';

const EINVAL = 22;
const ENODATA = 61;

type PortFields = readonly [source: TransportField, destination: TransportField];
const ORIGINAL_PORTS: PortFields = ['sport', 'dport'];
const REPLY_PORTS: PortFields = ['replySport', 'replyDport'];

/**
 * The connection that -G looks for, by its original tuple; parts that are missing are 0.
 * @throws FlowSourceError, ConntrackError where the original program has nothing to send: without an original direction, and with
 * ports of a reply that has no address (it then says whatever error came last).
 */
export function keyOf(line: CommandLine): FlowRecord {
  if (!hasAny(line.original)) throw new FlowSourceError('no original direction', EINVAL);
  if (hasPorts(line, REPLY_PORTS) && !hasAny(line.reply)) {
    const last = systemWords(line.protocol?.name === 'tcp' ? ENODATA : 0);
    throw new ConntrackError(`Operation failed: ${last}`, STATUS_FAILED);
  }
  const tuple = tupleOf(line, line.original, ORIGINAL_PORTS);
  const protocol = line.protocol?.number ?? 0;
  return newRecord(familyOf(line), protocol, tuple, invertTuple(tuple, protocol));
}

/**
 * The connection that -I and -A make. The direction of which nothing is said mirrors the other one.
 * @throws FlowSourceError EINVAL where the kernel would be sent a direction without its protocol.
 */
export function creationOf(line: CommandLine): FlowChange {
  const hasOriginal = hasAny(line.original);
  const hasReply = hasAny(line.reply);
  let protocol = line.protocol?.number ?? 0;
  const kind = line.protocol?.pairs[0] ? 'ports' : line.protocol?.name.startsWith('icmp') ? 'icmp' : 'plain';
  // a protocol's number stands with the ports of its direction
  const replyKnown = kind === 'plain' || (kind === 'ports' && hasPorts(line, REPLY_PORTS));
  if (hasOriginal && hasReply && !replyKnown) throw new FlowSourceError('no ports of the reply', EINVAL);
  if ([line.zone, line.zoneOriginal, line.zoneReply].filter((zone) => zone !== null).length > 1)
    throw new FlowSourceError('more than one zone', EINVAL);
  const isForeign = line.protocol?.name === (line.family === 10 ? 'icmp' : 'icmpv6');
  if (isForeign) throw new FlowSourceError('ICMP of the other family', EINVAL);
  let original = tupleOf(line, line.original, ORIGINAL_PORTS);
  let reply = tupleOf(line, line.reply, REPLY_PORTS);
  if (!hasOriginal) {
    if (!replyKnown) {
      protocol = 0;
      reply = { ...reply, ports: null, keys: null, icmp: null };
    }
    original = invertTuple(reply, protocol);
  } else if (!hasReply) reply = invertTuple(original, protocol);
  const record = newRecord(familyOf(line), protocol, original, reply);
  record.timeout = line.timeout;
  record.mark = line.mark === null ? null : line.mark.value;
  record.zoneOriginal = line.zoneOriginal ?? line.zone ?? 0;
  record.zoneReply = line.zoneReply ?? line.zone ?? 0;
  fillProtocol(record, line);
  if (line.labelsAdd.length > 0) record.labels = line.labelsAdd;
  record.status = (line.status?.value ?? 0) | STATUS_CONFIRMED;
  return {
    record,
    hasStatus: line.status !== null,
    hasReply: true,
    sourceNat: natRange(line.sourceNat),
    destinationNat: natRange(line.destinationNat),
    labelMask: null,
  };
}

/** State and verification tags that a command line sets. */
export function fillProtocol(record: FlowRecord, line: CommandLine): void {
  const { transport } = line;
  // DCCP has states on the command line and in old kernels only
  if (line.protocol?.name !== 'dccp') record.state = transport.get('state') ?? record.state;
  const original = transport.get('vtagOriginal');
  const reply = transport.get('vtagReply');
  if (original === undefined && reply === undefined) return;
  record.vtags = {
    original: original ?? record.vtags?.original ?? 0,
    reply: reply ?? record.vtags?.reply ?? 0,
  };
}

/** The expectation that -G and -D look for: by what is expected, which the options of the original direction say. */
export function expectationKeyOf(line: CommandLine): ExpectationRecord {
  const tuple = tupleOf(line, line.original, ORIGINAL_PORTS);
  return expectationOf(line, tuple, tuple, tuple);
}

/** The expectation that -I makes. */
export function expectationCreationOf(line: CommandLine): ExpectationRecord {
  const tuple = tupleOf(line, line.expected, ['tupleSport', 'tupleDport']);
  const mask = tupleOf(line, line.masks, ['maskSport', 'maskDport']);
  return expectationOf(line, tuple, mask, tupleOf(line, line.original, ORIGINAL_PORTS));
}

function expectationOf(line: CommandLine, tuple: FlowTuple, mask: FlowTuple, master: FlowTuple): ExpectationRecord {
  return {
    family: familyOf(line),
    protocol: line.protocol?.number ?? 0,
    timeout: line.timeout,
    tuple,
    mask,
    master,
    zone: 0,
    flags: 0,
    class: 0,
    helper: null,
  };
}

function familyOf(line: CommandLine): 2 | 10 {
  return line.family === 10 ? 10 : 2;
}

function hasAny(pair: AddressPair): boolean {
  return pair.source !== null || pair.destination !== null;
}

function hasPorts(line: CommandLine, [source, destination]: PortFields): boolean {
  return line.transport.has(source) || line.transport.has(destination);
}

function tupleOf(line: CommandLine, pair: AddressPair, [source, destination]: PortFields): FlowTuple {
  const { transport, protocol } = line;
  const none = line.family === 10 ? '::' : '0.0.0.0';
  const ends = { source: transport.get(source) ?? 0, destination: transport.get(destination) ?? 0 };
  const isIcmp = protocol?.name.startsWith('icmp') ?? false;
  const hasEnds = protocol !== null && protocol.pairs[0] !== '';
  return {
    source: pair.source ?? none,
    destination: pair.destination ?? none,
    ports: hasEnds && protocol.name !== 'gre' ? ends : null,
    keys: protocol?.name === 'gre' ? ends : null,
    icmp: isIcmp
      ? { type: transport.get('icmpType') ?? 0, code: transport.get('icmpCode') ?? 0, id: transport.get('icmpId') ?? 0 }
      : null,
  };
}

function natRange(nat: NatValue | null): NatRange | null {
  if (nat === null || nat.address === null) return null;
  const port = nat.port ?? 0;
  return { first: nat.address, last: nat.address, firstPort: port, lastPort: port };
}
