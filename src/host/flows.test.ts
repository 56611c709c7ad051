import { describe, expect, test } from 'vitest';
import { ip4 } from '../../test/support/wire-frames.js';
import { formatFlowLine, formatProcLine } from '../flow/line.js';
import { parseTable } from '../flow/table.js';
import { LINKTYPE_RAW } from '../wire/parse.js';
import { Host } from './host.js';

const MAIN = '192.0.2.1';

function host(sysctl: Record<string, number> = {}): Host {
  const h = new Host({
    interfaces: [{ name: 'eth0', addresses: [`${MAIN}/24`] }],
    routes: [{ to: 'default', dev: 'eth0' }],
    sysctl,
  });
  h.advance(1_760_000_000_000);
  return h;
}

function receive(h: Host, protocol: number, payload: number[]): void {
  const bytes = Uint8Array.from(ip4(protocol, payload, { source: '192.0.2.9', destination: MAIN }));
  h.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, h.interfaceIndex('eth0'));
}

describe('connections as records', () => {
  test('timeouts are whole seconds, also those that the kernel clamps', () => {
    const h = host({ 'net.netfilter.nf_conntrack_gre_timeout_stream': 21_474_836 });
    receive(h, 47, [0x20, 0x01, 0x88, 0x0b, 0, 8, 0, 9, 0, 0, 0, 1]);
    const lines = [...h.flows()].map(formatProcLine);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(' timeout=30, stream_timeout=2147483 ');
    expect(parseTable(`${lines[0]}\n`, 'table')).toHaveLength(1);
  });

  test('an age where times are kept, in listings and when it ends; what begins has no time yet', () => {
    const h = host({ 'net.netfilter.nf_conntrack_timestamp': 1, 'net.netfilter.nf_conntrack_generic_timeout': 5 });
    h.listen();
    receive(h, 50, [0, 0, 0, 1]);
    h.advance(1_760_000_003_900);
    expect([...h.flows()].map((r) => formatFlowLine(r))[0]).toContain(' mark=0 delta-time=3 use=1');
    h.advance(1_760_000_009_000);
    const events = [h.nextEvent(), h.nextEvent()].map((e) => e && { ...e.record, type: e.type });
    expect(events[0]).toMatchObject({ type: 'NEW', startNs: null, ageSeconds: null });
    expect(events[1]).toMatchObject({ type: 'DESTROY', startNs: 1_760_000_000_000_000_000n });
    expect(events[1]?.ageSeconds).toBe(
      Number(((events[1]?.stopNs ?? 0n) - 1_760_000_000_000_000_000n) / 1_000_000_000n),
    );
  });
});
