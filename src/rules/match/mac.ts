/** -m mac: the Ethernet source address of a packet that came in (xt_mac.c). */
import { formatMac } from '../../wire/address.js';
import { AF_INET, AF_INET6, HOOK_FORWARD, HOOK_INPUT, HOOK_PREROUTING } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { not } from '../values.js';
import { EINVAL } from './option-values.js';

const HOOKS = (1 << HOOK_PREROUTING) | (1 << HOOK_INPUT) | (1 << HOOK_FORWARD);
const MAC_SOURCE_OFF = 6;

/** Options of -m mac. */
export interface MacSpec {
  /** 6 bytes. */
  source: Uint8Array;
  invert: boolean;
}

/** The `mac` match. */
export const mac: MatchExtension<MacSpec> = {
  name: 'mac',
  families: [AF_INET, AF_INET6],
  options: [{ name: 'mac-source', args: 1, invert: true, required: true }],
  init: () => ({ source: new Uint8Array(6), invert: false }),
  option(spec, _option, value, inverted, c) {
    // an empty part is 0, as strtoul reads it
    if (!/^[0-9a-f]{0,2}(:[0-9a-f]{0,2}){5}$/i.test(value)) c.fail('Invalid MAC address specified.', value);
    spec.source = Uint8Array.from(value.split(':'), (part) => Number.parseInt(`0${part}`, 16));
    spec.invert = inverted;
  },
  save: (spec) => `${not(spec.invert)}--mac-source ${formatMac(spec.source)}`,
  list: (spec) => ` MAC ${not(spec.invert)}${formatMac(spec.source)}`,
  refusedBy: (_spec, around) =>
    (around.hooks & ~HOOKS) === 0 ? null : { errno: EINVAL, why: 'mac: only in PREROUTING, INPUT and FORWARD' },
  load(spec) {
    const s = spec.source;
    const invert = spec.invert;
    const high = (s[0]! << 8) | s[1]!;
    const low = (s[2]! << 24) | (s[3]! << 16) | (s[4]! << 8) | s[5]!;
    return (p, c) => {
      // no Ethernet header (loopback, tunnels): no match, `!` or not
      if (p.macOff < 0) return false;
      const dev = c.interfaces[p.inInterface];
      if (dev === undefined || dev === null || dev.loopback) return false;
      const at = p.macOff + MAC_SOURCE_OFF;
      return (p.view.getUint16(at) === high && p.view.getInt32(at + 2) === low) !== invert;
    };
  },
};
