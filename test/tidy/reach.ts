/** What imports lead to: files that nothing uses, and files that no test covers. */
import { importsOf } from './rooms.js';
import { isShipped, type SourceFile } from './source.js';

/** Files that are run or imported from outside; `internals` is for benchmarks and is not packed. */
export const ENTRIES = ['src/engine.ts', 'src/conntrack-live.ts', 'src/cli/main.ts', 'src/internals.ts'];

/**
 * Files and folders without a test of their own, and the test that covers them. That test must lead to them by imports,
 * except where it runs the built command line (marked so).
 */
export const COVERED_BY: Readonly<Record<string, { test: string; runsBuilt?: boolean }>> = {
  'src/cli/': { test: 'test/cli/replay.test.ts', runsBuilt: true },
  'src/conntrack-live.ts': { test: 'test/netlink/library.test.ts', runsBuilt: true },
  'src/engine.ts': { test: 'test/package.test.ts', runsBuilt: true },
  'src/internals.ts': { test: 'test/alloc/alloc.test.ts', runsBuilt: true },
  'src/replay/': { test: 'test/cli/replay.test.ts', runsBuilt: true },
  // what a recorded kernel did, in counters, table, events and packets
  'src/conntrack/': { test: 'test/kernel/kernel.test.ts', runsBuilt: true },
  'src/host/': { test: 'test/kernel/kernel.test.ts', runsBuilt: true },
  'src/flow/': { test: 'src/flow/flow.test.ts' },
  'src/netlink/': { test: 'src/netlink/source.test.ts' },
  'src/tools/conntrack/': { test: 'test/conntrack-real/answers.test.ts' },
  'src/iptables/': { test: 'src/iptables/parse.test.ts' },
  // every match and target stands in the rules of some recorded case
  'src/rules/match/': { test: 'test/kernel/kernel.test.ts', runsBuilt: true },
  'src/rules/target/': { test: 'test/kernel/kernel.test.ts', runsBuilt: true },
  'src/rules/set/': { test: 'src/rules/match/set.test.ts' },
};

/** Shipped files that only tests use, and why. */
export const FOR_TESTS: Readonly<Record<string, string>> = {
  'src/rules/interpret.ts': 'the plain evaluator that the compiled one is compared with',
};

/** What vitest.config.ts runs before each test file. */
const SETUP = 'test/support/seed.ts';

/** All files that the given ones lead to, themselves included. */
export function reachable(files: readonly SourceFile[], from: readonly string[]): Set<string> {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const seen = new Set<string>();
  const queue = from.filter((path) => byPath.has(path));
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    for (const { target } of importsOf(byPath.get(path)!))
      if (target !== null && byPath.has(target)) queue.push(target);
  }
  return seen;
}

/** Shipped files that no entry leads to, and helpers of tests that no test leads to. */
export function checkDead(files: readonly SourceFile[], entries: readonly string[] = ENTRIES): string[] {
  const complaints = entries
    .filter((entry) => !files.some((file) => file.path === entry))
    .map((entry) => `${entry}: an entry that is not there`);
  const used = reachable(files, entries);
  const tests = files.filter((file) => file.path.endsWith('.test.ts')).map((file) => file.path);
  tests.push(SETUP);
  const usedByTests = reachable(files, tests);
  for (const { path } of files) {
    if (isShipped(path) && !used.has(path) && FOR_TESTS[path] === undefined)
      complaints.push(`${path}: no entry leads to it`);
    const helper = /^(?:test|src)\/.*\.ts$/.test(path) && !isShipped(path) && !path.endsWith('.test.ts');
    if (helper && !usedByTests.has(path)) complaints.push(`${path}: no test leads to it`);
  }
  return complaints;
}

/** Whether a file only declares types: there is nothing to run. */
export function isTypesOnly(file: SourceFile): boolean {
  return !/^(?:export )?(?:abstract )?(?:async )?(?:const|let|class|function|enum)\b|^export (?:\*|\{)/m.test(
    file.code,
  );
}

/** Whether a file only names constants: numbers of a protocol or of the kernel. */
export function isConstantsOnly(file: SourceFile): boolean {
  return !/\bfunction\b|\bclass\b|=>/.test(file.code.replace(/\(([^()]*)\)\s*=>\s*[\w.<>[\]| ]+[;,]/g, ''));
}

/**
 * Shipped files without a test: neither one of the same name beside it, nor one of the same room that imports it, nor a row
 * of COVERED_BY. Files of types or of constants alone need none.
 */
export function checkCovered(files: readonly SourceFile[], coveredBy = COVERED_BY): string[] {
  const complaints: string[] = [];
  const importedByTest = new Set<string>();
  for (const file of files) {
    if (!file.path.endsWith('.test.ts')) continue;
    for (const { target } of importsOf(file)) if (target !== null) importedByTest.add(target);
  }
  const paths = new Set(files.map((file) => file.path));
  const reachCache = new Map<string, Set<string>>();
  for (const file of files) {
    const { path } = file;
    if (!isShipped(path) || isTypesOnly(file) || isConstantsOnly(file)) continue;
    if (paths.has(path.replace(/\.ts$/, '.test.ts')) || importedByTest.has(path)) continue;
    const key = Object.keys(coveredBy).find(
      (prefix) => path === prefix || (prefix.endsWith('/') && path.startsWith(prefix)),
    );
    if (key === undefined) {
      complaints.push(`${path}: no test`);
      continue;
    }
    const { test, runsBuilt } = coveredBy[key]!;
    if (!paths.has(test)) complaints.push(`${path}: covered by ${test}, which is not there`);
    if (runsBuilt) continue;
    if (!reachCache.has(test)) reachCache.set(test, reachable(files, [test]));
    if (!reachCache.get(test)!.has(path)) complaints.push(`${path}: covered by ${test}, which does not lead to it`);
  }
  return complaints;
}
