import { expect, test } from 'vitest';
import { specOf } from '../../../test/support/option-lines.js';
import { testHost } from '../../../test/support/rules.js';
import { fillIpv4Checksum, transportChecksumOk } from '../../wire/checksum.js';
import { HAS_LOCAL_ORIGIN, Packet } from '../../wire/packet.js';
import { parseNetwork } from '../../wire/parse.js';
import { type LoadContext, VERDICT_ACCEPT, VERDICT_CONTINUE, VERDICT_DROP } from '../context.js';
import { registryOf } from '../registry.js';

/** A UDP packet with a wrong checksum. */
function packet(protocol = 17): Packet {
  const header = [0x45, 0, 0, 32, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
  const bytes = Uint8Array.from([...header, 4, 210, 0, 53, 0, 12, 1, 2, 97, 98, 99, 100]);
  fillIpv4Checksum(new DataView(bytes.buffer), 0);
  const p = new Packet();
  expect(parseNetwork(p, bytes, 0, bytes.length)).toBe(0);
  return p;
}

function run(target: string, options: string, p: Packet): number {
  const { extension } = registryOf(2).targets.get(target)!;
  return extension.load!(specOf(extension, options, 2), {} as LoadContext)(p, testHost('eth0').context);
}

test.each([
  ['AUDIT', '--type drop', VERDICT_CONTINUE],
  ['CLASSIFY', '--set-class 1:2', VERDICT_CONTINUE],
  ['CONNSECMARK', '--restore', VERDICT_CONTINUE],
  ['IDLETIMER', '--timeout 5 --label x', VERDICT_CONTINUE],
  ['NFLOG', '--nflog-group 5', VERDICT_CONTINUE],
  ['NFQUEUE', '--queue-num 5', VERDICT_DROP],
  ['NFQUEUE', '--queue-balance 5:6 --queue-cpu-fanout', VERDICT_DROP],
  ['NFQUEUE', '--queue-num 5 --queue-bypass', VERDICT_ACCEPT],
])('-j %s %s: verdict %i, and the packet is as it was', (target, options, verdict) => {
  const p = packet();
  const before = [...p.bytes];
  expect(run(target, options, p)).toBe(verdict);
  expect([[...p.bytes], p.mark]).toEqual([before, 0]);
});

test('CLASSIFY sets the packet’s priority', () => {
  const p = packet();
  run('CLASSIFY', '--set-class ab:cd', p);
  expect(p.priority).toBe(0xab00cd);
});

test('CHECKSUM leaves what arrived alone, right or wrong', () => {
  const p = packet();
  expect(run('CHECKSUM', '--checksum-fill', p)).toBe(VERDICT_CONTINUE);
  expect(transportChecksumOk(p)).toBe(false);
});

test('CHECKSUM fills in what the host’s own network card would', () => {
  const p = packet();
  p.has |= HAS_LOCAL_ORIGIN;
  run('CHECKSUM', '--checksum-fill', p);
  p.has &= ~HAS_LOCAL_ORIGIN;
  expect(transportChecksumOk(p)).toBe(true);
});

test('CHECKSUM knows TCP and UDP only', () => {
  const p = packet(1);
  p.has |= HAS_LOCAL_ORIGIN;
  const before = [...p.bytes];
  run('CHECKSUM', '--checksum-fill', p);
  expect([...p.bytes]).toEqual(before);
});
