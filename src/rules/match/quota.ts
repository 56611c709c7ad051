/** -m quota: matches until a number of bytes has passed. */
import type { MatchExtension } from '../extension.js';
import { not, readUint64 } from '../values.js';

const MAX = '18446744073709551615';
const HIGH = 4294967296;

/** Options of -m quota. */
export interface QuotaSpec {
  /** Bytes, 64 bits unsigned, in decimal. */
  quota: string;
  invert: boolean;
}

/**
 * -m quota. The quota that is left belongs to the loaded rule: loading the table again fills it up, and saving prints
 * the quota that was given. Behaviour: net/netfilter/xt_quota.c quota_mt.
 */
export const quota: MatchExtension<QuotaSpec> = {
  name: 'quota',
  families: [2, 10],
  options: [{ name: 'quota', args: 1, invert: true, required: true }],
  init: () => ({ quota: '0', invert: false }),
  option(spec, option, value, invert, c) {
    const number = readUint64(value);
    if (number === null) c.fail(`quota: bad value for option "--${option}", or out of range (0-${MAX}).`, value);
    spec.quota = String(number);
    spec.invert = invert;
  },
  save: (spec) => `${not(spec.invert)}--quota ${spec.quota}`,
  // inverted or not
  list: (spec) => ` quota: ${spec.quota} bytes`,
  load(spec) {
    const invert = spec.invert;
    // High and low 32 bits of what is left: doubles alone would round above 2^53.
    const left = new Float64Array(2);
    left[0] = Number(BigInt(spec.quota) >> 32n);
    left[1] = Number(BigInt(spec.quota) & 0xffffffffn);
    return (p) => {
      const rest = (left[1] as number) - p.l3Len;
      if (rest >= 0) {
        left[1] = rest;
        return !invert;
      }
      if ((left[0] as number) > 0) {
        left[0] = (left[0] as number) - 1;
        left[1] = rest + HIGH;
        return !invert;
      }
      // Too little is left for this packet: smaller ones do not pass from now on either.
      left[1] = 0;
      return invert;
    };
  },
};
