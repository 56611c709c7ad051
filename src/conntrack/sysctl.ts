/**
 * The settings of connection tracking, by their sysctl names, with the kernel's defaults (Linux 6.18).
 *
 * Timeouts are kept in milliseconds in small typed arrays that the protocol trackers index by state; every other setting is
 * a number. `SETTINGS` is the one place that knows name, default and unit.
 */

/** Indexes of `Settings.tcp` beyond the ten TCP states (TCP_CONNTRACK_ constants). */
export const TCP_TIMEOUT_RETRANS = 10;
export const TCP_TIMEOUT_UNACK = 11;
/** Indexes of the two-valued protocols: udp (and udplite), gre. */
export const TIMEOUT_UNREPLIED = 0;
export const TIMEOUT_REPLIED = 1;

type Group = 'tcp' | 'udp' | 'gre' | 'sctp' | 'single' | 'value';

/** One setting: where its value is kept and what it is at boot. */
export interface SettingRow {
  /** Name below net.netfilter.nf_conntrack_. */
  name: string;
  /** Which array of `Settings` holds it. */
  group: Group;
  index: number;
  /** Seconds for timeouts, else a plain number. */
  initial: number;
}

/** Indexes of `Settings.single`: one timeout a protocol. */
export const TIMEOUT_ICMP = 0;
export const TIMEOUT_ICMPV6 = 1;
export const TIMEOUT_GENERIC = 2;

/** Indexes of `Settings.value`. */
export const SET_MAX = 0;
export const SET_BUCKETS = 1;
export const SET_CHECKSUM = 2;
export const SET_ACCT = 3;
export const SET_TIMESTAMP = 4;
export const SET_EVENTS = 5;
export const SET_LOG_INVALID = 6;
export const SET_TCP_LOOSE = 7;
export const SET_TCP_LIBERAL = 8;
export const SET_TCP_MAX_RETRANS = 9;
export const SET_TCP_IGNORE_INVALID_RST = 10;
export const SET_EXPECT_MAX = 11;
export const SET_FRAG6_TIMEOUT = 12;
export const SET_FRAG6_HIGH = 13;
export const SET_FRAG6_LOW = 14;

/** All settings, the order of no meaning. */
export const SETTINGS: readonly SettingRow[] = [
  { name: 'max', group: 'value', index: SET_MAX, initial: 262144 },
  { name: 'buckets', group: 'value', index: SET_BUCKETS, initial: 262144 },
  { name: 'checksum', group: 'value', index: SET_CHECKSUM, initial: 1 },
  { name: 'acct', group: 'value', index: SET_ACCT, initial: 0 },
  { name: 'timestamp', group: 'value', index: SET_TIMESTAMP, initial: 0 },
  { name: 'events', group: 'value', index: SET_EVENTS, initial: 2 },
  { name: 'log_invalid', group: 'value', index: SET_LOG_INVALID, initial: 0 },
  { name: 'tcp_loose', group: 'value', index: SET_TCP_LOOSE, initial: 1 },
  { name: 'tcp_be_liberal', group: 'value', index: SET_TCP_LIBERAL, initial: 0 },
  { name: 'tcp_max_retrans', group: 'value', index: SET_TCP_MAX_RETRANS, initial: 3 },
  { name: 'tcp_ignore_invalid_rst', group: 'value', index: SET_TCP_IGNORE_INVALID_RST, initial: 0 },
  { name: 'expect_max', group: 'value', index: SET_EXPECT_MAX, initial: 4096 },
  { name: 'frag6_timeout', group: 'value', index: SET_FRAG6_TIMEOUT, initial: 60 },
  { name: 'frag6_high_thresh', group: 'value', index: SET_FRAG6_HIGH, initial: 4194304 },
  { name: 'frag6_low_thresh', group: 'value', index: SET_FRAG6_LOW, initial: 3145728 },
  { name: 'tcp_timeout_syn_sent', group: 'tcp', index: 1, initial: 120 },
  { name: 'tcp_timeout_syn_recv', group: 'tcp', index: 2, initial: 60 },
  { name: 'tcp_timeout_established', group: 'tcp', index: 3, initial: 432000 },
  { name: 'tcp_timeout_fin_wait', group: 'tcp', index: 4, initial: 120 },
  { name: 'tcp_timeout_close_wait', group: 'tcp', index: 5, initial: 60 },
  { name: 'tcp_timeout_last_ack', group: 'tcp', index: 6, initial: 30 },
  { name: 'tcp_timeout_time_wait', group: 'tcp', index: 7, initial: 120 },
  { name: 'tcp_timeout_close', group: 'tcp', index: 8, initial: 10 },
  { name: 'tcp_timeout_max_retrans', group: 'tcp', index: TCP_TIMEOUT_RETRANS, initial: 300 },
  { name: 'tcp_timeout_unacknowledged', group: 'tcp', index: TCP_TIMEOUT_UNACK, initial: 300 },
  { name: 'udp_timeout', group: 'udp', index: TIMEOUT_UNREPLIED, initial: 30 },
  { name: 'udp_timeout_stream', group: 'udp', index: TIMEOUT_REPLIED, initial: 120 },
  { name: 'gre_timeout', group: 'gre', index: TIMEOUT_UNREPLIED, initial: 30 },
  { name: 'gre_timeout_stream', group: 'gre', index: TIMEOUT_REPLIED, initial: 180 },
  { name: 'sctp_timeout_closed', group: 'sctp', index: 1, initial: 10 },
  { name: 'sctp_timeout_cookie_wait', group: 'sctp', index: 2, initial: 3 },
  { name: 'sctp_timeout_cookie_echoed', group: 'sctp', index: 3, initial: 3 },
  { name: 'sctp_timeout_established', group: 'sctp', index: 4, initial: 210 },
  { name: 'sctp_timeout_shutdown_sent', group: 'sctp', index: 5, initial: 3 },
  { name: 'sctp_timeout_shutdown_recd', group: 'sctp', index: 6, initial: 3 },
  { name: 'sctp_timeout_shutdown_ack_sent', group: 'sctp', index: 7, initial: 3 },
  { name: 'sctp_timeout_heartbeat_sent', group: 'sctp', index: 8, initial: 30 },
  { name: 'icmp_timeout', group: 'single', index: TIMEOUT_ICMP, initial: 30 },
  { name: 'icmpv6_timeout', group: 'single', index: TIMEOUT_ICMPV6, initial: 30 },
  { name: 'generic_timeout', group: 'single', index: TIMEOUT_GENERIC, initial: 600 },
];

/** Longest timeout in ms that a deadline in Int32 arithmetic can hold, as the kernel clamps to INT_MAX jiffies. */
export const MAX_TIMEOUT_MS = 0x7fffffff;

const PREFIX = 'net.netfilter.nf_conntrack_';
const ROW_BY_NAME = new Map(SETTINGS.map((row) => [PREFIX + row.name, row]));
ROW_BY_NAME.set('net.nf_conntrack_max', SETTINGS[0]!);

/** Milliseconds of a timeout in seconds, clamped as the kernel clamps. */
export function timeoutMs(seconds: number): number {
  return Math.min(MAX_TIMEOUT_MS, Math.max(0, Math.trunc(seconds) * 1000));
}

export class Settings {
  /** ms by TCP state, then TCP_TIMEOUT_RETRANS and TCP_TIMEOUT_UNACK. */
  readonly tcp = new Int32Array(12);
  /** ms: unreplied, stream; UDP-Lite's too. */
  readonly udp = new Int32Array(2);
  /** ms: unreplied, stream. */
  readonly gre = new Int32Array(2);
  /** ms by SCTP state. */
  readonly sctp = new Int32Array(9);
  /** ms by TIMEOUT_ICMP ... */
  readonly single = new Int32Array(3);
  /** Plain numbers by SET_ constant. */
  readonly value = new Float64Array(15);

  constructor() {
    for (const row of SETTINGS) this.put(row, row.initial);
    // SYN_SENT2 has no sysctl: it is SYN_SENT's at boot (nf_conntrack_proto_tcp.c, tcp_timeouts).
    this.tcp[9] = timeoutMs(120);
    this.sctp[0] = timeoutMs(10);
  }

  /** Sets one by its full sysctl name; false: not a setting of connection tracking. `value`: seconds for timeouts. */
  set(name: string, value: number): boolean {
    const row = ROW_BY_NAME.get(name);
    if (!row) return false;
    this.put(row, value);
    return true;
  }

  /** Reads one by its full sysctl name; undefined: no such setting. */
  get(name: string): number | undefined {
    const row = ROW_BY_NAME.get(name);
    if (!row) return undefined;
    return row.group === 'value' ? this.value[row.index] : this[row.group][row.index]! / 1000;
  }

  private put(row: SettingRow, value: number): void {
    if (row.group === 'value') this.value[row.index] = value;
    else this[row.group][row.index] = timeoutMs(value);
  }
}
