/** A line on the terminal that says how far a long replay is. */
import type { FrameSource } from './frames.js';

const FIRST_MS = 1000;
const EVERY_MS = 200;

/** Draws how far a replay is on standard error; only for a terminal. */
export class Progress {
  private readonly sources: readonly FrameSource[];
  private readonly total: number;
  private readonly began = Date.now();
  private next: number;
  private drawn = false;

  constructor(sources: readonly FrameSource[]) {
    this.sources = sources;
    this.total = sources.every((s) => s.bytesTotal > 0) ? sources.reduce((n, s) => n + s.bytesTotal, 0) : 0;
    this.next = this.began + FIRST_MS;
  }

  /** Called after every batch; draws five times a second, and nothing in the first second. */
  update(packets: number): void {
    const now = Date.now();
    if (now < this.next) return;
    this.next = now + EVERY_MS;
    const read = this.sources.reduce((n, s) => n + s.bytesRead, 0);
    const part = this.total > 0 ? `${((100 * read) / this.total).toFixed(0).padStart(3)} %  ` : '';
    const rate = Math.round(packets / ((now - this.began) / 1000));
    process.stderr.write(`\r${part}${packets} packets, ${rate} a second \x1b[K`);
    this.drawn = true;
  }

  /** Clears the line. */
  end(): void {
    if (this.drawn) process.stderr.write('\r\x1b[K');
  }
}
