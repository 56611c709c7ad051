/** -m hbh (IPv6): the hop-by-hop options header. */
import { IPPROTO_HOPOPTS } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { type Ipv6OptionsSpec, ipv6OptionsMatch } from '../ipv6-options.js';

/** --hbh-len, --hbh-opts. */
export const hbh: MatchExtension<Ipv6OptionsSpec> = ipv6OptionsMatch('hbh', IPPROTO_HOPOPTS);
