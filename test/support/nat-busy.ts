/** A NAT bench whose first slots are taken, with two interfaces, for tests of what src/nat/nat.ts keeps of connections. */
import { NF_ACCEPT } from '../../src/conntrack/tracker.js';
import { MANIP_SRC } from '../../src/nat/range.js';
import { HOOK_POSTROUTING, type Packet } from '../../src/wire/packet.js';
import { type Ends, NatBench, rangeOf } from './nat-bench.js';

/** An address that sources become. */
export const PUBLIC = '203.0.113.1';
/** Interfaces: of 10.1.0.1, and of 10.2.0.1. */
export const IN = 3;
export const OUT = 4;
/** A range that asks for nothing. */
export const NONE = rangeOf('');

/** A bench whose first slots are taken by connections that nothing is done to. */
export function busy(count = 5): NatBench {
  const bench = new NatBench(() => 7);
  bench.addresses.set(IN, '10.1.0.1').set(OUT, '10.2.0.1');
  for (let i = 0; i < count; i++) bench.connect({ from: 60000 + i }, rangeOf('10.1.0.2'), MANIP_SRC);
  return bench;
}

/** A packet on its way out. */
export function leaving(bench: NatBench, e: Ends, out = OUT): Packet {
  const p = bench.arrive(e);
  p.hook = HOOK_POSTROUTING;
  p.inInterface = IN;
  p.outInterface = out;
  return p;
}

/** A connection that MASQUERADE gave the address of an interface; its slot. */
export function masqueraded(bench: NatBench, e: Ends, out = OUT): number {
  const p = leaving(bench, e, out);
  if (bench.nat.masquerade(p, NONE) !== NF_ACCEPT || !bench.leave(p)) throw new Error('not masqueraded');
  return p.connection >> 1;
}
