/**
 * The live kernel's connection table as a library (Linux, needs CAP_NET_ADMIN).
 *
 * ```ts
 * import { formatFlowLine, openConntrack } from 'statewall/conntrack';
 *
 * const table = await openConntrack();
 * for await (const records of table.list('conntrack', EVERYTHING))
 *   for (const record of records) console.log(formatFlowLine(record));
 * ```
 *
 * @module statewall/conntrack
 */
import { loadSystem } from './netlink/socket.js';
import { NetlinkFlowSource, type NetlinkOptions } from './netlink/source.js';

export { formatFlowLine } from './flow/line.js';
export { EVERYTHING, NetlinkFlowSource, type NetlinkOptions } from './netlink/source.js';

/** The kernel's table. Throws a FlowSourceError of one line where it cannot be had. */
export async function openConntrack(options: NetlinkOptions = {}): Promise<NetlinkFlowSource> {
  return new NetlinkFlowSource(await loadSystem(), options);
}
