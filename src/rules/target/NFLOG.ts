/**
 * -j NFLOG: hands a copy of the packet to whoever listens to a log group, and on with the next rule (xt_NFLOG.c). On a
 * simulated host nobody listens.
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { TargetExtension } from '../extension.js';
import { quote, uintOption } from '../values.js';

/** `-j NFLOG`. */
export interface NflogSpec {
  group: number;
  prefix: string;
  /** Bytes of the packet to be copied. */
  size: number;
  /** --nflog-size was given (0 counts), not --nflog-range, which never worked. */
  sized: boolean;
  /** Packets that are kept back before they are passed. */
  threshold: number;
}

/** Characters of a prefix that are kept. */
const PREFIX_LEN = 63;

/** The `NFLOG` target. */
export const NFLOG: TargetExtension<NflogSpec> = {
  name: 'NFLOG',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'nflog-group', args: 1 },
    { name: 'nflog-prefix', args: 1 },
    { name: 'nflog-range', args: 1, excludes: ['nflog-size'] },
    { name: 'nflog-size', args: 1, excludes: ['nflog-range'] },
    { name: 'nflog-threshold', args: 1 },
  ],
  init: () => ({ group: 0, prefix: '', size: 0, sized: false, threshold: 0 }),
  option(spec, option, text, _inverted, c) {
    if (option === 'nflog-group') spec.group = uintOption('NFLOG', option, text, 0, 0xffff, c);
    else if (option === 'nflog-threshold') spec.threshold = uintOption('NFLOG', option, text, 0, 0xffff, c);
    else if (option === 'nflog-prefix') {
      if (text === '') c.fail('Argument must have a minimum length of 1 characters', text);
      if (text.includes('\n')) c.fail('Newlines not allowed in --log-prefix', text);
      spec.prefix = text.slice(0, PREFIX_LEN);
    } else {
      spec.size = uintOption('NFLOG', option, text, 0, 0xffffffff, c);
      spec.sized = option === 'nflog-size';
    }
  },
  check(_spec, seen, c) {
    if (seen.has('nflog-range')) {
      c.warn?.('warn: --nflog-range has never worked and is no longer supported, please use --nflog-size instead');
    }
  },
  save: (spec) => optionsText(spec, '--').slice(1),
  list: (spec) => optionsText(spec, ''),
  load: () => () => VERDICT_CONTINUE,
};

function optionsText(spec: NflogSpec, dashes: string): string {
  let text = '';
  if (spec.prefix !== '') text += ` ${dashes}nflog-prefix ${quote(spec.prefix)}`;
  if (spec.group !== 0) text += ` ${dashes}nflog-group ${spec.group}`;
  if (spec.sized) text += ` ${dashes}nflog-size ${spec.size}`;
  else if (spec.size !== 0) text += ` ${dashes}nflog-range ${spec.size}`;
  if (spec.threshold !== 0) text += ` ${dashes}nflog-threshold ${spec.threshold}`;
  return text;
}
