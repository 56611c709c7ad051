/** The table of kernel settings that connection tracking depends on, and how a row is found. */
import { compareVersions, isIn, type SysctlRow, TABLE_KERNEL } from './model.js';
import { CONNTRACK_SETTINGS } from './settings-conntrack.js';
import { GONE_SETTINGS } from './settings-gone.js';
import { IP_SETTINGS } from './settings-ip.js';
import { TIMEOUT_SETTINGS } from './settings-timeouts.js';

/** All settings, those of TABLE_KERNEL first, by name; then those that are gone. */
export const SYSCTLS: readonly SysctlRow[] = [
  ...[...CONNTRACK_SETTINGS, ...TIMEOUT_SETTINGS, ...IP_SETTINGS].sort((a, b) => (a.name < b.name ? -1 : 1)),
  ...GONE_SETTINGS,
];

/** Names of kernels before 2.6.22, and of those with the old names beside the new ones until 4.8. */
export const OLD_NAMES_GONE = '4.9';

/** Where sysctl(8)'s names begin. */
export const PROC_SYS = '/proc/sys/';

/**
 * Slashes for dots, as sysctl(8) does it: the first separator of the name decides, and the other character is one of a name's own
 * (`net.ipv4.conf.eth0/100.rp_filter`, `net/ipv4/conf/eth0.100/rp_filter`).
 */
export function toPath(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  return first === '.' ? swapped(name) : name;
}

/** The name with dots of a path. */
export function toName(path: string): string {
  return swapped(path);
}

function swapped(text: string): string {
  return text.replace(/[./]/g, (c) => (c === '.' ? '/' : '.'));
}

/** The name with dots, whichever separator it is written with. */
export function dotted(name: string): string {
  return toName(toPath(name.trim()));
}

/** The row of a name with dots; null: the table has none. */
export function findRow(name: string): SysctlRow | null {
  return exact(name) ?? SYSCTLS.find((r) => matchesPattern(r.name, name)) ?? null;
}

function exact(name: string): SysctlRow | null {
  return SYSCTLS.find((r) => r.name === name) ?? null;
}

function matchesPattern(pattern: string, name: string): boolean {
  const star = pattern.indexOf('*');
  if (star >= 0) {
    const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)];
    const middle = name.slice(before.length, -after.length);
    return middle !== '' && !middle.includes('.') && before + middle + after === name;
  }
  return (
    pattern.endsWith('.N') && /^\d+$/.test(name.slice(pattern.length - 1)) && name.startsWith(pattern.slice(0, -1))
  );
}

/** A name of before, and the row that has the setting today. */
export interface Renamed {
  row: SysctlRow;
  /** The first release without the old name. */
  gone: string;
}

/** What a name with dots of before was renamed to; null: it is none. */
export function findRenamed(name: string): Renamed | null {
  const renamed = SYSCTLS.find((r) => r.wasNamed.includes(name));
  return renamed === undefined ? null : { row: renamed, gone: OLD_NAMES_GONE };
}

/** Names that share one value: each way of writing it writes the other. */
export function aliasesOf(name: string): readonly string[] {
  for (const group of ALIASES) if (group.includes(name)) return group;
  return [name];
}

const ALIASES: readonly (readonly string[])[] = [
  ['net.netfilter.nf_conntrack_max', 'net.nf_conntrack_max'],
  ['net.ipv4.ip_forward', 'net.ipv4.conf.all.forwarding'],
];

/** The names, with dots, that a kernel of that version has, with these interfaces (besides all, default and lo). */
export function namesOf(interfaces: readonly string[], version = TABLE_KERNEL): string[] {
  const devices = ['all', 'default', 'lo', ...interfaces.filter((i) => i !== 'lo')];
  const names = SYSCTLS.filter((r) => isIn(r, version)).flatMap((r) => {
    if (r.name.includes('*')) return devices.map((device) => r.name.replace('*', device.replaceAll('.', '/')));
    return r.name.endsWith('.N') ? LOG_FAMILIES.map((n) => r.name.replace(/N$/, n)) : [r.name];
  });
  return names.sort(byPath);
}

/** NFPROTO_ numbers, 0 to 10. */
const LOG_FAMILIES = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '10'];

/** Order of sysctl(8): folder by folder, by bytes. */
export function byPath(a: string, b: string): number {
  const [left, right] = [toPath(a).split('/'), toPath(b).split('/')];
  for (let i = 0; i < left.length && i < right.length; i++) {
    if (left[i] !== right[i]) return left[i]! < right[i]! ? -1 : 1;
  }
  return left.length - right.length;
}

/** The changes of a row that a kernel of that version has not seen yet. */
export function changesAfter(r: SysctlRow, version: string): SysctlRow['changes'] {
  return r.changes.filter((c) => compareVersions(version, c.since) < 0);
}
