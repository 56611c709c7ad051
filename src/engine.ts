/**
 * The simulated Linux host as a library, for Node and browsers, without a dependency.
 *
 * ```ts
 * import { Host, LINKTYPE_ETHERNET, loadRules, VERDICT_DROP } from 'statewall/engine';
 *
 * const host = new Host({ interfaces: [{ name: 'eth0', addresses: ['192.0.2.1/24'] }] });
 * host.load(loadRules(text, 'rules.v4', 2));
 * host.advance(timeMs);
 * host.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_ETHERNET, host.interfaceIndex('eth0'));
 * if (host.result.verdict === VERDICT_DROP) console.log(host.reasonText());
 * ```
 *
 * What is wrong in a ruleset throws a `RuleError`, what is wrong in a host's description a `HostConfigError`; what is wrong in a packet
 * never throws, it has a reason. Times are milliseconds since the epoch where the name ends in `Ms`, else as the field says.
 *
 * @module statewall/engine
 */

export type { Statistics } from './conntrack/statistics.js';
export { type EventOptions, formatEventLine } from './flow/event.js';
export { formatFlowLine, type LineOptions } from './flow/line.js';
export type {
  DccpDetails,
  ExpectationDetails,
  ExpectationEvent,
  ExpectationNat,
  ExpectationRecord,
  FlowCounters,
  FlowDetails,
  FlowEvent,
  FlowEventType,
  FlowRecord,
  FlowTuple,
  MasterDetails,
  SequenceAdjustment,
  SynproxyDetails,
  TcpDetails,
} from './flow/record.js';
export {
  type AccountingConfig,
  type HostConfig,
  HostConfigError,
  type InterfaceConfig,
  type NeighbourConfig,
  type RouteConfig,
  type SetConfig,
} from './host/config.js';
export { Host, type HostDoubt, type HostLoadOptions } from './host/host.js';
export type { HostOptions } from './host/host-options.js';
export { EMIT_DELIVERED, EMIT_FORWARDED, EMIT_SENT, VERDICT_QUEUED } from './host/path.js';
export type { Plane, PlaneDecision } from './host/planes.js';
export {
  type EmitSink,
  FRAME_ARRIVES,
  FRAME_MADE,
  type Frames,
  HostResult,
  type Results,
  VERDICT_SKIPPED,
} from './host/results.js';
export type { SocketConfig } from './host/socket-config.js';
export type { SynproxyStatistics } from './host/synproxy.js';
export type { TimeoutConfig } from './host/timeouts.js';
export { describeError } from './iptables/errors.js';
export { type LoadRulesOptions, loadRules } from './iptables/restore.js';
export { printRule, printRuleset, type SaveOptions } from './iptables/save.js';
export { RuleError, VERDICT_ACCEPT, VERDICT_DROP, VERDICT_REJECT } from './rules/context.js';
export type { Decision } from './rules/evaluate.js';
export type { Doubt, LoadOptions } from './rules/load.js';
export {
  type AddressMatch,
  type Chain,
  type Family,
  type InterfaceMatch,
  type MatchUse,
  type Position,
  type Rule,
  type Ruleset,
  TABLE_NAMES,
  type Table,
  type TableName,
  type Target,
} from './rules/model.js';
export type { SetSummary, Sets } from './rules/set/sets.js';
export {
  CT_ESTABLISHED,
  CT_INVALID,
  CT_NEW,
  CT_NONE,
  CT_RELATED,
  CT_UNTRACKED,
  HOOK_FORWARD,
  HOOK_INPUT,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
} from './wire/packet.js';
export { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2, LINKTYPE_RAW } from './wire/parse.js';
