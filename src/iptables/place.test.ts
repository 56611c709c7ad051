import { expect, test } from 'vitest';
import { findWord } from './place.js';

const TEXT = `*filter
-A INPUT -m comment --comment "x DNAT y" -j DNAT --to 1.1.1.1
-A INPUT -j XDNAT
iptables -A INPUT \\
  -m tcp \\\r
  -j DNAT
-A INPUT --jump=DNAT
-A INPUT -j "DNAT"
-A DNAT -gDNAT
`;

test.each([
  [2, 1, 'comment', '2:13'],
  [2, 40, 'DNAT', '2:45'],
  [3, 1, 'DNAT', 'null'],
  [4, 1, 'DNAT', '6:6'],
  [4, 1, 'tcp', '5:6'],
  [7, 1, 'DNAT', '7:17'],
  [8, 1, 'DNAT', '8:14'],
  [9, 1, 'DNAT', '9:11'],
  [1, 1, 'DNAT', 'null'],
])('from %i:%i %s stands at %s', (line, column, word, at) => {
  const found = findWord(TEXT, { file: 'f', line, column }, word);
  expect(found === null ? 'null' : `${found.line}:${found.column}`).toBe(at);
});
