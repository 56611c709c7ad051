/** Programs in a network namespace of their own, for the tests of this folder. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What a program did. */
export interface Done {
  status: number | null;
  out: string;
  err: string;
}

/** One command line. */
export interface Line {
  args: readonly string[];
  input?: string;
  as?: 'nobody';
}

const at = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const SYSCTL = '/usr/sbin/sysctl';

/** Whether a namespace can be made here; under CI that is not asked: a machine that cannot fails. */
export function canAsk(needsSysctl: boolean): boolean {
  if (process.env.CI !== undefined) return true;
  if (process.getuid?.() !== 0 || (needsSysctl && !existsSync(SYSCTL))) return false;
  return spawnSync('unshare', ['-n', 'test', '-e', '/proc/sys/net/netfilter/nf_conntrack_acct']).status === 0;
}

async function inNamespace(script: string, input: unknown, before = ''): Promise<unknown> {
  const shell = `${before}exec '${process.execPath}' '${at(script)}'`;
  const child = spawn('unshare', ['-n', 'sh', '-ec', shell]);
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  child.stdin.end(JSON.stringify(input));
  const status = await new Promise((resolve) => child.on('close', resolve));
  if (status !== 0) throw new Error(`${script}: ${err}`);
  return JSON.parse(out);
}

/** The real sysctl. */
export const REAL: readonly string[] = [SYSCTL];

/** Runs lines one after another in one new namespace, with an interface `eth0.100`. `cwd`: the folder of relative names. */
export async function drive(program: readonly string[], lines: readonly Line[], cwd: string): Promise<Done[]> {
  const veth = 'ip link add name eth0.100 type veth peer name p0; ';
  return (await inNamespace('drive.mjs', { program, lines, cwd }, veth)) as Done[];
}

/** What the kernel says of a setting. */
export interface Probed {
  value: string;
  mode: number;
  /** An error code, or what is read after the value was taken. */
  answers: string[];
}

/** Tries values on settings (paths with slashes) in a new namespace. */
export async function probe(
  asked: readonly (readonly [string, readonly string[]])[],
): Promise<Record<string, Probed | null>> {
  return (await inNamespace('probe.mjs', asked)) as Record<string, Probed | null>;
}
