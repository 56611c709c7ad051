/** Which files are mutated, and which tests speak of each. */

/** One file under mutation. */
export interface Subject {
  /** From the project's root. */
  file: string;
  /** Test files that are run for each mutant. */
  tests: readonly string[];
}

const NAT = [
  ...['choose', 'choose-taken', 'address-choice', 'range', 'by-source'],
  ...['nat', 'nat-slots', 'nat-kept', 'rewrite'],
].map((name) => `src/nat/${name}.test.ts`);
const nat = (name: string): Subject => ({ file: `src/nat/${name}.ts`, tests: NAT });

export const SUBJECTS: readonly Subject[] = [
  {
    file: 'src/conntrack/tcp-window.ts',
    tests: ['tcp-record', 'tcp-states', 'tcp-window', 'tcp'].map((name) => `src/conntrack/${name}.test.ts`),
  },
  {
    file: 'src/conntrack/tcp.ts',
    tests: ['tcp-states', 'tcp', 'tcp-record', 'tcp-edges', 'tcp-window'].map(
      (name) => `src/conntrack/${name}.test.ts`,
    ),
  },
  {
    file: 'src/conntrack/udp.ts',
    tests: ['src/conntrack/udp.test.ts'],
  },
  {
    file: 'src/conntrack/icmp.ts',
    tests: ['src/conntrack/icmp.test.ts', 'src/nat/nat.test.ts'],
  },
  {
    file: 'src/conntrack/sctp.ts',
    tests: ['src/conntrack/sctp.test.ts', 'src/conntrack/sctp-record.test.ts'],
  },
  { file: 'src/conntrack/gre.ts', tests: ['src/conntrack/udp.test.ts'] },
  { file: 'src/conntrack/gre-keys.ts', tests: ['src/conntrack/gre-keys.test.ts'] },
  { file: 'src/conntrack/generic.ts', tests: ['src/conntrack/udp.test.ts'] },
  nat('choose'),
  nat('address-choice'),
  nat('range'),
  nat('by-source'),
  nat('nat'),
  nat('rewrite'),
];
