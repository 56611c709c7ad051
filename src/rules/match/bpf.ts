/**
 * -m bpf: a program of the classic packet filter (McCanne and Jacobson 1993; tcpdump -ddd makes them) decides; offset 0 is the
 * IP header (xt_bpf.c). Programs are checked as the kernel checks them (bpf-program.ts) and run without allocation
 * (bpf-machine.ts). Objects pinned in a BPF file system are the kernel's own and cannot be read here.
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { EINVAL } from '../kernel-checks.js';
import { BpfMachine } from './bpf-machine.js';
import { asksUnknown, type Instruction, MAX_INSTRUCTIONS, wrongInstruction } from './bpf-program.js';

/** Options of -m bpf. */
export interface BpfSpec {
  program: Instruction[];
}

/** The `bpf` match. */
export const bpf: MatchExtension<BpfSpec> = {
  name: 'bpf',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'bytecode', args: 1 },
    { name: 'object-pinned', args: 1 },
  ],
  init: () => ({ program: [] }),
  option(spec, option, text, _inverted, c) {
    if (option === 'object-pinned') {
      const hint = 'a pinned BPF object lives in a kernel: no file holds it; give its classic program with --bytecode';
      c.fail('bpf: failed to get bpf object', text, hint);
    }
    spec.program = readProgram(text, c);
  },
  check(_spec, seen, c) {
    if (!seen.has('bytecode')) c.fail('bpf: one of --bytecode or --pinned is required');
  },
  save: ({ program }) => `--bytecode "${program.length},${programText(program)}"`,
  // iptables 1.8.9 ends it with a NUL in place of a blank
  list: ({ program }) => `match bpf ${programText(program)}\0`,
  refusedBy({ program }) {
    const at = wrongInstruction(program);
    return at < 0
      ? null
      : { errno: EINVAL, why: `bpf: instruction ${at} (${programText([program[at]!])}) is not valid` };
  },
  load({ program }) {
    const machine = new BpfMachine(program);
    return (p, c) => machine.run(p, c) !== 0;
  },
  unsupported:
    'interface numbers are taken in the order of the host; processor, queue, flow hash and VLAN tag count as 0',
  isDoubtful: ({ program }) => asksUnknown(program),
};

/** `LENGTH,CODE JT JF K,...` as scanf reads it: numbers of any size, cut to their fields; what follows the fourth is skipped. */
function readProgram(text: string, c: OptionContext): Instruction[] {
  const head = /^\s*([-+]?\d+),/.exec(text);
  if (head === null) c.fail('bpf: error parsing program length', text);
  const count = Number(head![1]);
  if (count === 0) c.fail('bpf: illegal zero length program', text);
  if (count < 0 || count > MAX_INSTRUCTIONS) c.fail('bpf: number of instructions exceeds maximum', text);
  const words = text.slice(head![0].length).split(',');
  // a comma may stand behind the last one
  if (words[words.length - 1] === '') words.pop();
  const program: Instruction[] = [];
  for (const [i, word] of words.entries()) {
    if (i === count) c.fail('bpf: real program length exceeds the encoded length parameter', text);
    const m = /^\s*([-+]?\d+)\s+([-+]?\d+)\s+([-+]?\d+)\s+([-+]?\d+)/.exec(word);
    if (m === null) c.fail(`bpf: error at instr ${i}`, text);
    const [code, jt, jf, k] = m!.slice(1).map(BigInt) as [bigint, bigint, bigint, bigint];
    program.push({ code: cut(code, 16), jt: cut(jt, 8), jf: cut(jf, 8), k: cut(k, 32) });
  }
  if (program.length < count) c.fail('bpf: parsed program length is less than the encoded length parameter', text);
  return program;
}

function cut(number: bigint, bits: number): number {
  return Number(BigInt.asUintN(bits, number));
}

function programText(program: readonly Instruction[]): string {
  return program.map(({ code, jt, jf, k }) => `${code} ${jt} ${jf} ${k}`).join(',');
}
