import { expect, it } from 'vitest';
import { runOn, tableOf } from '../../../test/support/conntrack-world.js';

const EXPECTATION =
  '298 proto=6 src=127.0.0.1 dst=127.0.0.1 sport=0 dport=51210 mask-src=255.255.255.255 mask-dst=255.255.255.255 sport=0 dport=65535 master-src=127.0.0.1 master-dst=127.0.0.1 sport=40000 dport=21 PERMANENT class=0 helper=ftp';

it('expectations in XML have the time of the listing where it is asked for, before their flags', async () => {
  const { out } = await runOn(tableOf(EXPECTATION), '-L expect -o xml,timestamp');
  expect(out).toMatch(/<class>0<\/class><when><hour>\d+<\/hour>.*<\/when><permanent\/><\/meta><\/flow>\n<\/expect>\n$/);
  expect((await runOn(tableOf(EXPECTATION), '-L expect -o xml')).out).not.toContain('<when>');
});

it('expectations in lines have it too, with blanks behind the fraction', async () => {
  const { out } = await runOn(tableOf(EXPECTATION), '-L expect -o timestamp');
  expect(out).toMatch(/^\[\d+\.[\d ]{6}\]\t298 proto=6 /);
});
