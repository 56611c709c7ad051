/**
 * Writes the tables of docs/sysctl.md, from "## The settings" on: a row for each kernel setting of src/tools/sysctl.
 *
 *     npm run build && node scripts/sysctl-table.js
 *
 * test/sysctl-doc.test.ts fails when the page is out of date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = resolve(root, 'docs/sysctl.md');

/** Where the tables begin. */
export const TABLES_BEGIN = '## The settings\n';

const PARTS = [
  ['Table, TCP and logging', /^net\.(netfilter\.nf_(conntrack_(?!.*timeout)|log|hooks)|nf_conntrack_max)/],
  ['Timeouts', /timeout/],
  ['IP', /^net\.ipv[46]\./],
];

/**
 * The tables.
 * @param {object} modules SYSCTLS of settings.js; defaultOf, defaultRule and PLENTIFUL of defaults.js; limitText and valueText of
 * explain.js.
 */
export function sysctlTables(modules) {
  const { SYSCTLS } = modules;
  const here = SYSCTLS.filter((row) => row.gone === null);
  const lines = [TABLES_BEGIN];
  lines.push(
    'Defaults are those of Linux 6.18 on a host with more than 4 GiB of memory. *Range*: what the kernel takes without EINVAL; seconds go',
    'from -21474836 to 21474836 where nothing stands (8589934 where the clock ticks 250 times a second, 2147483 with 1000), and 0 or less',
    'is harmful. Settings with ¹ are one for the whole host, and read-only or not there in other network namespaces than the first.\n',
  );
  const done = new Set();
  for (const [title, pattern] of PARTS) {
    const rows = here.filter((row) => !done.has(row) && pattern.test(row.name));
    for (const row of rows) done.add(row);
    lines.push(`### ${title}\n`, '| setting | default | range | since | what it does |', '|---|---|---|---|---|');
    lines.push(...rows.map((row) => settingRow(row, modules)), '');
  }
  lines.push('### Gone\n', '| setting | from | to | what to do now |', '|---|---|---|---|');
  for (const row of SYSCTLS.filter((r) => r.gone !== null)) {
    lines.push(`| \`${row.name}\` | ${row.since} | before ${row.gone} | ${cell(row.instead)} |`);
  }
  lines.push('', '### Renamed\n', 'Until Linux 2.6.22 the only names, until 4.8 beside the new ones:\n');
  lines.push('| before | now |', '|---|---|');
  for (const row of here) for (const old of row.wasNamed) lines.push(`| \`${old}\` | \`${row.name}\` |`);
  return `${lines.join('\n')}\n`;
}

function settingRow(row, { defaultOf, defaultRule, PLENTIFUL }) {
  const initial = defaultOf(row, PLENTIFUL);
  const rule = defaultRule(row);
  const shown = [initial === null ? '' : `${initial}`, rule].filter((part) => part !== '').join(': ');
  const notes = row.changes.map((change) => `Linux ${change.since}: ${change.text}.`);
  if (row.needs !== '') notes.unshift(`Needs ${row.needs}.`);
  const harms = row.harms
    .map((harm) => `**Harm, ${harm.at}:** ${harm.text}.`)
    .filter((text) => !/forgotten at once/.test(text));
  const name = `\`${row.name}\`${row.access === 'host' ? '¹' : row.access === 'read-only' ? ' (read-only)' : ''}`;
  return `| ${name} | ${shown} | ${rangeOf(row)} | ${row.since} | ${cell([row.text, ...notes, ...harms].join(' '))} |`;
}

function rangeOf(row) {
  if (row.limit === null || row.limit.isTicks) return '';
  return `${row.limit.least} to ${row.limit.most >= 2 ** 63 ? '2^63 - 1' : row.limit.most}`;
}

function cell(text) {
  return text
    .replaceAll('|', '\\|')
    .replaceAll('*', (star, at) => (text.slice(at - 2, at + 2).includes('**') ? star : '\\*'));
}

if (process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === import.meta.url) {
  const build = resolve(process.env.STATEWALL_BUILD ?? resolve(root, 'build'), 'tools/sysctl');
  const parts = await Promise.all(
    ['settings', 'defaults'].map((name) => import(pathToFileURL(`${build}/${name}.js`).href)),
  );
  const text = readFileSync(page, 'utf8');
  writeFileSync(page, text.slice(0, text.indexOf(TABLES_BEGIN)) + sysctlTables(Object.assign({}, ...parts)));
}
