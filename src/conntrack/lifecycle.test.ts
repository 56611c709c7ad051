import { describe, expect, test } from 'vitest';
import { ip4, udp } from '../../test/support/wire-frames.js';
import { CT_ESTABLISHED, CT_NEW, HOOK_PREROUTING, Packet } from '../wire/packet.js';
import { LINKTYPE_RAW, parseFrame } from '../wire/parse.js';
import { IPS_ASSURED, R_DEADLINE, R_STATUS, RECORD_SHIFT } from './layout.js';
import { Settings } from './sysctl.js';
import { Tracker } from './tracker.js';

const DAY_MS = 86_400_000;
const START = 1_760_000_000_000;

class Bench {
  readonly tracker: Tracker;
  private readonly p = new Packet();

  constructor(sysctl: Record<string, number> = {}) {
    const settings = new Settings();
    for (const [name, value] of Object.entries(sysctl)) settings.set(`net.netfilter.nf_conntrack_${name}`, value);
    this.tracker = new Tracker({ settings, seed: 1 });
    this.tracker.advance(START, 1e9);
  }

  /** Sends a UDP packet at a time in ms after the start, and gives its state. */
  udp(atMs: number, reply = false): number {
    const { p, tracker } = this;
    tracker.advance(START + atMs, 1e9);
    const ends = reply ? { source: '10.2.0.3', destination: '10.1.0.2' } : {};
    const data = reply ? [0, 53, 3, 232, 0, 8, 0, 0] : udp([]);
    const bytes = Uint8Array.from(ip4(17, data, ends));
    parseFrame(p, bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW);
    p.hook = HOOK_PREROUTING;
    tracker.prepare(p);
    expect([tracker.track(p), tracker.confirm(p)]).toEqual([1, 1]);
    tracker.settle();
    return p.state;
  }

  /** Seconds that the only connection has left. */
  get left(): number {
    const slot = this.tracker.table.nextInUse(0);
    return ((this.tracker.table.words[(slot << RECORD_SHIFT) + R_DEADLINE]! - this.tracker.nowMs) | 0) / 1000;
  }

  get status(): number {
    return this.tracker.table.words[(this.tracker.table.nextInUse(0) << RECORD_SHIFT) + R_STATUS]!;
  }
}

describe('a clock that leaps', () => {
  // 2^31 ms are 24.9 days: deadlines are compared in 32 bits
  const days = [1, 5, 12, 13, 24, 25, 26, 30, 45, 49, 50, 60, 99, 400, 40_000];
  test.each(days)('over %i days ends a connection of 30 seconds', (n) => {
    const b = new Bench();
    b.udp(0);
    b.tracker.advance(START + n * DAY_MS, 1e9);
    expect(b.tracker.table.count).toBe(0);
    expect(b.udp(n * DAY_MS)).toBe(CT_NEW);
  });
  test.each(days)('over %i days keeps one of 24 days as long', (n) => {
    const b = new Bench({ udp_timeout: 24 * 86_400 });
    b.udp(0);
    b.tracker.advance(START + n * DAY_MS, 1e9);
    expect(b.tracker.table.count).toBe(n < 24 ? 1 : 0);
    if (n < 24) expect(b.left).toBe((24 - n) * 86_400);
  });
  test('in many steps is as good as in one', () => {
    const b = new Bench({ udp_timeout: 20 * 86_400 });
    b.udp(0);
    for (let day = 1; day < 20; day++) {
      b.tracker.advance(START + day * DAY_MS, 1e9);
      expect(b.left).toBe((20 - day) * 86_400);
    }
    b.tracker.advance(START + 20 * DAY_MS, 1e9);
    expect(b.tracker.table.count).toBe(0);
  });
  test('over all of time costs no more than over a month', () => {
    const b = new Bench();
    b.udp(0);
    b.tracker.advance(1e18, 1e9);
    expect(b.tracker.table.count).toBe(0);
  });
});

test('a UDP stream that lives on stays one, however long', () => {
  const b = new Bench({ udp_timeout_stream: 10 * 86_400 });
  b.udp(0);
  b.udp(1000, true);
  b.udp(3000);
  for (let day = 1; day < 80; day += 5) {
    expect(b.udp(day * DAY_MS)).toBe(CT_ESTABLISHED);
    expect([b.left, b.status & IPS_ASSURED]).toEqual([10 * 86_400, IPS_ASSURED]);
  }
});
