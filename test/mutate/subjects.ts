/** Which files are mutated, and which tests and recorded cases (test/kernel/cases) speak of each. */

/** One file under mutation. */
export interface Subject {
  /** From the project's root. */
  file: string;
  /** Test files that are run for each mutant. */
  tests: readonly string[];
  /** Recorded cases that are run for what survives the tests: those whose names match. */
  cases: RegExp;
}

const NAT = ['choose', 'address-choice', 'range', 'by-source', 'nat'].map((name) => `src/nat/${name}.test.ts`);
const nat = (name: string): Subject => ({ file: `src/nat/${name}.ts`, tests: NAT, cases: /nat/ });

export const SUBJECTS: readonly Subject[] = [
  {
    file: 'src/conntrack/tcp-window.ts',
    tests: ['tcp-record', 'tcp-states', 'tcp-window', 'tcp'].map((name) => `src/conntrack/${name}.test.ts`),
    cases: /tcp|^situation|^small|^app-nat-(ftp|web)/,
  },
  {
    file: 'src/conntrack/tcp.ts',
    tests: ['tcp-states', 'tcp', 'tcp-record', 'tcp-window'].map((name) => `src/conntrack/${name}.test.ts`),
    cases: /tcp|^situation|^small|log-invalid|port-clash/,
  },
  {
    file: 'src/conntrack/udp.ts',
    tests: ['src/conntrack/udp.test.ts'],
    cases: /udp|^small|fuzz-(everything|log-invalid|protocols)/,
  },
  {
    file: 'src/conntrack/icmp.ts',
    tests: ['src/conntrack/icmp.test.ts', 'src/nat/nat.test.ts'],
    cases: /icmp|fuzz-(everything|log-invalid)/,
  },
  { file: 'src/conntrack/sctp.ts', tests: ['src/conntrack/sctp.test.ts'], cases: /sctp|fuzz-everything/ },
  { file: 'src/conntrack/gre.ts', tests: ['src/conntrack/udp.test.ts'], cases: /protocols|everything/ },
  { file: 'src/conntrack/generic.ts', tests: ['src/conntrack/udp.test.ts'], cases: /protocols|everything/ },
  nat('choose'),
  nat('address-choice'),
  nat('range'),
  nat('by-source'),
];
