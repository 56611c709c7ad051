/** What benchmarks and tests of the inside need from the bundle; not part of the package. */
export { R_STATE, RECORD_SHIFT } from './conntrack/layout.js';
export { SET_ACCT, SET_MAX, Settings } from './conntrack/sysctl.js';
export { Tracker } from './conntrack/tracker.js';
export { newRecord, plainTuple } from './flow/record.js';
export { Host } from './host/host.js';
export { FRAME_ARRIVES, FRAME_MADE } from './host/results.js';
export { loadRules } from './iptables/restore.js';
export { writeChange, writeKey } from './netlink/encode-flow.js';
export { loadSystem } from './netlink/socket.js';
export { MessageWriter } from './netlink/writer.js';
export { RuleEngine, TABLE_FILTER } from './rules/evaluate.js';
export { Interpreter } from './rules/interpret.js';
export { AF_INET, CT_NEW, HOOK_FORWARD, Packet } from './wire/packet.js';
export { LINKTYPE_ETHERNET, parseFrame, parseNetwork } from './wire/parse.js';
