/** One packet's outcome: as a line for people, as the JSON object that is promised, as the comment in --save-capture. */
import type { FrameBatch } from '../capture/frame-batch.js';
import { statusNames } from '../flow/names.js';
import { type Colours, colours } from './colour.js';
import { describeFrame } from './describe.js';
import {
  HOOK_NAMES,
  type PacketResults,
  RESULT_NAMES,
  RESULT_SKIPPED,
  type ReplayHost,
  STATE_NAMES,
} from './replay-host.js';
import { ruleText } from './summary.js';
import { clockText, epochText } from './time.js';

/** The decision in a few words: `NEW DROP filter INPUT 4: -A INPUT -j DROP (reason)`. */
export function outcomeText(host: ReplayHost, r: PacketResults, i: number, c: Colours = colours(false)): string {
  const verdict = RESULT_NAMES[r.verdict[i]];
  if (r.verdict[i] === RESULT_SKIPPED) return c.dim(`passed over (${host.skipName(r.reason[i])})`);
  const state = STATE_NAMES[r.state[i]] || 'untouched';
  let s = `${c.verdict(state, state)} ${c.verdict(verdict, verdict)}`;
  if (r.rule[i] >= 0) s += ` ${ruleText({ ...host.rule(r.rule[i]), verdict })}`;
  else if (r.verdict[i] !== 1) s += ` in ${HOOK_NAMES[r.hook[i]]}`;
  return r.reason[i] === 0 ? s : `${s} (${host.reasonText()})`;
}

/** A packet's line, without the line end. */
export function packetLine(
  host: ReplayHost,
  batch: FrameBatch,
  i: number,
  linkType: number,
  r: PacketResults,
  colour: boolean,
): string {
  const c = colours(colour);
  const name = (index: number): string => host.interfaceNames[index] || '-';
  const frame = describeFrame(batch.bytes, batch.start[i], batch.end[i], batch.wireLen[i], linkType);
  const way = `${name(r.inInterface[i])} > ${name(r.outInterface[i])}`;
  return `${clockText(batch.seconds[i], batch.nanos[i])} ${way} ${frame}: ${outcomeText(host, r, i, c)}`;
}

/** A packet's JSON object, without the line end. `n` counts from 1 over all captures; `log`: kernel-log lines it caused. */
export function packetJson(
  host: ReplayHost,
  batch: FrameBatch,
  i: number,
  r: PacketResults,
  n: number,
  log: readonly string[],
): string {
  const skipped = r.verdict[i] === RESULT_SKIPPED;
  const connection = r.connection[i];
  const known = !skipped && connection >= 0;
  const rule = r.rule[i] >= 0 ? host.rule(r.rule[i]) : null;
  const rest = {
    in: host.interfaceNames[r.inInterface[i]] || null,
    out: host.interfaceNames[r.outInterface[i]] || null,
    hook: skipped ? null : HOOK_NAMES[r.hook[i]],
    verdict: skipped ? null : RESULT_NAMES[r.verdict[i]],
    state: skipped ? null : STATE_NAMES[r.state[i]] || null,
    dir: known ? (connection & 1 ? 'REPLY' : 'ORIGINAL') : null,
    status: known ? statusNames(host.status(connection)) : [],
    id: known ? host.id(connection) : null,
    rule: rule && { table: rule.table, chain: rule.chain, number: rule.number, text: rule.text, plane: rule.plane },
    log,
    reason: skipped ? host.skipName(r.reason[i]) : r.reason[i] === 0 ? null : host.reasonText(),
  };
  return `{"n":${n},"time":${epochText(batch.seconds[i], batch.nanos[i])},${JSON.stringify(rest).slice(1)}`;
}
