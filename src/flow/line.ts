/**
 * Connections as lines: `conntrack -L` (default and extended, with id, ktimestamp, labels), /proc/net/nf_conntrack, and the
 * older /proc/net/ip_conntrack. The order of fields is that of conntrack-tools 1.4.7 and of Linux 6.18.
 *
 * Tables of a million connections are printed with this: one string is added to, without arrays in between.
 */
import { formatIpv6Full, parseAddress } from './address.js';
import { protocolColumn, stateNames } from './names.js';
import {
  type FlowCounters,
  type FlowRecord,
  type FlowTuple,
  PROTO_DCCP,
  PROTO_GRE,
  STATUS_ASSURED,
  STATUS_HW_OFFLOAD,
  STATUS_OFFLOAD,
  STATUS_SEEN_REPLY,
} from './record.js';
import { formatCtime } from './time.js';

/** What `-o` adds to a line. */
export interface LineOptions {
  /** `ipv4     2 ` in front. */
  extended?: boolean;
  /** `id=` at the end. */
  id?: boolean;
  /** `[start=...]` and `[stop=...]`. */
  ktimestamp?: boolean;
  /** `labels=` at the end: the names of those that have one. */
  labels?: boolean;
  /** Times of the machine's time zone, as the original prints them, and not UTC. */
  localTime?: boolean;
}

/** A connection as `conntrack -L` prints it, without the line end. */
export function formatFlowLine(r: FlowRecord, o: LineOptions = {}): string {
  let s = o.extended === true ? layer3(r.family) + protocolColumn(r.protocol) : protocolColumn(r.protocol);
  s += timing(r) + flowTuple(r, r.original);
  const split = r.zoneOriginal !== r.zoneReply;
  const c = r.counters;
  if (split && r.zoneOriginal !== 0) s += ` zone-orig=${r.zoneOriginal}`;
  if (c !== null) s += counters(c.original);
  if ((r.status & STATUS_SEEN_REPLY) === 0) s += ' [UNREPLIED]';
  s += flowTuple(r, r.reply);
  if (split && r.zoneReply !== 0) s += ` zone-reply=${r.zoneReply}`;
  if (c !== null) s += counters(c.reply);
  s += offloadOrAssured(r.status);
  if (r.mark !== null) s += ` mark=${r.mark}`;
  if (r.secctx !== null) s += ` secctx=${r.secctx}`;
  if (!split && r.zoneOriginal !== 0) s += ` zone=${r.zoneOriginal}`;
  if (r.ageSeconds !== null) s += ` delta-time=${r.ageSeconds}`;
  if (o.ktimestamp === true) s += times(r, o.localTime === true);
  if (r.helper !== null) s += ` helper=${r.helper}`;
  if (r.use !== null) s += ` use=${r.use}`;
  if (o.id === true && r.id !== null) s += ` id=${r.id}`;
  if (o.labels === true && r.labels !== null && r.labels.length > 0) s += labels(r.labels);
  return s;
}

/**
 * A connection as /proc/net/nf_conntrack shows it: extended, IPv6 in full, always a zone, no helper and no id. `use` is one
 * more than in a dump, because reading the file holds a reference.
 */
export function formatProcLine(r: FlowRecord): string {
  const bare = r.protocol === PROTO_DCCP;
  let s = layer3(r.family) + (bare ? `unknown  ${r.protocol}` : protocolColumn(r.protocol)) + timing(r);
  if (r.protocol === PROTO_GRE && r.greTimeouts !== null) {
    s += ` timeout=${r.greTimeouts.timeout}, stream_timeout=${r.greTimeouts.stream}`;
  }
  const split = r.zoneOriginal !== r.zoneReply;
  s += procTuple(r.original, bare);
  if (split && r.zoneOriginal !== 0) s += ` zone-orig=${r.zoneOriginal}`;
  if (r.counters !== null) s += counters(r.counters.original);
  if ((r.status & STATUS_SEEN_REPLY) === 0) s += ' [UNREPLIED]';
  s += procTuple(r.reply, bare);
  if (split && r.zoneReply !== 0) s += ` zone-reply=${r.zoneReply}`;
  if (r.counters !== null) s += counters(r.counters.reply);
  s += `${offloadOrAssured(r.status)} mark=${r.mark ?? 0}`;
  if (r.secctx !== null) s += ` secctx=${r.secctx}`;
  if (!split) s += ` zone=${r.zoneOriginal}`;
  if (r.ageSeconds !== null) s += ` delta-time=${r.ageSeconds}`;
  return `${s} use=${(r.use ?? 1) + 1}`;
}

/** A connection as /proc/net/ip_conntrack of old kernels showed it: no layer 3, no zone. */
export function formatIpConntrackLine(r: FlowRecord): string {
  let s = protocolColumn(r.protocol) + timing(r) + tuple(r.original);
  if (r.counters !== null) s += counters(r.counters.original);
  if ((r.status & STATUS_SEEN_REPLY) === 0) s += ' [UNREPLIED]';
  s += tuple(r.reply);
  if (r.counters !== null) s += counters(r.counters.reply);
  if (r.status & STATUS_ASSURED) s += ' [ASSURED]';
  if (r.mark !== null) s += ` mark=${r.mark}`;
  return `${s} use=${r.use ?? 1}`;
}

/** DCCP is not tracked any more: the kernel tells no ports of it, and the original prints 0. */
function flowTuple(r: FlowRecord, t: FlowTuple): string {
  return r.protocol === PROTO_DCCP && t.ports === null ? `${tuple(t)} sport=0 dport=0` : tuple(t);
}

/** ` src=.. dst=.. sport=.. dport=..` with a blank in front; also the parts of an expectation's line. */
export function tuple(t: FlowTuple, prefix = ''): string {
  const s = ` ${prefix}src=${t.source} ${prefix}dst=${t.destination}`;
  const p = t.ports;
  return p !== null ? `${s} sport=${p.source} dport=${p.destination}` : s + rarer(t);
}

function rarer(t: FlowTuple): string {
  const i = t.icmp;
  if (i !== null) return ` type=${i.type} code=${i.code} id=${i.id}`;
  const k = t.keys;
  return k !== null ? ` srckey=0x${k.source.toString(16)} dstkey=0x${k.destination.toString(16)}` : '';
}

function procTuple(t: FlowTuple, bare: boolean): string {
  const source = procAddress(t.source);
  const destination = procAddress(t.destination);
  if (bare) return ` src=${source} dst=${destination}`;
  return tuple({ source, destination, ports: t.ports, icmp: t.icmp, keys: t.keys });
}

/** An address as the kernel prints it: all digits of IPv6. */
export function procAddress(text: string): string {
  const parsed = text.includes(':') ? parseAddress(text) : null;
  return parsed === null ? text : formatIpv6Full(parsed.words);
}

function layer3(family: number): string {
  return family === 10 ? 'ipv6     10 ' : 'ipv4     2 ';
}

function timing(r: FlowRecord): string {
  const s = r.timeout === null ? '' : ` ${r.timeout}`;
  return r.state === null ? s : `${s} ${stateNames(r.protocol)[r.state] ?? 'UNKNOWN'}`;
}

function counters(c: FlowCounters): string {
  return ` packets=${c.packets} bytes=${c.bytes}`;
}

function times(r: FlowRecord, isLocal: boolean): string {
  const s = r.startNs === null ? '' : ` [start=${formatCtime(r.startNs, isLocal)}]`;
  return r.stopNs === null ? s : `${s} [stop=${formatCtime(r.stopNs, isLocal)}]`;
}

/** Names only: of labels without one the original says no more than that there are some. */
function labels(all: readonly string[]): string {
  let s = '';
  for (const label of all) if (isName(label)) s += s === '' ? label : `,${label}`;
  return s === '' ? ' labels' : ` labels=${s}`;
}

/** Whether a record's label is a name, and not the number of one that has none. */
export function isName(label: string): boolean {
  for (let i = 0; i < label.length; i++) {
    const c = label.charCodeAt(i);
    if (c < 48 || c > 57) return true;
  }
  return false;
}

/** The hardware's or software's fast path shows in place of [ASSURED]. */
function offloadOrAssured(status: number): string {
  if (status & STATUS_HW_OFFLOAD) return ' [HW_OFFLOAD]';
  if (status & STATUS_OFFLOAD) return ' [OFFLOAD]';
  return status & STATUS_ASSURED ? ' [ASSURED]' : '';
}
