/**
 * A record as plain JSON: names instead of numbers where a text form has names, and nothing that is "not shown". 64-bit
 * times are strings, because a double would lose nanoseconds.
 */
import { protocolName, protocolNumber, stateNames, stateNumber, statusBit, statusNames } from './names.js';
import { type FlowCounters, type FlowEvent, type FlowRecord, type FlowTuple, newRecord } from './record.js';

/** Shape of the JSON form; every property but the first five may be absent. */
export interface FlowJson {
  family: 'ipv4' | 'ipv6';
  /** Name, or the number of a protocol without one. */
  protocol: string | number;
  original: TupleJson;
  reply: TupleJson;
  status: string[];
  state?: string;
  timeout?: number;
  zone?: number;
  zoneOriginal?: number;
  zoneReply?: number;
  mark?: number;
  labels?: string[];
  secctx?: string;
  helper?: string;
  /** Nanoseconds since the epoch, decimal. */
  start?: string;
  stop?: string;
  age?: number;
  use?: number;
  id?: number;
  vtags?: { original: number; reply: number };
  greTimeouts?: { timeout: number; stream: number };
}

/** One direction: its tuple, and its counters where accounting was on. */
export interface TupleJson {
  src: string;
  dst: string;
  sport?: number;
  dport?: number;
  type?: number;
  code?: number;
  id?: number;
  srckey?: number;
  dstkey?: number;
  packets?: number;
  bytes?: number;
}

/** An event as JSON: the record's form with the event's own fields before it. */
export interface FlowEventJson {
  event: 'NEW' | 'UPDATE' | 'DESTROY';
  /** Seconds since the epoch. */
  time?: number;
  portid?: number;
  progname?: string;
  flow: FlowJson;
}

/** A record as a plain object for JSON.stringify. */
export function flowToJson(r: FlowRecord): FlowJson {
  const name = protocolName(r.protocol);
  const j: FlowJson = {
    family: r.family === 10 ? 'ipv6' : 'ipv4',
    protocol: name === 'unknown' ? r.protocol : name,
    original: tupleToJson(r.original, r.counters?.original),
    reply: tupleToJson(r.reply, r.counters?.reply),
    status: statusNames(r.status),
  };
  if (r.state !== null) j.state = stateNames(r.protocol)[r.state] ?? String(r.state);
  if (r.timeout !== null) j.timeout = r.timeout;
  if (r.zoneOriginal === r.zoneReply) {
    if (r.zoneOriginal) j.zone = r.zoneOriginal;
  } else {
    if (r.zoneOriginal) j.zoneOriginal = r.zoneOriginal;
    if (r.zoneReply) j.zoneReply = r.zoneReply;
  }
  if (r.mark !== null) j.mark = r.mark;
  if (r.labels !== null) j.labels = [...r.labels];
  if (r.secctx !== null) j.secctx = r.secctx;
  if (r.helper !== null) j.helper = r.helper;
  if (r.startNs !== null) j.start = String(r.startNs);
  if (r.stopNs !== null) j.stop = String(r.stopNs);
  if (r.ageSeconds !== null) j.age = r.ageSeconds;
  if (r.use !== null) j.use = r.use;
  if (r.id !== null) j.id = r.id;
  if (r.vtags) j.vtags = { ...r.vtags };
  if (r.greTimeouts) j.greTimeouts = { ...r.greTimeouts };
  return j;
}

/** The record of a JSON form. Throws an Error that says which property is wrong. */
export function flowFromJson(j: FlowJson): FlowRecord {
  if (typeof j !== 'object' || j === null || !j.original || !j.reply) throw new Error('expected a flow as an object');
  const protocol = typeof j.protocol === 'number' ? j.protocol : protocolNumber(j.protocol);
  if (protocol < 0) throw new Error(`unknown protocol "${j.protocol}"`);
  const family = j.family === 'ipv6' ? 10 : 2;
  const r = newRecord(family, protocol, tupleFromJson(j.original), tupleFromJson(j.reply));
  for (const name of j.status ?? []) {
    const bit = statusBit(name);
    if (bit === 0) throw new Error(`unknown status "${name}"`);
    r.status |= bit;
  }
  if (j.state !== undefined) {
    r.state = stateNumber(protocol, j.state);
    if (r.state < 0) throw new Error(`unknown state "${j.state}"`);
  }
  r.timeout = j.timeout ?? null;
  r.zoneOriginal = j.zone ?? j.zoneOriginal ?? 0;
  r.zoneReply = j.zone ?? j.zoneReply ?? 0;
  r.mark = j.mark ?? null;
  r.labels = j.labels ?? null;
  r.secctx = j.secctx ?? null;
  r.helper = j.helper ?? null;
  r.startNs = j.start === undefined ? null : BigInt(j.start);
  r.stopNs = j.stop === undefined ? null : BigInt(j.stop);
  r.ageSeconds = j.age ?? null;
  r.use = j.use ?? null;
  r.id = j.id ?? null;
  r.vtags = j.vtags ?? null;
  r.greTimeouts = j.greTimeouts ?? null;
  const a = countersFromJson(j.original);
  const b = countersFromJson(j.reply);
  if (a || b) r.counters = { original: a ?? { packets: 0, bytes: 0 }, reply: b ?? { packets: 0, bytes: 0 } };
  return r;
}

/** An event as a plain object for JSON.stringify. */
export function eventToJson(e: FlowEvent): FlowEventJson {
  const j: FlowEventJson = { event: e.type, flow: flowToJson(e.record) };
  if (e.timestampUs !== null) j.time = e.timestampUs / 1e6;
  if (e.portid !== null) j.portid = e.portid;
  if (e.progname !== null) j.progname = e.progname;
  return j;
}

function tupleToJson(t: FlowTuple, c: FlowCounters | undefined): TupleJson {
  const j: TupleJson = { src: t.source, dst: t.destination };
  if (t.ports) {
    j.sport = t.ports.source;
    j.dport = t.ports.destination;
  }
  if (t.icmp) {
    j.type = t.icmp.type;
    j.code = t.icmp.code;
    j.id = t.icmp.id;
  }
  if (t.keys) {
    j.srckey = t.keys.source;
    j.dstkey = t.keys.destination;
  }
  if (c) {
    j.packets = c.packets;
    j.bytes = c.bytes;
  }
  return j;
}

function tupleFromJson(j: TupleJson): FlowTuple {
  return {
    source: j.src,
    destination: j.dst,
    ports: j.sport === undefined ? null : { source: j.sport, destination: j.dport ?? 0 },
    icmp: j.type === undefined ? null : { type: j.type, code: j.code ?? 0, id: j.id ?? 0 },
    keys: j.srckey === undefined ? null : { source: j.srckey, destination: j.dstkey ?? 0 },
  };
}

function countersFromJson(j: TupleJson): FlowCounters | null {
  return j.packets === undefined ? null : { packets: j.packets, bytes: j.bytes ?? 0 };
}
