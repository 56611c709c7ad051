/** `statewall replay`: its options and their explanations. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { wantColour } from '../replay/colour.js';
import { makeHost } from '../replay/host-adapter.js';
import {
  ANSWERING,
  type Answering,
  PLANES,
  type Plane,
  type ReplayOptions,
  TABLE_FORMATS,
  type TableFormat,
} from '../replay/options.js';
import { runReplay } from '../replay/run.js';
import { readable } from './message.js';

const EXAMPLES = `
What is printed:
  One line a packet - time (UTC), interfaces, the packet as tcpdump shows it, its connection state, the verdict and the rule that
  decided, and the exact reason where a packet is INVALID or dropped outside the rules - and then a summary. --summary prints the
  summary alone, --json one JSON object a packet:
    {"n":1,"time":1760000000.000123,"in":"r0","out":"r1","hook":"FORWARD","verdict":"ACCEPT","state":"NEW","dir":"ORIGINAL",
     "status":["CONFIRMED"],"id":17,"rule":{"table":"filter","chain":"FORWARD","number":3,"text":"-A FORWARD ..."},
     "log":[],"reason":null}
  --summary --json prints the summary as one object:
    {"packets":N,"bytes":N,"first":SECONDS,"last":SECONDS,"skipped":{"ARP":N},"verdicts":{"ACCEPT":N,...},"states":{"NEW":N,...},
     "rules":[{"family":2,"table":"filter","chain":"INPUT","number":1,"text":"-A INPUT ...","verdict":"DROP","packets":N}],
     "table":{"entries":N,"peak":N,"max":N},"invalid":[{"reason":"tcp-rst","packets":N}],
     "dropped":{"byRule":[...],"outsideRules":[{"reason":"no-route","packets":N}]},"lostEvents":0,
     "doubts":[{"family":2,"table":"filter","chain":"OUTPUT","number":1,"text":"-A OUTPUT ...","extension":"-m owner",
     "why":"...","packets":N,"file":"rules.v4","line":7}]}

Examples:
  What would these rules have done to this traffic?
    statewall replay capture.pcapng --rules rules.v4 --local 192.0.2.10
  A router, described in a file; only the totals:
    statewall replay capture.pcapng --rules rules.v4 --rules6 rules.v6 --host router.yaml --summary
  Every packet that was not accepted:
    statewall replay capture.pcap.gz --rules rules.v4 --local 192.0.2.10 --json | jq 'select(.verdict != "ACCEPT")'
  The same traffic without picking up connections in the middle:
    statewall replay capture.pcap --rules rules.v4 --local 192.0.2.10 --sysctl net.netfilter.nf_conntrack_tcp_loose=0
  From a live capture, with the table and the rule counters afterwards:
    tcpdump -w - -c 1000 | statewall replay - --rules rules.v4 --local 192.0.2.10 --save-table table.txt --save-rules after.v4

Exit status:
  0  everything was processed and written
  1  something failed: a file cannot be read or written, rules or host are not right, a capture is damaged (everything before
     the damage has been processed and written then)
  2  the command line is wrong, also where an output would overwrite an input
  130, 143  Ctrl-C or SIGTERM ended it; everything up to there has been processed and written`;

interface RawOptions {
  rules?: string;
  rules6?: string;
  rulesNft?: string;
  rules6Nft?: string;
  firstPlane: Plane;
  host?: string;
  local: string[];
  inInterface?: string;
  answers: Answering;
  loadTable?: string;
  sets?: string;
  lenient?: boolean;
  sysctl: [string, string][];
  summary?: boolean;
  json?: boolean;
  color?: boolean;
  saveRules?: string;
  saveRules6?: string;
  saveRulesNft?: string;
  saveRules6Nft?: string;
  saveSets?: string;
  saveTable?: string;
  tableFormat: TableFormat;
  saveExpectations?: string;
  saveExpectations6?: string;
  saveExpectationEvents?: string;
  saveEvents?: string;
  saveLog?: string;
  saveCapture?: string;
}

/** The command, ready to be added to `statewall`. It leaves its exit status in the option value `exitStatus`. */
export function replayCommand(): Command {
  const command = new Command('replay')
    .summary('run captures through a ruleset and say what the kernel would have done with each packet, and why')
    .description(
      'Runs every packet of the captures, in time order, through one simulated Linux host with the given rules, and says what the ' +
        'host did with it, and why. The clock is the time stamps of the captures; two runs print the same.',
    )
    .argument('<capture...>', 'pcap or pcapng files, also compressed with gzip; - is standard input')
    .helpOption('-h, --help', 'print this help');
  addInputOptions(command);
  addOutputOptions(command);
  return command.addHelpText('after', EXAMPLES).action(async (captures: string[], raw: RawOptions) => {
    const status = await runReplay(settle(captures, raw), makeHost, warn);
    command.setOptionValue('exitStatus', status);
  });
}

function addInputOptions(command: Command): void {
  const repeat = (value: string, before: string[]): string[] => [...before, value];
  command
    .optionsGroup('The host:')
    .option('--rules <file>', 'IPv4 rules: what iptables-save prints, or a shell script of iptables commands')
    .option('--rules6 <file>', 'IPv6 rules, as ip6tables-save prints them')
    .option(
      '--rules-nft <file>',
      'where a host has rules of iptables-legacy (--rules) and of iptables-nft at once: the latter, as iptables-nft-save prints them',
    )
    .option('--rules6-nft <file>', 'the same for IPv6')
    .addOption(
      new Option(
        '--first-plane <plane>',
        'whose tables a packet meets first at equal priority: those that were made last',
      )
        .choices(PLANES)
        .default('nft'),
    )
    .option(
      '--host <file>',
      'interfaces, addresses, routes, sysctls, sets, sockets and what else rules ask of the host, in YAML: docs/host-file.md',
    )
    .addOption(
      new Option('--local <address>', "an address of the host's own, instead of --host (repeatable)")
        .argParser(repeat)
        .default([] as string[], 'the address in most of the conversations')
        .conflicts('host'),
    )
    .option('--in-interface <name>', 'the interface of packets whose capture names none that the host has')
    .addOption(
      new Option('--sysctl <key=value>', 'a kernel setting, over those of --host (repeatable)')
        .argParser(parseSysctl)
        .default([] as [string, string][], 'the defaults of Linux 6.18'),
    )
    .addOption(
      new Option(
        '--answers <when>',
        'whether the host answers what is delivered to it, as one without open ports does (ping, RST, port unreachable); auto: ' +
          'if --host describes it and the captures hold nothing that it sent',
      )
        .choices(ANSWERING)
        .default('auto'),
    )
    .option('--load-table <file>', 'connections to begin with: any output of conntrack -L, or /proc/net/nf_conntrack')
    .option('--sets <file>', 'sets for -m set and -j SET, as ipset save prints them, besides those of --host')
    .option('--lenient', 'skip rules that are not supported, with a warning, instead of refusing the ruleset');
}

function addOutputOptions(command: Command): void {
  command
    .optionsGroup('What is printed:')
    .option('--summary', 'the summary alone')
    .option('--json', 'one JSON object a packet; with --summary the summary as one object')
    .addOption(new Option('--color', 'colours even where no terminal reads'))
    .addOption(new Option('--no-color', 'no colours (also: the variable NO_COLOR)'))
    .optionsGroup('What is saved (- is standard output):')
    .option('--save-rules <file>', 'the IPv4 rules afterwards, with counters, as iptables-save -c prints them')
    .option('--save-rules6 <file>', 'the IPv6 rules afterwards')
    .option('--save-rules-nft <file>', 'the rules of --rules-nft afterwards')
    .option('--save-rules6-nft <file>', 'the rules of --rules6-nft afterwards')
    .option('--save-sets <file>', 'the sets afterwards, as ipset save prints them')
    .option('--save-table <file>', 'the connections at the last packet, as conntrack -L -o extended prints them')
    .addOption(
      new Option(
        '--table-format <form>',
        'the form of --save-table: extended, xml and save as conntrack -o, proc as /proc',
      )
        .choices(TABLE_FORMATS)
        .default('extended'),
    )
    .option('--save-expectations <file>', 'the expectations then, as conntrack -L expect prints them')
    .option('--save-expectations6 <file>', 'those of IPv6, as conntrack -L expect -f ipv6 prints them')
    .option('--save-events <file>', 'what happened to connections, as conntrack -E prints it')
    .option('--save-expectation-events <file>', 'what happened to expectations, as conntrack -E expect prints it')
    .option('--save-log <file>', "kernel-log lines of LOG, TRACE and connection tracking, each with the packet's time")
    .option(
      '--save-capture <file>',
      'pcapng of every packet that leaves the host or is delivered, with its outcome as comment',
    )
    .optionsGroup('Other:');
}

function parseSysctl(value: string, before: [string, string][]): [string, string][] {
  const m = /^\s*([^\s=]+)\s*=\s*(.*?)\s*$/.exec(value);
  if (!m || m[2] === '') throw new InvalidArgumentError('Expected KEY=VALUE, such as net.ipv4.ip_forward=1.');
  return [...before, [m[1], m[2]]];
}

function settle(captures: readonly string[], raw: RawOptions): ReplayOptions {
  const tty = process.stdout.isTTY === true;
  const summary = raw.summary === true;
  const json = raw.json === true;
  const lines = !summary && !json;
  return {
    captures,
    rules: raw.rules ?? null,
    rules6: raw.rules6 ?? null,
    rulesNft: raw.rulesNft ?? null,
    rules6Nft: raw.rules6Nft ?? null,
    firstPlane: raw.firstPlane,
    host: raw.host ?? null,
    local: raw.local,
    inInterface: raw.inInterface ?? null,
    answers: raw.answers,
    loadTable: raw.loadTable ?? null,
    sets: raw.sets ?? null,
    lenient: raw.lenient === true,
    sysctl: raw.sysctl,
    show: summary ? (json ? 'summary-json' : 'summary') : json ? 'json' : 'lines',
    colour: wantColour(raw.color, process.env, tty),
    // Lines that run over the same terminal would tear the progress line apart.
    progress: process.stderr.isTTY === true && process.env.TERM !== 'dumb' && !(tty && (lines || (json && !summary))),
    saveRules: raw.saveRules ?? null,
    saveRules6: raw.saveRules6 ?? null,
    saveRulesNft: raw.saveRulesNft ?? null,
    saveRules6Nft: raw.saveRules6Nft ?? null,
    saveSets: raw.saveSets ?? null,
    saveTable: raw.saveTable ?? null,
    tableFormat: raw.tableFormat,
    saveExpectations: raw.saveExpectations ?? null,
    saveExpectations6: raw.saveExpectations6 ?? null,
    saveExpectationEvents: raw.saveExpectationEvents ?? null,
    saveEvents: raw.saveEvents ?? null,
    saveLog: raw.saveLog ?? null,
    saveCapture: raw.saveCapture ?? null,
  };
}

function warn(line: string): void {
  process.stderr.write(`statewall: ${readable(line)}\n`);
}
