/**
 * The machine of the classic packet filter: an accumulator, an index register, sixteen words of memory, over one packet.
 * Hot: nothing is allocated. A load from outside the packet ends the program with 0, as in the kernel.
 */
import { AF_INET, HAS_LOCAL_ORIGIN, HOOK_OUTPUT, HOOK_POSTROUTING, type Packet } from '../../wire/packet.js';
import type { RuleContext } from '../context.js';
import { SIGN } from '../range-option.js';
import * as B from './bpf-program.js';

/** Offsets below 0 count from a header: from NET_OFF on the IP header, from LL_OFF on the Ethernet header. */
const NET_OFF = -0x100000;
const LL_OFF = -0x200000;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
/** Hardware types of an interface (linux/if_arp.h). */
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;
/** Bits of `LD` instructions' size. */
const SIZE = 0x18;
const HALF = 0x08;
const BYTE = 0x10;

/** One program, which is good (bpf-program.ts, wrongInstruction). */
export class BpfMachine {
  private readonly code: Int32Array;
  private readonly jt: Int32Array;
  private readonly jf: Int32Array;
  private readonly k: Int32Array;
  private readonly memory = new Int32Array(B.MEMORY_WORDS);
  /** A load failed: the program ends with 0. */
  private failed = false;

  constructor(program: readonly B.Instruction[]) {
    this.code = Int32Array.from(program, (i) => (B.isAncillary(i) ? ANCILLARY_LOAD : i.code));
    this.jt = Int32Array.from(program, (i) => i.jt);
    this.jf = Int32Array.from(program, (i) => i.jf);
    this.k = Int32Array.from(program, (i) => (B.isAncillary(i) ? i.k - B.ANCILLARY : i.k | 0));
  }

  /** What the program returns, Int32. */
  run(p: Packet, c: RuleContext): number {
    const { memory } = this;
    let a = 0;
    let x = 0;
    this.failed = false;
    for (let pc = 0; ; pc++) {
      const code = this.code[pc] as number;
      const k = this.k[pc] as number;
      const operand = (code & B.SOURCE_X) === 0 ? k : x;
      switch (code & 0x07) {
        case LD:
          a = this.load(p, c, code, k, a, x);
          break;
        case LDX:
          x = this.loadIndex(p, code, k);
          break;
        case B.ST:
          memory[k] = a;
          break;
        case B.STX:
          memory[k] = x;
          break;
        case B.ALU:
          if (operand === 0 && divides(code)) return 0;
          a = compute(code & 0xf0, a, operand);
          break;
        case B.JMP:
          if (code === B.JMP) pc += k;
          else pc += (holds(code & 0xf0, a, operand) ? this.jt[pc] : this.jf[pc]) as number;
          break;
        case B.RET_K:
          return code === B.RET_A ? a : k;
        default:
          if (code === B.TAX) x = a;
          else a = x;
      }
      if (this.failed) return 0;
    }
  }

  private load(p: Packet, c: RuleContext, code: number, k: number, a: number, x: number): number {
    switch (code) {
      case B.LD_IMM:
        return k;
      case B.LD_MEM:
        return this.memory[k] as number;
      case B.LD_LEN:
        return p.l3Len;
      case ANCILLARY_LOAD:
        return this.ancillary(p, c, k, a, x);
      default:
        return this.fetch(p, (code & 0xe0) === B.LD_W_IND ? (x + k) | 0 : k, code & SIZE);
    }
  }

  private loadIndex(p: Packet, code: number, k: number): number {
    if (code === B.LDX_IMM) return k;
    if (code === B.LDX_MEM) return this.memory[k] as number;
    // the length of an IPv4 header whose first byte stands there
    return code === B.LDX_LEN ? p.l3Len : (this.fetch(p, k, BYTE) & 15) << 2;
  }

  private fetch(p: Packet, off: number, size: number): number {
    let at = p.l3Off + off;
    if (off < 0) {
      if (off >= NET_OFF) at = p.l3Off + off - NET_OFF;
      else at = off >= LL_OFF && hasLinkHeader(p) ? p.macOff + off - LL_OFF : p.end;
    }
    const length = size === BYTE ? 1 : size === HALF ? 2 : 4;
    if (at + length > p.end) {
      this.failed = true;
      return 0;
    }
    if (length === 4) return p.view.getInt32(at);
    return length === 2 ? p.view.getUint16(at) : (p.bytes[at] as number);
  }

  private ancillary(p: Packet, c: RuleContext, what: number, a: number, x: number): number {
    switch (what) {
      case B.AD_PROTOCOL:
        return p.family === AF_INET ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
      case B.AD_PKTTYPE:
        return p.packetType;
      case B.AD_IFINDEX:
      case B.AD_HATYPE: {
        const dev = c.hook === HOOK_OUTPUT ? 0 : c.hook === HOOK_POSTROUTING ? p.outInterface : p.inInterface;
        if (dev === 0) this.failed = true;
        if (what === B.AD_IFINDEX) return dev;
        return c.interfaces[dev]?.loopback === true ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
      }
      case B.AD_MARK:
        return p.mark;
      case B.AD_ALU_XOR_X:
        return a ^ x;
      case B.AD_PAY_OFFSET:
        return (p.payloadOff >= 0 ? p.payloadOff : p.l4Off >= 0 ? p.l4Off : p.l3Off) - p.l3Off;
      case B.AD_RANDOM:
        return c.random();
      default:
        return 0;
    }
  }
}

/** Classes that bpf-program names no instruction of. */
const LD = 0x00;
const LDX = 0x01;
/** Stands for an absolute load whose offset means something beside the packet; a code that no instruction has. */
const ANCILLARY_LOAD = 0x100;

/** A packet of the host's own has no Ethernet header while its rules run. */
function hasLinkHeader(p: Packet): boolean {
  return p.macOff >= 0 && (p.has & HAS_LOCAL_ORIGIN) === 0;
}

function divides(code: number): boolean {
  return (code & 0xf0) === B.DIV || (code & 0xf0) === B.MOD;
}

function compute(operation: number, a: number, b: number): number {
  switch (operation) {
    case B.ADD:
      return (a + b) | 0;
    case B.SUB:
      return (a - b) | 0;
    case B.MUL:
      return Math.imul(a, b);
    case B.DIV:
      return ((a >>> 0) / (b >>> 0)) | 0;
    case B.MOD:
      return ((a >>> 0) % (b >>> 0)) | 0;
    case B.OR:
      return a | b;
    case B.AND:
      return a & b;
    case B.XOR:
      return a ^ b;
    case B.LSH:
      return a << b;
    case B.RSH:
      return (a >>> b) | 0;
    default:
      return -a | 0;
  }
}

/** Unsigned comparisons. */
function holds(operation: number, a: number, b: number): boolean {
  switch (operation) {
    case B.JEQ:
      return a === b;
    case B.JGT:
      return (a ^ SIGN) > (b ^ SIGN);
    case B.JGE:
      return (a ^ SIGN) >= (b ^ SIGN);
    default:
      return (a & b) !== 0;
  }
}
