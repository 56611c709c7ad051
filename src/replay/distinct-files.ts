/** No output may destroy an input, and no two outputs may write into one file: told before anything is opened for writing. */
import { fstatSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { ReplayError, type ReplayOptions } from './options.js';

/** Options that name an output, in the order of the help. */
const OUTPUTS = [
  ['saveRules', '--save-rules'],
  ['saveRules6', '--save-rules6'],
  ['saveRulesNft', '--save-rules-nft'],
  ['saveRules6Nft', '--save-rules6-nft'],
  ['saveSets', '--save-sets'],
  ['saveTable', '--save-table'],
  ['saveExpectations', '--save-expectations'],
  ['saveExpectations6', '--save-expectations6'],
  ['saveEvents', '--save-events'],
  ['saveExpectationEvents', '--save-expectation-events'],
  ['saveLog', '--save-log'],
  ['saveCapture', '--save-capture'],
] as const;
const INPUTS = [
  ['rules', '--rules'],
  ['rules6', '--rules6'],
  ['rulesNft', '--rules-nft'],
  ['rules6Nft', '--rules6-nft'],
  ['host', '--host'],
  ['loadTable', '--load-table'],
  ['sets', '--sets'],
] as const;

/**
 * Throws ReplayError (exit status 2) where an output is an input, or the file of another output, under whatever name. What is
 * no regular file (/dev/null, a pipe) may be named as often as one likes; text outputs may share standard output.
 */
export function checkDistinct(o: ReplayOptions): void {
  const taken = new Map<string, string>();
  for (const file of o.captures) take(taken, identity(file, 0), file === '-' ? 'standard input' : 'the capture');
  for (const [key, option] of INPUTS) take(taken, identity(o[key], 0), `the file of ${option}`);
  const inputs = new Set(taken.keys());
  take(taken, identity('-', 1), 'standard output');
  for (const [key, option] of OUTPUTS) {
    const file = o[key] ?? null;
    if (file === null || file === '-') continue;
    const same = identity(file, 1);
    const other = same === null ? undefined : taken.get(same);
    if (same !== null && other !== undefined) {
      const what = inputs.has(same) ? `is ${other}, which it would destroy` : `is written by ${other} too`;
      throw new ReplayError(`${option}: ${file} ${what}`, 2);
    }
    take(taken, same, option);
  }
  if (o.saveCapture !== '-') return;
  const shares = OUTPUTS.find(([key]) => key !== 'saveCapture' && o[key] === '-');
  if (shares) throw new ReplayError(`${shares[1]}: standard output is written by --save-capture too`, 2);
}

function take(taken: Map<string, string>, same: string | null, name: string): void {
  if (same !== null && !taken.has(same)) taken.set(same, name);
}

/** The same text for the same regular file, whatever its name; `-` is the descriptor. null: nothing that could be destroyed. */
function identity(file: string | null, descriptor: 0 | 1): string | null {
  if (file === null) return null;
  try {
    const options = { bigint: true } as const;
    const stat = file === '-' ? fstatSync(descriptor, options) : statSync(file, options);
    return stat.isFile() ? `${stat.dev}:${stat.ino}` : null;
  } catch {
    return file === '-' ? null : whereItWillBe(file);
  }
}

/** A file that is not there yet, by its place. */
function whereItWillBe(file: string): string {
  const path = resolve(file);
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch {
    return path;
  }
}
