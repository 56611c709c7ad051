/** The command line of the judge. */
import { FAMILIES } from './families.js';

/** What a run is asked for. */
export interface JudgeOptions {
  seed: number;
  /** Packets to compare at least; null: until the time is over. */
  packets: number | null;
  /** null: until there are packets enough. */
  minutes: number | null;
  /** null: all of them. */
  families: readonly string[] | null;
  /** Folder for cases of differences; null: none are kept. */
  keep: string | null;
  /** File that gets a line of JSON about the run; null: none. */
  results: string | null;
}

/** The text for `--help`. */
export const USAGE = `usage: npm run judge -- [--check] [--seed N] [--packets N | --minutes M] [--family NAME]... [--keep DIR] [--results FILE]

Compares Statewall with the kernel of this machine on made-up traffic. Needs root on Linux.

  --seed N        of the scenarios; the same seed gives the same ones (default: drawn, and printed)
  --packets N     stop when N packets were compared (default: 100000)
  --minutes M     stop after M minutes
  --family NAME   only this family of scenarios; may be given again (default: all of them, in turn)
  --check         only say whether the judge can work here: nothing and 0, or why not and 1
  --keep DIR      save each difference there as a case, shrunk to few packets
  --results FILE  append what was compared as a line of JSON; npm run conformance makes docs/conformance.md of such lines

exit status: 0 no difference; 1 differences, or the judge cannot work here; 2 wrong use

families: ${FAMILIES.map((family) => family.name).join(' ')}
`;

/** A wrong command line. */
export class UsageError extends Error {}

const USUAL_PACKETS = 100_000;

function number(name: string, text: string | undefined, isWhole: boolean): number {
  const value = Number(text);
  if (text === undefined || text.trim() === '' || !(value >= 0) || (isWhole && !Number.isSafeInteger(value)))
    throw new UsageError(
      `${name}: expected a ${isWhole ? 'whole ' : ''}number, got ${text === undefined ? 'nothing' : `"${text}"`}`,
    );
  return value;
}

/** Reads the arguments; 'help' and 'check' where they ask for no more than that. Throws UsageError. */
export function parseOptions(args: readonly string[], drawSeed: () => number): JudgeOptions | 'help' | 'check' {
  const o = { seed: null as number | null, packets: null as number | null, minutes: null as number | null };
  const families: string[] = [];
  const files: Record<string, string | null> = { '--keep': null, '--results': null };
  for (let i = 0; i < args.length; i++) {
    const name = args[i]!;
    if (name === '--help' || name === '-h') return 'help';
    if (name === '--check') return 'check';
    const value = args[++i];
    if (name === '--seed') o.seed = number(name, value, true);
    else if (name === '--packets') o.packets = number(name, value, true);
    else if (name === '--minutes') o.minutes = number(name, value, false);
    else if (name === '--family') families.push(family(value));
    else if (name in files) files[name] = value ?? fail(`${name}: expected a path, got nothing`);
    else fail(`unknown option "${name}"`);
  }
  if (o.packets !== null && o.minutes !== null) fail('--packets and --minutes: expected one of them, got both');
  const packets = o.packets ?? (o.minutes === null ? USUAL_PACKETS : null);
  return {
    ...{ seed: o.seed ?? drawSeed(), packets, minutes: o.minutes },
    families: families.length > 0 ? families : null,
    keep: files['--keep']!,
    results: files['--results']!,
  };
}

function fail(message: string): never {
  throw new UsageError(message);
}

function family(name: string | undefined): string {
  if (name !== undefined && FAMILIES.some((f) => f.name === name)) return name;
  return fail(`--family: expected one of those below, got ${name === undefined ? 'nothing' : `"${name}"`}`);
}
