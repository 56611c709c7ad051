/**
 * Writes docs/extensions.md: a row for each match and target of the registry, with what its source file says of itself.
 *
 *     npm run build && node scripts/extension-table.js
 *
 * test/extensions-doc.test.ts fails when the page is out of date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Longest text of a row. */
const MAX_LEN = 330;

const HEAD = `# Matches and targets

Every option of these is read, checked and printed as iptables 1.8.9 does; \`iptables -L\` lists them as it does. What decides on
packets is what the kernel (Linux 6.18) does with the same rule on the same packets, but for what stands in the last column:
facts that a simulated host does not have. Where a verdict rests on one of those, a warning says so. A star: not every use of the
extension rests on them.
`;

const TAIL = `
\`-j ACCEPT\`, \`DROP\`, \`RETURN\` and \`QUEUE\` are verdicts; \`QUEUE\` drops, because nobody listens. The page is made by
\`scripts/extension-table.js\` from the registry (\`src/rules/registry.ts\`) and the first words of the extensions' files.
`;

/**
 * The page.
 * @param {object} registry The module rules/registry.
 */
export function extensionPage({ MATCHES, TARGETS, MATCHES_TO_COME, TARGETS_TO_COME }) {
  const lines = [HEAD];
  for (const [title, flag, folder, list, missing] of [
    ['Matches', '-m', 'match', MATCHES, MATCHES_TO_COME],
    ['Targets', '-j', 'target', TARGETS, TARGETS_TO_COME],
  ]) {
    lines.push(`## ${title}\n`);
    const does = flag === '-m' ? 'families | what it looks at' : 'families | tables | what it does';
    lines.push(`| name | ${does} | what a simulated host cannot know |`);
    lines.push(`|---|---|---|${flag === '-m' ? '' : '---|'}---|`);
    const sorted = [...list].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const extension of sorted) lines.push(row(extension, flag, folder));
    if (missing !== undefined && missing.size > 0) lines.push(`\nNot supported: ${[...missing].join(', ')}.`);
    lines.push('');
  }
  return lines.join('\n').trimEnd() + '\n' + TAIL;
}

function row(extension, flag, folder) {
  const { name, families, tables, unsupported, load, isDoubtful } = extension;
  const both = families.length === 2 ? 'both' : families[0] === 2 ? 'IPv4' : 'IPv6';
  const doubt =
    unsupported === undefined ? '' : `${unsupported.replace(/\.$/, '')}${isDoubtful === undefined ? '' : ' *'}`;
  const cells = [
    `\`${name}\``,
    both,
    ...(flag === '-m' ? [] : [tables === undefined ? 'all' : tables.join(', ')]),
    (load === undefined ? 'Read and printed only: ' : '') +
      summary(`src/rules/${folder}/${name}.ts`, `${flag} ${name}`),
    doubt,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** The first paragraph of a file's first comment, or its first sentence; without the name and the kernel's files. */
function summary(path, name) {
  const text = readFileSync(resolve(root, path), 'utf8');
  const comment = /^\/\*\*(.*?)\*\//s.exec(text)?.[1] ?? '';
  const [paragraph] = comment
    .replace(/^[ \t]*\*[ \t]?/gm, '')
    .trim()
    .split(/\n\s*\n/);
  const plain = paragraph.replace(/\s+/g, ' ').replace(/ \((?=[^)]*[\w-]+\.(?:c|ts)\b)[^)]*\)/g, '');
  if (!plain.startsWith(`${name}`)) throw new Error(`${path}: its first comment does not begin with "${name}"`);
  const told = plain
    .slice(name.length)
    .replace(/^ \([^)]*\)(?=:)/, '')
    .replace(/^: /, '');
  const first = told.length <= MAX_LEN ? told : told.slice(0, told.search(/\.(?= [A-Z]|$)/) + 1);
  return first.replace(/\.$/, '');
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const build = process.argv[2] ?? 'build';
  const registry = await import(pathToFileURL(resolve(root, build, 'rules/registry.js')).href);
  writeFileSync(resolve(root, 'docs/extensions.md'), extensionPage(registry));
}
