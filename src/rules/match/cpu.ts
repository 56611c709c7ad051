/** -m cpu: the CPU that handles the packet (xt_cpu.c). */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { not, uintOption } from '../values.js';

/** Options of -m cpu. */
export interface CpuSpec {
  cpu: number;
  invert: boolean;
}

/** The `cpu` match. */
export const cpu: MatchExtension<CpuSpec> = {
  name: 'cpu',
  families: [AF_INET, AF_INET6],
  options: [{ name: 'cpu', args: 1, invert: true, required: true }],
  init: () => ({ cpu: 0, invert: false }),
  option(spec, option, value, inverted, c) {
    spec.cpu = uintOption('cpu', option, value, 0, 0xffffffff, c);
    spec.invert = inverted;
  },
  save: (spec) => `${not(spec.invert)}--cpu ${spec.cpu}`,
  list: (spec) => ` cpu ${not(spec.invert)}${spec.cpu}`,
  load(spec, { facts }) {
    const { cpu: wanted, invert } = spec;
    return (p) => (facts.cpuOf(p) === wanted) !== invert;
  },
};
