/** Where the replay's frames come from; `capture-source.ts` opens files. */
import type { FrameBatch } from '../capture/frame-batch.js';
import type { CaptureInterface } from '../capture/interfaces.js';

/** A capture that ended before its end. */
export interface CaptureFailure {
  /** Number of the packet that could not be read, from 1. */
  packet: number;
  /** Byte of the (unpacked) file at which it begins. */
  offset: number;
  message: string;
}

/** A capture that gives its frames in batches. */
export interface FrameSource {
  /** File name, or `standard input`. */
  readonly name: string;
  /** Interfaces by FrameBatch.interfaceId; grows while the capture is read. */
  readonly interfaces: readonly CaptureInterface[];
  /**
   * The next frames (borrowed until the next call), null at the end or at a failure; a promise of either where input has to be
   * waited for (compressed files).
   */
  read(): FrameBatch | null | Promise<FrameBatch | null>;
  /** Set when `read` ended before the capture's end. */
  readonly failure: CaptureFailure | null;
  /** Bytes taken from the file, and its size (0: unknown), for progress. */
  readonly bytesRead: number;
  readonly bytesTotal: number;
  close(): void;
}
