import { describe, expect, test } from 'vitest';
import { HelperBench, Talk } from '../../test/support/helper-bench.js';
import { u16, u32 } from '../../test/support/wire-frames.js';

const START = [...u32(7), ...u32(0)];
const answer = (status: number, zero: number, port: number) => [...u32(status), ...u16(zero), ...u16(port)];

describe('a scan begins', () => {
  const ONE = ['tcp 10.1.0.2:* > 10.2.0.2:7000'];
  test.each([
    ['the answer names the port', START, answer(0, 0, 7000), ONE],
    ['more behind it', START, [...answer(0, 0, 7000), 1, 2, 3, 4], ONE],
    ['the scanner refuses: nothing', START, answer(3, 0, 7000), []],
    ['no zero where one has to be: nothing', START, answer(0, 1, 7000), []],
    ['too short: nothing', START, answer(0, 0, 7000).slice(0, 7), []],
    ['another request: nothing', [...u32(6), ...u32(0)], answer(0, 0, 7000), []],
  ])('%s', (_name, request, reply, expected) => {
    const bench = new HelperBench({ helper: 'sane', protocol: 'tcp', port: 6566 });
    const talk = new Talk(bench, { peerPort: 6566 }).open();
    talk.say('client', request);
    talk.say('server', reply);
    expect(bench.expected).toEqual(expected);
  });
  test('a request of another length changes nothing; only the next answer counts', () => {
    const bench = new HelperBench({ helper: 'sane', protocol: 'tcp', port: 6566 });
    const talk = new Talk(bench, { peerPort: 6566 }).open();
    talk.say('client', START);
    talk.say('client', [1, 2, 3]);
    talk.say('server', answer(5, 0, 7000));
    talk.say('server', answer(0, 0, 7000));
    expect(bench.expected).toEqual([]);
  });
});
