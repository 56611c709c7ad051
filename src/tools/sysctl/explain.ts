/** Settings in words: `--explain`, `--json`, the comments of a sysctl.d file, the rows of docs/sysctl.md. */
import { defaultOf, defaultRule, type SysctlHost } from './defaults.js';
import { harms, isSameValue, numberText } from './judge.js';
import { highest, SLOWEST_HZ, type SysctlReader, type SysctlRow, type SysctlUnit } from './model.js';
import { findRenamed, findRow } from './settings.js';
import { parseNumber } from './store.js';

/** One setting of a host and its value; '' where it has none. */
export interface SysctlValue {
  /** With dots. */
  name: string;
  value: string;
}

const UNITS: Record<SysctlUnit, string> = {
  switch: '0 off, 1 on',
  choice: 'a choice',
  seconds: 'seconds',
  milliseconds: 'milliseconds',
  bytes: 'bytes',
  entries: 'entries',
  packets: 'packets',
  hops: 'hops',
  'protocol number': 'a protocol number',
  word: 'a word',
};

const ACCESS: Record<SysctlRow['access'], string> = {
  namespace: 'each network namespace has its own',
  host: 'one for the whole host: child namespaces cannot set it, or do not have it',
  'read-only': 'read-only',
};

/** Whether a value differs from the default; false where there is none. */
export function isChanged(row: SysctlRow, value: string, host: SysctlHost): boolean {
  const initial = defaultOf(row, host);
  return initial !== null && row.limit !== null && !isSameValue(value, String(initial));
}

/** `4194304 bytes (4 MiB)`, `432000 seconds (5 days)`, `1 (on)`. */
export function valueText(row: SysctlRow, value: string): string {
  const number = parseNumber(value);
  if (row.unit === 'switch' && (number === 0 || number === 1)) return `${value} (${number === 1 ? 'on' : 'off'})`;
  if (Number.isNaN(number)) return value;
  const rough = row.unit === 'seconds' ? duration(number) : row.unit === 'bytes' ? size(number) : '';
  const unit = row.unit === 'switch' || row.unit === 'choice' || row.unit === 'protocol number' ? '' : ` ${row.unit}`;
  return `${value}${unit}${rough === '' ? '' : ` (${rough})`}`;
}

function duration(seconds: number): string {
  for (const [word, length] of [
    ['days', 86400],
    ['hours', 3600],
    ['minutes', 60],
  ] as const) {
    if (seconds >= 2 * length)
      return `${seconds % length === 0 ? '' : 'about '}${Math.round(seconds / length)} ${word}`;
  }
  return '';
}

function size(bytes: number): string {
  if (bytes < 1024) return '';
  const unit = bytes >= 2 ** 30 ? 30 : bytes >= 2 ** 20 ? 20 : 10;
  const count = bytes / 2 ** unit;
  return `${Number.isInteger(count) ? '' : 'about '}${Math.round(count)} ${{ 30: 'GiB', 20: 'MiB', 10: 'KiB' }[unit]}`;
}

/** Everything that is known of a setting, in lines of readable length. `value` null: this host does not have it. */
export function explain(name: string, value: string | null, host: SysctlHost, read: SysctlReader): string {
  const renamed = findRenamed(name);
  const row = findRow(name) ?? renamed?.row ?? null;
  const lines = [value === null ? name : `${name} = ${value}`];
  const add = (text: string): void => {
    lines.push(...wrap(text, 96).map((line, i) => `  ${i === 0 ? '' : '  '}${line}`));
  };
  if (row === null) {
    add('Nothing is known of it here: connection tracking does not depend on it.');
    return `${lines.join('\n')}\n`;
  }
  if (renamed !== null) add(`Gone since Linux ${renamed.gone}: use ${row.name}.`);
  else if (row.gone !== null) add(`Gone since Linux ${row.gone}: ${row.instead}.`);
  add(row.text);
  const initial = defaultOf(row, host);
  const rule = defaultRule(row);
  if (initial !== null) add(`Default: ${valueText(row, String(initial))}${rule === '' ? '' : `; ${rule}`}.`);
  add(`Takes: ${limitText(row)}; ${ACCESS[row.access]}.`);
  add(`Since Linux ${row.since}.${row.needs === '' ? '' : ` Needs ${row.needs}.`}`);
  for (const change of row.changes) add(`Linux ${change.since}: ${change.text}.`);
  if (row.wasNamed.length > 0 && renamed === null) add(`Was named ${row.wasNamed.join(' and ')}.`);
  for (const harm of value === null ? [] : harms(row, value, read)) add(`Warning: ${harm}.`);
  return `${lines.join('\n')}\n`;
}

/** `0 off, 1 on`, `seconds, up to 21474836 (2147483647 / ticks a second)`. */
export function limitText(row: SysctlRow): string {
  const { limit } = row;
  if (limit === null) return UNITS[row.unit];
  if (row.unit === 'switch' && limit.most === 1) return UNITS.switch;
  const most = numberText(highest(limit, SLOWEST_HZ));
  const range = limit.isTicks
    ? `from ${limit.least} to ${most}, or less where the kernel's clock ticks more than ${SLOWEST_HZ} times a second`
    : `from ${limit.least} to ${most}`;
  return `${UNITS[row.unit]}, ${range}`;
}

/** One object of `--json`. */
export function jsonOf(setting: SysctlValue, host: SysctlHost, read: SysctlReader): Record<string, unknown> {
  const { name, value } = setting;
  const row = findRow(name);
  const number = /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
  const shown = Number.isSafeInteger(number) ? number : value;
  if (row === null) return { name, value: shown };
  return {
    name,
    value: shown,
    default: defaultOf(row, host),
    changed: isChanged(row, value, host),
    unit: row.unit,
    least: row.limit?.least ?? null,
    most: row.limit === null ? null : highest(row.limit, SLOWEST_HZ),
    access: row.access,
    since: row.since,
    gone: row.gone,
    wasNamed: row.wasNamed,
    text: row.text,
    changes: row.changes.map((c) => ({ since: c.since, text: c.text })),
    warnings: harms(row, value, read),
  };
}

/** A file for /etc/sysctl.d: each setting with what it does as a comment. */
export function confOf(settings: readonly SysctlValue[], host: SysctlHost, read: SysctlReader): string {
  const parts = settings.map(({ name, value }) => {
    const row = findRow(name);
    const comments = row === null ? [] : wrap(row.text, 98);
    const initial = row === null ? null : defaultOf(row, host);
    if (row !== null && initial !== null) comments.push(`Default: ${valueText(row, String(initial))}.`);
    for (const harm of row === null ? [] : harms(row, value, read)) comments.push(...wrap(`Warning: ${harm}.`, 98));
    return `${comments.map((line) => `# ${line}\n`).join('')}${name} = ${value}\n`;
  });
  return `# Connection tracking, for sysctl.d(5). Made by statewall sysctl --write-d.\n${parts.map((p) => `\n${p}`).join('')}`;
}

/** Lines of at most `width` characters, broken at blanks. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines;
}
