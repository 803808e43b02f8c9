import { InvalidArgumentError } from 'commander';
import { compileTime } from '../core/condition.ts';

/** Reads a time as rules have it (RFC 3339), in milliseconds since 1970. */
export function readTime(text: string): number {
  let problem = '';
  const time = compileTime(text, [], (_code, _key, message) => {
    problem = message;
  });
  if (time === undefined) throw new InvalidArgumentError(problem);
  return time;
}
