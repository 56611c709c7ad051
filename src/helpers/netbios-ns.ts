/** NetBIOS name service: answers to a broadcast question come from other addresses than it went to (RFC 1002 section 4.2). */
import { AF_INET, IPPROTO_UDP } from '../wire/packet.js';
import { expectAnswers } from './broadcast.js';
import type { Helper } from './helper.js';

const PORT = 137;
const TIMEOUT_MS = 3000;

/** The `netbios-ns` helper. */
export const netbiosNs: Helper = {
  name: 'netbios-ns',
  protocols: [IPPROTO_UDP],
  families: [AF_INET],
  ports: [PORT],
  policies: [{ maxExpected: 1, timeoutMs: TIMEOUT_MS }],
  policiesOf: (p) => [{ maxExpected: 1, timeoutMs: p.netbiosTimeoutMs }],
  natModule: '',
  help: (c) => expectAnswers(c, PORT, c.parameters.netbiosTimeoutMs),
};
