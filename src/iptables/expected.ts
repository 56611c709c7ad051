/**
 * What may stand behind an option of an extension, for those who wrote something else: iptables says only that it is wrong.
 */
import type { Family } from '../rules/model.js';
import { suggest } from './errors.js';

/** A sentence, and the names that the nearest is looked for among. */
interface Expected {
  what: string;
  names: readonly string[];
}

const STATES = 'INVALID NEW ESTABLISHED RELATED UNTRACKED';
const ADDRESS_TYPES =
  'UNSPEC UNICAST LOCAL BROADCAST ANYCAST MULTICAST BLACKHOLE UNREACHABLE PROHIBIT THROW NAT XRESOLVE';
const RATE = 'a number and /second, /minute, /hour or /day';
const PORT = "a port from 0 to 65535, a service's name, or FROM:TO";
const PORTS = "up to 15 ports or services' names, or FROM:TO, with commas between";
const NUMBERS = 'a number or FROM:TO';
const MAPPING = 'ADDRESS[-ADDRESS][:PORT[-PORT]]';
const MARK = 'VALUE or VALUE/MASK, each decimal or hexadecimal (0x1f)';

/** Rows: options (with the extension before a dot where others have one of that name), a sentence or `one of NAMES`. */
const ROWS: readonly (readonly [options: string, what: string])[] = [
  ['ctstate', `some of ${STATES} SNAT DNAT`],
  ['state.state', `some of ${STATES}`],
  ['ctstatus', 'some of NONE EXPECTED SEEN_REPLY ASSURED CONFIRMED'],
  ['ctdir', 'one of ORIGINAL REPLY'],
  ['ctevents', 'some of new related destroy reply assured protoinfo helper mark natseqinfo secmark'],
  ['log-level', 'one of emerg alert crit error warning notice info debug'],
  ['src-type dst-type', `some of ${ADDRESS_TYPES}`],
  ['pkt-type', 'one of unicast broadcast multicast'],
  ['algo', 'one of bm kmp'],
  ['statistic.mode', 'one of random nth'],
  ['policy.mode', 'one of transport tunnel'],
  ['hashlimit-mode', 'some of srcip srcport dstip dstport'],
  ['connbytes-dir', 'one of original reply both'],
  ['connbytes-mode', 'one of packets bytes avgpkt'],
  ['limit hashlimit-upto hashlimit-above', RATE],
  ['tcp-flags', 'two lists, the flags to look at and those that are set: some of SYN ACK FIN RST URG PSH ALL NONE'],
  ['weekdays', 'some of Mon Tue Wed Thu Fri Sat Sun'],
  ['dccp-types', 'some of REQUEST RESPONSE DATA ACK DATAACK CLOSEREQ CLOSE RESET SYNC SYNCACK INVALID'],
  ['tcp.source-port tcp.destination-port udp.source-port udp.destination-port', PORT],
  ['source-ports destination-ports ports', PORTS],
  ['to-source to-destination', MAPPING],
  ['to-ports', 'PORT or PORT-PORT'],
  ['mac-source', 'six pairs of hexadecimal digits with colons between'],
  ['set-mark set-xmark', MARK],
  ['mark.mark connmark.mark', MARK],
  ['and-mark or-mark xor-mark mask nfmask ctmask', 'a number, decimal or hexadecimal'],
  ['ttl-eq ttl-lt ttl-gt ttl-set ttl-inc ttl-dec hl-eq hl-lt hl-gt hl-set hl-inc hl-dec', 'a number from 0 to 255'],
  ['length.length mss tcpmss.mss espspi ahspi connbytes', NUMBERS],
  ['src-range dst-range', 'ADDRESS-ADDRESS'],
  [
    'dscp-class set-dscp-class',
    'one of CS0 CS1 CS2 CS3 CS4 CS5 CS6 CS7 BE AF11 AF12 AF13 AF21 AF22 AF23 AF31 AF32 AF33 AF41 AF42 AF43 EF',
  ],
  ['icmp-type icmpv6-type', "a type's name, or TYPE or TYPE/CODE in numbers"],
];

const REJECT_TYPES: Readonly<Record<Family, string>> = {
  2: 'one of icmp-net-unreachable icmp-host-unreachable icmp-port-unreachable icmp-proto-unreachable icmp-net-prohibited icmp-host-prohibited icmp-admin-prohibited tcp-reset',
  10: 'one of icmp6-no-route icmp6-adm-prohibited icmp6-addr-unreachable icmp6-port-unreachable icmp6-policy-fail icmp6-reject-route tcp-reset',
};

const EXPECTED: ReadonlyMap<string, Expected> = new Map(
  ROWS.flatMap(([options, what]) => options.split(' ').map((option): [string, Expected] => [option, expected(what)])),
);

function expected(what: string): Expected {
  const list = /(?:one|some) of (.*)$/.exec(what);
  return list === null ? { what, names: [] } : { what, names: (list[1] as string).split(' ') };
}

/** `expected ...; did you mean "X"?` for a value of an extension's option; '' = nothing is known of it. */
export function expectedValue(extension: string, option: string, value: string, family: Family): string {
  if (option === 'reject-with') return sentence(expected(REJECT_TYPES[family]), value);
  const known = EXPECTED.get(`${extension}.${option}`) ?? EXPECTED.get(option);
  if (known === undefined) return '';
  if (known.what === PORT && /^\w+(,\w+)+$/.test(value)) {
    return `expected ${PORT}; several take -m multiport --${option === 'source-port' ? 'sports' : 'dports'} ${value}`;
  }
  return sentence(known, value);
}

/** The nearest name of the first part of a list that is none. */
function sentence({ what, names }: Expected, value: string): string {
  if (names.length === 0) return `expected ${what}`;
  const wrong = value.split(/[, ]/).find((part) => !names.some((n) => n.toLowerCase() === part.toLowerCase()));
  return `expected ${what}${wrong === undefined ? '' : suggest(wrong, names)}`;
}

/** The options that something is known of, as `option` or `extension.option`. */
export function expectedOptions(): string[] {
  return [...EXPECTED.keys()];
}
