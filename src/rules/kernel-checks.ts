/** What several extensions demand of the rule around them when the kernel takes it. */
import { AF_INET, HAS_CUT, type Packet } from '../wire/packet.js';
import type { RuleContext } from './context.js';
import type { KernelRefusal, RuleAround } from './extension.js';

/** errno of "Invalid argument". */
export const EINVAL = 22;
/** errno of "No such file or directory", which iptables words as "No chain/target/match by that name". */
export const ENOENT = 2;

/** The kernel's answers as iptables words them; 22 EINVAL, 2 ENOENT, 34 ERANGE, 40 ELOOP ... */
export function errnoText(errno: number): string {
  if (errno === ENOENT) return 'No chain/target/match by that name.';
  if (errno === 34) return 'Numerical result out of range.';
  if (errno === 40) return 'Too many levels of symbolic links.';
  return "Invalid argument. Run `dmesg' for more information.";
}

/** Refuses a rule that can be reached from a hook outside `allowed` (HOOK_ bits). */
export function wantsHooks(name: string, allowed: number, around: RuleAround, where: string): KernelRefusal | null {
  return (around.hooks & ~allowed) === 0 ? null : { errno: EINVAL, why: `${name} is only valid in ${where}` };
}

/**
 * Where a match that does not ask about fragments looks for the transport header (kernel: par->thoff). In a later fragment of
 * IPv4 that is behind the IP header; of IPv6 it is the IP header itself, because the offset was never set.
 */
export function transportOff(p: Packet): number {
  if (p.l4Off >= 0) return p.l4Off;
  if (p.family !== AF_INET) return p.l3Off;
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
