/**
 * What -h prints: the commands' arguments in short, in Statewall's words.
 */
import type { Extension, OptionSpec } from '../rules/extension.js';
import { IPTABLES_VERSION } from './errors.js';

const OWN = `Statewall's own options, before all others:
  --ruleset FILE                the ruleset to work on: text as iptables-save -c prints it; made if it is not there
`;

/** -h of iptables and ip6tables, with the options of the extensions named before it. */
export function usage(program: string, extensions: readonly Extension[] = []): string {
  const other = program === 'iptables' ? 'ip6tables' : 'iptables';
  const fragments = program === 'iptables' ? '  [!] -f, --fragments           second and further fragments only\n' : '';
  const text = `${program} ${IPTABLES_VERSION}, on a ruleset in a file

Usage: statewall ${program} --ruleset FILE COMMAND [CHAIN] [RULE] [OPTIONS]
       statewall ${program} --batch < LINES

Commands:
  -A, --append CHAIN RULE       add a rule at the end
  -I, --insert CHAIN [N] RULE   add it before rule N (1)
  -R, --replace CHAIN N RULE    put it in the place of rule N
  -D, --delete CHAIN RULE|N     remove the first rule that is equal, or rule N
  -C, --check CHAIN RULE        status 0 if there is an equal rule
  -L, --list [CHAIN [N]]        print as a table
  -S, --list-rules [CHAIN [N]]  print as commands
  -F, --flush [CHAIN]           remove all rules
  -Z, --zero [CHAIN [N]]        set counters to 0; goes with -L and -S
  -N, --new-chain CHAIN         make a chain
  -X, --delete-chain [CHAIN]    remove empty chains that nothing jumps to
  -E, --rename-chain OLD NEW    rename a chain, also where rules jump to it
  -P, --policy CHAIN TARGET     what becomes of packets that no rule decides: ACCEPT or DROP

Rules:
  [!] -p, --protocol PROTOCOL   by name or number
  [!] -s, --source ADDRESS[/MASK][,...]
  [!] -d, --destination ADDRESS[/MASK][,...]
  [!] -i, --in-interface NAME   NAME+ is every name that begins so
  [!] -o, --out-interface NAME
${fragments}  -m, --match NAME OPTIONS      a match extension; -m NAME -h shows its options
  -j, --jump TARGET OPTIONS     a verdict, a chain or a target extension
  -g, --goto CHAIN              go there and do not come back
  -c, --set-counters PACKETS BYTES

Options:
  -t, --table TABLE             filter (default), nat, mangle, raw or security
  -n, --numeric                 numbers for addresses, ports and protocols
  -v, --verbose                 more columns; the rule that was added or removed
  -x, --exact                   counters without K, M, G
      --line-numbers            number the rules of a listing
  -w, --wait [SECONDS]          wait for another command that has the file
  -4, -6                        nothing, or an error where it is ${other}'s
  -W, -M                        taken and without effect
  -h, --help    -V, --version

${OWN}  --json                        -L and -S print one JSON object a chain and a rule
  --batch                       read command lines from standard input; each works on an empty ruleset of its own and
                                gives one line: {"ok":true,"save":[...]} or {"ok":false,"error":"...","exit":2}

Examples:
  statewall ${program} --ruleset rules -A INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT
  statewall ${program} --ruleset rules -L -n -v --line-numbers
  statewall ${program} --ruleset rules -t nat -D POSTROUTING 1
  echo '-A INPUT -p tcp --dport 22' | statewall ${program} --batch
`;
  return text + extensions.map(extensionUsage).join('');
}

/** -h of iptables-save. */
export function saveUsage(program: string): string {
  return `${program} ${IPTABLES_VERSION}, on a ruleset in a file

Usage: statewall ${program} --ruleset FILE [OPTIONS]

Options:
  -c, --counters                packets and bytes before each rule
  -t, --table TABLE             this table alone
  -f, --file NAME               write there, not to standard output
  -M, --modprobe COMMAND        taken and without effect
  -V, --version

${OWN}  --json                        one JSON object a chain and a rule
`;
}

/** -h of iptables-restore. */
export function restoreUsage(program: string): string {
  return `${program} ${IPTABLES_VERSION}, on a ruleset in a file

Usage: statewall ${program} --ruleset FILE [OPTIONS] [TEXT]

Reads rules as ${program.replace('restore', 'save')} prints them from TEXT or standard input. Each table takes effect at its
COMMIT, whole or not at all.

Options:
  -n, --noflush                 keep what is there
  -c, --counters                take the counters of the text
  -t, --test                    change nothing, say what is wrong
  -T, --table TABLE             this table alone
  -v, --verbose                 say what is emptied and added
  -w, --wait [SECONDS]          wait for another command that has the file
  -M, --modprobe COMMAND        taken and without effect
  -h, --help    -V, --version

${OWN}`;
}

function extensionUsage(extension: Extension): string {
  const lines = extension.options.map(
    (option) => `  ${option.invert === true ? '[!] ' : '    '}--${option.name}${values(option)}\n`,
  );
  return `\nOptions of ${extension.name}:\n${lines.length === 0 ? '  none\n' : lines.join('')}`;
}

function values(option: OptionSpec): string {
  if (option.args === 'optional') return ' [VALUE]';
  return ' VALUE'.repeat(option.args);
}
