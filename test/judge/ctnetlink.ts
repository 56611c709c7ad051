/**
 * Events of connections as the kernel's messages have them (include/uapi/linux/netfilter/nfnetlink_conntrack.h), as lines of
 * `conntrack -E`. That program gives its listening socket no room for a burst, and so cannot be asked for them itself.
 */
import { formatEventLine, formatExpectationEventLine } from '../../src/flow/event.js';
import {
  type ExpectationRecord,
  type FlowRecord,
  type FlowTuple,
  newRecord,
  plainTuple,
} from '../../src/flow/record.js';
import { formatAddress } from '../../src/wire/address.js';
import { AF_INET, AF_INET6 } from '../../src/wire/packet.js';
import { GRE, WITH_PORTS } from './packets.js';

const SUBSYSTEM = 1;
const SUBSYSTEM_EXPECTATIONS = 2;
const MESSAGE_NEW = 0;
const MESSAGE_DELETE = 2;
/** NLM_F_CREATE: the connection was not there before. */
const CREATE = 0x400;
const HEAD = 20;

const TUPLE_ORIG = 1;
const TUPLE_REPLY = 2;
const STATUS = 3;
const PROTOINFO = 4;
const HELP = 5;
const TIMEOUT = 7;
const MARK = 8;
const COUNTERS_ORIG = 9;
const COUNTERS_REPLY = 10;
const ZONE = 18;
const TUPLE_IP = 1;
const TUPLE_PROTO = 2;
const TUPLE_ZONE = 3;
const PROTO_NUMBER = 1;
const PORTS = [2, 3] as const;
/** Id, type, code of ICMP and of ICMPv6. */
const ICMP_FIELDS = [
  [4, 5, 6],
  [7, 8, 9],
] as const;

const EXPECT_MASTER = 1;
const EXPECT_TUPLE = 2;
const EXPECT_MASK = 3;
const EXPECT_TIMEOUT = 4;
const EXPECT_HELPER = 6;
const EXPECT_ZONE = 7;
const EXPECT_FLAGS = 8;
const EXPECT_CLASS = 9;

type Attributes = Map<number, Buffer>;

function attributes(data: Buffer): Attributes {
  const found: Attributes = new Map();
  for (let at = 0; at + 4 <= data.length; ) {
    const length = data.readUInt16LE(at);
    if (length < 4) break;
    found.set(data.readUInt16LE(at + 2) & 0x3fff, data.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

interface Tuple {
  protocol: number;
  zone: number;
  tuple: FlowTuple;
}

function textOf(bytes: Buffer): string {
  const words = Int32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readInt32BE(4 * i));
  return formatAddress(bytes.length === 4 ? AF_INET : AF_INET6, words);
}

/** `as`: the protocol that a mask is about, whose own number it has not. */
function readTuple(data: Buffer, as = 0): Tuple {
  const all = attributes(data);
  const ip = attributes(all.get(TUPLE_IP)!);
  const proto = attributes(all.get(TUPLE_PROTO)!);
  const protocol = as || proto.get(PROTO_NUMBER)![0]!;
  const tuple = plainTuple(textOf(ip.get(1) ?? ip.get(3)!), textOf(ip.get(2) ?? ip.get(4)!));
  // a protocol that has ports is shown with them even where the kernel does not know them (DCCP since 6.16)
  const [source, destination] = PORTS.map((type) => proto.get(type)?.readUInt16BE(0) ?? 0);
  if (protocol === GRE) tuple.keys = { source: source!, destination: destination! };
  else if (WITH_PORTS.has(protocol)) tuple.ports = { source: source!, destination: destination! };
  for (const [id, type, code] of ICMP_FIELDS)
    if (proto.has(id))
      tuple.icmp = { id: proto.get(id)!.readUInt16BE(0), type: proto.get(type)![0]!, code: proto.get(code)![0]! };
  return { protocol, zone: all.get(TUPLE_ZONE)?.readUInt16BE(0) ?? 0, tuple };
}

function readCounters(data: Buffer): { packets: number; bytes: number } {
  const all = attributes(data);
  return { packets: Number(all.get(1)!.readBigUInt64BE(0)), bytes: Number(all.get(2)!.readBigUInt64BE(0)) };
}

function readRecord(family: number, all: Attributes): FlowRecord {
  const original = readTuple(all.get(TUPLE_ORIG)!);
  const reply = readTuple(all.get(TUPLE_REPLY)!);
  const record = newRecord(family === 2 ? 2 : 10, original.protocol, original.tuple, reply.tuple);
  const both = all.get(ZONE)?.readUInt16BE(0);
  record.zoneOriginal = both ?? original.zone;
  record.zoneReply = both ?? reply.zone;
  record.status = all.get(STATUS)?.readUInt32BE(0) ?? 0;
  record.timeout = all.get(TIMEOUT)?.readUInt32BE(0) ?? null;
  record.mark = all.get(MARK)?.readUInt32BE(0) ?? null;
  const info = all.get(PROTOINFO);
  // TCP's and SCTP's own attributes, each with the state as its first one
  if (info !== undefined)
    record.state = [...attributes(info).values()].map((own) => attributes(own).get(1)?.[0] ?? null)[0] ?? null;
  const help = all.get(HELP);
  if (help !== undefined) record.helper = attributes(help).get(1)?.toString('latin1').replace(/\0.*$/s, '') ?? null;
  const counters = [all.get(COUNTERS_ORIG), all.get(COUNTERS_REPLY)];
  if (counters[0] !== undefined && counters[1] !== undefined)
    record.counters = { original: readCounters(counters[0]), reply: readCounters(counters[1]) };
  return record;
}

function readExpectation(family: number, all: Attributes): ExpectationRecord {
  const expected = readTuple(all.get(EXPECT_TUPLE)!);
  return {
    family: family === 2 ? 2 : 10,
    protocol: expected.protocol,
    timeout: all.get(EXPECT_TIMEOUT)?.readUInt32BE(0) ?? null,
    tuple: expected.tuple,
    mask: readTuple(all.get(EXPECT_MASK)!, expected.protocol).tuple,
    master: readTuple(all.get(EXPECT_MASTER)!).tuple,
    zone: all.get(EXPECT_ZONE)?.readUInt16BE(0) ?? 0,
    flags: all.get(EXPECT_FLAGS)?.readUInt32BE(0) ?? 0,
    class: all.get(EXPECT_CLASS)?.readUInt32BE(0) ?? 0,
    helper: all.get(EXPECT_HELPER)?.toString('latin1').replace(/\0.*$/s, '') ?? null,
  };
}

/** Lines as `conntrack -E` and `conntrack -E expect` print them. */
export interface EventLines {
  connections: string;
  expectations: string;
}

/** The lines for a row of netlink messages, as they came off the socket. */
export function eventLines(data: Buffer): EventLines {
  const lines: string[] = [];
  const expectations: string[] = [];
  for (let at = 0; at + HEAD <= data.length; ) {
    const length = data.readUInt32LE(at);
    const type = data.readUInt16LE(at + 4);
    const flags = data.readUInt16LE(at + 6);
    if (length < HEAD) break;
    if (type >> 8 === SUBSYSTEM) {
      const kind = (type & 255) === MESSAGE_DELETE ? 'DESTROY' : flags & CREATE ? 'NEW' : 'UPDATE';
      const record = readRecord(data[at + 16]!, attributes(data.subarray(at + HEAD, at + length)));
      if ((type & 255) === MESSAGE_NEW || kind === 'DESTROY')
        lines.push(formatEventLine({ type: kind, record, timestampUs: null, portid: null, progname: null }));
    }
    if (type >> 8 === SUBSYSTEM_EXPECTATIONS) {
      const kind = (type & 255) === MESSAGE_DELETE ? 'DESTROY' : flags & CREATE ? 'NEW' : 'UPDATE';
      const record = readExpectation(data[at + 16]!, attributes(data.subarray(at + HEAD, at + length)));
      expectations.push(formatExpectationEventLine({ type: kind, record, timestampUs: null }));
    }
    at += (length + 3) & ~3;
  }
  const text = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('');
  return { connections: text(lines), expectations: text(expectations) };
}
