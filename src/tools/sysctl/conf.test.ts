import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { globTest, isGlob, parseConf } from './conf.js';
import { parseNumber } from './store.js';

describe('parseConf', () => {
  test.each([
    ['a setting', 'a.b = 1', { kind: 'set', name: 'a.b', value: '1', column: 1, valueColumn: 7, mayFail: false }],
    ['without blanks', 'a.b=1', { kind: 'set', name: 'a.b', value: '1', valueColumn: 5 }],
    ['indented', '  a.b =  1 2 ', { kind: 'set', name: 'a.b', value: '1 2', column: 3, valueColumn: 10 }],
    ['with an end of line of DOS', 'a.b=1\r', { kind: 'set', name: 'a.b', value: '1' }],
    ['that may fail', '-a.b = 1', { kind: 'set', name: 'a.b', value: '1', column: 2, mayFail: true }],
    ['the blank behind the - is of the name, as in sysctl', '- a.b = 1', { kind: 'set', name: ' a.b', mayFail: true }],
    ['the first = counts', 'a = b = c', { kind: 'set', name: 'a', value: 'b = c' }],
    ['no name', '= 3', { kind: 'set', name: '', value: '3' }],
    ['no value', 'a.b =', { kind: 'set', name: 'a.b', value: '' }],
    ['a comment behind is of the value', 'a = 1 # x', { kind: 'set', value: '1 # x' }],
    ['left out by patterns', '-a.b', { kind: 'exclude', name: 'a.b' }],
    ['neither', 'garbage here', { kind: 'bad', name: 'garbage here', value: '' }],
  ])('%s', (_claim, line, expected) => {
    expect(parseConf(`# comment\n; another\n\n   \n${line}\n`)).toEqual([
      expect.objectContaining({ line: 5, ...expected }),
    ]);
  });

  test('nothing', () => expect(parseConf('')).toEqual([]));

  test('any text: each line that is told of is there, at its column', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', '.', '/', '=', '-', '#', ' ', '\n', '\t', '*', '\r', '1'),
      maxLength: 60,
    });
    fc.assert(
      fc.property(text, (source) => {
        const lines = source.split('\n');
        for (const l of parseConf(source)) {
          const line = lines[l.line - 1]!;
          expect(line.slice(l.column - 1).startsWith(l.name)).toBe(true);
          if (l.kind === 'set') expect(line.slice(l.valueColumn - 1).startsWith(l.value)).toBe(true);
        }
      }),
    );
  });
});

describe('globTest', () => {
  test.each([
    ['*', 'anything', true],
    ['a*c', 'abc', true],
    ['a*c', 'ac', true],
    ['a*c', 'acd', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a[bc]d', 'acd', true],
    ['a[bc]d', 'aed', false],
    ['a[!bc]d', 'aed', true],
    ['a[!bc]d', 'abd', false],
    ['a[a-c]d', 'abd', true],
    ['a[]]d', 'a]d', true],
    ['a[', 'a[', true],
    ['a.b', 'axb', false],
    ['a(b', 'a(b', true],
    ['[z-a]', 'z', false],
    ['[!]a]', 'b', true],
    ['[!]a]', ']', false],
    ['[a-]', '-', true],
    ['[a-c-]', '-', true],
    ['[a-cx-z]', 'd', false],
    ['x[a-cz]y', 'xzy', true],
    ['**b*', 'aab', true],
    ['*ab', 'aaab', true],
    ['*a?', 'aa', true],
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
  ])('%s and %s: %s', (pattern, text, is) => expect(globTest(pattern)(text)).toBe(is));

  test('many stars take no time', () => {
    expect(globTest(`${'*a'.repeat(100)}b`)('a'.repeat(2000))).toBe(false);
  });

  test('agrees with a plain matcher', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
    const plain = (p: string, t: string): boolean => {
      if (p === '') return t === '';
      if (p[0] === '*') return plain(p.slice(1), t) || (t !== '' && plain(p, t.slice(1)));
      return t !== '' && (p[0] === '?' || p[0] === t[0]) && plain(p.slice(1), t.slice(1));
    };
    fc.assert(fc.property(text, text, (p, t) => globTest(p)(t) === plain(p, t)));
  });

  test('what is a pattern', () => expect(['a.b', 'a*', 'a?', 'a['].map(isGlob)).toEqual([false, true, true, true]));
});

describe('parseNumber, as the kernel reads', () => {
  test.each([
    ['1', 1],
    [' 12\n', 12],
    ['-1', -1],
    ['0x1E', 30],
    ['036', 30],
    ['00', 0],
    ['30 31', 30],
    ['30\t#', 30],
    ['9223372036854775807', 2 ** 63],
    ['038', Number.NaN],
    ['+5', Number.NaN],
    ['1.5', Number.NaN],
    ['1;', Number.NaN],
    ['x', Number.NaN],
    ['', Number.NaN],
  ])('%j', (text, number) => expect(parseNumber(text)).toBe(number));
});
