/**
 * -j ULOG: packets for a log daemon, the forerunner of NFLOG. Linux 3.17 took it away: iptables still reads it, the kernel
 * refuses it.
 */
import { AF_INET } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { OptionContext, TargetExtension } from '../extension.js';
import { ENOENT } from '../kernel-checks.js';
import { quote, uintOption } from '../values.js';

/** `-j ULOG`. */
export interface UlogSpec {
  /** Netlink group, 1 to 32. */
  group: number;
  /** Bytes of each packet to be passed; 0 = all. Decimal: 64 bits. */
  range: string;
  /** Packets that are kept back before they are passed. */
  threshold: number;
  prefix: string;
}

const PREFIX_LEN = 31;
const UINT64_MAX = 18446744073709551615n;

/** The `ULOG` target. */
export const ULOG: TargetExtension<UlogSpec> = {
  name: 'ULOG',
  families: [AF_INET],
  notInKernel: true,
  options: [
    { name: 'ulog-nlgroup', args: 1 },
    { name: 'ulog-prefix', args: 1 },
    { name: 'ulog-cprange', args: 1 },
    { name: 'ulog-qthreshold', args: 1 },
  ],
  init: () => ({ group: 1, range: '0', threshold: 1, prefix: '' }),
  option(spec, option, text, _inverted, c) {
    if (option === 'ulog-nlgroup') spec.group = uintOption('ULOG', option, text, 1, 32, c);
    else if (option === 'ulog-qthreshold') spec.threshold = uintOption('ULOG', option, text, 1, 50, c);
    else if (option === 'ulog-cprange') spec.range = readRange(option, text, c);
    else {
      if (text === '') c.fail('Argument must have a minimum length of 1 characters', text);
      if (text.includes('\n')) c.fail('Newlines not allowed in --ulog-prefix', text);
      spec.prefix = text.slice(0, PREFIX_LEN);
    }
  },
  save(spec) {
    let text = spec.prefix === '' ? '' : `--ulog-prefix ${quote(spec.prefix)} `;
    if (spec.group !== 1) text += `--ulog-nlgroup ${spec.group} `;
    if (spec.range !== '0') text += `--ulog-cprange ${spec.range} `;
    if (spec.threshold !== 1) text += `--ulog-qthreshold ${spec.threshold} `;
    return text.trimEnd();
  },
  list(spec) {
    const prefix = spec.prefix === '' ? '' : ` prefix \`${spec.prefix}'`;
    return ` ULOG copy_range ${spec.range} nlgroup ${spec.group}${prefix} queue_threshold ${spec.threshold}`;
  },
  refusedBy: () => ({ errno: ENOENT, why: 'ULOG: not in the kernel since Linux 3.17; NFLOG takes its place' }),
  load: () => () => VERDICT_CONTINUE,
};

function readRange(option: string, text: string, c: OptionContext): string {
  const m = /^\s*\+?(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)$/i.exec(text);
  const number = m === null ? -1n : BigInt(m[1]!.replace(/^0(?=\d)/, '0o'));
  if (number < 0n || number > UINT64_MAX) {
    c.fail(`ULOG: bad value for option "--${option}", or out of range (0-${UINT64_MAX}).`, text);
  }
  return number.toString();
}
