/**
 * Options of iptables-save and iptables-restore as getopt_long(3) of the GNU C library reads them, with its messages. (The options of
 * iptables itself depend on the extensions of the rule: parse.ts.)
 */

/** One option: letter, long name, whether an argument follows ('optional': only joined to it). */
export interface GetoptSpec {
  letter: string;
  name: string;
  args: 0 | 1 | 'optional';
  /** The same for the letter where it is another. */
  letterArgs?: 0;
}

/** What a command line has. */
export interface GetoptResult {
  /** Letter and argument ('' = none), in the order of the words. */
  options: { letter: string; value: string }[];
  /** Words that belong to no option. */
  operands: string[];
  /** The first thing wrong, as getopt_long says it; '' = nothing. Options before it are in `options`. */
  error: string;
}

/** Reads a command line. `program` begins the message. */
export function getopt(argv: readonly string[], specs: readonly GetoptSpec[], program: string): GetoptResult {
  const result: GetoptResult = { options: [], operands: [], error: '' };
  for (let i = 0; i < argv.length && result.error === ''; i++) {
    const word = argv[i] as string;
    if (word === '--') {
      result.operands.push(...argv.slice(i + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') result.operands.push(word);
    else if (word.startsWith('--')) i += readLong(word, argv[i + 1], specs, program, result);
    else i += readShort(word, argv[i + 1], specs, program, result);
  }
  return result;
}

/** Gives the number of words used beside this one. */
function readLong(
  word: string,
  next: string | undefined,
  specs: readonly GetoptSpec[],
  program: string,
  result: GetoptResult,
): number {
  const equals = word.indexOf('=');
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const exact = specs.find((s) => s.name === name);
  const near = exact === undefined ? specs.filter((s) => s.name !== '' && s.name.startsWith(name)) : [exact];
  const [spec] = near;
  if (spec === undefined) {
    result.error = `${program}: unrecognized option '--${name}'`;
  } else if (near.length > 1) {
    const names = near.map((s) => ` '--${s.name}'`).join('');
    result.error = `${program}: option '--${name}' is ambiguous; possibilities:${names}`;
  } else if (spec.args === 0 && equals >= 0) {
    result.error = `${program}: option '--${spec.name}' doesn't allow an argument`;
  } else if (equals >= 0) {
    result.options.push({ letter: spec.letter, value: word.slice(equals + 1) });
  } else if (spec.args !== 1) {
    result.options.push({ letter: spec.letter, value: '' });
  } else if (next === undefined) {
    result.error = `${program}: option '--${spec.name}' requires an argument`;
  } else {
    result.options.push({ letter: spec.letter, value: next });
    return 1;
  }
  return 0;
}

function readShort(
  word: string,
  next: string | undefined,
  specs: readonly GetoptSpec[],
  program: string,
  result: GetoptResult,
): number {
  for (let i = 1; i < word.length; i++) {
    const letter = word[i] as string;
    const spec = specs.find((s) => s.letter === letter);
    if (spec === undefined) {
      result.error = `${program}: invalid option -- '${letter}'`;
      return 0;
    }
    const rest = word.slice(i + 1);
    if ((spec.letterArgs ?? spec.args) === 0) {
      result.options.push({ letter, value: '' });
      continue;
    }
    if (rest !== '' || spec.args === 'optional') {
      result.options.push({ letter, value: rest });
      return 0;
    }
    if (next === undefined) {
      result.error = `${program}: option requires an argument -- '${letter}'`;
      return 0;
    }
    result.options.push({ letter, value: next });
    return 1;
  }
  return 0;
}
