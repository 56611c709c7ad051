/** -m devgroup: the groups of the interfaces that a packet came in by and leaves by (`ip link set dev X group N`). */
import { HOOK_FORWARD, HOOK_INPUT, HOOK_OUTPUT, HOOK_POSTROUTING, HOOK_PREROUTING } from '../../wire/packet.js';
import type { RuleContext } from '../context.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { wantsHooks } from '../kernel-checks.js';
import { markText, not, type Scan, scanUint } from '../values.js';

interface Group {
  /** Int32. */
  group: number;
  mask: number;
  invert: boolean;
}

/** Options of -m devgroup; null = not given. */
export interface DevgroupSpec {
  source: Group | null;
  destination: Group | null;
}

/** Names as /etc/iproute2/group has them out of the box. */
const DEFAULT_GROUP = 'default';

const INPUT_HOOKS = (1 << HOOK_PREROUTING) | (1 << HOOK_INPUT) | (1 << HOOK_FORWARD);
const OUTPUT_HOOKS = (1 << HOOK_FORWARD) | (1 << HOOK_OUTPUT) | (1 << HOOK_POSTROUTING);

/** -m devgroup. Behaviour: net/netfilter/xt_devgroup.c devgroup_mt. */
export const devgroup: MatchExtension<DevgroupSpec> = {
  name: 'devgroup',
  families: [2, 10],
  options: [
    { name: 'src-group', args: 1, invert: true },
    { name: 'dst-group', args: 1, invert: true },
  ],
  init: () => ({ source: null, destination: null }),
  option(spec, option, value, invert, c) {
    const group = readGroup(option, value, invert, c);
    if (option === 'src-group') spec.source = group;
    else spec.destination = group;
  },
  check(spec, _seen, c) {
    if (spec.source === null && spec.destination === null) {
      c.fail("devgroup match: You must specify either '--src-group' or '--dst-group'");
    }
  },
  save(spec) {
    const parts: string[] = [];
    if (spec.source !== null) parts.push(groupText('--src-group', spec.source, false));
    if (spec.destination !== null) parts.push(groupText('--dst-group', spec.destination, false));
    return parts.join(' ');
  },
  list(spec, _family, numeric) {
    let text = '';
    if (spec.source !== null) text += ` ${groupText('src-group', spec.source, numeric)}`;
    if (spec.destination !== null) text += ` ${groupText('dst-group', spec.destination, numeric)}`;
    return text;
  },
  refusedBy(spec, around) {
    if (spec.source !== null) {
      const refusal = wantsHooks('devgroup --src-group', INPUT_HOOKS, around, 'PREROUTING, INPUT and FORWARD');
      if (refusal !== null) return refusal;
    }
    if (spec.destination === null) return null;
    return wantsHooks('devgroup --dst-group', OUTPUT_HOOKS, around, 'FORWARD, OUTPUT and POSTROUTING');
  },
  load(spec) {
    const s = spec.source ?? ANY;
    const d = spec.destination ?? ANY;
    const { group: sourceGroup, mask: sourceMask, invert: sourceInvert } = s;
    const { group: outGroup, mask: outMask, invert: outInvert } = d;
    return (p, c) =>
      (((groupOf(p.inInterface, c) ^ sourceGroup) & sourceMask) !== 0) === sourceInvert &&
      (((groupOf(p.outInterface, c) ^ outGroup) & outMask) !== 0) === outInvert;
  },
};

/** Matches every group. */
const ANY: Group = { group: 0, mask: 0, invert: false };

function groupOf(index: number, c: RuleContext): number {
  const device = c.interfaces[index];
  return device === null || device === undefined ? 0 : device.group | 0;
}

/** `value[/mask]` or a name; a name takes no mask. */
function readGroup(option: string, text: string, invert: boolean, c: OptionContext): Group {
  const scan: Scan = { value: -1, end: 0 };
  scanUint(text, 0, 0xffffffff, scan);
  const group = scan.value;
  if (group >= 0 && scan.end === text.length) return { group: group | 0, mask: -1, invert };
  if (group >= 0 && text[scan.end] === '/') {
    scanUint(text, scan.end + 1, 0xffffffff, scan);
    if (scan.value < 0) c.fail(`devgroup: bad integer value for option "--${option}", or out of range.`, text);
    if (scan.end !== text.length) c.fail(`devgroup: trailing garbage after value for option "--${option}".`, text);
    return { group: group | 0, mask: scan.value | 0, invert };
  }
  if (text === DEFAULT_GROUP) return { group: 0, mask: -1, invert };
  c.fail(`devgroup: could not map name ${text} to an integer value for option "--${option}".`, text);
}

function groupText(option: string, g: Group, numeric: boolean): string {
  const named = g.group === 0 && g.mask === -1 && !numeric;
  const value = named ? DEFAULT_GROUP : markText(g.group, g.mask);
  return `${not(g.invert)}${option} ${value}`;
}
