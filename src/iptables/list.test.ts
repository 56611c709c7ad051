import { describe, expect, test } from 'vitest';
import type { Family } from '../rules/model.js';
import { emptyRuleset } from './edit.js';
import { runIptables } from './front.js';
import { splitShellLine } from './tokens.js';

const words = (line: string): string[] => {
  const w = splitShellLine(line);
  return w.text.slice(0, w.count);
};

/** What the last of some commands prints, and its status. */
function answer(lines: readonly string[], family: Family = 2): string {
  const ruleset = emptyRuleset(family);
  let last = { status: -1, out: '', err: '' };
  for (const line of lines) last = runIptables(words(line), ruleset);
  return `${last.status}|${last.out}|${last.err}`;
}

describe('-L prints the columns of iptables 1.8.9', () => {
  const rules = [
    '-N web',
    '-A INPUT -s 10.0.0.0/8 ! -d 1.2.3.4 -i eth+ -p tcp --dport 22 -c 99999 100000 -j ACCEPT',
    '-A INPUT -s 127.0.0.1 -d 127.0.0.0/8 -f -c 100499 9999499 -j web',
    '-A INPUT ! -p udp -c 99999999999999 1 -g web',
  ];
  test.each([
    [
      '-L INPUT -n',
      `Chain INPUT (policy ACCEPT)
target     prot opt source               destination         
ACCEPT     6    --  10.0.0.0/8          !1.2.3.4              tcp dpt:22
web        0    -f  127.0.0.1            127.0.0.0/8         
web       !17   --  0.0.0.0/0            0.0.0.0/0           [goto] 
`,
    ],
    [
      '-vL INPUT --line-numbers',
      `Chain INPUT (policy ACCEPT 0 packets, 0 bytes)
num   pkts bytes target     prot opt in     out     source               destination         
1    99999  100K ACCEPT     tcp  --  eth+   any     10.0.0.0/8          !1.2.3.4              tcp dpt:ssh
2     100K 9999K web        all  -f  any    any     localhost            loopback/8          
3     100T     1 web       !udp  --  any    any     anywhere             anywhere            [goto] 
`,
    ],
    [
      '-nvxL INPUT 2',
      '  100499  9999499 web        0    -f  *      *       127.0.0.1            127.0.0.0/8         \n',
    ],
    ['-L web', 'Chain web (2 references)\ntarget     prot opt source               destination         \n'],
    ['-L INPUT 9', ''],
    ['-S web', '-N web\n'],
    ['-S INPUT 3 -v', '-A INPUT ! -p udp -c 99999999999999 1 -g web\n'],
    ['-vS FORWARD', '-P FORWARD ACCEPT -c 0 0\n'],
  ])('%s', (line, out) => {
    expect(answer([...rules, line])).toBe(`0|${out}|`);
  });

  test('without -n an IPv6 address of zeros is anywhere, whatever its mask', () => {
    expect(answer(['-A INPUT -s ::1/10 -d ::/0 -p ipv6-icmp', '-L INPUT 1'], 10)).toBe(
      '0|           ipv6-icmp --  anywhere             anywhere            \n|',
    );
  });
});

describe('-v says what is done', () => {
  test.each([
    [['-v -A INPUT -p tcp ! -s 1.2.3.4 -j DROP'], 'DROP  tcp opt -- in * out * !1.2.3.4  -> 0.0.0.0/0  \n'],
    [['-v -A FORWARD -p dccp -o ppp+'], '  33 opt -- in * out ppp+  0.0.0.0/0  -> 0.0.0.0/0  \n'],
    [['-N a', '-N b', '-v -X'], "Deleting chain `a'\nDeleting chain `b'\n"],
    [['-v -F INPUT'], "Flushing chain `INPUT'\n"],
    [['-v -S FORWARD -Z'], "-P FORWARD ACCEPT -c 0 0\nZeroing chain `FORWARD'\n"],
  ])('%j', (lines, out) => {
    expect(answer(lines)).toBe(`0|${out}|`);
  });
});
