import { describe, expect, it } from 'vitest';
import { words } from '../../test/support/nat-bench.js';
import { AF_INET, AF_INET6 } from '../wire/packet.js';
import { selectRedirect4, selectRedirect6, selectSource6 } from './source-address.js';

const LO = 1;

/** Addresses as `DEVICE ADDRESS/LENGTH`, the oldest first. */
const candidates = (...list: string[]) =>
  list.map((text) => {
    const [dev, address, length] = text.split(/[ /]/) as [string, string, string];
    const family = address.includes(':') ? AF_INET6 : AF_INET;
    return { dev: Number(dev), address, family, words: words(address), length: Number(length) };
  });

// recorded: `ip address add` in this order, then what MASQUERADE and REDIRECT took
const MANY = candidates(
  '1 ::1/128',
  '2 10.1.0.1/24',
  '2 fd00:1::1/64',
  '2 fd00:1::40/64',
  '2 2001:db8:9::1/64',
  '2 fe80::40/64',
  '3 fd00:2::1/64',
  '3 fd00:2::40/64',
  '3 2001:db8:7::1/64',
  '3 fe80::7/64',
);

describe('the source of what leaves on an interface', () => {
  const rows: [string, string, number, string][] = [
    ['of the longest prefix, and of such the newest', 'fd00:2::2', 3, 'fd00:2::40'],
    ['the same behind a gateway', 'fd00:22::1', 3, 'fd00:2::40'],
    ['of the longest prefix before the newest', '2001:db8:55::1', 3, '2001:db8:7::1'],
    ['the address itself', 'fd00:2::1', 3, 'fd00:2::1'],
    ['of the interface before a longer prefix elsewhere', 'fd00:1::9', 3, 'fd00:2::40'],
    ['of the link for a destination of the link', 'fe80::77', 3, 'fe80::7'],
    ['of the other link there', 'fe80::77', 2, 'fe80::40'],
    ['of the link for a group of the link', 'ff02::fb', 3, 'fe80::7'],
    ['of the label for a group of the world', 'ff0e::5', 3, '2001:db8:7::1'],
  ];
  it.each(rows)('is %s: to %s on %i, %s', (_, to, dev, expected) => {
    expect(MANY[selectSource6(MANY, dev, words(to), 0)]?.address).toBe(expected);
  });

  it('is the first interface of those that are no better than each other', () => {
    const list = candidates('2 fd00:1::1/64', '3 fd00:2::1/64');
    expect(selectSource6(list, 4, words('2001:db8::1'), 0)).toBe(0);
  });

  it('is none where the host has none', () => {
    expect(selectSource6(candidates('1 ::1/128', '2 10.1.0.1/24'), 2, words('fd00::1'), 0)).toBe(-1);
  });
});

it('what is redirected in IPv4 goes to the first address of the interface', () => {
  const list = candidates('3 10.2.0.1/24', '2 fd00:1::1/64', '2 10.1.0.1/24', '2 10.1.0.40/24');
  expect([2, 3, 4].map((dev) => selectRedirect4(list, dev))).toEqual([2, 0, -1]);
});

describe('what is redirected on an interface goes to an address', () => {
  const rows: [string, string, string][] = [
    ['the newest of the world', 'fd00:1::1', '2001:db8:9::1'],
    ['the same from anywhere', '2001:db8:99::1', '2001:db8:9::1'],
    ['the same for a group of the world', 'ff0e::5', '2001:db8:9::1'],
    ['the same for a group of an organization', 'ff08::5', '2001:db8:9::1'],
    ['the same for no address', '::', '2001:db8:9::1'],
    ['of the link for one of the link', 'fe80::7', 'fe80::40'],
    ['of the link for a group of the link', 'ff02::fb', 'fe80::40'],
    ['none for a group of the host', 'ff01::1', ''],
    ['none for the loopback address', '::1', ''],
    ['none for one of a site', 'fec0::1', ''],
    ['none for a group of a site', 'ff05::1', ''],
    ['none for an IPv4 address in disguise', '::192.0.2.1', ''],
  ];
  it.each(rows)('%s: %s, %s', (_, to, expected) => {
    const at = selectRedirect6(MANY, 2, words(to), 0);
    expect(MANY[at]?.address ?? '').toBe(expected);
  });

  it.each([
    [
      'of a site where it has one',
      ['2 fd00:1::1/64', '2 fec0::1/64', '2 fec0::2/64', '2 fe80::1/64'],
      'fec0::9',
      'fec0::2',
    ],
    ['of the world rather than of a site', ['2 fd00:1::1/64', '2 fec0::1/64'], 'fd00::9', 'fd00:1::1'],
    ['of a site rather than of the link', ['2 fec0::1/64', '2 fe80::1/64'], 'fd00::9', 'fec0::1'],
    ['of the link where it has no other', ['2 fe80::1/64', '3 fd00:2::1/64'], 'fd00::9', 'fe80::1'],
    ['of the host itself', ['1 ::1/128', '2 fd00:1::1/64'], '::1', '::1'],
  ] as [string, string[], string, string][])('%s', (_, list, to, expected) => {
    const all = candidates(...list);
    const dev = expected === '::1' ? LO : 2;
    expect(all[selectRedirect6(all, dev, words(to), 0)]?.address).toBe(expected);
  });
});
