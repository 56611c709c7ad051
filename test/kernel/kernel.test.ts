import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { CASES, MAIN, type RecordedCase, readCases, readExamples, replayCase } from './case.js';
import { CATEGORIES, compareOutputs } from './compare.js';
import { KNOWN_DIFFERENCES } from './known.js';

const cases = readCases(CASES);
const examples = readExamples();

/** Mismatches that no row of the known differences covers, and rows that were not needed. */
async function judge(c: RecordedCase, withPackets: boolean): Promise<string[]> {
  const actual = await replayCase(c);
  const found = compareOutputs(c.expected, withPackets ? actual : { ...actual, packets: [] });
  const complaints: string[] = [];
  for (const category of CATEGORIES) {
    const known = KNOWN_DIFFERENCES.some((row) => row.name === c.name && row.category === category);
    if (known && found[category].length === 0) complaints.push(`${category}: known as different, but agrees`);
    if (!known) complaints.push(...found[category].map((message) => `${category}: ${message}`));
  }
  return complaints;
}

describe('a recorded kernel', () => {
  beforeAll(() => {
    if (!existsSync(MAIN)) throw new Error('dist/cli/main.js is not there: run `npm run build` first');
  });

  it('has cases enough', () => {
    expect(cases.length).toBeGreaterThanOrEqual(40);
    expect(examples.length).toBe(4);
  });

  it('has only known differences that name a case', () => {
    const names = new Set([...cases, ...examples].map((c) => c.name));
    expect(KNOWN_DIFFERENCES.filter((row) => !names.has(row.name))).toEqual([]);
  });

  for (const c of cases)
    it.concurrent(`says the same of ${c.name}`, async () => expect(await judge(c, true)).toEqual([]));

  for (const c of examples)
    it.concurrent(`says the same of the example ${c.name}`, async () => expect(await judge(c, false)).toEqual([]));
});
