/** `conntrack -h`, which scripts and people know by heart, and what `statewall conntrack --help` has besides. */
import type { ProtocolRow } from './protocols.js';

const HELP = `Command line interface for the connection tracking system. Version 1.4.7
Usage: conntrack [commands] [options]

Commands:
  -L [table] [options]\t\tList conntrack or expectation table
  -G [table] parameters\t\tGet conntrack or expectation
  -D [table] parameters\t\tDelete conntrack or expectation
  -I [table] parameters\t\tCreate a conntrack or expectation
  -U [table] parameters\t\tUpdate a conntrack
  -E [table] [options]\t\tShow events
  -F [table]\t\t\tFlush table
  -C [table]\t\t\tShow counter
  -S\t\t\t\tShow statistics

Tables: conntrack, expect, dying, unconfirmed

Conntrack parameters and options:
  -n, --src-nat ip\t\t\tsource NAT ip
  -g, --dst-nat ip\t\t\tdestination NAT ip
  -j, --any-nat ip\t\t\tsource or destination NAT ip
  -m, --mark mark\t\t\tSet mark
  -c, --secmark secmark\t\t\tSet selinux secmark
  -e, --event-mask eventmask\t\tEvent mask, eg. NEW,DESTROY
  -z, --zero \t\t\t\tZero counters while listing
  -o, --output type[,...]\t\tOutput format, eg. xml
  -l, --label label[,...]\t\tconntrack labels

Expectation parameters and options:
  --tuple-src ip\tSource address in expect tuple
  --tuple-dst ip\tDestination address in expect tuple

Updating parameters and options:
  --label-add label\tAdd label
  --label-del label\tDelete label

Common parameters and options:
  -s, --src, --orig-src ip\t\tSource address from original direction
  -d, --dst, --orig-dst ip\t\tDestination address from original direction
  -r, --reply-src ip\t\tSource addres from reply direction
  -q, --reply-dst ip\t\tDestination address from reply direction
  -p, --protonum proto\t\tLayer 4 Protocol, eg. 'tcp'
  -f, --family proto\t\tLayer 3 Protocol, eg. 'ipv6'
  -t, --timeout timeout\t\tSet timeout
  -u, --status status\t\tSet status, eg. ASSURED
  -w, --zone value\t\tSet conntrack zone
  --orig-zone value\t\tSet zone for original direction
  --reply-zone value\t\tSet zone for reply direction
  -b, --buffer-size\t\tNetlink socket buffer size
  --mask-src ip\t\t\tSource mask address
  --mask-dst ip\t\t\tDestination mask address

`;

/** The help of the original, with the options of a protocol where -p names one. */
export function helpText(protocol: ProtocolRow | null): string {
  return protocol === null ? HELP : `${HELP}Proto \`${protocol.name}' help:\n${protocol.help.join('\n')}\n`;
}

/** What the original does not have. */
export function ownHelpText(): string {
  return `What conntrack(8) does not have (names are never shortened):
  --table FILE\t\t\tWork on a saved table: any -o form, /proc/net/nf_conntrack, ip_conntrack or JSON lines
  --write\t\t\tWrite what was changed back to that file (-o save form); without it the file stays as it is
  --namespace FILE\t\tThe table of another network namespace, such as /var/run/netns/NAME
  --json\t\t\tOne JSON object a line: connections, expectations, events, counts, statistics
  --top KEY\t\t\tCount by src, dst, sport, dport, pair, state or zone
  --dry-run\t\t\tWith -D and -F: show and count what would go, and leave it there
  --undo FILE\t\t\tWith -D and -F: first write what goes to a new file, for -R to bring it back
  --explain\t\t\tSay in plain words what the line means, and do nothing
  -A, --add; -R, --load-file FILE; -o save: see conntrack(8)

Examples:
  statewall conntrack -L -p tcp --state ESTABLISHED -s 10.0.0.0/8
  statewall conntrack -L --top pair
  statewall conntrack -E -e NEW,DESTROY --json
  statewall conntrack -D -s 192.0.2.7 --dry-run
  statewall conntrack -D -s 192.0.2.7 --undo gone.save    and back: statewall conntrack -R gone.save
  statewall conntrack --table dump.txt -L -o extended -d 198.51.100.0/24
  statewall conntrack -D -p udp --dport 53 --mask-src 255.255.0.0 -s 10.1.0.0 --explain
`;
}
