/** -j DNPT: the destination address's prefix is translated without state (prefix-translation.ts). */
import { HOOK_OUTPUT, HOOK_PREROUTING } from '../../wire/packet.js';
import { prefixTranslation } from './prefix-translation.js';

/** The `DNPT` target. */
export const DNPT = prefixTranslation(
  'DNPT',
  (1 << HOOK_PREROUTING) | (1 << HOOK_OUTPUT),
  'PREROUTING and OUTPUT of the mangle table',
);
