/** Wrong things in rule files: the place, the word there, and what the message says below iptables' own words (or those, if nothing). */
import { describe, expect, test } from 'vitest';
import { RuleError } from '../rules/context.js';
import { loadRules } from './restore.js';

function refusal(text: string): RuleError {
  try {
    loadRules(text, 'f', 2, { counters: true });
  } catch (error) {
    if (error instanceof RuleError) return error;
    throw error;
  }
  throw new Error('taken');
}

describe('a mistake is told with file, line, column, the wrong word, what was expected and what is near', () => {
  test.each([
    [
      '*filtre\nCOMMIT\n',
      '1:2',
      'filtre',
      'expected one of raw, mangle, nat, filter, security; did you mean "filter"?',
    ],
    ['*filter\n:FORWARD DROPP [0:0]\nCOMMIT\n', '2:10', 'DROPP', 'expected ACCEPT or DROP'],
    [
      '*filter\n:FORWRD DROP [0:0]\nCOMMIT\n',
      '2:2',
      'FORWRD',
      `table filter has the built-in chains INPUT, FORWARD, OUTPUT; a user chain's policy is -; did you mean "FORWARD"?`,
    ],
    ['*filter\n:INPUT\nCOMMIT\n', '2:1', ':INPUT', 'expected :CHAIN POLICY [packets:bytes]'],
    [
      '*nat\n:FORWARD ACCEPT [0:0]\nCOMMIT\n',
      '2:2',
      'FORWARD',
      "table nat has the built-in chains PREROUTING, INPUT, OUTPUT, POSTROUTING; a user chain's policy is -",
    ],
    [
      '*filter\n-A INPUTT -j DROP\nCOMMIT\n',
      '2:4',
      'INPUTT',
      'table filter has no chain "INPUTT"; did you mean "INPUT"?',
    ],
    [
      '*filter\n-A INPUT -j DROPP\nCOMMIT\n',
      '2:13',
      'DROPP',
      'expected a target or a chain of table filter; did you mean "DROP"?',
    ],
    [
      '*filter\n:web - [0:0]\n-A INPUT -j wbe\nCOMMIT\n',
      '3:13',
      'wbe',
      'expected a target or a chain of table filter; did you mean "web"?',
    ],
    [
      '*filter\n:web - [0:0]\n-A INPUT -g wbe\nCOMMIT\n',
      '3:13',
      'wbe',
      'expected a chain of table filter; did you mean "web"?',
    ],
    [
      '*filter\n-A INPUT -j REJCT\nCOMMIT\n',
      '2:13',
      'REJCT',
      'expected a target or a chain of table filter; did you mean "REJECT"?',
    ],
    [
      '*filter\n-A INPUT -m contrack --ctstate NEW\nCOMMIT\n',
      '2:13',
      'contrack',
      'expected the name of a match; did you mean "conntrack"?',
    ],
    [
      '*filter\n-A INPUT -m conntrack --cstate NEW\nCOMMIT\n',
      '2:23',
      '--cstate',
      'expected an option of iptables or of a -m or -j before it; did you mean "--ctstate"?',
    ],
    [
      '*filter\n-A INPUT -m conntrack --ctstate NWE\nCOMMIT\n',
      '2:33',
      'NWE',
      'expected some of INVALID NEW ESTABLISHED RELATED UNTRACKED SNAT DNAT; did you mean "NEW"?',
    ],
    [
      '*filter\n-A INPUT -m state --state NWE\nCOMMIT\n',
      '2:27',
      'NWE',
      'expected some of INVALID NEW ESTABLISHED RELATED UNTRACKED; did you mean "NEW"?',
    ],
    [
      '*filter\n-A INPUT -p tcpp -j DROP\nCOMMIT\n',
      '2:13',
      'tcpp',
      `expected a protocol's number or name; did you mean "tcp"?`,
    ],
    [
      '*filter\n-A INPUT -p tcp --dprt 80\nCOMMIT\n',
      '2:17',
      '--dprt',
      'expected an option of iptables or of a -m or -j before it; did you mean "--dport"?',
    ],
    [
      '*filter\n-A INPUT --dport 80 -j DROP\nCOMMIT\n',
      '2:10',
      '--dport',
      'expected an option of iptables or of a -m or -j before it; "--dport" belongs to -m dccp, -m sctp, -m tcp, -m udp',
    ],
    [
      '*filter\n-A INPUT -p tcp --dport htpp\nCOMMIT\n',
      '2:25',
      'htpp',
      "expected a port from 0 to 65535, a service's name, or FROM:TO",
    ],
    [
      '*filter\n-A INPUT -p tcp --dport 70000\nCOMMIT\n',
      '2:25',
      '70000',
      "expected a port from 0 to 65535, a service's name, or FROM:TO",
    ],
    [
      '*filter\n-A INPUT -p tcp --dport 80,443\nCOMMIT\n',
      '2:25',
      '80,443',
      "expected a port from 0 to 65535, a service's name, or FROM:TO; several take -m multiport --dports 80,443",
    ],
    [
      '*filter\n-A INPUT -s 10.0.0.256\nCOMMIT\n',
      '2:13',
      '10.0.0.256',
      'expected an IPv4 address; names of hosts are not looked up',
    ],
    [
      '*filter\n-A INPUT -s 10.0.0.0/33\nCOMMIT\n',
      '2:13',
      '10.0.0.0/33',
      'expected /0 to /32 or a mask such as 255.255.255.0',
    ],
    [
      '*filter\n-A INPUT -s fd00::1\nCOMMIT\n',
      '2:13',
      'fd00::1',
      'expected an IPv4 address; names of hosts are not looked up',
    ],
    [
      '*filter\n-A INPUT -s example.com\nCOMMIT\n',
      '2:13',
      'example.com',
      'expected an IPv4 address; names of hosts are not looked up',
    ],
    [
      '*filter\n-A INPUT -i averyveryverylongname0\nCOMMIT\n',
      '2:13',
      'averyveryverylongname0',
      'expected 15 characters at most; + at the end stands for any others',
    ],
    [
      '*filter\n-A INPUT -j LOG --log-prefx x\nCOMMIT\n',
      '2:17',
      '--log-prefx',
      'expected an option of iptables or of a -m or -j before it; did you mean "--log-prefix"?',
    ],
    [
      '*filter\n-A INPUT -j LOG --log-level loud\nCOMMIT\n',
      '2:29',
      'loud',
      'expected one of emerg alert crit error warning notice info debug',
    ],
    [
      '*filter\n-A INPUT -j REJECT --reject-with icmp-prohibited\nCOMMIT\n',
      '2:34',
      'icmp-prohibited',
      'expected one of icmp-net-unreachable icmp-host-unreachable icmp-port-unreachable icmp-proto-unreachable icmp-net-prohibited icmp-host-prohibited icmp-admin-prohibited tcp-reset; did you mean "icmp-net-prohibited"?',
    ],
    [
      '*filter\n-A INPUT -p icmp --icmp-type echo-reqest\nCOMMIT\n',
      '2:30',
      'echo-reqest',
      "expected a type's name, or TYPE or TYPE/CODE in numbers",
    ],
    [
      '*filter\n-A INPUT -m limit --limit 3/fortnight\nCOMMIT\n',
      '2:27',
      '3/fortnight',
      'expected a number and /second, /minute, /hour or /day',
    ],
    ['*filter\n-A INPUT -m\nCOMMIT\n', '2:10', '-m', 'option "-m" requires an argument'],
    ['*filter\n-A INPUT -j\nCOMMIT\n', '2:10', '-j', 'option "-j" requires an argument'],
    ['*filter\n-A\nCOMMIT\n', '2:1', '-A', 'option "-A" requires an argument'],
    ['*filter\n-A INPUT -p tcp --tcp-flags SYN\nCOMMIT\n', '2:29', 'SYN', '--tcp-flags requires two args.'],
    [
      '*filter\n-A INPUT -p tcp --tcp-flags SYNN SYN\nCOMMIT\n',
      '2:29',
      'SYNN',
      'expected two lists, the flags to look at and those that are set: some of SYN ACK FIN RST URG PSH ALL NONE; did you mean "SYN"?',
    ],
    ['*filter\n-A INPUT DROP\nCOMMIT\n', '2:10', 'DROP', 'expected an option; did you mean "-j DROP"?'],
    ['*filter\nINPUT -j DROP\nCOMMIT\n', '2:1', 'INPUT', 'expected an option'],
    [
      '*filter\niptables -A INPUT -j DROP\nCOMMIT\n',
      '2:1',
      'iptables',
      "expected an option: in iptables-save's format no program stands before a rule",
    ],
    [
      '*filter\n-A INPUT -s ! 10.0.0.1 -j DROP\nCOMMIT\n',
      '2:15',
      '10.0.0.1',
      'expected an option; ! stands before the option: ! -s 10.0.0.1',
    ],
    ['*filter\n-A INPUT ! ! -s 10.0.0.1\nCOMMIT\n', '2:12', '!', 'multiple consecutive ! not allowed'],
    ['*filter\n-A INPUT -s 1.1.1.1 -s 2.2.2.2\nCOMMIT\n', '2:24', '2.2.2.2', 'multiple -s flags not allowed'],
    ['*filter\n-A INPUT -j ACCEPT -j DROP\nCOMMIT\n', '2:23', 'DROP', 'multiple -j flags not allowed'],
    ['*filter\n-A INPUT -o eth0\nCOMMIT\n', '2:13', 'eth0', 'packets have no outgoing interface there yet'],
    ['*filter\n-A INPUT -j DNAT --to 1.1.1.1\nCOMMIT\n', '2:13', 'DNAT', 'DNAT may stand in table nat only'],
    ['*nat\n-A PREROUTING -j MASQUERADE\nCOMMIT\n', '2:18', 'MASQUERADE', 'MASQUERADE: may stand in POSTROUTING only'],
    [
      '*nat\n-A PREROUTING -j DROP\nCOMMIT\n',
      '2:18',
      'DROP',
      'The "nat" table is not intended for filtering, the use of DROP is therefore inhibited.',
    ],
    [
      '*nat\n-A POSTROUTING -p tcp -j SNAT --to 1.1.1.x\nCOMMIT\n',
      '2:36',
      '1.1.1.x',
      'expected ADDRESS[-ADDRESS][:PORT[-PORT]]',
    ],
    [
      '*filter\n-A INPUT -p udp -j REJECT --reject-with tcp-reset\nCOMMIT\n',
      '2:20',
      'REJECT',
      'REJECT: --reject-with tcp-reset needs -p tcp',
    ],
    ['*filter\n-I INPUT 5 -j DROP\nCOMMIT\n', '2:10', '5', 'chain INPUT has no rules'],
    ['*filter\n-D INPUT -j DROP\nCOMMIT\n', '2:4', 'INPUT', 'chain INPUT has no such rule'],
    ['*filter\n-D INPUT 3\nCOMMIT\n', '2:10', '3', 'chain INPUT has no rules'],
    ['*filter\n-N INPUT\nCOMMIT\n', '2:4', 'INPUT', 'Chain already exists.'],
    ['*filter\n-X web\nCOMMIT\n', '2:4', 'web', 'table filter has no chain "web"'],
    ['*filter\n-P web DROP\nCOMMIT\n', '2:4', 'web', 'only built-in chains have a policy'],
    ['*filter\n-P INPUT REJECT\nCOMMIT\n', '2:10', 'REJECT', 'expected ACCEPT or DROP'],
    ['*filter\n-A INPUT -t nat -j DROP\nCOMMIT\n', '2:13', 'nat', 'The -t option cannot be used in iptables-restore.'],
    ['*filter\n-A INPUT -j INPUT\nCOMMIT\n', '2:13', 'INPUT', 'INPUT is a built-in chain: no rule can jump to it'],
    ['*filter\n:a - [0:0]\n-A INPUT -j a\n-A a -j a\nCOMMIT\n', '4:9', 'a', 'chains jump in a circle: a -> a'],
    [
      '*filter\n-A INPUT -m multiport --dports 80 -p tcp\nCOMMIT\n',
      '2:32',
      '80',
      "multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'",
    ],
    [
      '*filter\n-A INPUT -m mac --mac-source 00:11\nCOMMIT\n',
      '2:30',
      '00:11',
      'expected six pairs of hexadecimal digits with colons between',
    ],
    [
      '*mangle\n-A INPUT -j MARK --set-mrk 1\nCOMMIT\n',
      '2:18',
      '--set-mrk',
      'expected an option of iptables or of a -m or -j before it; did you mean "--set-mark"?',
    ],
    [
      '*mangle\n-A INPUT -j MARK\nCOMMIT\n',
      '2:13',
      'MARK',
      'MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required',
    ],
    [
      '*filter\n-A INPUT -m recent --name x\nCOMMIT\n',
      '2:13',
      'recent',
      "recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'",
    ],
    [
      '*filter\n-A INPUT --protocol=tcp --desport 3\nCOMMIT\n',
      '2:10',
      '--protocol',
      "expected a protocol's number or name",
    ],
    ['*filter\n-A INPUT -j DROP\n', '2:1', '-A', 'table filter is not closed: the text may have been cut off'],
    ['-A INPUT -j DROP\n*filter\nCOMMIT\n', '1:1', '-A', 'this line is outside of a table: expected *TABLE before it'],
    [
      '*filter\nCOMMIT\nCOMMIT\n',
      '3:1',
      'COMMIT',
      'expected *TABLE; --lenient passes over text that is no part of the rules',
    ],
    ['*filter\n-Q INPUT\nCOMMIT\n', '2:1', '-Q', '"-Q" is not known'],
    [
      '*filter\n--apend INPUT -j DROP\nCOMMIT\n',
      '2:1',
      '--apend',
      'expected an option of iptables or of a -m or -j before it; did you mean "--append"?',
    ],
    ['*filter\n[1:2 -A INPUT\nCOMMIT\n', '2:1', '[1:2', 'expected [packets:bytes] and a rule'],
    ['*filter\n[a:2] -A INPUT\nCOMMIT\n', '2:1', '[a:2]', '-c packet counter not numeric'],
    ['*filter\n:ACCEPT - [0:0]\nCOMMIT\n', '2:2', 'ACCEPT', 'ACCEPT is a verdict'],
    ['*filter\n:a - [0:0]\n:a - [0:0]\nCOMMIT\n', '3:2', 'a', 'it has been declared before'],
    ['iptables -A INPUT -j NOSUCH\n', '1:22', 'NOSUCH', 'expected a target or a chain of table filter'],
    [
      'ip6table -A INPUT\n',
      '1:1',
      'ip6table',
      'expected iptables or ip6tables with arguments, or NAME=value: only a plain list of commands is taken (--lenient: other lines are passed over); did you mean "ip6tables"?',
    ],
    ['iptables -A INPUT -s $LAN\n', '1:22', '$LAN', 'variable "LAN" is not set'],
    [
      'for i in 1 2; do iptables -A INPUT; done\n',
      '1:1',
      'for',
      'expected iptables or ip6tables with arguments, or NAME=value: only a plain list of commands is taken (--lenient: other lines are passed over)',
    ],
    ['iptables -A INPUT "x\n', '1:19', '"x', 'no closing "'],
    [
      'iptables -t filtr -A INPUT\n',
      '1:13',
      'filtr',
      'expected one of raw, mangle, nat, filter, security; did you mean "filter"?',
    ],
    ['iptables-restore < x\n', '1:18', '<', 'a plain list of iptables commands cannot have "<" in it'],
    [
      'if [ -x /sbin/iptables ]; then\n',
      '1:1',
      'if',
      'expected iptables or ip6tables with arguments, or NAME=value: only a plain list of commands is taken (--lenient: other lines are passed over)',
    ],
    ['iptables -A INPUT -j DROP && echo x\n', '1:27', '&&', 'a plain list of iptables commands cannot have "&" in it'],
    ['iptables -A INPUT -j DROP || exit 1\n', '1:27', '||', 'a plain list of iptables commands cannot have "|" in it'],
    ['iptables -A FOO -j DROP\n', '1:13', 'FOO', 'table filter has no chain "FOO"'],
    ['IPT=$(which iptables)\n', '1:5', '$(which', 'only $NAME and ${NAME} are known here'],
    [
      'modprobe nf_conntrack\n',
      '1:1',
      'modprobe',
      'expected iptables or ip6tables with arguments, or NAME=value: only a plain list of commands is taken (--lenient: other lines are passed over)',
    ],
    ['echo 1 > /proc/sys/net/ipv4/ip_forward\n', '1:8', '>', 'a plain list of iptables commands cannot have ">" in it'],
    ['function f() {\n', '1:11', '()', 'a plain list of iptables commands cannot have "(" in it'],
    [
      'iptables-save\n',
      '1:1',
      'iptables-save',
      'expected iptables or ip6tables with arguments, or NAME=value: only a plain list of commands is taken (--lenient: other lines are passed over); did you mean "iptables-nft"?',
    ],
    [
      'ipset create x hash:ip\n',
      '1:1',
      'ipset',
      'expected iptables or ip6tables with arguments, or NAME=value: only a plain list of commands is taken (--lenient: other lines are passed over)',
    ],
    [
      'service iptables save\n',
      '1:1',
      'service',
      'expected iptables or ip6tables with arguments, or NAME=value: only a plain list of commands is taken (--lenient: other lines are passed over)',
    ],
  ])('%j', (text, place, word, words) => {
    const { position, message } = refusal(text);
    expect(`${position?.file}:${position?.line}:${position?.column}`).toBe(`f:${place}`);
    const line = text.split('\n')[(position?.line ?? 0) - 1] as string;
    expect(line.slice((position?.column ?? 0) - 1).split(/[\s=]/)[0]).toBe(word);
    const [first = '', ...rest] = message.split('\n');
    expect(rest.length === 0 ? first : rest.join(' ')).toBe(words);
  });
});
