import { describe, expect, test } from 'vitest';
import {
  HANDSHAKE,
  packet,
  ports,
  type Side,
  TrackBench,
  talkTcp,
  tcpSegment,
} from '../../test/support/track-bench.js';
import { u16 } from '../../test/support/wire-frames.js';
import { HOOK_OUTPUT } from '../wire/packet.js';
import { IPCT_ASSURED, IPCT_DESTROY, IPCT_MARK, IPCT_NEW, IPCT_PROTOINFO, IPCT_REPLY } from './events.js';
import { IPEXP_NEW } from './expect-events.js';
import type { Template } from './lifecycle.js';
import { REASON_CLASH, REASON_NO_TUPLE, REASON_TABLE_FULL, REASON_TCP_FLAGS, REASON_UNTRACKABLE } from './reasons.js';
import { NF_ACCEPT, NF_DROP } from './tracker.js';

const udp = (side: Side, from = 1000, to = 80) => {
  const p = side === 'a' ? [...u16(from), ...u16(to)] : [...u16(to), ...u16(from)];
  return packet(side, 17, [...p, ...u16(12), 0, 0, 1, 2, 3, 4]);
};

function template(part: Partial<Template>): Template {
  return {
    zone: 0,
    zoneDirection: 0,
    zoneFromMark: false,
    helper: '',
    timeout: '',
    ctevents: 0,
    expevents: 0,
    ...part,
  };
}

/** A bench whose template 1, 2 ... are these. */
function withTemplates(...templates: Partial<Template>[]): TrackBench {
  const b = new TrackBench();
  for (const t of templates) b.tracker.templates.push(template(t));
  return b;
}

describe('a connection is reserved, then confirmed', () => {
  test('a second packet of its tuple that comes before reserves one of its own, and clashes', () => {
    const b = new TrackBench();
    b.begin(udp('a'));
    const first = b.packet.connection;
    const other = new TrackBench();
    expect(other.send(udp('a')).state).toBe('NEW'); // no module state
    b.begin(udp('a'));
    expect(b.packet.connection).not.toBe(first);
    expect(b.finish()).toBe(NF_ACCEPT);
    b.packet.connection = first;
    expect([b.finish(), b.packet.reason]).toEqual([NF_DROP, REASON_CLASH]);
    expect([b.slots.length, b.tracker.statistics.insertFailed, b.tracker.statistics.drop]).toEqual([1, 1, 1]);
  });
  test('a packet that a rule drops leaves nothing behind', () => {
    const b = new TrackBench();
    b.tracker.listen();
    expect(b.send(udp('a'), false).state).toBe('NEW');
    expect([b.slots, b.tracker.table.count, b.events()]).toEqual([[], 0, []]);
    expect(b.send(udp('a')).state).toBe('NEW');
  });
  test('a dropped packet of a known connection has counted and refreshed all the same', () => {
    const b = new TrackBench();
    b.send(udp('a'));
    b.wait(5000);
    b.send(udp('a'), false);
    expect(b.left).toBe(30);
  });
  test('what expired is gone, though nobody has turned the wheel', () => {
    const b = new TrackBench();
    b.send(udp('a'));
    b.tracker.nowMs = (b.tracker.nowMs + 30_000) | 0;
    expect(b.send(udp('b'))).toMatchObject({ state: 'NEW', reply: false });
    expect(b.tracker.table.count).toBe(1);
  });
  test('the deadline is the last moment at which it is no more', () => {
    for (const [ms, state] of [
      [29_999, 'ESTABLISHED'],
      [30_000, 'NEW'],
    ] as const) {
      const b = new TrackBench();
      b.send(udp('a'));
      b.wait(ms);
      expect(b.send(udp('b')).state).toBe(state);
    }
  });
});

describe('packets that cannot be tracked', () => {
  test.each<[string, Uint8Array, number]>([
    ['a later fragment', packet('a', 17, [1, 2, 3, 4, 5, 6, 7, 8], { fragment: 100 }), REASON_UNTRACKABLE],
    ['no ports', packet('a', 17, [1, 2, 3]), REASON_NO_TUPLE],
  ])('%s is INVALID', (_claim, bytes, reason) => {
    const b = new TrackBench({ log_invalid: 255 });
    expect(b.send(bytes)).toMatchObject({ verdict: NF_ACCEPT, state: 'INVALID', reason });
    expect([b.logged, b.tracker.statistics.invalid]).toEqual([[], 1]);
  });
  test('log_invalid tells of one protocol, of all, or of none', () => {
    const bad = tcpSegment('a', { flags: 'SF', seq: 1 });
    for (const [value, told] of [
      [0, []],
      [6, [REASON_TCP_FLAGS]],
      [17, []],
      [255, [REASON_TCP_FLAGS]],
    ] as const) {
      const b = new TrackBench({ log_invalid: value });
      b.send(bad);
      expect(b.logged).toEqual(told);
    }
  });
  test('checksums are not looked at where the host itself made the packet', () => {
    const b = new TrackBench();
    b.hook = HOOK_OUTPUT;
    expect(b.send(tcpSegment('a', { flags: 'S', seq: 1, badSum: true })).state).toBe('NEW');
  });
});

describe('a full table', () => {
  /** `n` TCP connections that are established, so ASSURED. */
  function fill(b: TrackBench, n: number): void {
    for (let i = 0; i < n; i++) {
      const source = `10.1.${i >> 8}.${i & 255}`;
      b.tcp('a', 'S', 1000, 0, { source });
      b.tcp('b', 'SA', 5000, 1001, { destination: source });
      b.tcp('a', 'A', 1001, 5001, { source });
    }
  }
  test('drops what would begin one more, and says so; what it knows passes', () => {
    const b = new TrackBench({ max: 50 });
    fill(b, 50);
    const seen = b.send(udp('a'));
    expect([seen.verdict, seen.reason, ...seen.args.slice(0, 2)]).toEqual([NF_DROP, REASON_TABLE_FULL, 50, 50]);
    expect([b.fullNotices, b.tracker.statistics.drop, b.tracker.statistics.earlyDrop]).toEqual([1, 1, 0]);
    expect(b.tcp('a', 'PA', 1001, 5001, { source: '10.1.0.7', data: 3 })).toBe('ESTABLISHED');
  });
  test('a packet on its way counts', () => {
    const b = new TrackBench({ max: 1 });
    b.begin(udp('a'));
    expect(b.send(udp('a', 2000)).verdict).toBe(NF_DROP);
  });
  test('early drop ends one that is not ASSURED in the same part of the table', () => {
    const b = new TrackBench({ max: 64, buckets: 16 }); // 16 buckets: everything is near
    b.tracker.listen();
    for (let i = 0; i < 64; i++) b.send(udp('a', 2000 + i));
    b.events();
    expect(b.send(udp('a', 9000))).toMatchObject({ verdict: NF_ACCEPT, state: 'NEW' });
    expect([b.tracker.table.count, b.tracker.statistics.earlyDrop, b.tracker.statistics.drop]).toEqual([64, 1, 0]);
    expect(b.events().map((e) => e.mask)).toEqual([IPCT_DESTROY, IPCT_NEW]);
  });
  test('with as many buckets as a large host has it hardly ever finds one', () => {
    const b = new TrackBench({ max: 300 });
    for (let i = 0; i < 300; i++) b.send(udp('a', 2000 + i));
    for (let i = 0; i < 300; i++) b.send(udp('a', 4000 + i));
    // 300 tries, 300 connections, 16 places of 262,144 each: 5.5 expected
    expect(b.tracker.statistics.earlyDrop).toBeLessThan(20);
    expect(b.tracker.statistics.drop + b.tracker.statistics.earlyDrop).toBe(300);
  });
});

describe('zones', () => {
  test('the same tuple in two zones is two connections', () => {
    const b = withTemplates({ zone: 5, zoneDirection: 3 });
    b.send(udp('a'));
    b.template = 1;
    expect(b.send(udp('a')).state).toBe('NEW');
    expect(b.send(udp('b')).state).toBe('ESTABLISHED');
    b.template = 0;
    expect(b.send(udp('a')).state).toBe('NEW'); // this one has seen no answer
    expect(b.slots.length).toBe(2);
  });
  test('a zone of the original direction: answers come without', () => {
    const b = withTemplates({ zone: 5, zoneDirection: 1 }, { zone: 6, zoneDirection: 1 });
    b.template = 1;
    b.send(udp('a'));
    b.template = 0;
    expect(b.send(udp('b'))).toMatchObject({ state: 'ESTABLISHED', reply: true });
    b.template = 2;
    expect(b.send(udp('a')).verdict).toBe(NF_DROP); // its answers would be the same
    expect(b.tracker.statistics.insertFailed).toBe(1);
  });
  test('a zone of the reply direction', () => {
    const b = withTemplates({ zone: 7, zoneDirection: 2 });
    b.template = 1;
    b.send(udp('a'));
    expect(b.send(udp('b'))).toMatchObject({ state: 'ESTABLISHED', reply: true });
    b.template = 0;
    expect(b.send(udp('a')).reply).toBe(false);
    expect(b.send(udp('b'))).toMatchObject({ state: 'NEW' });
  });
  test('a zone of the mark: its lower 16 bits', () => {
    const b = withTemplates({ zoneDirection: 3, zoneFromMark: true }, { zone: 9, zoneDirection: 3 });
    b.template = 1;
    b.mark = 0x10009;
    b.send(udp('a'));
    b.template = 2;
    b.mark = 0;
    expect(b.send(udp('b'))).toMatchObject({ state: 'ESTABLISHED', reply: true });
    b.template = 1;
    expect(b.send(udp('b')).state).toBe('NEW');
  });
});

describe('what -j CT gives a connection', () => {
  test('a timeout policy of its protocol', () => {
    const b = withTemplates({ timeout: 'short' });
    b.tracker.timeoutPolicies.set('short', { family: 2, protocol: 17, timeouts: Int32Array.from([3000, 4000]) });
    b.template = 1;
    b.send(udp('a'));
    expect(b.left).toBe(3);
    b.send(tcpSegment('a', { flags: 'S', seq: 1 }));
    b.wait(5000);
    expect([b.slots.length, b.left]).toEqual([1, 115]);
  });
  test('a helper, which shows as an event', () => {
    const b = withTemplates({ helper: 'ftp' });
    b.tracker.listen();
    b.template = 1;
    b.send(udp('a'));
    expect(b.tracker.table.coldOf(b.slots[0]!).helper).toBe('ftp');
    expect(b.events()[0]!.mask & (1 << 6)).toBe(1 << 6);
  });
  test.each([
    ['ctevents new', IPCT_NEW, 0, [IPCT_NEW]],
    ['ctevents destroy', IPCT_DESTROY, 0, [IPCT_DESTROY]],
    ['ctevents reply', IPCT_REPLY, 0, [IPCT_REPLY]],
    ['ctevents and expevents', IPCT_NEW, IPEXP_NEW, [IPCT_NEW]],
    ['expevents alone: none of connections', -1, IPEXP_NEW, []],
    ['neither: all', -1, -1, [IPCT_NEW, IPCT_REPLY, IPCT_ASSURED, IPCT_DESTROY]],
  ])('%s', (_claim, ctevents, expevents, masks) => {
    const b = withTemplates({ ctevents, expevents });
    b.tracker.listen();
    b.template = 1;
    b.send(udp('a'));
    b.send(udp('b'));
    b.wait(3000);
    b.send(udp('a'));
    b.wait(200_000);
    expect(b.events().map((e) => e.mask)).toEqual(masks);
  });
});

describe('events', () => {
  test('a mark that a rule sets is an UPDATE, or part of the NEW', () => {
    const b = new TrackBench();
    b.tracker.listen();
    b.begin(udp('a'));
    b.tracker.markChanged(b.packet.connection);
    b.finish();
    b.begin(udp('a'));
    b.tracker.markChanged(b.packet.connection);
    b.finish();
    expect(b.events().map((e) => e.mask)).toEqual([IPCT_NEW | IPCT_MARK, IPCT_MARK]);
  });
  test('what a dropped packet changed is told with the next one that passes', () => {
    const b = new TrackBench();
    b.tracker.listen();
    talkTcp(b, HANDSHAKE[0]!);
    b.events();
    b.send(tcpSegment('b', { flags: 'SA', seq: 5000, ack: 1001 }), false);
    expect(b.events()).toEqual([]);
    talkTcp(b, HANDSHAKE[2]!);
    expect(b.events().map((e) => e.mask)).toEqual([IPCT_PROTOINFO | IPCT_REPLY | IPCT_ASSURED]);
  });
  test('connections of a time when nobody listened stay silent', () => {
    const b = new TrackBench();
    b.send(udp('a'));
    b.tracker.listen();
    b.send(udp('b'));
    b.wait(100_000);
    expect(b.events()).toEqual([]);
  });
  test('nf_conntrack_events=0: there are none', () => {
    const b = new TrackBench({ events: 0 });
    b.tracker.listen();
    b.send(udp('a'));
    expect(b.events()).toEqual([]);
  });
  test('a full ring loses the newest, and counts', () => {
    const b = new TrackBench({}, { eventRing: 3 });
    b.tracker.listen();
    for (let i = 0; i < 5; i++) b.send(udp('a', 2000 + i));
    expect([b.tracker.events.length, b.tracker.events.lost]).toEqual([3, 2]);
    expect(b.events().length).toBe(3);
    b.send(udp('a', 3000));
    expect(b.events().length).toBe(1);
  });
  test('DESTROY tells the time that was left', () => {
    const b = new TrackBench();
    b.tracker.listen();
    b.send(udp('a'));
    b.wait(1000);
    b.tracker.kill(b.slots[0]!);
    b.tracker.settle();
    expect(b.events().map((e) => [e.mask, e.left])).toEqual([
      [IPCT_NEW, 30],
      [IPCT_DESTROY, 29],
    ]);
  });
});

describe('accounting and timestamps', () => {
  test('both directions, all of the IP packet, from the first packet on', () => {
    const b = new TrackBench({ acct: 1 });
    b.send(udp('a'));
    b.send(udp('a'));
    b.send(udp('b'));
    expect([0, 1, 2, 3].map((i) => b.tracker.table.counter(b.slots[0]!, i))).toEqual([2, 64, 1, 32]);
  });
  test('only for connections made since it is on', () => {
    const b = new TrackBench();
    b.send(udp('a'));
    b.tracker.enableAccounting();
    b.send(udp('a'));
    b.send(udp('a', 2000));
    expect(b.slots.map((slot) => b.tracker.table.counter(slot, 0))).toEqual([0, 1]);
  });
  test('counts beyond 2^32', () => {
    const b = new TrackBench({ acct: 1 });
    b.send(udp('a'));
    const slot = b.slots[0]!;
    for (let i = 0; i < 3; i++) b.tracker.account(slot, 1, 3e9);
    expect([b.tracker.table.counter(slot, 2), b.tracker.table.counter(slot, 3)]).toEqual([3, 9e9]);
  });
  test('start is when it was confirmed, stop when it ended', () => {
    const b = new TrackBench({ timestamp: 1 });
    b.tracker.listen();
    b.wait(1234);
    const start = b.nowMs;
    b.send(udp('a'));
    expect(b.tracker.table.stamps[b.slots[0]! * 2]).toBe(start);
  });
});

describe('connections that no packet began (a saved table)', () => {
  const tuple = (b: TrackBench, bytes: Uint8Array) => {
    b.begin(bytes);
    b.finish(false);
    return Int32Array.from(b.packet.tuple);
  };
  test('are found, count as insert, and clash', () => {
    const b = new TrackBench();
    const original = tuple(b, udp('a'));
    const reply = tuple(b, udp('b'));
    expect(b.tracker.adopt(original, reply, 0, 50_000)).toBeGreaterThanOrEqual(0);
    expect([b.left, b.tracker.statistics.insert]).toEqual([50, 1]);
    expect(b.tracker.adopt(original, reply, 0, 50_000)).toBe(-1);
    expect(b.tracker.adopt(original, reply, 0, 0)).toBe(-1);
    expect(b.send(udp('b')).reply).toBe(true);
    expect(b.tracker.table.count).toBe(1);
  });
  test('with a reply that is not the inverse (NAT) are found by both', () => {
    const b = new TrackBench();
    const original = tuple(b, udp('a'));
    const reply = tuple(b, packet('b', 17, [...ports('b'), 0, 8, 0, 0], { destination: '10.9.9.9' }));
    b.tracker.adopt(original, reply, 0, 50_000);
    expect(b.send(udp('a')).reply).toBe(false);
    const answer = packet('b', 17, [...ports('b'), 0, 8, 0, 0], { destination: '10.9.9.9' });
    expect(b.send(answer)).toMatchObject({ state: 'ESTABLISHED', reply: true });
    expect(b.send(udp('b')).state).toBe('NEW');
  });
});

test('the columns of /proc/net/stat/nf_conntrack', () => {
  const b = new TrackBench();
  b.send(tcpSegment('a', { flags: 'SF', seq: 1 }));
  b.send(packet('a', 1, [8]));
  b.tracker.statistics.drop = 255;
  const columns = b.tracker.statistics.procLine(3).split(' ');
  expect(columns.length).toBe(17);
  // entries clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error ...
  expect([columns[0], columns[4], columns[10], columns[12]]).toEqual(['00000003', '00000001', '000000ff', '00000001']);
});
