import { digits, printTable } from './_measure.js';
import { runProcess } from './_process.js';

/** `decide` against two nested Maps, which know no variables: host, then path. */
export async function benchDecide({ quick }) {
  const sets = [
    { count: 10, hosts: 1 },
    { count: 1000, hosts: 20 },
    { count: 100_000, hosts: 2000 },
    { count: 100_000, hosts: 1 },
  ];
  const results = [];
  for (const set of sets)
    results.push(await runProcess('_decide.js', { ...set, calls: quick ? 10_000 : 40_000 }, ['--expose-gc']));

  printTable('decide, against two nested Maps', [
    ['rules', 'hosts', 'hit', 'miss', 'hit ns (Maps)', 'miss ns (Maps)'],
    ...results.map(({ count, hosts, hit, miss }) => [
      count.toLocaleString('en-US'),
      hosts.toLocaleString('en-US'),
      `${hit.ratio.toFixed(2)}×`,
      `${miss.ratio.toFixed(2)}×`,
      `${digits(hit.decide)} (${digits(hit.map)})`,
      `${digits(miss.decide)} (${digits(miss.map)})`,
    ]),
  ]);
  const [few, , many] = results;
  console.log(
    `\nFrom 10 rules to 100,000 the ratio grows ${(many.hit.ratio / few.hit.ratio).toFixed(2)}× (wanted: at most 1.5×).`,
  );

  printTable('compileRules', [
    ['rules', 'hosts', 'first, CPU ms', 'again, CPU ms', 'bytes per rule'],
    ...results.map(({ count, hosts, compileCold, compileWarm, bytesPerRule }) => [
      count.toLocaleString('en-US'),
      hosts.toLocaleString('en-US'),
      digits(compileCold),
      digits(compileWarm),
      digits(bytesPerRule),
    ]),
  ]);
}
