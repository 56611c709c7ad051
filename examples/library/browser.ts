// The engine in a browser: a page with <input type="file" id="rules"> and <pre id="out"> loads a ruleset and shows what a
// packet meets. Compiled with a browser's names and none of Node's (tsconfig.web.json).
import { Host, LINKTYPE_RAW, loadRules, RuleError, VERDICT_ACCEPT } from 'statewall/engine';

/** A SYN from 198.51.100.7 to port 80 of 192.0.2.10. */
const SYN = '450000280001000040068e8ac6336407c000020ac3500050000003e8000000005002fffffc140000';

/** What the ruleset of a file makes of the SYN, or where the ruleset is wrong. */
async function judge(file: File): Promise<string> {
  const host = new Host({ interfaces: [{ name: 'eth0', addresses: ['192.0.2.10/24'] }] });
  try {
    host.load(loadRules(await file.text(), file.name, 2));
  } catch (error) {
    if (error instanceof RuleError) return `${error.position?.line ?? '?'}: ${error.message}`;
    throw error;
  }
  const bytes = Uint8Array.from(SYN.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  host.advance(Date.now());
  const verdict = host.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, host.interfaceIndex('eth0'));
  return verdict === VERDICT_ACCEPT ? 'accepted' : 'not accepted';
}

const input = document.querySelector<HTMLInputElement>('#rules');
const out = document.querySelector<HTMLPreElement>('#out');
input?.addEventListener('change', async () => {
  const file = input.files?.[0];
  if (file !== undefined && out !== null) out.textContent = await judge(file);
});
