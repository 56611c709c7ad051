/**
 * Buffered output to files and standard output. Everything is written through here: 64 KiB at a time, every error with the
 * file's name, a closed pipe told apart from a failure.
 *
 * Files are written synchronously. Standard output may be a pipe whose reader is slow: what it does not take is given to the
 * event loop, which waits (and hears signals meanwhile); until then text gathers here, and the replay's loop awaits `drained`.
 */
import { closeSync, openSync, writeSync } from 'node:fs';

/** A file that cannot be written. */
export class OutputError extends Error {
  readonly file: string;

  constructor(file: string, cause: unknown) {
    super(`cannot write ${file}: ${systemMessage(cause)}`);
    this.name = 'OutputError';
    this.file = file;
  }
}

const BUFFER_CHARS = 1 << 16;
const MESSAGES: Record<string, string> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  ENOSPC: 'no space left on device',
  EROFS: 'read-only file system',
  EDQUOT: 'disk quota exceeded',
  EFBIG: 'file too large',
  EIO: 'input/output error',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'file name too long',
};

/** The operating system's complaint in a few words, without the call and the path that Node puts around it. */
export function systemMessage(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code !== undefined && MESSAGES[code] !== undefined) return MESSAGES[code];
  return error instanceof Error ? error.message : String(error);
}

/** Text or bytes into a file, or into a descriptor that is already open. */
export class Output {
  readonly name: string;
  /** The reader of the pipe went away; what is written from now on is dropped. */
  broken = false;
  private readonly fd: number;
  private readonly own: boolean;
  private text = '';
  /** Pieces given to the event loop and not written yet. */
  private outstanding = 0;
  private waiting: Promise<void> | null = null;
  private written: () => void = () => {};
  private failure: OutputError | null = null;

  /** Creates (or empties) a file. Throws OutputError. */
  static open(file: string): Output {
    try {
      return new Output(file, openSync(file, 'w'), true);
    } catch (e) {
      throw new OutputError(file, e);
    }
  }

  /** Standard output; there is to be one only, because each keeps text back. */
  static stdout(): Output {
    return new Output('standard output', 1, false);
  }

  static stderr(): Output {
    return new Output('standard error', 2, false);
  }

  private constructor(name: string, fd: number, own: boolean) {
    this.name = name;
    this.fd = fd;
    this.own = own;
  }

  line(text: string): void {
    this.text += text;
    this.text += '\n';
    if (this.text.length >= BUFFER_CHARS) this.flush();
  }

  write(text: string): void {
    this.text += text;
    if (this.text.length >= BUFFER_CHARS) this.flush();
  }

  bytes(bytes: Uint8Array): void {
    this.flush();
    this.put(bytes);
  }

  flush(): void {
    if (this.text === '') return;
    const bytes = Buffer.from(this.text, 'utf8');
    this.text = '';
    this.put(bytes);
  }

  /** Resolves when a slow reader of standard output has taken everything; null: it has. To be awaited now and then. */
  get drained(): Promise<void> | null {
    return this.waiting;
  }

  /** Resolves `drained` though the reader is still slow. */
  release(): void {
    if (this.outstanding > 0) this.wait();
  }

  /** Everything is written and taken, or OutputError is thrown. */
  async settle(): Promise<void> {
    this.flush();
    await this.waiting;
    if (this.failure !== null) throw this.failure;
  }

  /** Writes what is left; throws OutputError where that, or closing (a full disk over NFS), fails. */
  close(): void {
    this.flush();
    if (!this.own) return;
    try {
      closeSync(this.fd);
    } catch (e) {
      throw new OutputError(this.name, e);
    }
  }

  private put(bytes: Uint8Array): void {
    if (this.failure !== null) throw this.failure;
    if (this.outstanding > 0) {
      this.handOver(bytes.slice());
      return;
    }
    for (let at = 0; at < bytes.length && !this.broken; ) {
      try {
        at += writeSync(this.fd, bytes, at);
      } catch (e) {
        const code = (e as NodeJS.ErrnoException).code;
        if (code === 'EPIPE') this.broken = true;
        else if (code !== 'EAGAIN') throw new OutputError(this.name, e);
        else if (this.fd === 1) {
          this.handOver(bytes.slice(at));
          return;
        }
        // A pipe that somebody else made non-blocking.
        else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      }
    }
  }

  private wait(): void {
    this.written();
    this.waiting = new Promise((resolve) => {
      this.written = resolve;
    });
  }

  /** Lets the event loop write to standard output, in order. */
  private handOver(rest: Uint8Array): void {
    if (this.outstanding++ === 0) this.wait();
    process.stdout.write(rest, (e) => {
      const code = (e as NodeJS.ErrnoException | null | undefined)?.code;
      if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') this.broken = true;
      else if (e) this.failure ??= new OutputError(this.name, e);
      if (--this.outstanding > 0) return;
      this.waiting = null;
      this.written();
    });
  }
}
