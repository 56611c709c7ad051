/**
 * Random iptables-restore texts, right and damaged ones, through ours and through the real iptables-legacy-restore.
 * RESTORE_TEXTS=5000 takes more of them, RESTORE_SEED=9 others.
 */
import { describe, expect, test } from 'vitest';
import type { Family } from '../../src/rules/model.js';
import { makeText } from './make-texts.js';
import { ourRestore } from './ours.js';
import { type Restored, realRestore, whyNotReal } from './real.js';

const COUNT = Number(process.env.RESTORE_TEXTS ?? 150);
const SEED = Number(process.env.RESTORE_SEED ?? 1) * 1_000_000;
/** iptables-restore renames a chain to what its own save could not name; ours does not. */
const KNOWN = /^(?:\[[^\]]*\])?[ \t]*-E[ \t]+\S+[ \t]+\S*["\\\v\f\r]/m;

const why = whyNotReal();

describe.skipIf(why !== '')('iptables-restore takes and refuses as the real one does', () => {
  for (const family of [2, 10] as Family[]) {
    test(`IPv${family === 2 ? 4 : 6}: status, first line of the error, and the rules afterwards`, {
      timeout: 600_000,
    }, () => {
      const differing: string[] = [];
      let taken = 0;
      for (let seed = SEED + family; seed < SEED + family + COUNT; seed++) {
        const { text, args, before } = makeText(seed);
        const real = realRestore(new TextEncoder().encode(text), family, { args, before: family === 2 ? before : '' });
        if (KNOWN.test(text)) continue;
        // 1.8.9 sometimes dies where it should refuse
        if (real.status > 128) continue;
        const ours = ourRestore(text, family, args, family === 2 ? before : '');
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
  return `${r.status} ${r.error.split('\n')[0]}\n${r.save}`;
}
