/** Statistics from messages. Source: ctnetlink_ct_stat_cpu_fill_info, ctnetlink_exp_stat_fill_info in nf_conntrack_netlink.c. */
import type { FlowStatistics, TableCount } from '../flow/source.js';
import { ATTRIBUTE_LEN, attributeType, needBytes, nextAttribute } from './attribute.js';
import { CTA_STATS_GLOBAL_ENTRIES, CTA_STATS_GLOBAL_MAX_ENTRIES } from './constants.js';
import { be32, type MessageBuffer, messageResource, NFGEN_LEN, netfilterEnd } from './message.js';

/** By attribute number from 1; the kernel leaves out those that it counts no more. */
const CONNTRACK_NAMES: readonly string[] = [
  'searched',
  'found',
  'new',
  'invalid',
  'ignore',
  'delete',
  'delete_list',
  'insert',
  'insert_failed',
  'drop',
  'early_drop',
  'error',
  'search_restart',
  'clash_resolve',
  'chaintoolong',
];
const EXPECT_NAMES: readonly string[] = ['expect_new', 'expect_create', 'expect_delete'];

/** One CPU's counters in the order in which the kernel sends them, which is that of `conntrack -S`. Throws a MessageError. */
export function decodeStatistics(
  buffer: MessageBuffer,
  at: number,
  end: number,
  table: 'conntrack' | 'expect',
): FlowStatistics {
  const last = netfilterEnd(buffer, at, end);
  const names = table === 'conntrack' ? CONNTRACK_NAMES : EXPECT_NAMES;
  const counts: [string, number][] = [];
  for (let a = at + NFGEN_LEN, next = 0; a < last; a = next) {
    next = nextAttribute(buffer, a, last);
    const name = names[attributeType(buffer, a) - 1];
    if (name === undefined) continue;
    needBytes(buffer, a, 4);
    counts.push([name, be32(buffer, a + ATTRIBUTE_LEN) >>> 0]);
  }
  return { cpu: messageResource(buffer, at), counts };
}

/** How many connections there are and may be; a limit of 0: not told (kernels before 5.7). Throws a MessageError. */
export function decodeTotals(buffer: MessageBuffer, at: number, end: number): TableCount {
  const last = netfilterEnd(buffer, at, end);
  const totals = { count: 0, limit: 0 };
  for (let a = at + NFGEN_LEN, next = 0; a < last; a = next) {
    next = nextAttribute(buffer, a, last);
    const type = attributeType(buffer, a);
    if (type !== CTA_STATS_GLOBAL_ENTRIES && type !== CTA_STATS_GLOBAL_MAX_ENTRIES) continue;
    needBytes(buffer, a, 4);
    const value = be32(buffer, a + ATTRIBUTE_LEN) >>> 0;
    if (type === CTA_STATS_GLOBAL_ENTRIES) totals.count = value;
    else totals.limit = value;
  }
  return totals;
}
