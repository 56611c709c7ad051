/** -j TPROXY: hands a packet for anybody to a local socket that listens for such packets (xt_TPROXY.c). */
import { formatAddress } from '../../wire/address.js';
import {
  AF_INET,
  AF_INET6,
  HOOK_PREROUTING,
  IPPROTO_TCP,
  IPPROTO_UDP,
  T_DST,
  T_PORTS,
  T_SRC,
} from '../../wire/packet.js';
import { VERDICT_ACCEPT, VERDICT_DROP } from '../context.js';
import type { TargetExtension } from '../extension.js';
import { NO_SOCKET, SOCKETS_CONNECTED, SOCKETS_LISTENING } from '../host-facts.js';
import { EINVAL, wantsHooks } from '../kernel-checks.js';
import { hostOption } from '../match/option-values.js';
import { resolvedPortOption } from '../resolved-port.js';
import { hex, markOption } from '../values.js';

/** Options of -j TPROXY. */
export interface TproxySpec {
  /** 0: the packet's own. */
  port: number;
  /** Four words; all 0: the first address of the interface that the packet came in by. */
  address: Int32Array;
  /** Int32. */
  mark: number;
  mask: number;
}

/** The `TPROXY` target. */
export const TPROXY: TargetExtension<TproxySpec> = {
  name: 'TPROXY',
  families: [AF_INET, AF_INET6],
  tables: ['mangle'],
  options: [
    { name: 'on-port', args: 1, required: true },
    { name: 'on-ip', args: 1 },
    { name: 'tproxy-mark', args: 1 },
  ],
  init: () => ({ port: 0, address: new Int32Array(4), mark: 0, mask: 0 }),
  option(spec, option, value, _inverted, c) {
    if (option === 'on-port') spec.port = resolvedPortOption(value, c);
    else if (option === 'on-ip') spec.address = hostOption(value, c.family, c);
    else Object.assign(spec, markOption('TPROXY', option, value, c));
  },
  save(spec, family) {
    const address = formatAddress(family, spec.address);
    return `--on-port ${spec.port} --on-ip ${address} --tproxy-mark ${hex(spec.mark)}/${hex(spec.mask)}`;
  },
  list: (spec, family) =>
    ` TPROXY redirect ${formatAddress(family, spec.address)}:${spec.port} mark ${hex(spec.mark)}/${hex(spec.mask)}`,
  refusedBy(_spec, around) {
    const { protocol } = around;
    const number = protocol === null || protocol.invert ? 0 : protocol.number;
    if (number !== IPPROTO_TCP && number !== IPPROTO_UDP)
      return { errno: EINVAL, why: '-j TPROXY needs -p tcp or -p udp' };
    return wantsHooks('TPROXY', 1 << HOOK_PREROUTING, around, 'PREROUTING');
  },
  unsupported: 'the host file names no sockets: packets are dropped as where nobody listens',
  isDoubtful: (_spec, c) => c.facts.sockets === null,
  load(spec, { facts: { sockets, routes } }) {
    if (sockets === null) return () => VERDICT_DROP;
    const { mark, mask, address, port } = spec;
    const own = new Int32Array(4);
    const given = address.some((word) => word !== 0);
    return (p) => {
      const at = p.l4Off;
      if (at < 0 || at + 8 > p.end) return VERDICT_DROP;
      const { family, protocol, tuple } = p;
      const from = tuple[T_PORTS]! >>> 16;
      const to = tuple[T_PORTS]! & 0xffff;
      let found = sockets.lookUp(family, protocol, tuple, T_SRC, from, tuple, T_DST, to, SOCKETS_CONNECTED);
      if (found === NO_SOCKET) {
        const local = given ? address : routes.firstAddress(family, p.inInterface, own) ? own : tuple;
        const localAt = local === tuple ? T_DST : 0;
        found = sockets.lookUp(family, protocol, tuple, T_SRC, from, local, localAt, port || to, SOCKETS_LISTENING);
      }
      if (found === NO_SOCKET || !sockets.isTransparent(found)) return VERDICT_DROP;
      p.mark = (p.mark & ~mask) ^ mark;
      sockets.assign(p, found);
      return VERDICT_ACCEPT;
    };
  },
};
