#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { EXIT, fail } from './_output.ts';
import { addCheck } from './check.ts';
import { addDiff } from './diff.ts';
import { addExplain } from './explain.ts';
import { addImport } from './import.ts';
import { addInit } from './init.ts';
import { addReplay } from './replay.ts';
import { addRollback } from './rollback.ts';
import { addRules } from './rules.ts';
import { addServe } from './serve.ts';
import { addSwitch } from './switch.ts';
import { addVerify } from './verify.ts';

const program = new Command('turnout')
  .description('Keep your download addresses for ever and move what is behind them with one line.')
  .version(manifest.version)
  .showHelpAfterError('(try --help)')
  .showSuggestionAfterError()
  .exitOverride()
  .addHelpText(
    'after',
    `
Examples:
  $ turnout init                                    ask what you publish, and write turnout.yaml
  $ turnout check                                   read turnout.yaml and say what is wrong with it
  $ turnout serve --port 8080                       serve it, and take up its changes
  $ turnout switch images quay.io/acme              move what is behind a rule, and watch it
  $ turnout explain https://get.acme.dev/cli/1.0    say where a request goes, and why
  $ turnout explain --as docker get.acme.dev/app    and what docker asks for
  $ turnout diff turnout.yaml new.yaml              say what other rules do differently
  $ turnout replay access.log --rules new.yaml      say which requests of a log they would change
  $ turnout rollback                                go back to the rules of before
  $ turnout verify --rule images --to quay.io/acme  say whether another upstream serves the same

Exit codes: 0 all is well, 1 check found mistakes, verify differences, diff or replay a change, 2 the command could not do its work,
3 switch took its change back.`,
  );

addInit(program);
addServe(program);
addCheck(program);
addExplain(program);
addImport(program);
addRules(program);
addSwitch(program);
addRollback(program);
addDiff(program);
addReplay(program);
addVerify(program);

// Whoever reads the output may leave; that ends neither a download nor the program with a stack trace.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

try {
  await program.parseAsync();
} catch (error) {
  // Commander has said what was wrong; help and version end this way too, with 0.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.failed;
  else fail(error);
}
