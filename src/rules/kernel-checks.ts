/** What several extensions demand of the rule around them when the kernel takes it. */
import { AF_INET, HAS_CUT, type Packet } from '../wire/packet.js';
import type { RuleContext } from './context.js';
import type { KernelRefusal, RuleAround } from './extension.js';

/** errno of "Invalid argument". */
export const EINVAL = 22;
/** errno of "No such file or directory", which iptables words as "No chain/target/match by that name". */
export const ENOENT = 2;

/** Refuses a rule that can be reached from a hook outside `allowed` (HOOK_ bits). */
export function wantsHooks(name: string, allowed: number, around: RuleAround, where: string): KernelRefusal | null {
  return (around.hooks & ~allowed) === 0 ? null : { errno: EINVAL, why: `${name} is only valid in ${where}` };
}

/** Where the transport header stands, or would stand in a later IPv4 fragment; -1 = unknown (kernel: par->thoff). */
export function transportOff(p: Packet): number {
  if (p.l4Off >= 0 || p.family !== AF_INET) return p.l4Off;
  return p.l3Off + ((p.bytes[p.l3Off] as number) & 15) * 4;
}

/**
 * A header that a match must read is not there: the kernel drops the packet at once. Where the capture cut it off, nothing
 * is known and the rule does not match. Always false, so that a match can return it.
 */
export function headerMissing(p: Packet, c: RuleContext): boolean {
  if ((p.has & HAS_CUT) === 0) c.hotdrop = true;
  return false;
}
