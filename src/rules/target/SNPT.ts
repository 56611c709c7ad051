/** -j SNPT: the source address's prefix is translated without state (prefix-translation.ts). */
import { HOOK_INPUT, HOOK_POSTROUTING } from '../../wire/packet.js';
import { prefixTranslation } from './prefix-translation.js';

/** The `SNPT` target. */
export const SNPT = prefixTranslation(
  'SNPT',
  (1 << HOOK_INPUT) | (1 << HOOK_POSTROUTING),
  'INPUT and POSTROUTING of the mangle table',
);
