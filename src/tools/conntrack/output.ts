/** Standard output of one command: gathered, written when there is enough of it, and given up when nobody reads it any more. */
import type { ConntrackWorld } from './world.js';

/** Characters after which what was gathered is written. */
const ENOUGH = 1 << 16;

/** Thrown where standard output has no reader left; the command ends with STATUS_PIPE and says nothing. */
export class ReaderGone extends Error {}

/** What a shell makes of SIGPIPE, of which conntrack(8) dies. */
export const STATUS_PIPE = 141;

/** Gathers text for a machine's standard output. */
export class Output {
  readonly world: ConntrackWorld;
  private text = '';

  constructor(world: ConntrackWorld) {
    this.world = world;
  }

  /** Adds text; waits only where much of it is there. */
  add(text: string): Promise<void> | null {
    this.text += text;
    return this.text.length < ENOUGH ? null : this.flush();
  }

  /** Writes what is there. @throws ReaderGone */
  async flush(): Promise<void> {
    if (this.text === '') return;
    const { text } = this;
    this.text = '';
    if (!(await this.world.out(text))) throw new ReaderGone();
  }
}
