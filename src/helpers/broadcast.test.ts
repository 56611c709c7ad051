import { describe, expect, test } from 'vitest';
import { HelperBench } from '../../test/support/helper-bench.js';
import { ip4, udp } from '../../test/support/wire-frames.js';
import { CT_NEW, CT_RELATED } from '../wire/packet.js';
import { netbiosNs } from './netbios-ns.js';
import { snmp } from './snmp.js';

const HELPERS = [
  [netbiosNs.name, 137, 3],
  [snmp.name, 161, 30],
] as const;

function asked(helper: string, port: number, destination: string): HelperBench {
  const raw = `-A OUTPUT -p udp --dport ${port} -j CT --helper ${helper}\n`;
  const bench = new HelperBench({ helper, protocol: 'udp', port, raw });
  const data = udp([1, 2, 3]);
  data.splice(0, 4, 0x9c, 0x40, port >> 8, port & 255);
  bench.make(ip4(17, data, { source: '10.1.0.1', destination }));
  return bench;
}

describe.each(HELPERS)('%s', (helper, port, seconds) => {
  test('anybody of the network may answer, again and again', () => {
    const bench = asked(helper, port, '10.1.0.255');
    expect(bench.expected).toEqual([`udp 10.1.0.255:${port} > 10.1.0.1:40000 permanent ${seconds}s`]);
    for (const source of ['10.1.0.7', '10.1.0.8']) {
      bench.udp('client', source, port, '10.1.0.1', 40000, 'here');
      expect(bench.state).toBe(CT_RELATED);
    }
    expect(bench.expected).toHaveLength(1);
    bench.udp('client', '10.1.0.9', port + 1, '10.1.0.1', 40000, 'not from that port');
    expect(bench.state).toBe(CT_NEW);
    bench.udp('server', '10.2.0.7', port, '10.1.0.1', 40000, 'not from that network');
    expect(bench.state).toBe(CT_NEW);
  });
  test('the question is remembered as long as answers are', () => {
    const bench = asked(helper, port, '10.1.0.255');
    expect([...bench.host.flows()].map((f) => f.timeout)).toEqual([seconds]);
    bench.wait(seconds * 1000);
    expect(bench.expected).toEqual([]);
  });
  test('a question to one host expects nothing', () => {
    expect(asked(helper, port, '10.1.0.7').expected).toEqual([]);
  });
});
