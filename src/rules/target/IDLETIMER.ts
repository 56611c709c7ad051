/**
 * -j IDLETIMER: tells a program when no packet has matched for some time (xt_IDLETIMER.c), and on with the next rule. On a
 * simulated host nobody waits for it. The kernel also refuses a label that a timer of the other kind (--alarm) has already:
 * not checked here, since that concerns several rules.
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { TargetExtension } from '../extension.js';
import { EINVAL } from '../kernel-checks.js';
import { uintOption } from '../values.js';

/** `-j IDLETIMER`. */
export interface IdletimerSpec {
  timeoutSeconds: number;
  /** The timer's name in /sys/class/xt_idletimer/timers. */
  label: string;
  /** An alarm timer, which also runs while the machine sleeps. */
  alarm: boolean;
}

/** Characters of a label that are kept. */
const LABEL_LEN = 27;
/** INT_MAX milliseconds. */
const MAX_SECONDS = Math.floor(0x7fffffff / 1000);
/** What the folder in /sys has files for already. */
const TAKEN: readonly string[] = ['power', 'subsystem', 'uevent'];

/** The `IDLETIMER` target. */
export const IDLETIMER: TargetExtension<IdletimerSpec> = {
  name: 'IDLETIMER',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'timeout', args: 1, required: true },
    { name: 'label', args: 1, required: true },
    { name: 'alarm', args: 0 },
  ],
  init: () => ({ timeoutSeconds: 0, label: '', alarm: false }),
  option(spec, option, text, _inverted, c) {
    if (option === 'alarm') spec.alarm = true;
    else if (option === 'label') spec.label = text.slice(0, LABEL_LEN);
    else spec.timeoutSeconds = uintOption('IDLETIMER', option, text, 0, 0xffffffff, c);
  },
  save: (spec) => `--timeout ${spec.timeoutSeconds} --label ${spec.label}${spec.alarm ? ' --alarm' : ''}`,
  list: (spec) => ` timeout:${spec.timeoutSeconds} label:${spec.label}${spec.alarm ? ' alarm' : ''}`,
  refusedBy({ timeoutSeconds, label }) {
    if (timeoutSeconds === 0) return { errno: EINVAL, why: 'IDLETIMER: the timeout is 0' };
    if (timeoutSeconds >= MAX_SECONDS) return { errno: EINVAL, why: `IDLETIMER: at most ${MAX_SECONDS - 1} seconds` };
    const bad = label === '' || label === '.' || label === '..' || label.includes('/') || TAKEN.includes(label);
    return bad ? { errno: EINVAL, why: `IDLETIMER: "${label}" cannot be the name of a file in /sys` } : null;
  },
  load: () => () => VERDICT_CONTINUE,
};
