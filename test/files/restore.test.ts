/**
 * Random iptables-restore texts, right and damaged ones, through ours and through the real iptables-legacy-restore.
 * RESTORE_TEXTS=5000 takes more of them, RESTORE_SEED=9 others. restore-digests.txt has what the real one said of some of them, for
 * where it cannot be asked: a digest a line; FILES_RECORD=1 writes it anew.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Family } from '../../src/rules/model.js';
import { makeText } from './make-texts.js';
import { ourRestore } from './ours.js';
import { type Restored, realRestore, whyNotReal } from './real.js';

const COUNT = Number(process.env.RESTORE_TEXTS ?? 150);
const SEED = Number(process.env.RESTORE_SEED ?? 1) * 1_000_000;
/** iptables-restore makes chains of names that its own save could not name; ours does not. */
const KNOWN = /^(?:\[[^\]]*\])?[ \t]*-(?:E[ \t]+\S+[ \t]+|N[ \t]*)\S*["\\\v\f\r]/m;

const why = whyNotReal();

const DIGESTS = new URL('restore-digests.txt', import.meta.url);
const RECORDED = 300;

const digest = (r: Restored): string => createHash('sha256').update(shown(r)).digest('hex').slice(0, 12);

/** What the real program says of a text; null: nothing that could be compared. */
function realAnswer(seed: number, family: Family): Restored | null {
  const { text, args, before } = makeText(seed);
  if (KNOWN.test(text)) return null;
  const real = realRestore(new TextEncoder().encode(text), family, { args, before: family === 2 ? before : '' });
  // 1.8.9 sometimes dies where it should refuse
  return real.status > 128 ? null : real;
}

function ourAnswer(seed: number, family: Family): Restored {
  const { text, args, before } = makeText(seed);
  return ourRestore(text, family, args, family === 2 ? before : '');
}

test('iptables-restore takes and refuses as it was recorded', { timeout: 120_000 }, () => {
  if (process.env.FILES_RECORD) {
    const lines: string[] = [];
    for (const family of [2, 10] as Family[]) {
      for (let seed = 1; seed <= RECORDED; seed++) {
        const real = realAnswer(seed, family);
        if (real !== null) lines.push(`${family} ${seed} ${digest(real)}`);
      }
    }
    writeFileSync(DIGESTS, `${lines.join('\n')}\n`);
  }
  const recorded = readFileSync(DIGESTS, 'utf8').trim().split('\n');
  expect(recorded.length).toBeGreaterThan(RECORDED * 1.9);
  const differing = recorded.filter((line) => {
    const [family, seed, wanted] = line.split(' ') as [string, string, string];
    return digest(ourAnswer(Number(seed), Number(family) as Family)) !== wanted;
  });
  expect(differing).toEqual([]);
});

describe.skipIf(why !== '')('iptables-restore takes and refuses as the real one does', () => {
  for (const family of [2, 10] as Family[]) {
    test(`IPv${family === 2 ? 4 : 6}: status, first line of the error, and the rules afterwards`, {
      timeout: 600_000,
    }, () => {
      const differing: string[] = [];
      let taken = 0;
      for (let seed = SEED + family; seed < SEED + family + COUNT; seed++) {
        const real = realAnswer(seed, family);
        if (real === null) continue;
        const { text, args } = makeText(seed);
        const ours = ourAnswer(seed, family);
        if (real.status === 0) taken++;
        if (shown(real) !== shown(ours)) {
          differing.push(
            `${seed} ${args.join(' ')}\n${JSON.stringify(text)}\nreal ${shown(real)}\nours ${shown(ours)}`,
          );
        }
      }
      if (differing.length > 0) throw new Error(`${differing.length} differ\n${differing.slice(0, 20).join('\n\n')}`);
      // neither all right nor all wrong
      expect(taken / COUNT).toBeGreaterThan(0.1);
      expect(taken / COUNT).toBeLessThan(0.9);
    });
  }
});

function shown(r: Restored): string {
  // warnings come before the error
  const error = r.error.split('\n').find((line) => !/^(?:Warning|warn): /.test(line));
  return `${r.status} ${error ?? ''}\n${r.save}`;
}
