import { expect, test } from 'vitest';
import { accountName, accountNumber } from './accounts.js';

test.each([
  ['user', 'root', 0],
  ['user', 'www-data', 33],
  ['user', 'nobody', 65534],
  ['group', 'adm', 4],
  ['group', 'nogroup', 65534],
] as const)('%s %s is %i, and back', (kind, name, number) => {
  expect(accountNumber(kind, name)).toBe(number);
  expect(accountName(kind, number)).toBe(name);
});

test('users and groups have names of their own; what is not known has none', () => {
  expect(accountNumber('user', 'adm')).toBe(-1);
  expect(accountNumber('group', '0')).toBe(-1);
  expect(accountName('user', 4)).toBe('sync');
  expect(accountName('group', 1000)).toBe('');
});
