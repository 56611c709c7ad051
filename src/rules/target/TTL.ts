/**
 * -j TTL: sets, raises or lowers IPv4's time to live (xt_HL.c, ttl_tg).
 */
import { AF_INET } from '../../wire/packet.js';
import type { TargetExtension } from '../extension.js';
import { type HopLimitTargetSpec, hopLimitTarget } from './hop-limit.js';

/** The `TTL` target. */
export const TTL: TargetExtension<HopLimitTargetSpec> = hopLimitTarget('TTL', AF_INET);
