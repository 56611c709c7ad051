/**
 * Which helpers a host has, by the names of its kernel modules: `nf_conntrack_ftp` has the helper itself, `nf_nat_ftp` what changes
 * payload under NAT. Their ports are written behind, `nf_conntrack_ftp ports=21,2121`, as are other options (parameters.ts).
 *
 * A rule with `-j CT --helper` makes the kernel load the helper's module, so every helper may be named by one; `nf_nat_` modules are
 * not loaded by themselves.
 */
import type { Helper } from './helper.js';
import { HelperParameters, moduleParts } from './parameters.js';
import { HELPERS } from './registry.js';

const NAT = /^(?:nf|ip)_nat_(.+)$/;
const PORT_MAX = 65535;

/** A helper that a host has. */
export interface ModuleHelper {
  helper: Helper;
  /** Whether it changes payload under NAT. */
  hasNat: boolean;
}

/**
 * The helpers of a host. `modules`: as its description names them, perhaps with `ports=21,2121` behind; null: it says nothing, and
 * all are there. Helpers whose module is not named have no ports: only rules can assign them.
 */
export function moduleHelpers(modules: readonly string[] | null, parameters = new HelperParameters()): ModuleHelper[] {
  if (modules === null) return HELPERS.map((helper) => ({ helper, hasNat: true }));
  const options = new Map<string, string[]>();
  const nat = new Set<string>();
  for (const text of modules) {
    const parts = moduleParts(text);
    if (parts.helper !== null) options.set(parts.helper, parts.options);
    const translated = NAT.exec(parts.name)?.[1];
    if (translated !== undefined) nat.add(translated);
  }
  const all: ModuleHelper[] = [];
  for (const listed of HELPERS) {
    const module = listed.name.replaceAll('-', '_');
    const hasNat = listed.natModule === '' || nat.has(module);
    const given = options.get(module);
    const policies = listed.policiesOf?.(parameters) ?? listed.policies;
    const helper: Helper = { ...listed, policies };
    if (given === undefined) {
      all.push({ helper: { ...helper, ports: [] }, hasNat });
      continue;
    }
    const ports = portsOf(given) ?? helper.ports;
    // under its own name rules can have it always
    if (!ports.includes(helper.ports[0]!)) all.push({ helper: { ...helper, ports: [] }, hasNat });
    for (const port of ports) {
      const name = port === helper.ports[0] ? helper.name : `${helper.name}-${port}`;
      all.push({ helper: { ...helper, name, ports: [port] }, hasNat });
    }
  }
  return all;
}

/** The numbers of `ports=21,2121`; null: there is no such option. */
function portsOf(options: readonly string[]): number[] | null {
  const option = options.find((o) => o.startsWith('ports='));
  if (option === undefined) return null;
  return option
    .slice('ports='.length)
    .split(',')
    .map(Number)
    .filter((port) => Number.isInteger(port) && port > 0 && port <= PORT_MAX);
}
