import type { CompiledUpstream } from './compiled-rule.ts';
import { compileCondition, compileTime, type NetworkLists } from './condition.ts';
import type { Report } from './errors.ts';
import type { Rule, UpstreamConfig } from './rule.ts';

/** What part an upstream has among those of its rule. */
export type Part = Pick<CompiledUpstream, 'weight' | 'ramp' | 'when' | 'probe'>;

type Key = readonly (string | number)[];

/** Compiles the weight, the schedule, the condition and the probe of an upstream. */
export function compilePart(
  config: UpstreamConfig,
  rule: Rule,
  key: Key,
  networks: NetworkLists,
  report: Report,
): Part {
  return {
    ...compileShare(config, rule, key, report),
    when: config.when && compileCondition(config.when, networks, [...key, 'when'], report),
    probe: compileProbe(config.probe, [...key, 'probe'], report),
  };
}

function compileShare(
  { weight, ramp }: UpstreamConfig,
  { merge }: Rule,
  key: readonly (string | number)[],
  report: Report,
): Pick<CompiledUpstream, 'weight' | 'ramp'> {
  if (merge && (weight !== undefined || ramp))
    report(
      'invalid_value',
      [...key, weight === undefined ? 'ramp' : 'weight'],
      'Upstreams that are merged are all asked; leave the weight out.',
    );
  const steps = ramp?.map((step, index) => {
    const at = compileTime(step.at, [...key, 'ramp', index, 'at'], report) ?? 0;
    return { at, weight: checkWeight(step.weight, [...key, 'ramp', index, 'weight'], report) };
  });
  const late = steps?.findIndex((step, index) => index > 0 && step.at <= (steps[index - 1]?.at ?? 0)) ?? -1;
  if (late > 0)
    report(
      'invalid_value',
      [...key, 'ramp', late, 'at'],
      'The steps of a schedule come in the order of their times.',
    );
  return {
    weight: weight === undefined ? undefined : checkWeight(weight, [...key, 'weight'], report),
    ramp: steps,
  };
}

function checkWeight(weight: number, key: readonly (string | number)[], report: Report): number {
  if (!(Number.isFinite(weight) && weight >= 0))
    report('invalid_value', key, 'A weight is a number from 0 on.');
  return weight;
}

function compileProbe(
  probe: string | undefined,
  key: readonly (string | number)[],
  report: Report,
): string | undefined {
  if (probe !== undefined && !/^\/[!-~]*$/.test(probe))
    report(
      'invalid_value',
      key,
      'A probe is a path of the upstream; write it with its slash, as in `/healthz`.',
    );
  return probe;
}
