import { describe, expect, test } from 'vitest';
import { ShellReader, splitRestoreLine, splitShellLine, Words } from './tokens.js';

function restore(line: string): unknown[] {
  const words = new Words();
  splitRestoreLine(line, 0, 1, words);
  return Array.from(
    { length: words.count },
    (_, i) => `${words.column[i]}${words.quoted[i] ? 'q' : ''}:${words.text[i]}`,
  );
}

function shell(script: string): string[] {
  const reader = new ShellReader(
    script,
    'x',
    new Map([
      ['A', 'one two'],
      ['E', ''],
    ]),
  );
  const commands: string[] = [];
  while (reader.next()) {
    const { words } = reader;
    commands.push(
      Array.from({ length: words.count }, (_, i) => `${words.line[i]}.${words.column[i]}:${words.text[i]}`).join(' '),
    );
  }
  return commands;
}

describe('iptables-restore knows double quotes alone', () => {
  test.each([
    ['-A  INPUT\t-j DROP\n', ['1:-A', '5:INPUT', '11:-j', '14:DROP']],
    ['a "', ['1:a']],
    ['a b"', ['1:a', '3q:b']],
    ['-j DROP\r\n', ['1:-j', '4:DROP\r']],
    ['a "b\\\n', ['1:a', '3q:b\n']],
    ['--comment "a b" x', ['1:--comment', '11q:a b', '17:x']],
    ['"a\\"b\\\\c"', ['1q:a"b\\c']],
    ["'x y'", ["1:'x", "4:y'"]],
    ['a"b c"d', ['1q:ab c', '7:d']],
    ['""', ['1q:']],
    ['a\\ b', ['1:a\\', '4:b']],
  ])('%j', (line, words) => expect(restore(line)).toEqual(words));
});

describe('a shell knows single and double quotes, backslashes and variables', () => {
  test.each([
    [`a 'b  c' "d\\"e" f\\ g`, ['1.1:a 1.3:b  c 1.10:d"e 1.17:f g']],
    ['a # c\n\n b#c', ['1.1:a', '3.2:b#c']],
    ['a \\\n  b; c', ['1.1:a 2.3:b', '2.6:c']],
    [`x $A "$A" \${A}y '$A'`, ['1.1:x 1.3:one 1.3:two 1.6:one two 1.11:one 1.11:twoy 1.17:$A']],
    ['x $E "$E" y', ['1.1:x 1.6: 1.11:y']],
    [`a'b'"c"\r\n`, ['1.1:abc']],
  ])('%j', (script, commands) => expect(shell(script)).toEqual(commands));

  test.each([
    ['a\n b | c', 2, 4],
    ['a $(b)', 1, 3],
    ['a "`b`"', 1, 4],
    ['a $NONE', 1, 3],
    ['a "b', 1, 3],
    ['a \n "b\n\nc', 2, 2],
    ['a > b', 1, 3],
  ])('%j is refused where it stands', (script, line, column) => {
    expect(() => shell(script)).toThrow(expect.objectContaining({ position: { file: 'x', line, column } }));
  });

  test('a batch line has no variables, comments or separators', () => {
    const words = splitShellLine(`a $X;b #c "\\$" '|'`);
    expect(words.text.slice(0, words.count)).toEqual(['a', '$X;b', '#c', '$', '|']);
  });
});
