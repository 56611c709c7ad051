/**
 * Mutation testing: changes the protocol trackers and the choice of NAT mappings in small ways, and lists the changes that no
 * test notices.
 *
 *   node test/mutate/run.mjs [--json FILE] [FILE...]     FILE: part of a subject's name, such as tcp-window
 *
 * The sources are read as they are now and never written. Exit
 * status 1: a mutant survives that equivalent.ts does not list, or a row of it is not needed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const here = fileURLToPath(new URL('.', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'statewall-mutate-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
process.env.STATEWALL_MUTATE = folder;
process.env.STATEWALL_ROOT = join(here, '../..');
const bundle = await rolldown({
  input: { main: join(here, 'main.mjs'), worker: join(here, 'worker.mjs') },
  platform: 'node',
  plugins: [
    {
      // the packages are the project's, wherever the bundle lies
      name: 'packages',
      resolveId: (id) =>
        /^[@\w]/.test(id) && !id.startsWith('node:') ? { id: import.meta.resolve(id), external: true } : null,
    },
  ],
});
await bundle.write({ dir: folder, format: 'esm', entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' });
await bundle.close();
await import(pathToFileURL(join(folder, 'main.mjs')).href);
