/**
 * The real iptables-legacy-restore and iptables-legacy-save, each time in a network namespace of its own. Needs root.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Family } from '../../src/rules/model.js';

/** What iptables-restore did with a text. */
export interface Restored {
  /** Above 128: it crashed. */
  status: number;
  /** What it wrote on standard error. */
  error: string;
  /** What iptables-save -c prints afterwards, without comment lines and without tables in which nothing is. */
  save: string;
}

/** What is done in the namespace besides. */
export interface RealOptions {
  /** Arguments of iptables-restore. */
  args?: readonly string[];
  /** Rules that are there before, in iptables-save's text with counters. */
  before?: string;
  /** Commands of a shell that run first: sets, modules. */
  prepare?: string;
}

const PROGRAMS = ['unshare', 'iptables-legacy-restore', 'iptables-legacy-save'];

/** Why the real program cannot be asked here; '' = it can. Under CI a missing program is a failure, not a reason. */
export function whyNotReal(): string {
  if (process.getuid?.() !== 0) return process.env.CI ? '' : 'not root';
  const missing = PROGRAMS.filter((p) => !existsSync(`/usr/sbin/${p}`) && !existsSync(`/usr/bin/${p}`));
  return missing.length === 0 || process.env.CI ? '' : `${missing.join(', ')} missing`;
}

/** Runs iptables-legacy-restore (or ip6tables') on bytes. */
export function realRestore(text: Uint8Array, family: Family, options: RealOptions = {}): Restored {
  const program = family === 2 ? 'iptables-legacy' : 'ip6tables-legacy';
  const args = (options.args ?? []).map((a) => `'${a}'`).join(' ');
  const script = [
    options.prepare ?? ':',
    options.before === undefined ? ':' : `printf %s "$BEFORE" | ${program}-restore -c || exit 99`,
    `${program}-restore ${args} >/dev/null`,
    'echo "$?" >&2',
    `exec ${program}-save -c`,
  ].join('\n');
  const r = spawnSync('unshare', ['-n', 'sh', '-c', script], {
    input: text,
    env: { ...process.env, BEFORE: options.before ?? '' },
    maxBuffer: 1 << 26,
  });
  const lines = r.stderr.toString('utf8').trimEnd().split('\n');
  const status = Number(lines.pop());
  if (r.status !== 0 || Number.isNaN(status) || status === 99)
    throw new Error(`not asked: ${r.stderr} ${r.error ?? ''}`);
  return { status, error: lines.join('\n'), save: withoutEmptyTables(r.stdout.toString('utf8')) };
}

/** iptables-save text without comments, and without tables that have neither rules nor chains nor policies nor counts. */
export function withoutEmptyTables(text: string): string {
  const tables = text.replace(/^#.*\n/gm, '').match(/^\*.*?^COMMIT$/gms) ?? [];
  const rest = tables.filter((t) => t.split('\n').some((l) => !/^(\*\w+|:\w+ ACCEPT \[0:0\]|COMMIT)$/.test(l)));
  return rest.sort().join('\n');
}

/** What iptables-save -c prints after a shell script of iptables commands, each of them the legacy one's. */
export function realScript(script: string, family: Family): string {
  const program = family === 2 ? 'iptables-legacy' : 'ip6tables-legacy';
  const commands = [
    'iptables() { iptables-legacy "$@"; }',
    'ip6tables() { ip6tables-legacy "$@"; }',
    'sudo() { "$@"; }',
    `(${script.replace(/(\/usr)?\/sbin\/(?=ip6?tables)/g, '')}\n) || exit 9`,
    `exec ${program}-save -c`,
  ];
  const r = spawnSync('unshare', ['-n', 'sh', '-c', commands.join('\n')], { encoding: 'utf8' });
  if (r.status !== 0) throw new Error(`not asked: ${r.stderr} ${r.error ?? ''}`);
  return withoutEmptyTables(r.stdout);
}
