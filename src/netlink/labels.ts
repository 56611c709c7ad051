/** Names of connection labels, as connlabel.conf gives them. */
import { ATTRIBUTE_LEN, attributeEnd } from './attribute.js';
import type { MessageBuffer } from './message.js';

/** Bits of a connection's labels. */
export const LABEL_BITS = 128;

/** Where conntrack(8) and iptables look for names. */
export const LABEL_FILE = '/etc/xtables/connlabel.conf';

/** Names of labels by bit, and bits by name. */
export class LabelNames {
  private readonly names = new Map<number, string>();
  private readonly bits = new Map<string, number>();

  /** Reads a file's text: a bit and a name a line, `#` begins a comment; what is neither is passed over, as the C library does. */
  static parse(text: string): LabelNames {
    const labels = new LabelNames();
    for (const line of text.split('\n')) {
      const m = /^\s*(\d{1,3})\s+(\S+)/.exec(line);
      if (m !== null && Number(m[1]) < LABEL_BITS) labels.add(Number(m[1]), m[2]);
    }
    return labels;
  }

  /** Names a bit; the first name that a bit or a name is given stays. */
  add(bit: number, name: string): void {
    if (this.names.has(bit) || this.bits.has(name)) return;
    this.names.set(bit, name);
    this.bits.set(name, bit);
  }

  /** The name of a bit; its number where it has none. */
  name(bit: number): string {
    return this.names.get(bit) ?? String(bit);
  }

  /** The bit of a name or of a decimal number; -1: none. */
  bit(name: string): number {
    const known = this.bits.get(name);
    if (known !== undefined) return known;
    return /^\d{1,3}$/.test(name) && Number(name) < LABEL_BITS ? Number(name) : -1;
  }
}

/** Names or numbers of the bits that are set in an attribute of labels, lowest first. */
export function labelTexts(buffer: MessageBuffer, a: number, names: LabelNames | null): string[] {
  const start = a + ATTRIBUTE_LEN;
  const words = Math.min((attributeEnd(buffer, a) - start) >> 2, LABEL_BITS / 32);
  const texts: string[] = [];
  for (let w = 0; w < words; w++) {
    // words in the host's order
    const word = buffer.words[(start >> 2) + w];
    for (let bit = 0; word !== 0 && bit < 32; bit++)
      if ((word >>> bit) & 1) texts.push(names === null ? String(32 * w + bit) : names.name(32 * w + bit));
  }
  return texts;
}
