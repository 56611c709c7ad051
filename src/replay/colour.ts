/** Colours of the terminal: what was refused in red, what is INVALID in yellow. */

/** Text made to stand out; plain where no colour is wanted. */
export interface Colours {
  bold(text: string): string;
  dim(text: string): string;
  /** `text` in the colour of a verdict or a state. */
  verdict(name: string, text: string): string;
}

const BY_NAME: Record<string, string> = { DROP: '31', REJECT: '31', INVALID: '33', NEW: '36' };

const PLAIN: Colours = { bold: (t) => t, dim: (t) => t, verdict: (_, t) => t };
const ANSI: Colours = {
  bold: (t) => `\x1b[1m${t}\x1b[0m`,
  dim: (t) => `\x1b[2m${t}\x1b[0m`,
  verdict: (name, t) => (BY_NAME[name] ? `\x1b[${BY_NAME[name]}m${t}\x1b[0m` : t),
};

/** The colours of a terminal, or none. */
export function colours(on: boolean): Colours {
  return on ? ANSI : PLAIN;
}

/** Whether to colour: the option, else NO_COLOR (https://no-color.org), else whether a terminal reads. */
export function wantColour(
  option: boolean | undefined,
  env: Record<string, string | undefined>,
  tty: boolean,
): boolean {
  if (option !== undefined) return option;
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '' && env.FORCE_COLOR !== '0') return true;
  return tty && env.TERM !== 'dumb';
}
