/** How long connections are kept, by protocol and state. Names and defaults: asked of Linux 6.18. */
import { row, SECONDS, type SysctlChange, type SysctlHarm, type SysctlRow } from './model.js';

const NF = 'net.netfilter.nf_conntrack_';
const IP = 'net.ipv4.netfilter.ip_conntrack_';

interface More {
  /** The old name below net.ipv4.netfilter.ip_conntrack_ where it is not the same; null: it had none. */
  old?: string | null;
  changes?: readonly SysctlChange[];
  harms?: readonly SysctlHarm[];
  needs?: string;
}

const AT_ONCE: SysctlHarm = {
  at: '0 or less',
  when: (v) => v <= 0,
  text: 'such connections are forgotten at once: no answer finds them',
};

function shorterThan(seconds: number, text: string): SysctlHarm {
  return { at: `below ${seconds}`, when: (v) => v > 0 && v < seconds, text };
}

function timeout(name: string, initial: number, since: string, text: string, more: More = {}): SysctlRow {
  const old = more.old === undefined ? name : more.old;
  return row(`${NF}${name}`, 'seconds', SECONDS, initial, since, text, {
    wasNamed: old === null ? [] : [`${IP}${old}`],
    changes: more.changes ?? [],
    harms: [AT_ONCE, ...(more.harms ?? [])],
    needs: more.needs ?? '',
  });
}

const SCTP = { needs: 'CONFIG_NF_CT_PROTO_SCTP' };
const FLOW = 'CONFIG_NF_FLOW_TABLE';

/** All timeouts. */
export const TIMEOUT_SETTINGS: readonly SysctlRow[] = [
  timeout(
    'generic_timeout',
    600,
    '2.6.15',
    'Since the last packet, for protocols without a tracker of their own: ESP, OSPF, IPIP ...',
  ),
  timeout('gre_timeout', 30, '5.0', 'GRE (PPTP) of which only one side has sent.', { old: null }),
  timeout('gre_timeout_stream', 180, '5.0', 'GRE (PPTP) of which both sides have sent.', { old: null }),
  timeout('icmp_timeout', 30, '2.6.15', 'An ICMP query (ping) and its answers.'),
  timeout('icmpv6_timeout', 30, '2.6.15', 'An ICMPv6 query (ping) and its answers.', { old: null }),
  timeout('sctp_timeout_closed', 10, '2.6.15', 'SCTP that was aborted, or whose state is not known.', SCTP),
  timeout('sctp_timeout_cookie_wait', 3, '2.6.15', 'SCTP: after INIT and INIT ACK.', SCTP),
  timeout('sctp_timeout_cookie_echoed', 3, '2.6.15', 'SCTP: after COOKIE ECHO.', SCTP),
  timeout('sctp_timeout_established', 210, '2.6.15', 'SCTP that is open: heartbeats come every 30 seconds.', {
    ...SCTP,
    changes: [
      {
        since: '6.2',
        text: 'the default is 210, also of secondary paths; before five days, and 210 as sctp_timeout_heartbeat_acked',
        before: 432000,
      },
    ],
    harms: [shorterThan(60, 'shorter than two heartbeats (30 seconds each): idle associations are forgotten')],
  }),
  timeout('sctp_timeout_shutdown_sent', 3, '2.6.15', 'SCTP: after SHUTDOWN from the one side.', {
    ...SCTP,
    changes: [{ since: '6.6', text: 'the default is 3; before 0.3 seconds, printed as 0', before: 0 }],
  }),
  timeout('sctp_timeout_shutdown_recd', 3, '2.6.15', 'SCTP: after SHUTDOWN from the other side.', {
    ...SCTP,
    changes: [{ since: '6.6', text: 'the default is 3; before 0.3 seconds, printed as 0', before: 0 }],
  }),
  timeout('sctp_timeout_shutdown_ack_sent', 3, '2.6.15', 'SCTP: after SHUTDOWN ACK.', SCTP),
  timeout('sctp_timeout_heartbeat_sent', 30, '4.3', 'SCTP: a secondary path of which only a HEARTBEAT was seen.', {
    ...SCTP,
    old: null,
  }),
  timeout('tcp_timeout_syn_sent', 120, '2.6.15', 'TCP: after SYN.', {
    harms: [shorterThan(4, 'shorter than the second retransmission of a SYN (3 seconds)')],
  }),
  timeout('tcp_timeout_syn_recv', 60, '2.6.15', 'TCP: after SYN and SYN-ACK.', {
    harms: [shorterThan(4, 'shorter than the second retransmission of a SYN-ACK (3 seconds)')],
  }),
  timeout(
    'tcp_timeout_established',
    432000,
    '2.6.15',
    'TCP that is open and idle. The default is five days; a firewall with many clients that vanish is often set to some hours.',
    {
      harms: [
        shorterThan(
          7440,
          'shorter than 2 hours 4 minutes (RFC 5382, REQ-5): idle connections are forgotten before keepalives (after 2 hours) are sent',
        ),
      ],
    },
  ),
  timeout('tcp_timeout_fin_wait', 120, '2.6.15', 'TCP: after FIN of one side.'),
  timeout('tcp_timeout_close_wait', 60, '2.6.15', 'TCP: after FIN of one side and the ACK of the other.', {
    harms: [
      shorterThan(10, 'the other side may go on sending: what comes later than this is picked up anew or INVALID'),
    ],
  }),
  timeout('tcp_timeout_last_ack', 30, '2.6.15', 'TCP: after FIN of both sides.'),
  timeout('tcp_timeout_time_wait', 120, '2.6.15', 'TCP: after both FIN are acknowledged.'),
  timeout('tcp_timeout_close', 10, '2.6.15', 'TCP: after RST.'),
  timeout(
    'tcp_timeout_max_retrans',
    300,
    '2.6.15',
    'TCP: at most this after nf_conntrack_tcp_max_retrans retransmissions.',
  ),
  timeout('tcp_timeout_unacknowledged', 300, '2.6.27', 'TCP: at most this while data waits for its ACK.', {
    old: null,
    harms: [
      shorterThan(
        60,
        'one lost segment and its retransmissions may take longer: the connection is forgotten meanwhile',
      ),
    ],
  }),
  timeout('udp_timeout', 30, '2.6.15', 'UDP and UDP-Lite of which only one side has sent.', {
    harms: [shorterThan(5, 'shorter than a resolver waits for an answer (5 seconds)')],
  }),
  timeout(
    'udp_timeout_stream',
    120,
    '2.6.15',
    'UDP and UDP-Lite of which both sides have sent for more than two seconds.',
    {
      changes: [
        { since: '5.0', text: 'the default is 120; before 180', before: 180 },
        { since: '5.0', text: 'only after two seconds of traffic; before, from the first answer on' },
      ],
      harms: [
        shorterThan(
          120,
          'shorter than two minutes (RFC 4787, REQ-5): QUIC, SIP and tunnels lose their connection when idle',
        ),
      ],
    },
  ),
  row(
    'net.netfilter.nf_flowtable_tcp_timeout',
    'seconds',
    SECONDS,
    30,
    '5.14',
    "TCP in nftables' flow table: given back to connection tracking after so long without a packet.",
    { needs: FLOW, harms: [AT_ONCE] },
  ),
  row(
    'net.netfilter.nf_flowtable_udp_timeout',
    'seconds',
    SECONDS,
    30,
    '5.14',
    "UDP in nftables' flow table: given back to connection tracking after so long without a packet.",
    { needs: FLOW, harms: [AT_ONCE] },
  ),
];
