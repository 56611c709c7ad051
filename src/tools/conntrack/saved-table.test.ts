import { describe, expect, it } from 'vitest';
import { EVERYTHING, runOn, tableOf } from '../../../test/support/conntrack-world.js';
import type { FlowRecord } from '../../flow/record.js';

const LINE =
  'tcp      6 100 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1000 ' +
  '[ASSURED] mark=1 use=1';
const OTHER =
  'udp      17 50 src=10.0.0.3 dst=10.0.0.4 sport=5 dport=6 [UNREPLIED] src=10.0.0.4 dst=10.0.0.3 sport=6 dport=5 mark=0 use=1';
const ADD = '-A -t 60 -s 10.0.0.9 -d 10.0.0.8 -p udp --sport 1 --dport 2';

async function records(text: string): Promise<FlowRecord[]> {
  const all: FlowRecord[] = [];
  for await (const batch of tableOf(text).list('conntrack', EVERYTHING)) all.push(...batch);
  return all;
}

describe('a saved table', () => {
  it.each([
    ['lines', `${LINE}\n${OTHER}\n`],
    ['extended lines', `ipv4     2 ${LINE}\nipv4     2 ${OTHER}\n`],
  ])('is written back as %s if it was that', async (_, text) => {
    const table = tableOf(text);
    expect((await runOn(table, '-D -s 10.0.0.3')).status).toBe(0);
    expect(table.isChanged).toBe(true);
    expect(table.text()).toBe(`${text.split('\n')[0]}\n`);
  });

  it('of commands, XML or JSON stays that', async () => {
    for (const form of ['-o save', '-o xml', '--json']) {
      const { out } = await runOn(tableOf(`${LINE}\n${OTHER}\n`), `-L ${form}`);
      const table = tableOf(out);
      await runOn(table, '-D -s 10.0.0.3');
      expect((await runOn(tableOf(table.text()), `-L ${form}`)).out).toBe(
        (await runOn(tableOf(`${LINE}\n`), `-L ${form}`)).out,
      );
    }
  });

  it('kept in memory is the same to whoever changes it', async () => {
    const steps = ['-D -s 10.0.0.3', ADD, '-U -s 10.0.0.9 -m 3', '-D -p udp', ADD, '-F', ADD, '-L'];
    const inMemory = tableOf(`${LINE}\n${OTHER}\n`, true);
    const onDemand = tableOf(`${LINE}\n${OTHER}\n`);
    for (const step of steps) expect(await runOn(inMemory, step)).toEqual(await runOn(onDemand, step));
    expect(inMemory.text()).toBe(onDemand.text());
    expect(inMemory.text().split('\n').length).toBe(2);
  });

  it('is unchanged by listings, and by changes that fail', async () => {
    const table = tableOf(`${LINE}\n`);
    await runOn(table, '-L');
    await runOn(table, '-G -p tcp -s 10.0.0.1 -d 10.0.0.2 --sport 1000 --dport 81');
    await runOn(table, '-D -s 9.9.9.9');
    expect(table.isChanged).toBe(false);
  });

  it('takes a connection once, whatever direction it is given in', async () => {
    const table = tableOf('');
    expect((await runOn(table, ADD)).err).toContain('1 flow entries have been added');
    expect((await runOn(table, ADD)).err).toContain('0 flow entries have been added');
    const mirrored = '-I -t 60 -s 10.0.0.8 -d 10.0.0.9 -p udp --sport 2 --dport 1';
    expect((await runOn(table, mirrored)).err).toContain('Such conntrack exists');
    expect((await runOn(table, `${mirrored} -w 5`)).status).toBe(0);
    expect(table.text().split('\n').length).toBe(3);
  });

  it('translates what is made with -n and -g', async () => {
    const table = tableOf('');
    await runOn(table, `${ADD} -n 192.0.2.1:77 -g 192.0.2.2`);
    const [made] = await records(table.text());
    expect(made?.reply).toMatchObject({
      source: '192.0.2.2',
      destination: '192.0.2.1',
      ports: { source: 2, destination: 77 },
    });
  });

  it('changes marks, timeouts, states and status', async () => {
    const table = tableOf(`${LINE}\n${OTHER}\n`);
    expect((await runOn(table, '-U -s 10.0.0.1 -m 0x10/0xf0 -t 9 -p tcp --state CLOSE')).out).toContain(
      'tcp      6 9 CLOSE',
    );
    expect((await runOn(table, '-U -s 10.0.0.3 -u SEEN_REPLY,ASSURED')).out).toContain('[ASSURED]');
    const [first, second] = await records(table.text());
    expect(first).toMatchObject({ mark: 0x11, timeout: 9, state: 8 });
    expect(second!.status & 6).toBe(6);
  });

  it('keeps labels that a change does not name', async () => {
    const table = tableOf(`${LINE} labels=one,two\n`);
    await runOn(table, '-U -s 10.0.0.1 --label-add three');
    expect((await records(table.text()))[0]?.labels).toEqual(['one', 'two', 'three']);
    await runOn(table, '-U -s 10.0.0.1 --label-del two');
    expect((await records(table.text()))[0]?.labels).toEqual(['one', 'three']);
    await runOn(table, '-U -s 10.0.0.1 --label-del');
    expect((await records(table.text()))[0]?.labels ?? []).toEqual([]);
  });

  it('is flushed by family', async () => {
    const table = tableOf(`${LINE}\nudp 17 5 src=::1 dst=::2 sport=1 dport=2 src=::2 dst=::1 sport=2 dport=1\n`);
    await runOn(table, '-F -f ipv6');
    expect((await records(table.text())).map((r) => r.family)).toEqual([2]);
  });

  it('says what it has not', async () => {
    expect((await runOn(tableOf(LINE), '-S')).err).toBe(
      'conntrack v1.4.7 (conntrack-tools): saved: a saved table has no statistics\n',
    );
    expect((await runOn(tableOf(LINE), '-L dying')).err).toContain('a saved table has no list of dying connections');
    expect((await runOn(tableOf(LINE), '-F expect')).status).toBe(1);
  });

  it('of events is shown as they came, filtered', async () => {
    const text = `    [NEW] ${OTHER.replace(' mark=0 use=1', '')}\n[DESTROY] ${OTHER.replace(' mark=0 use=1', '')}\n`;
    expect((await runOn(tableOf(text), '-E')).out.split('\n').length).toBe(3);
    expect((await runOn(tableOf(text), '-E -e DESTROY')).out).toMatch(/^\[DESTROY\] udp/);
    expect((await runOn(tableOf(text), '-E -s 9.9.9.9')).err).toContain('0 flow events have been shown');
  });

  it('of expectations is listed, counted and searched', async () => {
    const text =
      '299 proto=6 src=10.0.0.2 dst=10.0.0.1 sport=0 dport=51300 mask-src=255.255.255.255 mask-dst=255.255.255.255 ' +
      'sport=0 dport=65535 master-src=10.0.0.1 master-dst=10.0.0.2 sport=40000 dport=21 class=0 helper=ftp\n';
    expect((await runOn(tableOf(text), '-L expect')).out).toBe(text);
    expect((await runOn(tableOf(text), '-C expect')).out).toBe('1\n');
    const key = '-s 10.0.0.2 -d 10.0.0.1 -p tcp --sport 0 --dport 51300 --reply-port-src 1 --reply-port-dst 1';
    expect((await runOn(tableOf(text), `-G expect ${key}`)).out).toBe(text);
  });
});
