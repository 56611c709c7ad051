import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { answer, readOptionLines } from '../../test/support/option-lines.js';
import type { Extension } from './extension.js';
import { ah } from './match/ah.js';
import { dccp } from './match/dccp.js';
import { devgroup } from './match/devgroup.js';
import { dst } from './match/dst.js';
import { ecn } from './match/ecn.js';
import { esp } from './match/esp.js';
import { frag } from './match/frag.js';
import { hbh } from './match/hbh.js';
import { ipv6header } from './match/ipv6header.js';
import { policy } from './match/policy.js';
import { quota } from './match/quota.js';
import { rt } from './match/rt.js';
import { sctp } from './match/sctp.js';
import { statistic } from './match/statistic.js';
import { string } from './match/string.js';
import { tcpmss } from './match/tcpmss.js';
import { u32 } from './match/u32.js';
import { ECN } from './target/ECN.js';
import { TCPMSS } from './target/TCPMSS.js';
import { TCPOPTSTRIP } from './target/TCPOPTSTRIP.js';

const EXTENSIONS: readonly Extension[] = [
  ah,
  dccp,
  devgroup,
  dst,
  ecn,
  esp,
  frag,
  hbh,
  ipv6header,
  policy,
  quota,
  rt,
  sctp,
  statistic,
  string,
  tcpmss,
  u32,
  ECN,
  TCPMSS,
  TCPOPTSTRIP,
];

/** Recorded answers of iptables-legacy 1.8.9. */
const LINES = readOptionLines(
  readFileSync(new URL('../../test/fixtures/rules/option-lines.tsv', import.meta.url), 'utf8'),
);

describe('options are read, refused and printed as by iptables 1.8.9', () => {
  test('every extension has lines', () => {
    const named = new Set(LINES.flatMap((line) => line.rule.match(/(?<=-[mj] )\S+/g) ?? []));
    expect(EXTENSIONS.map((e) => e.name).filter((name) => !named.has(name))).toEqual([]);
  });

  test.each(LINES.map((line) => [line.family, line.rule, line] as const))('IPv%i %s', (_family, _rule, line) => {
    expect(answer(line, EXTENSIONS)).toBe(line.result);
  });

  test('what is printed is read again as the same', () => {
    const printed = LINES.filter((line) => !line.result.startsWith('exit '));
    const again = printed.map((line) => answer({ ...line, rule: line.result }, EXTENSIONS));
    expect(again).toEqual(printed.map((line) => line.result));
  });
});
