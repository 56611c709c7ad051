/** What benchmarks and tests of the inside need from the bundle; not part of the package. */
export { R_STATE, RECORD_SHIFT } from './conntrack/layout.js';
export { SET_ACCT, SET_MAX, Settings } from './conntrack/sysctl.js';
export { Tracker } from './conntrack/tracker.js';
export { Host } from './host/host.js';
export { FRAME_ARRIVES, FRAME_MADE } from './host/results.js';
export { loadRules } from './iptables/restore.js';
export { Packet } from './wire/packet.js';
export { LINKTYPE_ETHERNET, parseFrame } from './wire/parse.js';
