/**
 * Routes that only packets with a mark look up, before the main table: what `ip rule add fwmark MARK lookup TABLE` and the routes in
 * that table do. The first table that has a route for the address is taken.
 */
import { PrefixTable } from './prefixes.js';

interface MarkedTable {
  mark: number;
  mask: number;
  table: PrefixTable;
}

/** A mark and the bits of it that count, both Int32. */
export interface RouteMark {
  mark: number;
  mask: number;
}

/** The tables of all marks, in the order in which the routes name them. */
export class MarkedRoutes {
  private readonly tables: MarkedTable[] = [];

  /** Whether there is any. */
  get any(): boolean {
    return this.tables.length > 0;
  }

  /** Adds a route; `entry` is what `find` returns for it. */
  add({ mark, mask }: RouteMark, family: number, words: Int32Array, length: number, entry: number): void {
    let row = this.tables.find((t) => t.mark === mark && t.mask === mask);
    if (row === undefined) {
      row = { mark, mask, table: new PrefixTable() };
      this.tables.push(row);
    }
    row.table.add(family, words, length, entry);
  }

  /** The entry for an address and a packet's mark; -1 = there is none. */
  find(mark: number, family: number, words: Int32Array, at: number): number {
    for (let i = 0; i < this.tables.length; i++) {
      const t = this.tables[i]!;
      if ((mark & t.mask) !== t.mark) continue;
      const entry = t.table.find(family, words, at);
      if (entry >= 0) return entry;
    }
    return -1;
  }
}
