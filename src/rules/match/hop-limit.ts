/**
 * One match under two names: `ttl` for IPv4 and `hl` for IPv6 (xt_hl.c).
 */
import type { MatchExtension, MatchFunction } from '../extension.js';
import type { Family } from '../model.js';
import { not, uintOption } from '../values.js';

/** How the packet's hop limit is compared with `value`; null only while options are read. */
export interface HopLimitSpec {
  compare: 'eq' | 'lt' | 'gt' | null;
  value: number;
  /** With 'eq' alone. */
  invert: boolean;
}

interface Names {
  name: string;
  family: Family;
  /** Place of the byte in the IP header. */
  byteOff: number;
  /** The message where no option is given. */
  missing: string;
  /** Other names of `--NAME-eq`. */
  alias: readonly string[];
}

/** Makes the match. */
export function hopLimitMatch({ name, family, byteOff, missing, alias }: Names): MatchExtension<HopLimitSpec> {
  const [lt, gt, eq] = [`${name}-lt`, `${name}-gt`, `${name}-eq`];
  return {
    name,
    families: [family],
    options: [
      { name: lt, args: 1, excludes: [eq, gt] },
      { name: gt, args: 1, excludes: [eq, lt] },
      { name: eq, aliases: alias, args: 1, invert: true, excludes: [lt, gt] },
    ],
    init: () => ({ compare: null, value: 0, invert: false }),
    option(spec, option, value, inverted, c) {
      spec.value = uintOption(name, option, value, 0, 255, c);
      spec.compare = option === eq ? 'eq' : option === lt ? 'lt' : 'gt';
      spec.invert = inverted;
    },
    check(spec, _seen, c) {
      if (spec.compare === null) c.fail(missing);
    },
    save: (spec) => `${not(spec.invert)}--${name}-${spec.compare} ${spec.value}`,
    list({ compare, value, invert }) {
      const sign = compare === 'lt' ? '<' : compare === 'gt' ? '>' : invert ? '!=' : '==';
      const field = name.toUpperCase();
      return ` ${field} match ${field} ${sign} ${value}`;
    },
    load: (spec) => loadHopLimit(spec, byteOff),
  };
}

function loadHopLimit({ compare, value, invert }: HopLimitSpec, byteOff: number): MatchFunction {
  if (compare === 'lt') return (p) => (p.bytes[p.l3Off + byteOff] as number) < value;
  if (compare === 'gt') return (p) => (p.bytes[p.l3Off + byteOff] as number) > value;
  return (p) => ((p.bytes[p.l3Off + byteOff] as number) === value) !== invert;
}
