/**
 * The options that a protocol brings with it: they are known from the word behind `-p` on, not before. As options.ts, this is data that
 * was asked of conntrack(8) 1.4.7.
 */
import type { CommandLetter, OptionRow, UsageRow } from './options.js';

/** A field of the command line that a protocol's option fills in. */
export type TransportField =
  | 'sport'
  | 'dport'
  | 'replySport'
  | 'replyDport'
  | 'maskSport'
  | 'maskDport'
  | 'tupleSport'
  | 'tupleDport'
  | 'state'
  | 'vtagOriginal'
  | 'vtagReply'
  | 'role'
  | 'icmpType'
  | 'icmpCode'
  | 'icmpId';

/** How the value of an option is read. */
export type TransportValue = 'number16' | 'number8' | 'key16' | 'number32' | 'state' | 'role';

/** An option of a protocol. */
export interface TransportOption extends OptionRow {
  field: TransportField;
  /** What the value is. */
  reads: TransportValue;
}

/** A protocol with options. */
export interface ProtocolRow {
  /** As in lines and after -p; case does not count. */
  name: string;
  number: number;
  options: readonly TransportOption[];
  /** Which of its options go with which command on connections; keys are one character each. */
  usage: (command: CommandLetter) => UsageRow;
  /** The same on expectations. */
  expectUsage: (command: CommandLetter) => UsageRow;
  /** States by name, for --state; the number is the place. */
  states: readonly string[];
  /** What an unknown state is called. */
  stateMessage: string;
  /** What both ports (or keys) of one direction are missing as, for the original and for the reply direction; '' = they may be. */
  pairs: readonly [original: string, reply: string];
}

const row = (key: string, field: TransportField, reads: TransportValue, ...names: string[]): TransportOption => ({
  key,
  letter: '',
  names,
  value: 'value',
  field,
  reads,
});

const PORTS: readonly TransportOption[] = [
  row('a', 'sport', 'number16', 'sport', 'orig-port-src'),
  row('b', 'dport', 'number16', 'dport', 'orig-port-dst'),
  row('c', 'replySport', 'number16', 'reply-port-src'),
  row('d', 'replyDport', 'number16', 'reply-port-dst'),
  row('e', 'maskSport', 'number16', 'mask-port-src'),
  row('f', 'maskDport', 'number16', 'mask-port-dst'),
  row('g', 'tupleSport', 'number16', 'tuple-port-src'),
  row('h', 'tupleDport', 'number16', 'tuple-port-dst'),
];

const KEYS: readonly TransportOption[] = [
  row('a', 'sport', 'key16', 'srckey', 'orig-key-src'),
  row('b', 'dport', 'key16', 'dstkey', 'orig-key-dst'),
  row('c', 'replySport', 'key16', 'reply-key-src'),
  row('d', 'replyDport', 'key16', 'reply-key-dst'),
  row('e', 'maskSport', 'key16', 'mask-key-src'),
  row('f', 'maskDport', 'key16', 'mask-key-dst'),
  row('g', 'tupleSport', 'key16', 'tuple-key-src'),
  row('h', 'tupleDport', 'key16', 'tuple-key-dst'),
];

const PORT_PAIRS = [
  "you have to specify `--sport' and `--dport'",
  "you have to specify `--reply-src-port' and `--reply-dst-port'",
] as const;

/** Usage of a protocol: `create` is added for -I and -A, `look` for all other commands on connections. */
function usageOf(pairs: string, look: string, create: string): (command: CommandLetter) => UsageRow {
  return (command) =>
    command === 'I' || command === 'A' ? { needs: create, takes: pairs } : { needs: '', takes: pairs + look };
}

/** -I of expectations needs other fields than -G and -D. */
function expectUsageOf(create: string, find: string): (command: CommandLetter) => UsageRow {
  return (command) => ({ needs: command === 'I' ? create : find, takes: '' });
}

const NO_STATES = { states: [] as readonly string[], stateMessage: '' };

function portProtocol(name: string, number: number): ProtocolRow {
  return {
    name,
    number,
    options: PORTS,
    usage: usageOf('abcd', '', ''),
    expectUsage: expectUsageOf('abefgh', 'abcd'),
    ...NO_STATES,
    pairs: PORT_PAIRS,
  };
}

function icmpProtocol(name: string, number: number): ProtocolRow {
  return {
    name,
    number,
    options: [
      row('a', 'icmpType', 'number8', `${name}-type`),
      row('b', 'icmpCode', 'number8', `${name}-code`),
      row('c', 'icmpId', 'number16', `${name}-id`),
    ],
    usage: (command) => ('GIA'.includes(command) ? { needs: 'ab', takes: 'c' } : { needs: '', takes: 'abc' }),
    expectUsage: expectUsageOf('', ''),
    ...NO_STATES,
    pairs: ['', ''],
  };
}

const STATE = row('i', 'state', 'state', 'state');

const TCP: ProtocolRow = {
  ...portProtocol('tcp', 6),
  options: [...PORTS, STATE],
  usage: usageOf('abcd', 'i', 'i'),
  // LISTEN is the old name of the last one
  states: [
    'NONE',
    'SYN_SENT',
    'SYN_RECV',
    'ESTABLISHED',
    'FIN_WAIT',
    'CLOSE_WAIT',
    'LAST_ACK',
    'TIME_WAIT',
    'CLOSE',
    'SYN_SENT2',
  ],
  stateMessage: 'unknown TCP state',
};

const SCTP: ProtocolRow = {
  ...portProtocol('sctp', 132),
  options: [
    ...PORTS,
    STATE,
    row('j', 'vtagOriginal', 'number32', 'orig-vtag'),
    row('k', 'vtagReply', 'number32', 'reply-vtag'),
  ],
  usage: (command) => usageOf('abcd', command === 'U' || command === 'G' ? 'ijk' : 'i', 'ijk')(command),
  expectUsage: expectUsageOf('abefghjk', 'abcd'),
  states: [
    'NONE',
    'CLOSED',
    'COOKIE_WAIT',
    'COOKIE_ECHOED',
    'ESTABLISHED',
    'SHUTDOWN_SENT',
    'SHUTDOWN_RECD',
    'SHUTDOWN_ACK_SENT',
  ],
  stateMessage: 'unknown SCTP state',
};

const DCCP: ProtocolRow = {
  ...portProtocol('dccp', 33),
  options: [...PORTS, STATE, row('j', 'role', 'role', 'role')],
  usage: usageOf('abcd', 'i', 'ij'),
  expectUsage: expectUsageOf('abefghj', 'abcd'),
  states: ['NONE', 'REQUEST', 'RESPOND', 'PARTOPEN', 'OPEN', 'CLOSEREQ', 'CLOSING', 'TIMEWAIT', 'IGNORE', 'INVALID'],
  stateMessage: 'Unknown DCCP state',
  pairs: [PORT_PAIRS[0], "you have to specify `--reply-port-src' and `--report-port-dst'"],
};

const GRE: ProtocolRow = {
  name: 'gre',
  number: 47,
  options: KEYS,
  usage: usageOf('abcd', '', ''),
  expectUsage: expectUsageOf('abcdefgh', 'abcd'),
  ...NO_STATES,
  pairs: [
    "you have to specify `--srckey' and `--dstkey'",
    "you have to specify `--reply-src-key' and `--reply-dst-key'",
  ],
};

/** Protocols that have options. */
export const PROTOCOLS: readonly ProtocolRow[] = [
  TCP,
  portProtocol('udp', 17),
  portProtocol('udplite', 136),
  icmpProtocol('icmp', 1),
  icmpProtocol('icmpv6', 58),
  SCTP,
  DCCP,
  GRE,
];

/** Any other protocol: it has no options. */
export function plainProtocol(name: string, number: number): ProtocolRow {
  const usage = (): UsageRow => ({ needs: '', takes: '' });
  return { name, number, options: [], usage, expectUsage: usage, ...NO_STATES, pairs: ['', ''] };
}

/** Names and numbers of protocols as the system has them (the text of /etc/protocols). */
export interface ProtocolNames {
  /** The number of a name or an alias, -1 where there is none. */
  numberOf(name: string): number;
  /** The first name of a number, '' where it has none. */
  nameOf(number: number): string;
}

/** Reads /etc/protocols: a name, a number, aliases; `#` begins a comment. */
export function readProtocolNames(text: string): ProtocolNames {
  const numbers = new Map<string, number>();
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name, number, ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (name === undefined || number === undefined || !/^\d+$/.test(number)) continue;
    for (const n of [name, ...aliases]) if (!numbers.has(n)) numbers.set(n, Number(number));
    if (!names.has(Number(number))) names.set(Number(number), name);
  }
  return { numberOf: (name) => numbers.get(name) ?? -1, nameOf: (number) => names.get(number) ?? '' };
}
