/**
 * Captures from files and standard input. Plain files are read synchronously, 256 KiB at a time, because that is the fastest
 * way; gzip (known by its first bytes, whatever the name) goes through zlib's stream.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
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

/** Opens a capture; `-` is standard input. Throws InputError. */
export function openCapture(file: string): FrameSource {
  const stdin = file === '-';
  const name = stdin ? 'standard input' : file;
  try {
    const fd = stdin ? 0 : openSync(file, 'r');
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
    return new CaptureFile(name, fd, stat.isFile() ? stat.size : 0, !stdin);
  } catch (e) {
    throw new InputError(name, e);
  }
}

class CaptureFile implements FrameSource {
  readonly name: string;
  readonly bytesTotal: number;
  bytesRead = 0;
  failure: CaptureFailure | null = null;
  private readonly fd: number;
  private readonly own: boolean;
  private readonly reader = new CaptureReader(CHUNK);
  private readonly batch = new FrameBatch(BATCH);
  /** The file as zlib gives it back; null: it is not compressed. */
  private unpacked: AsyncIterator<Uint8Array> | null = null;
  /** What of an unpacked chunk has not been fed yet. */
  private chunk: Uint8Array = new Uint8Array(0);
  private chunkAt = 0;
  private begun = false;
  private closed = false;

  constructor(name: string, fd: number, size: number, own: boolean) {
    this.name = name;
    this.fd = fd;
    this.own = own;
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
      if (this.reader.atEnd || this.failure !== null) return null;
      if (!this.begun) this.begin();
      else if (this.unpacked !== null) return this.readUnpacked();
      else {
        const at = this.reader.makeRoom();
        const got = this.readInto(this.reader.bytes, at, this.reader.bytes.length - at);
        if (got === 0) this.reader.finish();
        else this.reader.wrote(got);
      }
    }
  }

  close(): void {
    if (this.own && !this.closed) closeSync(this.fd);
    this.closed = true;
  }

  /** The first bytes tell whether the file is compressed. */
  private begin(): void {
    this.begun = true;
    const first = new Uint8Array(CHUNK);
    let got = 0;
    while (got < 2) {
      const n = this.readInto(first, got, first.length - got);
      if (n === 0) break;
      got += n;
    }
    if (got >= 2 && first[0] === 0x1f && first[1] === 0x8b) {
      const gunzip = createGunzip({ chunkSize: CHUNK });
      pipeline(Readable.from(this.chunks(first.subarray(0, got))), gunzip, () => {});
      this.unpacked = gunzip[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
      return;
    }
    if (got === 0) this.reader.finish();
    else this.reader.feed(first, 0, got);
  }

  private *chunks(first: Uint8Array): Generator<Uint8Array> {
    yield first;
    for (;;) {
      const bytes = new Uint8Array(CHUNK);
      const got = this.readInto(bytes, 0, CHUNK);
      if (got === 0) return;
      yield bytes.subarray(0, got);
    }
  }

  private async readUnpacked(): Promise<FrameBatch | null> {
    if (this.chunkAt >= this.chunk.length) {
      try {
        const next = await (this.unpacked as AsyncIterator<Uint8Array>).next();
        if (next.done) this.reader.finish();
        else {
          this.chunk = next.value;
          this.chunkAt = 0;
        }
      } catch (e) {
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
        if (code !== 'EAGAIN') throw new InputError(this.name, e);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      }
    }
  }
}
