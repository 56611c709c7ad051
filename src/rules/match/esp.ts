/** -m esp: the security parameter index of an ESP header (RFC 4303). */
import { IPPROTO_ESP } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { listedRange } from '../listed.js';
import { isWhole, type Range, rangeText, readRange, SIGN } from '../range-option.js';
import { not } from '../values.js';
import { headerOff, needsProtocol } from './ports.js';

const ESP_HEADER_LEN = 8;

/** Options of -m esp. */
export interface EspSpec {
  spi: Range;
  invert: boolean;
}

/** -m esp. Behaviour: net/netfilter/xt_esp.c esp_mt. */
export const esp: MatchExtension<EspSpec> = {
  name: 'esp',
  families: [2, 10],
  impliedBy: IPPROTO_ESP,
  options: [{ name: 'espspi', args: 1, invert: true }],
  init: () => ({ spi: { low: 0, high: 0xffffffff }, invert: false }),
  option(spec, option, value, invert, c) {
    spec.spi = readRange('esp', option, value, 0xffffffff, c);
    spec.invert = invert;
  },
  save: (spec) => (isWhole(spec.spi) ? '' : `${not(spec.invert)}--espspi ${rangeText(spec.spi)}`),
  list(spec) {
    const spi = listedRange('spi', spec.spi, spec.invert);
    return spi === '' ? ' esp' : ` esp ${spi}`;
  },
  refusedBy: (_spec, around) => needsProtocol('esp', IPPROTO_ESP, around),
  load(spec) {
    const low = spec.spi.low ^ SIGN;
    const high = spec.spi.high ^ SIGN;
    const invert = spec.invert;
    return (p, c) => {
      const at = headerOff(p, c, ESP_HEADER_LEN, false);
      if (at < 0) return false;
      const spi = p.view.getInt32(at) ^ SIGN;
      return (spi >= low && spi <= high) !== invert;
    };
  },
};
