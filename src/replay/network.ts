/** The host's configuration: from --host, or made from --local and what the captures tell. */
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { parseAddress } from '../flow/address.js';
import { dottedName, type HostConfig } from '../host/config.js';
import { isSysctlKnown, sysctlProblem } from '../host/sysctl-values.js';
import type { FrameSource } from './frames.js';
import { type HostFile, parseHostFile } from './host-file.js';
import { ReplayError, type ReplayOptions } from './options.js';
import { systemMessage } from './output.js';

/** Reads a text file, without the byte order mark that some editors put before it. Throws ReplayError. */
export function readText(file: string): string {
  try {
    const text = readFileSync(file === '-' ? 0 : file, 'utf8');
    return text.startsWith('\ufeff') ? text.slice(1) : text;
  } catch (e) {
    throw new ReplayError(`cannot read ${file === '-' ? 'standard input' : file}: ${systemMessage(e)}`);
  }
}

/** The parsed file of --host, null where none was given; the file of fingerprints that it names, beside it, is read. */
export function readHostFile(options: ReplayOptions): HostFile | null {
  if (options.host === null) return null;
  const file = parseHostFile(readText(options.host), options.host);
  const { osf } = file.config;
  if (osf !== undefined)
    file.config.osf = readText(isAbsolute(osf) || options.host === '-' ? osf : join(dirname(options.host), osf));
  return file;
}

/**
 * A host of which only the addresses are known: they stand on the first interface that the captures name (or --in-interface,
 * or eth0), and everything else is reached through it.
 */
export function plainHost(
  addresses: readonly string[],
  options: ReplayOptions,
  sources: readonly FrameSource[],
): HostConfig {
  const names = new Set<string>();
  if (options.inInterface !== null) names.add(options.inInterface);
  for (const s of sources) for (const i of s.interfaces) if (isInterfaceName(i.name)) names.add(i.name);
  names.delete('lo');
  if (names.size === 0) names.add('eth0');
  const [first, ...others] = names;
  const withLength = addresses.map((a) => (a.includes('/') ? a : `${a}/${a.includes(':') ? 128 : 32}`));
  return {
    interfaces: [{ name: first, addresses: withLength }, ...others.map((name) => ({ name }))],
    routes: [
      { to: 'default', dev: first },
      { to: '::/0', dev: first },
    ],
  };
}

/**
 * Whether Linux takes it as the name of an interface (net/core/dev.c, dev_valid_name), which `Ethernet 2` of a capture from
 * elsewhere is not; control characters are refused besides.
 */
export function isInterfaceName(name: string): boolean {
  return /^[^\s/:\x00-\x1f\x7f-\x9f]+$/.test(name) && Buffer.byteLength(name) <= 15 && name !== '.' && name !== '..';
}

/** Checks --in-interface; throws ReplayError. */
export function checkInterface(name: string): void {
  if (!isInterfaceName(name)) throw new ReplayError(`--in-interface: "${name}" cannot be the name of an interface`, 2);
}

/** Checks --local; throws ReplayError. */
export function checkLocal(address: string): void {
  const [text, length] = address.split('/');
  const parsed = parseAddress(text);
  const max = parsed?.family === 10 ? 128 : 32;
  const ok = parsed !== null && (length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= max));
  if (!ok) throw new ReplayError(`--local: "${address}" is not an address`, 2);
}

/** Settings that nothing in a replay depends on, for a warning; null: none. A misspelt one would else go unnoticed. */
export function idleSysctls(config: HostConfig): string | null {
  const idle = Object.keys(config.sysctl ?? {}).filter((name) => !isSysctlKnown(dottedName(name)));
  if (idle.length === 0) return null;
  const more = idle.length > 3 ? ` and ${idle.length - 3} more` : '';
  return `nothing here depends on the setting${idle.length > 1 ? 's' : ''} ${idle.slice(0, 3).join(', ')}${more}`;
}

/** Checks --sysctl; throws ReplayError. */
export function checkSysctl(name: string, value: string): void {
  const problem = sysctlProblem(dottedName(name), value);
  if (problem !== null) throw new ReplayError(`--sysctl: ${name}: ${problem}`, 2);
}

/** Puts --sysctl over the configuration's own. */
export function withSysctl(config: HostConfig, settings: ReplayOptions['sysctl']): HostConfig {
  if (settings.length === 0) return config;
  const sysctl = { ...config.sysctl };
  for (const [name, value] of settings) sysctl[dottedName(name)] = value;
  return { ...config, sysctl };
}
