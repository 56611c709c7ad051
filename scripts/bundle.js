/**
 * Bundles what tsc wrote to build/ into dist/: one file for the engine, one for the rest of the command line, one for each
 * library that the command line uses.
 *
 * Not for size: V8 reads an imported constant from memory at each use, and folds one that stands in the same file. The packet
 * path runs about a quarter faster bundled (docs/decisions/0007-bundle.md). The declarations that the engine's lead to are copied
 * beside it, so that dist/ is all that the package needs.
 */
import { chmodSync, cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
/** Libraries that become part of the package, with their licences. */
const LIBRARIES = ['commander', 'yaml'];
const CORE = /build[\\/](wire|flow|capture|conntrack|nat|helpers|rules|iptables|host)[\\/]/;

rmSync(at('dist'), { recursive: true, force: true });
const bundle = await rolldown({
  input: {
    engine: at('build/engine.js'),
    conntrack: at('build/conntrack-live.js'),
    // what benchmarks and tests of the inside use; not part of the package
    internals: at('build/internals.js'),
    'cli/main': at('build/cli/main.js'),
  },
  platform: 'node',
  // an optional dependency with a binary for each platform, loaded when a live table is opened
  external: ['koffi'],
});
await bundle.write({
  dir: at('dist'),
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name].js',
  comments: false,
  codeSplitting: {
    groups: [
      { name: 'core', test: CORE },
      ...LIBRARIES.map((name) => ({ name, test: new RegExp(`node_modules[\\\\/]${name}[\\\\/]`) })),
    ],
  },
});
await bundle.close();
const licences = LIBRARIES.map((name) => `${name}\n\n${readFileSync(at(`node_modules/${name}/LICENSE`), 'utf8')}`);
writeFileSync(at('dist/third-party-licenses.txt'), licences.join('\n\n'));
chmodSync(at('dist/cli/main.js'), 0o755);

/** Copies a declaration file and all that it refers to from build/ to dist/types/. */
function copyDeclarations(path, seen) {
  if (seen.has(path)) return;
  seen.add(path);
  cpSync(at(`build/${path}`), at(`dist/types/${path}`));
  const text = readFileSync(at(`build/${path}`), 'utf8');
  for (const [, from] of text.matchAll(/(?:\bfrom |\bimport\(|\bimport )["'](\.[^"']*)\.js["']/g))
    copyDeclarations(`${posix.join(posix.dirname(path), from)}.d.ts`, seen);
}
// a build may be made without declarations, for a quick try
for (const entry of ['engine.d.ts', 'conntrack-live.d.ts'])
  if (existsSync(at(`build/${entry}`))) copyDeclarations(entry, new Set());
