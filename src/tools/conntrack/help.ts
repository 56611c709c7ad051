/** `conntrack -h`, in words of our own, and what `statewall conntrack --help` has besides. */
import type { ProtocolRow, TransportField } from './protocols.js';

const HELP = `Usage: conntrack COMMAND [TABLE] [options]

Commands on a TABLE (conntrack, expect, dying, unconfirmed; conntrack where none is named):
  -L, --dump [TABLE]                  print the entries that the options select
  -G, --get [TABLE]                   print the one entry that has these addresses and ports
  -D, --delete [TABLE]                end the entries that the options select, and print them
  -I, --create [TABLE]                add an entry
  -A, --add                           the same, where it may be there already
  -U, --update                        change the entries that the options select
  -E, --event [TABLE]                 print changes as they happen, until Ctrl-C
  -F, --flush [TABLE]                 end all entries
  -C, --count [TABLE]                 print how many there are
  -S, --stats                         print what each CPU has counted
  -R, --load-file FILE                run the command lines of a file, as -o save prints them
  -V, --version                       print the version
  -h, --help                          print this; with -p also the options of a protocol

Which connections (ADDRESS may have a prefix length):
  -s, --src, --orig-src ADDRESS       source of the packet that began it
  -d, --dst, --orig-dst ADDRESS       its destination
  -r, --reply-src ADDRESS             source of the answers
  -q, --reply-dst ADDRESS             their destination
      --mask-src, --mask-dst MASK     mask of -s, of -d
  -p, --protonum PROTOCOL             name or number; brings options of its own
  -f, --family FAMILY                 ipv4 or ipv6
  -n, --src-nat [ADDRESS[:PORT]]      those whose source is translated, to there
  -g, --dst-nat [ADDRESS[:PORT]]      those whose destination is
  -j, --any-nat [ADDRESS[:PORT]]      those of which either is
  -m, --mark MARK[/MASK]              connection mark
  -u, --status STATUS[,STATUS]...     ASSURED, SEEN_REPLY, UNSET, FIXED_TIMEOUT, EXPECTED, OFFLOAD, HW_OFFLOAD
  -w, --zone ZONE                     zone; --orig-zone and --reply-zone: of one direction
  -l, --label LABEL[,LABEL]...        labels that are set
  -c, --secmark MARK                  security mark
  -i, --id ID                         the number that -o id prints

What to set (-I, -A, -U; also -m, -u, -w, -n, -g):
  -t, --timeout SECONDS               time that is left
      --label-add, --label-del LABEL  labels to set, to clear

Expectations (-I expect, -G expect, -D expect; -s and -d are the connection that announces it):
      --tuple-src, --tuple-dst ADDRESS  what is expected
      --mask-src, --mask-dst MASK       which part of it counts

Output and events:
  -o, --output FORM[,FORM]...         xml, extended, timestamp, ktimestamp, id, labels, userspace, save
  -e, --event-mask EVENT[,EVENT]...   NEW, UPDATES, DESTROY, ALL
  -b, --buffer-size BYTES             of the socket that events come through
  -z, --zero                          set counters to 0 while they are listed
`;

/** What the options of protocols are about. */
const FIELDS: Record<TransportField, string> = {
  sport: 'source, as it began',
  dport: 'destination, as it began',
  replySport: 'source of the answers',
  replyDport: 'destination of the answers',
  maskSport: 'mask of an expected source',
  maskDport: 'mask of an expected destination',
  tupleSport: 'expected source',
  tupleDport: 'expected destination',
  state: 'state, by its name',
  vtagOriginal: 'verification tag, as it began',
  vtagReply: 'verification tag of the answers',
  role: 'client or server',
  icmpType: 'type of the message',
  icmpCode: 'code of the message',
  icmpId: 'id of the query',
};

/** The help, with the options of a protocol where -p names one. */
export function helpText(protocol: ProtocolRow | null): string {
  if (protocol === null) return HELP;
  const rows = protocol.options.map(({ names, field }) => {
    const option = names.map((name) => `--${name}`).join(', ');
    return `      ${option.padEnd(31)} ${FIELDS[field]}\n`;
  });
  return `${HELP}\nWith -p ${protocol.name}:\n${rows.length > 0 ? rows.join('') : '      (no options of its own)\n'}`;
}

/** What the original does not have. */
export function ownHelpText(): string {
  return `
What conntrack(8) does not have (names are never shortened):
      --table FILE                    Work on a saved table: any -o form, /proc/net/nf_conntrack, ip_conntrack or JSON lines
      --write                         Write what was changed back to that file (-o save form); without it the file stays as it is
      --namespace FILE                The table of another network namespace, such as /var/run/netns/NAME
      --json                          One JSON object a line: connections, expectations, events, counts, statistics
      --top KEY                       Count by src, dst, sport, dport, pair, state or zone
      --dry-run                       With -D and -F: show and count what would go, and leave it there
      --undo FILE                     With -D and -F: first write what goes to a new file, for -R to bring it back
      --explain                       Say in plain words what the line means, and do nothing

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
