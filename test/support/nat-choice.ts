/** The choice of a mapping by itself, for tests of src/nat/choose.ts. */
import { BySource } from '../../src/nat/by-source.js';
import { TupleChooser } from '../../src/nat/choose.js';
import { MANIP_SRC, type NatRange } from '../../src/nat/range.js';
import { IPPROTO_TCP, TUPLE_WORDS } from '../../src/wire/packet.js';
import { type Ends, type NatBench, rangeOf, tupleText } from './nat-bench.js';

/** The address that sources become. */
export const PUBLIC = '203.0.113.1';

/** A chooser that knows all connections by their source. */
export function chooserOf(bench: NatBench): TupleChooser {
  const bySource = new BySource(bench.tracker.table);
  for (let slot = bench.tracker.table.nextInUse(0); slot >= 0; slot = bench.tracker.table.nextInUse(slot + 1))
    bySource.add(slot);
  return new TupleChooser(bench.tracker, bySource, () => bench.draw());
}

/** What the chooser makes of the connection that a packet begins, which is not confirmed; `prepare` may change that before. */
export function choose(
  bench: NatBench,
  e: Ends,
  range: NatRange,
  manip = MANIP_SRC,
  prepare: (slot: number) => void = () => {},
): string {
  const chooser = chooserOf(bench);
  const p = bench.arrive(e);
  prepare(p.connection >> 1);
  const out = new Int32Array(TUPLE_WORDS);
  chooser.choose(p.connection >> 1, p.tuple, range, manip, out);
  bench.tracker.dropped(p);
  bench.tracker.settle();
  return tupleText(out);
}

/** Connections of 10.1.0.99 that hold ports of PUBLIC towards 10.2.0.3:80. */
export function hold(bench: NatBench, ports: Iterable<number>, protocol = IPPROTO_TCP): void {
  for (const from of ports) bench.connect({ source: '10.1.0.99', from, protocol }, rangeOf(PUBLIC), MANIP_SRC);
}

/** All whole numbers from the first to the last. */
export const count = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
