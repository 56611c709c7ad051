/** A scenario is data: rules, settings, and packets with the time before each. What is compared follows from it alone. */
import type { Sysctls } from './world.js';

/** Where a packet begins its way: side A, side B, or the router makes it. */
export type Side = 'a' | 'b' | 'r';

/** One packet. */
export interface Step {
  /** Milliseconds of waiting before it. */
  waitMs: number;
  side: Side;
  /** From the network header on. */
  packet: Buffer;
}

/** One run of the router. */
export interface Scenario {
  /** `FAMILY-SEED-NUMBER`. */
  name: string;
  family: string;
  /** What it is about, in a line. */
  covers: string;
  /** iptables-save text. */
  rules4: string;
  rules6: string;
  /** Besides the world's own. */
  sysctls: Sysctls;
  /** The router says nothing by itself but what REJECT and forwarding make; what it sends are steps. */
  isDeaf: boolean;
  /** The kernel's log is compared. */
  hasLog: boolean;
  steps: readonly Step[];
}

/** Whether a nat table is loaded; once it is, a network namespace keeps it, so that scenarios without one need another. */
export function hasNat(scenario: Pick<Scenario, 'rules4' | 'rules6'>): boolean {
  return /^\*nat$/m.test(scenario.rules4) || /^\*nat$/m.test(scenario.rules6);
}

/** Whether fragments may stay behind in the namespace: the next run of the same packets would find them. */
export function hasFragments(steps: readonly Step[]): boolean {
  return steps.some(({ packet }) => {
    if (packet.length < 40) return packet.length >= 8 && (packet.readUInt16BE(6) & 0x3fff) !== 0;
    return packet[0]! >> 4 === 6 ? packet[6] === 44 || packet[6] === 0 : (packet.readUInt16BE(6) & 0x3fff) !== 0;
  });
}
