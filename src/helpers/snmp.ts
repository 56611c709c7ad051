/** SNMP: answers to a broadcast question come from other addresses than it went to. */
import { AF_INET, IPPROTO_UDP } from '../wire/packet.js';
import { expectAnswers } from './broadcast.js';
import type { Helper } from './helper.js';

const PORT = 161;
const TIMEOUT_MS = 30_000;

/** The `snmp` helper. */
export const snmp: Helper = {
  name: 'snmp',
  protocols: [IPPROTO_UDP],
  families: [AF_INET],
  ports: [PORT],
  policies: [{ maxExpected: 1, timeoutMs: TIMEOUT_MS }],
  policiesOf: (p) => [{ maxExpected: 1, timeoutMs: p.snmpTimeoutMs }],
  natModule: '',
  help: (c) => expectAnswers(c, PORT, c.parameters.snmpTimeoutMs),
};
