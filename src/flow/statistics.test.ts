import { describe, expect, test } from 'vitest';
import { FlowError } from './error.js';
import {
  formatProcStatistics,
  formatStatistics,
  parseProcStatistics,
  parseStatistics,
  procStatistics,
} from './statistics.js';

const place = { file: 'f', line: 3 };
const S =
  'cpu=0   \tfound=0 invalid=2 insert=84 insert_failed=0 drop=0 early_drop=0 error=2 search_restart=0 clash_resolve=9 chaintoolong=0 ';
const EXPECT = 'cpu=0   \texpect_new=3 expect_create=58 expect_delete=43 ';
const PROC = `entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
00000076  00000009 00000000 00000000 00000002 00000000 00000000 00000000 00000054 00000000 00000000 00000000 00000002  00000003 0000003a 0000002b 00000000
`;
/** Linux 5.4. */
const OLD = `entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
0000000a  00000001 ffffffff 00000003 00000004 00000005 00000006 00000007 00000008 00000009 0000000a 0000000b 0000000c  0000000d 0000000e 0000000f 00000010
0000000a  00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008 00000009 0000000a 0000000b 0000000c  0000000d 0000000e 0000000f 00000010
`;

describe('statistics', () => {
  test.each([S, EXPECT, 'cpu=123 \tfound=1 ', 'found=1 drop=4294967295 '])('%s: print(parse(line)) = line', (line) => {
    expect(formatStatistics(parseStatistics(line, place))).toBe(line);
  });
  test('numbers and names', () => {
    const s = parseStatistics(EXPECT, place);
    expect(s.cpu).toBe(0);
    expect(s.counts).toEqual([
      ['expect_new', 3],
      ['expect_create', 58],
      ['expect_delete', 43],
    ]);
  });
  test.each([PROC, OLD])('/proc/net/stat/nf_conntrack: print(parse(text)) = text', (text) => {
    expect(formatProcStatistics(parseProcStatistics(text, 'f'))).toBe(text);
  });
  test('without a CPU the header stands alone', () => {
    expect(formatProcStatistics([])).toBe(`${PROC.split('\n')[0]}\n`);
  });
  test('what conntrack -S tells makes what /proc shows', () => {
    const row = procStatistics(0x76, parseStatistics(S, place), parseStatistics(EXPECT, place));
    expect(formatProcStatistics([row])).toBe(PROC);
    expect(procStatistics(1, parseStatistics(S, place), null).counts[14]).toEqual(['expect_create', 0]);
  });

  const reason = (run: () => unknown): string => {
    try {
      run();
    } catch (e) {
      if (e instanceof FlowError) return e.message;
      throw e;
    }
    return 'no error';
  };
  test.each([
    ['', 'f:3:1: expected NAME=COUNT'],
    ['cpu=0', 'f:3:1: expected NAME=COUNT'],
    ['cpu=0 found', 'f:3:7: expected NAME=COUNT, got "found"'],
    ['cpu=0 =5', 'f:3:7: expected NAME=COUNT, got "=5"'],
    ['cpu=0 found=x', 'f:3:13: expected found as a number from 0 to 9007199254740991, got "x"'],
  ])('"%s": %s', (line, message) => expect(reason(() => parseStatistics(line, place))).toBe(message));
  test.each([
    ['', 'f:1:1: expected the names of the counters'],
    ['a b\n', 'f:1:1: expected the names of the counters'],
    ['entries  found\n00000000\n', 'f:2:9: expected 2 counters, got 1'],
    ['entries  found\n\n00000000  0000000g\n', 'f:3:11: expected a hexadecimal number, got "0000000g"'],
    ['entries  found\n00000000  000000000\n', 'f:2:11: expected a hexadecimal number, got "000000000"'],
  ])('"%s": %s', (text, message) => expect(reason(() => parseProcStatistics(text, 'f'))).toBe(message));
});
