/**
 * Timeout policies by name, which `-j CT --timeout NAME` gives to connections: what `nfct add timeout` makes of its arguments
 * (kernel: nfnetlink_cttimeout.c). A state that a policy does not name has the value that the host's sysctls give it.
 */
import { PROTO_GENERIC } from '../conntrack/generic.js';
import type { TimeoutPolicy } from '../conntrack/lifecycle.js';
import { type Settings, TIMEOUT_GENERIC, TIMEOUT_ICMP, TIMEOUT_ICMPV6, timeoutMs } from '../conntrack/sysctl.js';
import {
  AF_INET,
  AF_INET6,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../wire/packet.js';

/** A timeout policy: its protocol, and seconds by state, as `nfct add timeout` takes them in lower case. At least one state. */
export interface TimeoutConfig {
  /** inet where absent; rules of the other family cannot use it. */
  family?: 'inet' | 'inet6';
  /** generic: all protocols that connection tracking has no tracker for. */
  protocol: 'tcp' | 'udp' | 'udplite' | 'sctp' | 'gre' | 'icmp' | 'icmpv6' | 'generic';
  /**
   * Whole seconds; a state that is not named has the host's sysctl value. tcp: syn_sent, syn_recv, established, fin_wait,
   * close_wait, last_ack, time_wait, close, syn_sent2, retrans, unacknowledged; udp, udplite, gre: unreplied, replied; sctp: closed,
   * cookie_wait, cookie_echoed, established, shutdown_sent, shutdown_recd, shutdown_ack_sent; icmp, icmpv6, generic: timeout.
   */
  [state: string]: number | string | undefined;
}

/** Tells what is wrong and where: `timeouts.short-web.established`. */
export type TimeoutComplaint = (path: string, message: string) => never;

interface Shape {
  number: number;
  /** Index of each state in TimeoutPolicy.timeouts, as the protocol's tracker counts. */
  states: Readonly<Record<string, number>>;
  /** What the states have that a policy does not name, in ms. */
  initial(settings: Settings): Int32Array;
}

const TCP_STATES = {
  syn_sent: 1,
  syn_recv: 2,
  established: 3,
  fin_wait: 4,
  close_wait: 5,
  last_ack: 6,
  time_wait: 7,
  close: 8,
  syn_sent2: 9,
  retrans: 10,
  unacknowledged: 11,
};
/** nfct has no name for the last one, heartbeat_sent. */
const SCTP_STATES = {
  closed: 1,
  cookie_wait: 2,
  cookie_echoed: 3,
  established: 4,
  shutdown_sent: 5,
  shutdown_recd: 6,
  shutdown_ack_sent: 7,
};
const TWO_WAY = { unreplied: 0, replied: 1 };
const SINGLE = { timeout: 0 };

const SHAPES: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ['tcp', { number: IPPROTO_TCP, states: TCP_STATES, initial: (s) => s.tcp.slice() }],
  ['udp', { number: IPPROTO_UDP, states: TWO_WAY, initial: (s) => s.udp.slice() }],
  // UDP-Lite has no settings of its own
  ['udplite', { number: IPPROTO_UDPLITE, states: TWO_WAY, initial: (s) => s.udp.slice() }],
  ['sctp', { number: IPPROTO_SCTP, states: SCTP_STATES, initial: (s) => s.sctp.slice() }],
  ['gre', { number: IPPROTO_GRE, states: TWO_WAY, initial: (s) => s.gre.slice() }],
  ['icmp', { number: IPPROTO_ICMP, states: SINGLE, initial: (s) => Int32Array.of(s.single[TIMEOUT_ICMP]!) }],
  ['icmpv6', { number: IPPROTO_ICMPV6, states: SINGLE, initial: (s) => Int32Array.of(s.single[TIMEOUT_ICMPV6]!) }],
  ['generic', { number: PROTO_GENERIC, states: SINGLE, initial: (s) => Int32Array.of(s.single[TIMEOUT_GENERIC]!) }],
]);

const FAMILIES: ReadonlyMap<string, number> = new Map([
  ['inet', AF_INET],
  ['inet6', AF_INET6],
]);

/** Longest name: the kernel's 32 bytes (CTNL_TIMEOUT_NAME_MAX) with the 0 behind it. */
const MAX_NAME = 31;
/** As for the sysctls: seconds that fit into an int of jiffies at 100 a second. */
const MAX_SECONDS = 21_474_836;

/** The keys of a policy of a protocol: family, protocol and its states; null = there is no such protocol. */
export function timeoutKeys(protocol: string): readonly string[] | null {
  const shape = SHAPES.get(protocol);
  return shape === undefined ? null : ['family', 'protocol', ...Object.keys(shape.states)];
}

/** Checks and compiles policies; `settings` are those of the host at this time. Whatever is wrong goes to `complain`. */
export function compileTimeouts(
  config: Readonly<Record<string, TimeoutConfig>>,
  settings: Settings,
  complain: TimeoutComplaint,
): Map<string, TimeoutPolicy> {
  const policies = new Map<string, TimeoutPolicy>();
  for (const [name, item] of Object.entries(config)) {
    const path = `timeouts.${name}`;
    if (name === '' || name.length > MAX_NAME) complain(path, `expected a name of 1 to ${MAX_NAME} characters`);
    policies.set(name, compilePolicy(item, path, settings, complain));
  }
  return policies;
}

function compilePolicy(item: TimeoutConfig, path: string, settings: Settings, complain: TimeoutComplaint) {
  const family = FAMILIES.get(item.family ?? 'inet');
  if (family === undefined) complain(`${path}.family`, `expected inet or inet6, got ${JSON.stringify(item.family)}`);
  const shape = SHAPES.get(item.protocol);
  if (shape === undefined) {
    complain(`${path}.protocol`, `expected ${[...SHAPES.keys()].join(', ')}, got ${JSON.stringify(item.protocol)}`);
  }
  const states = new Map(Object.entries(shape.states));
  const known = [...states.keys()].join(', ');
  const timeouts = shape.initial(settings);
  let named = 0;
  for (const [state, seconds] of Object.entries(item)) {
    if (state === 'family' || state === 'protocol') continue;
    const index = states.get(state);
    if (index === undefined) complain(`${path}.${state}`, `${item.protocol} has no such state (known: ${known})`);
    if (!Number.isInteger(seconds) || Number(seconds) < 0 || Number(seconds) > MAX_SECONDS) {
      complain(`${path}.${state}`, `expected whole seconds from 0 to ${MAX_SECONDS}, got ${JSON.stringify(seconds)}`);
    }
    timeouts[index] = timeoutMs(Number(seconds));
    named++;
  }
  if (named === 0) complain(path, `names no state of ${item.protocol} (known: ${known})`);
  // the two state machines have a state 0, "none", which stands for their first one
  if (shape.states === TCP_STATES || shape.states === SCTP_STATES) timeouts[0] = timeouts[1]!;
  return { family, protocol: shape.number, timeouts };
}
