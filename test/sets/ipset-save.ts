/** Comparing what `ipset save` prints: in any order, without what the kernel draws at random, timeouts within some seconds. */

/** Seconds left of each line without its timeout; -1: it names none. */
function linesOf(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    // hashsize grows with a set in the kernel
    const plain = line.replace(/ initval \S+/, '').replace(/ hashsize \d+/, '');
    const timeout = line.startsWith('add ') ? / timeout (\d+)/.exec(plain) : null;
    lines.set(timeout === null ? plain : plain.replace(timeout[0], ''), timeout === null ? -1 : Number(timeout[1]));
  }
  return lines;
}

/** What differs between two saves, one line each; `seconds`: by how much timeouts may. */
export function saveDifferences(expected: string, found: string, seconds: number): string[] {
  const ours = linesOf(found);
  const differences: string[] = [];
  for (const [line, timeout] of linesOf(expected)) {
    const our = ours.get(line);
    ours.delete(line);
    if (our === undefined) differences.push(`missing: ${line}`);
    else if ((our <= 0 || timeout <= 0) && our !== timeout) differences.push(`timeout ${our}, not ${timeout}: ${line}`);
    else if (Math.abs(our - timeout) > seconds) differences.push(`timeout ${our}, not ${timeout}: ${line}`);
  }
  for (const line of ours.keys()) differences.push(`too much: ${line}`);
  return differences;
}
