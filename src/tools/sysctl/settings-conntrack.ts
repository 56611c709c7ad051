/** Connection tracking's settings but for the timeouts. Names, defaults and limits: asked of Linux 6.18. */
import {
  BYTE,
  BYTES,
  COUNT,
  INT,
  PIECES_HARMS,
  row,
  SECONDS,
  SWITCH,
  type SysctlHarm,
  type SysctlRow,
  TIME_HARM,
} from './model.js';

const NF = 'net.netfilter.nf_conntrack_';
const IP = 'net.ipv4.netfilter.ip_conntrack_';

const MAX_HARMS: readonly SysctlHarm[] = [
  { at: '0', when: (v) => v === 0, text: '0 is no limit: whoever opens connections fast enough takes all memory' },
  {
    at: 'more than 8 times nf_conntrack_buckets',
    when: (v, read) => v > 0 && v > 8 * (read(`${NF}buckets`) ?? Number.POSITIVE_INFINITY),
    text: 'more than 8 connections a bucket: every look-up walks long chains; raise nf_conntrack_buckets with it',
  },
  {
    at: 'no more than nf_conntrack_count',
    when: (v, read) => v > 0 && v <= (read(`${NF}count`) ?? -1),
    text: 'the table holds as many connections already: new ones are dropped from now on',
  },
];

const MAX_TEXT =
  'The most connections that a network namespace may have. A packet that would begin one more is dropped ' +
  '("nf_conntrack: table full, dropping packet" in the kernel log), unless one can be dropped early that has seen no answer.';
const MAX_CHANGES = [
  {
    since: '5.15',
    text: 'the default is nf_conntrack_buckets; before four times as many, of a table a quarter of the size',
  },
];

/** Settings of the table, of TCP's rules, of reassembly for IPv6, and of logging. */
export const CONNTRACK_SETTINGS: readonly SysctlRow[] = [
  row(
    `${NF}acct`,
    'switch',
    SWITCH,
    0,
    '2.6.27',
    'Counts packets and bytes of each connection in both directions: "packets=" and "bytes=" in listings, what -m connbytes asks for. ' +
      'It counts for connections that begin after it is set.',
    { changes: [{ since: '5.13', text: 'numbers but 0 and 1 are refused; before, any other was 1' }] },
  ),
  row(
    `${NF}buckets`,
    'entries',
    { least: 1, most: 0x7fffffff },
    { rule: 'buckets' },
    '2.6.15',
    'Size of the hash table, of all namespaces together. A connection is in it twice, once for each direction. The kernel rounds up to whole ' +
      'pages: to a multiple of 512 where a page has 4096 bytes. A size for which there is no memory is refused (ENOMEM).',
    {
      access: 'host',
      wasNamed: [`${IP}buckets`],
      changes: [
        { since: '4.7', text: 'can be set; before only /sys/module/nf_conntrack/parameters/hashsize could' },
        {
          since: '5.15',
          text: 'the default is from 1024 to 262144; before from 32 to 16384, and 65536 with more than 4 GiB',
        },
      ],
      harms: [{ at: 'below 256', when: (v) => v < 256, text: 'so few buckets make every look-up walk long chains' }],
    },
  ),
  row(
    `${NF}checksum`,
    'switch',
    SWITCH,
    1,
    '2.6.18',
    'Checks the checksums of packets that arrive; one that is wrong makes the packet INVALID, and no connection changes its state for it.',
    {
      wasNamed: [`${IP}checksum`],
      changes: [{ since: '5.13', text: 'numbers but 0 and 1 are refused; before, any other was 1' }],
      harms: [
        {
          at: '0',
          when: (v) => v === 0,
          text: 'packets that their receiver will drop change the state of connections here: the two disagree from then on',
        },
      ],
    },
  ),
  row(`${NF}count`, 'entries', COUNT, { rule: 'live' }, '2.6.15', 'Connections in the table of this namespace, now.', {
    access: 'read-only',
    wasNamed: [`${IP}count`],
  }),
  row(
    `${NF}events`,
    'choice',
    { least: 0, most: 2 },
    2,
    '2.6.31',
    'Whether programs can hear of connections over netlink (conntrack -E, conntrackd, ulogd): 0 no, 1 always, 2 for connections that begin ' +
      'while somebody listens.',
    {
      needs: 'CONFIG_NF_CONNTRACK_EVENTS',
      changes: [
        { since: '5.19', text: '2, and the default is 2; before there were 0 and 1, and the default was 1', before: 1 },
      ],
      harms: [{ at: '0', when: (v) => v === 0, text: 'conntrack -E, conntrackd and ulogd hear nothing' }],
    },
  ),
  row(
    `${NF}expect_max`,
    'entries',
    { least: 1, most: 0x7fffffff },
    { rule: 'expect_max' },
    '2.6.23',
    'The most expectations: connections that a helper (FTP, SIP ...) has read of and waits for.',
    {
      access: 'host',
      changes: [{ since: '6.15', text: '0 and negative numbers are refused' }],
      harms: [
        {
          at: 'below 16',
          when: (v) => v < 16,
          text: 'so few expectations are soon used up: data connections of FTP and SIP fail',
        },
      ],
    },
  ),
  row(
    `${NF}frag6_high_thresh`,
    'bytes',
    BYTES,
    4194304,
    '2.6.15',
    'Memory for IPv6 fragments that wait for the rest of their packet. Where it is used up, fragments are dropped. Never below ' +
      'nf_conntrack_frag6_low_thresh: the kernel refuses that.',
    {
      needs: 'CONFIG_NF_DEFRAG_IPV6',
      changes: [
        { since: '3.9', text: 'the default is 4 MiB; before 256 KiB', before: 262144 },
        { since: '4.17', text: 'may be more than 2 GiB, and is not let fall below the low threshold' },
      ],
      harms: PIECES_HARMS,
    },
  ),
  row(
    `${NF}frag6_low_thresh`,
    'bytes',
    BYTES,
    3145728,
    '2.6.15',
    'Until 4.16 queues were thrown out until so much memory was left; since then it is only the least that nf_conntrack_frag6_high_thresh ' +
      'may be. Never above that: the kernel refuses it.',
    {
      needs: 'CONFIG_NF_DEFRAG_IPV6',
      changes: [{ since: '3.9', text: 'the default is 3 MiB; before 192 KiB', before: 196608 }],
    },
  ),
  row(
    `${NF}frag6_timeout`,
    'seconds',
    SECONDS,
    60,
    '2.6.15',
    'How long IPv6 fragments wait for the rest of their packet.',
    {
      needs: 'CONFIG_NF_DEFRAG_IPV6',
      harms: [TIME_HARM],
    },
  ),
  row(
    `${NF}log_invalid`,
    'protocol number',
    BYTE,
    0,
    '2.6.15',
    'Logs packets that are INVALID, with the reason: 0 none, 255 of all protocols, else those of this protocol (6 TCP, 17 UDP, 1 ICMP).',
    {
      wasNamed: [`${IP}log_invalid`],
      changes: [
        { since: '5.13', text: 'numbers above 255 are refused' },
        { since: '6.17', text: 'setting it loads nf_log_syslog; before nothing was logged where no logger was loaded' },
      ],
      harms: [
        {
          at: 'above 0',
          when: (v) => v > 0,
          text: 'there is no limit on these lines: whoever sends invalid packets fills the kernel log',
        },
      ],
    },
  ),
  row(
    `${NF}max`,
    'entries',
    COUNT,
    { rule: 'max' },
    '2.6.15',
    `${MAX_TEXT} net.nf_conntrack_max is the same setting.`,
    {
      access: 'host',
      wasNamed: [`${IP}max`, 'net.ipv4.ip_conntrack_max'],
      changes: MAX_CHANGES,
      harms: MAX_HARMS,
    },
  ),
  row('net.nf_conntrack_max', 'entries', COUNT, { rule: 'max' }, '2.6.15', `${MAX_TEXT} The same as ${NF}max.`, {
    access: 'host',
    changes: MAX_CHANGES,
    harms: MAX_HARMS,
  }),
  row(
    `${NF}tcp_be_liberal`,
    'switch',
    SWITCH,
    0,
    '2.6.15',
    'TCP segments outside of the window are not INVALID, but for RST. For networks in which packets take ways that this host does not see.',
    {
      wasNamed: [`${IP}tcp_be_liberal`],
      changes: [{ since: '5.13', text: 'numbers but 0 and 1 are refused; before, any other was 1' }],
      harms: [
        {
          at: '1',
          when: (v) => v === 1,
          text: 'segments with made-up sequence numbers pass as part of a connection: who guesses addresses and ports can inject',
        },
      ],
    },
  ),
  row(
    `${NF}tcp_ignore_invalid_rst`,
    'switch',
    SWITCH,
    0,
    '5.14',
    'An RST outside of the window is not INVALID. For hosts that answer with such, as some load balancers do.',
    {
      harms: [
        {
          at: '1',
          when: (v) => v === 1,
          text: 'a forged RST passes as part of a connection: who guesses addresses and ports can end it (RFC 5961)',
        },
      ],
    },
  ),
  row(
    `${NF}tcp_loose`,
    'switch',
    SWITCH,
    1,
    '2.6.15',
    'TCP connections are picked up in the middle: a segment without SYN of an unknown connection is NEW. 0: it is INVALID, and so is ' +
      'whatever was open before the table was emptied or this host took over.',
    {
      wasNamed: [`${IP}tcp_loose`],
      changes: [{ since: '5.13', text: 'numbers but 0 and 1 are refused; before, any other was 1' }],
    },
  ),
  row(
    `${NF}tcp_max_retrans`,
    'packets',
    BYTE,
    3,
    '2.6.15',
    'After so many retransmissions without an answer a TCP connection has at most nf_conntrack_tcp_timeout_max_retrans seconds.',
    {
      wasNamed: [`${IP}tcp_max_retrans`],
      changes: [{ since: '5.13', text: 'numbers above 255 are refused' }],
      harms: [
        {
          at: '0',
          when: (v) => v === 0,
          text: 'every TCP connection has at most nf_conntrack_tcp_timeout_max_retrans seconds, also one where nothing was sent again',
        },
      ],
    },
  ),
  row(
    `${NF}timestamp`,
    'switch',
    SWITCH,
    0,
    '2.6.38',
    'Keeps when a connection began and ended: "delta-time" in /proc/net/nf_conntrack, conntrack -o ktimestamp. For connections that begin ' +
      'after it is set.',
    {
      needs: 'CONFIG_NF_CONNTRACK_TIMESTAMP',
      changes: [{ since: '5.13', text: 'numbers but 0 and 1 are refused; before, any other was 1' }],
    },
  ),
  row(
    'net.netfilter.nf_hooks_lwtunnel',
    'switch',
    SWITCH,
    0,
    '5.15',
    'Netfilter sees packets of lightweight tunnels (SRv6, ip route ... encap) before and after. Once on it stays on until the host is ' +
      'started again (EBUSY).',
    {
      access: 'namespace',
      needs: 'CONFIG_LWTUNNEL',
      harms: [{ at: '1', when: (v) => v === 1, text: 'it cannot be turned off again, and is on for all namespaces' }],
    },
  ),
  row(
    'net.netfilter.nf_log.N',
    'word',
    null,
    'NONE',
    '2.6.30',
    'What logs packets of a protocol family (N: 2 IPv4, 3 ARP, 5 netdev, 7 bridge, 10 IPv6) where a rule names no logger, and INVALID ' +
      'ones: nf_log_ipv4, nf_log_ipv6, nfnetlink_log ... or NONE. The logger must be loaded (ENOENT). A family has NONE until its logger is loaded.',
    { changes: [{ since: '3.10', text: 'each network namespace has its own' }] },
  ),
  row(
    'net.netfilter.nf_log_all_netns',
    'switch',
    INT,
    0,
    '4.7',
    'Rules with -j LOG in other network namespaces than the first (containers) write to the kernel log, too.',
    {
      access: 'host',
      harms: [
        { at: 'all but 0', when: (v) => v !== 0, text: 'whoever is root in a container can fill the log of the host' },
      ],
    },
  ),
];
