/** Statewall's iptables on a ruleset that is printed and read again between commands, as the file between two commands is. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const load = (modules, path) => import(pathToFileURL(join(modules, path)).href);

export class Ours {
  /** `modules`: the folder that the compiler wrote. */
  static async load(modules) {
    const ours = new Ours();
    ours.front = await load(modules, 'iptables/front.js');
    ours.files = await load(modules, 'iptables/front-files.js');
    ours.restore = await load(modules, 'iptables/restore.js');
    ours.save = await load(modules, 'iptables/save.js');
    return ours;
  }

  /** Outcomes of all steps and the rules at the end. */
  run({ family, steps }) {
    this.family = family === 4 ? 2 : 10;
    this.text = '';
    const outcomes = steps.map((step) => this.step(step));
    return { outcomes, save: this.text };
  }

  step({ tool, argv, input }) {
    const ruleset = this.restore.restoreRules(this.text, 'ruleset', this.family, { counters: true });
    let outcome;
    if (tool === '') outcome = this.front.runIptables(argv, ruleset);
    else if (tool === '-save') outcome = this.runSave(argv, ruleset);
    else outcome = this.runRestore(argv, input, ruleset);
    if (!outcome.isChanged) return outcome;
    const text = this.save.printRuleset(ruleset, { counters: true });
    try {
      this.restore.restoreRules(text, 'ruleset', this.family, { counters: true });
      this.text = text;
      return outcome;
    } catch (error) {
      const line = text.split('\n')[(error.position?.line ?? 1) - 1];
      return { status: 1, out: outcome.out, err: `cannot be kept: ${error.message}: ${line}`, isChanged: false };
    }
  }

  runSave(argv, ruleset) {
    const command = this.files.readSaveCommand(argv, this.family);
    return command.end ?? this.files.runSave(command, ruleset, null, false);
  }

  runRestore(argv, input, ruleset) {
    const command = this.files.readRestoreCommand(argv, this.family);
    if (command.end !== null) return command.end;
    if (command.file.startsWith('/nosuch')) {
      return { status: 1, out: '', err: `Can't open ${command.file}: No such file or directory\n`, isChanged: false };
    }
    return this.files.runRestore(command, input, 'standard input', ruleset);
  }
}
