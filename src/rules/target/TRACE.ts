/**
 * -j TRACE: from here on every rule that the packet meets is logged (xt_TRACE.c).
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { TargetExtension } from '../extension.js';

/** The `TRACE` target. */
export const TRACE: TargetExtension<object> = {
  name: 'TRACE',
  families: [AF_INET, AF_INET6],
  tables: ['raw'],
  options: [],
  init: () => ({}),
  option: () => {},
  save: () => '',
  load: () => (p) => {
    p.traced = true;
    return VERDICT_CONTINUE;
  },
};
