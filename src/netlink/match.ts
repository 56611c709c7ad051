/** A query compared with a record: what the kernel does not filter is filtered here, by the same rules. */
import { canonicalAddress } from '../flow/address.js';
import type { FlowRecord, FlowTuple } from '../flow/record.js';
import type { FlowQuery, TuplePattern } from '../flow/source.js';

/** Whether a query leaves anything out by more than its family. */
export function isNarrowed(query: FlowQuery): boolean {
  return query.mark !== null || query.status !== null || query.zone !== null || query.tuple !== null;
}

/** Whether a connection is one of those that a query asks for. */
export function matchesQuery(r: FlowRecord, query: FlowQuery): boolean {
  if (query.family !== 0 && r.family !== query.family) return false;
  if (query.zone !== null && (r.zoneOriginal || r.zoneReply) !== query.zone) return false;
  if (query.mark !== null && ((r.mark ?? 0) & query.mark.mask) >>> 0 !== query.mark.value >>> 0) return false;
  if (query.status !== null && (r.status & query.status.mask) >>> 0 !== query.status.value >>> 0) return false;
  const { tuple } = query;
  if (tuple === null) return true;
  if (tuple.protocol > 0 && r.protocol !== tuple.protocol) return false;
  return matchesPattern(r.original, tuple.original) && matchesPattern(r.reply, tuple.reply);
}

function matchesPattern(t: FlowTuple, p: TuplePattern): boolean {
  if (p.source !== null && t.source !== canonicalAddress(p.source)) return false;
  if (p.destination !== null && t.destination !== canonicalAddress(p.destination)) return false;
  if (p.sourcePort >= 0 && t.ports?.source !== p.sourcePort) return false;
  return p.destinationPort < 0 || t.ports?.destination === p.destinationPort;
}
