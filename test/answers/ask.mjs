/**
 * Asks the real iptables what it makes of rule lines, and prints the rows that answers.test.ts compares with.
 *
 *     node test/answers/ask.mjs < LINES > ROWS          (as root; everything happens in a network namespace of its own)
 *     node test/answers/ask.mjs --check FILE...         rows that the real program answers otherwise now; exit 1 if there are any
 *
 * A line is `4` or `6`, a tab, and a command line `[-t TABLE] -A CHAIN ...` split as a POSIX shell does it, without patterns,
 * variables and redirections; further columns are ignored, so that rows can be asked again. A row has behind these two: what
 * iptables-save prints of the rule, or `exit N: ` and the first line of standard error; what `-L -n` prints behind the
 * destination, in brackets because blanks count; what `-L` prints there, `=` where it is the same.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MARK = '\u0001';
const CHUNK = 500;

/** The line with each of its words in single quotes. */
function quoteWords(line) {
  const words = line.match(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gs) ?? [];
  const plain = words.map((word) =>
    word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/gs, (_, double, single, bare) =>
      double !== undefined ? double.replace(/\\(["\\$`])/g, '$1') : (single ?? bare),
    ),
  );
  return plain.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
}

/** The shell commands that answer one line, each answer behind a mark of its own. */
function script({ family, line }) {
  const program = family === '6' ? 'ip6tables-legacy' : 'iptables-legacy';
  const table = /(?:^|\s)-t (\w+)/.exec(line)?.[1] ?? 'filter';
  const chain = /(?:^|\s)-A (\w+)/.exec(line)?.[1] ?? 'INPUT';
  return `printf '${MARK}'; if ${program} ${quoteWords(line)} 2>&1; then
printf '${MARK}'; ${program}-save -t ${table}
printf '${MARK}'; ${program} -t ${table} -L ${chain} -n
printf '${MARK}'; ${program} -t ${table} -L ${chain}
${program} -t ${table} -F
else printf '${MARK}%s' $?; fi
printf '${MARK}\\n'
`;
}

/** Text behind the destination, which is 19 wide at least, with a blank behind it. */
function tail(listing) {
  const rule = listing.split('\n')[2] ?? '';
  const base = /^.{9,}? +\S+ +(?:--|-f|!f) +!?\S+ +!?(?=(?:anywhere|0\.0\.0\.0\/0|::\/0)(?: |$))/.exec(rule);
  return base === null ? '?' : rule.slice(base[0].length + 20).replace(/^\[goto\] /, '');
}

function answer(text, family, line) {
  const [, said, ...rest] = text.split(MARK);
  if (rest.length < 3) {
    const [first] = said.split('\n').filter((l) => !/^warn(ing)?: /i.test(l));
    return [family, line, `exit ${rest[0]}: ${first}`].join('\t');
  }
  const [save, numeric, named] = rest;
  const rules = save.split('\n').filter((l) => l.startsWith('-A '));
  const withN = `[${tail(numeric)}]`;
  const without = `[${tail(named)}]`;
  return [family, line, rules.join(' ;; '), withN, without === withN ? '=' : without].join('\t');
}

/** Rows for lines, in their order. Names of hosts are looked for in the machine's files alone. */
function ask(lines) {
  const rows = [];
  const folder = mkdtempSync(join(tmpdir(), 'answers-'));
  const names = join(folder, 'nsswitch.conf');
  writeFileSync(
    names,
    'hosts: files\nnetworks: files\nservices: files\nprotocols: files\npasswd: files\ngroup: files\n',
  );
  const setUp = `mount --bind ${names} /etc/nsswitch.conf && exec sh`;
  for (let at = 0; at < lines.length; at += CHUNK) {
    const part = lines.slice(at, at + CHUNK);
    const input = part.map(script).join('');
    const { stdout } = spawnSync('unshare', ['-nm', 'sh', '-c', setUp], {
      input,
      encoding: 'latin1',
      maxBuffer: 1 << 30,
    });
    const answers = stdout.split(`${MARK}\n`);
    for (const [i, { family, line }] of part.entries()) rows.push(answer(answers[i] ?? '', family, line));
  }
  rmSync(folder, { recursive: true });
  return rows;
}

function read(text) {
  const rows = text.split('\n').filter((row) => row !== '' && !row.startsWith('#'));
  return rows.map((row) => {
    const [family, line] = row.split('\t');
    return { family, line, row };
  });
}

const files = process.argv[2] === '--check' ? process.argv.slice(3) : [];
if (files.length === 0) process.stdout.write(`${ask(read(readFileSync(0, 'latin1'))).join('\n')}\n`, 'latin1');
for (const file of files) {
  const lines = read(readFileSync(file, 'latin1'));
  const now = ask(lines);
  for (const [i, { row }] of lines.entries()) {
    if (row === now[i]) continue;
    process.exitCode = 1;
    process.stdout.write(`- ${row}\n+ ${now[i]}\n`, 'latin1');
  }
}
