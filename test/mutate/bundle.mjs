/** One script of test files, with an instrumented file among what they test. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { instrument } from './mutants.ts';

/** Bundles `tests` (paths from `root`) as one CommonJS module, with `file` instrumented; `reached` as mutants.ts has it. */
export async function bundleTests(root, file, tests, reached = false) {
  const entry = '\0tests';
  const subject = join(root, file);
  const instrumented = instrument(file, readFileSync(subject, 'utf8'), reached);
  const bundle = await rolldown({
    input: entry,
    platform: 'node',
    logLevel: 'silent',
    external: ['vitest', 'fast-check', /^node:/],
    treeshake: false,
    plugins: [
      {
        name: 'mutants',
        resolveId: (id) => (id === entry ? id : null),
        load(id) {
          if (id === entry) return tests.map((test) => `import ${JSON.stringify(join(root, test))};`).join('\n');
          return id === subject ? { code: instrumented.text, moduleType: 'ts' } : null;
        },
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'cjs', codeSplitting: false });
  await bundle.close();
  return { code: output[0].code, mutants: instrumented.mutants };
}
