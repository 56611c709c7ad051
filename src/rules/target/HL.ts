/**
 * -j HL: sets, raises or lowers IPv6's hop limit (xt_HL.c, hl_tg6).
 */
import { AF_INET6 } from '../../wire/packet.js';
import type { TargetExtension } from '../extension.js';
import { type HopLimitTargetSpec, hopLimitTarget } from './hop-limit.js';

/** The `HL` target. */
export const HL: TargetExtension<HopLimitTargetSpec> = hopLimitTarget('HL', AF_INET6);
