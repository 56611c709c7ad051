/** ipset's commands on our sets, compared with what ipset 7.17 on Linux 6.18 answered (recorded random commands of all types there). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SET_IN } from './codes.js';
import { SetFault } from './fault.js';
import { runSetCommand, testElement } from './script.js';
import { saveText } from './set-text.js';
import { SetStore } from './store.js';

/** A round begins with its name; then commands with exit status and message, and now and then all that `ipset save` printed. */
type Row = { seed: number; round: number } | [command: string | string[], status: number, message: string] | string[];

const FIXTURE = new URL('../../../test/fixtures/sets/commands.jsonl', import.meta.url);
const ROWS = readFileSync(FIXTURE, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Row);

/** Sorted, and without what is random in the kernel or counts seconds. */
function comparable(save: string): string[] {
  return save
    .split('\n')
    .filter((line) => line !== '')
    .map((line) =>
      line
        .replace(/ initval \S+/, '')
        .replace(/ hashsize \d+/, '')
        .replace(/ timeout (\d+)/g, (_, n) => ` timeout ${Number(n) > 1 ? Math.round((Number(n) + 2) / 50) * 50 : n}`),
    )
    .sort();
}

/** Exit status and message of one command line, as ipset would have them. */
function run(store: SetStore, words: string[]): [number, string] {
  try {
    if (words[0] === 'test') return [testElement(store, words[1]!, words.slice(2)) === SET_IN ? 0 : 1, ''];
    runSetCommand(store, words);
    return [0, ''];
  } catch (error) {
    if (!(error instanceof SetFault)) throw error;
    return [error.status, error.message];
  }
}

const rounds: { name: string; rows: Row[] }[] = [];
for (const row of ROWS) {
  if (!Array.isArray(row)) rounds.push({ name: `seed ${row.seed}, round ${row.round}`, rows: [] });
  else rounds.at(-1)!.rows.push(row);
}

describe('commands answer as ipset 7.17 does', () => {
  it.each(rounds.map((r) => [r.name, r.rows] as const))('%s', (_name, rows) => {
    const clock = { nowMs: 1e12 };
    const store = new SetStore(clock);
    for (const row of rows) {
      clock.nowMs += 4;
      if (!Array.isArray(row)) continue;
      if (typeof row[1] !== 'number') {
        expect(comparable(saveText(store.all(), store))).toEqual(row);
        continue;
      }
      const [command, status, message] = row as [string | string[], number, string];
      const words = typeof command === 'string' ? command.split(' ') : command;
      expect([command, ...run(store, words)]).toEqual([command, status, message]);
    }
  });

  it('the recording has every kind of answer', () => {
    const messages = new Set(
      ROWS.flatMap((r) => (Array.isArray(r) && typeof r[1] === 'number' ? [r[2] as string] : [])),
    );
    expect(messages.size).toBeGreaterThan(40);
    expect(ROWS.length).toBeGreaterThan(900);
  });
});
