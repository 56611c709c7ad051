/** One command from its words to its exit status. */
import type { FlowSource } from '../../flow/source.js';
import * as change from './change.js';
import { count, statistics } from './counts.js';
import { watch } from './events.js';
import { helpText, ownHelpText } from './help.js';
import type { CommandLine } from './line.js';
import { type Done, get, list, listExpectations } from './list.js';
import { loadFileOf, parseLoadFile } from './load-file.js';
import { Output, ReaderGone, STATUS_PIPE } from './output.js';
import { checkOwn } from './own.js';
import { parseLine } from './parse.js';
import { sentenceOf } from './sentence.js';
import { ConntrackError, PREFIX } from './usage-error.js';
import type { ConntrackWorld } from './world.js';

/** Runs conntrack's words and gives the exit status: 0, 1 = it failed or found nothing to change, 2 = the line is wrong. */
export async function runConntrack(words: readonly string[], world: ConntrackWorld): Promise<number> {
  const output = new Output(world);
  try {
    const status = await dispatch(words, world, output);
    await output.flush();
    return status;
  } catch (error) {
    if (error instanceof ReaderGone) return STATUS_PIPE;
    if (!(error instanceof ConntrackError)) throw error;
    await output.flush().catch(() => {});
    world.err(error.text());
    return error.status;
  }
}

async function dispatch(words: readonly string[], world: ConntrackWorld, output: Output): Promise<number> {
  const file = loadFileOf(words);
  if (file !== null) return loadFile(file, words.slice(2), world, output);
  const line = parseLine(words, world.names);
  const wrong = checkOwn(line.own, line.command, line.table);
  if (wrong !== null) throw new ConntrackError(wrong);
  if (line.warnings !== '') world.err(line.warnings);
  if (line.command === 'h') {
    output.add(helpText(line.protocol) + (words.includes('--help') ? ownHelpText() : ''));
    return 0;
  }
  if (line.command === 'V') {
    output.add(`${PREFIX.replace(': ', '')}\n`);
    return 0;
  }
  if (line.own.explain) {
    output.add(`${sentenceOf(line)}\n`);
    return 0;
  }
  const source = await world.open(line);
  const done = await perform(line, source, output, world);
  await world.commit(source, line);
  await output.flush();
  return finish(line, done, world);
}

async function perform(
  line: CommandLine,
  source: FlowSource,
  output: Output,
  world: ConntrackWorld,
): Promise<Done | null> {
  const isExpect = line.table === 'expect';
  switch (line.command) {
    case 'L':
      return isExpect ? listExpectations(line, source, output) : list(line, source, output);
    case 'G':
      return isExpect ? change.oneExpectation(line, source, output) : get(line, source, output);
    case 'I':
    case 'A':
      return isExpect ? change.createExpectation(line, source) : change.create(line, source);
    case 'D':
      return isExpect ? change.oneExpectation(line, source, output) : change.remove(line, source, output, world);
    case 'U':
      return change.update(line, source, output, world);
    case 'F':
      return isExpect ? change.flushExpectations(line, source, output) : change.flush(line, source, output, world);
    case 'E':
      return watch(line, source, output, world);
    case 'C':
      await count(line, source, output);
      return null;
    case 'S':
      await statistics(line, source, output);
      return null;
    default:
      return null;
  }
}

/** The summary, and the status: a command that looks for something and finds nothing has failed, but for listings. */
function finish(line: CommandLine, done: Done | null, world: ConntrackWorld): number {
  if (done === null) return 0;
  if (done.words !== '') world.err(`${PREFIX}${done.count < 0 ? '' : `${done.count} `}${done.words}\n`);
  return done.count === 0 && 'GDU'.includes(line.command) ? 1 : 0;
}

async function loadFile(file: string, rest: readonly string[], world: ConntrackWorld, output: Output): Promise<number> {
  const text = await world.read(file);
  if (text === null) throw new ConntrackError(`Failed to open file ${file} for reading`);
  // of the words behind the file only ours count
  const own = parseLine(rest.length === 0 ? [] : onlyOwn(rest), world.names);
  if (own.own.table !== null && !own.own.write)
    throw new ConntrackError(`${own.own.table} is changed only with --write`);
  const lines = parseLoadFile(text, world.names);
  const source = await world.open(own);
  for (const line of lines) {
    if (line.warnings !== '') world.err(line.warnings);
    const done = await perform(line, source, output, world);
    // a flush tells of itself, all others only of what goes wrong
    if (line.command === 'F') finish(line, done, world);
  }
  await world.commit(source, own);
  return 0;
}

function onlyOwn(words: readonly string[]): string[] {
  const own: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (/^--(table|namespace)$/.test(word)) own.push(word, ...words.slice(i + 1, ++i + 1));
    else if (/^--(write$|table=|namespace=)/.test(word)) own.push(word);
  }
  return own;
}
