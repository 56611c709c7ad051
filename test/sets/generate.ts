/** Random command lines of ipset, right ones and wrong ones, on a few sets of all types that kernels commonly have. */

/** A set as it was created. */
export interface Created {
  type: string;
  version: 4 | 6;
  words: readonly string[];
}

const TYPES = [
  ...['hash:ip', 'hash:net', 'hash:ip,port', 'hash:net,port', 'hash:ip,port,ip', 'hash:ip,port,net', 'hash:net,iface'],
  ...['bitmap:ip', 'bitmap:ip,mac', 'bitmap:port', 'list:set'],
];
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const ODD_ADDRESSES = ['0.0.0.0', '::', 'x', '10.0.0.256', '1.2.3', '255.255.255.255', '0.0.0.1', '::1'];
const PORTS = [
  ...[
    '80',
    '1',
    '2',
    '1-3',
    'tcp:2',
    'udp:1-2',
    'udp:53',
    'sctp:4',
    'udplite:5',
    'tcp:0',
    '0',
    'http',
    'udp:domain',
    'tcp:ssh',
  ],
  ...[
    'gre:0',
    'esp:0',
    '47:0',
    'gre:1',
    'foo',
    '99999',
    'tcp:3-1',
    '[ftp-data]',
    'tcp:[ftp-data]-25',
    '200:0',
    'ftp-ssh',
  ],
];
const ICMP = {
  4: ['icmp:echo-request', 'icmp:3/1', 'icmp:8/0'],
  6: ['icmpv6:echo-request', 'icmpv6:1/0', 'ipv6-icmp:128/0'],
};
const LENGTHS = { 4: [32, 31, 30, 29, 28, 24, 23, 16, 8, 1, 0, 33], 6: [128, 127, 126, 64, 48, 33, 32, 16, 1, 0, 129] };
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02', '2:0:0:0:0:1', '00:00:00:00:00:00', '0a:bb:cc:00:00:00', 'xx'];
const INTERFACES = ['eth0', 'eth1', 'eth', 'lo', 'physdev:eth0', 'abcdefghijklmnop', 'e'];
const EXTENSIONS = ['counters', 'comment', 'skbinfo'];

/** Draws command lines from a seed. */
export class CommandGenerator {
  private state: number;
  /** What is there, as far as the caller told with `done`. */
  private readonly sets = new Map<string, Created>();

  constructor(seed: number) {
    this.state = seed;
  }

  private below(n: number): number {
    this.state = (Math.imul(this.state, 1103515245) + 12345) >>> 0;
    let x = this.state;
    x ^= x >>> 15;
    x = Math.imul(x, 0x2c1b3c6d) >>> 0;
    return ((x ^ (x >>> 12)) >>> 0) % n;
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  private oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  /** The next command line. */
  next(): string[] {
    const name = this.pick(NAMES);
    const set = this.sets.get(name);
    const kind = this.below(100);
    let words: string[];
    if ((set === undefined && kind < 80) || kind < 4) words = this.create(name);
    else if (set === undefined || kind < 8) {
      const other = this.pick(NAMES);
      words = this.pick([
        ['flush', name],
        ['destroy', name],
        ['swap', name, other],
        ['rename', name, other],
        ['flush', 'nope'],
      ]);
    } else {
      const verb = this.pick(['add', 'add', 'add', 'add', 'del', 'test', 'test']);
      words = [verb, name, this.element(set), ...this.options(set, verb)];
    }
    return this.oneIn(4) && words[0] !== 'test' ? [...words, '-exist'] : words;
  }

  /** A command line of `next` was taken. */
  done(words: readonly string[]): void {
    const [verb, name = '', other = ''] = words;
    const set = this.sets.get(name);
    if (verb === 'create' && !(words.includes('-exist') && set !== undefined)) {
      this.sets.set(name, { type: other, version: words.includes('inet6') ? 6 : 4, words });
    }
    if (verb === 'destroy') this.sets.delete(name);
    if (verb === 'rename') this.sets.set(other, set!).delete(name);
    if (verb === 'swap') this.sets.set(name, this.sets.get(other)!).set(other, set!);
  }

  private create(name: string): string[] {
    const type = this.oneIn(30) ? this.pick(['hash:foo', 'hash']) : this.pick(TYPES);
    const words = ['create', name, type];
    const maybe = (n: number, option: string, values: readonly string[]): void => {
      if (this.oneIn(n)) words.push(option, this.pick(values));
    };
    if (type.startsWith('hash')) {
      maybe(3, 'family', ['inet6']);
      maybe(3, 'maxelem', ['1', '3', '10', '0']);
      maybe(4, 'hashsize', ['64', '1', '100']);
      maybe(6, 'bucketsize', ['2', '3', '14', '1']);
      if (type === 'hash:ip')
        maybe(3, 'netmask', words.includes('inet6') ? ['64', '120', '128', '0'] : ['24', '31', '33']);
    } else if (type === 'bitmap:port') words.push('range', this.pick(['0-100', '1-3', '80-2', 'udp:1-60', '50']));
    else if (type.startsWith('bitmap'))
      words.push('range', this.pick(['10.0.0.0/24', '10.0.0.2-10.0.1.4', '10.0.0.0/7']));
    maybe(3, 'timeout', ['0', '100', '1000', '2147483', 'x', '2147484']);
    for (const extension of EXTENSIONS) if (this.oneIn(3)) words.push(extension);
    if (this.oneIn(30)) words.push(this.pick(['foo', 'nomatch']));
    return words;
  }

  private element(set: Created): string {
    const parts = (set.type.split(':')[1] ?? 'ip').split(',');
    const texts = parts.map((part, i) => this.part(part, i, set));
    if (set.type === 'bitmap:ip,mac' && this.oneIn(2)) texts.pop();
    return texts.join(',');
  }

  private part(part: string, at: number, { type, version }: Created): string {
    switch (part) {
      case 'ip':
        return this.address(version, at === 0 && !type.includes('mac'));
      case 'net':
        return `${this.plain(version)}/${this.pick(LENGTHS[version])}`;
      case 'port':
        return this.oneIn(4) ? this.pick(ICMP[version]) : this.pick(PORTS);
      case 'mac':
        return this.pick(MACS);
      case 'iface':
        return this.pick(INTERFACES);
      default:
        return this.pick([...NAMES, 'nope']);
    }
  }

  private plain(version: 4 | 6): string {
    const [a, b] = [this.below(2), this.below(8)];
    return version === 6 ? `2001:db8:${a}::${b}` : `10.0.${a}.${b}`;
  }

  private address(version: 4 | 6, several: boolean): string {
    if (this.oneIn(40)) return this.pick(ODD_ADDRESSES);
    const address = this.plain(version);
    if (!several || this.below(3) > 0) return address;
    if (version === 6) return `${address}/${this.pick([128, 127, 64])}`;
    return this.oneIn(2) ? `${address}/${this.pick([32, 31, 30, 29, 28, 33])}` : `${address}-${this.plain(4)}`;
  }

  private options(set: Created, verb: string): string[] {
    const words: string[] = [];
    const maybe = (extension: string, ...choices: string[][]): void => {
      if (set.words.includes(extension) ? this.oneIn(2) : this.oneIn(30)) words.push(...this.pick(choices));
    };
    if (verb === 'add') {
      maybe('timeout', ['timeout', '0'], ['timeout', '50'], ['timeout', 'x']);
      maybe('counters', ['packets', '7'], ['bytes', '70'], ['packets', '-1'], ['packets', '010', 'bytes', '0']);
      maybe('comment', ['comment', 'x y'], ['comment', ''], ['comment', 'a"b']);
      maybe(
        'skbinfo',
        ['skbmark', '0x1'],
        ['skbmark', '0x5/0xff'],
        ['skbprio', '1:2'],
        ['skbqueue', '3'],
        ['skbprio', '1'],
      );
    }
    if (verb !== 'del' && set.type.includes('net') && this.oneIn(4)) words.push('nomatch');
    if (verb === 'add' && set.type.includes('iface') && this.oneIn(4)) words.push('wildcard');
    if (set.type === 'list:set' && this.oneIn(2))
      words.push(this.pick(['before', 'after']), this.pick([...NAMES, 'nope']));
    return words;
  }
}
