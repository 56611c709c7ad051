/** Differences from the real program that stay, each with its reason; docs/iptables-differences.md has them in words. */
const KNOWN = [];

/** Whether a difference in `what` (status, out, err) of a step is one of them. */
export function isKnown(step, what, real, ours, sequence) {
  return KNOWN.some((known) => known.is(step, what, real, ours, sequence));
}
