/**
 * `statewall conntrack`: conntrack(8) 1.4.7 on the kernel's table (Linux) or on a saved one. The work is done in tools/conntrack; here
 * are files, standard output and signals.
 */
import { closeSync, createReadStream, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { FlowError } from '../flow/error.js';
import type { FlowSource } from '../flow/source.js';
import { FlowSourceError } from '../flow/source.js';
import { OutputError, systemMessage } from '../replay/output.js';
import type { CommandLine } from '../tools/conntrack/line.js';
import { readSystemNames } from '../tools/conntrack/names.js';
import { runConntrack } from '../tools/conntrack/run.js';
import { SavedTable } from '../tools/conntrack/saved-table.js';
import { ConntrackError, STATUS_FAILED } from '../tools/conntrack/usage-error.js';
import type { ConntrackWorld, UndoFile } from '../tools/conntrack/world.js';
import { FileLock, LockHeldError } from './file-lock.js';
import { readable } from './message.js';

/** How long to wait for another command that changes the same saved table. */
const LOCK_WAIT_MS = 5000;

/** Runs a command line and gives the exit status (docs/conntrack.md). */
export async function runConntrackCommand(words: readonly string[]): Promise<number> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  const world = new Machine(stop.signal, () => {
    process.once('SIGINT', end);
    process.once('SIGTERM', end);
  });
  try {
    return await runConntrack(words, world);
  } catch (error) {
    const known = [FlowError, FlowSourceError, OutputError, LockHeldError];
    if (!known.some((k) => error instanceof k)) throw error;
    process.stderr.write(`statewall: ${readable((error as Error).message)}\n`);
    return STATUS_FAILED;
  } finally {
    world.close();
    process.off('SIGINT', end);
    process.off('SIGTERM', end);
  }
}

/** This process as what a command runs on. */
class Machine implements ConntrackWorld {
  readonly names = readSystemNames(readOrNull('/etc/protocols'), readOrNull('/etc/xtables/connlabel.conf'));
  readonly stop: AbortSignal;
  private readonly watchSignals: () => void;
  private lock: FileLock | null = null;
  private closeSource: () => void = () => {};

  constructor(stop: AbortSignal, watchSignals: () => void) {
    this.stop = stop;
    this.watchSignals = watchSignals;
  }

  async open(line: CommandLine): Promise<FlowSource> {
    // other commands end at once when somebody interrupts them
    if (line.command === 'E') this.watchSignals();
    const { table, namespace, write } = line.own;
    if (table !== null) {
      if (write) this.lock = FileLock.open(table, LOCK_WAIT_MS);
      return new SavedTable({ name: table, read: () => readParts(table, write) }, write);
    }
    const { openConntrack } = await import('../conntrack-live.js');
    const source = await openConntrack(namespace === null ? {} : { namespace });
    this.closeSource = () => source.close();
    return source;
  }

  commit(source: FlowSource): void {
    if (this.lock === null || !(source instanceof SavedTable) || !source.isChanged) return;
    this.lock.write(source.text());
    this.lock = null;
  }

  /** Gives back what is still held. */
  close(): void {
    this.lock?.release();
    this.closeSource();
  }

  out(text: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      process.stdout.write(text, (error) => {
        if (error == null) resolve(true);
        else if ((error as NodeJS.ErrnoException).code === 'EPIPE') resolve(false);
        else reject(new OutputError('standard output', error));
      });
    });
  }

  nowUs(): number {
    return Date.now() * 1000;
  }

  err(text: string): void {
    process.stderr.write(readable(text));
  }

  async read(file: string): Promise<string | null> {
    if (file !== '-') return readOrNull(file);
    let text = '';
    process.stdin.setEncoding('utf8');
    for await (const part of process.stdin) text += part as string;
    return text;
  }

  openUndo(file: string): UndoFile {
    return new SyncedFile(file);
  }
}

/** A new file whose lines are on the disk before the next step is taken. */
class SyncedFile implements UndoFile {
  private readonly fd: number;
  private readonly file: string;

  constructor(file: string) {
    this.file = file;
    try {
      this.fd = openSync(file, 'wx', 0o600);
    } catch (error) {
      const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
      const why = isThere ? 'is there already, and is not overwritten' : `cannot be written: ${systemMessage(error)}`;
      throw new ConntrackError(`--undo: ${file} ${why}`, STATUS_FAILED);
    }
  }

  write(text: string): void {
    try {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; ) at += writeSync(this.fd, bytes, at);
      fsyncSync(this.fd);
    } catch (error) {
      throw new ConntrackError(`--undo: ${this.file} cannot be written: ${systemMessage(error)}`, STATUS_FAILED);
    }
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** A file that is not there is an empty table where one may be made. */
async function* readParts(file: string, mayBeMade: boolean): AsyncGenerator<string, void> {
  try {
    const stream = file === '-' ? process.stdin.setEncoding('utf8') : createReadStream(file, { encoding: 'utf8' });
    for await (const part of stream) yield part as string;
  } catch (error) {
    if (mayBeMade && (error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new ConntrackError(`cannot read ${file}: ${systemMessage(error)}`, STATUS_FAILED);
  }
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
