/** Asking and changing sets allocates nothing: no garbage collection in many packets, while a control that allocates causes some. */
import { expect, it } from 'vitest';
import { loadRules } from '../../src/iptables/restore.js';
import { loadTable } from '../../src/rules/load.js';
import { Sets } from '../../src/rules/set/sets.js';
import type { Packet } from '../../src/wire/packet.js';
import { collections } from '../support/collections.js';
import * as K from '../support/rules.js';

const PACKETS = 200_000;
const RULES = `*mangle
-A FORWARD -m set --match-set nets src
-A FORWARD -m set --match-set few src -m set ! --match-set ports src,dst
-A FORWARD -m set --match-set dev src,src
-A FORWARD -m set --match-set list src
-A FORWARD -m set --match-set pairs src,dst --packets-gt 3
-A FORWARD -j SET --add-set seen src --exist --timeout 5
-A FORWARD -j SET --del-set seen src
-A FORWARD -j SET --map-set few src --map-mark
COMMIT
`;

function lines(): string {
  let text = 'create nets hash:net counters\ncreate few hash:net skbinfo timeout 0\ncreate ports hash:ip,port\n';
  text +=
    'create dev hash:net,iface\ncreate list list:set counters\ncreate pairs hash:net,net counters\ncreate seen hash:ip timeout 9\n';
  for (let n = 0; n < 2000; n++) text += `add nets 10.${n & 255}.${n >> 8}.0/${8 + (n % 25)} -exist\n`;
  text += 'add few 10.0.0.0/8 skbmark 0x1\nadd few 10.1.0.0/16 nomatch\nadd ports 10.0.0.9,tcp:80\n';
  text += 'add dev 10.0.0.0/8,eth wildcard\nadd dev 10.2.0.0/16,eth0\nadd list few\nadd list nets\n';
  return `${text}add pairs 10.0.0.0/8,10.0.0.0/9\n`;
}

it('rules with sets allocate nothing', async () => {
  const host = K.testHost('lo', 'eth0');
  const sets = new Sets(host.context);
  host.context.nowMs = 1e12;
  sets.store.begin();
  sets.restore(lines(), 'sets');
  const ruleset = loadRules(RULES, 'rules', 2);
  const { rules } = loadTable(ruleset.tables.get('mangle')!, 2, { ...host, setStore: sets.store }).byName.get(
    'FORWARD',
  )!;
  const p = K.packet({ inInterface: 2 });
  p.attach(new Uint8Array(64));
  const kept: object[] = [];
  const walk = (packets: number, keep: boolean): void => {
    for (let n = 0; n < packets; n++) {
      p.tuple[0] = 0x0a000000 + Math.imul(n & 0xfff, 4099);
      host.context.nowMs += 1;
      for (let r = 0; r < rules.length; r++) ask(rules[r]!, p);
      if (keep) kept[n & 1023] = { n };
    }
  };
  const ask = (rule: (typeof rules)[number], packet: Packet): void => {
    let fits = true;
    for (let m = 0; m < rule.matches.length && fits; m++) fits = rule.matches[m]!(packet, host.context);
    if (fits && rule.target !== null) rule.target(packet, host.context);
  };
  walk(PACKETS, false);
  // The compiler's own work may cause a collection while the code is still being optimised.
  let fewest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 4 && fewest > 0; round++)
    fewest = Math.min(fewest, await collections(() => walk(PACKETS, false)));
  expect(fewest).toBe(0);
  expect(await collections(() => walk(PACKETS * 3, true))).toBeGreaterThan(0);
}, 60_000);
