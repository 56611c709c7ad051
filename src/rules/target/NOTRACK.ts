/**
 * -j NOTRACK: the packet is not tracked (xt_CT.c, notrack_tg).
 */
import { AF_INET, AF_INET6, CT_UNTRACKED, HAS_UNTRACKED_CAUSE, type Packet } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { TargetExtension } from '../extension.js';

/**
 * Whether what -j CT says of a packet counts: it has no connection (it came back over lo), no template, is not untracked, nor was
 * made about a packet that is.
 */
export function mayBeTracked(p: Packet): boolean {
  return p.connection < 0 && p.template === 0 && p.state !== CT_UNTRACKED && (p.has & HAS_UNTRACKED_CAUSE) === 0;
}

/** Marks a packet as untracked if that counts. Returns VERDICT_CONTINUE. */
export function untrack(p: Packet): number {
  if (mayBeTracked(p)) p.state = CT_UNTRACKED;
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
