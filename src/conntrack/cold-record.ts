import { ConnHelp } from './helper.js';

/** What only few connections have; kept out of the record. */
export class ColdRecord {
  helper = '';
  /** Helper of the connection that expected this one. */
  masterHelper = '';
  /** null: no helper. */
  help: ConnHelp | null = null;
  private ownHelp: ConnHelp | null = null;
  /** Timeouts in ms by state from a CT --timeout policy. */
  timeouts: Int32Array | null = null;
  /** 128 bits in 4 words; null = none was ever set. */
  labels: Int32Array | null = null;
  private readonly labelWords = new Int32Array(4);
  /** IPCT_ bits that listeners hear of; -1 = all. */
  ctmask = -1;
  /** IPEXP_ bits that listeners hear of; -1 = all. */
  expmask = -1;
  /** How often each of the four counters (R_COUNTERS) has passed 2^32. */
  readonly carries = [0, 0, 0, 0];

  /** What a helper needs; from now on the connection has it. */
  needHelp(): ConnHelp {
    this.ownHelp ??= new ConnHelp();
    this.help ??= this.ownHelp;
    return this.help;
  }

  /** Sets bits of a word of the labels. */
  setLabel(word: number, bits: number): void {
    if (this.labels === null) {
      this.labelWords.fill(0);
      this.labels = this.labelWords;
    }
    this.labels[word]! |= bits;
  }

  reset(): void {
    this.helper = '';
    this.masterHelper = '';
    this.timeouts = null;
    this.labels = null;
    this.ctmask = -1;
    this.expmask = -1;
    this.help = null;
    this.ownHelp?.reset();
    this.carries.fill(0);
  }
}
