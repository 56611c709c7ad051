/** The words of `statewall sysctl`: options as getopt_long(3) reads them, and the help. */
import { type GetoptSpec, getopt } from '../iptables/getopt.js';
import { TABLE_KERNEL } from '../tools/sysctl/model.js';
import type { SysctlMode } from '../tools/sysctl/run.js';

/** What a command line asks for. */
export interface SysctlOptions {
  mode: SysctlMode;
  /** -a, -A, -X; with --write-d: also what has its default. */
  all: boolean;
  /** -p, -f: operands are files to load; its joined argument, '' = none. null: not given. */
  load: string | null;
  system: boolean;
  /** The host file; null: the live kernel. */
  host: string | null;
  explains: boolean;
  json: boolean;
  changedOnly: boolean;
  /** The file to write; null: none. */
  writeD: string | null;
  check: boolean;
  /** The release of --kernel; null: not given. */
  kernel: string | null;
  help: boolean;
  version: boolean;
  operands: readonly string[];
}

/** A command line that cannot be understood. */
export class SysctlUsageError extends Error {}

const SPECS: readonly GetoptSpec[] = [
  { letter: 'a', name: 'all', args: 0 },
  { letter: 'A', name: '', args: 0 },
  { letter: 'X', name: '', args: 0 },
  { letter: 'deprecated', name: 'deprecated', args: 0 },
  { letter: 'dry-run', name: 'dry-run', args: 0 },
  { letter: 'b', name: 'binary', args: 0 },
  { letter: 'e', name: 'ignore', args: 0 },
  { letter: 'N', name: 'names', args: 0 },
  { letter: 'n', name: 'values', args: 0 },
  { letter: 'p', name: 'load', args: 'optional' },
  { letter: 'f', name: '', args: 'optional' },
  { letter: 'system', name: 'system', args: 0 },
  { letter: 'r', name: 'pattern', args: 1 },
  { letter: 'q', name: 'quiet', args: 0 },
  { letter: 'w', name: 'write', args: 0 },
  { letter: 'o', name: '', args: 0 },
  { letter: 'x', name: '', args: 0 },
  { letter: 'd', name: '', args: 0 },
  { letter: 'h', name: 'help', args: 0 },
  { letter: 'V', name: 'version', args: 0 },
  { letter: 'host', name: 'host', args: 1 },
  { letter: 'explain', name: 'explain', args: 0 },
  { letter: 'json', name: 'json', args: 0 },
  { letter: 'changed', name: 'changed', args: 0 },
  { letter: 'write-d', name: 'write-d', args: 1 },
  { letter: 'check', name: 'check', args: 0 },
  { letter: 'kernel', name: 'kernel', args: 1 },
];

/** Reads a command line. @throws SysctlUsageError. */
export function readOptions(argv: readonly string[]): SysctlOptions {
  const { options, operands, error } = getopt(argv, SPECS, 'sysctl');
  const wanted = noOptions(operands);
  for (const { letter, value } of options) readOption(wanted, letter, value);
  // help is printed whatever stands behind it, as getopt meets it first
  if (error !== '' && !wanted.help && !wanted.version) throw new SysctlUsageError(error);
  checkTogether(wanted);
  return wanted;
}

function noOptions(operands: readonly string[]): SysctlOptions {
  const mode: SysctlMode = {
    namesOnly: false,
    valuesOnly: false,
    isBinary: false,
    ignoresUnknown: false,
    isQuiet: false,
    writes: false,
    isDry: false,
    pattern: null,
  };
  return {
    ...{ mode, all: false, load: null, system: false, host: null, explains: false, json: false, changedOnly: false },
    ...{ writeD: null, check: false, kernel: null, help: false, version: false, operands },
  };
}

function readOption(wanted: SysctlOptions, letter: string, value: string): void {
  const { mode } = wanted;
  if ('aAX'.includes(letter)) wanted.all = true;
  else if (letter === 'dry-run') mode.isDry = true;
  else if (letter === 'b') mode.isBinary = true;
  else if (letter === 'e') mode.ignoresUnknown = true;
  else if (letter === 'N') mode.namesOnly = true;
  else if (letter === 'n') mode.valuesOnly = true;
  else if (letter === 'p' || letter === 'f') wanted.load = value;
  else if (letter === 'system') wanted.system = true;
  else if (letter === 'r') mode.pattern = patternOf(value);
  else if (letter === 'q') mode.isQuiet = true;
  else if (letter === 'w') mode.writes = true;
  else if (letter === 'h' || letter === 'd') wanted.help = true;
  else if (letter === 'V') wanted.version = true;
  else if (letter === 'host') wanted.host = value;
  else if (letter === 'explain') wanted.explains = true;
  else if (letter === 'json') wanted.json = true;
  else if (letter === 'changed') wanted.changedOnly = true;
  else if (letter === 'write-d') wanted.writeD = value;
  else if (letter === 'check') wanted.check = true;
  else if (letter === 'kernel') wanted.kernel = versionOf(value);
}

/** An extended regular expression of POSIX, but for its classes such as [[:digit:]]. */
function patternOf(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new SysctlUsageError(`sysctl: --pattern: "${text}" is not a regular expression`);
  }
}

function versionOf(text: string): string {
  if (/^\d+\.\d+/.test(text)) return text;
  throw new SysctlUsageError(`sysctl: --kernel: expected a version such as 6.1, got "${text}"`);
}

/** Ways of showing, one of which may be asked for. */
function checkTogether(o: SysctlOptions): void {
  if (o.host === '' || o.writeD === '') {
    throw new SysctlUsageError(`sysctl: ${o.host === '' ? '--host' : '--write-d'} needs a file, and got an empty name`);
  }
  const ways: [string, boolean][] = [
    ['--explain', o.explains],
    ['--json', o.json],
    ['--write-d', o.writeD !== null],
    ['--check', o.check],
    ['--load', o.load !== null],
    ['--system', o.system],
    ['--write', o.mode.writes],
  ];
  const given = ways.filter(([name, is]) => is && !(o.check && name === '--json')).map(([name]) => name);
  if (given.length > 1 && !given.every((name) => name === '--load' || name === '--write' || name === '--system')) {
    throw new SysctlUsageError(`sysctl: ${given[0]} and ${given[1]} cannot be asked for at once`);
  }
  const shows = o.explains || o.json || o.writeD !== null;
  const assignment = shows ? o.operands.find((word) => word.includes('=')) : undefined;
  if (assignment !== undefined) {
    throw new SysctlUsageError(`sysctl: ${given[0]} takes names, and sets nothing: got "${assignment}"`);
  }
  if (o.check && o.host === null && o.operands.length === 0 && o.load === null) {
    throw new SysctlUsageError(
      'sysctl: --check needs a file, as in: statewall sysctl --check /etc/sysctl.d/10-conntrack.conf',
    );
  }
}

/** `statewall sysctl --help`. */
export const SYSCTL_HELP = `Usage: statewall sysctl [options] [NAME | NAME=VALUE ...]

Lists, explains and sets the kernel settings that connection tracking depends on, of the live kernel or of a host file. Names have dots or
slashes. Without a name all of them are listed: net.netfilter.*, net.nf_conntrack_max, forwarding, reverse path, reassembly. Any other
name below /proc/sys can be read and set, too.

As in sysctl(8):
  -a, --all             list all; the same as no name at all (-A, -X)
  -n, --values          values without names
  -N, --names           names without values
  -b, --binary          values without names and without newlines
  -e, --ignore          unknown names are no failure
  -q, --quiet           do not show what is set
  -w, --write           every word is NAME=VALUE
  -r, --pattern <expr>  only names that match this regular expression
  -p, --load [FILE...]  set what these files say (/etc/sysctl.conf; - is standard input; -f)
      --system          set what all files of sysctl.d say
      --dry-run         show what would be set, and set nothing

Beyond it:
      --host <file>     the settings of a host file (docs/host-file.md), not the kernel's: its YAML is changed in place
      --explain         what each setting does, its default, its limits, what changed when, and what is wrong with its value
      --json            one object a line, with all of that
      --changed         only settings that differ from their default
      --write-d <file>  write them as a file of sysctl.d, with comments: what differs from the default, with --all everything;
                        - is standard output
      --check           the words are files of sysctl.d: say what is renamed, removed, refused or harmful, with file and line;
                        with --host and no word: what the host file says
      --kernel <ver>    --check, --explain: for this release (default: the newest known, ${TABLE_KERNEL})

Examples:
  What is not as it was at boot?
    statewall sysctl --changed
  What does this one do?
    statewall sysctl --explain net.netfilter.nf_conntrack_tcp_loose
  How many connections fit?
    statewall sysctl -n net.netfilter.nf_conntrack_max
  Idle TCP connections are forgotten after 4 hours, now and in a rehearsal:
    statewall sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=14400
    statewall sysctl --host router.yaml net.netfilter.nf_conntrack_tcp_timeout_established=14400
  And after the next boot:
    statewall sysctl --write-d /etc/sysctl.d/90-conntrack.conf
  Will the old host's settings work on the new one?
    statewall sysctl --check old/etc/sysctl.conf old/etc/sysctl.d/*.conf

Exit status:
  0        done
  1 ...    as many failures as sysctl(8) counts: names that cannot be read; 1 where something could not be set
  1        --check found something; a file cannot be read or written; no connection tracking in this kernel
  2        the command line is wrong
  255      a name is empty or leads out of /proc/sys
`;
