/**
 * Random iptables-restore texts, right ones and damaged ones, for the comparison with the real program.
 */

/** A small seeded source (mulberry32), so that a text can be made again from its number. */
export class Random {
  constructor(private state: number) {}

  below(n: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** One in n. */
  one(n: number): boolean {
    return this.below(n) === 0;
  }
}

const TABLES = ['filter', 'filter', 'filter', 'nat', 'mangle', 'raw', 'security'];
const BUILT_IN: Record<string, string[]> = {
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  raw: ['PREROUTING', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};
const USER = ['a', 'b', 'web', 'LOG-IT', 'zone_lan'];
const ODD_CHAINS = ['LOG', '-x', '!y', 'c'.repeat(28), 'd'.repeat(29), 'ACCEPT', 'e"f', 'RETURN', 'MARK', 'ü'];
const MATCHES = [
  '',
  '-p tcp',
  '-p tcp -m tcp --dport 22',
  '-p udp --sport 53',
  '-s 10.0.0.0/8',
  '-s 192.0.2.1,192.0.2.2',
  '! -d 198.51.100.0/255.255.255.0',
  '-i eth0',
  '-o eth+',
  '-m comment --comment "a b"',
  '-m comment --comment "it\'s \\"q\\""',
  '-m comment --comment x',
  '-m state --state NEW',
  '-m conntrack --ctstate ESTABLISHED,RELATED',
  '-m limit --limit 3/min',
  '-p tcp -m multiport --dports 80,443',
  '-p icmp --icmp-type 8',
  '-m mark --mark 0x1/0xff',
  '-m addrtype --dst-type LOCAL',
  '-m nosuch --x',
  '-p tcp --dprot 1',
  '-p nosuch',
  '-f',
  '-m udp --dport 1',
  '-4',
  '-6',
  '-w',
  '-c 3 4',
  '"-m" "comment" --comment ""',
];
const TARGETS = [
  '',
  '-j ACCEPT',
  '-j DROP',
  '-j RETURN',
  '-j LOG --log-prefix "in: "',
  '-j REJECT',
  '-p tcp -j REJECT --reject-with tcp-reset',
  '-j MARK --set-mark 1',
  '-j SNAT --to 192.0.2.9',
  '-j MASQUERADE',
  '-j a',
  '-j b',
  '-g web',
  '-j nowhere',
  '-g nowhere',
  '-j INPUT',
  '-j',
  '-j LOG',
  '-j -x',
];

function rule(r: Random, table: string): string {
  const chain = r.one(3) ? r.of(USER) : r.of(BUILT_IN[table] as string[]);
  const name = r.one(40) ? r.of(ODD_CHAINS) : chain;
  const body = `${r.of(MATCHES)} ${r.one(3) ? r.of(MATCHES) : ''} ${r.of(TARGETS)}`.replace(/ +/g, ' ').trimEnd();
  return `-A ${name} ${body}`.trimEnd();
}

function command(r: Random, table: string): string {
  const chain = r.one(2) ? r.of(USER) : r.of(BUILT_IN[table] as string[]);
  const body = `${r.of(MATCHES)} ${r.of(TARGETS)}`;
  switch (r.below(11)) {
    case 0:
      return `-N ${r.of(USER)}`;
    case 1:
      return `-F${r.one(2) ? ` ${chain}` : ''}`;
    case 2:
      return `-X${r.one(2) ? ` ${r.of(USER)}` : ''}`;
    case 3:
      return `-P ${chain} ${r.of(['ACCEPT', 'DROP', 'QUEUE'])}${r.one(4) ? ' -c 5 6' : ''}`;
    case 4:
      return `-I ${chain}${r.one(2) ? ` ${1 + r.below(3)}` : ''} ${body}`;
    case 5:
      return `-D ${chain} ${r.one(2) ? `${1 + r.below(2)}` : body}`;
    case 6:
      return `-R ${chain} 1 ${body}`;
    case 7:
      return `-E ${r.of(USER)} ${r.of(USER)}`;
    case 8:
      return `-C ${chain} ${body}`;
    case 9:
      return `-Z${r.one(2) ? ` ${chain}` : ''}`;
    default:
      return `--append ${chain} ${body}`;
  }
}

function section(r: Random): string[] {
  const table = r.of(TABLES);
  const lines = [`*${table}`];
  for (const chain of BUILT_IN[table] as string[]) {
    if (r.one(3)) continue;
    lines.push(`:${chain} ${r.one(4) ? 'DROP' : 'ACCEPT'} [${r.below(9)}:${r.below(900)}]`);
  }
  for (const chain of USER) if (!r.one(6)) lines.push(`:${chain} - [0:0]`);
  if (r.one(12)) lines.push(`:${r.of(ODD_CHAINS)} - [0:0]`);
  for (let n = r.below(8); n > 0; n--) {
    const text = r.one(8) ? command(r, table) : rule(r, table);
    lines.push(r.one(3) ? `[${r.below(99)}:${r.below(999)}] ${text}` : text);
  }
  lines.push('COMMIT');
  return lines;
}

const COUNTERS = [
  '[1:2',
  '[]',
  '[1]',
  '[:2]',
  '[1:]',
  '[a:2]',
  '[1:b]',
  '[-0:+2]',
  '[ 1: 2]',
  '[1:2]]',
  '[1:]2]',
  '[1:2:3]',
];
const NOISE = [
  '\r',
  '\t',
  ' ',
  '"',
  '\\',
  '\0',
  '\v',
  '!',
  '#',
  '*',
  ':',
  '[',
  ']',
  '-',
  '--',
  '\u00fc',
  "'",
  '\n',
  'COMMIT',
];

/** Damages some line. */
function damage(r: Random, lines: string[]): void {
  const at = r.below(lines.length);
  const line = lines[at] as string;
  switch (r.below(13)) {
    case 0:
      lines.splice(at, 1);
      return;
    case 1:
      lines.splice(at, 0, lines[r.below(lines.length)] as string);
      return;
    case 2:
      lines[at] = ` ${line}`;
      return;
    case 3:
      lines[at] = `${line}${r.of([' ', '\t', '\r', ' \t', '\0', ' x'])}`;
      return;
    case 4:
      lines.splice(
        at,
        0,
        r.of(['', ' ', '\t', '#', '# x', ' # x', 'x', 'COMMIT', '*filter', '\0', ':', ': ', '*', '-', '!']),
      );
      return;
    case 5:
      lines[at] = line.replace(/ /g, () => (r.one(3) ? '\t' : r.one(3) ? '  ' : ' '));
      return;
    case 6:
      lines[at] = line.startsWith(':')
        ? line.replace(/\[.*$/, r.of([...COUNTERS, '', '1:2', '[1:2']))
        : `${r.of(COUNTERS)}${r.of(['', ' '])}${line.replace(/^\[\S+ /, '')}`;
      return;
    case 7: {
      const words = line.split(' ');
      words.splice(r.below(words.length), 1);
      lines[at] = words.join(' ');
      return;
    }
    case 8: {
      const words = line.split(' ');
      const i = r.below(words.length);
      words[i] = r.of([
        `"${words[i]}"`,
        `"${words[i]}`,
        `${words[i]}"`,
        `'${words[i]}'`,
        `${words[i]}"x y"`,
        '-t',
        '-t nat',
        '""',
      ]);
      lines[at] = words.join(' ');
      return;
    }
    case 9: {
      const n = r.of([1000, 1021, 1022, 1023, 1024, 1025, 10200, 10239]);
      lines[at] = `${line}${r.of([' ', ' -m comment --comment ', ' "', 'x'])}${r.of(['x', ' '])}`.padEnd(
        line.length + n,
        r.of(['x', ' ']),
      );
      return;
    }
    case 10:
      lines[at] = `${line}${' -m state'.repeat(r.of([3, 118, 120, 122, 124]))}`;
      return;
    default: {
      const i = r.below(line.length + 1);
      lines[at] = line.slice(0, i) + r.of(NOISE) + line.slice(i + r.below(2));
    }
  }
}

const ARGS = [
  [],
  [],
  [],
  ['-c'],
  ['-c'],
  ['-n'],
  ['-n', '-c'],
  ['-t'],
  ['-T', 'filter'],
  ['-T', 'nat', '-c'],
  ['-t', '-c'],
];
/** Rules that are there before. */
export const BEFORE = `*filter
:INPUT DROP [7:8]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:a - [0:0]
:old - [0:0]
[5:6] -A INPUT -j a
[1:2] -A a -s 192.0.2.0/24 -j old
[3:4] -A old -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
[9:10] -A POSTROUTING -j MASQUERADE
COMMIT
`;

/** One text, and how it is to be read. */
export interface Made {
  text: string;
  args: readonly string[];
  /** Rules that are there before; '' = none. */
  before: string;
}

/** The text of that number. */
export function makeText(seed: number): Made {
  const r = new Random(seed);
  const lines: string[] = [];
  for (let n = 1 + r.below(3); n > 0; n--) lines.push(...section(r));
  for (let n = r.one(3) ? 0 : 1 + r.below(2); n > 0; n--) damage(r, lines);
  const text = lines.join('\n') + (r.one(12) ? '' : '\n');
  return { text, args: r.of(ARGS), before: r.one(2) ? BEFORE : '' };
}
