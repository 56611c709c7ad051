/**
 * -j AUDIT: a record for the audit daemon, and on with the next rule (xt_AUDIT.c). A simulated host has nobody who reads them.
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { TargetExtension } from '../extension.js';

/** `-j AUDIT`. */
export interface AuditSpec {
  /** What the record says was done with the packet; the target itself does nothing. */
  type: (typeof TYPES)[number];
}

const TYPES = ['accept', 'drop', 'reject'] as const;

/** The `AUDIT` target. */
export const AUDIT: TargetExtension<AuditSpec> = {
  name: 'AUDIT',
  families: [AF_INET, AF_INET6],
  options: [{ name: 'type', args: 1, required: true }],
  init: () => ({ type: 'accept' }),
  option(spec, _option, text, _inverted, c) {
    const type = TYPES.find((name) => name === text.toLowerCase());
    if (type === undefined) c.fail(`Bad action type value "${text}"`, text);
    spec.type = type as AuditSpec['type'];
  },
  save: (spec) => `--type ${spec.type}`,
  list: (spec) => ` AUDIT ${spec.type}`,
  load: () => () => VERDICT_CONTINUE,
};
