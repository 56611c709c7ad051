/**
 * `conntrack -E` beside ours, over the same changes: each event in the same place and the same words, but for what the two cannot agree
 * on - when each heard of it, and whether the program that did it was still there to be named.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, canCompare, difference, runOurs, World, wordsOf } from './world.js';

const LINES = [
  '-E',
  '-E conntrack -o extended,id',
  '-E -o timestamp',
  '-E -o xml',
  '-E -o xml,timestamp,id',
  '-E -o save',
  '-E -o labels,userspace',
  '-E -o ktimestamp',
  '-E -e NEW',
  '-E -e DESTROY,UPDATES',
  '-E -e ALL -p udp',
  '-E -e D',
  '-E -p tcp --dport 80',
  '-E -p tcp --state ESTABLISHED',
  '-E -s 10.3.0.0/16',
  '-E -f ipv6',
  '-E -d 2001:db8::2',
  '-E -m 5',
  '-E -n',
  '-E -j 192.0.2.1',
  '-E -w 5',
  '-E --orig-zone 6',
  '-E -l one',
  '-E -b 100000',
  '-E -b 0',
  '-E -b x',
  '-E -b -1',
  '-E expect',
  '-E expect -o timestamp',
  '-E expect -o xml',
  '-E expect -o id,extended',
];

/** What is done while they look. */
const CHANGES = [
  'conntrack -I -t 60 -s 10.3.0.1 -d 10.0.0.2 -p tcp --sport 1 --dport 80 --state ESTABLISHED -u SEEN_REPLY',
  'conntrack -I -t 60 -s 10.3.0.1 -d 10.0.0.2 -p udp --sport 1 --dport 80 -m 5 --label-add one',
  'conntrack -I -t 60 -s 10.3.0.2 -d 10.0.0.2 -p udp --sport 1 --dport 80 -w 5',
  'conntrack -I -t 60 -s 10.3.0.2 -d 10.0.0.2 -p udp --sport 2 --dport 80 --orig-zone 6',
  'conntrack -I -t 60 -s 10.4.0.2 -d 10.0.0.2 -p udp --sport 2 --dport 80 -n 192.0.2.1',
  'conntrack -I -t 60 -s 2001:db8::1 -d 2001:db8::2 -p icmpv6 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 3',
  'conntrack -I -t 60 -s 10.3.0.3 -d 10.0.0.2 -p 50',
  'conntrack -U -s 10.3.0.1 -p tcp -m 5',
  'conntrack -U -s 10.3.0.1 -p tcp --state TIME_WAIT',
  'conntrack -U -s 10.3.0.1 -p udp -u ASSURED -t 70',
  'python3 ftp.py',
  'conntrack -F expect',
  'conntrack -D',
];

describe.skipIf(!canCompare)('as conntrack -E shows (needs root and conntrack)', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(() => world.stop());

  test('events of all kinds, in all forms, through all filters', { timeout: 240_000 }, async () => {
    world.run(['conntrack', '-F']);
    const real = LINES.map((line) => startReal(world, line));
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    const ours = LINES.map(async (line) => runOurs(line, await world.open(), '', stop.signal));
    // both have to be listening
    await delay(3000);
    world.run(['sh', '-c', `{ ${CHANGES.join('; ')}; } >/dev/null 2>&1`]);
    await delay(2000);
    stop.abort();
    const differences: string[] = [];
    for (let i = 0; i < LINES.length; i++) {
      const found = difference(heard(await real[i]!.end()), heard(await ours[i]!), 2);
      if (found !== '') differences.push(`conntrack ${LINES[i]}: ${found}`);
    }
    expect(differences.join('\n\n')).toBe('');
    expect((await ours[0]!).out.split('\n').length).toBeGreaterThan(15);
    expect((await ours[LINES.indexOf('-E expect')]!).out).toContain('[DESTROY]');
  });
});

function startReal(world: World, line: string): { end(): Promise<Answer> } {
  const child = world.start(['conntrack', ...wordsOf(line)]);
  const answer: Answer = { status: 0, out: '', err: '' };
  child.stdout!.on('data', (part: Buffer) => {
    answer.out += part.toString();
  });
  child.stderr!.on('data', (part: Buffer) => {
    answer.err += part.toString();
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', (code, signal) => {
      answer.status = code ?? (signal === null ? 1 : 128);
      resolve();
    });
  });
  return {
    end: async () => {
      child.kill('SIGINT');
      await ended;
      return answer;
    },
  };
}

/** Without when it was heard, who did it, and how often the FTP client's TCP acknowledged. */
function heard(answer: Answer): Answer {
  const out = answer.out
    .replace(/^\[\d+\.\d+ *\]\t/gm, '[S]\t')
    .replace(/ \[USERSPACE\] portid=\d+( progname=\S+)?$/gm, ' [USERSPACE]')
    .replace(/<when>.*<\/when>/g, '<when/>')
    .replace(/\[(start|stop)=[^\]]*\]/g, '[$1]')
    .replace(/packets=\d+ bytes=\d+/g, 'packets=P')
    .replace(/<packets>\d+<\/packets><bytes>\d+<\/bytes>/g, '<packets/>');
  return { ...answer, out };
}
