import { describe, expect, test } from 'vitest';
import { CLIENT, HelperBench, MASQUERADE, OUTSIDE, SERVER } from '../../test/support/helper-bench.js';
import { CT_NEW, CT_RELATED } from '../wire/packet.js';

const TFTP = { helper: 'tftp', protocol: 'udp', port: 69 } as const;
const READ = '\0\x01file\0octet\0';

describe('requests', () => {
  test.each([
    ['read', READ, ['udp 10.2.0.2:* > 10.1.0.2:40000']],
    ['write', '\0\x02file\0octet\0', ['udp 10.2.0.2:* > 10.1.0.2:40000']],
    ['data: nothing', '\0\x03\0\x01data', []],
    ['too short: nothing', '\0', []],
  ])('%s', (_name, text, expected) => {
    const bench = new HelperBench(TFTP);
    expect(bench.udp('client', CLIENT, 40000, SERVER, 69, text)).toHaveLength(1);
    expect(bench.expected).toEqual(expected);
  });
  test('the answer comes from any port; the expectation is used up', () => {
    const bench = new HelperBench(TFTP);
    bench.udp('client', CLIENT, 40000, SERVER, 69, READ);
    bench.udp('server', SERVER, 50001, CLIENT, 40000, 'data');
    expect([bench.state, bench.expected]).toEqual([CT_RELATED, []]);
    bench.udp('server', SERVER, 50002, CLIENT, 40000, 'data');
    expect(bench.state).toBe(CT_NEW);
  });
  test('a request again takes the place of the former one; a dropped one leaves nothing', () => {
    const bench = new HelperBench(TFTP);
    bench.udp('client', CLIENT, 40000, SERVER, 69, READ);
    bench.wait(2000);
    bench.udp('client', CLIENT, 40000, SERVER, 69, READ);
    expect(bench.expected).toEqual(['udp 10.2.0.2:* > 10.1.0.2:40000']);
    expect(bench.host.statistics).toMatchObject({ expectCreate: 2, expectDelete: 1, expectNew: 0 });
  });
  test('it waits 300 s, but not longer than the request is remembered', () => {
    const bench = new HelperBench(TFTP);
    bench.udp('client', CLIENT, 40000, SERVER, 69, READ);
    bench.wait(29_000);
    expect(bench.expected).toEqual(['udp 10.2.0.2:* > 10.1.0.2:40000 271s']);
    bench.wait(2000);
    expect(bench.expected).toEqual([]);
  });
  test('behind MASQUERADE the answer finds the client', () => {
    const bench = new HelperBench({ ...TFTP, nat: MASQUERADE });
    bench.udp('client', CLIENT, 40000, SERVER, 69, READ);
    expect(bench.expected).toEqual(['udp 10.2.0.2:* > 10.2.0.1:40000']);
    const [left] = bench.udp('server', SERVER, 50001, OUTSIDE, 40000, 'data');
    expect(left).toMatchObject({ source: SERVER, destination: CLIENT, dport: 40000, isSound: true });
    const [back] = bench.udp('client', CLIENT, 40000, SERVER, 50001, 'ack');
    expect(back).toMatchObject({ source: OUTSIDE, sport: 40000, destination: SERVER, dport: 50001 });
  });
});
