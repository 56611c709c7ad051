/**
 * A ruleset in a file, for commands that change it one after another.
 *
 * The file holds what `iptables-save -c` prints, without the comment lines that have the date. A missing file is an empty ruleset. It is
 * written under a lock (file-lock.ts).
 */
import { readFileSync } from 'node:fs';
import { restoreRules } from '../iptables/restore.js';
import { printRuleset } from '../iptables/save.js';
import { systemMessage } from '../replay/output.js';
import { RuleError } from '../rules/context.js';
import type { Family, Ruleset } from '../rules/model.js';
import { FileLock, LockHeldError } from './file-lock.js';

/** The file cannot be read, is no ruleset, or somebody else is writing it. */
export class RulesetFileError extends Error {
  /** Exit status: 4 where somebody else holds the lock (iptables' RESOURCE_PROBLEM), else 1. */
  readonly status: number;

  constructor(message: string, status = 1) {
    super(message);
    this.name = 'RulesetFileError';
    this.status = status;
  }
}

/** Reads the ruleset. @throws RulesetFileError; RuleError: the text is no ruleset of this family. */
export function readRuleset(file: string, family: Family): Ruleset {
  return parseRuleset(readText(file), file, family);
}

/**
 * Runs a command on the ruleset and writes it if it has changed.
 * @param waitMs How long to wait where somebody else is writing the file.
 * @param run May run twice, on what the file holds then: once to see whether there is anything to write, and again if the file has
 * changed before it could be locked.
 * @throws RulesetFileError, OutputError, RuleError: the file is as it was.
 */
export function changeRuleset<T extends { isChanged: boolean }>(
  file: string,
  family: Family,
  waitMs: number,
  run: (ruleset: Ruleset) => T,
): T {
  const text = readText(file);
  let ruleset = parseRuleset(text, file, family);
  let outcome = run(ruleset);
  if (!outcome.isChanged) return outcome;
  const lock = lockRuleset(file, waitMs);
  try {
    const now = readText(file);
    if (now !== text) {
      ruleset = parseRuleset(now, file, family);
      outcome = run(ruleset);
    }
  } catch (error) {
    lock.release();
    throw error;
  }
  if (outcome.isChanged) writeRuleset(lock, ruleset);
  else lock.release();
  return outcome;
}

/** '' where there is no file. */
function readText(file: string): string {
  try {
    const bytes = readFileSync(file);
    const nul = bytes.indexOf(0);
    if (nul < 0) return bytes.toString('utf8');
    throw new RulesetFileError(
      `${file}: this is no ruleset: byte ${nul} is 0; expected text as iptables-save prints it`,
    );
  } catch (error) {
    if (error instanceof RulesetFileError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new RulesetFileError(`cannot read ${file}: ${systemMessage(error)}`);
  }
}

function parseRuleset(text: string, file: string, family: Family): Ruleset {
  return restoreRules(text, file, family, { counters: true, gentle: true });
}

/** Takes the lock. @throws RulesetFileError with status 4: somebody else has it. */
function lockRuleset(file: string, waitMs: number): FileLock {
  try {
    return FileLock.open(file, waitMs);
  } catch (error) {
    if (error instanceof LockHeldError) throw new RulesetFileError(heldText(error.lock), 4);
    throw error;
  }
}

/**
 * Writes the ruleset and gives the lock back.
 * @throws OutputError; RulesetFileError: what iptables-save prints of it could not be restored. The file is as it was.
 */
function writeRuleset(lock: FileLock, ruleset: Ruleset): void {
  const text = printRuleset(ruleset, { counters: true, quoteNames: true });
  try {
    checkText(text, ruleset.family);
  } catch (error) {
    lock.release();
    throw error;
  }
  lock.write(text);
}

/** Some rules are printed so that they cannot be read again: better to refuse one than to lose all. */
function checkText(text: string, family: Family): void {
  try {
    restoreRules(text, 'the ruleset', family, { counters: true });
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    const line = text.split('\n')[(error.position?.line ?? 1) - 1];
    throw new RulesetFileError(
      `a file cannot hold this rule: iptables-save prints it as\n  ${line}\nwhich iptables-restore refuses: ${error.message}`,
    );
  }
}

function heldText(lock: string): string {
  return (
    'Another app is currently holding the lock of this ruleset. Perhaps you want to use the -w option?\n' +
    `hint: the lock is the file ${lock}; if no other command is running, it was left by one that was killed: remove it`
  );
}
