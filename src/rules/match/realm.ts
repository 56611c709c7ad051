/** -m realm: the routing realm of the packet's route, `ip route add ... realm 3` (xt_realm.c). */
import { AF_INET, HOOK_FORWARD, HOOK_INPUT, HOOK_OUTPUT, HOOK_POSTROUTING } from '../../wire/packet.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { wantsHooks } from '../kernel-checks.js';
import { hex, markText, not, type Scan, scanUint } from '../values.js';

/** Options of -m realm, both Int32. */
export interface RealmSpec {
  realm: number;
  mask: number;
  invert: boolean;
}

const HOOKS = (1 << HOOK_POSTROUTING) | (1 << HOOK_FORWARD) | (1 << HOOK_OUTPUT) | (1 << HOOK_INPUT);
/** The one name of /etc/iproute2/rt_realms as it comes: realm 0. */
const NO_REALM = 'cosmos';

/** The `realm` match. */
export const realm: MatchExtension<RealmSpec> = {
  name: 'realm',
  families: [AF_INET],
  options: [{ name: 'realm', args: 1, invert: true, required: true }],
  init: () => ({ realm: 0, mask: -1, invert: false }),
  option(spec, option, value, inverted, c) {
    readRealm(spec, option, value, c);
    spec.invert = inverted;
  },
  save: (spec) => `${not(spec.invert)}--realm ${text(spec, false)}`,
  list: (spec, _family, numeric) => ` ${not(spec.invert)}realm ${text(spec, numeric)}`,
  refusedBy: (_spec, around) => wantsHooks('realm', HOOKS, around, 'INPUT, FORWARD, OUTPUT and POSTROUTING'),
  load(spec, { facts: { routes } }) {
    const { realm: wanted, mask, invert } = spec;
    return (p) => ((routes.realms(p) & mask) === wanted) !== invert;
  },
};

/** `value[/mask]` or a name; a name takes no mask. */
function readRealm(spec: RealmSpec, option: string, value: string, c: OptionContext): void {
  const scan: Scan = { value: -1, end: 0 };
  scanUint(value, 0, 0xffffffff, scan);
  const number = scan.value;
  spec.mask = -1;
  spec.realm = number | 0;
  if (number >= 0 && scan.end === value.length) return;
  if (number >= 0 && value[scan.end] === '/') {
    scanUint(value, scan.end + 1, 0xffffffff, scan);
    if (scan.value < 0) c.fail(`realm: bad integer value for option "--${option}", or out of range.\n`, value);
    if (scan.end !== value.length) c.fail(`realm: trailing garbage after value for option "--${option}".\n`, value);
    spec.mask = scan.value | 0;
    return;
  }
  if (value !== NO_REALM)
    c.fail(`realm: could not map name ${value} to an integer value for option "--${option}".\n`, value);
  spec.realm = 0;
}

function text({ realm: number, mask }: RealmSpec, numeric: boolean): string {
  if (mask !== -1) return markText(number, mask);
  return number === 0 && !numeric ? NO_REALM : hex(number);
}
