/** Differences from the real program that stay, each with its reason; docs/iptables-differences.md has them in words. */
const KNOWN = [
  {
    // the dump of the library's memory forgets which command failed, so that the message is another
    is: (_step, what, _real, _ours, outcomes) => what === 'err' && /^libiptc v/m.test(outcomes.real.out),
  },
  {
    // an empty name of a chain is refused before -v says a word
    is: (step, what) => what === 'out' && step.argv.includes(''),
  },
  {
    // the two lie in the same memory, of which the kernel refuses to take one for the other
    is: (step, what) => what === 'out' && step.argv.some((w) => w.startsWith('--cg')) && step.argv.includes('--path'),
  },
  {
    // help is in words of its own
    is: (_step, what, real) => what === 'out' && /^ip6?tables v1\.8\.9 \(legacy\)\n\nUsage: /.test(real),
  },
  {
    // both say that a name cannot be resolved; why not depends on the machine
    is: (_step, what, real, ours) => what === 'err' && /getaddrinfo: /.test(real) && /getaddrinfo: /.test(ours),
  },
];

/** Whether a difference in `what` (status, out, err) of a step is one of them. */
export function isKnown(step, what, real, ours, outcomes) {
  return KNOWN.some((known) => known.is(step, what, real, ours, outcomes));
}
