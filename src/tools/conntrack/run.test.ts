import { describe, expect, it } from 'vitest';
import { runOn, tableOf } from '../../../test/support/conntrack-world.js';
import type { FlowRecord } from '../../flow/record.js';
import { type FlowSource, FlowSourceError } from '../../flow/source.js';

const TABLE = [
  '-A -t 100 -u SEEN_REPLY,ASSURED -s 10.0.0.1 -d 10.0.0.2 -p tcp --sport 1000 --dport 80 --state ESTABLISHED',
  '-A -t 101 -u SEEN_REPLY -s 10.0.0.1 -d 10.0.0.3 -p tcp --sport 1001 --dport 443 --state TIME_WAIT',
  '-A -t 102 -u UNSET -s 10.0.0.4 -d 10.0.0.3 -p udp --sport 1001 --dport 53 -w 5',
  '-A -t 103 -u UNSET -s 10.0.0.4 -d 10.0.0.3 -p icmp --icmp-type 8 --icmp-code 0 --icmp-id 7',
  '-A -t 104 -u UNSET -s 2001:db8::1 -d 2001:db8::2 -p 50',
].join('\n');
const P = 'conntrack v1.4.7 (conntrack-tools): ';

describe('--json', () => {
  it('gives one object a line, with the summary where it always is', async () => {
    const { out, err } = await runOn(tableOf(TABLE), '-L --json -p tcp');
    const objects = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(objects.map((o) => o.state)).toEqual(['ESTABLISHED', 'TIME_WAIT']);
    expect(err).toBe(`${P}2 flow entries have been shown.\n`);
  });

  it('counts', async () => {
    expect(JSON.parse((await runOn(tableOf(TABLE), '-C --json')).out)).toEqual({ count: 5, limit: 0 });
  });

  it('shows events', async () => {
    const line = '[DESTROY] udp 17 src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2 src=2.2.2.2 dst=1.1.1.1 sport=2 dport=1';
    expect(JSON.parse((await runOn(tableOf(line), '-E --json')).out)).toMatchObject({ event: 'DESTROY' });
  });
});

describe('--top', () => {
  const rows = async (key: string): Promise<string[]> =>
    (await runOn(tableOf(TABLE), `-L --top ${key}`)).out.trimEnd().split('\n').slice(1);

  it.each([
    ['src', ['2   40.0 %  10.0.0.1', '2   40.0 %  10.0.0.4', '1   20.0 %  2001:db8::1']],
    [
      'dport',
      [
        '1   20.0 %  443/tcp',
        '1   20.0 %  53/udp',
        '1   20.0 %  80/tcp',
        '1   20.0 %  icmp',
        '1   20.0 %  protocol 50',
      ],
    ],
    ['zone', ['4   80.0 %  0', '1   20.0 %  5']],
  ])('%s: the most first, equal ones by name', async (key, expected) => {
    expect((await rows(key)).map((row) => row.trim())).toEqual(expected);
  });

  it('knows sources of packets, pairs and states', async () => {
    expect((await rows('state')).join()).toContain('TIME_WAIT tcp');
    expect((await rows('pair')).join()).toContain('10.0.0.4 -> 10.0.0.3');
    expect((await rows('sport')).join()).toContain('1001/udp');
    expect((await rows('dst')).join()).toContain('10.0.0.3');
  });

  it('counts what the filter leaves, and says how many', async () => {
    const { out, err } = await runOn(tableOf(TABLE), '-L --top src -p tcp --json');
    expect(JSON.parse(out)).toEqual({ src: '10.0.0.1', count: 2, share: 1 });
    expect(err).toBe(`${P}2 flow entries have been counted.\n`);
  });

  it('adds up what is behind the first twenty', async () => {
    const many = Array.from({ length: 25 }, (_, i) => `-A -t 1 -s 10.0.1.${i} -d 10.0.0.2 -p 50`).join('\n');
    const { out } = await runOn(tableOf(many), '-L --top src');
    expect(out.trimEnd().split('\n').length).toBe(22);
    expect(out).toMatch(/ {8}5 {3}20\.0 % {2}5 others\n$/);
  });
});

describe('--dry-run', () => {
  it('shows and counts what would go, and leaves it', async () => {
    const table = tableOf(TABLE);
    const { out, err, status } = await runOn(table, '-D -p tcp --dry-run');
    expect(out.split('\n').length).toBe(3);
    expect([err, status]).toEqual([`${P}2 flow entries would be deleted.\n`, 0]);
    expect(table.isChanged).toBe(false);
  });

  it('of what matches nothing fails as -D does', async () => {
    expect((await runOn(tableOf(TABLE), '-D -s 9.9.9.9 --dry-run')).status).toBe(1);
  });

  it('of -F counts everything, or a family', async () => {
    expect((await runOn(tableOf(TABLE), '-F --dry-run')).err).toBe(`${P}5 flow entries would be deleted.\n`);
    expect((await runOn(tableOf(TABLE), '-F -f ipv6 --dry-run')).err).toBe(`${P}1 flow entries would be deleted.\n`);
  });

  it('makes no file of --undo', async () => {
    expect((await runOn(tableOf(TABLE), '-D -p tcp --dry-run --undo FILE')).undo).toBe(null);
  });
});

describe('--undo', () => {
  it('has what is deleted as -o save shows it', async () => {
    const saved = (await runOn(tableOf(TABLE), '-L -o save -p tcp')).out;
    expect((await runOn(tableOf(TABLE), '-D -p tcp --undo FILE')).undo).toBe(saved);
  });

  it('has everything that -F takes', async () => {
    expect((await runOn(tableOf(TABLE), '-F --undo FILE')).undo?.split('\n').length).toBe(6);
  });

  it('is written before anything is deleted', async () => {
    const steps: string[] = [];
    const table = tableOf(TABLE);
    table.delete = async (record: FlowRecord) => {
      steps.push(`delete ${record.protocol}`);
    };
    const ran = await runOn(table, '-D -p udp --undo FILE');
    expect([ran.undo?.length, steps]).toEqual([expect.any(Number), ['delete 17']]);
    table.delete = async () => {
      throw new FlowSourceError('', 1);
    };
    expect((await runOn(table, '-D -p udp --undo FILE')).undo).toContain('-p udp');
  });
});

describe('--explain', () => {
  it.each([
    ['-L', 'Shows all connections.'],
    ['-D -p tcp --dport 80 -s 10.0.0.0/8', 'Deletes IPv4 tcp connections from 10.0.0.0/8 to port 80.'],
    ['-U -s 10.0.0.1 -m 5', 'Changes IPv4 connections from 10.0.0.1: mark 5.'],
    [
      '-U -p tcp -m 5/0xf0 -t 9 --state CLOSE',
      'Changes tcp connections: mark 5 in the bits 0xf0, timeout 9 s, state CLOSE.',
    ],
    ['-U -u ASSURED --label-del', 'Changes all connections: status ASSURED, without the label (any).'],
    ['-U --label-add one,two', 'Changes all connections: with the label one and two.'],
    ['-U', 'Changes all connections in nothing.'],
    ['-E -f ipv6', 'Shows events of IPv6 connections.'],
    ['-E -e NEW,DESTROY', 'Shows NEW and DESTROY events of all connections.'],
    ['-F -f ipv6', 'Deletes IPv6 connections.'],
    ['-G -p 50 -s 1.1.1.1 -d 1.1.1.2', 'Looks for one of IPv4 protocol 50 connections from 1.1.1.1 to 1.1.1.2.'],
    ['-D --table x', 'Deletes all connections.'],
    ['-L dying', 'Shows all connections (of those dying).'],
    ['-L expect', 'Shows all expectations.'],
  ])('%s', async (line, sentence) => {
    const table = tableOf(TABLE);
    const { out, status } = await runOn(table, `${line} --explain`);
    expect([out, status]).toEqual([`${sentence}\n`, 0]);
    expect(table.isChanged).toBe(false);
  });
});

describe('our own options', () => {
  it.each([
    ['-L --undo x', '--undo does not go with this command'],
    ['-L --dry-run', '--dry-run does not go with this command'],
    ['-D --top src', '--top does not go with this command'],
    ['-L --top', '--top counts by src, dst, sport, dport, pair, state, zone; got nothing'],
    ['-L --top color', '--top counts by src, dst, sport, dport, pair, state, zone; got "color"'],
    ['-D --undo', '--undo needs a file'],
    ['-L --table', '--table needs a file'],
    ['-D --table x', 'x is changed only with --write'],
    ['-D --write', '--write goes with --table FILE'],
    ['-L --table x --namespace y', '--table and --namespace exclude each other'],
    ['-L expect --top src', '--top is for connections, not for expectations'],
    ['-L --top src --explain', '--top and --explain exclude each other'],
    ['-L --jso', "unknown option `--jso'"],
  ])('%s', async (line, message) => {
    const { err, status } = await runOn(tableOf(TABLE), line);
    expect([err.split('\n')[0], status]).toEqual([P + message, 2]);
  });

  it('do not make shortened names of the original ambiguous', async () => {
    expect((await runOn(tableOf(TABLE), '--u -s 9.9.9.9 -m 1')).err).toBe(`${P}0 flow entries have been updated.\n`);
    expect((await runOn(tableOf(TABLE), '-L --p tcp')).err).toBe(`${P}2 flow entries have been shown.\n`);
  });

  it('are what they are only where an option can stand', async () => {
    expect((await runOn(tableOf(TABLE), '-L -l --json')).err).toContain("unknown label '--json'");
  });

  it('stand in --help, not in -h', async () => {
    expect((await runOn(tableOf(''), '--help')).out).toContain('--dry-run');
    expect((await runOn(tableOf(''), '-h')).out).not.toContain('--dry-run');
  });
});

describe('output', () => {
  it('ends quietly as a program that is killed by SIGPIPE, where nobody reads it', async () => {
    const many = Array.from({ length: 3000 }, (_, i) => `-A -t 1 -s 10.0.${i >> 8}.${i & 255} -d 10.0.0.2 -p 50`).join(
      '\n',
    );
    const { status, err, out } = await runOn(tableOf(many), '-L', {}, 1);
    expect([status, err]).toEqual([141, '']);
    expect(out.length).toBeLessThan(200_000);
  });

  it('goes out in parts', async () => {
    const many = Array.from({ length: 3000 }, (_, i) => `-A -t 1 -s 10.0.${i >> 8}.${i & 255} -d 10.0.0.2 -p 50`);
    const { out, writes } = await runOn(tableOf(many.join('\n')), '-L');
    expect([out.split('\n').length, writes]).toEqual([3001, expect.any(Number)]);
    expect(writes).toBeGreaterThan(2);
  });

  it('of what was shown before a fault is there', async () => {
    const table = tableOf(TABLE);
    let deleted = 0;
    table.delete = async () => {
      if (++deleted === 2) throw new FlowSourceError('', 16);
    };
    const { out, err, status, isCommitted } = await runOn(table, '-D -p tcp');
    expect(out.split('\n').length).toBe(2);
    expect([err, status, isCommitted]).toEqual([`${P}Operation failed: Device or resource busy\n`, 1, false]);
  });
});

describe('refusals of the kernel', () => {
  const refusing = (errno: number, reason = ''): FlowSource => {
    const table = tableOf(TABLE);
    const refuse = (): never => {
      throw new FlowSourceError('refused', errno, reason);
    };
    table.list = refuse;
    table.get = refuse;
    table.create = refuse;
    return table;
  };
  const NEW = '-I -t 5 -s 1.1.1.1 -d 1.1.1.2 -p 50';

  it.each([
    ['-L', 1, 'sorry, you must be root or get CAP_NET_ADMIN capability to do this'],
    ['-L', 22, 'invalid parameters'],
    ['-L', 12, 'not enough memory'],
    [NEW, 17, 'Such conntrack exists, try -U to update'],
    [NEW, 93, 'protocol not supported'],
    ['-G -p 50 -s 1.1.1.1 -d 1.1.1.2', 2, "such conntrack doesn't exist"],
    ['-L', 105, 'No buffer space available'],
    ['-L', 9999, 'Unknown error 9999'],
  ])('%s, error %d', async (line, errno, words) => {
    const { err, status } = await runOn(refusing(errno), line);
    expect([err, status]).toEqual([`${P}Operation failed: ${words}\n`, 1]);
  });

  it("come with the kernel's own words where it has some", async () => {
    expect((await runOn(refusing(22, 'bad mask'), '-L')).err).toBe(
      `${P}Operation failed: invalid parameters (bad mask)\n`,
    );
  });

  it('still let -C and -S show what /proc tells everybody', async () => {
    const table = tableOf(TABLE);
    table.count =
      table.statistics =
      table.events =
        () => {
          throw new FlowSourceError('', 1);
        };
    const files: Record<string, string> = {
      '/proc/sys/net/netfilter/nf_conntrack_count': '7\n',
      '/proc/net/stat/nf_conntrack': 'entries  found\n0000000a 00000001\n0000000a 00000002\n',
    };
    const words = `${P}Operation failed: sorry, you must be root or get CAP_NET_ADMIN capability to do this\n`;
    expect(await runOn(table, '-C', files)).toMatchObject({ out: '7\n', err: words, status: 1 });
    expect(await runOn(table, '-S', files)).toMatchObject({
      out: 'cpu=0   \tentries=10 found=1 \ncpu=1   \tentries=10 found=2 \n',
      err: words,
    });
    expect((await runOn(table, '-E')).err).toBe(
      `mnl_socket_bind: Operation not permitted\n${P}Can't open netlink socket\n`,
    );
    expect((await runOn(table, '-E expect')).err).toBe(`${P}Can't open handler\n`);
  });

  it('that are no refusals of the kernel are one sentence', async () => {
    expect((await runOn(refusing(0), '-L')).err).toBe(`${P}refused\n`);
  });
});
