/**
 * Command lines good and bad through conntrack(8) 1.4.7 and through ours, on equal tables in a namespace: output byte for byte but for the
 * clock, standard error, exit status, and what is left in the table; and some made from a seed (SEED, LINES). `RECORD=1` keeps the real
 * answers for answers.test.ts.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateLines } from './generate.js';
import { GROUPS, type Group, KNOWN } from './lines.js';
import { type Answer, canCompare, difference, World, withoutClock } from './world.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/conntrack/${name}`, import.meta.url));

describe.skipIf(!canCompare)('as conntrack(8) does (needs root and conntrack)', () => {
  let world: World;
  const recorded: Record<string, { ftp: boolean; rows: { line: string; input?: string; real: Answer }[] }> = {};

  beforeAll(async () => {
    world = await World.start();
    world.reset(false);
  });
  afterAll(async () => {
    if (process.env.RECORD === '1') {
      writeFileSync(fixture('answers.json'), `${JSON.stringify(recorded, null, 1)}\n`);
      world.reset(false);
      writeFileSync(fixture('table.jsonl'), (await world.ours('-L --json')).out);
      world.reset(true);
      writeFileSync(fixture('table-ftp.jsonl'), (await world.ours('-L --json')).out);
    }
    world.stop();
  });

  test.each(GROUPS.map((group) => [group.claim, group] as const))('%s', { timeout: 300_000 }, async (_, group) => {
    const differences: string[] = [];
    const answers: { line: string; input?: string; real: Answer }[] = [];
    world.reset(group.ftp ?? false);
    expect(Number(world.real('-C').out)).toBeGreaterThan(20);
    for (const line of group.lines) {
      const { real, found } = await compare(world, group, line);
      answers.push({ line, ...(group.input === undefined ? {} : { input: group.input }), real });
      const isKnown = line in KNOWN;
      if ((found !== '') !== isKnown) differences.push(`conntrack ${line}: ${isKnown ? 'does not differ' : found}`);
    }
    recorded[group.claim] = { ftp: group.ftp ?? false, rows: answers };
    expect(differences.join('\n\n')).toBe('');
  });

  test('command lines that nobody thought of', { timeout: 300_000 }, async () => {
    world.reset(true);
    const differences: string[] = [];
    for (const line of generateLines(Number(process.env.SEED ?? 1), Number(process.env.LINES ?? 150))) {
      const found = difference(world.real(line), await world.ours(line), 60);
      if (found !== '') differences.push(`conntrack ${line}: ${found}`);
    }
    expect(differences.join('\n\n')).toBe('');
  });

  test('there are a few hundred of them', () => {
    expect(GROUPS.flatMap((group) => group.lines).length).toBeGreaterThan(600);
  });
});

async function compare(world: World, group: Group, line: string): Promise<{ real: Answer; found: string }> {
  if (group.changes === undefined) {
    const real = world.real(line, group.input);
    return { real, found: difference(real, await world.ours(line, group.input), 20) };
  }
  const real = await realAnswer(world, group, line);
  const realTable = await tableOf(world);
  await renew(world, group);
  const ours = await world.ours(line, group.input);
  const found = difference(withoutIds(real), withoutIds(ours), 60);
  const left = difference(realTable, await tableOf(world), 60);
  return { real, found: left === '' ? found : `${found}\nthe table after it: ${left}` };
}

/** Makes the table what it is at the beginning, if it is anything else. */
async function renew(world: World, group: Group): Promise<void> {
  const before = fresh.get(group);
  if (before !== undefined && difference(before, await tableOf(world), 1000) === '') return;
  world.reset(group.ftp ?? false);
  fresh.set(group, await tableOf(world));
}

/** A group's table at the beginning. */
const fresh = new Map<Group, Answer>();

/**
 * What it says on a table of its own. -U of 1.4.7 numbers its requests by the second and reads answers to requests before (change.ts):
 * where a second ends in between, it takes one for a mistake.
 */
async function realAnswer(world: World, group: Group, line: string): Promise<Answer> {
  for (let attempts = 1; ; attempts++) {
    await renew(world, group);
    const real = world.real(line, group.input);
    if (!real.err.includes('Protocol error') || attempts === 5) return real;
  }
}

/** Numbers of connections are made of their addresses in memory: another table, other numbers. */
function withoutIds(answer: Answer): Answer {
  return { ...answer, out: answer.out.replace(/(\bid=)\d{4,}|(<id>)\d+/g, '$1$2N') };
}

/** Everything that is in the table, in an order that does not depend on when it was put there; other tests compare such listings. */
async function tableOf(world: World): Promise<Answer> {
  const flows = await world.ours('-L -o extended,labels');
  const expectations = await world.ours('-L expect');
  const key = (line: string): string => withoutClock(line).text;
  const sorted = (text: string): string =>
    text
      .split('\n')
      .sort((a, b) => (key(a) < key(b) ? -1 : 1))
      .join('\n');
  return { status: flows.status, out: sorted(flows.out) + sorted(expectations.out), err: flows.err + expectations.err };
}
