/**
 * What conntrack(8) 1.4.7 answered when compare.test.ts recorded it, against ours on the table as it was saved then: so the command lines
 * are checked where there is no kernel to ask, and --table with them.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SavedTable } from '../../src/tools/conntrack/saved-table.js';
import { KNOWN } from './lines.js';
import { type Answer, difference, runOurs, wordsOf } from './world.js';

interface Row {
  line: string;
  input?: string;
  real: Answer;
}

const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/conntrack/${name}`, import.meta.url), 'utf8');
const recorded = JSON.parse(fixture('answers.json')) as Record<string, { ftp: boolean; rows: Row[] }>;
const tables = { plain: fixture('table.jsonl'), ftp: fixture('table-ftp.jsonl') };

/** What a saved table cannot know: what only a kernel has, counts or refuses. */
const KERNEL_ONLY: readonly (readonly [RegExp, string])[] = [
  [/(^| )-S\b/, "statistics are the kernel's"],
  [/^(-L (d|u|dying|unconfirmed)( |$))/, 'lists of connections that are not in the table yet, or not any more'],
  [/-u EXPECTED/, 'the kernel alone sets this bit'],
  [/--icmp-type 99/, 'the kernel knows which types are queries'],
  [/-u OFFLOAD/, 'the kernel takes this bit only from itself'],
  [/^-[IDFGLC] e(xp(ect)?)?\b/, 'expectations are compared live'],
  [/^-L -z/, 'counters are zeroed in the kernel'],
  [/--label-add (one,)?two/, 'labels are shown in the order of their bits'],
  [/^-U -p sctp .*--state/, 'the kernel wants the tags with the state'],
  [/^-[IA] .*-[ng] .*/, 'what a translation leads to'],
  [/^-I .*-r 3\.3\.3\.3 -q 4\.4\.4\.4 -p udp --sport/, 'a connection of protocol 0'],
];

/** Numbers that are the kernel's: of connections, and of those who look at them. */
function withoutKernel(answer: Answer): Answer {
  const out = answer.out
    .replace(/(\bid=)\d{4,}|(<id>)\d+/g, '$1$2N')
    .replace(/(\buse=)\d+|(<use>)\d+/g, '$1$2N')
    .replace(/(<deltatime>|delta-time=)\d+/g, '$10')
    .replace(/\[start=[^\]]*\]|<start>.*?<\/start>/g, '[start]')
    .replace(/<packets>\d+<\/packets><bytes>\d+<\/bytes>/g, '<packets/>');
  return { ...answer, out };
}

function savedTable(isFtp: boolean): SavedTable {
  return new SavedTable({
    name: 'saved',
    async *read() {
      yield tables[isFtp ? 'ftp' : 'plain'];
    },
  });
}

describe('as conntrack(8) answered', () => {
  test.each(Object.entries(recorded))('%s', async (_, { ftp, rows }) => {
    const differences: string[] = [];
    for (const { line, input, real } of rows) {
      if (line in KNOWN || KERNEL_ONLY.some(([pattern]) => real.status !== 2 && pattern.test(line))) continue;
      const ours = await runOurs(line, savedTable(ftp), input);
      const found = difference(withoutKernel(real), withoutKernel(ours), 120);
      if (found !== '') differences.push(`conntrack ${line}: ${found}`);
    }
    expect(differences.join('\n\n')).toBe('');
  });

  test('most of them are checked so', () => {
    const rows = Object.values(recorded).flatMap((group) => group.rows);
    const left = rows.filter(({ line, real }) => KERNEL_ONLY.some(([p]) => real.status !== 2 && p.test(line)));
    expect(rows.length).toBeGreaterThan(600);
    expect(left.length).toBeLessThan(rows.length / 8);
    expect(wordsOf('-L -s "10.0.0.1 x"')).toEqual(['-L', '-s', '10.0.0.1 x']);
  });
});
