import { describe, expect, test } from 'vitest';
import { absence, harms, isSameValue, numberText, refusal } from './judge.js';
import { findRow } from './settings.js';

const NF = 'net.netfilter.nf_conntrack_';
const nothing = (): undefined => undefined;
const read =
  (values: Record<string, number>) =>
  (name: string): number | undefined =>
    values[name];

describe('refusal', () => {
  test.each([
    ['acct', '1', null],
    ['acct', '0x1', null],
    ['acct', '01', null],
    ['acct', '1 or so', null],
    ['acct', '2', 'expected a whole number from 0 to 1, got "2"'],
    ['acct', '', 'expected a whole number from 0 to 1, got ""'],
    ['acct', 'on', 'expected a whole number from 0 to 1, got "on"'],
    ['udp_timeout', '-1', null],
    ['udp_timeout', '21474837', 'expected a whole number from -21474836 to 21474836, got "21474837"'],
    ['frag6_high_thresh', '9223372036854775807', null],
    ['frag6_high_thresh', '-1', 'expected a whole number from 0 to 9223372036854775807, got "-1"'],
  ])('%s = %j', (name, value, said) => expect(refusal(findRow(NF + name)!, value, nothing)).toBe(said));

  test('a word is not judged', () => expect(refusal(findRow('net.netfilter.nf_log.2')!, 'x', nothing)).toBeNull());

  test.each([
    ['high', 100, 50, true],
    ['high', 100, 100, true],
    ['high', 100, 101, false],
    ['low', 100, 100, true],
    ['low', 101, 100, false],
  ])('the %s threshold %d beside %d: %s', (which, value, other, isTaken) => {
    const names = { high: 'net.ipv4.ipfrag_high_thresh', low: 'net.ipv4.ipfrag_low_thresh' };
    const around = read({ [which === 'high' ? names.low : names.high]: other });
    const said = refusal(findRow(names[which as 'high' | 'low'])!, String(value), around);
    expect(said === null).toBe(isTaken);
  });
});

describe('harms', () => {
  test.each<[string, string, Record<string, number>, RegExp[]]>([
    ['max', '0', {}, [/^0 is no limit/]],
    ['max', '800001', { [`${NF}buckets`]: 100000 }, [/8 connections a bucket/]],
    ['max', '800000', { [`${NF}buckets`]: 100000 }, []],
    ['max', '10', { [`${NF}count`]: 10, [`${NF}buckets`]: 1024 }, [/new ones are dropped/]],
    ['max', '11', { [`${NF}count`]: 10, [`${NF}buckets`]: 1024 }, []],
    ['max', 'many', {}, []],
    ['tcp_timeout_established', '0', {}, [/forgotten at once/]],
    ['tcp_timeout_established', '7439', {}, [/RFC 5382/]],
    ['tcp_timeout_established', '7440', {}, []],
  ])('%s = %s', (name, value, around, texts) => {
    const said = harms(findRow(NF + name)!, value, read(around));
    expect(said).toEqual(texts.map((text) => expect.stringMatching(text)));
  });
});

describe('absence', () => {
  test.each([
    [`${NF}helper`, '5.19', null],
    [`${NF}helper`, '6.0', /^is gone since Linux 6.0: remove the line/],
    [`${NF}helper`, '3.4', 'comes with Linux 3.5'],
    [`${NF}max`, '6.18', null],
    ['net.ipv4.tcp_mem', '2.6.0', null],
  ])('%s in Linux %s', (name, kernel, said) => {
    if (said instanceof RegExp) expect(absence(name, kernel)).toMatch(said);
    else expect(absence(name, kernel)).toBe(said);
  });
});

test.each([
  ['0x10', '16', true],
  ['010', '8', true],
  [' 1', '1 ', true],
  ['a', 'a ', true],
  ['a', 'b', false],
  ['1', 'b', false],
])('%j and %j are the same: %s', (a, b, is) => expect(isSameValue(a, b)).toBe(is));

test('the end of a long is written exactly', () => {
  expect([numberText(2 ** 63), numberText(255)]).toEqual(['9223372036854775807', '255']);
});
