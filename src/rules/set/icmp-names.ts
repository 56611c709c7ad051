/** Names of ICMP and ICMPv6 types with their codes, as ipset prints and takes them. */
import { IPPROTO_ICMP } from '../../wire/packet.js';

/** Each `name type code`; of two names with one meaning the first is printed. */
const ICMP =
  'echo-reply 0 0;pong 0 0;network-unreachable 3 0;host-unreachable 3 1;protocol-unreachable 3 2;port-unreachable 3 3;' +
  'fragmentation-needed 3 4;source-route-failed 3 5;network-unknown 3 6;host-unknown 3 7;network-prohibited 3 9;' +
  'host-prohibited 3 10;TOS-network-unreachable 3 11;TOS-host-unreachable 3 12;communication-prohibited 3 13;' +
  'host-precedence-violation 3 14;precedence-cutoff 3 15;source-quench 4 0;network-redirect 5 0;host-redirect 5 1;' +
  'TOS-network-redirect 5 2;TOS-host-redirect 5 3;echo-request 8 0;ping 8 0;router-advertisement 9 0;' +
  'router-solicitation 10 0;ttl-zero-during-transit 11 0;ttl-zero-during-reassembly 11 1;ip-header-bad 12 0;' +
  'required-option-missing 12 1;timestamp-request 13 0;timestamp-reply 14 0;address-mask-request 17 0;' +
  'address-mask-reply 18 0';
const ICMPV6 =
  'no-route 1 0;communication-prohibited 1 1;address-unreachable 1 3;port-unreachable 1 4;packet-too-big 2 0;' +
  'ttl-zero-during-transit 3 0;ttl-zero-during-reassembly 3 1;bad-header 4 0;unknown-header-type 4 1;' +
  'unknown-option 4 2;echo-request 128 0;ping 128 0;echo-reply 129 0;pong 129 0;router-solicitation 133 0;' +
  'router-advertisement 134 0;neighbour-solicitation 135 0;neigbour-solicitation 135 0;' +
  'neighbour-advertisement 136 0;neigbour-advertisement 136 0;redirect 137 0';

function numbersOf(table: string): ReadonlyMap<string, number> {
  return new Map(
    table.split(';').map((line) => {
      const [name, type, code] = line.split(' ') as [string, string, string];
      return [name, (Number(type) << 8) | Number(code)];
    }),
  );
}

function namesOf(numbers: ReadonlyMap<string, number>): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const [name, number] of numbers) if (!names.has(number)) names.set(number, name);
  return names;
}

const NUMBERS4 = numbersOf(ICMP);
const NUMBERS6 = numbersOf(ICMPV6);
const NAMES4 = namesOf(NUMBERS4);
const NAMES6 = namesOf(NUMBERS6);

/** type << 8 | code of a name; undefined: there is none. */
export function icmpNumber(protocol: number, name: string): number | undefined {
  return (protocol === IPPROTO_ICMP ? NUMBERS4 : NUMBERS6).get(name);
}

/** The name of type << 8 | code, else `type/code`. */
export function icmpName(protocol: number, number: number): string {
  return (protocol === IPPROTO_ICMP ? NAMES4 : NAMES6).get(number) ?? `${number >> 8}/${number & 255}`;
}

/** All names, for suggestions. */
export function icmpNames(protocol: number): Iterable<string> {
  return (protocol === IPPROTO_ICMP ? NUMBERS4 : NUMBERS6).keys();
}
