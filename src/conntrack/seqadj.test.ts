import { describe, expect, test } from 'vitest';
import { HelperBench, MASQUERADE, Talk } from '../../test/support/helper-bench.js';
import { u32 } from '../../test/support/wire-frames.js';
import { ConnHelp } from './helper.js';
import { noteLength, seqOffset } from './seqadj.js';

describe('one place is remembered for each direction', () => {
  test.each<[string, [seq: number, by: number][], [seq: number, offset: number][]]>([
    ['nothing changed', [], [[5, 0]]],
    [
      'a segment that grew',
      [[100, 3]],
      [
        [99, 0],
        [100, 0],
        [101, 3],
      ],
    ],
    [
      'a second one',
      [
        [100, 3],
        [200, -5],
      ],
      [
        [200, 3],
        [201, -2],
      ],
    ],
    [
      'the same again',
      [
        [100, 3],
        [100, 3],
      ],
      [[101, 3]],
    ],
    [
      'an earlier one again',
      [
        [200, 3],
        [100, 3],
      ],
      [
        [150, 0],
        [201, 3],
      ],
    ],
    [
      'around the end of numbers',
      [[-1, 7]],
      [
        [-1, 0],
        [0, 7],
      ],
    ],
  ])('%s', (_name, changes, offsets) => {
    const help = new ConnHelp();
    for (const [seq, by] of changes) noteLength(help, 0, seq, by);
    for (const [seq, offset] of offsets) expect(seqOffset(help, 0, seq), `at ${seq}`).toBe(offset);
    expect(seqOffset(help, 1, 1000)).toBe(0);
  });
});

test('SACK blocks are turned back, and the checksum follows where they stand at even places', () => {
  const nat = '-A POSTROUTING -o r1 -j SNAT --to-source 123.123.123.123\n';
  const bench = new HelperBench({ helper: 'ftp', protocol: 'tcp', port: 21, nat });
  const talk = new Talk(bench, { peerPort: 21 }).open();
  talk.say('server', '220 x\r\n');
  talk.say('client', 'USER x\r\n');
  talk.say('client', 'PORT 10,1,0,2,160,40\r\n');
  talk.say('client', 'NOOP\r\n');
  const edge = talk.ends.server.received;
  const grown = edge - talk.ends.client.next;
  expect(grown).toBe(7);
  const left = talk.put('server', 16, [], [1, 1, 5, 10, ...u32(edge - 6), ...u32(edge)])!;
  expect(left.options).toEqual([1, 1, 5, 10, ...u32(edge - 6 - grown), ...u32(edge - grown)]);
  expect([left.ack, left.isSound]).toEqual([edge - grown, true]);
});

test.each([
  ['whole', [1, 1, 8, 2], true],
  ['that goes on behind the header', [1, 1, 8, 3], false],
  ['of no length', [1, 8, 1, 1], false],
  ['of which only the kind is there', [1, 1, 1, 8], false],
])('an acknowledgement in an adjusted connection with an option %s', (_claim, options, passes) => {
  const nat = '-A POSTROUTING -o r1 -j SNAT --to-source 123.123.123.123\n';
  const bench = new HelperBench({ helper: 'ftp', protocol: 'tcp', port: 21, nat });
  const talk = new Talk(bench, { peerPort: 21 }).open();
  talk.say('server', '220 x\r\n');
  talk.say('client', 'USER x\r\n');
  talk.say('client', 'PORT 10,1,0,2,160,40\r\n');
  expect(talk.put('server', 16, [], options) !== null).toBe(passes);
});

test('a connection without a change of length is left alone', () => {
  const bench = new HelperBench({ helper: 'ftp', protocol: 'tcp', port: 21, nat: MASQUERADE });
  const talk = new Talk(bench, { peerPort: 21 }).open();
  talk.say('server', '220 x\r\n');
  expect([...bench.host.flows()][0]!.status & (1 << 6)).toBe(0); // SEQ_ADJUST
});
