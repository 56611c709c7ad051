/**
 * -j NFQUEUE: a program decides about the packet (xt_NFQUEUE.c). On a simulated host nobody listens to a queue: the kernel
 * then drops the packet, or with --queue-bypass ends the table's walk as ACCEPT does (nf_queue.c, nf_queue).
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { VERDICT_ACCEPT, VERDICT_DROP } from '../context.js';
import type { OptionContext, TargetExtension } from '../extension.js';
import { EINVAL } from '../kernel-checks.js';
import { rangeOption } from '../match/option-values.js';
import { uintOption } from '../values.js';

/** `-j NFQUEUE`. */
export interface NfqueueSpec {
  /** The first queue. */
  queue: number;
  /** Queues that packets are spread over: 1 without --queue-balance. */
  count: number;
  /** --queue-bypass */
  bypass: boolean;
  /** --queue-cpu-fanout: by processor, not by a hash of the addresses. */
  byCpu: boolean;
}

const MAX = 0xffffn;

/** The `NFQUEUE` target. */
export const NFQUEUE: TargetExtension<NfqueueSpec> = {
  name: 'NFQUEUE',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'queue-num', args: 1, excludes: ['queue-balance'] },
    { name: 'queue-balance', args: 1, excludes: ['queue-num'] },
    { name: 'queue-bypass', args: 0 },
    { name: 'queue-cpu-fanout', args: 0 },
  ],
  init: () => ({ queue: 0, count: 1, bypass: false, byCpu: false }),
  option(spec, option, text, _inverted, c) {
    if (option === 'queue-bypass') spec.bypass = true;
    else if (option === 'queue-cpu-fanout') spec.byCpu = true;
    else if (option === 'queue-num') spec.queue = uintOption('NFQUEUE', option, text, 0, 0xffff, c);
    else readBalance(spec, option, text, c);
  },
  check(spec, seen, c) {
    if (spec.byCpu && !seen.has('queue-balance')) {
      c.fail('NFQUEUE: option "--queue-cpu-fanout" also requires "--queue-balance".');
    }
  },
  save(spec) {
    const { queue, count } = spec;
    let text = count === 1 ? `--queue-num ${queue}` : `--queue-balance ${queue}:${queue + count - 1}`;
    if (spec.bypass) text += ' --queue-bypass';
    if (spec.byCpu) text += ' --queue-cpu-fanout';
    return text;
  },
  list(spec) {
    const { queue, count } = spec;
    const queues = (count & 0xffff) <= 1 ? `num ${queue}` : `balance ${queue}:${queue + count - 1}`;
    return ` NFQUEUE ${queues}${spec.bypass ? ' bypass' : ''}${spec.byCpu ? ' cpu-fanout' : ''}`;
  },
  refusedBy(spec) {
    return spec.count < 0x10000 ? null : { errno: EINVAL, why: 'NFQUEUE: at most 65535 queues can be balanced over' };
  },
  load({ bypass }) {
    const verdict = bypass ? VERDICT_ACCEPT : VERDICT_DROP;
    return () => verdict;
  },
};

function readBalance(spec: NfqueueSpec, option: string, text: string, c: OptionContext): void {
  const { from, to } = rangeOption('NFQUEUE', option, text, MAX, false, c);
  if (!text.includes(':')) c.fail(`Bad range "${text}"`, text);
  if (from >= to) c.fail(`${from} should be less than ${to}`, text);
  spec.queue = Number(from);
  spec.count = Number(to - from) + 1;
}
