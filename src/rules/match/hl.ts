/**
 * -m hl: IPv6's hop limit (xt_hl.c, hl_mt6).
 */
import { AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { type HopLimitSpec, hopLimitMatch } from './hop-limit.js';

/** The `hl` match. */
export const hl: MatchExtension<HopLimitSpec> = hopLimitMatch({
  name: 'hl',
  family: AF_INET6,
  byteOff: 7,
  missing: "HL match: You must specify one of `--hl-eq', `--hl-lt', `--hl-gt'",
  alias: ['hl'],
});
