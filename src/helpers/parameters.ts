/**
 * What options of the helpers' kernel modules set, as they stand behind a module's name (`nf_conntrack_sip sip_timeout=600`) or in
 * /sys/module/NAME/parameters. Their ports: modules.ts.
 */

/** The parameters of one host's helpers; the values are the kernel's own defaults. */
export class HelperParameters {
  /** Data connections of FTP may go to any address that is announced. */
  ftpLoose = false;
  /** Announcements that one IRC connection may have open, and how long each waits. */
  ircChannels = 8;
  ircTimeoutMs = 300_000;
  /** How long a SIP connection waits for its next packet. */
  sipTimeoutMs = 3_600_000;
  /** Calls come from the registrar alone; false: from anywhere. */
  sipDirectSignalling = true;
  /** Media come from, and are announced by, the two ends of the signalling alone; false: anybody. */
  sipDirectMedia = true;
  /** Without direct media: nothing is expected for ends that the host reaches by the interface that the signalling leaves on. */
  sipExternalMedia = false;
  /** How long an Amanda request waits for the next answer. */
  amandaTimeoutMs = 300_000;
  /** How long answers to broadcast questions are waited for. */
  netbiosTimeoutMs = 3000;
  snmpTimeoutMs = 30_000;
}

type Names<T> = { [K in keyof HelperParameters]: HelperParameters[K] extends T ? K : never }[keyof HelperParameters];
/** `switch`: a truth value; `seconds`, `count`: a number. */
type Row =
  | readonly [module: string, option: string, kind: 'switch', field: Names<boolean>]
  | readonly [module: string, option: string, kind: 'seconds' | 'count', field: Names<number>];

const ROWS: readonly Row[] = [
  ['ftp', 'loose', 'switch', 'ftpLoose'],
  ['irc', 'max_dcc_channels', 'count', 'ircChannels'],
  ['irc', 'dcc_timeout', 'seconds', 'ircTimeoutMs'],
  ['sip', 'sip_timeout', 'seconds', 'sipTimeoutMs'],
  ['sip', 'sip_direct_signalling', 'switch', 'sipDirectSignalling'],
  ['sip', 'sip_direct_media', 'switch', 'sipDirectMedia'],
  ['sip', 'sip_external_media', 'switch', 'sipExternalMedia'],
  ['amanda', 'master_timeout', 'seconds', 'amandaTimeoutMs'],
  ['netbios_ns', 'timeout', 'seconds', 'netbiosTimeoutMs'],
  ['snmp', 'timeout', 'seconds', 'snmpTimeoutMs'],
];

const CONNTRACK = /^(?:nf|ip)_conntrack_(.+)$/;
/** NF_CT_EXPECT_MAX_CNT: the IRC module refuses more. */
const MOST_EXPECTATIONS = 255;
const MOST_SECONDS = 0x7fffffff / 1000;
/** As the kernel reads truth values (kstrtobool); a bare name is true. */
const TRUE = /^(?:[yYtT1]|[oO][nN]|$)/;
const FALSE = /^(?:[nNfF0]|[oO][fF])/;

/** A module as a host's description names it: its helper's name (`ftp`), null: it has none; and its options. */
export function moduleParts(text: string): { helper: string | null; name: string; options: string[] } {
  const [first = '', ...options] = text.trim().split(/\s+/);
  const name = first.replaceAll('-', '_');
  return { helper: CONNTRACK.exec(name)?.[1] ?? null, name, options };
}

/** The parameters that these modules set; options that no row knows are passed over, as are values that `moduleProblem` complains of. */
export function helperParameters(modules: readonly string[] | null): HelperParameters {
  const parameters = new HelperParameters();
  for (const text of modules ?? []) {
    const { helper, options } = moduleParts(text);
    for (const option of options) {
      const found = find(helper, option);
      if (found !== null) set(parameters, found.row, found.value);
    }
  }
  return parameters;
}

/** What is wrong with a module's options, `expected X, got Y`; null: nothing. */
export function moduleProblem(text: string): string | null {
  const { helper, options } = moduleParts(text);
  for (const option of options) {
    const found = find(helper, option);
    if (found === null) continue;
    const { row, value } = found;
    const told = option.includes('=') ? `"${value}"` : 'none';
    if (row[2] === 'switch' && !TRUE.test(value) && !FALSE.test(value))
      return `${row[1]}: expected 0 or 1, got ${told}`;
    if (row[2] === 'count' && !isWhole(value, 1, MOST_EXPECTATIONS))
      return `${row[1]}: expected 1 to ${MOST_EXPECTATIONS}, got ${told}`;
    if (row[2] === 'seconds' && !isWhole(value, 0, MOST_SECONDS))
      return `${row[1]}: expected seconds, at most ${Math.floor(MOST_SECONDS)}, got ${told}`;
  }
  return null;
}

function find(helper: string | null, option: string): { row: Row; value: string } | null {
  const at = option.indexOf('=');
  const name = at < 0 ? option : option.slice(0, at);
  const row = ROWS.find((r) => r[0] === helper && r[1] === name.replaceAll('-', '_'));
  return row === undefined ? null : { row, value: at < 0 ? '' : option.slice(at + 1) };
}

function isWhole(text: string, least: number, most: number): boolean {
  return /^\d+$/.test(text) && Number(text) >= least && Number(text) <= most;
}

function set(parameters: HelperParameters, row: Row, value: string): void {
  if (row[2] === 'switch') parameters[row[3]] = TRUE.test(value);
  else if (/^\d+$/.test(value)) parameters[row[3]] = row[2] === 'seconds' ? Number(value) * 1000 : Number(value);
}
