/**
 * The loop of a replay: frames of all captures in time order, each given its interface and direction, through the host.
 *
 * Where nothing is wanted of single packets, whole runs of frames go to the host at once and only `Summary.count` looks at
 * them. Else each packet goes alone, and `PacketSink` hears of it.
 */
import { DIRECTION_INBOUND, DIRECTION_OUTBOUND, type FrameBatch } from '../capture/frame-batch.js';
import type { FlowEvent } from '../flow/record.js';
import { networkOffset } from './describe.js';
import type { FrameSource } from './frames.js';
import { FRAME_ARRIVES, FRAME_MADE, PacketResults, type ReplayHost } from './replay-host.js';
import type { Summary } from './summary.js';

/** Hears of every packet, after the host is done with it; all arguments are borrowed for the call. */
export type PacketSink = (batch: FrameBatch, i: number, linkType: number, results: PacketResults, n: number) => void;

/** What a replay's loop works with. */
export interface DriverOptions {
  host: ReplayHost;
  summary: Summary;
  /** null: nobody looks at single packets, batches go through whole. */
  packet: PacketSink | null;
  /** null: events are thrown away by the host. */
  event: ((event: FlowEvent) => void) | null;
  /**
   * Interface (index) on which a frame arrives whose capture names none, or one that the host does not have; it may throw.
   * Called once for each interface of each capture.
   */
  interfaceFor(source: FrameSource, captureName: string): number;
  /** Called now and then (every batch); a promise is awaited. */
  pause: ((packets: number) => Promise<void> | null) | null;
  /** Called before input is waited for: whoever looks at a live capture sees what came so far. */
  idle(): void;
  /** true: no more is wanted (the reader of standard output went away, or a signal came). */
  stop(): boolean;
}

/** Most rows of a batch that any source gives. */
const MAX_BATCH = 4096;

/** One capture while it is read. */
class Stream {
  readonly source: FrameSource;
  batch: FrameBatch | null = null;
  at = 0;
  /** Host interface by the capture's interface number; -1 = not asked yet. */
  interfaces = new Int32Array(0);
  linkTypes = new Int32Array(0);

  constructor(source: FrameSource) {
    this.source = source;
  }

  /** Makes sure that a frame stands at `at`; false: the capture is at its end. A promise only where input is waited for. */
  fill(): boolean | Promise<boolean> {
    if (this.batch !== null && this.at < this.batch.count) return true;
    const next = this.source.read();
    return next instanceof Promise ? next.then((b) => this.take(b)) : this.take(next);
  }

  private take(batch: FrameBatch | null): boolean {
    this.batch = batch;
    this.at = 0;
    return batch !== null;
  }
}

/** Runs captures through a host. A source that fails ends early; its `failure` tells. */
export class Driver {
  private o!: DriverOptions;
  private readonly results = new PacketResults(MAX_BATCH);
  private readonly direction = new Uint8Array(MAX_BATCH);
  private readonly inInterface = new Int32Array(MAX_BATCH);
  private readonly linkType = new Int32Array(MAX_BATCH);
  private readonly streams: Stream[];
  private open: Stream[] = [];
  private packets = 0;

  constructor(sources: readonly FrameSource[]) {
    this.streams = sources.map((s) => new Stream(s));
  }

  /** Reads the first frames of every capture (their interfaces are known then); the time of the earliest, null: no frame. */
  async begin(): Promise<{ seconds: number; nanos: number } | null> {
    this.open = [];
    for (const s of this.streams) if (await s.fill()) this.open.push(s);
    if (this.open.length === 0) return null;
    const first = earliest(this.open);
    const batch = first.batch as FrameBatch;
    return { seconds: batch.seconds[first.at], nanos: batch.nanos[first.at] };
  }

  /** Reads everything to the end, after `begin`. */
  async run(options: DriverOptions): Promise<void> {
    this.o = options;
    while (this.open.length > 0 && !this.o.stop()) {
      const next = earliest(this.open);
      const batch = next.batch as FrameBatch;
      const to = this.open.length === 1 ? batch.count : runEnd(next, this.open);
      this.pass(next, batch, next.at, to);
      next.at = to;
      const filled = next.fill();
      if (filled instanceof Promise) this.o.idle();
      // Awaiting what is there already would cost a turn of the event loop for each batch.
      if (!(filled === true || (filled !== false && (await filled)))) this.open = this.open.filter((s) => s !== next);
      const pause = this.o.pause?.(this.packets) ?? null;
      if (pause !== null) await pause;
    }
  }

  private pass(stream: Stream, batch: FrameBatch, from: number, to: number): void {
    const { host, summary, packet, event } = this.o;
    this.classify(stream, batch, from, to);
    if (packet === null && event === null) {
      host.run(batch, from, to, this.direction, this.inInterface, this.linkType, this.results);
      summary.count(batch, from, to, this.results);
      this.packets += to - from;
      return;
    }
    for (let i = from; i < to && !this.o.stop(); i++) {
      host.run(batch, i, i + 1, this.direction, this.inInterface, this.linkType, this.results);
      summary.count(batch, i, i + 1, this.results);
      this.packets++;
      if (packet !== null) packet(batch, i, this.linkType[i], this.results, this.packets);
      if (event !== null) host.drainEvents(event);
    }
  }

  /** The capture's word on direction and interface, else the source address decides (contract: local = the host made it). */
  private classify(stream: Stream, batch: FrameBatch, from: number, to: number): void {
    const host = this.o.host;
    for (let i = from; i < to; i++) {
      const number = batch.interfaceId[i];
      let index = number < stream.interfaces.length ? stream.interfaces[number] : -1;
      if (index < 0) index = this.learnInterface(stream, number);
      const linkType = stream.linkTypes[number];
      this.inInterface[i] = index;
      this.linkType[i] = linkType;
      const told = batch.direction[i];
      if (told === DIRECTION_INBOUND) this.direction[i] = FRAME_ARRIVES;
      else if (told === DIRECTION_OUTBOUND) this.direction[i] = FRAME_MADE;
      else {
        const bytes = batch.bytes;
        const at = networkOffset(bytes, batch.start[i], batch.end[i], linkType);
        let made = false;
        if (at >= 0) made = bytes[at] >> 4 === 4 ? host.isLocal(bytes, at + 12, 2) : host.isLocal(bytes, at + 8, 10);
        this.direction[i] = made ? FRAME_MADE : FRAME_ARRIVES;
      }
    }
  }

  private learnInterface(stream: Stream, number: number): number {
    if (number >= stream.interfaces.length) {
      const grown = new Int32Array(number + 8).fill(-1);
      grown.set(stream.interfaces);
      stream.interfaces = grown;
      const types = new Int32Array(number + 8);
      types.set(stream.linkTypes);
      stream.linkTypes = types;
    }
    const known = stream.source.interfaces[number];
    const index = this.o.interfaceFor(stream.source, known.name);
    stream.interfaces[number] = index;
    stream.linkTypes[number] = known.linkType;
    return index;
  }
}

/** The stream whose next frame is the oldest; of equals, the one named first. */
function earliest(open: readonly Stream[]): Stream {
  let best = open[0];
  for (let k = 1; k < open.length; k++) if (compareHeads(open[k], best) < 0) best = open[k];
  return best;
}

function compareHeads(a: Stream, b: Stream): number {
  const x = a.batch as FrameBatch;
  const y = b.batch as FrameBatch;
  return x.seconds[a.at] - y.seconds[b.at] || x.nanos[a.at] - y.nanos[b.at];
}

/** One past the last frame of `next` that no other stream's head comes before. */
function runEnd(next: Stream, open: readonly Stream[]): number {
  const batch = next.batch as FrameBatch;
  let seconds = Infinity;
  let nanos = 0;
  let strict = false;
  for (const s of open) {
    if (s === next) continue;
    const b = s.batch as FrameBatch;
    const d = b.seconds[s.at] - seconds || b.nanos[s.at] - nanos;
    if (d < 0) {
      seconds = b.seconds[s.at];
      nanos = b.nanos[s.at];
      strict = open.indexOf(s) < open.indexOf(next);
    }
  }
  let to = next.at + 1;
  while (to < batch.count) {
    const d = batch.seconds[to] - seconds || batch.nanos[to] - nanos;
    if (d > 0 || (d === 0 && strict)) break;
    to++;
  }
  return to;
}
