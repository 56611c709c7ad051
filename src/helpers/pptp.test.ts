import { describe, expect, test } from 'vitest';
import { CLIENT, HelperBench, MASQUERADE, OUTSIDE, SERVER, Talk } from '../../test/support/helper-bench.js';
import { type Bytes, u16, u32 } from '../../test/support/wire-frames.js';
import { CT_ESTABLISHED, CT_NEW, CT_RELATED } from '../wire/packet.js';

const zeros = (n: number): Bytes => Array<number>(n).fill(0);
const message = (type: number, body: Bytes): Bytes => [
  ...u16(12 + body.length),
  ...u16(1),
  ...u32(0x1a2b3c4d),
  ...u16(type),
  0,
  0,
  ...body,
];
const START = message(1, zeros(144));
const started = (result = 1): Bytes => message(2, [1, 0, result, ...zeros(141)]);
const outCall = (id: number): Bytes => message(7, [...u16(id), ...zeros(154)]);
const outReply = (id: number, peer: number, result = 1): Bytes =>
  message(8, [...u16(id), ...u16(peer), result, ...zeros(15)]);
const inCall = (id: number): Bytes => message(9, [...u16(id), ...zeros(206)]);
const inReply = (id: number, peer: number, result = 1): Bytes =>
  message(10, [...u16(id), ...u16(peer), result, ...zeros(7)]);
const inConnect = (peer: number): Bytes => message(11, [...u16(peer), ...zeros(14)]);
const disconnect = (id: number): Bytes => message(13, [...u16(id), ...zeros(134)]);

const CALL = ['gre 10.1.0.2:16384 > 10.2.0.2:128', 'gre 10.2.0.2:128 > 10.1.0.2:16384'];

function control(nat?: string, peer = SERVER): { bench: HelperBench; talk: Talk } {
  const bench = new HelperBench({ helper: 'pptp', protocol: 'tcp', port: 1723, ...(nat === undefined ? {} : { nat }) });
  return { bench, talk: new Talk(bench, { peer, peerPort: 1723 }).open() };
}

type Line = ['client' | 'server', Bytes];
function play(talk: Talk, lines: Line[]): void {
  for (const [who, data] of lines) talk.say(who, data);
}
const BEGUN: Line[] = [
  ['client', START],
  ['server', started()],
];
const OUTGOING: Line[] = [...BEGUN, ['client', outCall(0x4000)], ['server', outReply(0x80, 0x4000)]];

describe('calls', () => {
  test.each<[string, Line[], string[]]>([
    ['from the client', OUTGOING, CALL],
    [
      'from the server',
      [...BEGUN, ['server', inCall(0x80)], ['client', inReply(0x4000, 0x80)], ['server', inConnect(0x4000)]],
      CALL,
    ],
    [
      'nobody began',
      [
        ['client', outCall(0x4000)],
        ['server', outReply(0x80, 0x4000)],
      ],
      [],
    ],
    ['the server refused to begin', [['client', START], ['server', started(2)], ...OUTGOING.slice(2)], []],
    ['the server refused the call', [...OUTGOING.slice(0, 3), ['server', outReply(0x80, 0x4000, 2)]], []],
    ['an answer to another call', [...OUTGOING.slice(0, 3), ['server', outReply(0x80, 0x4001)]], []],
    ['the answer twice', [...OUTGOING, ['server', outReply(0x80, 0x4000)]], CALL],
    [
      'the client refused',
      [...BEGUN, ['server', inCall(0x80)], ['client', inReply(0x4000, 0x80, 2)], ['server', inConnect(0x4000)]],
      [],
    ],
    ['over', [...OUTGOING, ['server', disconnect(0x80)]], []],
    ['too short to be one', [...OUTGOING.slice(0, 3), ['server', outReply(0x80, 0x4000).slice(0, 30)]], []],
    ['another cookie', [...OUTGOING.slice(0, 3), ['server', outReply(0x80, 0x4000).fill(0, 4, 8)]], []],
  ])('%s', (_name, lines, expected) => {
    const { bench, talk } = control();
    play(talk, lines);
    expect(bench.expected).toEqual(expected);
  });
  test('frames of both sides are one connection; the other expectation is gone', () => {
    const { bench, talk } = control();
    play(talk, OUTGOING);
    const frame = (id: number): Bytes => [0x30, 1, 0x88, 0x0b, 0, 2, ...u16(id), ...u32(1), 1, 2];
    bench.send('client', bench.packet(47, CLIENT, SERVER, frame(0x80)));
    expect([bench.state, bench.expected]).toEqual([CT_RELATED, []]);
    bench.send('server', bench.packet(47, SERVER, CLIENT, frame(0x4000)));
    expect(bench.state).toBe(CT_ESTABLISHED);
    bench.send('client', bench.packet(47, CLIENT, SERVER, frame(0x99)));
    expect(bench.state).toBe(CT_NEW);
    expect([...bench.host.flows()].filter((f) => f.protocol === 47)).toHaveLength(2);
    talk.say('server', disconnect(0x80));
    const left = [...bench.host.flows()].filter((f) => f.protocol === 47);
    expect(left.map((f) => f.original.keys)).toEqual([{ source: 0, destination: 0x99 }]);
  });
  test.each([
    ['stays', 0x80, ['gre 10.1.0.2:0 > 10.1.0.1:128']],
    ['goes where all call ids are 0', 0, []],
  ])('a published server calls, and its frame is the first: the other expectation %s', (_claim, id, left) => {
    const { bench, talk } = control('-A PREROUTING -d 10.1.0.1 -j DNAT --to-destination 10.2.0.2\n', '10.1.0.1');
    play(talk, [...BEGUN, ['server', inCall(id)], ['client', inReply(0x4000, id)], ['server', inConnect(0x4000)]]);
    expect(bench.expected).toHaveLength(2);
    const frame = [0x30, 1, 0x88, 0x0b, 0, 2, ...u16(0x4000), ...u32(1), 1, 2];
    bench.send('server', bench.packet(47, SERVER, CLIENT, frame));
    expect([bench.state, bench.expected]).toEqual([CT_RELATED, left]);
  });
  test.each(['client', 'server'] as const)('behind MASQUERADE the call id is the port outside (%s first)', (first) => {
    const { bench, talk } = control(MASQUERADE);
    play(talk, BEGUN);
    const idAt = (text: string | null, at: number): number => (text!.charCodeAt(at) << 8) | text!.charCodeAt(at + 1);
    expect(idAt(talk.say('client', outCall(0x4000)), 12)).toBe(40000);
    expect(idAt(talk.say('server', outReply(0x80, 40000)), 14)).toBe(0x4000);
    expect(bench.expected).toEqual(['gre 10.1.0.2:16384 > 10.2.0.2:128', 'gre 10.2.0.2:128 > 10.2.0.1:40000']);
    const frame = (id: number): Bytes => [0x30, 1, 0x88, 0x0b, 0, 2, ...u16(id), ...u32(1), 1, 2];
    const fromClient = () => bench.send('client', bench.packet(47, CLIENT, SERVER, frame(0x80)));
    const fromServer = () => bench.send('server', bench.packet(47, SERVER, OUTSIDE, frame(40000)));
    const way = first === 'client' ? [fromClient, fromServer] : [fromServer, fromClient];
    const states = way.map((go) => {
      const [left] = go();
      expect(left).toMatchObject(
        go === fromClient ? { source: OUTSIDE, dport: 0x80 } : { destination: CLIENT, dport: 0x4000 },
      );
      return bench.state;
    });
    expect(states).toEqual([CT_RELATED, CT_ESTABLISHED]);
    expect(bench.expected).toEqual(first === 'client' ? [] : ['gre 10.1.0.2:16384 > 10.2.0.2:128']);
    expect(talk.isSound).toBe(true);
  });
});
