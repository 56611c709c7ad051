import { describe, expect, it, test } from 'vitest';
import {
  CLIENT,
  CLIENT6,
  HelperBench,
  type HelperBenchOptions,
  MASQUERADE,
  OUTSIDE,
  SERVER,
  SERVER6,
  Talk,
} from '../../test/support/helper-bench.js';
import { CT_ESTABLISHED, CT_NEW, CT_RELATED } from '../wire/packet.js';

const FTP = { helper: 'ftp', protocol: 'tcp', port: 21 } as const;

/** A control connection over which each side has said a line. */
function control(options: Partial<HelperBenchOptions> = {}, peer = SERVER): { bench: HelperBench; talk: Talk } {
  const bench = new HelperBench({ ...FTP, ...options });
  const address = options.family === 10 ? CLIENT6 : CLIENT;
  const talk = new Talk(bench, { address, peer: options.family === 10 ? SERVER6 : peer, peerPort: 21 }).open();
  talk.say('server', '220 ready\r\n');
  talk.say('client', 'USER x\r\n');
  return { bench, talk };
}

describe('announcements', () => {
  test.each([
    ['PORT', 'client', 'PORT 10,1,0,2,160,40\r\n', ['tcp 10.2.0.2:* > 10.1.0.2:41000']],
    ['in any case', 'client', 'port 10,1,0,2,160,40\r\n', ['tcp 10.2.0.2:* > 10.1.0.2:41000']],
    [
      'numbers above 255 are cut to what fits',
      'client',
      'PORT 10,1,0,2,300,1\r\n',
      ['tcp 10.2.0.2:* > 10.1.0.2:11265'],
    ],
    ['somebody else: nothing', 'client', 'PORT 10,9,9,9,160,40\r\n', []],
    ['not at the beginning of the line', 'client', ' PORT 10,1,0,2,160,40\r\n', []],
    ['EPRT', 'client', 'EPRT |1|10.1.0.2|41003|\r\n', ['tcp 10.2.0.2:* > 10.1.0.2:41003']],
    ['EPRT with another bar', 'client', 'EPRT !1!10.1.0.2!41003!\r\n', ['tcp 10.2.0.2:* > 10.1.0.2:41003']],
    ['PORT from the server', 'server', 'PORT 10,2,0,2,160,40\r\n', []],
    ['227', 'server', '227 Entering Passive Mode (10,2,0,2,164,16).\r\n', ['tcp 10.1.0.2:* > 10.2.0.2:42000']],
    ['227 without parentheses', 'server', '227 =10,2,0,2,164,16\r\n', ['tcp 10.1.0.2:* > 10.2.0.2:42000']],
    ['227 of another server', 'server', '227 (10,2,0,3,164,16)\r\n', []],
    ['229', 'server', '229 Extended (|||42004|)\r\n', ['tcp 10.1.0.2:* > 10.2.0.2:42004']],
    ['227 from the client', 'client', '227 =10,1,0,2,164,16\r\n', []],
  ] as const)('%s', (_name, who, line, expected) => {
    const { bench, talk } = control();
    expect(talk.say(who, line)).toBe(line);
    expect(bench.expected).toEqual(expected);
  });
  test.each([
    ['PORT with a number too few', 'client', 'PORT 10,1,0,2,160\r\n'],
    ['PORT without its line end', 'client', 'PORT 10,1,0,2,160,46'],
    ['the word alone', 'client', 'PORT'],
    ['EPRT of the other family', 'client', 'EPRT |2|fd00:1::2|41004|\r\n'],
    ['EPRT with port 0', 'client', 'EPRT |1|10.1.0.2|0|\r\n'],
    ['227 without numbers', 'server', '227 none\r\n'],
    ['229 with an address', 'server', '229 Extended (|1|10.2.0.2|42003|)\r\n'],
  ] as const)('what cannot be read is dropped: %s', (_name, who, line) => {
    const { bench, talk } = control();
    expect(
      talk.put(
        who,
        24,
        [...line].map((c) => c.charCodeAt(0)),
      ),
    ).toBe(null);
    expect([bench.reason, bench.expected]).toEqual(['helper-refuses', []]);
  });
  test.each([
    ['EPRT', 'client', 'EPRT |2|fd00:1::2|41004|\r\n', ['tcp fd00:2::2:* > fd00:1::2:41004']],
    ['229', 'server', '229 (|||42004|)\r\n', ['tcp fd00:1::2:* > fd00:2::2:42004']],
    ['PORT names somebody else', 'client', 'PORT 10,1,0,2,160,40\r\n', []],
    [
      'PORT with the beginning of the own address',
      'client',
      'PORT 253,0,0,1,160,40\r\n',
      ['tcp fd00:2::2:* > fd00:1::2:41000'],
    ],
  ] as const)('IPv6: %s', (_name, who, line, expected) => {
    const { bench, talk } = control({ family: 10 });
    expect(talk.say(who, line)).toBe(line);
    expect(bench.expected).toEqual(expected);
  });
  test('loose: any address, if the module says so', () => {
    const { bench, talk } = control({ config: { modules: ['nf_conntrack_ftp loose=1'] } });
    talk.say('client', 'PORT 10,9,9,9,160,40\r\n');
    expect(bench.expected).toEqual(['tcp 10.2.0.2:* > 10.9.9.9:41000']);
  });
});

describe('lines', () => {
  test('the first segment of a direction begins no line that is known', () => {
    const bench = new HelperBench(FTP);
    const talk = new Talk(bench, { peerPort: 21 }).open();
    talk.say('client', 'PORT 10,1,0,2,160,40\r\n');
    expect(bench.expected).toEqual([]);
    talk.say('client', 'PORT 10,1,0,2,160,41\r\n');
    expect(bench.expected).toEqual(['tcp 10.2.0.2:* > 10.1.0.2:41001']);
  });
  test('a segment in the middle of a line announces nothing', () => {
    const { bench, talk } = control();
    talk.say('client', 'NOOP ');
    talk.say('client', 'PORT 10,1,0,2,160,40\r\n');
    expect(bench.expected).toEqual([]);
  });
  test('a repeated segment counts again: the expectation is as new', () => {
    const { bench, talk } = control();
    const line = 'PORT 10,1,0,2,160,40\r\n';
    talk.say('client', line);
    bench.wait(10_000);
    talk.ends.client.next -= line.length;
    talk.say('client', line);
    expect(bench.expected).toEqual(['tcp 10.2.0.2:* > 10.1.0.2:41000']);
    expect(bench.events.map((e) => e.split(' ')[0])).toEqual(['NEW', 'DESTROY', 'NEW']);
  });
  test('two places are remembered: the one before last still is one', () => {
    const { bench, talk } = control();
    const before = talk.ends.client.next;
    talk.say('client', 'NOOP\r\n');
    talk.ends.client.next = before;
    talk.say('client', 'PORT 10,1,0,2,160,40\r\n');
    expect(bench.expected).toHaveLength(1);
  });
});

describe('the data connection', () => {
  it('is RELATED, has the master and its mark, and no helper of its own', () => {
    const { bench, talk } = control();
    talk.say('client', 'PORT 10,1,0,2,160,40\r\n');
    const control0 = bench.host.result.connection >> 1;
    bench.host.tracker.table.words[(control0 << 5) + 11] = 77;
    const data = new Talk(bench, { address: SERVER, port: 20, peer: CLIENT, peerPort: 41000, from: 'server' });
    data.put('client', 2);
    expect([bench.state, bench.expected]).toEqual([CT_RELATED, []]);
    const flow = [...bench.host.flows()].find((f) => f.original.ports!.source === 20)!;
    expect(flow).toMatchObject({ mark: 77, helper: null, status: 1 | 8 });
    expect(bench.host.tracker.table.masterHelperName(bench.host.result.connection >> 1)).toBe('ftp');
    data.put('server', 18);
    expect(bench.state).toBe(CT_ESTABLISHED);
  });
  it('is NEW from another address', () => {
    const { bench, talk } = control();
    talk.say('client', 'PORT 10,1,0,2,160,40\r\n');
    new Talk(bench, { address: '10.2.0.3', port: 20, peer: CLIENT, peerPort: 41000, from: 'server' }).put('client', 2);
    expect([bench.state, bench.expected.length]).toEqual([CT_NEW, 1]);
  });
});

describe('under NAT', () => {
  test.each([
    ['PORT', 'PORT 10,1,0,2,160,40\r\n', 'PORT 10,2,0,1,160,40\r\n'],
    ['EPRT', 'EPRT |1|10.1.0.2|41000|\r\n', 'EPRT |1|10.2.0.1|41000|\r\n'],
    ['EPRT, in other bars', 'EPRT !1!10.1.0.2!41000!\r\n', 'EPRT |1|10.2.0.1|41000|\r\n'],
  ])('%s names the address outside', (_name, line, told) => {
    const { bench, talk } = control({ nat: MASQUERADE });
    expect(talk.say('client', line)).toBe(told);
    expect(bench.expected).toEqual(['tcp 10.2.0.2:* > 10.2.0.1:41000']);
    const data = new Talk(bench, { address: SERVER, port: 20, peer: OUTSIDE, peerPort: 41000, from: 'server' });
    expect(data.put('client', 2)).toMatchObject({ source: SERVER, sport: 20, destination: CLIENT, dport: 41000 });
    expect(data.put('server', 18)).toMatchObject({ source: OUTSIDE, sport: 41000, destination: SERVER, dport: 20 });
    expect(data.isSound && talk.isSound).toBe(true);
  });
  test.each([
    ['227', '227 (10,2,0,2,164,16)\r\n', '227 (10,1,0,1,164,16)\r\n'],
    ['229', '229 (|||42000|)\r\n', '229 (|||42000|)\r\n'],
  ])('%s of a server behind DNAT', (_name, line, told) => {
    const { bench, talk } = control(
      { nat: '-A PREROUTING -d 10.1.0.1/32 -p tcp --dport 21 -j DNAT --to-destination 10.2.0.2\n' },
      '10.1.0.1',
    );
    expect(talk.say('server', line)).toBe(told);
    const data = new Talk(bench, { port: 43000, peer: '10.1.0.1', peerPort: 42000 });
    expect(data.put('client', 2)).toMatchObject({ source: CLIENT, destination: SERVER, dport: 42000 });
  });
  test('a port that is expected by another client: the next free one', () => {
    const { bench, talk } = control({ nat: MASQUERADE });
    talk.say('client', 'PORT 10,1,0,2,160,40\r\n');
    const second = new Talk(bench, { address: '10.1.0.3', port: 40001, peerPort: 21 }).open();
    second.say('client', 'USER y\r\n');
    const told = second.say('client', 'PORT 10,1,0,3,160,40\r\n')!;
    const [, high, low] = /^PORT 10,2,0,1,(\d+),(\d+)\r\n$/.exec(told)!;
    const port = Number(high) * 256 + Number(low);
    expect(port).toBeGreaterThan(41000);
    const data = new Talk(bench, { address: SERVER, port: 20, peer: OUTSIDE, peerPort: port, from: 'server' });
    expect(data.put('client', 2)).toMatchObject({ destination: '10.1.0.3', dport: 41000 });
  });
  test('without the module for NAT the command stays as it is', () => {
    const { bench, talk } = control({ nat: MASQUERADE, config: { modules: ['nf_conntrack_ftp'] } });
    expect(talk.say('client', 'PORT 10,1,0,2,160,40\r\n')).toBe('PORT 10,1,0,2,160,40\r\n');
    expect(bench.expected).toEqual(['tcp 10.2.0.2:* > 10.2.0.1:41000']);
  });
  test('a command that became longer or shorter: both ends stay in step, to the end', () => {
    for (const nat of [MASQUERADE, '-A POSTROUTING -o r1 -j SNAT --to-source 123.123.123.123\n']) {
      const { bench, talk } = control({ nat });
      const lines = ['PORT 10,1,0,2,160,40\r\n', 'NOOP\r\n', 'EPRT |1|10.1.0.2|41001|\r\n', 'LIST\r\n'];
      for (const line of lines) {
        expect(talk.say('client', line)).not.toBe(null);
        expect(bench.state).toBe(CT_ESTABLISHED);
        expect(talk.say('server', '200 ok\r\n')).toBe('200 ok\r\n');
        expect(bench.state).toBe(CT_ESTABLISHED);
      }
      // as the client counts
      expect(talk.put('server', 16)!.ack).toBe(talk.ends.client.next);
      talk.close();
      expect([bench.state, talk.isSound]).toEqual([CT_ESTABLISHED, true]);
      expect([...bench.host.flows()][0]!.state).toBe(7); // TIME_WAIT
    }
  });
});
