import { describe, expect, it } from 'vitest';
import { checkExports, undocumented } from './exports.js';
import { checkCovered, checkDead, isConstantsOnly, isTypesOnly } from './reach.js';
import { checkRooms, findCycles, importsOf } from './rooms.js';
import { checkSizes, functionsOf, MAX_FILE_LINES, MAX_FUNCTION_LINES } from './sizes.js';
import { blankLiterals, lineOf, sourceFile } from './source.js';
import { checkWords } from './words.js';

describe('blankLiterals', () => {
  it.each([
    ['a line comment', 'a; // TODO\nb', 'a;        \nb'],
    ['a block comment over lines', 'a /* x\ny */ b', 'a     \n     b'],
    ['a string with an escaped quote', "f('a\\'b') + 1", "f('    ') + 1"],
    ['a template over lines', '`a\n${b}`;c', '` \n    `;c'],
    ['a regular expression', 'x = /[/"]"/.test(y)', 'x = /     /.test(y)'],
    ['a regular expression after return', 'return /"/', 'return / /'],
    ['a division', 'a / b / c', 'a / b / c'],
    ['a comment opener in a string', "'/*' + x", "'  ' + x"],
  ])('%s', (_name, text, blanked) => expect(blankLiterals(text)).toBe(blanked));

  it('keeps line numbers', () => {
    expect(lineOf('a\nb\nc', 4)).toBe(3);
    expect(lineOf('a\nb\nc', 0)).toBe(1);
  });
});

describe('importsOf', () => {
  it.each([
    ["import { a } from './a.js';", ['src/wire/a.ts']],
    ["import type { a } from '../flow/a.js';", ['src/flow/a.ts']],
    ["import {\n  a,\n  b,\n} from './a.js';", ['src/wire/a.ts']],
    ["export { a } from './a.js';", ['src/wire/a.ts']],
    ["import './a.js';", ['src/wire/a.ts']],
    ["const a = await import('./a.js');", ['src/wire/a.ts']],
    ["new Worker(new URL('./a.js', import.meta.url))", ['src/wire/a.ts']],
    ["import fs from 'node:fs';", [null]],
    ["// import { a } from './a.js';", []],
    ['const s = "import { a } from \'./a.js\'";', []],
  ])('%s', (text, targets) => {
    expect(importsOf(sourceFile('src/wire/x.ts', text)).map((found) => found.target)).toEqual(targets);
  });
});

describe('checkRooms', () => {
  const complain = (path: string, text: string) => checkRooms([sourceFile(path, text)]);
  it.each([
    ['a room may import itself', 'src/wire/a.ts', "import { b } from './b.js';", 0],
    ['conntrack may import wire', 'src/conntrack/a.ts', "import { b } from '../wire/b.js';", 0],
    ['wire may not import conntrack', 'src/wire/a.ts', "import { b } from '../conntrack/b.js';", 1],
    ['not even a type', 'src/wire/a.ts', "import type { B } from '../conntrack/b.js';", 1],
    ['the core may not import Node', 'src/host/a.ts', "import { join } from 'node:path';", 1],
    ['the core may not import a package', 'src/iptables/a.ts', "import yaml from 'yaml';", 1],
    ['replay may import Node', 'src/replay/a.ts', "import { join } from 'node:path';", 0],
    ['a test may import any room', 'src/wire/a.test.ts', "import { b } from '../host/b.js';", 0],
    ['the command line may import any room', 'src/cli/a.ts', "import { b } from '../netlink/b.js';", 0],
    ['a room may not import the engine above it', 'src/host/a.ts', "import { b } from '../engine.js';", 1],
    ['a room outside of the table', 'src/misc/a.ts', '', 1],
    ['nothing outside of src', 'src/cli/a.ts', "import { b } from '../../bench/b.js';", 1],
  ])('%s', (_name, path, text, count) => expect(complain(path, text).length).toBe(count));

  it('finds cycles', () => {
    expect(findCycles({ a: ['b'], b: ['c'], c: [] })).toEqual([]);
    expect(findCycles({ a: ['b'], b: ['c'], c: ['a'] })).toContain('a -> b -> c -> a');
  });
});

const body = (lines: number) => Array.from({ length: lines }, () => '  x();\n').join('');

describe('checkSizes', () => {
  const complain = (text: string, long = {}) => checkSizes([sourceFile('src/wire/a.ts', text)], {}, long);

  it('measures every kind of function', () => {
    const text = [
      'export function a(b = { c: 1 }): { d: number } {\n  x();\n}',
      'class C {\n  constructor(private e: number) {\n    y();\n  }\n  async f<T>(g: T): Promise<T> {\n    return g;\n  }\n}',
      'const h = (i: number): number => {\n  return i;\n};',
      'if (z) {\n  x();\n}',
      'const s = "function j() {";',
    ].join('\n');
    expect(functionsOf(sourceFile('src/a.ts', text)).map((f) => [f.name, f.line, f.lines])).toEqual([
      ['a', 1, 3],
      ['constructor', 5, 3],
      ['f', 8, 3],
      ['h', 12, 3],
    ]);
  });

  it.each([
    ['a function of the limit', `function a() {\n${body(MAX_FUNCTION_LINES - 2)}}`, 0],
    ['a function beyond it', `function a() {\n${body(MAX_FUNCTION_LINES - 1)}}`, 1],
    ['a method beyond it', `class C {\n  a() {\n${body(MAX_FUNCTION_LINES)}  }\n}`, 1],
    ['an arrow function beyond it', `const a = () => {\n${body(MAX_FUNCTION_LINES)}};`, 1],
    ['a switch beyond it', `switch (a) {\n${body(MAX_FUNCTION_LINES)}}`, 0],
    ['a file of the limit', body(MAX_FILE_LINES), 0],
    ['a file beyond it', body(MAX_FILE_LINES + 1), 1],
  ])('%s', (_name, text, count) => expect(complain(text).length).toBe(count));

  it('takes exemptions, and complains of those that are not needed', () => {
    expect(complain(`function a() {\n${body(100)}}`, { 'src/wire/a.ts a': 'a table' })).toEqual([]);
    expect(complain('function a() {\n}', { 'src/wire/a.ts a': 'a table' }).length).toBe(1);
  });
});

describe('checkWords', () => {
  it.each([
    ['// TODO: more', 1],
    ['This is a stub.', 1],
    ['throw new Error("not implemented")', 1],
    ['as issue #12 says', 1],
    ['as issue 2 says', 1],
    ['written by an agent', 1],
    ['in this session', 1],
    ['the zabbix-agent port', 0],
    ['see /work/main/x', 1],
    ['writes /tmp/out.txt', 1],
    ['from https://registry.npmjs.org/x', 1],
    ['conntrack-tools and other tools', 0],
    ['registry.targets.has(name)', 0],
    ['issues a challenge ACK', 0],
    ['the framework/home page', 0],
    ['mktemp -d /tmp', 0],
    ['a method of the host', 0],
  ])('%s', (text, count) => expect(checkWords([sourceFile('docs/a.md', text)]).length).toBe(count));
});

describe('checkExports', () => {
  const complain = (text: string, mayAny = {}) => checkExports([sourceFile('src/wire/a.ts', text)], mayAny);
  it.each([
    ['a documented function', '/** A. */\nexport function a(): void {}', 0],
    ['an undocumented function', 'export function a(): void {}', 1],
    ['an undocumented interface', 'export interface A {\n  b: number;\n}', 1],
    ['a block of constants with one comment', '/** Numbers. */\nexport const A = 1;\nexport const B = 2;', 0],
    ['a constant after a blank line', '\n/** Numbers. */\nexport const A = 1;\n\nexport const B = 2;', 1],
    ['constants of a file with an opening comment', '/** Numbers. */\n\nexport const A = 1;\n\nexport const B = 2;', 0],
    ['the first class of a file with an opening comment', '/** A. */\n\nexport class A {\n}', 0],
    ['what the file is named after', '/** A. */\n\nexport const a = {};', 0],
    ['its second class', '/** A. */\n\nexport class A {\n}\n\nexport class B {\n}', 1],
    ['a function of a file with an opening comment', '/** F. */\n\nexport function b(): void {}', 1],
    ['a constant with a comment at its end', 'export const A = 1; // the first', 0],
    ['a class after a documented one', '/** A. */\nexport class A {\n}\nexport class B {\n}', 1],
    ['overloads', '/** A. */\nexport function a(b: 1): 1;\nexport function a(b: 2): 2;', 0],
    ['a default export', '/** A. */\nexport default 1;', 1],
    ['a star export', "export * from './b.js';", 1],
    ['a named re-export', "export { b } from './b.js';", 0],
    ['any as a type', 'const a: any = 1;', 1],
    ['an array of any', 'let a = [] as any[];', 1],
    ['any in an argument list', 'let a: Map<string, any>;', 1],
    ['a condition on a variable called any', 'if (many || any || all) return;', 0],
    ['a variable called any', 'return on ? onDev : any;', 0],
    ['any in a comment or a name', '// any of them\nconst any1 = "any";', 0],
  ])('%s', (_name, text, count) => expect(complain(text).length).toBe(count));

  it('takes exemptions for any, and complains of those that are not needed', () => {
    expect(complain('const a: any = 1;', { 'src/wire/a.ts': 'why' })).toEqual([]);
    expect(complain('const a = 1;', { 'src/wire/a.ts': 'why' }).length).toBe(1);
  });

  it('leaves tests alone', () => {
    expect(undocumented(sourceFile('src/a.ts', 'export const A = 1;')).length).toBe(1);
    expect(checkExports([sourceFile('src/a.test.ts', 'export const A = 1;')], {})).toEqual([]);
  });
});

describe('checkDead', () => {
  const tree = (extra: [string, string][]) =>
    [['src/main.ts', "import { a } from './a.js';"], ['src/a.ts', ''], ...extra].map(([p, t]) => sourceFile(p!, t!));
  it.each<[string, [string, string][], number]>([
    ['all reached', [], 0],
    ['a file that nothing imports', [['src/b.ts', '']], 1],
    [
      'a file that only a test imports',
      [
        ['src/b.ts', ''],
        ['src/b.test.ts', "import './b.js';"],
      ],
      1,
    ],
    [
      'a helper of a test',
      [
        ['test/h.ts', ''],
        ['test/h.test.ts', "import './h.js';"],
      ],
      0,
    ],
    ['a helper that no test imports', [['test/h.ts', '']], 1],
  ])('%s', (_name, extra, count) => expect(checkDead(tree(extra), ['src/main.ts']).length).toBe(count));

  it('misses an entry that is gone', () => expect(checkDead([], ['src/main.ts']).length).toBe(1));
});

describe('checkCovered', () => {
  const CODE = '/** A. */\nexport function a() {}\n';
  const tree = (extra: [string, string][]) =>
    [['src/wire/a.ts', CODE], ...extra].map(([path, text]) => sourceFile(path!, text!));
  it.each<[string, [string, string][], Record<string, { test: string; runsBuilt?: boolean }>, number]>([
    ['no test', [], {}, 1],
    ['a test beside it', [['src/wire/a.test.ts', '']], {}, 0],
    ['another test that imports it', [['src/wire/b.test.ts', "import './a.js';"]], {}, 0],
    ['a row with a test that leads to it', [['src/b.test.ts', "import './wire/a.js';"]], {}, 0],
    ['a row with a test that is not there', [], { 'src/wire/': { test: 'src/b.test.ts' } }, 1 + 1],
    ['a row with a test that does not lead to it', [['t.test.ts', '']], { 'src/wire/': { test: 't.test.ts' } }, 1],
    ['a row that runs what was built', [['t.test.ts', '']], { 'src/wire/': { test: 't.test.ts', runsBuilt: true } }, 0],
  ])('%s', (_name, extra, rows, count) => expect(checkCovered(tree(extra), rows).length).toBe(count));

  it.each([
    ['interfaces', 'export interface A {\n  b(): void;\n}\nexport type C = 1;', true, true],
    ['constants', 'export const A = 1 << 3;\nexport const B = [1, 2];', false, true],
    ['a function', 'export function a() {}', false, false],
  ])('knows files of %s', (_name, text, types, constants) => {
    expect(isTypesOnly(sourceFile('src/a.ts', text))).toBe(types);
    expect(isConstantsOnly(sourceFile('src/a.ts', text))).toBe(constants);
  });
});
