import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EQUIVALENT } from './equivalent.js';
import { instrument } from './mutants.js';
import { SUBJECTS } from './subjects.js';

const root = new URL('../../', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, root), 'utf8');
const changes = (text: string) => instrument('a.ts', text).mutants.map((m) => m.key.split(' :: ')[2]);

describe('the mutants of', () => {
  test.each([
    [
      'a comparison: its edge and its opposite',
      'f(a < b);',
      ['f(a < b); -> (removed)', 'a < b -> (a) <= (b)', 'a < b -> (a) >= (b)'],
    ],
    ['a number', 'const a = 5;', ['5 -> 6', '5 -> 4']],
    ['a cut to 32 bits', 'const a = b | 0;', ['b | 0 -> b']],
    ['a mask', 'const a = b & C;', ['b & C -> (b) | (C)']],
    ['a condition of two parts', 'const a = b && c;', ['b && c -> (b) || (c)', 'b && c -> b', 'b && c -> c']],
    ['an if, whose body is not removed besides', 'if (!a) b();', ['!a -> a', '!a -> true', '!a -> false']],
    [
      'a loop, which is not made endless by its condition',
      'while (a) {\n  b();\n  c();\n}',
      ['a -> false', 'b(); -> (removed)', 'c(); -> (removed)'],
    ],
    [
      "a table's row: another name of the table",
      'const A = [B, C, B, B, B];',
      ['B -> C', 'C -> B', 'B -> C #2', 'B -> C #3', 'B -> C #4'],
    ],
    ['the size of a typed array, which may be larger than it need be', 'const A = new Uint8Array(9);', ['9 -> 8']],
    [
      'a return, but not the last one of nothing but false',
      'function f() {\n  if (a) return false;\n  b();\n  return false;\n}',
      ['a -> true', 'a -> false', 'false -> true', 'b(); -> (removed)', 'false -> true'],
    ],
    ['types and imports: none', "import { a } from './1.js';\ntype B = 1 | 2;", []],
  ])('%s', (_claim, text, expected) => expect(changes(text)).toEqual(expected));

  test('the instrumented text is the plain one with mutant 0, and another with each other number', () => {
    const { text, mutants } = instrument('a.ts', 'let n = 0;\nfor (let i = 0; i < 3; i++) n += i * 2;\nreturn n;');
    const run = new Function('__mutant', text) as (mutant: number) => number | undefined;
    expect(run(0)).toBe(6);
    // the one that counts backwards never ends
    const ending = mutants.filter((m) => !m.key.includes('i--'));
    const same = ending.filter((m) => run(m.id) === 6).map((m) => m.key.split(' :: ')[2]);
    expect([mutants.length, same]).toEqual([16, ['0 -> 1']]);
  });

  test('the other text tells the places that are reached', () => {
    const { text, mutants } = instrument('a.ts', 'if (a < 5) {\n  b();\n  c();\n}\nreturn 0;', true);
    const run = new Function('__hit', 'a', 'b', 'c', text) as (...args: unknown[]) => number;
    const hits: string[] = [];
    const name = (place: number) => hits.push(mutants.find((m) => m.place === place)!.key.split(' :: ')[2]!);
    expect(run(name, 7, run, run)).toBe(0);
    expect(hits).toEqual(['a < 5 -> (a) <= (5)', '5 -> 6', 'return 0; -> (removed)', '0 -> 1']);
  });
});

describe('equivalent.ts', () => {
  test('names subjects and mutants that are there, each once', () => {
    expect(Object.keys(EQUIVALENT).filter((file) => !SUBJECTS.some((subject) => subject.file === file))).toEqual([]);
    for (const [file, rows] of Object.entries(EQUIVALENT)) {
      const keys = rows.flatMap((row) => row.keys);
      const there = new Set(instrument(file, read(file)).mutants.map((m) => m.key));
      expect(keys.filter((key) => !there.has(key))).toEqual([]);
      expect(keys.length).toBe(new Set(keys).size);
    }
  });
});
