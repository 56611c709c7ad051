/**
 * Captures from files, pipes and standard input. Plain files are read synchronously, 256 KiB at a time, because that is the
 * fastest way; pipes through the event loop, so that signals are heard while nothing comes; gzip (known by its first bytes,
 * whatever the name) goes through zlib's stream.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { isatty } from 'node:tty';
import { createGunzip } from 'node:zlib';
import { FrameBatch } from '../capture/frame-batch.js';
import type { CaptureInterface } from '../capture/interfaces.js';
import { CaptureReader } from '../capture/reader.js';
import type { CaptureFailure, FrameSource } from './frames.js';
import { systemMessage } from './output.js';

/** A file that cannot be opened or read. */
export class InputError extends Error {
  constructor(file: string, cause: unknown) {
    super(`cannot read ${file}: ${systemMessage(cause)}`);
    this.name = 'InputError';
  }
}

const CHUNK = 262144;
const BATCH = 256;
const GZIP_MAGIC = [0x1f, 0x8b];

/** Opens a capture; `-` is standard input. Throws InputError. */
export function openCapture(file: string): FrameSource {
  const stdin = file === '-';
  const name = stdin ? 'standard input' : file;
  try {
    const fd = stdin ? 0 : openSync(file, 'r');
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
    const pipe = stat.isFIFO() || stat.isSocket() || isatty(fd) ? pipeOf(fd) : null;
    return new CaptureFile(name, fd, stat.isFile() ? stat.size : 0, !stdin, pipe);
  } catch (e) {
    throw new InputError(name, e);
  }
}

/** Whether what a capture's name leads to comes only once: standard input, a pipe (`<(zcat x)`). */
export function isReadOnce(file: string): boolean {
  if (file === '-') return true;
  try {
    const stat = statSync(file);
    return stat.isFIFO() || stat.isSocket() || stat.isCharacterDevice();
  } catch {
    return false;
  }
}

function pipeOf(fd: number): Readable {
  return fd === 0 ? process.stdin : new Socket({ fd, readable: true, writable: false });
}

class CaptureFile implements FrameSource {
  readonly name: string;
  readonly bytesTotal: number;
  bytesRead = 0;
  failure: CaptureFailure | null = null;
  private readonly fd: number;
  private readonly own: boolean;
  private readonly pipe: Readable | null;
  private readonly reader = new CaptureReader(CHUNK);
  private readonly batch = new FrameBatch(BATCH);
  /** The bytes as a pipe or zlib gives them; null: the file is read synchronously. */
  private chunks: AsyncIterator<Uint8Array> | null = null;
  /** What of a chunk has not been fed yet. */
  private chunk: Uint8Array = new Uint8Array(0);
  private chunkAt = 0;
  private begun = false;
  private closed = false;

  constructor(name: string, fd: number, size: number, own: boolean, pipe: Readable | null) {
    this.name = name;
    this.fd = fd;
    this.own = own;
    this.pipe = pipe;
    this.bytesTotal = size;
  }

  get interfaces(): readonly CaptureInterface[] {
    return this.reader.interfaces;
  }

  read(): FrameBatch | null | Promise<FrameBatch | null> {
    for (;;) {
      if (this.reader.read(this.batch) > 0) return this.batch;
      const error = this.reader.error;
      if (error !== null) {
        const message = `expected ${error.expected}, got ${error.got}`;
        this.failure ??= { packet: error.packet, offset: error.offset, message };
        return null;
      }
      if (this.reader.atEnd || this.failure !== null || this.closed) return null;
      if (!this.begun) {
        this.begun = true;
        if (this.pipe !== null) return this.beginPipe(this.pipe);
        this.begin();
      } else if (this.chunks !== null) return this.readChunk(this.chunks);
      else {
        const at = this.reader.makeRoom();
        const got = this.readInto(this.reader.bytes, at, this.reader.bytes.length - at);
        if (got === 0) this.reader.finish();
        else this.reader.wrote(got);
      }
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.pipe !== null) this.pipe.destroy();
    else if (this.own) closeSync(this.fd);
  }

  /** The first bytes tell whether the file is compressed. */
  private begin(): void {
    const first = new Uint8Array(CHUNK);
    let got = 0;
    while (got < GZIP_MAGIC.length) {
      const n = this.readInto(first, got, first.length - got);
      if (n === 0) break;
      got += n;
    }
    if (isGzip(first.subarray(0, got))) this.unpack(this.rest(first.subarray(0, got)));
    else if (got === 0) this.reader.finish();
    else this.reader.feed(first, 0, got);
  }

  /** The same for a pipe. */
  private async beginPipe(pipe: Readable): Promise<FrameBatch | null> {
    this.chunks = this.counted(pipe);
    while (this.chunk.length < GZIP_MAGIC.length) {
      const next = await this.chunks.next();
      if (next.done) break;
      this.chunk = Buffer.concat([this.chunk, next.value]);
    }
    if (isGzip(this.chunk)) {
      const first = this.chunk;
      this.chunk = new Uint8Array(0);
      this.unpack(prepended(first, this.chunks));
    }
    return this.read();
  }

  private async *counted(pipe: Readable): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of pipe) {
        this.bytesRead += (chunk as Uint8Array).length;
        yield chunk as Uint8Array;
      }
    } catch (e) {
      // A pipe that was closed here, because a signal came.
      if (!this.closed) throw new InputError(this.name, e);
    }
  }

  private unpack(packed: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): void {
    const gunzip = createGunzip({ chunkSize: CHUNK });
    pipeline(Readable.from(packed), gunzip, () => {});
    this.chunks = gunzip[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  /** A file from its first bytes on. */
  private *rest(first: Uint8Array): Generator<Uint8Array> {
    yield first;
    for (;;) {
      const bytes = new Uint8Array(CHUNK);
      const got = this.readInto(bytes, 0, CHUNK);
      if (got === 0) return;
      yield bytes.subarray(0, got);
    }
  }

  private async readChunk(chunks: AsyncIterator<Uint8Array>): Promise<FrameBatch | null> {
    if (this.chunkAt >= this.chunk.length) {
      try {
        const next = await chunks.next();
        if (this.closed) return null;
        if (next.done) this.reader.finish();
        else {
          this.chunk = next.value;
          this.chunkAt = 0;
        }
      } catch (e) {
        if (this.closed) return null;
        if (e instanceof InputError) throw e;
        // What was unpacked before the damage has been handed out already.
        const packet = this.reader.packetCount + 1;
        const message = `the compressed data is damaged (${systemMessage(e)})`;
        this.failure = { packet, offset: this.reader.byteCount, message };
        return null;
      }
    }
    if (this.chunkAt < this.chunk.length) {
      this.chunkAt += this.reader.feed(this.chunk, this.chunkAt, this.chunk.length);
    }
    return this.read();
  }

  private readInto(bytes: Uint8Array, at: number, length: number): number {
    for (;;) {
      try {
        const got = readSync(this.fd, bytes, at, length, null);
        this.bytesRead += got;
        return got;
      } catch (e) {
        const code = (e as NodeJS.ErrnoException).code;
        if (code === 'EOF') return 0; // Windows says so at the end of a pipe
        if (code !== 'EAGAIN') {
          if (this.reader.packetCount === 0) throw new InputError(this.name, e);
          // Like a damaged file: what came before is processed and written.
          const packet = this.reader.packetCount + 1;
          this.failure = { packet, offset: this.reader.byteCount, message: `cannot read on: ${systemMessage(e)}` };
          return 0;
        }
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      }
    }
  }
}

function isGzip(first: Uint8Array): boolean {
  return GZIP_MAGIC.every((byte, i) => first[i] === byte);
}

async function* prepended(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}
