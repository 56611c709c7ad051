/** The live kernel's settings: the folder /proc/sys. */
import { closeSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import type { SysctlHost } from '../tools/sysctl/defaults.js';
import { SysctlFailure, type SysctlStat, type SysctlStore } from '../tools/sysctl/store.js';

/** A folder that looks like /proc/sys. */
export class ProcStore implements SysctlStore {
  /**
   * @param root The folder.
   * @param host What the defaults depend on.
   */
  constructor(
    private readonly root: string,
    readonly host: SysctlHost,
  ) {}

  stat(path: string): SysctlStat | SysctlFailure {
    return attempt(() => {
      const stats = statSync(`${this.root}/${path}`);
      return {
        isFolder: stats.isDirectory(),
        isReadable: (stats.mode & 0o444) !== 0,
        isWritable: (stats.mode & 0o200) !== 0,
      };
    });
  }

  list(path: string): readonly string[] {
    const names = attempt(() => readdirSync(`${this.root}/${path}`));
    return names instanceof SysctlFailure ? [] : names;
  }

  read(path: string): string | SysctlFailure {
    return attempt(() => readFileSync(`${this.root}/${path}`, 'utf8'));
  }

  write(path: string, value: string): SysctlFailure | null {
    const done = attempt(() => {
      const fd = openSync(`${this.root}/${path}`, 'w');
      try {
        writeSync(fd, `${value}\n`);
      } finally {
        closeSync(fd);
      }
      return null;
    });
    return done;
  }
}

function attempt<T>(action: () => T): T | SysctlFailure {
  try {
    return action();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return new SysctlFailure(code);
  }
}

/** What the defaults of this machine depend on; without /proc/meminfo plenty of memory is taken. */
export function liveHost(kernel: string, meminfo: string): SysctlHost {
  const kib = /^MemTotal:\s+(\d+) kB/m.exec(meminfo)?.[1];
  return { kernel, memoryBytes: kib === undefined ? 8 * 2 ** 30 : Number(kib) * 1024 };
}
