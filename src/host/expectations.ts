/** Expectations and their events as records for people and files (cold). */

import type { Expectation } from '../conntrack/expect.js';
import { type ExpectEventView, IPEXP_NEW } from '../conntrack/expect-events.js';
import type { Tracker } from '../conntrack/tracker.js';
import type { ExpectationEvent, ExpectationRecord } from '../flow/record.js';
import { AF_INET, T_PROTO, TUPLE_WORDS } from '../wire/packet.js';
import { flowTuple } from './flows.js';

const MS_IN_US = 1000;

interface Source {
  tuple: Int32Array;
  mask: Int32Array;
  master: Int32Array;
  flags: number;
  class: number;
  helper: string;
  leftMs: number;
}

function record(s: Source): ExpectationRecord {
  const proto = s.tuple[T_PROTO]!;
  const mask = s.mask.slice();
  mask[T_PROTO] = proto;
  return {
    family: proto >> 8 === AF_INET ? 2 : 10,
    protocol: proto & 0xff,
    timeout: Number.isFinite(s.leftMs) ? Math.max(0, Math.floor(s.leftMs / 1000)) : null,
    tuple: flowTuple(s.tuple),
    mask: flowTuple(mask),
    master: flowTuple(s.master),
    // ctnetlink does not tell it
    zone: 0,
    flags: s.flags,
    class: s.class,
    helper: s.helper || null,
  };
}

/** An expectation as a listing shows it. */
export function expectationOf(tracker: Tracker, e: Expectation): ExpectationRecord {
  const master = new Int32Array(TUPLE_WORDS);
  tracker.table.readTuple(e.master, 0, master);
  const helper = tracker.table.helperName(e.master);
  const leftMs = e.deadlineMs - tracker.clockMs;
  return record({ tuple: e.tuple, mask: e.mask, master, flags: e.flags, class: e.class, helper, leftMs });
}

/** An event as `conntrack -E expect` tells it. */
export function expectationEventOf(view: ExpectEventView): ExpectationEvent {
  const type = view.event === IPEXP_NEW ? 'NEW' : 'DESTROY';
  return { type, record: record(view), timestampUs: Math.round(view.timeMs * MS_IN_US) };
}
