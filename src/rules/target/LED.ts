/**
 * -j LED: a light blinks when the rule matches (xt_LED.c). A kernel without LED support, as the one that is simulated, does not
 * know the target and refuses the rule.
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { TargetExtension } from '../extension.js';
import { ENOENT } from '../kernel-checks.js';
import { readUint } from '../values.js';

/** `-j LED`. */
export interface LedSpec {
  /** Without the prefix `netfilter-` that the trigger has in /sys. */
  id: string;
  /** Milliseconds that the light stays on; -1 = for ever. */
  delayMs: number;
  alwaysBlink: boolean;
}

const ID_LEN = 16;

/** The `LED` target. */
export const LED: TargetExtension<LedSpec> = {
  name: 'LED',
  families: [AF_INET, AF_INET6],
  notInKernel: true,
  options: [
    { name: 'led-trigger-id', args: 1, required: true },
    { name: 'led-delay', args: 1 },
    { name: 'led-always-blink', args: 0 },
  ],
  init: () => ({ id: '', delayMs: 0, alwaysBlink: false }),
  option(spec, option, text, _inverted, c) {
    if (option === 'led-always-blink') spec.alwaysBlink = true;
    else if (option === 'led-delay') {
      spec.delayMs = text === 'inf' ? -1 : readUint(text, 0, 0xffffffff);
      if (spec.delayMs < 0 && text !== 'inf') c.fail('Delay value must be within range 0..4294967295', text);
    } else {
      if (text.length > ID_LEN) c.fail(`Argument must have a maximum length of ${ID_LEN} characters`, text);
      spec.id = text;
    }
  },
  save(spec) {
    let text = `--led-trigger-id "${spec.id}"`;
    if (spec.delayMs !== 0) text += ` --led-delay ${spec.delayMs < 0 ? 'inf' : spec.delayMs}`;
    return spec.alwaysBlink ? `${text} --led-always-blink` : text;
  },
  list(spec) {
    const delay = spec.delayMs === 0 ? '' : ` led-delay:${spec.delayMs < 0 ? 'inf' : `${spec.delayMs}ms`}`;
    return ` led-trigger-id:"${spec.id}"${delay}${spec.alwaysBlink ? ' led-always-blink' : ''} `;
  },
  refusedBy: () => ({ errno: ENOENT, why: 'LED: this kernel is built without it (CONFIG_NETFILTER_XT_TARGET_LED)' }),
  load: () => () => VERDICT_CONTINUE,
};
