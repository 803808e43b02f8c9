import { cpus } from 'node:os';
import { benchDecide } from './decide.js';
import { benchHttp } from './http.js';
import { benchProxy } from './proxy.js';

const benches = { decide: benchDecide, http: benchHttp, proxy: benchProxy };

const words = process.argv.slice(2);
const quick = words.includes('--quick');
const chosen = words.filter((word) => word in benches);

console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}${quick ? ', quick' : ''}`);
for (const name of chosen.length > 0 ? chosen : Object.keys(benches)) await benches[name]({ quick });
