/** Command lines of conntrack(8), good and bad, by what they are about: lines.txt, and texts for -R. */
import { readFileSync } from 'node:fs';

const NEW = '-s 1.1.1.1 -d 1.1.1.2 -t 5000';
const EXPECTED =
  '-s 10.0.0.1 -d 10.0.0.2 -p tcp -t 5 --tuple-src 10.0.0.2 --tuple-dst 10.0.0.1 --mask-src 255.255.255.255 ' +
  '--mask-dst 255.255.255.255 --sport 40000 --dport 21 --mask-port-src 65535 --mask-port-dst 65535 ' +
  '--tuple-port-src 3 --tuple-port-dst 4';

/** Lines about one thing. */
export interface Group {
  claim: string;
  lines: readonly string[];
  /** Whether the lines change the table. */
  changes?: true;
  /** Whether an FTP client has been there. */
  ftp?: true;
  /** Standard input, the same for all lines. */
  input?: string;
}

/** Lines at which ours does something else on purpose, and why (docs/conntrack.md). They have to differ. */
export const KNOWN: Readonly<Record<string, string>> = {
  '-L -p sctp --state FOO': '1.4.7 reads outside of its memory and is killed',
  '-D --id 5': '1.4.7 takes no value here, and is killed',
  '-U -s 10.0.0.3 --label-del one,last -o labels':
    '1.4.7 deletes all labels where the last one of the file is among those to go',
  '-U -s 10.0.0.7 -m 1 -u ASSURED': '1.4.7 sets the mark to the number of the status',
  [`-I expect ${EXPECTED}`]: '1.4.7 makes an expectation of protocol 0, which nothing meets',
};

/** All groups: those of lines.txt, and files of command lines. */
export const GROUPS: readonly Group[] = [
  ...readGroups(),
  {
    claim: 'files of command lines',
    changes: true,
    input: `-A ${NEW} -p udp --sport 5 --dport 6\n`,
    lines: ['-R -', '-R - -L', '--load-file -', '-R nowhere', '-R base.save', '-R - more words', '-Rbase.save'],
  },
  ...loadFiles(),
];

function readGroups(): Group[] {
  const groups: { claim: string; lines: string[]; changes?: true; ftp?: true }[] = [];
  for (const row of readFileSync(new URL('lines.txt', import.meta.url), 'utf8').split('\n')) {
    if (row === '' || row.startsWith('#')) continue;
    const heading = /^== (.*?)((?: \[\w+\])*)$/.exec(row);
    if (heading === null) groups.at(-1)!.lines.push(row === '(nothing)' ? '' : row);
    else {
      const [, claim = '', marks = ''] = heading;
      groups.push({
        claim,
        lines: [],
        ...(marks.includes('changes') ? { changes: true } : {}),
        ...(marks.includes('ftp') ? { ftp: true } : {}),
      });
    }
  }
  return groups;
}

function loadFiles(): Group[] {
  const add = `-A ${NEW} -p udp --sport 5 --dport`;
  const rows: readonly (readonly [claim: string, text: string])[] = [
    ['comments, empty lines, blanks, quotes', `\n# x\n   # y\n \t${add}\t6\n${add} "7"\nconntrack ${add} 8`],
    ['a quote that is not closed', `${add} "6\n`],
    ['what is there already is no fault for -A', `${add} 6\n${add} 6\n${add} 7\n`],
    ['but for -I, and ends the file', `${add} 6\n-I ${NEW} -p udp --sport 5 --dport 6\n${add} 7\n`],
    ['no line is done where one is wrong', `${add} 6\n-A ${NEW}\n`],
    ['an unknown option', `${add} 6\n${add} 7 --foo\n`],
    ['ours is unknown in a file', `${add} 6 --json\n`],
    ['-L is not for files', `${add} 6\n-L\n`],
    ['-L expect', '-L expect\n'],
    ['-E', '-E\n'],
    ['-C', '-C\n'],
    ['-S', '-S\n'],
    ['-V', '-V\n'],
    ['-h', '-h\n'],
    ['-G', '-G -p 50 -s 1.1.1.1 -d 1.1.1.2\n'],
    ['-F expect', '-F expect\n'],
    ['-R', '-R x\n'],
    ['a line without a command', 'foo\n'],
    ['an option without a command', '-o id\n'],
    ['-A expect', '-A expect\n'],
    ['-L dying', '-L dying\n'],
    ['-F tells of itself', `${add} 6\n-F\n${add} 7\n`],
    ['-D and -U show what they do', `${add} 6\n-D -s 10.0.0.1 -p udp\n-U -s 10.0.0.1 -m 5\n`],
    ['-D of nothing is no fault here', '-D -s 9.9.9.9\n-U -s 9.9.9.9 -m 1\n'],
    ['-o holds for the lines that follow', '-D -s 10.0.0.3 -o extended\n-D -s 10.0.0.1 -p udp\n'],
    ['-o save and another -o on a later line', '-D -s 10.0.0.3 -o extended\n-D -s 10.0.0.1 -o save\n'],
    ['carriage returns', `${add} 6\r\n${add} 7\r\n`],
    ['a word that is too long', `-A -t ${'5'.repeat(3000)}\n`],
    ['too many words', `-A ${'-t 5 '.repeat(300)}\n`],
    ['a mistake in a value', `${add} 6 -s foo\n`],
    ['a warning', `${add} 6 -a x\n`],
  ];
  return rows.map(([claim, text]) => ({
    claim: `a file of command lines: ${claim}`,
    changes: true,
    input: text,
    lines: ['-R -'],
  }));
}
