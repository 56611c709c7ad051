/**
 * -m ah: the Authentication Header (RFC 4302). For IPv4 it is the transport protocol and only its SPI is tested; for IPv6 it is
 * an extension header, looked for in the chain.
 */
import { AF_INET, AF_INET6, IPPROTO_AH } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { extensionLen, findHeader, HEADER_ABSENT } from '../ipv6-headers.js';
import { headerMissing } from '../kernel-checks.js';
import { bang, listedRange } from '../listed.js';
import { isWhole, type Range, rangeText, readRange, SIGN } from '../range-option.js';
import { not, uintOption } from '../values.js';
import { headerOff, needsProtocol } from './ports.js';

const AH_HEADER_LEN = 12;

/** Options of -m ah. */
export interface AhSpec {
  spi: Range;
  spiInvert: boolean;
  /** IPv6: header length in bytes; 0 = not tested. */
  length: number;
  lengthInvert: boolean;
  /** IPv6: the reserved field must be zero. */
  reserved: boolean;
}

/** -m ah. Behaviour: net/ipv4/netfilter/ipt_ah.c ah_mt, net/ipv6/netfilter/ip6t_ah.c ah_mt6. */
export const ah: MatchExtension<AhSpec> = {
  name: 'ah',
  families: [2, 10],
  impliedBy: IPPROTO_AH,
  options: [
    { name: 'ahspi', args: 1, invert: true },
    { name: 'ahlen', args: 1, invert: true, family: AF_INET6 },
    { name: 'ahres', args: 0, family: AF_INET6 },
  ],
  init: () => ({
    spi: { low: 0, high: 0xffffffff },
    spiInvert: false,
    length: 0,
    lengthInvert: false,
    reserved: false,
  }),
  option(spec, option, value, invert, c) {
    if (option === 'ahspi') {
      spec.spi = readRange('ah', option, value, 0xffffffff, c);
      spec.spiInvert = invert;
    } else if (option === 'ahlen') {
      spec.length = uintOption('ah', option, value, 0, 0xffffffff, c);
      spec.lengthInvert = invert;
    } else {
      spec.reserved = true;
    }
  },
  save(spec) {
    const parts: string[] = [];
    if (!isWhole(spec.spi)) parts.push(`${not(spec.spiInvert)}--ahspi ${rangeText(spec.spi)}`);
    if (spec.length !== 0 || spec.lengthInvert) parts.push(`${not(spec.lengthInvert)}--ahlen ${spec.length}`);
    if (spec.reserved) parts.push('--ahres');
    return parts.join(' ');
  },
  list(spec, family) {
    const text = ` ah ${listedRange('spi', spec.spi, spec.spiInvert)}`;
    if (family === AF_INET) return text;
    const tested = spec.length !== 0 || spec.lengthInvert;
    return (
      text + (tested ? `length:${bang(spec.lengthInvert)}${spec.length}` : '') + (spec.reserved ? ' reserved' : '')
    );
  },
  refusedBy: (_spec, around) => (around.family === AF_INET ? needsProtocol('ah', IPPROTO_AH, around) : null),
  load(spec) {
    const low = spec.spi.low ^ SIGN;
    const high = spec.spi.high ^ SIGN;
    const { spiInvert, length, lengthInvert, reserved } = spec;
    return (p, c) => {
      const isV4 = p.family === AF_INET;
      const at = isV4 ? headerOff(p, c, AH_HEADER_LEN, false) : findHeader(p, IPPROTO_AH);
      if (isV4 ? at < 0 : at === HEADER_ABSENT) return false;
      if (at < 0 || p.end - at < AH_HEADER_LEN) return headerMissing(p, c);
      const headerLen = extensionLen(IPPROTO_AH, p.bytes[at + 1] as number);
      if (!isV4 && p.end - at < headerLen) return headerMissing(p, c);
      const spi = p.view.getInt32(at + 4) ^ SIGN;
      if ((spi >= low && spi <= high) === spiInvert) return false;
      if (isV4) return true;
      if (length !== 0 && (headerLen === length) === lengthInvert) return false;
      return !reserved || p.view.getUint16(at + 2) === 0;
    };
  },
};
