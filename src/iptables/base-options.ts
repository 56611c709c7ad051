/**
 * iptables' own options (those that no extension brings): long names, and which go with which command.
 */

/** A long option of iptables: its letter and how many words it takes ('optional': only after `=`). */
export interface BaseOption {
  letter: string;
  args: 0 | 1 | 'optional';
}

const LONG = `append A 1;delete D 1;check C 1;insert I 1;replace R 1;list L optional;list-rules S optional;flush F optional;
zero Z optional;new-chain N 1;delete-chain X optional;rename-chain E 1;policy P 1;source s 1;destination d 1;src s 1;dst d 1;
protocol p 1;in-interface i 1;jump j 1;table t 1;match m 1;numeric n 0;out-interface o 1;verbose v 0;wait w optional;
wait-interval W optional;exact x 0;fragments f 0;version V 0;help h optional;line-numbers 0 0;modprobe M 1;set-counters c 1;
goto g 1;ipv4 4 0;ipv6 6 0`;

/** By long name. */
export const BASE_OPTIONS: ReadonlyMap<string, BaseOption> = new Map(
  LONG.replaceAll('\n', '')
    .split(';')
    .map((entry): [string, BaseOption] => {
      const [name, letter, args] = entry.split(' ') as [string, string, string];
      return [name, { letter, args: args === 'optional' ? 'optional' : args === '1' ? 1 : 0 }];
    }),
);

/** By letter. */
export const BASE_LETTERS: ReadonlyMap<string, BaseOption> = new Map(
  [...BASE_OPTIONS.values()].filter((o) => o.letter !== '0').map((o) => [o.letter, o]),
);

/** Letters of commands. */
export const VERBS = 'ADCIRLSFZNXEP';

/**
 * Options that a command refuses ("Illegal option `-x' with this command"), in the order in which iptables looks at them.
 * `D1` is -D with a rule number.
 */
export const ILLEGAL: Readonly<Record<string, string>> = {
  A: 'nx0',
  I: 'nx0',
  R: 'nx0',
  C: 'nx0c',
  D: 'nx0c',
  D1: 'nsdpjxio0cf',
  L: 'sdpjiocf',
  S: 'nsdpjxio0cf',
  F: 'nsdpjxio0cf',
  Z: 'nsdpjxio0cf',
  N: 'nsdpjxio0cf',
  X: 'nsdpjxio0cf',
  E: 'nsdpjxio0cf',
  P: 'nsdpjxio0f',
};
