/** A seeded source of choices: the same seed gives the same scenario, on every machine. */

/** 32 bits of state from a text (FNV-1a). */
function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** Mulberry32, seeded with a text. */
export class Random {
  private state: number;

  constructor(seed: string) {
    this.state = seedOf(seed);
  }

  /** 32 random bits, 0 to 4294967295. */
  word(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** 0 <= x < 1. */
  real(): number {
    return this.word() / 2 ** 32;
  }

  /** A whole number, from <= x < to. */
  range(from: number, to: number): number {
    return from + Math.floor(this.real() * (to - from));
  }

  chance(share: number): boolean {
    return this.real() < share;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.range(0, choices.length)]!;
  }

  /** `count` different ones of the choices (all, where there are fewer). */
  sample<T>(choices: readonly T[], count: number): T[] {
    const left = [...choices];
    this.shuffle(left);
    return left.slice(0, count);
  }

  shuffle<T>(items: T[]): void {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.range(0, i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
  }

  bytes(count: number): Buffer {
    const out = Buffer.alloc(count);
    for (let i = 0; i < count; i++) out[i] = this.word() & 255;
    return out;
  }
}
