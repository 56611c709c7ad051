/**
 * -m ttl: IPv4's time to live (xt_hl.c, ttl_mt).
 */
import { AF_INET } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { type HopLimitSpec, hopLimitMatch } from './hop-limit.js';

/** The `ttl` match. */
export const ttl: MatchExtension<HopLimitSpec> = hopLimitMatch({
  name: 'ttl',
  family: AF_INET,
  byteOff: 8,
  // 1.8.9 forgets the closing quote.
  missing: "TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt",
  alias: ['ttl'],
});
