/** Settings that newer kernels do not have any more, and what to use now. */
import { COUNT, row, SECONDS, SWITCH, type SysctlRow } from './model.js';

const NF = 'net.netfilter.nf_conntrack_';
const NO_DCCP =
  'remove the line: connection tracking treats DCCP as any other protocol now (nf_conntrack_generic_timeout)';
const DCCP = { gone: '6.17', instead: NO_DCCP, needs: 'CONFIG_NF_CT_PROTO_DCCP' };
const PICKUP = 'remove the line: connections given back have the timeout of their state';

function dccp(state: string, initial: number, text: string): SysctlRow {
  return row(`${NF}dccp_timeout_${state}`, 'seconds', SECONDS, initial, '2.6.26', text, DCCP);
}

/** What is gone. */
export const GONE_SETTINGS: readonly SysctlRow[] = [
  row(
    `${NF}helper`,
    'switch',
    SWITCH,
    0,
    '3.5',
    'Connections got the helper of their port (FTP of 21 ...) by themselves.',
    {
      gone: '6.0',
      instead:
        'remove the line, and say in rules which connections get a helper: iptables -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp',
      changes: [{ since: '4.7', text: 'the default is 0; before 1', before: 1 }],
      harms: [
        {
          at: 'all but 0',
          when: (v) => v !== 0,
          text: 'whoever speaks on such a port is believed: what he writes there opens ports in the firewall',
        },
      ],
    },
  ),
  row(
    `${NF}events_retry_timeout`,
    'seconds',
    SECONDS,
    15,
    '2.6.31',
    'How long the kernel waited at most before it told of the end of a connection again to a listener that wants all events.',
    { gone: '3.17', instead: 'remove the line: the kernel tries again by itself' },
  ),
  row(`${NF}dccp_loose`, 'switch', COUNT, 1, '2.6.26', 'DCCP connections were picked up in the middle.', DCCP),
  dccp('request', 240, 'DCCP: after REQUEST.'),
  dccp('respond', 480, 'DCCP: after RESPONSE.'),
  dccp('partopen', 480, 'DCCP: after the first ACK.'),
  dccp('open', 43200, 'DCCP that was open.'),
  dccp('closereq', 64, 'DCCP: after CLOSEREQ.'),
  dccp('closing', 64, 'DCCP: after CLOSE.'),
  dccp('timewait', 240, 'DCCP: after RESET.'),
  row(`${NF}sctp_timeout_heartbeat_acked`, 'seconds', SECONDS, 210, '4.3', 'SCTP: a secondary path that was in use.', {
    gone: '6.2',
    instead: 'use net.netfilter.nf_conntrack_sctp_timeout_established: it is for all paths now',
    needs: 'CONFIG_NF_CT_PROTO_SCTP',
  }),
  row(`${NF}udplite_timeout`, 'seconds', SECONDS, 30, '2.6.25', 'UDP-Lite of which only one side had sent.', {
    gone: '4.16',
    instead: 'use net.netfilter.nf_conntrack_udp_timeout: it is for UDP-Lite, too',
  }),
  row(`${NF}udplite_timeout_stream`, 'seconds', SECONDS, 180, '2.6.25', 'UDP-Lite of which both sides had sent.', {
    gone: '4.16',
    instead: 'use net.netfilter.nf_conntrack_udp_timeout_stream: it is for UDP-Lite, too',
  }),
  row('net.netfilter.nf_flowtable_tcp_pickup', 'seconds', SECONDS, 120, '5.14', 'TCP given back by a flow table.', {
    gone: '5.15',
    instead: PICKUP,
    needs: 'CONFIG_NF_FLOW_TABLE',
  }),
  row('net.netfilter.nf_flowtable_udp_pickup', 'seconds', SECONDS, 30, '5.14', 'UDP given back by a flow table.', {
    gone: '5.15',
    instead: PICKUP,
    needs: 'CONFIG_NF_FLOW_TABLE',
  }),
];
