import { describe, expect, test } from 'vitest';
import { type GetoptSpec, getopt } from './getopt.js';

const SPECS: readonly GetoptSpec[] = [
  { letter: 'c', name: 'counters', args: 0 },
  { letter: 't', name: 'table', args: 1 },
  { letter: 'T', name: 'test', args: 0 },
  { letter: 'w', name: 'wait', args: 'optional', letterArgs: 0 },
  { letter: 'b', name: '', args: 0 },
];

describe('a command line is read as getopt_long reads it', () => {
  test.each([
    [['-c', '-t', 'nat'], 'c t=nat', ''],
    [['-ct', 'nat'], 'c t=nat', ''],
    [['-tnat'], 't=nat', ''],
    [['--tab', 'nat', '--c'], 't=nat c', ''],
    [['--table=nat', 'x', '-c', 'y'], 't=nat c', 'x y'],
    [['-c', '--', '-t'], 'c', '-t'],
    [['-'], '', '-'],
    [['--wait=3', '-w', '3'], 'w=3 w', '3'],
    [['--wait', '3'], 'w', '3'],
    [['-b'], 'b', ''],
  ])('%j', (argv, options, operands) => {
    const r = getopt(argv, SPECS, 'prog');
    expect(r.error).toBe('');
    expect(r.options.map((o) => o.letter + (o.value === '' ? '' : `=${o.value}`)).join(' ')).toBe(options);
    expect(r.operands.join(' ')).toBe(operands);
  });

  test.each([
    [['-q'], "prog: invalid option -- 'q'"],
    [['-w3'], "prog: invalid option -- '3'"],
    [['--nosuch=1'], "prog: unrecognized option '--nosuch'"],
    [['-t'], "prog: option requires an argument -- 't'"],
    [['--tab'], "prog: option '--table' requires an argument"],
    [['--counters=1'], "prog: option '--counters' doesn't allow an argument"],
    [['--t'], "prog: option '--t' is ambiguous; possibilities: '--table' '--test'"],
  ])('%j is refused', (argv, error) => {
    expect(getopt(argv, SPECS, 'prog').error).toBe(error);
  });
});
