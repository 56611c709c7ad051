/** `--explain`: what a command line would do, in plain words. */
import { explain } from '../../flow/explain.js';
import { statusNames } from '../../flow/names.js';
import { filterOf } from './command-filter.js';
import type { CommandLine } from './line.js';

/** One sentence, with its full stop. */
export function sentenceOf(line: CommandLine): string {
  const what = line.table === 'expect' ? 'expectations' : 'connections';
  const place = line.table === 'dying' || line.table === 'unconfirmed' ? ` (of those ${line.table})` : '';
  return `${verbOf(line)} ${explain(filterOf(line), what)}${place}${changesOf(line)}.`;
}

function verbOf(line: CommandLine): string {
  switch (line.command) {
    case 'G':
      return 'Looks for one of';
    case 'D':
    case 'F':
      return 'Deletes';
    case 'U':
      return 'Changes';
    case 'E':
      return `Shows ${eventsOf(line)}events of`;
    default:
      return line.own.top === null ? 'Shows' : 'Counts';
  }
}

function eventsOf({ events }: CommandLine): string {
  if (events === null || (events.isNew && events.isUpdate && events.isDestroy)) return '';
  const kinds = [
    ...(events.isNew ? ['NEW'] : []),
    ...(events.isUpdate ? ['UPDATE'] : []),
    ...(events.isDestroy ? ['DESTROY'] : []),
  ];
  return kinds.length === 0 ? 'no ' : `${kinds.join(' and ')} `;
}

/** What -U sets. */
function changesOf(line: CommandLine): string {
  if (line.command !== 'U') return '';
  const parts: string[] = [];
  if (line.mark !== null) {
    const { value, mask } = line.mark;
    const kept = mask === 0xffffffff ? '' : ` in the bits 0x${mask.toString(16)}`;
    parts.push(`mark ${value}${kept}`);
  }
  if (line.timeout !== null) parts.push(`timeout ${line.timeout} s`);
  const state = line.transport.get('state');
  if (state !== undefined) parts.push(`state ${line.protocol?.states[state]}`);
  if (line.status !== null) parts.push(`status ${statusNames(line.status.value).join(' and ') || 'as it is'}`);
  if (line.labelsAdd.length > 0) parts.push(`with the label ${line.labelsAdd.join(' and ')}`);
  if (line.labelsDel !== null) parts.push(`without the label ${line.labelsDel.join(' and ') || '(any)'}`);
  return parts.length === 0 ? ' in nothing' : `: ${parts.join(', ')}`;
}
