/** What does not go together on a command line, in the order and the words of conntrack(8). */
import type { CommandLine } from './line.js';
import { checkUsage, EXPECT_USAGE, OPTIONS, USAGE } from './options.js';

/** Messages for addresses of which only one direction's half is there. */
const ADDRESS_PAIRS = [
  "you have to specify `--src' and `--dst'",
  "you have to specify `--reply-src' and `--reply-dst'",
] as const;

/** Options that filter: -z zeroes all that it reads, and will not be asked for some. */
const FILTERS = [...'sdrqpumclw()'];

/**
 * The first thing that is wrong, as a message; null: nothing. `hasCommand`: whether a command was given; `transportGiven`: keys of
 * the protocol's options that were.
 */
export function checkLine(line: CommandLine, hasCommand: boolean, transportGiven: ReadonlySet<string>): string | null {
  const { command, given, protocol } = line;
  if (given.has('j') && (given.has('n') || given.has('g'))) {
    return "cannot specify `--src-nat' or `--dst-nat' with `--any-nat'";
  }
  const isExpect = line.table === 'expect';
  const usage = isExpect ? EXPECT_USAGE[command]! : USAGE[command];
  // without any command it is help that is shown, but -p is for those who ask for it
  const wrong = checkUsage(OPTIONS, hasCommand ? usage : { needs: '', takes: '' }, given);
  if (wrong !== null) return wrong;
  // -G, -I and -A are about one connection
  const isOne = !isExpect && 'GIA'.includes(command);
  const addresses = isOne ? checkPair(given, 'sdrq', ADDRESS_PAIRS) : null;
  if (addresses !== null) return addresses;
  if (protocol !== null && command !== 'h') {
    const rows = isExpect ? protocol.expectUsage(command) : protocol.usage(command);
    const bad = checkUsage(protocol.options, rows, transportGiven);
    if (bad !== null) return bad;
    const ports = isOne && protocol.pairs[0] !== '' ? checkPair(transportGiven, 'abcd', protocol.pairs) : null;
    if (ports !== null) return ports;
  }
  return line.table === 'conntrack' && 'LDUE'.includes(command) ? checkFilters(given) : null;
}

/** Both of the first two keys, or both of the last two; the message is for the direction of which something was given. */
function checkPair(
  given: ReadonlySet<string>,
  keys: string,
  messages: readonly [original: string, reply: string],
): string | null {
  const [a, b, c, d] = [...keys].map((key) => given.has(key));
  if ((a && b) || (c && d)) return null;
  return messages[!a && !b && (c || d) ? 1 : 0];
}

function checkFilters(given: ReadonlySet<string>): string | null {
  if (given.has('z') && FILTERS.some((key) => given.has(key))) return "Can't use -z with filtering parameters";
  if (given.has('{') && !given.has('s')) return "Can't use --mask-src without --src";
  if (given.has('}') && !given.has('d')) return "Can't use --mask-dst without --dst";
  return null;
}
