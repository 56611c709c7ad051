/**
 * A record as plain JSON: names instead of numbers where a text form has names, and nothing that is "not shown". 64-bit
 * times are strings, because a double would lose nanoseconds.
 */
import { canonicalAddress } from './address.js';
import { quoted } from './error.js';
import { protocolName, protocolNumber, stateNames, stateNumber, statusBit, statusNames } from './names.js';
import { type FlowCounters, type FlowEvent, type FlowRecord, type FlowTuple, newRecord } from './record.js';
import { MAX_SECONDS } from './time.js';

const U16 = 0xffff;
const U32 = 0xffffffff;

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
  if (!isObject(j) || !isObject(j.original) || !isObject(j.reply)) throw new Error('expected a flow as an object');
  const protocol = protocolFromJson(j.protocol);
  if (j.family !== 'ipv4' && j.family !== 'ipv6') throw new Error('expected the family "ipv4" or "ipv6"');
  const family = j.family === 'ipv6' ? 10 : 2;
  const r = newRecord(family, protocol, tupleFromJson(j.original, j.family), tupleFromJson(j.reply, j.family));
  for (const name of texts(j.status ?? [], 'status') ?? []) {
    const bit = statusBit(name);
    if (bit === 0) throw new Error(`unknown status ${quoted(name)}`);
    r.status |= bit;
  }
  if (j.state !== undefined) r.state = stateFromJson(protocol, j.state);
  r.timeout = integer(j.timeout, 'timeout', U32);
  const zone = integer(j.zone, 'zone', U16);
  r.zoneOriginal = zone ?? integer(j.zoneOriginal, 'zoneOriginal', U16) ?? 0;
  r.zoneReply = zone ?? integer(j.zoneReply, 'zoneReply', U16) ?? 0;
  r.mark = integer(j.mark, 'mark', U32);
  r.labels = texts(j.labels, 'labels');
  r.secctx = textOrNull(j.secctx, 'secctx');
  r.helper = textOrNull(j.helper, 'helper');
  r.startNs = nanoseconds(j.start, 'start');
  r.stopNs = nanoseconds(j.stop, 'stop');
  r.ageSeconds = integer(j.age, 'age', Number.MAX_SAFE_INTEGER);
  r.use = integer(j.use, 'use', U32);
  r.id = integer(j.id, 'id', U32);
  if (j.vtags !== undefined) {
    r.vtags = { original: need(j.vtags, 'original', U32), reply: need(j.vtags, 'reply', U32) };
  }
  if (j.greTimeouts !== undefined) {
    r.greTimeouts = { timeout: need(j.greTimeouts, 'timeout', U32), stream: need(j.greTimeouts, 'stream', U32) };
  }
  const a = countersFromJson(j.original);
  const b = countersFromJson(j.reply);
  if (a || b) r.counters = { original: a ?? { packets: 0, bytes: 0 }, reply: b ?? { packets: 0, bytes: 0 } };
  return r;
}

/** The event of a JSON form. Throws an Error that says which property is wrong. */
export function eventFromJson(j: FlowEventJson): FlowEvent {
  if (j.event !== 'NEW' && j.event !== 'UPDATE' && j.event !== 'DESTROY') {
    throw new Error('expected the event "NEW", "UPDATE" or "DESTROY"');
  }
  if (j.time !== undefined && !(typeof j.time === 'number' && j.time >= 0 && j.time <= MAX_SECONDS)) {
    throw new Error('expected time in seconds since the epoch');
  }
  return {
    type: j.event,
    record: flowFromJson(j.flow),
    timestampUs: j.time === undefined ? null : microseconds(j.time),
    portid: integer(j.portid, 'portid', U32),
    progname: textOrNull(j.progname, 'progname'),
  };
}

/** An event as a plain object for JSON.stringify. */
export function eventToJson(e: FlowEvent): FlowEventJson {
  const j: FlowEventJson = { event: e.type, flow: flowToJson(e.record) };
  if (e.timestampUs !== null) j.time = e.timestampUs / 1e6;
  if (e.portid !== null) j.portid = e.portid;
  if (e.progname !== null) j.progname = e.progname;
  return j;
}

/** Whole and part apart: their product with a million would be rounded twice. */
function microseconds(time: number): number {
  const whole = Math.floor(time);
  return whole * 1e6 + Math.round((time - whole) * 1e6);
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

function tupleFromJson(j: TupleJson, family: 'ipv4' | 'ipv6'): FlowTuple {
  const pair = (source: 'sport' | 'srckey', destination: 'dport' | 'dstkey'): FlowTuple['ports'] =>
    j[source] === undefined ? null : { source: need(j, source, U16), destination: need(j, destination, U16) };
  return {
    source: addressFromJson(j.src, family),
    destination: addressFromJson(j.dst, family),
    ports: pair('sport', 'dport'),
    icmp:
      j.type === undefined ? null : { type: need(j, 'type', 255), code: need(j, 'code', 255), id: need(j, 'id', U16) },
    keys: pair('srckey', 'dstkey'),
  };
}

function addressFromJson(text: unknown, family: 'ipv4' | 'ipv6'): string {
  const address = typeof text === 'string' ? canonicalAddress(text) : null;
  if (address === null) throw new Error(`${shown(text)} is not an address`);
  if (address.includes(':') !== (family === 'ipv6')) throw new Error(`${shown(text)} is not ${family}`);
  return address;
}

function countersFromJson(j: TupleJson): FlowCounters | null {
  if (j.packets === undefined) return null;
  return { packets: need(j, 'packets', Number.MAX_SAFE_INTEGER), bytes: need(j, 'bytes', Number.MAX_SAFE_INTEGER) };
}

function protocolFromJson(protocol: unknown): number {
  const number = typeof protocol === 'string' ? protocolNumber(protocol) : integer(protocol ?? null, 'protocol', 255);
  if (number === null || number < 0) throw new Error(`unknown protocol ${shown(protocol)}`);
  return number;
}

/** A state is a name, or the number of one that has none. */
function stateFromJson(protocol: number, state: unknown): number {
  if (typeof state === 'string') {
    const number = stateNumber(protocol, state);
    if (number >= 0) return number;
    if (/^\d{1,3}$/.test(state)) return Number(state);
  }
  throw new Error(`unknown state ${shown(state)}`);
}

/** A value for a message, cut short where it is long. */
function shown(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function integer(value: unknown, name: string, max: number): number | null {
  if (value === undefined) return null;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new Error(`expected ${name} as a number from 0 to ${max}, got ${shown(value)}`);
}

/** A property that has to be there. */
function need(object: object, name: string, max: number): number {
  const value = isObject(object) ? integer((object as Record<string, unknown>)[name], name, max) : null;
  if (value === null) throw new Error(`${name} is missing`);
  return value;
}

function textOrNull(value: unknown, name: string): string | null {
  if (value === undefined) return null;
  if (typeof value === 'string') return value;
  throw new Error(`expected ${name} as a text`);
}

function texts(value: unknown, name: string): string[] | null {
  if (value === undefined) return null;
  if (Array.isArray(value) && value.every((v) => typeof v === 'string')) return [...value];
  throw new Error(`expected ${name} as a list of texts`);
}

function nanoseconds(value: unknown, name: string): bigint | null {
  if (value === undefined) return null;
  if (typeof value === 'string' && /^\d{1,20}$/.test(value)) return BigInt(value);
  throw new Error(`expected ${name} as nanoseconds since the epoch`);
}
