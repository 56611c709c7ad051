/** -m mh (IPv6): the type of a Mobility Header (RFC 6275 section 6.1). */
import { AF_INET6, IPPROTO_NONE } from '../../wire/packet.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { bang } from '../listed.js';
import { not, readUint } from '../values.js';
import { headerOff, needsProtocol } from './ports.js';

const IPPROTO_MH = 135;
const MH_HEADER_LEN = 6;

/** Options of -m mh. */
export interface MhSpec {
  /** Types `from` to `to`, both in; 0 to 255: all. */
  from: number;
  to: number;
  invert: boolean;
}

/** Index is the type; the long name is printed, an abbreviation of either is read. */
const TYPES: readonly (readonly [long: string, short: string])[] = [
  ['binding-refresh-request', 'brr'],
  ['home-test-init', 'hoti'],
  ['careof-test-init', 'coti'],
  ['home-test', 'hot'],
  ['careof-test', 'cot'],
  ['binding-update', 'bu'],
  ['binding-acknowledgement', 'ba'],
  ['binding-error', 'be'],
];

/** The `mh` match. Behaviour: net/ipv6/netfilter/ip6t_mh.c mh_mt6. */
export const mh: MatchExtension<MhSpec> = {
  name: 'mh',
  families: [AF_INET6],
  impliedBy: IPPROTO_MH,
  options: [{ name: 'mh-type', args: 1, invert: true }],
  init: () => ({ from: 0, to: 255, invert: false }),
  option(spec, _option, value, invert, c) {
    const colon = value.indexOf(':');
    if (colon < 0) {
      spec.from = readType(value, c);
      spec.to = spec.from;
    } else {
      spec.from = colon === 0 ? 0 : readType(value.slice(0, colon), c, value);
      spec.to = colon === value.length - 1 ? 255 : readType(value.slice(colon + 1), c, value);
      if (spec.from > spec.to) c.fail('Invalid MH type range (min > max)', value);
    }
    spec.invert = invert;
  },
  save(spec) {
    if (isAll(spec)) return '';
    return `${not(spec.invert)}--mh-type ${spec.from === spec.to ? spec.from : `${spec.from}:${spec.to}`}`;
  },
  list(spec, _family, numeric) {
    if (isAll(spec) && !spec.invert) return ' mh';
    const types = [spec.from, spec.to].map((type) => (numeric ? undefined : TYPES[type]?.[0]) ?? String(type));
    return ` mh ${bang(spec.invert)}${types[0] === types[1] ? types[0] : types.join(':')}`;
  },
  refusedBy: (_spec, around) => needsProtocol('mh', IPPROTO_MH, around),
  load({ from, to, invert }) {
    return (p, c) => {
      const at = headerOff(p, c, MH_HEADER_LEN, false);
      if (at < 0) return false;
      // nothing may follow a Mobility Header
      if (p.bytes[at] !== IPPROTO_NONE) {
        c.hotdrop = true;
        return false;
      }
      const type = p.bytes[at + 2] as number;
      return (type >= from && type <= to) !== invert;
    };
  },
};

function isAll(spec: MhSpec): boolean {
  return spec.from === 0 && spec.to === 255;
}

/** A number, a type's name, or the first type that begins so, in any case; '' is the first of all. */
function readType(text: string, c: OptionContext, word = text): number {
  const number = readUint(text, 0, 255);
  if (number >= 0) return number;
  const lower = text.toLowerCase();
  const exact = TYPES.findIndex(([long, short]) => long === lower || short === lower);
  if (exact >= 0) return exact;
  const type = TYPES.findIndex(([long, short]) => long.startsWith(lower) || short.startsWith(lower));
  if (type < 0) c.fail(`Invalid MH type \`${text}'`, word);
  return type;
}
