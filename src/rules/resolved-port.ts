/** Port options that iptables hands to the system's resolver (XTTYPE_PORT, PORTRC), which is more generous than the others. */
import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from '../wire/packet.js';
import type { OptionContext } from './extension.js';
import { servicePort } from './names.js';

const UINT64_MAX = 0xffffffffffffffffn;
const PROTOCOLS = [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP];

/**
 * A port as getaddrinfo(3) finds it, -1 = none: a service of any protocol, or a decimal number, of which it keeps 32 bits (none may
 * be the sign) and the port's field 16.
 */
function resolvePort(text: string): number {
  const number = /^(?:\s*\+?(\d+))?$/.exec(text);
  if (number !== null) {
    const wide = BigInt(number[1] ?? 0);
    const narrow = wide > UINT64_MAX ? -1 : Number(BigInt.asIntN(32, wide));
    return narrow < 0 ? -1 : narrow & 0xffff;
  }
  for (const protocol of PROTOCOLS) {
    const port = servicePort(text, protocol);
    if (port >= 0) return port;
  }
  return -1;
}

/** The value of a port option. `word`: the wrong word, for its place. */
export function resolvedPortOption(text: string, c: OptionContext, word = text): number {
  const port = resolvePort(text);
  if (port < 0) c.fail(`Port "${text}" does not resolve to anything.`, word);
  return port;
}
