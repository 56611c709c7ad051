import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { linesOfYaml, setInYaml } from './sysctl-yaml.js';

const NAME = 'net.netfilter.nf_conntrack_max';

describe('setInYaml', () => {
  test.each<[string, string, string]>([
    [
      'changes the value alone, and nothing of its line',
      `# head\nsysctl:\n  a: 1   # one\n  "${NAME}":   5 # five\n\n  # tail\n  b: 2\nmodules: [x]\n`,
      `# head\nsysctl:\n  a: 1   # one\n  "${NAME}":   7 # five\n\n  # tail\n  b: 2\nmodules: [x]\n`,
    ],
    [
      'finds a name with slashes',
      'sysctl:\n  net/netfilter/nf_conntrack_max: 5\n',
      'sysctl:\n  net/netfilter/nf_conntrack_max: 7\n',
    ],
    ['changes a quoted value', `sysctl: {${NAME}: "5"}\n`, `sysctl: {${NAME}: 7}\n`],
    ['gives a value to a name without', `sysctl:\n  ${NAME}:\n  b: 1\n`, `sysctl:\n  ${NAME}: 7\n  b: 1\n`],
    [
      'adds a line behind the last, its comment included',
      'sysctl:\n    a: 1 # one\n\n# about modules\nmodules: [x]\n',
      `sysctl:\n    a: 1 # one\n    ${NAME}: 7\n\n# about modules\nmodules: [x]\n`,
    ],
    ['adds to a flow', 'sysctl: {a: 1}\nmodules: []\n', `sysctl: {a: 1, ${NAME}: 7}\nmodules: []\n`],
    ['adds to a flow with a comma behind', 'sysctl: {a: 1,}\n', `sysctl: {a: 1, ${NAME}: 7,}\n`],
    ['adds to an empty flow', 'sysctl: {}\n', `sysctl: {${NAME}: 7}\n`],
    [
      'fills an empty key',
      'sysctl:   # none yet\nmodules: [x]\n',
      `sysctl:   # none yet\n  ${NAME}: 7\nmodules: [x]\n`,
    ],
    ['replaces null', 'sysctl: null\n', `sysctl: {${NAME}: 7}\n`],
    ['replaces ~', 'modules: [x]\nsysctl: ~ # nothing\n', `modules: [x]\nsysctl: {${NAME}: 7} # nothing\n`],
    [
      'adds the key',
      'interfaces:\n  - {name: eth0,   mac: "02:00:00:00:00:0a"}\n# the end\n',
      `interfaces:\n  - {name: eth0,   mac: "02:00:00:00:00:0a"}\nsysctl:\n  ${NAME}: 7\n# the end\n`,
    ],
    ['adds the key in a flow', '{modules: [x]}\n', `{modules: [x], sysctl: {${NAME}: 7}}\n`],
    ['fills an empty file', '', `sysctl:\n  ${NAME}: 7\n`],
    ['fills a file of comments', '# nothing yet', `# nothing yet\nsysctl:\n  ${NAME}: 7\n`],
    [
      'keeps the ends of line of DOS',
      'sysctl:\r\n  a: 1\r\nmodules: [x]\r\n',
      `sysctl:\r\n  a: 1\r\n  ${NAME}: 7\r\nmodules: [x]\r\n`,
    ],
    ['adds to a file whose last line has no end', 'sysctl:\n  a: 1', `sysctl:\n  a: 1\n  ${NAME}: 7`],
    [
      'leaves long lines alone',
      `sysctl:\n  a: ${'x'.repeat(300)} y\n`,
      `sysctl:\n  a: ${'x'.repeat(300)} y\n  ${NAME}: 7\n`,
    ],
    [
      'a text of many lines stays',
      'sysctl:\n  a: |\n    one\n    two\nosf: x\n',
      `sysctl:\n  a: |\n    one\n    two\n  ${NAME}: 7\nosf: x\n`,
    ],
    ['a document with marks', '---\nsysctl:\n  a: 1\n...\n', `---\nsysctl:\n  a: 1\n  ${NAME}: 7\n...\n`],
  ])('%s', (_claim, before, after) => expect(setInYaml(before, NAME, '7')).toBe(after));

  test('what cannot be written in its place is laid out anew, comments kept', () => {
    const edited = setInYaml(`# mine\nx-common: &c {a: 1}\nsysctl:\n  ${NAME}: &m 5 # five\n`, NAME, '7');
    expect(parse(edited).sysctl).toEqual({ [NAME]: 7 });
    expect(edited).toContain('# mine');
    expect(edited).toContain('# five');
  });

  test('a key in the long form is no place to write beside', () => {
    const edited = setInYaml('# mine\nsysctl:\n  ? a\n  : 1\n', NAME, '7');
    expect(parse(edited).sysctl).toEqual({ a: 1, [NAME]: 7 });
    expect(edited).toContain('# mine');
  });

  test.each([
    ['0x10', '0x10'],
    ['-1', -1],
    ['nf_log_ipv4', 'nf_log_ipv4'],
    ['off', 'off'],
    ['1 2', '1 2'],
    ['9223372036854775807', '9223372036854775807'],
    ['#', '#'],
  ])('the value %s is read back', (value, read) => {
    expect(parse(setInYaml('', 'a.b', value)).sysctl['a.b']).toBe(read);
  });

  test('of any file: the others keep their values, and every line of before is still there', () => {
    const word = fc.stringMatching(/^[a-z][a-z.]{0,8}$/);
    const settings = fc.dictionary(word, fc.nat(), { maxKeys: 5 });
    const comment = fc.constantFrom('', ' # note', '   #');
    const file = fc.record({ settings, comment, blank: fc.boolean(), before: fc.boolean(), flow: fc.boolean() });
    fc.assert(
      fc.property(file, word, fc.nat(), (f, name, value) => {
        const entries = Object.entries(f.settings);
        const lines = f.flow
          ? [`sysctl: {${entries.map(([k, v]) => `"${k}": ${v}`).join(', ')}}${f.comment}`]
          : [`sysctl:${f.comment}`, ...entries.map(([k, v]) => `  "${k}":  ${v}${f.comment}`)];
        const all = [
          ...(f.before ? ['# first', 'cpu: 3'] : []),
          ...lines,
          ...(f.blank ? ['', '# last'] : []),
          'osf: x',
          '',
        ];
        const edited = setInYaml(all.join('\n'), name, String(value));
        expect(parse(edited)).toEqual({
          ...(f.before ? { cpu: 3 } : {}),
          sysctl: { ...f.settings, [name]: value },
          osf: 'x',
        });
        const left = edited.split('\n');
        const changed = all.filter((line) => !left.includes(line));
        expect(changed.length).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('linesOfYaml', () => {
  test('gives the places of names and values', () => {
    expect(linesOfYaml('cpu: 1\nsysctl:\n  a.b: 5\n  c/d: "x y"\n  e:\n')).toEqual([
      { line: 3, column: 3, kind: 'set', name: 'a.b', value: '5', valueColumn: 8, mayFail: false },
      { line: 4, column: 3, kind: 'set', name: 'c/d', value: 'x y', valueColumn: 8, mayFail: false },
      { line: 5, column: 3, kind: 'set', name: 'e', value: '', valueColumn: expect.any(Number), mayFail: false },
    ]);
  });

  test.each(['', 'cpu: 1', 'sysctl:', 'sysctl: 3', '[]'])('%j has none', (text) =>
    expect(linesOfYaml(text)).toEqual([]),
  );
});
