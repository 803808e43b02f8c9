import { compileRules, decide } from '../../dist/index.js';
import { cpuTime, median } from './_measure.js';
import { serveParent } from './_process.js';
import { makeRules, shuffle } from './_rules.js';

const ROUNDS = 9;
const WARM_UP = 3;

/** What the loops add up, so that no work in them can be left out. */
let sink = 0;

serveParent(({ count, hosts, calls }) => {
  const { rules, hits, misses } = makeRules(count, hosts);
  const compiled = measureCompile(rules);
  const { ruleSet } = compiled;
  for (const { rule, ...request } of hits) check(ruleSet, request, rule);
  for (const request of misses) check(ruleSet, request, undefined);
  const map = toMap(hits);
  return {
    count,
    hosts,
    compileCold: compiled.cold,
    compileWarm: compiled.warm,
    bytesPerRule: compiled.bytes / count,
    hit: compare(ruleSet, map, shuffle(hits), calls),
    miss: compare(ruleSet, map, shuffle(misses), calls),
    sink,
  };
});

/** Compiles the rules at first and again, and weighs what the rule set needs beyond the rules. */
function measureCompile(rules) {
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  let ruleSet;
  const cold = cpuTime(() => (ruleSet = compileRules(rules))) / 1000;
  globalThis.gc();
  const bytes = process.memoryUsage().heapUsed - before;
  const warm = median([1, 2, 3].map(() => cpuTime(() => compileRules(rules)) / 1000));
  return { ruleSet, cold, warm, bytes };
}

function check(ruleSet, request, rule) {
  const decision = decide(ruleSet, { method: 'GET', scheme: 'https', ...request });
  if (decision.rule !== rule) throw new Error(`${request.path} leads to ${decision.rule}, not ${rule}.`);
}

function toMap(requests) {
  const map = new Map();
  for (const [id, { host, path }] of requests.entries()) {
    if (!map.has(host)) map.set(host, new Map());
    map.get(host).set(path, id);
  }
  return map;
}

/** Measures both in turn, on the same requests; each string is a new one, as from an HTTP parser, and costs nothing. */
function compare(ruleSet, map, requests, calls) {
  const texts = requests.flatMap(({ host, path }) => [
    Buffer.from(host, 'latin1'),
    Buffer.from(path, 'latin1'),
  ]);
  const samples = [];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const start = (round + WARM_UP) * calls;
    const decoding = cpuTime(() => decodeOnly(texts, start, calls));
    const inMap = cpuTime(() => lookUp(map, texts, start, calls)) - decoding;
    const decided = cpuTime(() => decideAll(ruleSet, texts, start, calls)) - decoding;
    if (round >= 0)
      samples.push({ map: (inMap * 1000) / calls, decide: (decided * 1000) / calls, ratio: decided / inMap });
  }
  const middle = (name) => median(samples.map((sample) => sample[name]));
  return { map: middle('map'), decide: middle('decide'), ratio: middle('ratio') };
}

function decodeOnly(texts, start, calls) {
  for (let call = start; call < start + calls; call++) {
    const index = (2 * call) % texts.length;
    sink += texts[index].latin1Slice().length + texts[index + 1].latin1Slice().length;
  }
}

function lookUp(map, texts, start, calls) {
  for (let call = start; call < start + calls; call++) {
    const index = (2 * call) % texts.length;
    const host = texts[index].latin1Slice();
    const path = texts[index + 1].latin1Slice();
    if (map.get(host)?.get(path) !== undefined) sink++;
  }
}

function decideAll(ruleSet, texts, start, calls) {
  for (let call = start; call < start + calls; call++) {
    const index = (2 * call) % texts.length;
    const host = texts[index].latin1Slice();
    const path = texts[index + 1].latin1Slice();
    if (decide(ruleSet, { method: 'GET', scheme: 'https', host, path, query: undefined }).type === 'redirect')
      sink++;
  }
}
