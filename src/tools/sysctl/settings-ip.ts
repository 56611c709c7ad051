/** Settings of IP that decide what connection tracking sees: forwarding, the reverse path, reassembly. */
import { BYTES, COUNT, INT, PIECES_HARMS, row, SECONDS, type SysctlRow, TIME_HARM } from './model.js';

const TTL = { least: 1, most: 255 };
const FEW_HOPS = {
  at: 'below 32',
  when: (v: number) => v < 32,
  text: 'packets die after so few routers: far hosts are not reached',
};
const ODD_SWITCH = { at: 'all but 0 and 1', when: (v: number) => v !== 0 && v !== 1, text: 'the kernel takes it as 1' };
const LOW_TEXT = 'Since 4.17 only the least that the high threshold may be. Never above that: the kernel refuses it.';
const LIMIT_TEXT = '0 is no limit. In a replay there is none where the host file does not name it.';
const NO_LIMIT = {
  at: '0',
  when: (v: number) => v === 0,
  text: 'packets with a made-up source make this host flood whoever has that address',
};
const WHO_WINS = 'Of all and the interface, the greater number counts.';

/** What of IP matters here; the engine obeys those that docs/host-file.md names. */
export const IP_SETTINGS: readonly SysctlRow[] = [
  row(
    'net.ipv4.ip_forward',
    'switch',
    INT,
    0,
    '2.2',
    'Whether IPv4 packets for others are forwarded. The same as net.ipv4.conf.all.forwarding: setting it sets all interfaces.',
    { harms: [ODD_SWITCH] },
  ),
  row(
    'net.ipv4.conf.*.forwarding',
    'switch',
    INT,
    0,
    '2.2',
    'Whether IPv4 packets that arrive on an interface are forwarded; default is for interfaces to come.',
    { harms: [ODD_SWITCH] },
  ),
  row(
    'net.ipv4.conf.*.rp_filter',
    'choice',
    INT,
    0,
    '2.2',
    `What arrives must come from where an answer would go: 0 no matter, 1 on the same interface (RFC 3704, strict), 2 by any interface ` +
      `(loose). ${WHO_WINS} Many distributions set 2 at boot.`,
    {
      changes: [
        { since: '2.6.30', text: '2; before, every number but 0 was strict' },
        { since: '2.6.31', text: 'the greater number counts; before, all and the interface both had to be set' },
      ],
      harms: [{ at: 'all but 0, 1 and 2', when: (v) => v < 0 || v > 2, text: 'there are 0, 1 and 2' }],
    },
  ),
  row('net.ipv4.ip_default_ttl', 'hops', TTL, 64, '2.2', 'TTL of IPv4 packets that this host sends.', {
    harms: [FEW_HOPS],
  }),
  row(
    'net.ipv4.ipfrag_high_thresh',
    'bytes',
    BYTES,
    4194304,
    '2.2',
    'Memory for IPv4 fragments that wait for the rest of their packet; connection tracking reassembles with it before anything else. ' +
      'Where it is used up, fragments are dropped.',
    {
      changes: [{ since: '3.9', text: 'the default is 4 MiB; before 256 KiB', before: 262144 }],
      harms: PIECES_HARMS,
    },
  ),
  row('net.ipv4.ipfrag_low_thresh', 'bytes', BYTES, 3145728, '2.2', LOW_TEXT, {
    changes: [{ since: '3.9', text: 'the default is 3 MiB; before 192 KiB', before: 196608 }],
  }),
  row(
    'net.ipv4.ipfrag_time',
    'seconds',
    SECONDS,
    30,
    '2.2',
    'How long IPv4 fragments wait for the rest of their packet.',
    {
      harms: [TIME_HARM],
    },
  ),
  row(
    'net.ipv4.ipfrag_max_dist',
    'packets',
    COUNT,
    64,
    '2.6.16',
    'Fragments of one source may be so many others apart; a packet whose fragments are further apart is dropped, as its id may be in use ' +
      'again. 0: no such check.',
  ),
  row(
    'net.ipv4.ipfrag_secret_interval',
    'seconds',
    SECONDS,
    0,
    '2.6.0',
    'Does nothing: the hash of fragments is keyed anew by itself.',
    { access: 'host', changes: [{ since: '3.17', text: 'does nothing any more; before, seconds between new keys' }] },
  ),
  row(
    'net.ipv6.conf.*.forwarding',
    'switch',
    INT,
    0,
    '2.2',
    'Whether this host is a router of IPv6; all sets all interfaces. Of one interface: whether it behaves as a router there (RFC 4861); ' +
      'forwarding itself is decided by all.',
    {
      changes: [{ since: '6.17', text: 'net.ipv6.conf.*.force_forwarding decides for one interface' }],
      harms: [ODD_SWITCH],
    },
  ),
  row('net.ipv6.conf.*.hop_limit', 'hops', TTL, 64, '2.2', 'Hop limit of IPv6 packets that this host sends.', {
    harms: [FEW_HOPS],
  }),
  row(
    'net.ipv6.ip6frag_high_thresh',
    'bytes',
    BYTES,
    4194304,
    '2.4',
    'As net.ipv4.ipfrag_high_thresh, for IPv6 fragments to this host that connection tracking has not put together before (it has limits ' +
      'of its own: nf_conntrack_frag6_high_thresh).',
    {
      changes: [{ since: '3.9', text: 'the default is 4 MiB; before 256 KiB', before: 262144 }],
      harms: PIECES_HARMS,
    },
  ),
  row('net.ipv6.ip6frag_low_thresh', 'bytes', BYTES, 3145728, '2.4', LOW_TEXT, {
    changes: [{ since: '3.9', text: 'the default is 3 MiB; before 192 KiB', before: 196608 }],
  }),
  row(
    'net.ipv6.ip6frag_time',
    'seconds',
    SECONDS,
    60,
    '2.4',
    'How long IPv6 fragments to this host wait for the rest of their packet.',
    { harms: [TIME_HARM] },
  ),
  row(
    'net.ipv6.ip6frag_secret_interval',
    'seconds',
    SECONDS,
    0,
    '2.6.0',
    'Does nothing: the hash of fragments is keyed anew by itself.',
    { access: 'host', changes: [{ since: '3.17', text: 'does nothing any more; before, seconds between new keys' }] },
  ),
  row(
    'net.ipv4.icmp_ratelimit',
    'milliseconds',
    COUNT,
    1000,
    '2.4.10',
    `ICMP errors (of the types in icmp_ratemask) to one address: one in so much time, after six at once. ${LIMIT_TEXT}`,
    { harms: [NO_LIMIT] },
  ),
  row(
    'net.ipv4.icmp_ratemask',
    'choice',
    INT,
    6168,
    '2.4.10',
    'The ICMP types that icmp_ratelimit is for, a bit each: 6168 is destination unreachable (3), source quench (4), time exceeded (11) ' +
      'and parameter problem (12).',
  ),
  row(
    'net.ipv6.icmp.ratelimit',
    'milliseconds',
    COUNT,
    100,
    '2.4.10',
    `ICMPv6 messages (of the types in ratemask) to one address: one in so much time, after six at once. ${LIMIT_TEXT}`,
    {
      changes: [{ since: '6.18', text: 'the default is 100; before 1000', before: 1000 }],
      harms: [NO_LIMIT],
    },
  ),
  row(
    'net.ipv6.icmp.ratemask',
    'word',
    null,
    '0-1,3-127',
    '5.2',
    'The ICMPv6 types that ratelimit is for, as numbers and ranges: all errors but packet too big (2).',
  ),
];
