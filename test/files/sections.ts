/**
 * What recorded rule lines say of each match and target: `-m name options` and `-j NAME options`, with the `-p` that stood before
 * them. Raw material for random rulesets that use every extension.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Family } from '../../src/rules/model.js';

/** One match or target as some line has it. */
export interface Section {
  family: Family;
  /** The line's -p, '' = none. */
  protocol: string;
  /** As in the registry. */
  name: string;
  isTarget: boolean;
  /** `-m name ...`, with the `!` that belong to it. */
  text: string;
}

const FIXTURES = new URL('../fixtures/rules/', import.meta.url);
/** What no fixture has. */
const MORE = [
  '4\t-m comment --comment "it\'s \\"a\\" \\\\"',
  '4\t-m helper --helper "ftp-2121"',
  '4\t-m set --match-set blocked src,dst',
  '4\t-m set ! --match-set b2 src --return-nomatch --packets-gt 3 --bytes-lt 9',
  '4\t-m set --match-set blocked src --update-counters ! --update-subcounters',
  '4\t-j SET --add-set seen src --exist --timeout 10',
  '4\t-j SET --map-set m src --map-mark --map-prio --map-queue',
  '4\t-j SET --del-set seen src,dst',
  '4\t-m nfacct --nfacct-name web',
  '4\t-m ipvs --vaddr 10.0.0.0/24 --vport 80 --vmethod MASQ --vproto 6',
  '4\t-m ipvs ! --ipvs',
  '4\t-j CLUSTERIP --new --hashmode sourceip-sourceport --clustermac 01:00:5e:00:00:20 --total-nodes 2 --local-node 1 --hash-init 5',
  '4\t-p tcp -j DNAT --to-destination 10.0.0.1-10.0.0.9:80-90 --random --persistent',
  '6\t-p tcp -j DNAT --to-destination [fd00::1]:80',
  '4\t-p udp -j SNAT --to-source 192.0.2.1:1024-65535 --random-fully',
  '6\t-j SNAT --to-source fd00::1-fd00::9',
  '4\t-p tcp -j MASQUERADE --to-ports 1000-2000 --random',
  '4\t-j MASQUERADE',
  '4\t-p tcp -j REDIRECT --to-ports 8080',
  '4\t-j NETMAP --to 192.0.2.0/24',
  '6\t-j NETMAP --to fd00::/64',
  '4\t-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1400',
  '4\t-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu',
  '4\t-j LED --led-trigger-id ssh --led-delay 20 --led-always-blink',
  '4\t-j SECMARK --selctx system_u:object_r:ssh_packet_t:s0',
  '4\t-j ULOG --ulog-nlgroup 2 --ulog-prefix "x y" --ulog-cprange 40 --ulog-qthreshold 3',
];

/** Sections of all fixtures, without two of one text. */
export function readSections(): Section[] {
  const sections = new Map<string, Section>();
  const lines = MORE.concat(
    readdirSync(FIXTURES)
      .filter((name) => name.endsWith('.tsv'))
      .flatMap((name) => readFileSync(new URL(name, FIXTURES), 'utf8').split('\n')),
  );
  for (const line of lines) {
    const [family, ...columns] = line.split('\t');
    if (family !== '4' && family !== '6') continue;
    for (const column of columns) {
      for (const section of sectionsOf(column, family === '4' ? 2 : 10)) {
        sections.set(`${section.family} ${section.protocol} ${section.text}`, section);
      }
    }
  }
  return [...sections.values()];
}

function* sectionsOf(rule: string, family: Family): Generator<Section> {
  if (!/^(! )?-\w/.test(rule)) return;
  const given = /(?:^| )((?:! )?-p \S+)/.exec(rule)?.[1] ?? '';
  for (const m of rule.matchAll(
    /(?<=^| )(-[mj]) (\S+)((?: (?!-[mjgpiosd] |! -[piosd] )(?:"(?:[^"\\]|\\.)*"|'[^']*'|\S)+)*)/g,
  )) {
    const [, kind, name, options] = m as unknown as [string, string, string, string];
    // a quote inside of a word means something else to iptables-restore than to the shell that the line was written for
    const text = `${kind} ${name}${options.replace(/'([^'"\\]*)'/g, '"$1"')}`;
    if (/'|[^\s"\\]"[^\s"]/.test(text.replace(/(?<= )"(?:[^"\\]|\\.)*"(?= |$)/g, ''))) continue;
    // the kernel wants a match of the SYN flag beside it
    const protocol = name === 'TCPMSS' ? '-p tcp -m tcp --tcp-flags SYN,RST SYN' : given;
    yield {
      family,
      protocol,
      name,
      isTarget: kind === '-j',
      text,
    };
  }
}
