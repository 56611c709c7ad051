/** -m dst (IPv6): the destination options header. */
import { IPPROTO_DSTOPTS } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { type Ipv6OptionsSpec, ipv6OptionsMatch } from '../ipv6-options.js';

/** --dst-len, --dst-opts. */
export const dst: MatchExtension<Ipv6OptionsSpec> = ipv6OptionsMatch('dst', IPPROTO_DSTOPTS);
