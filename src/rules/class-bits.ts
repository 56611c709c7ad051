/**
 * Hands out the 32 bits of the class word that a packet is compared with (program.ts): which values and names a table tells apart.
 */
import type { LoadedTable } from './load.js';
import type { InterfaceMatch } from './model.js';
import type * as P from './program.js';

/** A field of the class word: want & mask. */
export interface ClassField {
  want: number;
  mask: number;
}

/** One table's use of the class word. */
export class ClassBits {
  private used = 0;
  private readonly byProtocol = new Map<number, ClassField>();
  private readonly byName: { i: Map<string, ClassField>; o: Map<string, ClassField> } = { i: new Map(), o: new Map() };
  /** Fields of one bit, by what they stand for. */
  private readonly flags = new Map<string, number>();
  private readonly byState = new Map<number, number>();
  private readonly inClasses: P.InterfaceClass[] = [];
  private readonly outClasses: P.InterfaceClass[] = [];
  private fragmentBit = 0;

  constructor(table: LoadedTable) {
    const protocols = new Map<number, number>();
    const inNames = new Map<string, number>();
    const outNames = new Map<string, number>();
    for (const chain of table.chains) {
      for (const { rule } of chain.rules) {
        if (rule.protocol !== null) count(protocols, rule.protocol.number);
        if (rule.inInterface !== null && isExact(rule.inInterface)) count(inNames, rule.inInterface.name);
        if (rule.outInterface !== null && isExact(rule.outInterface)) count(outNames, rule.outInterface.name);
      }
    }
    this.number(protocols, this.byProtocol);
    this.number(inNames, this.byName.i);
    this.number(outNames, this.byName.o);
    for (const [name, { want }] of this.byName.i) this.inClasses.push({ name, bits: want });
    for (const [name, { want }] of this.byName.o) this.outClasses.push({ name, bits: want });
  }

  /** The masks of all fields. */
  masks(): number[] {
    const masks = new Set<number>();
    for (const fields of [this.byProtocol, this.byName.i, this.byName.o]) {
      for (const { mask } of fields.values()) masks.add(mask);
    }
    for (let bit = 0; bit < this.used; bit++) {
      const mask = 1 << bit;
      if (![...masks].some((m) => (m & mask) !== 0)) masks.add(mask);
    }
    return [...masks];
  }

  protocol(n: number): ClassField | undefined {
    return this.byProtocol.get(n);
  }

  interface(m: InterfaceMatch, direction: 'i' | 'o'): ClassField | undefined {
    if (isExact(m)) return this.byName[direction].get(m.name);
    const key = direction + m.name;
    let bit = this.flags.get(key) ?? 0;
    if (bit === 0) {
      bit = this.bit();
      if (bit === 0) return undefined;
      this.flags.set(key, bit);
      (direction === 'i' ? this.inClasses : this.outClasses).push({ name: m.name, bits: bit });
    }
    return flag(bit, !m.invert);
  }

  fragment(wanted: boolean): ClassField | undefined {
    if (this.fragmentBit === 0) this.fragmentBit = this.bit();
    return flag(this.fragmentBit, wanted);
  }

  /** @param mask of 1 << CT_ constant. */
  state(mask: number): ClassField | undefined {
    let bit = this.byState.get(mask) ?? 0;
    if (bit === 0) {
      bit = this.bit();
      if (bit !== 0) this.byState.set(mask, bit);
    }
    return flag(bit, true);
  }

  finish(program: P.Program): void {
    for (const [number, { want }] of this.byProtocol) program.protocolBits[number] = want;
    for (const [mask, bit] of this.byState) {
      for (let s = 0; s < 8; s++) if ((mask & (1 << s)) !== 0) program.stateBits[s]! |= bit;
    }
    program.fragmentBits = this.fragmentBit;
    program.inClasses.push(...this.inClasses);
    program.outClasses.push(...this.outClasses);
  }

  /** Gives the values, most frequent first, the numbers 1, 2, 3 ... of a field just wide enough; 0 = any other value. */
  private number<T>(frequency: ReadonlyMap<T, number>, into: Map<T, ClassField>): void {
    const order = [...frequency.keys()].sort((a, b) => frequency.get(b)! - frequency.get(a)!);
    if (order.length === 0) return;
    // Eight bits a field at most: what is left over is tested by opcode.
    const width = Math.min(8, 32 - Math.clz32(order.length));
    const mask = ((1 << width) - 1) << this.used;
    for (const [k, value] of order.slice(0, (1 << width) - 1).entries()) {
      into.set(value, { want: (k + 1) << this.used, mask });
    }
    this.used += width;
  }

  /** 0: all are taken. */
  private bit(): number {
    return this.used === 32 ? 0 : 1 << this.used++;
  }
}

function count<T>(frequency: Map<T, number>, value: T): void {
  frequency.set(value, (frequency.get(value) ?? 0) + 1);
}

function flag(bit: number, wanted: boolean): ClassField | undefined {
  return bit === 0 ? undefined : { want: wanted ? bit : 0, mask: bit };
}

/** A name that no `+` and no `!` makes stand for several. */
function isExact(m: InterfaceMatch): boolean {
  return !m.invert && !m.name.endsWith('+');
}
