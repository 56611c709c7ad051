/**
 * -m physdev: ports of a bridge (xt_physdev.c). A simulated host has no bridge, so that every packet is one of which the kernel knows
 * no port: it matches if every test is inverted.
 */
import { AF_INET, AF_INET6, HOOK_OUTPUT } from '../../wire/packet.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { EINVAL } from '../kernel-checks.js';
import { not } from '../values.js';

/** Tests of -m physdev that take no value. */
interface Asked {
  invert: boolean;
}

/** Options of -m physdev; null = not given. */
export interface PhysdevSpec {
  in: { name: string; invert: boolean } | null;
  out: { name: string; invert: boolean } | null;
  isIn: Asked | null;
  isOut: Asked | null;
  isBridged: Asked | null;
}

const NAME_MAX = 15;

/** The `physdev` match. */
export const physdev: MatchExtension<PhysdevSpec> = {
  name: 'physdev',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'physdev-in', args: 1, invert: true },
    { name: 'physdev-out', args: 1, invert: true },
    { name: 'physdev-is-in', args: 0, invert: true },
    { name: 'physdev-is-out', args: 0, invert: true },
    { name: 'physdev-is-bridged', args: 0, invert: true },
  ],
  init: () => ({ in: null, out: null, isIn: null, isOut: null, isBridged: null }),
  option(spec, option, value, invert, c) {
    if (option === 'physdev-in') spec.in = { name: portName(value, c), invert };
    else if (option === 'physdev-out') spec.out = { name: portName(value, c), invert };
    else if (option === 'physdev-is-in') spec.isIn = { invert };
    else if (option === 'physdev-is-out') spec.isOut = { invert };
    else spec.isBridged = { invert };
  },
  check(_spec, seen, c) {
    if (seen.size === 0) c.fail('PHYSDEV: no physdev option specified');
  },
  save: (spec) => words(spec).slice(1),
  list: (spec) => ` PHYSDEV match${words(spec)}`,
  refusedBy(spec, { hooks }) {
    // where the packet will leave a bridge is not known before it is given to the bridge
    if ((spec.out === null && spec.isOut === null) || (hooks & (1 << HOOK_OUTPUT)) === 0) return null;
    if (spec.isBridged !== null && !spec.isBridged.invert) return null;
    return { errno: EINVAL, why: 'physdev: --physdev-out and --physdev-is-out are not valid in OUTPUT' };
  },
  load(spec) {
    const tests = [spec.in, spec.out, spec.isIn, spec.isOut, spec.isBridged];
    const matches = tests.every((test) => test === null || test.invert);
    return () => matches;
  },
};

function portName(name: string, c: OptionContext): string {
  if (name.length > NAME_MAX) c.fail(`interface name \`${name}' must be shorter than IFNAMSIZ (${NAME_MAX})`, name);
  if (/[/ ]/.test(name)) {
    c.warn?.(`weird character in interface \`${name}' ('/' and ' ' are not allowed by the kernel).`);
  }
  return name;
}

function words(spec: PhysdevSpec): string {
  let text = '';
  if (spec.isIn !== null) text += ` ${not(spec.isIn.invert)}--physdev-is-in`;
  if (spec.in !== null) text += ` ${not(spec.in.invert)}--physdev-in ${spec.in.name}`;
  if (spec.isOut !== null) text += ` ${not(spec.isOut.invert)}--physdev-is-out`;
  if (spec.out !== null) text += ` ${not(spec.out.invert)}--physdev-out ${spec.out.name}`;
  if (spec.isBridged !== null) text += ` ${not(spec.isBridged.invert)}--physdev-is-bridged`;
  return text;
}
