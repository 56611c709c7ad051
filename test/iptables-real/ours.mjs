/** Statewall's iptables on a ruleset in memory. What changed is printed and read again, too, as a file would be. */
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
    ours.edit = await load(modules, 'iptables/edit.js');
    ours.save = await load(modules, 'iptables/save.js');
    return ours;
  }

  /** Outcomes of all steps and the rules at the end. */
  run({ family, steps }) {
    this.family = family === 4 ? 2 : 10;
    this.ruleset = this.edit.emptyRuleset(this.family);
    const outcomes = steps.map((step) => this.step(step));
    return { outcomes, save: this.print(this.ruleset) };
  }

  step({ tool, argv, input }) {
    const ruleset = this.copy();
    let outcome;
    if (tool === '') outcome = this.front.runIptables(argv, ruleset);
    else if (tool === '-save') outcome = this.runSave(argv, ruleset);
    else outcome = this.runRestore(argv, input, ruleset);
    if (!outcome.isChanged) return outcome;
    const text = this.file(ruleset);
    try {
      this.restore.restoreRules(text, 'ruleset', this.family, { counters: true });
      this.ruleset = ruleset;
      return outcome;
    } catch (error) {
      const line = text.split('\n')[(error.position?.line ?? 1) - 1];
      return { status: 1, out: outcome.out, err: `cannot be kept: ${error.message}: ${line}`, isChanged: false };
    }
  }

  print(ruleset) {
    return this.save.printRuleset(ruleset, { counters: true });
  }

  file(ruleset) {
    return this.save.printRuleset(ruleset, { counters: true, quoteNames: true });
  }

  /** A command that fails may leave half of its work. */
  copy() {
    const ruleset = this.edit.emptyRuleset(this.family);
    for (const table of this.ruleset.tables.values()) ruleset.tables.set(table.name, this.edit.copyTable(table));
    return ruleset;
  }

  runSave(argv, ruleset) {
    const command = this.files.readSaveCommand(argv, this.family);
    return command.end ?? this.files.runSave(command, ruleset, null, false);
  }

  runRestore(argv, input, ruleset) {
    const command = this.files.readRestoreCommand(argv, this.family);
    if (command.end !== null) return command.end;
    if (command.file !== '') {
      return { status: 1, out: '', err: `Can't open ${command.file}: No such file or directory\n`, isChanged: false };
    }
    return this.files.runRestore(command, input, 'standard input', ruleset);
  }
}
