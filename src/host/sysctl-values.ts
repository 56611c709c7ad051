/** Which values a kernel setting takes: those that the kernel's sysctl takes without EINVAL (asked of Linux 6.18). */
import { SETTINGS } from '../conntrack/sysctl.js';
import { parseBitmap } from './error-limits.js';

interface Range {
  least: number;
  most: number;
}

const SWITCH: Range = { least: 0, most: 1 };
const BYTE: Range = { least: 0, most: 255 };
/** Bytes of memory, a long. */
const BYTES: Range = { least: 0, most: Number.MAX_SAFE_INTEGER };
const COUNT: Range = { least: 0, most: 0x7fffffff };
/** Seconds that fit into an int of jiffies at 100 a second, the kernel's coarsest clock. */
const SECONDS: Range = { least: 0, most: 21_474_836 };

const CONNTRACK: Record<string, Range> = {
  checksum: SWITCH,
  acct: SWITCH,
  timestamp: SWITCH,
  tcp_loose: SWITCH,
  tcp_be_liberal: SWITCH,
  tcp_ignore_invalid_rst: SWITCH,
  events: { least: 0, most: 2 },
  log_invalid: BYTE,
  tcp_max_retrans: BYTE,
  buckets: { least: 1, most: COUNT.most },
  expect_max: { least: 1, most: COUNT.most },
  frag6_timeout: SECONDS,
  frag6_high_thresh: BYTES,
  frag6_low_thresh: BYTES,
};

const OTHERS: [RegExp, Range][] = [
  // of kernels before 6.0
  [/^net\.netfilter\.nf_conntrack_helper$/, SWITCH],
  // the other name of nf_conntrack_max
  [/^net\.nf_conntrack_max$/, COUNT],
  [/^net\.ipv4\.(ip_forward|conf\..+\.forwarding)$/, COUNT],
  [/^net\.ipv6\.conf\..+\.forwarding$/, COUNT],
  [/^net\.ipv4\.conf\..+\.rp_filter$/, COUNT],
  [/^net\.ipv4\.ip_default_ttl$/, { least: 1, most: 255 }],
  [/^net\.ipv6\.conf\..+\.hop_limit$/, { least: 1, most: 255 }],
  [/^net\.ipv4\.ipfrag_time$/, SECONDS],
  [/^net\.ipv4\.ipfrag_(high|low)_thresh$/, BYTES],
  [/^net\.ipv4\.ipfrag_max_dist$/, COUNT],
  [/^net\.ipv4\.icmp_ratelimit$/, COUNT],
  [/^net\.ipv4\.icmp_ratemask$/, COUNT],
  [/^net\.ipv6\.icmp\.ratelimit$/, COUNT],
];

/** A set of bits in the form of the kernel's proc_do_large_bitmap. */
const BITMAP = 'net.ipv6.icmp.ratemask';

const PREFIX = 'net.netfilter.nf_conntrack_';

function rangeOf(name: string): Range | null {
  if (name.startsWith(PREFIX)) {
    const row = SETTINGS.find((r) => PREFIX + r.name === name);
    if (row !== undefined) return CONNTRACK[row.name] ?? (row.group === 'value' ? COUNT : SECONDS);
  }
  return OTHERS.find(([pattern]) => pattern.test(name))?.[1] ?? null;
}

/**
 * What is wrong with a value, as `expected a whole number from 0 to 1, got "x"`; null: nothing, or a setting that nothing here
 * depends on. `name`: with dots.
 */
export function sysctlProblem(name: string, value: number | string): string | null {
  const text = String(value).trim();
  if (name === BITMAP && parseBitmap(text) === null)
    return `expected numbers from 0 to 255 as in 0-1,3-127, got "${text}"`;
  const range = rangeOf(name);
  if (range === null) return null;
  const number = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (number >= range.least && number <= range.most) return null;
  return `expected a whole number from ${range.least} to ${range.most}, got "${text}"`;
}

/** Whether anything here depends on a setting. `name`: with dots. */
export function isSysctlKnown(name: string): boolean {
  return name === BITMAP || rangeOf(name) !== null;
}
