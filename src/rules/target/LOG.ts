/**
 * -j LOG: a line for the kernel log, and on with the next rule (xt_LOG.c).
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { type LogRequest, VERDICT_CONTINUE } from '../context.js';
import type { OptionContext, TargetExtension } from '../extension.js';
import { quote, readUint } from '../values.js';

/** `-j LOG`: the request as it stands in every call of RuleContext.log. */
export type LogSpec = LogRequest;

/** Flag bits of LogRequest (linux/netfilter/nf_log.h: NF_LOG_). */
export const LOG_TCP_SEQUENCE = 1;
export const LOG_TCP_OPTIONS = 2;
export const LOG_IP_OPTIONS = 4;
export const LOG_UID = 8;
export const LOG_MACDECODE = 32;

const FLAGS = [
  ['log-tcp-sequence', LOG_TCP_SEQUENCE],
  ['log-tcp-options', LOG_TCP_OPTIONS],
  ['log-ip-options', LOG_IP_OPTIONS],
  ['log-uid', LOG_UID],
  ['log-macdecode', LOG_MACDECODE],
] as const;

const LEVELS: ReadonlyMap<string, number> = new Map([
  ['alert', 1],
  ['crit', 2],
  ['debug', 7],
  ['emerg', 0],
  ['error', 3],
  ['info', 6],
  ['notice', 5],
  ['panic', 0],
  ['warning', 4],
]);

/** Names as listings have them. */
const LEVEL_NAMES = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'];

const DEFAULT_LEVEL = 4;
/** Bytes of a prefix that the kernel keeps. */
const PREFIX_LEN = 29;

/** The `LOG` target. */
export const LOG: TargetExtension<LogSpec> = {
  name: 'LOG',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'log-level', args: 1 },
    { name: 'log-prefix', args: 1 },
    ...FLAGS.map(([name]) => ({ name, args: 0 as const })),
  ],
  init: () => ({ prefix: '', level: DEFAULT_LEVEL, flags: 0 }),
  option(spec, option, text, _inverted, c) {
    if (option === 'log-prefix') spec.prefix = readPrefix(text, c);
    else if (option === 'log-level') {
      const level = LEVELS.get(text) ?? readUint(text, 0, 7);
      if (level < 0) c.fail(`log level "${text}" unknown`, text);
      spec.level = level;
    } else {
      for (const [name, bit] of FLAGS) if (name === option) spec.flags |= bit;
    }
  },
  save(spec) {
    let text = '';
    if (spec.prefix !== '') text += ` --log-prefix ${quote(spec.prefix)}`;
    if (spec.level !== DEFAULT_LEVEL) text += ` --log-level ${spec.level}`;
    for (const [name, bit] of FLAGS) if ((spec.flags & bit) !== 0) text += ` --${name}`;
    return text.slice(1);
  },
  list(spec, _family, numeric) {
    let text = numeric ? ` LOG flags ${spec.flags} level ${spec.level}` : ` LOG level ${LEVEL_NAMES[spec.level]}`;
    for (const [name, bit] of FLAGS) if (!numeric && (spec.flags & bit) !== 0) text += name.replace('log-', ' ');
    return spec.prefix === '' ? text : `${text} prefix "${spec.prefix}"`;
  },
  load(spec) {
    const request: LogRequest = { prefix: spec.prefix, level: spec.level, flags: spec.flags };
    return (p, c) => {
      c.log(p, request);
      return VERDICT_CONTINUE;
    };
  },
};

function readPrefix(text: string, c: OptionContext): string {
  if (text === '') c.fail('Argument must have a minimum length of 1 characters', text);
  if (text.includes('\n')) c.fail('Newlines not allowed in --log-prefix', text);
  return text.slice(0, PREFIX_LEN);
}
