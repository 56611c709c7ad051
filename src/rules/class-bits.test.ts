import { describe, expect, it } from 'vitest';
import * as K from '../../test/support/rules.js';
import { ClassBits } from './class-bits.js';
import { loadTable } from './load.js';
import type { Rule } from './model.js';
import { Program } from './program.js';

function bitsOf(rules: Rule[]) {
  const table = K.ruleset('filter', { FORWARD: rules }).tables.get('filter')!;
  return new ClassBits(loadTable(table, 2, K.testHost('eth0')));
}

const named = (name: string, invert = false) => ({ name, invert });
const protocol = (number: number, invert = false) => ({ number, invert });

describe('the class word', () => {
  it('has a field of numbers for protocols, one for each exact name, the most frequent first', () => {
    const bits = bitsOf([
      K.rule({ protocol: protocol(17) }),
      K.rule({ protocol: protocol(6), inInterface: named('eth0') }),
      K.rule({ protocol: protocol(6), inInterface: named('eth1') }),
    ]);
    expect(bits.protocol(6)).toEqual({ want: 0b01, mask: 0b11 });
    expect(bits.protocol(17)).toEqual({ want: 0b10, mask: 0b11 });
    expect(bits.protocol(1)).toBeUndefined();
    expect(bits.interface(named('eth1'), 'i')).toEqual({ want: 0b1000, mask: 0b1100 });
    expect(bits.interface(named('eth1'), 'o')).toBeUndefined();
  });

  it('has one bit for everything else, the same for the same', () => {
    const bits = bitsOf([K.rule()]);
    expect(bits.state(2)).toEqual({ want: 1, mask: 1 });
    expect(bits.state(12)).toEqual({ want: 2, mask: 2 });
    expect(bits.state(2)).toEqual({ want: 1, mask: 1 });
    expect(bits.interface(named('ppp+'), 'i')).toEqual({ want: 4, mask: 4 });
    expect(bits.interface(named('ppp+', true), 'i')).toEqual({ want: 0, mask: 4 });
    expect(bits.fragment(false)).toEqual({ want: 0, mask: 8 });
  });

  it('says undefined when it is full', () => {
    const bits = bitsOf([K.rule()]);
    for (let mask = 1; mask <= 32; mask++) expect(bits.state(mask)).toBeDefined();
    expect(bits.state(33)).toBeUndefined();
    expect(bits.interface(named('ppp+'), 'o')).toBeUndefined();
    expect(bits.state(32)).toEqual({ want: 1 << 31, mask: 1 << 31 });
  });

  it('lists the masks of all fields once', () => {
    const bits = bitsOf([K.rule({ protocol: protocol(6) }), K.rule({ protocol: protocol(17) })]);
    bits.state(2);
    bits.fragment(true);
    expect(bits.masks()).toEqual([0b11, 0b100, 0b1000]);
  });

  it('tells a program what packets carry', () => {
    const bits = bitsOf([K.rule({ protocol: protocol(6), outInterface: named('eth0') })]);
    bits.state(0b110);
    const program = new Program(new Int32Array(16), [], new Int32Array(1), new Int32Array(1));
    bits.finish(program);
    expect([program.protocolBits[6], program.protocolBits[17]]).toEqual([1, 0]);
    expect([...program.stateBits]).toEqual([0, 4, 4, 0, 0, 0, 0, 0]);
    expect(program.outClasses).toEqual([{ name: 'eth0', bits: 2 }]);
  });
});
