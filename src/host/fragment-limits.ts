/** What sysctl says about reassembly, in the defragmenter's units. */
import { DEFRAG_DEFAULTS, type DefragLimits } from '../conntrack/defrag.js';
import type { Sysctls } from './config.js';

/** Limits of reassembly for both families; those that are not set are the kernel's defaults. */
export function fragmentLimits(sysctl: Sysctls): DefragLimits {
  return {
    high4: sysctl.number('net.ipv4.ipfrag_high_thresh', DEFRAG_DEFAULTS.high4),
    timeout4Ms: sysctl.number('net.ipv4.ipfrag_time', DEFRAG_DEFAULTS.timeout4Ms / 1000) * 1000,
    maxDistance: sysctl.number('net.ipv4.ipfrag_max_dist', DEFRAG_DEFAULTS.maxDistance),
    high6: sysctl.number('net.netfilter.nf_conntrack_frag6_high_thresh', DEFRAG_DEFAULTS.high6),
    timeout6Ms: sysctl.number('net.netfilter.nf_conntrack_frag6_timeout', DEFRAG_DEFAULTS.timeout6Ms / 1000) * 1000,
  };
}
