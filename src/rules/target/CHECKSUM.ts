/**
 * -j CHECKSUM: computes a checksum that was left to the network card (xt_CHECKSUM.c). A packet that arrived is left alone,
 * right or wrong; one that the host made has its TCP or UDP checksum filled in.
 */
import { fillTransportChecksum } from '../../wire/checksum.js';
import { AF_INET, AF_INET6, HAS_LOCAL_ORIGIN, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { TargetExtension } from '../extension.js';

/** `-j CHECKSUM`: --checksum-fill is all it knows. */
export type ChecksumSpec = Record<string, never>;

/** The `CHECKSUM` target. */
export const CHECKSUM: TargetExtension<ChecksumSpec> = {
  name: 'CHECKSUM',
  families: [AF_INET, AF_INET6],
  tables: ['mangle'],
  options: [{ name: 'checksum-fill', args: 0, required: true }],
  init: () => ({}),
  option() {},
  save: () => '--checksum-fill',
  list: () => ' CHECKSUM fill',
  load: () => (p) => {
    const { protocol } = p;
    const offloaded = protocol === IPPROTO_UDP || protocol === IPPROTO_TCP || protocol === IPPROTO_UDPLITE;
    if (offloaded && (p.has & HAS_LOCAL_ORIGIN) !== 0) fillTransportChecksum(p);
    return VERDICT_CONTINUE;
  },
};
