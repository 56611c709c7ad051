/**
 * Where settings are read and written: the live kernel's /proc/sys, or the file of a simulated host. Both look like the folder /proc/sys
 * from here, so that one program serves both. Paths are below /proc/sys, with slashes.
 */
import type { SysctlHost } from './defaults.js';

/** An error of the operating system (or of what stands for it). */
export class SysctlFailure {
  /** `ENOENT`, `EINVAL` ... */
  readonly code: string;
  /** As strerror(3) says it. */
  readonly text: string;

  constructor(code: string) {
    this.code = code;
    this.text = TEXTS[code] ?? code;
  }
}

const TEXTS: Record<string, string> = {
  ENOENT: 'No such file or directory',
  ENOTDIR: 'Not a directory',
  EISDIR: 'Is a directory',
  EACCES: 'Permission denied',
  EPERM: 'Operation not permitted',
  EINVAL: 'Invalid argument',
  ERANGE: 'Numerical result out of range',
  EBUSY: 'Device or resource busy',
  ENOMEM: 'Cannot allocate memory',
  EROFS: 'Read-only file system',
  EIO: 'Input/output error',
  ENODEV: 'No such device',
  EOPNOTSUPP: 'Operation not supported',
  ELOOP: 'Too many levels of symbolic links',
  ENAMETOOLONG: 'File name too long',
};

/** What stands at a path. */
export interface SysctlStat {
  isFolder: boolean;
  /** Whether its mode has a read bit, and a write bit for its owner, whoever asks. */
  isReadable: boolean;
  isWritable: boolean;
}

/** The settings of one host. */
export interface SysctlStore {
  /** What its defaults depend on. */
  readonly host: SysctlHost;
  stat(path: string): SysctlStat | SysctlFailure;
  /** Names in a folder, in no order; none where it cannot be read. */
  list(path: string): readonly string[];
  /** The text of a setting, lines ended by newlines; the last one may lack it. */
  read(path: string): string | SysctlFailure;
  /** Sets a value; null: done. */
  write(path: string, value: string): SysctlFailure | null;
}

/** The number of a value as the kernel reads it: decimal, `0x` or octal with `0`, up to the first blank; NaN: it is none. */
export function parseNumber(text: string): number {
  const m = /^\s*(-?)(0x[0-9a-f]+|\d+)(?=\s|$)/i.exec(text);
  if (m === null) return Number.NaN;
  const digits = m[2]!;
  const isOctal = /^0\d/.test(digits);
  if (isOctal && /[89]/.test(digits)) return Number.NaN;
  const value = isOctal ? Number.parseInt(digits, 8) : Number(digits);
  return m[1] === '-' ? -value : value;
}
