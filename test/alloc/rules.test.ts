/** Walking rules allocates nothing: no garbage collection in millions of packets, while a control that allocates causes some. */
import { expect, it } from 'vitest';
import { RuleEngine, TABLE_FILTER } from '../../src/rules/evaluate.js';
import { mark } from '../../src/rules/match/mark.js';
import { multiport } from '../../src/rules/match/multiport.js';
import { tcp } from '../../src/rules/match/tcp.js';
import type { Rule } from '../../src/rules/model.js';
import { HAS_LATER_FRAGMENT, HOOK_FORWARD, type Packet } from '../../src/wire/packet.js';
import { collections } from '../support/collections.js';
import * as K from '../support/rules.js';

const WALKS = 300_000;

function rules(): Rule[] {
  const all = { from: 0, to: 65535, invert: false };
  const port = (n: number) => ({ from: n, to: n, invert: false });
  const protocol = { number: 6, invert: false };
  const list: Rule[] = [];
  for (let k = 0; k < 10; k++) {
    const spec = { source: all, destination: port(8000 + k), flags: null, option: null };
    list.push(K.rule({ protocol, matches: [{ extension: tcp, spec }], target: K.DROP }));
  }
  const ports = { which: 'dports', ranges: [1, 9, 443, 443], invert: false };
  list.push(K.rule({ protocol, matches: [{ extension: multiport, spec: ports }] }));
  list.push(K.rule({ matches: [{ extension: mark, spec: { mark: 1, mask: -1, invert: false } }], target: K.DROP }));
  list.push(K.rule({ matches: [K.match((p) => p.l3Len > 1)], target: K.jump('user') }));
  return list;
}

/** A chain that is classified by addresses and ports. */
function long(): Rule[] {
  const all = { from: 0, to: 65535, invert: false };
  const list: Rule[] = [];
  for (let k = 0; k < 300; k++) {
    const spec = { source: all, destination: { from: k, to: k + 3, invert: false }, flags: null, option: null };
    const matches = k % 3 === 0 ? [] : [{ extension: tcp, spec }];
    const protocol = { number: 6, invert: false };
    const source = k % 3 === 1 ? null : K.net(`10.${k % 7}.${k}.0/24`);
    list.push(K.rule({ protocol, source, matches }));
  }
  return list;
}

it('a walk allocates nothing', async () => {
  const host = K.testHost('eth0');
  const engine = new RuleEngine(host);
  const user = [K.rule({ source: K.net('10.0.0.0/8', true) }), K.rule({ target: K.target(() => -1) })];
  const chains = { FORWARD: [...rules(), K.rule({ target: K.jump('long') })], user, long: long() };
  engine.load(K.ruleset('filter', chains));
  expect(engine.program(2, TABLE_FILTER)!.leaves).toBeGreaterThan(1);
  const fragment = K.packet({ has: HAS_LATER_FRAGMENT, l4Off: -1, payloadOff: -1 });
  const packets: Packet[] = [K.packet(), K.packet({ inInterface: 1 }), K.packet({ protocol: 17 }), fragment];
  const walk = () => {
    for (let k = 0; k < WALKS; k++) engine.run(TABLE_FILTER, HOOK_FORWARD, packets[k & 3]!, host.context);
  };
  walk();
  // The compiler's own work may cause a collection while the code is still being optimised.
  let fewest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 4 && fewest > 0; round++) fewest = Math.min(fewest, await collections(walk));
  expect(fewest).toBe(0);
  let kept: unknown = null;
  const control = () => {
    for (let k = 0; k < WALKS; k++) {
      kept = { verdict: engine.run(TABLE_FILTER, HOOK_FORWARD, packets[k & 3]!, host.context) };
    }
  };
  expect(await collections(control)).toBeGreaterThan(0);
  expect(kept).toEqual({ verdict: 1 });
});
