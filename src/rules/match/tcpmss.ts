/** -m tcpmss: the maximum segment size option of a TCP header (RFC 9293 section 3.2). */
import { IPPROTO_TCP } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { headerMissing, transportOff } from '../kernel-checks.js';
import { bang } from '../listed.js';
import { type Range, rangeText, readRange } from '../range-option.js';
import { not } from '../values.js';
import { needsProtocol } from './ports.js';

const TCP_HEADER_LEN = 20;
const MSS = 2;
const MSS_LEN = 4;
const NOP = 1;

/** Options of -m tcpmss. */
export interface TcpmssSpec {
  mss: Range;
  invert: boolean;
}

/**
 * -m tcpmss. The kernel looks into every TCP packet, not only those with SYN; without the option only the inverted
 * match holds. Behaviour: net/netfilter/xt_tcpmss.c tcpmss_mt.
 */
export const tcpmss: MatchExtension<TcpmssSpec> = {
  name: 'tcpmss',
  families: [2, 10],
  options: [{ name: 'mss', args: 1, invert: true, required: true }],
  init: () => ({ mss: { low: 0, high: 0 }, invert: false }),
  option(spec, option, value, invert, c) {
    spec.mss = readRange('tcpmss', option, value, 0xffff, c);
    if (spec.mss.low > spec.mss.high) c.fail('tcpmss: invalid range given', value);
    spec.invert = invert;
  },
  save: (spec) => `${not(spec.invert)}--mss ${rangeText(spec.mss)}`,
  list: (spec) => ` tcpmss match ${bang(spec.invert)}${rangeText(spec.mss)}`,
  refusedBy: (_spec, around) => needsProtocol('tcpmss', IPPROTO_TCP, around),
  load(spec) {
    const { low, high } = spec.mss;
    const invert = spec.invert;
    return (p, c) => {
      const from = transportOff(p);
      if (p.end - from < TCP_HEADER_LEN) return headerMissing(p, c);
      const bytes = p.bytes;
      const end = from + ((bytes[from + 12] as number) >> 4) * 4;
      if (end - from < TCP_HEADER_LEN || end > p.end) return headerMissing(p, c);
      let at = from + TCP_HEADER_LEN;
      while (at < end) {
        const kind = bytes[at] as number;
        if (kind <= NOP) {
          at++;
          continue;
        }
        if (at + 1 >= end) break;
        const len = bytes[at + 1] as number;
        if (kind === MSS && len === MSS_LEN && end - at >= MSS_LEN) {
          const mss = p.view.getUint16(at + 2);
          return (mss >= low && mss <= high) !== invert;
        }
        at += len === 0 ? 1 : len;
      }
      return invert;
    };
  },
};
