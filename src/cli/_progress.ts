import type { Step } from './_move.ts';
import { print } from './_output.ts';

/** Tells what `turnout switch` does, for a reader or as lines of JSON. */
export interface Progress {
  /** Says something: lines for a reader, or data with a `type`. */
  say(lines: readonly string[], data: { readonly type: string }): void;
  /** Tells a step. */
  step(step: Step): void;
}

/** Makes what tells the progress. */
export function createProgress(json: boolean, name: string): Progress {
  const say: Progress['say'] = (lines, data) =>
    json ? print(JSON.stringify({ time: new Date().toISOString(), ...data })) : print(...lines);
  return { say, step: (step) => say([formatStep(step, name)], step) };
}

function formatStep(step: Step, name: string): string {
  switch (step.type) {
    case 'written':
      return `${name} is at revision ${step.revision}.`;
    case 'serving':
      return `${step.instance} serves it.`;
    case 'watching':
      return `Watching for ${step.seconds} seconds${step.counted ? '' : '; the instances do not count requests'}.`;
    case 'watched':
      return `${step.requests} requests to the new upstream, ${step.errors} failed, ${step.refusals} refused or not found; ${step.redirects} clients were redirected there, which nobody sees arrive.`;
    case 'tripped':
      return `Taking it back: ${step.reason}.`;
    case 'restored':
      return `${name} is back at revision ${step.revision}${step.serving ? '' : '; not every instance serves it yet'}.`;
    case 'interrupted':
      return `Interrupted: ${name} stays at revision ${step.revision}, and is no longer watched.`;
  }
}
