/**
 * Changing a file as Git changes its index: the new text goes to FILE.lock, which must not exist before, and takes the file's place when it
 * is complete. So a reader sees the old or the new text, a failure leaves the old one, and two writers cannot lose each other's change.
 */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { OutputError } from '../replay/output.js';

/** Somebody else is writing the file; `lock` is the file that says so. */
export class LockHeldError extends Error {
  constructor(
    readonly file: string,
    readonly lock: string,
  ) {
    super(
      `${file}: another command is writing this file\n` +
        `hint: the lock is the file ${lock}; if no other command is running, it was left by one that was killed: remove it`,
    );
    this.name = 'LockHeldError';
  }
}

/** The right to write a file, from `open` until `write` or `release`. */
export class FileLock {
  private isHeld = true;

  private constructor(
    private readonly file: string,
    private readonly target: string,
    private readonly lock: string,
    private readonly fd: number,
    private readonly before: Stats | null,
  ) {}

  /**
   * Takes the lock.
   * @param waitMs How long to try where somebody else has it.
   * @throws LockHeldError then; OutputError: the folder cannot be written, or the file is no regular one.
   */
  static open(file: string, waitMs: number): FileLock {
    // a link stays a link: what it leads to is written
    const target = realPath(file);
    const before = statOrNull(target);
    if (before !== null && !before.isFile()) throw new OutputError(file, new Error('not a regular file'));
    const lock = `${target}.lock`;
    const until = Date.now() + waitMs;
    for (;;) {
      try {
        const fd = openSync(lock, 'wx', before === null ? 0o666 : 0o600);
        return new FileLock(file, target, lock, fd, before);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new OutputError(file, error);
        if (Date.now() >= until) throw new LockHeldError(file, lock);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      }
    }
  }

  /** Puts the text in the file's place, owner and mode as before, and gives the lock back. @throws OutputError: the file is as it was. */
  write(text: string): void {
    try {
      const bytes = Buffer.from(text);
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
    this.isHeld = false;
    try {
      renameSync(this.lock, this.target);
    } catch (error) {
      unlinkSync(this.lock);
      throw new OutputError(this.file, error);
    }
  }

  /** Gives the lock back, if it is still held; the file is as it was. */
  release(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    closeSync(this.fd);
    unlinkSync(this.lock);
  }
}

/** Only root can give a file away; whoever may not leaves it to himself. */
function keepOwner(fd: number, before: Stats): void {
  try {
    fchownSync(fd, before.uid, before.gid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
}

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
