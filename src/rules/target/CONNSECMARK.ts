/**
 * -j CONNSECMARK: copies the security mark between a packet and its connection (xt_CONNSECMARK.c). Without a security module
 * that marks packets both are always 0.
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { TargetExtension } from '../extension.js';

/** `-j CONNSECMARK`. */
export interface ConnsecmarkSpec {
  /** From the packet to the connection, or back; null = not said yet. */
  mode: 'save' | 'restore' | null;
}

/** The `CONNSECMARK` target. */
export const CONNSECMARK: TargetExtension<ConnsecmarkSpec> = {
  name: 'CONNSECMARK',
  families: [AF_INET, AF_INET6],
  tables: ['mangle', 'security'],
  options: [
    { name: 'save', args: 0, excludes: ['restore'] },
    { name: 'restore', args: 0, excludes: ['save'] },
  ],
  init: () => ({ mode: null }),
  option(spec, option) {
    spec.mode = option === 'save' ? 'save' : 'restore';
  },
  check(spec, _seen, c) {
    if (spec.mode === null) c.fail('CONNSECMARK target: parameter required');
  },
  save: (spec) => `--${spec.mode}`,
  list: (spec) => ` CONNSECMARK ${spec.mode}`,
  load: () => () => VERDICT_CONTINUE,
};
