/**
 * Programs of the classic packet filter: instructions, and what the kernel demands of them before it runs them
 * (net/core/filter.c, bpf_check_classic and check_load_and_stores).
 */

/** One instruction: all numbers unsigned, of 16, 8, 8 and 32 bits. */
export interface Instruction {
  code: number;
  /** Instructions to skip if a condition holds, and if it does not. */
  jt: number;
  jf: number;
  k: number;
}

/** The kernel takes no longer programs in a rule. */
export const MAX_INSTRUCTIONS = 64;
/** Words of scratch memory. */
export const MEMORY_WORDS = 16;

/*
 * An operation code, as its bits are called:
 *   class 0-2    LD 0  LDX 1  ST 2  STX 3  ALU 4  JMP 5  RET 6  MISC 7
 *   loads        size 3-4: word 00, half 08, byte 10; mode 5-7: IMM 00, ABS 20, IND 40, MEM 60, LEN 80, MSH a0
 *   ALU, JMP     operation 4-7; source 3: K 0, X 8
 */
export const LD_IMM = 0x00;
export const LD_W_ABS = 0x20;
export const LD_H_ABS = 0x28;
export const LD_B_ABS = 0x30;
export const LD_W_IND = 0x40;
export const LD_H_IND = 0x48;
export const LD_B_IND = 0x50;
export const LD_MEM = 0x60;
export const LD_LEN = 0x80;
export const LDX_IMM = 0x01;
export const LDX_MEM = 0x61;
export const LDX_LEN = 0x81;
export const LDX_B_MSH = 0xb1;
export const ST = 0x02;
export const STX = 0x03;
export const ALU = 0x04;
export const JMP = 0x05;
export const RET_K = 0x06;
export const RET_A = 0x16;
export const TAX = 0x07;
export const TXA = 0x87;
/** Bit of ALU and JMP: the operand is X. */
export const SOURCE_X = 0x08;

/** Operations of ALU. */
export const ADD = 0x00;
export const SUB = 0x10;
export const MUL = 0x20;
export const DIV = 0x30;
export const OR = 0x40;
export const AND = 0x50;
export const LSH = 0x60;
export const RSH = 0x70;
export const NEG = 0x80;
export const MOD = 0x90;
export const XOR = 0xa0;
/** Operations of JMP. */
export const JA = 0x00;
export const JEQ = 0x10;
export const JGT = 0x20;
export const JGE = 0x30;
export const JSET = 0x40;

/** Absolute loads from here on ask for something beside the packet: k - ANCILLARY is one of the AD_ numbers. */
export const ANCILLARY = 0xfffff000;
export const AD_PROTOCOL = 0;
export const AD_PKTTYPE = 4;
export const AD_IFINDEX = 8;
export const AD_NLATTR = 12;
export const AD_NLATTR_NEST = 16;
export const AD_MARK = 20;
export const AD_QUEUE = 24;
export const AD_HATYPE = 28;
export const AD_RXHASH = 32;
export const AD_CPU = 36;
export const AD_ALU_XOR_X = 40;
export const AD_VLAN_TAG = 44;
export const AD_VLAN_TAG_PRESENT = 48;
export const AD_PAY_OFFSET = 52;
export const AD_RANDOM = 56;
export const AD_VLAN_TPID = 60;

/** What a simulated host does not know of a packet. */
const UNKNOWN: ReadonlySet<number> = new Set([
  AD_IFINDEX,
  AD_NLATTR,
  AD_NLATTR_NEST,
  AD_QUEUE,
  AD_RXHASH,
  AD_CPU,
  AD_VLAN_TAG,
  AD_VLAN_TAG_PRESENT,
  AD_VLAN_TPID,
]);

const LOADS: ReadonlySet<number> = new Set([
  LD_IMM,
  LD_W_ABS,
  LD_H_ABS,
  LD_B_ABS,
  LD_W_IND,
  LD_H_IND,
  LD_B_IND,
  LD_MEM,
  LD_LEN,
  LDX_IMM,
  LDX_MEM,
  LDX_LEN,
  LDX_B_MSH,
]);
const OTHERS: ReadonlySet<number> = new Set([ST, STX, RET_K, RET_A, TAX, TXA]);

/** Whether an absolute load asks for something beside the packet. */
export function isAncillary({ code, k }: Instruction): boolean {
  return isAbsolute(code) && k >= ANCILLARY && (k - ANCILLARY) % 4 === 0 && k - ANCILLARY <= AD_VLAN_TPID;
}

/** Whether a program asks for what a simulated host does not know. */
export function asksUnknown(program: readonly Instruction[]): boolean {
  return program.some((i) => isAncillary(i) && UNKNOWN.has(i.k - ANCILLARY));
}

function isAbsolute(code: number): boolean {
  return code === LD_W_ABS || code === LD_H_ABS || code === LD_B_ABS;
}

/** Index of the first instruction that the kernel refuses; -1 = the program is good. It has at least one. */
export function wrongInstruction(program: readonly Instruction[]): number {
  const last = program.length - 1;
  for (const [at, instruction] of program.entries()) {
    if (!isKnown(instruction.code) || !isOperandGood(instruction, last - at)) return at;
  }
  const end = program[last]!.code;
  return end === RET_K || end === RET_A ? unwrittenLoad(program) : last;
}

function isKnown(code: number): boolean {
  if (LOADS.has(code) || OTHERS.has(code)) return true;
  const operation = code & 0xf0;
  if ((code & 0x07) === ALU)
    return code <= 0xff && (operation < NEG || operation > NEG || code === (ALU | NEG)) && operation <= XOR;
  if ((code & 0x07) !== JMP || code > 0xff) return false;
  return operation === JA ? code === JMP : operation <= JSET;
}

/** `behind`: instructions behind this one. */
function isOperandGood(instruction: Instruction, behind: number): boolean {
  const { code, jt, jf, k } = instruction;
  switch (code) {
    case ALU | DIV:
    case ALU | MOD:
      return k !== 0;
    case ALU | LSH:
    case ALU | RSH:
      return k < 32;
    case LD_MEM:
    case LDX_MEM:
    case ST:
    case STX:
      return k < MEMORY_WORDS;
    case JMP | JA:
      return k < behind;
    case LD_W_ABS:
    case LD_H_ABS:
    case LD_B_ABS:
      return k < ANCILLARY || isAncillary(instruction);
    default:
      return (code & 0x07) !== JMP || (jt < behind && jf < behind);
  }
}

/** Index of the first load of a memory word that was not stored on every way to it; -1 = none. Jumps only lead forward. */
function unwrittenLoad(program: readonly Instruction[]): number {
  const written = new Array<number>(program.length).fill(-1);
  let here = 0;
  for (const [at, { code, jt, jf, k }] of program.entries()) {
    here &= written[at]!;
    if (code === ST || code === STX) here |= 1 << k;
    else if ((code === LD_MEM || code === LDX_MEM) && ((here >>> k) & 1) === 0) return at;
    else if ((code & 0x07) === JMP) {
      const skips = code === JMP ? [k] : [jt, jf];
      for (const skip of skips) written[at + 1 + skip]! &= here;
      here = -1;
    }
  }
  return -1;
}
