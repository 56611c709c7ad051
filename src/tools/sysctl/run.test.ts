/** What needs no kernel: the original's behaviour as a whole is compared in test/sysctl. */
import { describe, expect, test } from 'vitest';
import { PLENTIFUL } from './defaults.js';
import { type ConfFile, type SysctlMode, SysctlRun } from './run.js';
import { SysctlFailure, type SysctlStat, type SysctlStore } from './store.js';

const NF = 'net.netfilter.nf_conntrack_';
const MODE: SysctlMode = {
  namesOnly: false,
  valuesOnly: false,
  isBinary: false,
  ignoresUnknown: false,
  isQuiet: false,
  writes: false,
  isDry: false,
  pattern: null,
};

/** Settings in a map; `locked` are read-only, `broken` fail with a code when they are written. */
class MapStore implements SysctlStore {
  host = PLENTIFUL;
  readonly values: Map<string, string>;

  constructor(
    values: Record<string, string>,
    readonly locked: string[] = [],
    readonly broken: Record<string, string> = {},
  ) {
    this.values = new Map(Object.entries(values));
  }

  stat(path: string): SysctlStat | SysctlFailure {
    const isFile = this.values.has(path);
    if (!isFile && this.list(path).length === 0) return new SysctlFailure('ENOENT');
    return { isFolder: !isFile, isReadable: path !== 'net/secret', isWritable: isFile && !this.locked.includes(path) };
  }

  list(path: string): string[] {
    const base = path === '' ? '' : `${path}/`;
    const below = [...this.values.keys()].filter((key) => key.startsWith(base));
    return [...new Set(below.map((key) => key.slice(base.length).split('/')[0]!))];
  }

  read(path: string): string | SysctlFailure {
    const value = this.values.get(path);
    return value === undefined ? new SysctlFailure('ENOENT') : `${value}\n`;
  }

  write(path: string, value: string): SysctlFailure | null {
    if (this.broken[path] !== undefined) return new SysctlFailure(this.broken[path]);
    this.values.set(path, value);
    return null;
  }
}

interface Said {
  status: number;
  out: string;
  err: string;
}

function said(store: SysctlStore, mode: Partial<SysctlMode>, act: (run: SysctlRun) => number): Said {
  const said: Said = { status: 0, out: '', err: '' };
  const voice = {
    out: (text: string): void => {
      said.out += text;
    },
    err: (text: string): void => {
      said.err += text;
    },
  };
  said.status = act(new SysctlRun(store, { ...MODE, ...mode }, voice));
  return said;
}

const CT = 'net/netfilter/nf_conntrack_';
const values = (): Record<string, string> => ({
  [`${CT}acct`]: '0',
  [`${CT}max`]: '262144',
  [`${CT}buckets`]: '262144',
  [`${CT}tcp_loose`]: '1',
  'net/ipv4/ip_forward': '0',
  'net/ipv4/conf/eth0.5/rp_filter': '1',
  'net/ipv4/neigh/eth0/retrans_time': '1',
  'net/secret': 'x',
  'kernel/modes': 'a\nb',
});

describe('what is beyond sysctl(8)', () => {
  test('a harmful value is set, and warned of', () => {
    const store = new MapStore(values());
    expect(said(store, {}, (run) => run.words([`${NF}max=0`]))).toEqual({
      status: 0,
      out: `${NF}max = 0\n`,
      err: `warning: ${NF}max = 0: 0 is no limit: whoever opens connections fast enough takes all memory\n`,
    });
    expect(store.values.get(`${CT}max`)).toBe('0');
  });

  test('a refused value is explained', () => {
    const store = new MapStore(values(), [], { [`${CT}acct`]: 'EINVAL' });
    expect(said(store, {}, (run) => run.words([`${NF}acct=7`]))).toEqual({
      status: 1,
      out: '',
      err: `sysctl: setting key "${NF}acct": Invalid argument\nhint: expected a whole number from 0 to 1, got "7"\n`,
    });
  });

  test.each([
    [`${NF}max=5`, `${NF}max is one for the whole host: set it in the initial network namespace`],
    [`${NF}acct=5`, `${NF}acct is read-only`],
    ['net.ipv4=5', 'net.ipv4 is a folder of settings'],
  ])('%s fails with a hint', (word, hint) => {
    const store = new MapStore(values(), [`${CT}max`, `${CT}acct`]);
    const name = word.split('=')[0];
    expect(said(store, {}, (run) => run.words([word]))).toEqual({
      status: 1,
      out: '',
      err: `sysctl: setting key "${name}": Invalid argument\nhint: ${hint}\n`,
    });
  });

  test.each([
    ['net.ipv4.ip_conntrack_max', `net.ipv4.ip_conntrack_max is gone since Linux 4.9: use ${NF}max`],
    [`${NF}helper`, /^net.netfilter.nf_conntrack_helper is gone since Linux 6.0: remove the line/],
    [`${NF}sctp_timeout_closed`, 'this kernel was built without CONFIG_NF_CT_PROTO_SCTP, or its module is not loaded'],
    ['net.nf_conntrack_max', /only the initial network namespace has it/],
    ['net.nonsense', null],
  ])('%s is not there, with a hint', (name, hint) => {
    const { status, err } = said(new MapStore(values()), {}, (run) => run.words([name]));
    const [first, second = ''] = err.split('\n');
    expect([status, first]).toEqual([
      1,
      `sysctl: cannot stat /proc/sys/${name.replaceAll('.', '/')}: No such file or directory`,
    ]);
    if (hint === null) expect(second).toBe('');
    else if (typeof hint === 'string') expect(second).toBe(`hint: ${hint}`);
    else expect(second.replace(/^hint: /, '')).toMatch(hint);
  });

  test('without connection tracking it says so', () => {
    const { err } = said(new MapStore({ 'net/ipv4/ip_forward': '0' }), {}, (run) => run.words([`${NF}acct`]));
    expect(err).toContain('hint: connection tracking is not loaded: modprobe nf_conntrack\n');
  });

  test('a dry run sets nothing, and warns all the same', () => {
    const store = new MapStore(values());
    const { out, err } = said(store, { isDry: true }, (run) => run.words([`${NF}max=0`]));
    expect([out, store.values.get(`${CT}max`)]).toEqual([`${NF}max = 0\n`, '262144']);
    expect(err).toContain('no limit');
  });
});

describe('the status', () => {
  test.each([
    ['counts names that are not there', ['a', 'b', 'c'], 3],
    ['has 1 set in it for what could not be set', ['a', 'b', `${NF}acct=9`], 3],
    ['once', [`${NF}acct=9`, 'c=1'], 1],
    ['which a name in between adds to', [`${NF}acct=9`, 'a', `${NF}acct=9`, 'b'], 4],
    ['is 255 for the folder itself', ['/'], 255],
    ['and for no name', [''], 255],
    ['no value is none', [`${NF}tcp_loose=`], 1],
    ['fits a byte', Array.from({ length: 257 }, (_, i) => `x${i}`), 1],
  ])('%s', (_claim, words, status) => {
    const store = new MapStore(values(), [], { [`${CT}acct`]: 'EINVAL' });
    expect(said(store, {}, (run) => run.words(words)).status).toBe(status);
    expect(store.values.get(`${CT}tcp_loose`)).toBe('1');
  });
});

describe('reading', () => {
  test.each<[string, Partial<SysctlMode>, string[], string]>([
    ['several lines of one value', {}, ['kernel.modes'], 'kernel.modes = a\nkernel.modes = b\n'],
    ['in binary', { isBinary: true }, ['kernel.modes', `${NF}acct`], 'a\nb0'],
    ['what may not be read is left out', {}, ['net.secret'], ''],
    ['deprecated names are left out of folders', {}, ['net.ipv4.neigh'], ''],
    ['but can be asked for', {}, ['net.ipv4.neigh.eth0.retrans_time'], 'net.ipv4.neigh.eth0.retrans_time = 1\n'],
    ['an interface with a dot', {}, ['net/ipv4/conf/eth0.5/rp_filter'], 'net.ipv4.conf.eth0/5.rp_filter = 1\n'],
  ])('%s', (_claim, mode, words, out) => {
    expect(said(new MapStore(values()), mode, (run) => run.words(words))).toEqual({ status: 0, out, err: '' });
  });

  test('a listing has the table and all of net.netfilter, in the order of folders', () => {
    const store = new MapStore({ ...values(), 'net/netfilter/nf_new': '3', 'net/nf_conntrack_max': '1' });
    const { out } = said(store, { namesOnly: true }, (run) => run.all());
    expect(out.split('\n')).toEqual([
      'net.ipv4.conf.eth0/5.rp_filter',
      'net.ipv4.ip_forward',
      `${NF}acct`,
      `${NF}buckets`,
      `${NF}max`,
      `${NF}tcp_loose`,
      'net.netfilter.nf_new',
      'net.nf_conntrack_max',
      '',
    ]);
  });

  test('values come with names, unknown ones are told of', () => {
    let found: unknown;
    const { status, err } = said(new MapStore(values()), {}, (run) => {
      const { settings, status } = run.values(['net/ipv4/ip_forward', 'nope', 'kernel']);
      found = settings;
      return status;
    });
    expect(found).toEqual([
      { name: 'net.ipv4.ip_forward', value: '0' },
      { name: 'kernel.modes', value: 'a\nb' },
    ]);
    expect([status, err]).toEqual([1, 'sysctl: cannot stat /proc/sys/nope: No such file or directory\n']);
  });
});

describe('loading', () => {
  const file = (text: string | null): ConfFile => ({ file: 'f', text, why: 'Permission denied' });

  test.each<[string, ConfFile[], string[], string, number]>([
    [
      'a pattern spares what has a line of its own',
      [file(`${NF}acct=1\nnet.*.nf_conntrack_[at]c*=0`)],
      ['1', '0'],
      '',
      0,
    ],
    ['or is left out', [file(`-${NF}acct\nnet.netfilter.nf_conntrack_[at]c*=0`)], ['0', '0'], '', 0],
    ['in another file, too', [file(`${NF}*cct=1`), file(`${NF}acct=0`)], ['0', '1'], '', 0],
    [
      'what cannot be opened is told first',
      [file(`${NF}acct=1`), file(null)],
      ['1', '1'],
      'sysctl: cannot open "f": Permission denied\n',
      1,
    ],
    [
      'out of the folder',
      [file('/../../x=1')],
      ['0', '1'],
      'sysctl: Path is not under /proc/sys/: /proc/sys//../../x\n',
      1,
    ],
  ])('%s', (_claim, files, [acct, loose], err, status) => {
    const store = new MapStore(values());
    const done = said(store, { isQuiet: true }, (run) => run.load(files));
    expect([store.values.get(`${CT}acct`), store.values.get(`${CT}tcp_loose`)]).toEqual([acct, loose]);
    expect([done.err, done.status]).toEqual([err, status]);
  });

  test.each([
    ['EACCES', '-', 0, `sysctl: permission denied on key "${NF}acct", ignoring\n`],
    ['EACCES', '', 1, `sysctl: permission denied on key "${NF}acct"\n`],
    ['EBUSY', '-', 1, `sysctl: setting key "${NF}acct": Device or resource busy\n`],
    ['EXOTIC', '', 1, `sysctl: setting key "${NF}acct": EXOTIC\n`],
  ])('%s with "%s" before the name', (code, dash, status, err) => {
    const store = new MapStore(values(), [], { [`${CT}acct`]: code });
    const done = said(store, {}, (run) => run.load([file(`${dash}${NF}acct = 1\n`)]));
    expect([done.status, done.err]).toEqual([status, err]);
  });
});
