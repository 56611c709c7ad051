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
import { emptyRuleset } from '../iptables/edit.js';
import { restoreRules } from '../iptables/restore.js';
import { printRuleset } from '../iptables/save.js';
import { OutputError, systemMessage } from '../replay/output.js';
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
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return emptyRuleset(family);
    throw new RulesetFileError(`cannot read ${file}: ${systemMessage(error)}`);
  }
  const nul = bytes.indexOf(0);
  if (nul >= 0) {
    throw new RulesetFileError(
      `${file}: this is no ruleset: byte ${nul} is 0; expected text as iptables-save prints it`,
    );
  }
  return restoreRules(bytes.toString('utf8'), file, family, { counters: true });
}

/** The right to write a ruleset's file, from `open` until `write` or `release`. */
export class RulesetLock {
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

  /** Writes the ruleset and gives the lock back. @throws OutputError: the file is as it was. */
  write(ruleset: Ruleset): void {
    try {
      const bytes = Buffer.from(printRuleset(ruleset, { counters: true }));
      for (let at = 0; at < bytes.length; ) at += writeSync(this.fd, bytes, at);
      if (this.before !== null) {
        keepOwner(this.fd, this.before);
        fchmodSync(this.fd, this.before.mode & 0o7777);
      }
      fsyncSync(this.fd);
    } catch (error) {
      this.release();
      throw new OutputError(this.file, error);
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
