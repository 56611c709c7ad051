import { expect, it } from 'vitest';
import { ip4, udp } from '../../test/support/wire-frames.js';
import { LINKTYPE_RAW } from '../wire/parse.js';
import { Host } from './host.js';

const UDP = 17;
const MORE_FRAGMENTS = 0x2000;

function host(): Host {
  return new Host({
    interfaces: [{ name: 'r0', addresses: ['10.2.0.3/24'] }],
    routes: [{ to: 'default', via: '10.2.0.1', dev: 'r0' }],
    sysctl: { 'net.ipv4.ipfrag_time': 0, 'net.netfilter.nf_conntrack_max': 100 },
  });
}

function give(h: Host, packet: number[]): void {
  h.receive(Uint8Array.from(packet), 0, packet.length, packet.length, LINKTYPE_RAW, h.interfaceIndex('r0'));
}

it.each([
  [0, 1000, 'one by one'],
  [0, 1_760_000_000_000, 'one by one'],
  [0, 1_760_000_000_000, 'in a batch'],
])('a connection of time %d is over at %d, though nobody looked it up (%s)', (first, second, way) => {
  const h = host();
  const packets = [ip4(UDP, udp([1, 2, 3])), ip4(UDP, udp([1, 2, 3]), { source: '10.1.0.77' })];
  const times = [first, second + 200_000];
  if (way === 'in a batch') {
    const bytes = Uint8Array.from(packets.flat());
    const length = packets[0]!.length;
    const row = (f: (i: number) => number): Int32Array => Int32Array.from([0, 1], (_, i) => f(i));
    const starts = {
      bytes,
      start: row((i) => i * length),
      end: row((i) => (i + 1) * length),
      wireLen: row(() => length),
    };
    const seconds = Float64Array.from(times, (t) => Math.floor(t / 1000));
    const results = {
      verdict: new Uint8Array(2),
      state: new Uint8Array(2),
      hook: new Uint8Array(2),
      rule: new Int32Array(2),
      reason: new Int32Array(2),
      connection: new Int32Array(2),
      inInterface: new Int32Array(2),
      outInterface: new Int32Array(2),
    };
    const frames = { ...starts, seconds, nanos: row(() => 0) };
    h.run(
      frames,
      0,
      2,
      new Uint8Array(2),
      row(() => h.interfaceIndex('r0')),
      row(() => LINKTYPE_RAW),
      results,
    );
  } else {
    packets.forEach((packet, i) => {
      h.advance(times[i]!);
      give(h, packet);
    });
  }
  expect([...h.flows()]).toHaveLength(1);
  expect(h.tracker.table.count).toBe(1);
});

it('a clock that stands still or is set back ends nothing', () => {
  const h = host();
  let sent = 0;
  h.onEmit = () => sent++;
  h.advance(5000);
  give(h, ip4(UDP, udp(new Array<number>(24).fill(0)), { fragment: MORE_FRAGMENTS }));
  for (const ms of [5000, 4000, Number.NaN]) h.advance(ms);
  expect([h.nowMs, sent]).toEqual([5000, 0]);
  // the fragment's time is up at once, which is told as soon as time passes
  h.advance(5001);
  expect([h.nowMs, sent]).toEqual([5001, 1]);
});
