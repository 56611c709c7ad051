/** Ports of -m sctp and -m dccp: tested and printed whenever they were given, even where they are all ports. */
import { not } from '../values.js';
import type { PortRange } from './ports.js';

/** What stands for ports that were not given. */
export const ALL_PORTS: PortRange = { from: 0, to: 0xffff, invert: false };

/** Whether a port fits. */
export function inRange(port: number, range: PortRange): boolean {
  return (port >= range.from && port <= range.to) !== range.invert;
}

/** `--sport 5`, `! --sport 0:65535`. */
export function givenPortText(option: string, range: PortRange): string {
  return `${not(range.invert)}${option} ${range.from === range.to ? range.from : `${range.from}:${range.to}`}`;
}
