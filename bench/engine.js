/**
 * The engine as the benchmark drives it: tracking alone, in batches, without rules. Each phase of a batch is a tight loop of its
 * own, so that the memory accesses of many packets are under way at the same time.
 */
import {
  LINKTYPE_ETHERNET,
  Packet,
  parseFrame,
  R_STATE,
  RECORD_SHIFT,
  SET_ACCT,
  SET_MAX,
  Settings,
  Tracker,
} from '../dist/internals.js';

/** The packets of a batch stay in the first-level cache. */
const BATCH = 24;
const TCP_STATES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
];

/** Room for `room` connections; accounting is on, timeouts are the kernel's. */
export function makeTracker(room) {
  return new EngineTracker(room);
}

class EngineTracker {
  constructor(room) {
    const settings = new Settings();
    settings.value[SET_MAX] = room;
    settings.value[SET_ACCT] = 1;
    this.tracker = new Tracker({ settings, seed: 1 });
    this.packets = Array.from({ length: BATCH }, () => new Packet());
    this.hashes = new Int32Array(BATCH);
  }

  /** Tracks frames from..to of a list: parse, checksum, look-up, state, windows, timeout, counters, confirmation. */
  track(list, from, to, nowMs) {
    const { tracker, packets, hashes } = this;
    const { bytes, offsets } = list;
    tracker.advance(nowMs, 1 << 30);
    for (let start = from; start < to; start += BATCH) {
      const n = Math.min(BATCH, to - start);
      for (let i = 0; i < n; i++) {
        const p = packets[i];
        const at = offsets[start + i];
        const end = offsets[start + i + 1];
        parseFrame(p, bytes, at, end, end - at, LINKTYPE_ETHERNET);
        tracker.prepare(p);
        hashes[i] = p.hash;
      }
      tracker.table.touch(hashes, n);
      for (let i = 0; i < n; i++) {
        const p = packets[i];
        p.candidate = hashes[i];
        tracker.track(p);
        tracker.confirm(p);
        tracker.settle();
      }
    }
  }

  /** Ends what is due. */
  expire(nowMs) {
    this.tracker.advance(nowMs, 1 << 30);
  }

  get count() {
    return this.tracker.table.count;
  }

  get invalid() {
    return this.tracker.statistics.invalid + this.tracker.statistics.error;
  }

  /** Number of connections in each TCP state. */
  states() {
    const { table } = this.tracker;
    const states = {};
    for (let slot = table.nextInUse(0); slot >= 0; slot = table.nextInUse(slot + 1)) {
      const name = TCP_STATES[table.words[(slot << RECORD_SHIFT) + R_STATE] & 0xff];
      states[name] = (states[name] ?? 0) + 1;
    }
    return states;
  }
}
