/** The kernel log of a host: LOG, TRACE, and what connection tracking says of invalid packets. Cold: it makes strings. */
import type { HostInterface, LogRequest } from '../rules/context.js';
import type { RuleEngine } from '../rules/evaluate.js';
import type { HostFacts } from '../rules/host-facts.js';
import { type Family, TABLE_NAMES } from '../rules/model.js';
import { TRACE_WORDS } from '../rules/program.js';
import type { Packet } from '../wire/packet.js';
import { ownerOf } from './facts.js';
import { formatLog, LOG_DEFAULT_FLAGS, LOG_UID, tracePrefix } from './log.js';
import { kernelReason } from './reason-texts.js';

/** What of a host writes to its kernel log. */
export abstract class KernelLog {
  /** Takes each line of the kernel log (LOG, TRACE, connection tracking), without time stamp and line end; null: nobody does. */
  onLog: ((line: string) => void) | null = null;

  /** @internal */
  abstract readonly interfaces: readonly (HostInterface | null)[];
  /** @internal */
  abstract readonly facts: HostFacts;
  /** @internal */
  abstract readonly engine: RuleEngine;

  /** Name of an interface by its index; '' = there is none of that index. */
  interfaceName(index: number): string {
    return this.interfaces[index]?.name ?? '';
  }

  /** @internal */
  log(p: Packet, request: LogRequest): void {
    if (this.onLog === null) return;
    this.onLog(this.logLine(p, request.prefix, request.flags));
  }

  /** @internal */
  trace(p: Packet, table: number, chain: number, ruleNumber: number, kind: number): void {
    if (this.onLog === null) return;
    const name = this.engine.program(p.family as Family, table)!.chains[chain]!.name;
    const prefix = tracePrefix(TABLE_NAMES[table]!, name, TRACE_WORDS[kind]!, ruleNumber);
    this.onLog(this.logLine(p, prefix, LOG_DEFAULT_FLAGS));
  }

  /** @internal */
  invalid(p: Packet, code: number): void {
    if (this.onLog === null) return;
    const text = kernelReason(p, code, p.reasonArgs);
    if (text !== null) this.onLog(this.logLine(p, `${text} `, LOG_DEFAULT_FLAGS));
  }

  /** @internal */
  tableFull(): void {
    this.onLog?.('nf_conntrack: nf_conntrack: table full, dropping packet');
  }

  /** @internal */
  expectationsFull(): void {
    this.onLog?.('nf_conntrack: nf_conntrack: expectation table full');
  }

  private logLine(p: Packet, prefix: string, flags: number): string {
    const owner = (flags & LOG_UID) === 0 ? null : ownerOf(p, this.facts.sockets);
    const extra = owner === null ? {} : { owner };
    return formatLog(p, prefix, flags, this.interfaceName(p.inInterface), this.interfaceName(p.outInterface), extra);
  }
}
