/** -m rpfilter: whether answers would leave where the packet came in (ipt_rpfilter.c, ip6t_rpfilter.c). */
import { AF_INET, AF_INET6, HOOK_PREROUTING, PACKET_LOOPBACK, type Packet, T_DST, T_SRC } from '../../wire/packet.js';
import { RTN_LOCAL, RTN_UNICAST } from '../context.js';
import type { MatchExtension } from '../extension.js';
import type { RouteFacts } from '../host-facts.js';
import { EINVAL, wantsHooks } from '../kernel-checks.js';

/** Options of -m rpfilter. */
export interface RpfilterSpec {
  loose: boolean;
  validMark: boolean;
  acceptLocal: boolean;
  invert: boolean;
}

/** Option names and their fields, in the order in which they are printed. */
const FLAGS = [
  ['loose', 'loose'],
  ['validmark', 'validMark'],
  ['accept-local', 'acceptLocal'],
  ['invert', 'invert'],
] as const;

/** The `rpfilter` match. */
export const rpfilter: MatchExtension<RpfilterSpec> = {
  name: 'rpfilter',
  families: [AF_INET, AF_INET6],
  options: FLAGS.map(([name]) => ({ name, args: 0 as const })),
  init: () => ({ loose: false, validMark: false, acceptLocal: false, invert: false }),
  option(spec, option) {
    for (const [name, field] of FLAGS) if (name === option) spec[field] = true;
  },
  save: (spec) => words(spec, '--').slice(1),
  list: (spec) => ` rpfilter${words(spec, '')}`,
  refusedBy(_spec, around) {
    if (around.table !== 'raw' && around.table !== 'mangle')
      return { errno: EINVAL, why: 'rpfilter is only valid in the raw and mangle tables' };
    return wantsHooks('rpfilter', 1 << HOOK_PREROUTING, around, 'PREROUTING');
  },
  load(spec, { facts: { routes } }) {
    const { loose, acceptLocal, validMark, invert } = spec;
    return (p, c) => {
      // what the host sent to itself has no way back
      const isPassed =
        p.packetType === PACKET_LOOPBACK ||
        c.interfaces[p.inInterface]?.loopback === true ||
        passes(p, routes, validMark ? p.mark : 0, loose, acceptLocal);
      return isPassed !== invert;
    };
  },
};

function words(spec: RpfilterSpec, dashes: string): string {
  return FLAGS.map(([name, field]) => (spec[field] ? ` ${dashes}${name}` : '')).join('');
}

function passes(p: Packet, routes: RouteFacts, mark: number, loose: boolean, acceptLocal: boolean): boolean {
  return p.family === AF_INET
    ? passes4(p, routes, mark, loose, acceptLocal)
    : passes6(p, routes, mark, loose, acceptLocal);
}

function passes4(p: Packet, routes: RouteFacts, mark: number, loose: boolean, acceptLocal: boolean): boolean {
  const source = p.tuple[T_SRC]!;
  const destination = p.tuple[T_DST]!;
  // DHCP: nobody yet, to all or to a group of the link
  if (source >>> 24 === 0 && (destination === -1 || destination >>> 8 === 0xe00000)) return true;
  const route = routes.routeTo(AF_INET, p.tuple, T_SRC, mark);
  if (route < 0) return false;
  const type = routes.typeOf(route);
  if (type !== RTN_UNICAST && (type !== RTN_LOCAL || !acceptLocal)) return false;
  return loose || routes.deviceOf(route) === p.inInterface;
}

function passes6(p: Packet, routes: RouteFacts, mark: number, loose: boolean, acceptLocal: boolean): boolean {
  const t = p.tuple;
  if ((t[T_SRC]! | t[T_SRC + 1]! | t[T_SRC + 2]! | t[T_SRC + 3]!) === 0) return true;
  const route = routes.routeTo(AF_INET6, t, T_SRC, mark);
  // fe80::/10 is on every link, and looked for on the packet's own
  if (t[T_SRC]! >>> 22 === 0x3fa && (route < 0 || routes.typeOf(route) === RTN_UNICAST)) return true;
  if (route < 0) return false;
  const type = routes.typeOf(route);
  if (type === RTN_LOCAL) return acceptLocal;
  return type === RTN_UNICAST && (loose || routes.deviceOf(route) === p.inInterface);
}
