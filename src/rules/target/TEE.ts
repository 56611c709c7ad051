/** -j TEE: sends a copy of the packet to a gateway, and goes on (xt_TEE.c). */
import { formatAddress } from '../../wire/address.js';
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { TargetExtension } from '../extension.js';
import { EINVAL } from '../kernel-checks.js';
import { hostOption } from '../match/option-values.js';

/** Options of -j TEE. */
export interface TeeSpec {
  /** Four words. */
  gateway: Int32Array;
  /** Interface that it is reached by; '' = as the routes say. */
  dev: string;
}

/** Bytes of an interface's name; iptables cuts off what is longer. */
const NAME_MAX = 15;
const LOCALHOST = 0x7f000001;

/** The `TEE` target. */
export const TEE: TargetExtension<TeeSpec> = {
  name: 'TEE',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'gateway', args: 1, required: true },
    { name: 'oif', args: 1 },
  ],
  init: () => ({ gateway: new Int32Array(4), dev: '' }),
  option(spec, option, value, _inverted, c) {
    if (option === 'gateway') spec.gateway = hostOption(value, c.family, c);
    else spec.dev = value.slice(0, NAME_MAX);
  },
  save: (spec, family) =>
    `--gateway ${formatAddress(family, spec.gateway)}${spec.dev === '' ? '' : ` --oif ${spec.dev}`}`,
  list(spec, family, numeric) {
    const local = !numeric && family === AF_INET && spec.gateway[0] === LOCALHOST;
    const gateway = local ? 'localhost' : formatAddress(family, spec.gateway);
    return ` TEE gw:${gateway}${spec.dev === '' ? '' : ` oif=${spec.dev}`}`;
  },
  refusedBy: (spec) =>
    spec.gateway.some((word) => word !== 0)
      ? null
      : { errno: EINVAL, why: 'TEE: the gateway is the address of nobody' },
  load(spec, load) {
    const { gateway } = spec;
    // an interface that is not there does not count
    const dev = spec.dev === '' ? 0 : load.interfaceIndex(spec.dev);
    return (p, c) => {
      c.duplicate(p, gateway, dev);
      return VERDICT_CONTINUE;
    };
  },
};
