/**
 * -j SECMARK: gives the packet a security context (xt_SECMARK.c). The kernel takes the rule only where SELinux runs and knows
 * the context; the host that is simulated runs no security module, so that the rule is refused as it is there.
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { TargetExtension } from '../extension.js';
import { EINVAL, ENOENT } from '../kernel-checks.js';

/** `-j SECMARK`. */
export interface SecmarkSpec {
  /** At most 255 characters. */
  context: string;
}

const TABLES: readonly string[] = ['mangle', 'security'];
const CONTEXT_LEN = 255;

/** The `SECMARK` target. */
export const SECMARK: TargetExtension<SecmarkSpec> = {
  name: 'SECMARK',
  families: [AF_INET, AF_INET6],
  options: [{ name: 'selctx', args: 1, required: true }],
  init: () => ({ context: '' }),
  option(spec, _option, text) {
    spec.context = text.slice(0, CONTEXT_LEN);
  },
  save: (spec) => `--selctx ${spec.context}`,
  list: (spec) => ` SECMARK selctx ${spec.context}`,
  refusedBy(_spec, around) {
    if (!TABLES.includes(around.table))
      return { errno: EINVAL, why: 'SECMARK: only in the mangle and security tables' };
    return { errno: ENOENT, why: 'SECMARK: this host runs no security module that knows the context' };
  },
  load: () => () => VERDICT_CONTINUE,
};
