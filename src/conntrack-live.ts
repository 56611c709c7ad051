/**
 * The live kernel's connection table as a library (Linux; needs CAP_NET_ADMIN and the optional package koffi).
 *
 * ```ts
 * import { formatFlowLine, openConntrack } from 'statewall/conntrack';
 *
 * const table = await openConntrack();
 * for await (const records of table.list('conntrack', { mark: { value: 1, mask: 0xff } }))
 *   for (const record of records) console.log(formatFlowLine(record));
 *
 * for await (const items of table.events({ isNew: true, isDestroy: true }))
 *   for (const item of items) if ('type' in item) console.log(item.type, item.record.original);
 * ```
 *
 * The records are those of a simulated host. Listings and events are async iterables of batches; each has a socket of its own, which
 * is closed when the loop is left. What the kernel refuses is a `NetlinkError` with errno and the kernel's own words; where there is
 * no such kernel, or no koffi, a `NetlinkUnavailableError`. Both are `FlowSourceError`s with a message of one line.
 *
 * @module statewall/conntrack
 */
import { loadSystem } from './netlink/socket.js';
import { NetlinkFlowSource, type NetlinkOptions } from './netlink/source.js';

export { type EventOptions, formatEventLine, formatExpectationEventLine } from './flow/event.js';
export { formatExpectationLine } from './flow/expectation.js';
export { formatFlowLine, type LineOptions } from './flow/line.js';
export {
  type DccpDetails,
  type ExpectationDetails,
  type ExpectationEvent,
  type ExpectationNat,
  type ExpectationRecord,
  type FlowCounters,
  type FlowDetails,
  type FlowEvent,
  type FlowEventType,
  type FlowRecord,
  type FlowTuple,
  type MasterDetails,
  newRecord,
  plainTuple,
  type SequenceAdjustment,
  type SynproxyDetails,
  type TcpDetails,
} from './flow/record.js';
export {
  type ExpectationChange,
  type FlowChange,
  type FlowEventGroups,
  type FlowEventItem,
  type FlowEventOptions,
  type FlowList,
  type FlowLoss,
  type FlowQuery,
  type FlowSnapshot,
  type FlowSource,
  FlowSourceError,
  type FlowStatistics,
  type MaskedValue,
  type NatRange,
  type StopSignal,
  type TableCount,
  type TuplePattern,
  type TupleQuery,
} from './flow/source.js';
export { MessageError, NetlinkError, NetlinkUnavailableError } from './netlink/error.js';
export { LabelNames } from './netlink/labels.js';
export { NetlinkFlowSource, type NetlinkOptions, type SomeOfChange } from './netlink/source.js';
export { TimeoutPolicies, type TimeoutPolicy, timeoutStates } from './netlink/timeout-policies.js';

/** The kernel's table of this process's network namespace, or of another one. Throws a NetlinkUnavailableError. */
export async function openConntrack(options: NetlinkOptions = {}): Promise<NetlinkFlowSource> {
  return new NetlinkFlowSource(await loadSystem(), options);
}
