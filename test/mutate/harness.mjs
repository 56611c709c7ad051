/**
 * Runs test files that were bundled into one script, again and again with another mutant, in one process: describe, test, each
 * and expect as vitest has them, without its reports. Stops at the first test that fails.
 */
import { Script } from 'node:vm';
import { chai, GLOBAL_EXPECT, JestAsymmetricMatchers, JestChaiExpect, JestExtend, setState } from '@vitest/expect';

function makeExpect() {
  chai.use(JestExtend);
  chai.use(JestChaiExpect);
  chai.use(JestAsymmetricMatchers);
  const expect = (value, message) => chai.expect(value, message);
  Object.assign(expect, chai.expect);
  globalThis[GLOBAL_EXPECT] = expect;
  setState({ assertionCalls: 0, isExpectingAssertions: false, expectedAssertionsNumber: null }, expect);
  return expect;
}

/** What a bundle sees as `vitest`; its tests are collected in `tests`. */
class Collector {
  tests = [];
  before = [];

  api;

  constructor(expect) {
    const test = this.withForms((name, body) => this.tests.push({ name, run: body }));
    const describe = this.withForms((_name, body) => body());
    const beforeEach = (body) => this.before.push(body);
    const nothing = () => {};
    const unknown = () => {
      throw new Error('a test that needs others does not fit: tests are run alone');
    };
    this.api = {
      expect,
      describe,
      test,
      it: test,
      beforeEach,
      afterEach: nothing,
      afterAll: nothing,
      beforeAll: unknown,
    };
  }

  withForms(take) {
    const plain = (name, body) => take(name, body);
    const each = (rows) => (name, body) => {
      rows.forEach((row, i) => {
        take(`${name} [${i}]`, () => (Array.isArray(row) ? body(...row) : body(row)));
      });
    };
    const skip = () => {};
    const skipIf = (no) => (no ? skip : plain);
    return Object.assign(plain, { each, for: each, concurrent: plain, skip, skipIf });
  }

  /** Whether a test passes. */
  async passes(test) {
    try {
      for (const body of this.before) await body();
      await this.tests[test].run();
      return true;
    } catch {
      return false;
    }
  }
}

/** Test files in one script, compiled once. */
export class Bench {
  others;
  enter;
  expect = makeExpect();
  collector = null;
  /** Changes the mutant of what is loaded. */
  choose;
  /** Whether what is loaded was loaded without a mutant. */
  plain = false;
  /** The test that failed last. */
  recent = 0;

  /** `code`: a CommonJS module that requires nothing but `vitest` and what `others` give. */
  constructor(code, others) {
    this.others = others;
    const head =
      '(function (__mutant, __choose, __hit, require, module, exports) { __choose((n) => { __mutant = n; });';
    this.enter = new Script(`${head}${code}\n})`, { filename: 'bench.js' }).runInThisContext();
  }

  /** Evaluates the script: all that it keeps is new. @throws what it throws. */
  load(mutant, hit = () => {}) {
    const collector = new Collector(this.expect);
    const require = (name) => (name === 'vitest' ? collector.api : this.others(name));
    const module = { exports: {} };
    this.plain = false;
    this.collector = collector;
    const choose = (change) => {
      this.choose = change;
    };
    this.enter(mutant, choose, hit, require, module, module.exports);
    this.plain = mutant === 0;
  }

  /**
   * Which places are reached while the script is loaded, and by each test; and the time of each in ms.
   * @throws Error if one fails.
   */
  async reached() {
    let hits = new Set();
    this.load(0, (place) => hits.add(place));
    const loading = hits;
    const tests = [];
    for (const [i, test] of this.collector.tests.entries()) {
      hits = new Set();
      const began = performance.now();
      if (!(await this.collector.passes(i))) throw new Error(`without a mutant "${test.name}" fails`);
      tests.push({ i, hits, ms: performance.now() - began });
    }
    return { loading, tests };
  }

  /** The name of a test that fails with the mutant, null = none. `loading`: the mutant changes what runs while loading. */
  async run({ id, loading, tests }) {
    try {
      if (loading || !this.plain) this.load(loading ? id : 0);
    } catch {
      return 'loading';
    }
    const failed = await this.firstFailure(id, tests);
    if (failed === null || loading) return this.nameOf(failed);
    // an earlier mutant may have left something behind that the test stumbled over
    this.choose(0);
    if (await this.collector.passes(failed)) return this.nameOf(failed);
    this.load(0);
    return this.nameOf(await this.firstFailure(id, tests));
  }

  nameOf(test) {
    return test === null ? null : this.collector.tests[test].name;
  }

  async firstFailure(id, tests) {
    this.choose(id);
    // mutants of one place are often noticed by the same test
    if (tests.includes(this.recent) && !(await this.collector.passes(this.recent))) return this.recent;
    for (const test of tests) {
      if (await this.collector.passes(test)) continue;
      this.recent = test;
      return test;
    }
    return null;
  }
}
