/**
 * -j NOTRACK: the packet is not tracked (xt_CT.c, notrack_tg).
 */
import { AF_INET, AF_INET6, CT_UNTRACKED, type Packet } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { TargetExtension } from '../extension.js';

/**
 * Marks a packet as untracked, unless it already has a connection (it came back over lo), a template or that mark.
 * Returns VERDICT_CONTINUE.
 */
export function untrack(p: Packet): number {
  if (p.connection < 0 && p.template === 0) p.state = CT_UNTRACKED;
  return VERDICT_CONTINUE;
}

/** The `NOTRACK` target. */
export const NOTRACK: TargetExtension<object> = {
  name: 'NOTRACK',
  families: [AF_INET, AF_INET6],
  tables: ['raw'],
  options: [],
  init: () => ({}),
  option: () => {},
  save: () => '',
  list: () => ' NOTRACK',
  load: () => untrack,
};
