import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSystemNames } from './names.js';
import { COMMANDS, OPTIONS } from './options.js';
import { parseLine } from './parse.js';
import { PROTOCOLS } from './protocols.js';
import { ConntrackError } from './usage-error.js';

const NAMES = readSystemNames('icmp 1 ICMP\nesp 50 ESP # a comment\n\nbroken\n', '1 one\n200 none\n# 2 no\n');

const WORDS = [
  ...[...COMMANDS, ...OPTIONS].flatMap((o) => [`-${o.letter}`, ...o.names.map((name) => `--${name}`)]),
  ...PROTOCOLS.flatMap((p) => [p.name, ...p.options.flatMap((o) => o.names.map((name) => `--${name}`))]),
  ...'10.0.0.1 10.0.0.0/8 ::1 [::1]:80 1.2.3.4:5 [ ] / : , - -- 0 1 0x 99999999999999999999 NEW ASSURED xml save one expect'.split(
    ' ',
  ),
];

describe('any words', () => {
  it("are a command line, or a message of the original's kind", () => {
    const word = fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 6 }));
    fc.assert(
      fc.property(fc.array(word, { maxLength: 9 }), (words) => {
        try {
          const line = parseLine(words, NAMES);
          expect(line.given.size).toBeLessThanOrEqual(OPTIONS.length);
        } catch (error) {
          if (!(error instanceof ConntrackError)) throw error;
          expect(error.text()).toMatch(/conntrack v1\.4\.7 \(conntrack-tools\): /);
          expect([1, 2]).toContain(error.status);
        }
      }),
      { numRuns: 5000 },
    );
  });
});

describe('what a line says', () => {
  const of = (text: string) => parseLine(text.split(' '), NAMES);

  it('has addresses in their short form, and masks of prefixes', () => {
    const line = of('-L -s 2001:DB8:0:0::1/33 -d ::/0');
    expect(line.original).toEqual({ source: '2001:db8::1', destination: '::' });
    expect(line.masks).toEqual({ source: 'ffff:ffff:8000::', destination: '::' });
    expect(of('-L -s 10.1/9').masks.source).toBe('255.128.0.0');
  });

  it('adds up what is given more than once', () => {
    expect(of('-E -e NEW -e DESTROY').events).toEqual({ isNew: true, isUpdate: false, isDestroy: true });
    expect(of('-L -o id -o extended').output).toMatchObject({ id: true, extended: true, xml: false });
    expect(of('-L -l one -l one').labels).toEqual(['one', 'one']);
  });

  it('knows protocols by the names of the system too', () => {
    expect(of('-L -p esp').protocol).toMatchObject({ name: 'esp', number: 50 });
    expect(of('-L -p ESP').protocol?.number).toBe(50);
    expect(of('-L -p 50').protocol?.name).toBe('esp');
    expect(of('-L -p 200').protocol?.name).toBe('unknown');
    expect(() => of('-L -p Esp')).toThrow('unsupported protocol');
  });

  it('has no label that the file names beyond the last bit', () => {
    expect(() => of('-L -l none')).toThrow("unknown label 'none'");
  });

  it('warns where the system names no labels', () => {
    const names = readSystemNames('', null);
    expect(() => parseLine(['-L', '-l', 'one'], names)).toThrow("unknown label 'one'");
    expect(parseLine(['-U', '-f', 'ipv4', '-m', '1', '--label-del'], names).warnings).toBe(
      'nfct_labelmap_new: No such file or directory\n',
    );
  });
});
