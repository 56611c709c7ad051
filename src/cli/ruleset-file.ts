/**
 * A ruleset in a file, for commands that change it one after another.
 *
 * The file holds what `iptables-save -c` prints, without the comment lines that have the date. A missing file is an empty ruleset. It is
 * written as Git writes its index: the new text goes to FILE.lock, which must not exist before, and takes the file's place when it is
 * complete. So a reader sees the old or the new text, a failure leaves the old one, and two writers cannot lose each other's change.
 */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { restoreRules } from '../iptables/restore.js';
import { printRuleset } from '../iptables/save.js';
import { OutputError, systemMessage } from '../replay/output.js';
import { RuleError } from '../rules/context.js';
import type { Family, Ruleset } from '../rules/model.js';

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
  const lock = RulesetLock.open(file, waitMs);
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
  if (outcome.isChanged) lock.write(ruleset);
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

/** The right to write a ruleset's file, from `open` until `write` or `release`. */
class RulesetLock {
  private constructor(
    private readonly file: string,
    private readonly lock: string,
    private readonly fd: number,
    private readonly before: Stats | null,
  ) {}

  /**
   * Takes the lock.
   * @param waitMs How long to try where somebody else has it.
   * @throws RulesetFileError with status 4 then; OutputError: the folder cannot be written.
   */
  static open(file: string, waitMs: number): RulesetLock {
    const target = realPath(file);
    const before = statOrNull(target);
    if (before !== null && !before.isFile()) {
      throw new RulesetFileError(`cannot write ${file}: not a regular file`);
    }
    const lock = `${target}.lock`;
    const until = Date.now() + waitMs;
    for (;;) {
      try {
        return new RulesetLock(target, lock, openSync(lock, 'wx', before === null ? 0o666 : 0o600), before);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new OutputError(file, error);
        if (Date.now() >= until) throw new RulesetFileError(heldText(lock), 4);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      }
    }
  }

  /**
   * Writes the ruleset and gives the lock back.
   * @throws OutputError; RulesetFileError: what iptables-save prints of it could not be restored. The file is as it was.
   */
  write(ruleset: Ruleset): void {
    const text = printRuleset(ruleset, { counters: true, quoteNames: true });
    try {
      checkText(text, ruleset.family);
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; ) at += writeSync(this.fd, bytes, at);
      if (this.before !== null) {
        keepOwner(this.fd, this.before);
        fchmodSync(this.fd, this.before.mode & 0o7777);
      }
      fsyncSync(this.fd);
    } catch (error) {
      this.release();
      throw error instanceof RulesetFileError ? error : new OutputError(this.file, error);
    }
    closeSync(this.fd);
    try {
      renameSync(this.lock, this.file);
    } catch (error) {
      unlinkSync(this.lock);
      throw new OutputError(this.file, error);
    }
  }

  /** Gives the lock back; the file is as it was. */
  release(): void {
    closeSync(this.fd);
    unlinkSync(this.lock);
  }
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

/** Only root can give a file away; whoever may not leaves it to himself. */
function keepOwner(fd: number, before: Stats): void {
  try {
    fchownSync(fd, before.uid, before.gid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
}

/** A link stays a link: what it leads to is written. */
function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return file;
    throw new OutputError(file, error);
  }
}

function statOrNull(file: string): Stats | null {
  try {
    return statSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new OutputError(file, error);
  }
}
