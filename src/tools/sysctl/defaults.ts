/** What a setting is at boot, by memory and release. */
import { compareVersions, type SysctlRow } from './model.js';

/** What defaults depend on. */
export interface SysctlHost {
  /** Version of the kernel, as `uname -r` prints it. */
  kernel: string;
  /** Bytes of memory that the kernel manages (MemTotal of /proc/meminfo). */
  memoryBytes: number;
}

/** A host of the table's release with enough memory that it counts no more. */
export const PLENTIFUL: SysctlHost = { kernel: '6.18', memoryBytes: 8 * 2 ** 30 };

const GIB = 2 ** 30;
/** Of memory for each bucket's head pointer (8 bytes). */
const SHARE = 16384 * 8;
/** Head pointers in a page of 4096 bytes: the kernel rounds up to these. */
const BUCKETS_A_PAGE = 512;

/** The default of a setting on a host; null: it has none (a counter). */
export function defaultOf(row: SysctlRow, host: SysctlHost): number | string | null {
  if (typeof row.initial === 'object') {
    const buckets = defaultBuckets(host);
    switch (row.initial.rule) {
      case 'buckets':
        return buckets;
      case 'max':
        return isOld(host) ? buckets * 4 : buckets;
      case 'expect_max':
        return Math.max(1, Math.floor(buckets / 256)) * 4;
      case 'live':
        return null;
    }
  }
  for (const change of row.changes) {
    if (change.before !== undefined && compareVersions(host.kernel, change.since) < 0) return change.before;
  }
  return row.initial;
}

function isOld(host: SysctlHost): boolean {
  return compareVersions(host.kernel, '5.15') < 0;
}

/** nf_conntrack_init_start. Before 5.15: at most 16384, 65536 above 4 GiB, at least 32. */
function defaultBuckets(host: SysctlHost): number {
  const { memoryBytes } = host;
  const share = Math.floor(memoryBytes / SHARE);
  let size = share;
  if (isOld(host)) size = memoryBytes > 4 * GIB ? 65536 : memoryBytes > GIB ? 16384 : Math.max(32, share);
  else size = memoryBytes > 4 * GIB ? 262144 : memoryBytes > GIB ? 65536 : Math.max(1024, share);
  return Math.ceil(size / BUCKETS_A_PAGE) * BUCKETS_A_PAGE;
}

/** The rule of a default in words; '' where it is a plain value. */
export function defaultRule(row: SysctlRow): string {
  if (typeof row.initial !== 'object') return '';
  switch (row.initial.rule) {
    case 'buckets':
      return 'by memory: 262144 above 4 GiB, 65536 above 1 GiB, else memory / 131072 and at least 1024';
    case 'max':
      return 'as many as nf_conntrack_buckets had at boot';
    case 'expect_max':
      return '4 for every 256 buckets';
    case 'live':
      return 'none: a count';
  }
}
