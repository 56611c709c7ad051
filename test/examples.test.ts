/**
 * Documents show commands and what they print: each is run, and prints it. With UPDATE=1 in the environment the documents get what is
 * printed now; read the difference before you keep it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { agrees, Playground, refreshed, shownCommands } from './support/console-blocks.js';
import { readTree } from './tidy/source.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const documents = readTree(root).filter((file) => file.path.endsWith('.md') && file.text.includes('\n```console\n'));
/** Documents that have to show commands; others may. */
const SHOWING = [
  'README.md',
  'docs/try-it.md',
  'examples/brute-force-guard/README.md',
  'examples/library/README.md',
  'examples/notrack-port-80/README.md',
  'examples/outgoing-only/README.md',
  'examples/web-server/README.md',
];

describe('a console block', () => {
  const block = '```console\n$ a \\\n  b\nx  \n\n$ c\n```\n```sh\n$ d\n```\n';
  it('is read as commands and their output', () => {
    expect(shownCommands(block)).toEqual([
      { line: 2, command: 'a \\\n  b', output: ['x', ''] },
      { line: 6, command: 'c', output: [] },
    ]);
  });

  it.each<[string, string[], string[], boolean]>([
    ['the same', ['a', 'b'], ['a', 'b'], true],
    ['another line', ['a', 'b'], ['a', 'c'], false],
    ['a line too few', ['a', 'b'], ['a'], false],
    ['any lines', ['a', 'b', 'c'], ['a', '...'], true],
    ['no lines', ['a'], ['a', '...'], true],
    ['any lines between', ['a', 'b', 'c', 'd'], ['a', '...', 'd'], true],
    ['any lines twice', ['a', 'b', 'c', 'd', 'e'], ['...', 'c', '...', 'e'], true],
    ['another line after any', ['a', 'b'], ['...', 'c'], false],
  ])('agrees with %s', (_name, actual, shown, result) => expect(agrees(actual, shown)).toBe(result));

  it('may define what later ones use', () => {
    const play = new Playground();
    const text = '```console\n$ twice() { echo "$1" "$1"; }\n$ N=3\n$ twice $N\n3 3\n```\n';
    expect(refreshed(text, play)).toBe(text);
    play.remove();
  });

  it('is refreshed where it does not agree', () => {
    const play = new Playground();
    const text = '```console\n$ echo 1 && false\n2\n3\n\n$ echo 4; echo 5\n4\n...\n```\n';
    expect(refreshed(text, play)).toBe('```console\n$ echo 1 && false\n1\n(status 1)\n$ echo 4; echo 5\n4\n...\n```\n');
    play.remove();
  });
});

it('every document that has to show commands does', () => {
  expect(documents.map((file) => file.path)).toEqual(expect.arrayContaining(SHOWING));
});

// the commands are those of a Linux system (GNU sed)
describe.each(documents.map((file) => file.path))('%s', (path) => {
  it.runIf(process.platform === 'linux')('shows what its commands print', { timeout: 120_000 }, () => {
    const text = readFileSync(join(root, path), 'utf8');
    const play = new Playground(path);
    const actual = refreshed(text, play);
    play.remove();
    if (process.env.UPDATE === '1' && actual !== text) writeFileSync(join(root, path), actual);
    else expect(actual).toBe(text);
  });
});
