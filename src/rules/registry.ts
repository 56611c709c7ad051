/**
 * Every match and target there is, one line each. Adding an extension is one new file and one line here.
 */
import type { Extension, MatchExtension, OptionSpec, TargetExtension } from './extension.js';
import { addrtype } from './match/addrtype.js';
import { ah } from './match/ah.js';
import { bpf } from './match/bpf.js';
import { cgroup } from './match/cgroup.js';
import { cluster } from './match/cluster.js';
import { comment } from './match/comment.js';
import { connbytes } from './match/connbytes.js';
import { connlabel } from './match/connlabel.js';
import { connlimit } from './match/connlimit.js';
import { connmark } from './match/connmark.js';
import { conntrack } from './match/conntrack.js';
import { cpu } from './match/cpu.js';
import { dccp } from './match/dccp.js';
import { devgroup } from './match/devgroup.js';
import { dscp } from './match/dscp.js';
import { dst } from './match/dst.js';
import { ecn } from './match/ecn.js';
import { esp } from './match/esp.js';
import { eui64 } from './match/eui64.js';
import { frag } from './match/frag.js';
import { hashlimit } from './match/hashlimit.js';
import { hbh } from './match/hbh.js';
import { helper } from './match/helper.js';
import { hl } from './match/hl.js';
import { icmp } from './match/icmp.js';
import { icmp6 } from './match/icmp6.js';
import { ipcomp } from './match/ipcomp.js';
import { iprange } from './match/iprange.js';
import { ipv6header } from './match/ipv6header.js';
import { ipvs } from './match/ipvs.js';
import { length } from './match/length.js';
import { limit } from './match/limit.js';
import { mac } from './match/mac.js';
import { mark } from './match/mark.js';
import { mh } from './match/mh.js';
import { multiport } from './match/multiport.js';
import { nfacct } from './match/nfacct.js';
import { osf } from './match/osf.js';
import { owner } from './match/owner.js';
import { physdev } from './match/physdev.js';
import { pkttype } from './match/pkttype.js';
import { policy } from './match/policy.js';
import { quota } from './match/quota.js';
import { rateest } from './match/rateest.js';
import { realm } from './match/realm.js';
import { recent } from './match/recent.js';
import { rpfilter } from './match/rpfilter.js';
import { rt } from './match/rt.js';
import { sctp } from './match/sctp.js';
import { set } from './match/set.js';
import { socket } from './match/socket.js';
import { srh } from './match/srh.js';
import { state } from './match/state.js';
import { statistic } from './match/statistic.js';
import { string } from './match/string.js';
import { tcp } from './match/tcp.js';
import { tcpmss } from './match/tcpmss.js';
import { time } from './match/time.js';
import { tos } from './match/tos.js';
import { ttl } from './match/ttl.js';
import { u32 } from './match/u32.js';
import { udp } from './match/udp.js';
import type { Family } from './model.js';
import { AUDIT } from './target/AUDIT.js';
import { CHECKSUM } from './target/CHECKSUM.js';
import { CLASSIFY } from './target/CLASSIFY.js';
import { CLUSTERIP } from './target/CLUSTERIP.js';
import { CONNMARK } from './target/CONNMARK.js';
import { CONNSECMARK } from './target/CONNSECMARK.js';
import { CT } from './target/CT.js';
import { DNAT } from './target/DNAT.js';
import { DNPT } from './target/DNPT.js';
import { DSCP } from './target/DSCP.js';
import { ECN } from './target/ECN.js';
import { HL } from './target/HL.js';
import { HMARK } from './target/HMARK.js';
import { IDLETIMER } from './target/IDLETIMER.js';
import { LED } from './target/LED.js';
import { LOG } from './target/LOG.js';
import { MARK } from './target/MARK.js';
import { MASQUERADE } from './target/MASQUERADE.js';
import { NETMAP } from './target/NETMAP.js';
import { NFLOG } from './target/NFLOG.js';
import { NFQUEUE } from './target/NFQUEUE.js';
import { NOTRACK } from './target/NOTRACK.js';
import { RATEEST } from './target/RATEEST.js';
import { REDIRECT } from './target/REDIRECT.js';
import { REJECT } from './target/REJECT.js';
import { SECMARK } from './target/SECMARK.js';
import { SET } from './target/SET.js';
import { SNAT } from './target/SNAT.js';
import { SNPT } from './target/SNPT.js';
import { SYNPROXY } from './target/SYNPROXY.js';
import { TCPMSS } from './target/TCPMSS.js';
import { TCPOPTSTRIP } from './target/TCPOPTSTRIP.js';
import { TEE } from './target/TEE.js';
import { TOS } from './target/TOS.js';
import { TPROXY } from './target/TPROXY.js';
import { TRACE } from './target/TRACE.js';
import { TTL } from './target/TTL.js';
import { ULOG } from './target/ULOG.js';

/** All matches. */
export const MATCHES: readonly MatchExtension[] = [
  addrtype,
  ah,
  bpf,
  cgroup,
  cluster,
  comment,
  connbytes,
  connlabel,
  connlimit,
  connmark,
  conntrack,
  cpu,
  dccp,
  devgroup,
  dscp,
  dst,
  ecn,
  esp,
  eui64,
  frag,
  hashlimit,
  hbh,
  helper,
  hl,
  icmp,
  icmp6,
  ipcomp,
  iprange,
  ipv6header,
  ipvs,
  length,
  limit,
  mac,
  mark,
  mh,
  multiport,
  nfacct,
  osf,
  owner,
  physdev,
  pkttype,
  policy,
  quota,
  rateest,
  realm,
  recent,
  rpfilter,
  rt,
  sctp,
  set,
  socket,
  srh,
  state,
  statistic,
  string,
  tcp,
  tcpmss,
  time,
  tos,
  ttl,
  u32,
  udp,
];

/** All targets; ACCEPT, DROP, RETURN and QUEUE are verdicts of the model. */
export const TARGETS: readonly TargetExtension[] = [
  AUDIT,
  CHECKSUM,
  CLASSIFY,
  CLUSTERIP,
  CONNMARK,
  CONNSECMARK,
  CT,
  DNAT,
  DNPT,
  DSCP,
  ECN,
  HL,
  HMARK,
  IDLETIMER,
  LED,
  LOG,
  MARK,
  MASQUERADE,
  NETMAP,
  NFLOG,
  NFQUEUE,
  NOTRACK,
  RATEEST,
  REDIRECT,
  REJECT,
  SECMARK,
  SET,
  SNAT,
  SNPT,
  SYNPROXY,
  TCPMSS,
  TCPOPTSTRIP,
  TEE,
  TOS,
  TPROXY,
  TRACE,
  TTL,
  ULOG,
];

/** An extension with its options by every name, made once. */
export interface Known<E extends Extension> {
  extension: E;
  options: ReadonlyMap<string, OptionSpec>;
}

/** What one family's rules may use. */
export interface Registry {
  family: Family;
  matches: ReadonlyMap<string, Known<MatchExtension>>;
  targets: ReadonlyMap<string, Known<TargetExtension>>;
  /** Matches that `-p NUMBER` makes known without -m. */
  implied: ReadonlyMap<number, Known<MatchExtension>>;
}

/** Other names that -m takes. */
const MATCH_ALIASES: readonly (readonly [alias: string, name: string])[] = [
  ['icmpv6', 'icmp6'],
  ['ipv6-icmp', 'icmp6'],
];

/** Matches of iptables 1.8.9 that are not here yet: refused by that word, not as if nobody knew them. */
export const MATCHES_TO_COME: ReadonlySet<string> = new Set();
/** Targets of iptables 1.8.9 that are not here yet. */
export const TARGETS_TO_COME: ReadonlySet<string> = new Set();

const IPV4 = makeRegistry(2);
const IPV6 = makeRegistry(10);

/** The extensions of one family. */
export function registryOf(family: Family): Registry {
  return family === 2 ? IPV4 : IPV6;
}

function makeRegistry(family: Family): Registry {
  const matches = new Map<string, Known<MatchExtension>>();
  const implied = new Map<number, Known<MatchExtension>>();
  const targets = new Map<string, Known<TargetExtension>>();
  for (const extension of MATCHES) {
    if (!extension.families.includes(family)) continue;
    const known = { extension, options: optionsOf(extension, family) };
    matches.set(extension.name, known);
    if (extension.impliedBy !== undefined) implied.set(extension.impliedBy, known);
  }
  for (const [alias, name] of MATCH_ALIASES) {
    const known = matches.get(name);
    if (known !== undefined) matches.set(alias, known);
  }
  for (const extension of TARGETS) {
    if (extension.families.includes(family))
      targets.set(extension.name, { extension, options: optionsOf(extension, family) });
  }
  return { family, matches, targets, implied };
}

function optionsOf(extension: Extension, family: Family): Map<string, OptionSpec> {
  const options = new Map<string, OptionSpec>();
  for (const option of extension.options) {
    if (option.family !== undefined && option.family !== family) continue;
    options.set(option.name, option);
    for (const alias of option.aliases ?? []) options.set(alias, option);
  }
  return options;
}
