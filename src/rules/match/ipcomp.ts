/** -m ipcomp: the compression parameter index of an IPComp header (RFC 3173). */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { listedRange } from '../listed.js';
import { isWhole, type Range, rangeText, readRange } from '../range-option.js';
import { not } from '../values.js';
import { headerOff, needsProtocol } from './ports.js';

const IPPROTO_COMP = 108;
const IPCOMP_HEADER_LEN = 4;

/** Options of -m ipcomp. */
export interface IpcompSpec {
  /** 0 unless given; above 65535 nothing matches. */
  index: Range;
  invert: boolean;
  /** --compres: iptables reads and prints it, the kernel does not test it. */
  reserved: boolean;
}

/** -m ipcomp. Behaviour: net/netfilter/xt_ipcomp.c comp_mt. */
export const ipcomp: MatchExtension<IpcompSpec> = {
  name: 'ipcomp',
  families: [AF_INET, AF_INET6],
  impliedBy: IPPROTO_COMP,
  options: [
    { name: 'ipcompspi', args: 1, invert: true },
    { name: 'compres', args: 0 },
  ],
  init: () => ({ index: { low: 0, high: 0 }, invert: false, reserved: false }),
  option(spec, option, value, invert, c) {
    if (option === 'compres') {
      spec.reserved = true;
      return;
    }
    spec.index = readRange('ipcomp', option, value, 0xffffffff, c);
    spec.invert = invert;
  },
  save(spec) {
    const index = isWhole(spec.index) ? '' : `${not(spec.invert)}--ipcompspi ${rangeText(spec.index)}`;
    return spec.reserved ? `${index} --compres`.trimStart() : index;
  },
  list: (spec) => ` comp ${listedRange('spi', spec.index, spec.invert)}${spec.reserved ? ' reserved' : ''}`,
  refusedBy: (_spec, around) => needsProtocol('ipcomp', IPPROTO_COMP, around),
  load(spec) {
    const { low, high } = spec.index;
    const invert = spec.invert;
    return (p, c) => {
      const at = headerOff(p, c, IPCOMP_HEADER_LEN, false);
      if (at < 0) return false;
      const index = p.view.getUint16(at + 2);
      return (index >= low && index <= high) !== invert;
    };
  },
};
