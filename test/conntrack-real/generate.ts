/** Command lines that nobody thought of, made from a seed: commands that show, with options right and wrong in any order. */

const ADDRESSES =
  '10.0.0.1 10.0.0.2 10.0.0.5 10.1.0.1 192.0.2.9 192.0.2.1 2001:db8::1 10.0.0.0/24 10.0.0.1/8 10.0.0.1/40 0 foo 10.0.0.2:80 ' +
  '192.0.2.1:3000 [2001:db8::99]:8080 1.1.1.1:';
const NUMBERS = '0 1 5 7 8 53 77 80 132 1000 70000 010 0x10 -1 x';

/** Options, each with the values that it may get; `*` stands for the place of one. */
const OPTIONS: readonly (readonly [option: string, values: string])[] = [
  ['-s *', ADDRESSES],
  ['-d *', ADDRESSES],
  ['-r *', ADDRESSES],
  ['-q *', ADDRESSES],
  ['-n *', ADDRESSES],
  ['-g *', ADDRESSES],
  ['-j *', ADDRESSES],
  ['*', '-n -g -j -z -k -zk -nk --any --label-del --bogus --s --reply- word --'],
  ['-p *', 'tcp udp icmp icmpv6 sctp gre udplite dccp 50 2 6 esp foo'],
  ['-p tcp --*', 'sport=1000 dport=80 reply-port-src=80 reply-port-dst=1000 mask-port-src=1 sp=1001 tuple-port-dst=1'],
  ['-p udp --sport *', NUMBERS],
  ['-p sctp --dport *', NUMBERS],
  ['-p tcp --state *', 'ESTABLISHED SYN_SENT CLOSE LISTEN TIME_WAIT foo'],
  ['-p icmp --icmp-type *', NUMBERS],
  ['-p icmp --icmp-id *', NUMBERS],
  ['-p gre --srckey *', NUMBERS],
  ['-m *', `${NUMBERS} 1/1 0x11/0xff 1/ 1/x`],
  ['-u *', 'ASSURED SEEN_REPLY UNREPLIED FIXED_TIMEOUT UNSET S a,s foo SEEN_REPLY,ASSURED exp'],
  ['-w *', NUMBERS],
  ['--orig-zone *', '0 5 6 x'],
  ['--reply-zone *', '0 5 7 x'],
  ['-l *', 'one last two foo one,last 1'],
  ['-f *', 'ipv4 ipv6 ip'],
  ['-o *', 'extended id labels save xml foo extended,labels xml,labels i,e save,id'],
  ['--mask-src *', '255.255.255.0 255.0.0.0 0.0.0.1 ffff:: foo'],
  ['--mask-dst *', '255.255.255.0 0.0.0.0'],
  ['-t *', NUMBERS],
  ['-i *', NUMBERS],
  ['-c *', NUMBERS],
  ['-b *', NUMBERS],
  ['-e *', 'NEW ALL foo'],
];

const COMMANDS = [
  ...Array<string>(7).fill('-L'),
  '-L conntrack',
  '-L expect',
  '-L dying',
  '-G',
  '-G expect',
  '-G -p tcp -s 10.0.0.1 -d 10.0.0.2 --sport 1000 --dport 80',
  '-C',
  '-V',
  '-h',
  '',
  '--dump',
];

/** Makes `count` command lines. */
export function generateLines(seed: number, count: number): string[] {
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
  const pick = <T>(from: readonly T[]): T => from[random(from.length)]!;
  return Array.from({ length: count }, () => {
    const parts = [pick(COMMANDS)];
    for (let left = random(5); left > 0; left--) {
      const [option, values] = pick(OPTIONS);
      // what a second protocol leaves of the first one's options is nobody's business
      if (option.includes('-p ') && parts.some((part) => part.includes('-p '))) continue;
      parts.splice(random(parts.length + 1), 0, option.replace('*', pick(values.split(' '))));
    }
    return parts.filter((part) => part !== '').join(' ');
  });
}
