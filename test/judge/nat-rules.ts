/** Rules of the nat table, and the addresses that clients on A then talk to. */
import type { Random } from './random.js';

/** Rules and servers (port -1: any); no servers: those of B. */
export interface NatPlan {
  rules: string;
  servers: readonly (readonly [string, number])[];
}

type Draw = (r: Random, isIpv6: boolean) => NatPlan;

const snat: Draw = (r, isIpv6) => {
  const choices = isIpv6
    ? [
        '-A POSTROUTING -o r1 -j SNAT --to-source fd00:2::7',
        '-A POSTROUTING -o r1 -j SNAT --to-source fd00:2::6-fd00:2::9',
        '-A POSTROUTING -o r1 -j SNAT --to-source fd00:2::6-fd00:2::9 --persistent',
        '-A POSTROUTING -s fd00:1::/64 -o r1 -j SNAT --to-source fd00:2::8\n-A POSTROUTING -o r1 -p tcp -j SNAT --to-source fd00:2::9',
      ]
    : [
        '-A POSTROUTING -o r1 -j SNAT --to-source 10.2.0.7',
        '-A POSTROUTING -o r1 -j SNAT --to-source 10.2.0.6-10.2.0.9',
        '-A POSTROUTING -o r1 -j SNAT --to-source 10.2.0.6-10.2.0.9 --persistent',
        '-A POSTROUTING -s 10.1.0.0/24 -o r1 -j SNAT --to-source 10.2.0.8\n-A POSTROUTING -o r1 -p tcp -j SNAT --to-source 10.2.0.9',
      ];
  return { rules: r.pick(choices), servers: [] };
};

const masquerade: Draw = () => ({ rules: '-A POSTROUTING -o r1 -j MASQUERADE', servers: [] });

const dnat: Draw = (_r, isIpv6) => {
  if (isIpv6)
    return {
      rules: `-A PREROUTING -i r0 -d fd00:1::1 -p tcp -m tcp --dport 80 -j DNAT --to-destination [fd00:2::3]:8080
        -A PREROUTING -i r0 -d fd00:1::1 -p udp -j DNAT --to-destination fd00:2::4
        -A PREROUTING -i r0 -d fd00:99::/64 -j DNAT --to-destination fd00:2::2-fd00:2::5`,
      servers: [
        ['fd00:1::1', 80],
        ['fd00:99::7', -1],
        ['fd00:99::8', -1],
        ['fd00:2::2', -1],
      ],
    };
  return {
    rules: `-A PREROUTING -i r0 -d 10.1.0.1 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.2.0.3:8080
      -A PREROUTING -i r0 -d 10.1.0.1 -p udp -j DNAT --to-destination 10.2.0.4
      -A PREROUTING -i r0 -d 10.1.0.1 -p tcp -m tcp --dport 1500 -j DNAT --to-destination 10.2.0.5:3000
      -A PREROUTING -i r0 -d 10.99.0.0/24 -j DNAT --to-destination 10.2.0.2-10.2.0.5`,
    servers: [
      ['10.1.0.1', 80],
      ['10.1.0.1', 1500],
      ['10.99.0.7', -1],
      ['10.99.0.8', -1],
      ['10.2.0.2', -1],
    ],
  };
};

const netmap: Draw = (r, isIpv6) => {
  const out = isIpv6
    ? '-A POSTROUTING -s fd00:1::/64 -o r1 -j NETMAP --to fd00:22:5::/64'
    : '-A POSTROUTING -s 10.1.0.0/24 -o r1 -j NETMAP --to 10.22.5.0/24';
  const back = isIpv6
    ? '-A PREROUTING -i r0 -d fd00:98::/64 -j NETMAP --to fd00:2::/64'
    : '-A PREROUTING -i r0 -d 10.98.0.0/24 -j NETMAP --to 10.2.0.0/24';
  if (r.chance(0.5)) return { rules: out, servers: [] };
  const servers: [string, number][] = isIpv6
    ? [
        ['fd00:98::3', -1],
        ['fd00:98::4', -1],
      ]
    : [
        ['10.98.0.3', -1],
        ['10.98.0.4', -1],
      ];
  return { rules: `${out}\n${back}`, servers };
};

const both: Draw = (r, isIpv6) => {
  const first = dnat(r, isIpv6);
  return { ...first, rules: `${first.rules}\n-A POSTROUTING -o r1 -j MASQUERADE` };
};

/**
 * Ranges of ports: a source that clashes finds none in a range of one, a destination the first free one. Where the kernel would draw
 * from a small range nothing could be compared.
 */
const ports: Draw = (r, isIpv6) => {
  const out = isIpv6 ? 'fd00:2::7' : '10.2.0.7';
  const to = (ports: string): string => (isIpv6 ? `[${out}]:${ports}` : `${out}:${ports}`);
  const inside = isIpv6 ? '[fd00:2::5]' : '10.2.0.5';
  const front = isIpv6 ? 'fd00:1::1' : '10.1.0.1';
  const rules = [
    `-A POSTROUTING -o r1 -p tcp -j SNAT --to-source ${to(r.pick(['6000', '20000-62000']))}`,
    `-A POSTROUTING -o r1 -p udp -j MASQUERADE --to-ports ${r.pick(['7000', '20000-62000'])}`,
    `-A PREROUTING -i r0 -d ${front} -p tcp -m tcp --dport 80 -j DNAT --to-destination ${inside}:${r.pick(['3000-3003', '3000', '1-4'])}`,
    `-A PREROUTING -i r0 -d ${front} -p udp -j DNAT --to-destination ${inside}:5000-5003`,
  ];
  const other = isIpv6 ? 'fd00:2::2' : '10.2.0.2';
  return {
    rules: r.sample(rules, r.range(1, 5)).join('\n'),
    servers: [
      [front, 80],
      [front, 53],
      [other, -1],
    ],
  };
};

/** Clients and servers on the same side, who talk through the router's address. */
const hairpin: Draw = (r) => ({
  rules: `-A PREROUTING -d 10.1.0.1 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.0.5:8080
    -A PREROUTING -d 10.1.0.1 -p udp -j DNAT --to-destination 10.1.0.6
    -A PREROUTING -d 10.2.0.1 -p tcp -j DNAT --to-destination 10.1.0.7
    -A POSTROUTING -o r0 -s 10.1.0.0/24 -j ${r.pick(['MASQUERADE', 'SNAT --to-source 10.1.0.1', 'SNAT --to-source 10.1.0.8'])}
    -A POSTROUTING -o r1 -j MASQUERADE`,
  servers: [
    ['10.1.0.1', 80],
    ['10.1.0.1', 53],
    ['10.2.0.1', 22],
  ],
});

/** How a family of NAT draws its rules. */
export const KINDS = { snat, masquerade, dnat, netmap, both, ports, hairpin } as const;
