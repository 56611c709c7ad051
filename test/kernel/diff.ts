/**
 * Lines that differ between two sequences, by a longest common subsequence: `- #3 text` is missing from `actual`,
 * `+ #3 text` is too many. Quadratic after common ends are cut off: for sequences of some thousand lines.
 */
export function diff(expected: readonly string[], actual: readonly string[]): string[] {
  let start = 0;
  while (start < expected.length && start < actual.length && expected[start] === actual[start]) start++;
  let e = expected.length;
  let a = actual.length;
  while (e > start && a > start && expected[e - 1] === actual[a - 1]) {
    e--;
    a--;
  }
  const rows = e - start;
  const columns = a - start;
  const width = columns + 1;
  // longest[i * width + j]: length of the common subsequence of expected[start + i ..] and actual[start + j ..]
  const longest = new Int32Array((rows + 1) * width);
  for (let i = rows - 1; i >= 0; i--)
    for (let j = columns - 1; j >= 0; j--)
      longest[i * width + j] =
        expected[start + i] === actual[start + j]
          ? longest[(i + 1) * width + j + 1]! + 1
          : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!);
  const out: string[] = [];
  let i = 0;
  let j = 0;
  while (i < rows || j < columns) {
    if (i < rows && j < columns && expected[start + i] === actual[start + j]) {
      i++;
      j++;
    } else if (j >= columns || (i < rows && longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!)) {
      out.push(`- #${start + i + 1} ${expected[start + i]}`);
      i++;
    } else {
      out.push(`+ #${start + j + 1} ${actual[start + j]}`);
      j++;
    }
  }
  return out;
}
