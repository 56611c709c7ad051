/**
 * Makes sequences of iptables commands for the comparison with the real program: every verb, options in odd places and odd spellings,
 * wrong words, and the match and target options of test/fixtures/rules recombined.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FIXTURES = fileURLToPath(new URL('../fixtures/rules', import.meta.url));

const CHAINS = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};
const USER_CHAINS = ['web', 'a', 'Zed', 'a-very-long-chain-name-of-28'];

/** Numbers from a seed (mulberry32). */
export class Random {
  constructor(seed) {
    this.state = seed | 0;
  }
  next() {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  below(n) {
    return Math.floor(this.next() * n);
  }
  chance(p) {
    return this.next() < p;
  }
  pick(list) {
    return list[this.below(list.length)];
  }
}

/** The words of a line of shell: quotes and backslashes, nothing else. */
export function shellWords(line) {
  const words = line.match(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/g) ?? [];
  return words.map((word) =>
    word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g, (_, double, single, bare) =>
      double !== undefined ? double.replace(/\\(["\\$`])/g, '$1') : (single ?? bare ?? ''),
    ),
  );
}

/**
 * Pieces of rules from the recorded lines, by family: `-p X`, `-m X ...`, `-j X ...` with the options behind them. Each piece keeps the
 * protocol and table of its line, so that most combinations make sense.
 */
export function readPieces() {
  const pieces = { 4: { matches: [], targets: [] }, 6: { matches: [], targets: [] } };
  for (const file of readdirSync(FIXTURES).sort()) {
    if (!file.endsWith('.tsv')) continue;
    for (const row of readFileSync(join(FIXTURES, file), 'utf8').split('\n')) {
      const fields = row.split('\t');
      const line = fields.find((f) => /(^| )-[mj] /.test(f));
      if ((fields[0] === '4' || fields[0] === '6') && line !== undefined) addPieces(pieces[fields[0]], fields, line);
    }
  }
  return pieces;
}

function addPieces(into, fields, line) {
  // estimators and accounting objects of the kernel, which nobody has made here
  if (line.includes('rateest') || line.includes('nfacct')) return;
  const words = shellWords(line);
  let table = Object.hasOwn(CHAINS, fields[1]) ? fields[1] : 'filter';
  let protocol = [];
  let current = null;
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (word === '-t') table = words[++i] ?? 'filter';
    else if (word === '-p') {
      protocol = words[i - 1] === '!' ? ['!', '-p', words[i + 1]] : ['-p', words[i + 1]];
      i++;
      current = null;
    } else if (word === '-m' || word === '-j') {
      current = { protocol, table, words: [word] };
      (word === '-m' ? into.matches : into.targets).push(current);
    } else if (/^-[AIDRCNXPEFZLS]$/.test(word)) current = null;
    else current?.words.push(word);
  }
}

/** Makes sequences; the same seed makes the same ones. */
export class Generator {
  constructor(seed, pieces) {
    this.r = new Random(seed);
    this.pieces = pieces;
  }

  /** `{family, steps: [{tool, argv, input}]}`; tool: '', '-save' or '-restore'. */
  sequence() {
    const { r } = this;
    this.family = r.chance(0.65) ? 4 : 6;
    this.table = r.chance(0.6) ? 'filter' : r.pick(Object.keys(CHAINS));
    this.rules = [];
    const steps = [];
    const count = 2 + r.below(9);
    if (r.chance(0.6)) for (const name of USER_CHAINS.slice(0, 1 + r.below(3))) steps.push(this.step(['-N', name]));
    for (let i = 0; i < count; i++) {
      const p = r.next();
      if (p < 0.07) steps.push(this.restore());
      else if (p < 0.12) steps.push(this.save());
      else steps.push(this.command());
    }
    return { family: this.family, steps };
  }

  step(words, noTable = false) {
    const { r } = this;
    let argv = [...words];
    if (this.table !== 'filter' && !noTable) {
      const option = r.pick([['-t', this.table], ['-t', this.table], [`-t${this.table}`], [`--table=${this.table}`]]);
      if (r.chance(0.9)) argv = r.chance(0.8) ? [...option, ...argv] : [...argv, ...option];
    }
    if (r.chance(0.05)) argv = r.chance(0.5) ? ['-w', ...argv] : [...argv, '-w', '5'];
    if (r.chance(0.12)) argv = this.spoil(argv);
    return { tool: '', argv, input: '' };
  }

  chain() {
    const { r } = this;
    if (r.chance(0.03))
      return r.pick(['nosuch', 'INPUT ', 'this-chain-name-is-too-long-29', '', 'ACCEPT', '-x', 'LOG']);
    return r.chance(0.65) ? r.pick(CHAINS[this.table]) : r.pick(USER_CHAINS);
  }

  command() {
    const { r } = this;
    const p = r.next();
    const v = r.chance(0.2) ? [r.pick(['-v', '--verbose', '--verb'])] : [];
    if (p < 0.3) return this.step([...v, ...this.long('-A', '--append'), this.chain(), ...this.remember()]);
    if (p < 0.38) {
      const number = r.chance(0.6) ? [this.number()] : [];
      return this.step([...v, ...this.long('-I', '--insert'), this.chain(), ...number, ...this.remember()]);
    }
    if (p < 0.45) return this.step([...v, ...this.long('-D', '--delete'), this.chain(), ...this.knownOrNumber()]);
    if (p < 0.5) {
      return this.step([...v, ...this.long('-R', '--replace'), this.chain(), this.number(), ...this.remember()]);
    }
    if (p < 0.54) return this.step([...v, ...this.long('-C', '--check'), this.chain(), ...this.known()]);
    if (p < 0.69) return this.step(this.listing('L', '--list'));
    if (p < 0.76) return this.step(this.listing('S', '--list-rules'));
    return this.chainCommand(v);
  }

  chainCommand(v) {
    const { r } = this;
    const p = r.next();
    const some = r.chance(0.6) ? [this.chain()] : [];
    const policy = r.pick(['ACCEPT', 'DROP', 'DROP', 'REJECT', 'RETURN', 'web', '']);
    const counters = r.chance(0.3) ? ['-c', String(r.below(2e5)), String(r.below(2e9))] : [];
    if (p < 0.12) return this.step([...v, ...this.long('-F', '--flush'), ...some]);
    if (p < 0.3) {
      const number = some.length > 0 && r.chance(0.5) ? [this.number()] : [];
      return this.step([...v, ...this.long('-Z', '--zero'), ...some, ...number]);
    }
    if (p < 0.45) return this.step([...v, ...this.long('-N', '--new-chain'), this.chain()]);
    if (p < 0.6) return this.step([...v, ...this.long('-X', '--delete-chain'), ...some]);
    if (p < 0.8) return this.step([...v, ...this.long('-P', '--policy'), this.chain(), policy, ...counters]);
    return this.step([
      ...v,
      ...this.long('-E', '--rename-chain'),
      this.chain(),
      r.pick(['b', 'web', 'a', 'INPUT', 'LOG']),
    ]);
  }

  long(short, name) {
    return this.r.chance(0.75) ? [short] : [name];
  }

  number() {
    const { r } = this;
    return r.chance(0.9) ? String(1 + r.below(4)) : r.pick(['0', '-1', 'x', '99', '01', '0x2', '4294967296', '']);
  }

  listing(letter, name) {
    const { r } = this;
    const flags = ['n', 'v', 'x'].filter(() => r.chance(0.4)).join('');
    const chain = r.chance(0.5) ? [this.chain()] : [];
    const number = chain.length > 0 && r.chance(0.25) ? [this.number()] : [];
    const zero = r.chance(0.1) ? ['-Z', ...(r.chance(0.3) ? [this.chain()] : [])] : [];
    const numbers = r.chance(0.25) ? [r.pick(['--line-numbers', '--line'])] : [];
    if (r.chance(0.5)) return [...numbers, `-${flags}${letter}`, ...chain, ...number, ...zero];
    const verb = r.chance(0.7) ? `-${letter}` : name;
    return [verb, ...chain, ...number, ...(flags === '' ? [] : [`-${flags}`]), ...numbers, ...zero];
  }

  known() {
    return this.rules.length > 0 && this.r.chance(0.8) ? this.r.pick(this.rules) : this.rule();
  }

  knownOrNumber() {
    return this.r.chance(0.45) ? [this.number()] : this.known();
  }

  remember() {
    const rule = this.rule();
    this.rules.push(rule);
    return rule;
  }

  // ---- rules ----

  rule() {
    const { r } = this;
    const parts = [];
    if (r.chance(0.35)) parts.push(...this.maybeNot(this.address('-s', '--source', '--src')));
    if (r.chance(0.25)) parts.push(...this.maybeNot(this.address('-d', '--destination', '--dst')));
    if (r.chance(0.2)) parts.push(...this.maybeNot([r.pick(['-i', '--in-interface']), this.interfaceName()]));
    if (r.chance(0.15)) parts.push(...this.maybeNot([r.pick(['-o', '--out-interface']), this.interfaceName()]));
    if (r.chance(0.05)) parts.push(...this.maybeNot([r.pick(['-f', '--fragments', '--frag'])]));
    if (r.chance(0.15)) parts.push(...this.counters());
    if (r.chance(0.25)) parts.push(...this.maybeNot([r.pick(['-p', '--protocol', '--proto']), this.protocol()]));
    const count = r.pick([0, 0, 1, 1, 1, 2, 3]);
    let hasProtocol = parts.includes('-p') || parts.includes('--protocol') || parts.includes('--proto');
    for (let i = 0; i < count; i++) {
      const piece = r.pick(this.pieces[this.family].matches);
      if (!hasProtocol && piece.protocol.length > 0) {
        parts.push(...piece.protocol);
        hasProtocol = true;
      }
      parts.push(...this.respell(piece.words));
    }
    if (r.chance(0.9)) parts.push(...this.target(hasProtocol));
    return r.chance(0.1) ? this.spoil(parts) : parts;
  }

  target(hasProtocol) {
    const { r } = this;
    const p = r.next();
    if (p < 0.4) return [r.pick(['-j', '-j', '--jump']), r.pick(['ACCEPT', 'DROP', 'RETURN', 'QUEUE', 'ACCEPT'])];
    if (p < 0.55) return [r.pick(['-j', '-g', '--goto']), this.chain()];
    for (let i = 0; i < 30; i++) {
      const piece = r.pick(this.pieces[this.family].targets);
      if (piece.table !== this.table && r.chance(0.95)) continue;
      const protocol = hasProtocol ? [] : piece.protocol;
      return [...protocol, ...this.respell(piece.words)];
    }
    return ['-j', 'LOG'];
  }

  /** Other spellings that mean the same. */
  respell(words) {
    const { r } = this;
    const out = [];
    for (let i = 0; i < words.length; i++) {
      let word = words[i];
      const next = words[i + 1];
      if (word.startsWith('--') && r.chance(0.06)) word = word.slice(0, Math.max(4, word.length - 1 - r.below(4)));
      if (word.startsWith('--') && next !== undefined && !next.startsWith('-') && r.chance(0.05)) {
        out.push(`${word}=${next}`);
        i++;
        continue;
      }
      if (word === '-m' && r.chance(0.1)) word = '--match';
      out.push(word);
    }
    return out;
  }

  maybeNot(words) {
    return this.r.chance(0.15) ? ['!', ...words] : words;
  }

  counters() {
    const { r } = this;
    const packets = String(r.pick([r.below(100), r.below(2e5), r.below(2e7), r.below(2e10), r.below(2e13)]));
    const bytes = String(r.pick([r.below(1000), r.below(2e6), r.below(2e9), r.below(2e12), r.below(2e15)]));
    return r.pick([
      ['-c', packets, bytes],
      ['-c', `${packets},${bytes}`],
      ['--set-counters', packets, bytes],
    ]);
  }

  interfaceName() {
    const { r } = this;
    if (r.chance(0.05)) return r.pick(['', 'sixteen-letters-', 'a/b', 'fifteen-letters', 'e!']);
    return r.pick(['eth0', 'eth+', 'lo', 'wlan0.5', 'br-lan', 'ppp+', 'x']);
  }

  protocol() {
    const { r } = this;
    if (r.chance(0.08)) return r.pick(['tpc', '256', '-1', '', '0x6', '006', 'tcp6', 'all', '0', 'ip', 'ipv6-opts']);
    const names = [
      'tcp',
      'TCP',
      'udp',
      'icmp',
      'icmpv6',
      'ipv6-icmp',
      'sctp',
      'dccp',
      'gre',
      'esp',
      'ah',
      'udplite',
      'igmp',
    ];
    return r.chance(0.7) ? r.pick(names) : String(r.below(256));
  }

  address(...names) {
    const { r } = this;
    const count = r.chance(0.15) ? 2 + r.below(2) : 1;
    const texts = Array.from({ length: count }, () => (this.family === 4 ? this.address4() : this.address6()));
    return [r.pick([names[0], names[0], ...names]), texts.join(',')];
  }

  address4() {
    const { r } = this;
    if (r.chance(0.06)) {
      return r.pick([
        '',
        'nosuch.invalid',
        '1.2.3.4.5',
        '10',
        '10.1',
        '256.1.1.1',
        'localhost',
        '1.2.3.4/33',
        '/8',
        'any/0',
        '0/0',
        '1.2.3.4/',
        '1.2.3.4/255.0.255',
        '10.0.0.0/-1',
        '::1',
        '0x7f.1',
        '010.1.1.1',
        '1.2.3.4 ',
        '10/8',
        '127.1/8',
      ]);
    }
    const byte = () => r.pick([0, 1, 10, 127, 169, 192, 254, 255, r.below(256)]);
    const text = `${byte()}.${byte()}.${byte()}.${byte()}`;
    const masks = [
      '',
      '',
      '/32',
      '/24',
      '/8',
      '/0',
      '/16',
      '/255.255.255.0',
      '/255.0.255.0',
      '/0.0.0.255',
      '/255.255.255.255',
      '/31',
    ];
    return text + r.pick(masks);
  }

  address6() {
    const { r } = this;
    if (r.chance(0.06)) return r.pick(['', 'x::y', '::/129', '1.2.3.4', '::/0', '::1/', '::ffff:1.2.3.4', 'any/0']);
    const group = () => r.pick(['0', '0', '1', 'fe80', 'db8', 'ffff', '2001', r.below(65536).toString(16)]);
    const full = Array.from({ length: 8 }, group).join(':');
    const text = r.pick([
      full,
      '::1',
      'fe80::1',
      '2001:db8::',
      `2001:db8::${group()}`,
      `${group()}::${group()}:${group()}`,
      'ff02::fb',
    ]);
    return text + r.pick(['', '', '/128', '/64', '/48', '/10', '/0', '/127', '/ffff:ffff::', '/ffff::ffff']);
  }

  /** A mistake or an oddity in some words. */
  spoil(argv) {
    const { r } = this;
    const words = [...argv];
    const at = r.below(words.length);
    const word = words[at] ?? '';
    const p = r.next();
    if (p < 0.2) words.splice(at, 1);
    else if (p < 0.3) words.splice(at, 0, word);
    else if (p < 0.45) words.splice(at, 0, '!');
    else if (p < 0.6) words[at] = word.slice(0, -1);
    else if (p < 0.7) words[at] = `${word}${r.pick(['x', ' ', '9', ',', '/', ':'])}`;
    else if (p < 0.8)
      words.splice(
        at,
        0,
        r.pick(['-x', '-n', '-v', '--line-numbers', '-4', '-6', '-F', '-q', '--nosuch', 'stray', '--', '-', '']),
      );
    else if (p < 0.9) words.push(...words.splice(0, at));
    else words.splice(at, 2, ...words.slice(at, at + 2).reverse());
    return words.filter((w, i) => !/^(-h|--h(e(l(p)?)?)?)$/.test(w) && !/^-M|^--m(o|$)/.test(words[i - 1] ?? ''));
  }

  // ---- iptables-save and iptables-restore ----

  save() {
    const { r } = this;
    const argv = [];
    if (r.chance(0.5)) argv.push(r.pick(['-c', '--counters', '--c']));
    if (r.chance(0.5)) argv.push('-t', r.chance(0.8) ? this.table : 'nosuch');
    if (r.chance(0.08))
      argv.push(r.pick(['-q', '--nosuch', 'stray', '-t', '-V', '--table', '--version', '-b', '-d', '-']));
    return { tool: '-save', argv, input: '' };
  }

  restore() {
    const { r } = this;
    const argv = [];
    if (r.chance(0.5)) argv.push(r.pick(['-n', '--noflush', '--nofl']));
    if (r.chance(0.4)) argv.push(r.pick(['-c', '--counters']));
    if (r.chance(0.15)) argv.push(r.pick(['-t', '--test']));
    if (r.chance(0.15)) argv.push('-T', r.pick([this.table, 'filter', 'nosuch']));
    if (r.chance(0.15)) argv.push('-v');
    if (r.chance(0.05))
      argv.push(r.pick(['-q', '--nosuch', '-T', '--t', '-V', '-w', '-w3', '--wait=x', '-', '/nosuch/file']));
    const lines = [`*${this.table}`];
    for (const chain of CHAINS[this.table]) {
      const counters = r.pick(['', '[0:0]', '[12:3456]', '[5:6] ']);
      if (r.chance(0.6)) lines.push(`:${chain} ${r.pick(['ACCEPT', 'ACCEPT', 'DROP', '-'])} ${counters}`);
    }
    for (const chain of USER_CHAINS) if (r.chance(0.5)) lines.push(`:${chain} - [0:0]`);
    for (let i = r.below(6); i > 0; i--) lines.push(this.restoreLine());
    lines.push('COMMIT', '');
    if (r.chance(0.1)) lines.splice(r.below(lines.length), 1 + r.below(2));
    return { tool: '-restore', argv, input: lines.join('\n') };
  }

  restoreLine() {
    const { r } = this;
    const p = r.next();
    if (p < 0.05)
      return r.pick(['# comment', '', ' ', 'stray', '*nat', ':', ':x', 'COMMIT ', '-Z', '-F', '-X', '-P INPUT DROP']);
    const counters = r.chance(0.3) ? r.pick(['[1:2] ', '[100000:123456789] ', '[0:0] ', '[1:2 ', '[x:y] ']) : '';
    const verb =
      p < 0.85
        ? ['-A', this.chain()]
        : r.pick([
            ['-I', this.chain()],
            ['-D', this.chain(), '1'],
            ['-I', this.chain(), '2'],
          ]);
    const rule = verb[0] === '-D' ? [] : this.rule();
    return counters + [...verb, ...rule].map((w) => this.restoreWord(w)).join(' ');
  }

  restoreWord(word) {
    if (/^[\w:.,/!+=-]+$/.test(word)) return word;
    return `"${word.replace(/["\\]/g, '\\$&')}"`;
  }
}
