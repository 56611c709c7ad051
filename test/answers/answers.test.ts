/** What iptables 1.8.9 answered to rule lines (test/fixtures/answers, made by ask.mjs), and what this program does. */
import { describe, expect, test } from 'vitest';
import { MATCHES, TARGETS } from '../../src/rules/registry.js';
import { answerTo, extensionOf, type Row, readRows } from './rows.js';

/** What the kernel that was asked does not take: it lacks the module, or wants sets and counters to be there. */
const NOT_TAKEN: ReadonlySet<string> = new Set('ipvs nfacct rateest set CLUSTERIP LED SECMARK SET ULOG'.split(' '));

function byExtension(rows: readonly Row[]): [extension: string, rows: Row[]][] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const name = extensionOf(row.line);
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  return [...groups].sort();
}

/** The rows as they should be and as they are, only those that differ. */
function differences(rows: readonly Row[]): { recorded: string[]; ours: string[] } {
  const recorded: string[] = [];
  const ours: string[] = [];
  for (const { family, line, answer } of rows) {
    const own = answerTo(line, family);
    if (own.join('\t') === answer.join('\t')) continue;
    recorded.push(`${family} ${line}\t${answer.join('\t')}`);
    ours.push(`${family} ${line}\t${own.join('\t')}`);
  }
  return { recorded, ours };
}

const LISTINGS = readRows('listings.tsv');
const REFUSALS = readRows('refusals.tsv');

describe('rules are saved and listed as by iptables 1.8.9', () => {
  test.each(byExtension(LISTINGS))('%s', (_name, rows) => {
    const { recorded, ours } = differences(rows);
    expect(ours).toEqual(recorded);
  });

  test('every extension that prints something in a listing has a row', () => {
    const listed = [...MATCHES, ...TARGETS].filter((e) => e.list !== undefined && !NOT_TAKEN.has(e.name));
    const text = LISTINGS.map((row) => row.answer[0]).join('\n');
    const names = listed.map((extension) => extension.name);
    expect(names.filter((name) => !text.includes(`-m ${name}`) && !text.includes(`-j ${name}`))).toEqual([]);
  });
});

describe('wrong rules are refused in the words of iptables 1.8.9', () => {
  test.each(byExtension(REFUSALS))('%s', (_name, rows) => {
    const { recorded, ours } = differences(rows);
    expect(ours).toEqual(recorded);
  });
});
