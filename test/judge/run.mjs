/**
 * `npm run judge` and `npm run conformance`: makes one module of the judge and of the sources as they are now, and runs it. Nothing has
 * to be built before.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const here = fileURLToPath(new URL('.', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'statewall-judge-'));
process.env.STATEWALL_WIRE = join(here, 'wire.py');
try {
  const bundle = await rolldown({ input: join(here, 'main.ts'), platform: 'node', logLevel: 'silent' });
  await bundle.write({ dir: folder, format: 'esm', entryFileNames: 'judge.mjs' });
  await bundle.close();
  const { main } = await import(pathToFileURL(join(folder, 'judge.mjs')).href);
  process.exitCode = await main(process.argv.slice(2), join(here, '../..'));
} catch (e) {
  process.stderr.write(`judge: ${e?.name === 'LabError' ? e.message : (e?.stack ?? e)}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
