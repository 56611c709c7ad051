/**
 * Bundles what tsc wrote to build/ into dist/: one file for the engine, one for the rest of the command line.
 *
 * Not for size: V8 reads an imported constant from memory at each use, and folds one that stands in the same file. The packet
 * path runs about a quarter faster bundled (docs/decisions/0007-bundle.md).
 */
import { chmodSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const CORE = /build[\\/](wire|flow|capture|conntrack|nat|helpers|rules|iptables|host)[\\/]/;

rmSync(at('dist'), { recursive: true, force: true });
const bundle = await rolldown({
  input: {
    engine: at('build/engine.js'),
    // what benchmarks and tests of the inside use; not part of the package
    internals: at('build/internals.js'),
    'cli/main': at('build/cli/main.js'),
  },
  platform: 'node',
  external: /^[^./]/,
});
await bundle.write({
  dir: at('dist'),
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name].js',
  comments: false,
  codeSplitting: { groups: [{ name: 'core', test: CORE }] },
});
await bundle.close();
chmodSync(at('dist/cli/main.js'), 0o755);
