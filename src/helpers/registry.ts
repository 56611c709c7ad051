import { amanda } from './amanda.js';
import { ftp } from './ftp.js';
import type { Helper } from './helper.js';
import { irc } from './irc.js';
import { netbiosNs } from './netbios-ns.js';
import { pptp } from './pptp.js';
import { sane } from './sane.js';
import { sip } from './sip.js';
import { snmp } from './snmp.js';
import { tftp } from './tftp.js';

/** Every helper that there is; one line a file. H.323 (`RAS`, `Q.931`) is not supported. */
export const HELPERS: readonly Helper[] = [amanda, ftp, irc, netbiosNs, pptp, sane, sip, snmp, tftp];
