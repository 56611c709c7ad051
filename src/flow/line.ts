/**
 * Connections as lines: `conntrack -L` (default and extended, with id, ktimestamp, labels), /proc/net/nf_conntrack, and the
 * older /proc/net/ip_conntrack. The order of fields is that of conntrack-tools 1.4.7 and of Linux 6.18.
 */
import { canonicalAddress, formatIpv6Full, parseAddress } from './address.js';
import { protocolName, stateNames } from './names.js';
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
  /** `labels=` at the end. */
  labels?: boolean;
}

/** A connection as `conntrack -L` prints it, without the line end. */
export function formatFlowLine(r: FlowRecord, o: LineOptions = {}): string {
  let s = o.extended ? layer3(r.family) : '';
  s += layer4(r.protocol) + timing(r);
  s += tuple(r.original);
  if (r.zoneOriginal !== r.zoneReply && r.zoneOriginal) s += `zone-orig=${r.zoneOriginal} `;
  if (r.counters) s += counters(r.counters.original);
  if (!(r.status & STATUS_SEEN_REPLY)) s += '[UNREPLIED] ';
  s += tuple(r.reply);
  if (r.zoneOriginal !== r.zoneReply && r.zoneReply) s += `zone-reply=${r.zoneReply} `;
  if (r.counters) s += counters(r.counters.reply);
  s += offloadOrAssured(r.status);
  if (r.mark !== null) s += `mark=${r.mark} `;
  if (r.secctx !== null) s += `secctx=${r.secctx} `;
  if (r.zoneOriginal === r.zoneReply && r.zoneOriginal) s += `zone=${r.zoneOriginal} `;
  if (r.ageSeconds !== null) s += `delta-time=${r.ageSeconds} `;
  if (o.ktimestamp && r.startNs !== null) s += `[start=${formatCtime(r.startNs)}] `;
  if (o.ktimestamp && r.stopNs !== null) s += `[stop=${formatCtime(r.stopNs)}] `;
  if (r.helper !== null) s += `helper=${r.helper} `;
  if (r.use !== null) s += `use=${r.use} `;
  if (o.id && r.id !== null) s += `id=${r.id} `;
  if (o.labels && r.labels !== null && r.labels.length > 0) s += `labels=${r.labels.join(',')} `;
  return s.slice(0, -1);
}

/**
 * A connection as /proc/net/nf_conntrack shows it: extended, IPv6 in full, always a zone, no helper and no id. `use` is one
 * more than in a dump, because reading the file holds a reference.
 */
export function formatProcLine(r: FlowRecord): string {
  const bare = r.protocol === PROTO_DCCP;
  let s = layer3(r.family) + (bare ? `unknown  ${r.protocol} ` : layer4(r.protocol)) + timing(r);
  if (r.protocol === PROTO_GRE && r.greTimeouts) {
    s += `timeout=${r.greTimeouts.timeout}, stream_timeout=${r.greTimeouts.stream} `;
  }
  const split = r.zoneOriginal !== r.zoneReply;
  s += procTuple(r.original, bare);
  if (split && r.zoneOriginal) s += `zone-orig=${r.zoneOriginal} `;
  if (r.counters) s += counters(r.counters.original);
  if (!(r.status & STATUS_SEEN_REPLY)) s += '[UNREPLIED] ';
  s += procTuple(r.reply, bare);
  if (split && r.zoneReply) s += `zone-reply=${r.zoneReply} `;
  if (r.counters) s += counters(r.counters.reply);
  s += offloadOrAssured(r.status);
  s += `mark=${r.mark ?? 0} `;
  if (r.secctx !== null) s += `secctx=${r.secctx} `;
  if (!split) s += `zone=${r.zoneOriginal} `;
  if (r.ageSeconds !== null) s += `delta-time=${r.ageSeconds} `;
  return `${s}use=${(r.use ?? 1) + 1}`;
}

/** A connection as /proc/net/ip_conntrack of old kernels showed it: no layer 3, no zone. */
export function formatIpConntrackLine(r: FlowRecord): string {
  let s = layer4(r.protocol) + timing(r) + tuple(r.original);
  if (r.counters) s += counters(r.counters.original);
  if (!(r.status & STATUS_SEEN_REPLY)) s += '[UNREPLIED] ';
  s += tuple(r.reply);
  if (r.counters) s += counters(r.counters.reply);
  if (r.status & STATUS_ASSURED) s += '[ASSURED] ';
  if (r.mark !== null) s += `mark=${r.mark} `;
  return `${s}use=${r.use ?? 1}`;
}

/** `src=.. dst=.. sport=.. dport=.. ` with a blank at the end; also the parts of an expectation's line. */
export function tuple(t: FlowTuple, prefix = ''): string {
  return `${prefix}src=${t.source} ${prefix}dst=${t.destination} ${transport(t)}`;
}

function transport(t: FlowTuple): string {
  if (t.ports) return `sport=${t.ports.source} dport=${t.ports.destination} `;
  if (t.icmp) return `type=${t.icmp.type} code=${t.icmp.code} id=${t.icmp.id} `;
  if (t.keys) return `srckey=0x${t.keys.source.toString(16)} dstkey=0x${t.keys.destination.toString(16)} `;
  return '';
}

function procTuple(t: FlowTuple, bare: boolean): string {
  return `src=${procAddress(t.source)} dst=${procAddress(t.destination)} ${bare ? '' : transport(t)}`;
}

function procAddress(text: string): string {
  const parsed = text.includes(':') ? parseAddress(text) : null;
  return parsed ? formatIpv6Full(parsed.words) : (canonicalAddress(text) ?? text);
}

function layer3(family: number): string {
  return family === 10 ? 'ipv6     10 ' : 'ipv4     2 ';
}

function layer4(protocol: number): string {
  return `${protocolName(protocol).padEnd(8)} ${protocol} `;
}

function timing(r: FlowRecord): string {
  let s = r.timeout === null ? '' : `${r.timeout} `;
  if (r.state !== null) s += `${stateNames(r.protocol)[r.state] ?? 'UNKNOWN'} `;
  return s;
}

function counters(c: FlowCounters): string {
  return `packets=${c.packets} bytes=${c.bytes} `;
}

/** The hardware's or software's fast path shows in place of [ASSURED]. */
function offloadOrAssured(status: number): string {
  if (status & STATUS_HW_OFFLOAD) return '[HW_OFFLOAD] ';
  if (status & STATUS_OFFLOAD) return '[OFFLOAD] ';
  return status & STATUS_ASSURED ? '[ASSURED] ' : '';
}
