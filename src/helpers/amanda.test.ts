import { describe, expect, test } from 'vitest';
import { CLIENT, HelperBench, MASQUERADE, OUTSIDE, SERVER, Talk } from '../../test/support/helper-bench.js';
import { CT_RELATED } from '../wire/packet.js';

const AMANDA = { helper: 'amanda', protocol: 'udp', port: 10080 } as const;
const REPLY = 'Amanda 2.6 REP HANDLE 000-1 SEQ 1\nCONNECT DATA 50011 MESG 50012 INDEX 50013\nOPTIONS auth=bsd;\n';

function answered(text: string, nat?: string): { bench: HelperBench; told: string } {
  const bench = new HelperBench({ ...AMANDA, ...(nat === undefined ? {} : { nat }) });
  bench.udp('client', CLIENT, 850, SERVER, 10080, 'Amanda 2.6 REQ HANDLE 000-1 SEQ 1\nSERVICE sendbackup\n');
  const to = nat === undefined ? CLIENT : OUTSIDE;
  return { bench, told: bench.udp('server', SERVER, 10080, to, 850, text)[0]!.text };
}
const stream = (port: number): string => `tcp 10.1.0.2:* > 10.2.0.2:${port} 180s`;

describe('streams', () => {
  test.each([
    ['three', REPLY, [50011, 50012, 50013].map(stream)],
    ['of newer versions', 'CONNECT DATA 1 MESG 2 INDEX 3 STATE 4\n', [1, 2, 3, 4].map(stream)],
    ['one that has none', 'CONNECT DATA 50011 INDEX 50013\n', [50011, 50013].map(stream)],
    ['behind the line: nothing', 'CONNECT\nDATA 50011\n', []],
    ['no line end: nothing', 'CONNECT DATA 50011', []],
    ['port 0 ends the list', 'CONNECT DATA 0 MESG 50012\n', []],
  ])('%s', (_name, text, expected) => {
    expect(answered(text).bench.expected).toEqual(expected);
  });
  test('an answer keeps the request for 300 s, a request does not', () => {
    const { bench } = answered('Amanda 2.6 ACK\n');
    expect([...bench.host.flows()].map((f) => f.timeout)).toEqual([300]);
    bench.udp('client', CLIENT, 850, SERVER, 10080, 'CONNECT DATA 1\n');
    expect([[...bench.host.flows()].map((f) => f.timeout), bench.expected]).toEqual([[30], []]);
  });
  test('behind MASQUERADE: what comes is translated as the request was', () => {
    const { bench, told } = answered(REPLY, MASQUERADE);
    expect(told).toBe(REPLY);
    const syn = new Talk(bench, { port: 33000, peerPort: 50012 }).put('client', 2);
    expect([syn!.source, syn!.dport, bench.state]).toEqual([OUTSIDE, 50012, CT_RELATED]);
  });
});
