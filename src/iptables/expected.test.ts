import { expect, test } from 'vitest';
import { registryOf } from '../rules/registry.js';
import { expectedOptions, expectedValue } from './expected.js';

test.each([
  ['conntrack', 'ctstate', 'NEW,ETSABLISHED', 2, /^expected some of INVALID .*; did you mean "ESTABLISHED"\?$/],
  ['conntrack', 'ctstate', 'XYZXYZXYZ', 2, /DNAT$/],
  ['REJECT', 'reject-with', 'icmp6-adm-prohibitd', 10, /did you mean "icmp6-adm-prohibited"\?$/],
  ['REJECT', 'reject-with', 'icmp-host-prohibitd', 2, /did you mean "icmp-host-prohibited"\?$/],
  ['tcp', 'destination-port', '80,443', 2, /-m multiport --dports 80,443$/],
  ['udp', 'source-port', 'x,y', 2, /-m multiport --sports x,y$/],
  ['tcp', 'tcp-flags', 'SYM SYN', 2, /did you mean "SYN"\?$/],
  ['nosuch', 'nosuch', 'x', 2, /^$/],
] as const)('-m %s --%s %s', (extension, option, value, family, words) => {
  expect(expectedValue(extension, option, value, family)).toMatch(words);
});

test('every row is about an option that there is', () => {
  const known = new Set<string>();
  for (const family of [2, 10] as const) {
    const { matches, targets } = registryOf(family);
    for (const { extension } of [...matches.values(), ...targets.values()]) {
      for (const { name } of extension.options) known.add(name).add(`${extension.name}.${name}`);
    }
  }
  expect(expectedOptions().filter((option) => !known.has(option))).toEqual([]);
});
