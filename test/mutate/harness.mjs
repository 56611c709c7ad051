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
    const beforeAll = (body) => this.tests.push({ name: 'beforeAll', run: body });
    const beforeEach = (body) => this.before.push(body);
    const nothing = () => {};
    this.api = { expect, describe, test, it: test, beforeAll, beforeEach, afterEach: nothing, afterAll: nothing };
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

  async run() {
    for (const { name, run } of this.tests) {
      try {
        for (const body of this.before) await body();
        await run();
      } catch {
        return name;
      }
    }
    return null;
  }
}

/** Test files in one script, compiled once. */
export class Bench {
  others;
  enter;
  expect = makeExpect();

  /** `code`: a CommonJS module that requires nothing but `vitest` and what `others` give. */
  constructor(code, others) {
    this.others = others;
    const script = new Script(`(function (__mutant, require, module, exports) {${code}\n})`, { filename: 'bench.js' });
    this.enter = script.runInThisContext();
  }

  /** Runs all tests with a mutant (0: none). */
  async run(mutant) {
    const collector = new Collector(this.expect);
    const require = (name) => (name === 'vitest' ? collector.api : this.others(name));
    const module = { exports: {} };
    try {
      this.enter(mutant, require, module, module.exports);
    } catch {
      return 'loading';
    }
    return collector.run();
  }
}
