/**
 * -m limit: a token bucket a rule (xt_limit.c).
 *
 * A bucket holds credits, 32000 a second, in 32-bit arithmetic that wraps where the kernel's does: `1/day` with a burst of 3
 * overflows and is taken with less than it says, with 4 it is refused.
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { uintOption } from '../values.js';
import { atoi, ERANGE, HZ, JIFFY_MS, rateText, rateUnit } from './option-values.js';

/** Parts of a second in which a period is given. */
const SCALE = 10000;
const DEFAULT_BURST = 5;
const BURST_MAX = 10000;
const UINT32_MAX = 0xffffffff;

/** The largest power of two below 2^32 credits in a day: what a tick adds. */
const CREDITS_PER_JIFFY = 128;
const CREDITS_PER_SECOND = HZ * CREDITS_PER_JIFFY;

/** Options of -m limit. */
export interface LimitSpec {
  /** Period between two packets in 1/10000 s, 32 bits. */
  period: number;
  burst: number;
}

/** Reads `N[/UNIT]` into a period of 1/10000 s; 0 where it is none, -1 where it is too fast. */
function readRate(text: string): number {
  const slash = text.indexOf('/');
  const unit = slash < 0 ? 1 : rateUnit(text.slice(slash + 1));
  const count = atoi(text) >>> 0;
  if (unit === 0 || count === 0) return 0;
  return Math.floor((SCALE * unit) / count) || -1;
}

/** Credits for a period (user2credits), 32 bits. */
function credits(period: number): number {
  if (period > Math.floor(UINT32_MAX / CREDITS_PER_SECOND))
    return Math.imul(Math.floor(period / SCALE), CREDITS_PER_SECOND) >>> 0;
  return Math.floor((period * CREDITS_PER_SECOND) / SCALE);
}

/** Credits of a full bucket. */
function capacity(spec: LimitSpec): number {
  return credits(Math.imul(spec.period, spec.burst) >>> 0);
}

/** The `limit` match. */
export const limit: MatchExtension<LimitSpec> = {
  name: 'limit',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'limit', args: 1 },
    { name: 'limit-burst', args: 1 },
  ],
  init: () => ({ period: readRate('3/hour'), burst: DEFAULT_BURST }),
  option(spec, option, value, _inverted, c) {
    if (option === 'limit-burst') {
      spec.burst = uintOption('limit', option, value, 0, BURST_MAX, c);
      return;
    }
    const period = readRate(value);
    // 1.8.9 prints a quotation mark too many
    if (period === 0) c.fail(`bad rate "${value}"'`, value);
    if (period < 0) c.fail(`Rate too fast "${value}"`, value);
    spec.period = period;
  },
  save(spec) {
    const burst = spec.burst === DEFAULT_BURST ? '' : ` --limit-burst ${spec.burst}`;
    return `--limit ${rateText(spec.period, SCALE).text}${burst}`;
  },
  list: (spec) => ` limit: avg ${rateText(spec.period, SCALE).text} burst ${spec.burst}`,
  refusedBy(spec) {
    if (spec.burst !== 0 && capacity(spec) >= credits(spec.period)) return null;
    return { errno: ERANGE, why: `limit: burst ${spec.burst} of a rate this slow does not fit 32 bits` };
  },
  load(spec) {
    const cap = capacity(spec);
    const cost = credits(spec.period);
    // credits, then the tick (its low 32 bits) when they were counted
    const bucket = new Uint32Array(2);
    bucket[0] = cap;
    let begun = false;
    return (_p, c) => {
      const now = Math.floor(c.nowMs / JIFFY_MS) | 0;
      if (!begun) {
        begun = true;
        bucket[1] = now;
      }
      bucket[0] = bucket[0]! + Math.imul((now - bucket[1]!) | 0, CREDITS_PER_JIFFY);
      bucket[1] = now;
      if (bucket[0]! > cap) bucket[0] = cap;
      if (bucket[0]! < cost) return false;
      bucket[0] = bucket[0]! - cost;
      return true;
    };
  },
};
