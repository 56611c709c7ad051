/** Connections and events as records for people and files (cold): the table's numbers become FlowRecords. */

import {
  type EventView,
  IPCT_DESTROY,
  IPCT_LABEL,
  IPCT_MARK,
  IPCT_NEW,
  IPCT_PROTOINFO,
  IPCT_RELATED,
} from '../conntrack/events.js';
import {
  F_COUNTERS,
  F_TIMESTAMP,
  IPS_CONFIRMED,
  IPS_DYING,
  R_DEADLINE,
  R_ID,
  R_MARK,
  R_PROTO,
  R_STATE,
  R_STATUS,
  R_WINDOW,
  RECORD_SHIFT,
  STATE_MASK,
  STATUS_MASK,
} from '../conntrack/layout.js';
import type { Tracker } from '../conntrack/tracker.js';
import { type FlowEvent, type FlowRecord, type FlowTuple, newRecord, plainTuple } from '../flow/record.js';
import type { Nat } from '../nat/nat.js';
import { formatAddress, parseAddress } from '../wire/address.js';
import {
  IPPROTO_DCCP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  T_DST,
  T_PORTS,
  T_PROTO,
  TUPLE_WORDS,
} from '../wire/packet.js';

const HIGH_WORDS = 12;
const MS_IN_NS = 1_000_000n;

/** Where a record's numbers stand: in the table, or in an event's snapshot. */
interface Source {
  words: Int32Array;
  base: number;
  high: Int32Array;
  highBase: number;
  zones: number;
  counters: Float64Array;
  countersBase: number;
  stamps: Float64Array;
  stampsBase: number;
}

/** A tuple in Packet.tuple form as a record has it. */
export function flowTuple(words: Int32Array): FlowTuple {
  const family = words[T_PROTO]! >> 8;
  const t = plainTuple(formatAddress(family, words, 0), formatAddress(family, words, T_DST));
  const ports = words[T_PORTS]!;
  switch (words[T_PROTO]! & 0xff) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_SCTP:
    case IPPROTO_DCCP:
      return { ...t, ports: { source: ports >>> 16, destination: ports & 0xffff } };
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return { ...t, icmp: { type: (ports >> 8) & 0xff, code: ports & 0xff, id: ports >>> 16 } };
    case IPPROTO_GRE:
      return { ...t, keys: { source: ports >>> 16, destination: ports & 0xffff } };
    default:
      return t;
  }
}

/** One direction's tuple of a source in Packet.tuple form. */
function tupleWords(s: Source, direction: number): Int32Array {
  const t = new Int32Array(TUPLE_WORDS);
  const at = s.base + direction * 3;
  const protocol = s.words[s.base + R_PROTO]!;
  t[0] = s.words[at]!;
  t[T_DST] = s.words[at + 1]!;
  t[T_PORTS] = s.words[at + 2]!;
  t[T_PROTO] = protocol;
  for (let i = 0; i < 3; i++) {
    t[1 + i] = s.high[s.highBase + direction * 6 + i]!;
    t[T_DST + 1 + i] = s.high[s.highBase + direction * 6 + 3 + i]!;
  }
  return t;
}

/** Labels as texts: the numbers of the bits that are set. */
function labelNames(words: Int32Array | null): string[] | null {
  if (words === null) return null;
  const names: string[] = [];
  for (let bit = 0; bit < 128; bit++) if ((words[bit >> 5]! & (1 << (bit & 31))) !== 0) names.push(String(bit));
  return names;
}

function record(s: Source, showState: boolean): FlowRecord {
  const w = s.words;
  const protocol = w[s.base + R_PROTO]! & 0xff;
  const family = w[s.base + R_PROTO]! >> 8 === 2 ? 2 : 10;
  const r = newRecord(family, protocol, flowTuple(tupleWords(s, 0)), flowTuple(tupleWords(s, 1)));
  const status = w[s.base + R_STATUS]!;
  r.zoneOriginal = s.zones & 0xffff;
  r.zoneReply = s.zones >>> 16;
  r.status = status & STATUS_MASK;
  r.mark = w[s.base + R_MARK]! >>> 0;
  r.id = w[s.base + R_ID]! >>> 0;
  if (showState && (protocol === IPPROTO_TCP || protocol === IPPROTO_SCTP)) r.state = w[s.base + R_STATE]! & STATE_MASK;
  if (showState && protocol === IPPROTO_SCTP) {
    r.vtags = { original: w[s.base + R_WINDOW]! >>> 0, reply: w[s.base + R_WINDOW + 1]! >>> 0 };
  }
  if (protocol === IPPROTO_GRE)
    r.greTimeouts = { timeout: seconds(w[s.base + R_WINDOW]!), stream: seconds(w[s.base + R_WINDOW + 1]!) };
  if ((status & F_COUNTERS) !== 0) {
    const c = s.counters;
    const at = s.countersBase;
    r.counters = {
      original: { packets: c[at]!, bytes: c[at + 1]! },
      reply: { packets: c[at + 2]!, bytes: c[at + 3]! },
    };
  }
  if ((status & F_TIMESTAMP) !== 0) r.startNs = BigInt(Math.round(s.stamps[s.stampsBase]! * 1000)) * 1000n;
  return r;
}

/** Whole seconds, as every timeout is shown. */
function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

/** The record of a slot as a listing shows it; null where the slot holds no confirmed, living connection. */
export function flowOf(tracker: Tracker, slot: number): FlowRecord | null {
  const table = tracker.table;
  const base = slot << RECORD_SHIFT;
  const status = table.words[base + R_STATUS]!;
  if ((status & (IPS_CONFIRMED | IPS_DYING)) !== IPS_CONFIRMED) return null;
  const left = (table.words[base + R_DEADLINE]! - tracker.nowMs) | 0;
  if (left <= 0) return null;
  const r = record(
    {
      words: table.words,
      base,
      high: table.high,
      highBase: slot * HIGH_WORDS,
      zones: table.zonesOf(slot),
      counters: Float64Array.from([0, 1, 2, 3], (i) => table.counter(slot, i)),
      countersBase: 0,
      stamps: table.stamps,
      stampsBase: slot * 2,
    },
    true,
  );
  r.timeout = Math.floor(left / 1000);
  if (r.startNs !== null) r.ageSeconds = seconds(tracker.clockMs) - Number(r.startNs / 1_000_000_000n);
  r.helper = table.helperName(slot) || null;
  r.labels = labelNames(table.labels(slot));
  r.use = 1;
  return r;
}

/** An event as conntrack -E tells it: what it shows depends on what happened (nf_conntrack_netlink.c). */
export function eventOf(view: EventView): FlowEvent {
  const mask = view.mask;
  const destroyed = (mask & IPCT_DESTROY) !== 0;
  const type = destroyed ? 'DESTROY' : (mask & (IPCT_NEW | IPCT_RELATED)) !== 0 ? 'NEW' : 'UPDATE';
  const r = record(
    {
      words: view.words,
      base: view.base,
      high: view.words,
      highBase: view.highBase,
      zones: view.zones,
      counters: view.doubles,
      countersBase: view.doublesBase,
      stamps: view.doubles,
      stampsBase: view.doublesBase + 4,
    },
    destroyed || (mask & IPCT_PROTOINFO) !== 0,
  );
  const seconds = Math.max(0, Math.floor(view.leftMs / 1000));
  r.timeout = destroyed && seconds === 0 ? null : seconds;
  // the kernel tells no helper with the end
  r.helper = destroyed ? null : view.helper || null;
  if ((mask & IPCT_LABEL) !== 0) r.labels = labelNames(view.labels);
  if (r.mark === 0 && (mask & IPCT_MARK) === 0) r.mark = null;
  if (destroyed) {
    if (r.startNs !== null) {
      r.stopNs = BigInt(Math.round(view.doubles[view.doublesBase + 5]!)) * MS_IN_NS;
      r.ageSeconds = Number((r.stopNs - r.startNs) / 1_000_000_000n);
    }
  } else {
    // Only a connection's end tells of counters and times.
    r.counters = null;
    r.startNs = null;
  }
  return {
    type,
    record: r,
    timestampUs: Math.round(view.doubles[view.doublesBase + 6]! * 1000),
    portid: null,
    progname: null,
  };
}

/** Writes a FlowTuple in Packet.tuple form. */
function tupleInto(family: number, protocol: number, t: FlowTuple, out: Int32Array): void {
  out.fill(0);
  parseAddress(t.source, out, 0);
  parseAddress(t.destination, out, T_DST);
  out[T_PROTO] = protocol | (family << 8);
  if (t.ports !== null) out[T_PORTS] = (t.ports.source << 16) | t.ports.destination;
  if (t.icmp !== null) out[T_PORTS] = (t.icmp.id << 16) | (t.icmp.type << 8) | t.icmp.code;
  if (t.keys !== null) out[T_PORTS] = (t.keys.source << 16) | t.keys.destination;
}

/** What a connection has left that does not say it: offloaded ones have no timer, and the kernel gives them a day. */
const NO_TIMEOUT_SECONDS = 86_400;

/**
 * Enters a connection as of the clock's time, as a program would through ctnetlink: confirmed, TCP windows unknown (they are
 * picked up from the first packets), translated as its tuples say, begun when it says. `labels`: bits by name; a label that neither is
 * one of them nor a number is left out. False: its tuple is taken, the table is full, or its timeout is over.
 */
export function addFlow(
  tracker: Tracker,
  flow: FlowRecord,
  nat: Nat,
  labels: ReadonlyMap<string, number> = new Map(),
): boolean {
  const original = new Int32Array(TUPLE_WORDS);
  const reply = new Int32Array(TUPLE_WORDS);
  tupleInto(flow.family, flow.protocol, flow.original, original);
  tupleInto(flow.family, flow.protocol, flow.reply, reply);
  const timeoutMs = (flow.timeout ?? NO_TIMEOUT_SECONDS) * 1000;
  const slot = tracker.adopt(original, reply, flow.zoneOriginal | (flow.zoneReply << 16), timeoutMs);
  if (slot < 0) return false;
  const w = tracker.table.words;
  const base = slot << RECORD_SHIFT;
  w[base + R_STATUS] = w[base + R_STATUS]! | (flow.status & STATUS_MASK);
  nat.adopt(slot);
  w[base + R_MARK] = (flow.mark ?? 0) | 0;
  w[base + R_STATE] = (w[base + R_STATE]! & ~STATE_MASK) | (flow.state ?? 0);
  if (flow.vtags !== null && flow.protocol === IPPROTO_SCTP) {
    w[base + R_WINDOW] = flow.vtags.original | 0;
    w[base + R_WINDOW + 1] = flow.vtags.reply | 0;
  }
  for (const label of flow.labels ?? []) {
    const bit = labels.get(label) ?? (/^\d{1,3}$/.test(label) ? Number(label) : 128);
    if (bit < 128) tracker.table.setLabel(slot, bit >> 5, 1 << (bit & 31));
  }
  const began = flow.startNs !== null ? Number(flow.startNs) / 1e6 : tracker.clockMs - (flow.ageSeconds ?? 0) * 1000;
  if ((w[base + R_STATUS]! & F_TIMESTAMP) !== 0) tracker.table.stamps[slot * 2] = began;
  if (flow.helper !== null) tracker.assignHelper(slot, flow.helper);
  if (flow.counters !== null && (w[base + R_STATUS]! & F_COUNTERS) !== 0) {
    const { original: o, reply: r } = flow.counters;
    [o.packets, o.bytes, r.packets, r.bytes].forEach((value, which) => {
      tracker.table.setCounter(slot, which, value);
    });
  }
  return true;
}
