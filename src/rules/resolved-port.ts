/** A port option that iptables hands to the system's resolver (XTTYPE_PORT), which is more generous than the others. */
import type { OptionContext } from './extension.js';
import { servicePort } from './names.js';

const MAX = 1n << 64n;

/** A port number in decimal, of which the lower 16 bits count, or a service's name. */
export function resolvedPortOption(text: string, c: OptionContext): number {
  const m = /^\s*\+?(\d*)$/.exec(text);
  const number = m === null ? -1n : BigInt(m[1]!);
  if (number >= 0n && number < MAX) return Number(number & 0xffffn);
  const port = servicePort(text, null);
  if (port < 0) c.fail(`Port "${text}" does not resolve to anything.\n`, text);
  return port;
}
