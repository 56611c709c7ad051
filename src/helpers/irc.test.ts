import { describe, expect, test } from 'vitest';
import { CLIENT, HelperBench, MASQUERADE, OUTSIDE, Talk } from '../../test/support/helper-bench.js';
import { CT_RELATED } from '../wire/packet.js';

const IRC = { helper: 'irc', protocol: 'tcp', port: 6667 } as const;
/** 10.1.0.2 and 10.2.0.1 as numbers. */
const INSIDE_NUMBER = 0x0a010002;
const OUTSIDE_NUMBER = 0x0a020001;
const dcc = (verb: string, rest: string): string => `PRIVMSG bob :\x01DCC ${verb} ${rest}\x01\r\n`;

function talk(nat?: string): { bench: HelperBench; talk: Talk } {
  const bench = new HelperBench({ ...IRC, ...(nat === undefined ? {} : { nat }) });
  return { bench, talk: new Talk(bench, { peerPort: 6667 }).open() };
}

describe('DCC', () => {
  const ONE = ['tcp *:* > 10.1.0.2:45001'];
  test.each([
    ['SEND', dcc('SEND', `file ${INSIDE_NUMBER} 45001 1000`), ONE],
    ['CHAT', dcc('CHAT', `chat ${INSIDE_NUMBER} 45001`), ONE],
    ['MOVE', dcc('MOVE', `file ${INSIDE_NUMBER} 45001`), ONE],
    ['TSEND', dcc('TSEND', `file ${INSIDE_NUMBER} 45001`), ONE],
    ['SCHAT', dcc('SCHAT', `chat ${INSIDE_NUMBER} 45001`), ONE],
    ['blanks before the command', `\r\n ${dcc('CHAT', `chat ${INSIDE_NUMBER} 45001`)}`, ONE],
    ['the command in any case', dcc('CHAT', `chat ${INSIDE_NUMBER} 45001`).replace('PRIVMSG', 'privmsg'), ONE],
    ['a tab before the command: nothing', `\t${dcc('CHAT', `chat ${INSIDE_NUMBER} 45001`)}`, []],
    [
      'an unknown verb, then one that is known',
      `PRIVMSG b :\x01DCC XXXX chat 0 1\x01 :\x01DCC CHAT chat ${INSIDE_NUMBER} 45001\x01\r\n`,
      ONE,
    ],
    [
      'behind one that cannot be believed: nothing',
      `PRIVMSG b :\x01DCC CHAT chat 0 1\x01 :\x01DCC CHAT chat ${INSIDE_NUMBER} 45001\x01\r\n`,
      [],
    ],
    ['some other verb: nothing', dcc('XCHAT', `chat ${INSIDE_NUMBER} 45001`), []],
    ['verbs in lower case: nothing', dcc('chat', `chat ${INSIDE_NUMBER} 45001`), []],
    ["somebody else's address: nothing", dcc('CHAT', `chat ${0x01020304} 45001`), []],
    ['port 0: nothing', dcc('CHAT', `chat ${INSIDE_NUMBER} 0`), []],
    ['no line end: nothing', dcc('CHAT', `chat ${INSIDE_NUMBER} 45001`).trimEnd(), []],
    ['another command: nothing', dcc('CHAT', `chat ${INSIDE_NUMBER} 45001`).replace('PRIVMSG', 'NOTICES'), []],
    ['no DCC: nothing', 'PRIVMSG bob :a text that is long enough to be one\r\n', []],
  ])('%s', (_name, line, expected) => {
    const { bench, talk: t } = talk();
    expect(t.say('client', line)).toBe(line);
    expect(bench.expected).toEqual(expected);
  });
  test('from the server: nothing', () => {
    const { bench, talk: t } = talk();
    t.say('server', dcc('CHAT', `chat ${INSIDE_NUMBER} 45001`));
    expect(bench.expected).toEqual([]);
  });
  test('eight wait at once; the ninth takes the place of the first', () => {
    const { bench, talk: t } = talk();
    for (let port = 45001; port <= 45009; port++) t.say('client', dcc('CHAT', `chat ${INSIDE_NUMBER} ${port}`));
    expect(bench.expected).toHaveLength(8);
    expect(bench.expected).not.toContain('tcp *:* > 10.1.0.2:45001');
  });
  test.each([INSIDE_NUMBER, OUTSIDE_NUMBER])(
    'behind MASQUERADE the number is the address outside (named %d)',
    (number) => {
      const { bench, talk: t } = talk(MASQUERADE);
      const told = t.say('client', dcc('SEND', `file ${number} 45001 1000`));
      expect(told).toBe(dcc('SEND', `file ${OUTSIDE_NUMBER} 45001 1000`));
      expect(t.isSound).toBe(true);
      const other = new Talk(bench, { address: '10.22.0.5', peer: OUTSIDE, peerPort: 45001, from: 'server' });
      expect(other.put('client', 2)).toMatchObject({ destination: CLIENT, dport: 45001 });
      expect(bench.state).toBe(CT_RELATED);
    },
  );
});
