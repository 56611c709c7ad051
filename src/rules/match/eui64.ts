/**
 * -m eui64 (IPv6): the lower half of the source address is made of the sender's Ethernet address (RFC 4291, appendix A).
 */
import { AF_INET6, HOOK_FORWARD, HOOK_INPUT, HOOK_PREROUTING } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { wantsHooks } from '../kernel-checks.js';

const HOOKS = (1 << HOOK_PREROUTING) | (1 << HOOK_INPUT) | (1 << HOOK_FORWARD);
/** From the frame's first byte. */
const MAC_SOURCE_OFF = 6;
/** The source address's lower half, from the IP header's first byte. */
const INTERFACE_ID_OFF = 16;
/** The bit "universal or local" of an address's first byte, turned over in the interface identifier. */
const UNIVERSAL = 0x02;

/** -m eui64 has no options. */
export type Eui64Spec = Record<string, never>;

/** The `eui64` match. Behaviour: net/ipv6/netfilter/ip6t_eui64.c eui64_mt6. */
export const eui64: MatchExtension<Eui64Spec> = {
  name: 'eui64',
  families: [AF_INET6],
  options: [],
  init: () => ({}),
  option() {},
  save: () => '',
  list: () => 'eui64 ',
  refusedBy: (_spec, around) => wantsHooks('eui64', HOOKS, around, 'PREROUTING, INPUT and FORWARD'),
  load: () => (p) => {
    if (p.macOff < 0) return false;
    const { bytes } = p;
    const mac = p.macOff + MAC_SOURCE_OFF;
    const id = p.l3Off + INTERFACE_ID_OFF;
    return (
      bytes[id] === ((bytes[mac] as number) ^ UNIVERSAL) &&
      bytes[id + 1] === bytes[mac + 1] &&
      bytes[id + 2] === bytes[mac + 2] &&
      bytes[id + 3] === 0xff &&
      bytes[id + 4] === 0xfe &&
      bytes[id + 5] === bytes[mac + 3] &&
      bytes[id + 6] === bytes[mac + 4] &&
      bytes[id + 7] === bytes[mac + 5]
    );
  },
};
