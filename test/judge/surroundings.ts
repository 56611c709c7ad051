/** Whether the judge can work here, and if not, why: in one line. */
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** Programs that it asks, and the packages of Debian that have them. */
const PROGRAMS: readonly (readonly [string, string])[] = [
  ['ip', 'iproute2'],
  ['nsenter', 'util-linux'],
  ['iptables-legacy', 'iptables'],
  ['ip6tables-legacy', 'iptables'],
  ['conntrack', 'conntrack'],
  ['nfct', 'nfct'],
  ['nft', 'nftables'],
  ['python3', 'python3'],
];

/** What the check looks at; a test gives its own. */
export interface Surroundings {
  platform: string;
  /** Of the user; null: the system has none. */
  userId: number | null;
  hasProgram(name: string): boolean;
  /** What went wrong with making a network namespace and reading a table of iptables in it; null: nothing. */
  tryNamespace(): string | null;
}

/** Why the judge cannot work; null: it can. */
export function whyNot(s: Surroundings): string | null {
  if (s.platform !== 'linux') return `the judge asks a Linux kernel, and this is ${s.platform}`;
  if (s.userId !== 0) return 'the judge makes network namespaces and sends raw frames: it needs root';
  const missing = PROGRAMS.filter(([name]) => !s.hasProgram(name));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map(([, name]) => name))].join(', ');
    return `missing: ${missing.map(([name]) => name).join(', ')} (Debian: ${packages})`;
  }
  const problem = s.tryNamespace();
  return problem === null ? null : `this kernel cannot be asked: ${problem}`;
}

function isThere(name: string): boolean {
  const folders = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`.split(':').filter((folder) => folder !== '');
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function tryNamespace(): string | null {
  const name = `judge_${process.pid}_try`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (made.status !== 0) return `no network namespace: ${made.stderr.trim().split('\n').pop()}`;
  try {
    const inside = (args: string[]): string | null => {
      const r = spawnSync('nsenter', [`--net=/run/netns/${name}`, ...args], { encoding: 'utf8' });
      return r.status === 0 ? null : `${args[0]}: ${r.stderr.trim().split('\n').pop()}`;
    };
    return (
      inside(['iptables-legacy', '-t', 'mangle', '-S']) ??
      inside(['ip6tables-legacy', '-t', 'mangle', '-S']) ??
      inside(['ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1']) ??
      inside(['conntrack', '-L'])
    );
  } finally {
    execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  }
}

/** This machine. */
export function thisMachine(): Surroundings {
  return { platform: process.platform, userId: process.getuid?.() ?? null, hasProgram: isThere, tryNamespace };
}
