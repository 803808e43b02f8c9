import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Starts a script of this folder as a process of its own, which ends with this one. */
export async function startProcess(script, task, execArgv = []) {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), [], { execArgv });
  const process = {
    pid: child.pid,
    /** Sends a message and waits for what comes back. */
    async ask(message) {
      const settled = new AbortController();
      const options = { signal: settled.signal };
      child.send(message);
      try {
        const [answer] = await Promise.race([
          once(child, 'message', options),
          once(child, 'exit', options).then(failed),
        ]);
        return answer;
      } finally {
        settled.abort();
      }
    },
    stop() {
      if (child.connected) child.disconnect();
    },
  };
  const failed = () => {
    throw new Error(`${script} ${JSON.stringify(task)} ended before it answered.`);
  };
  return Object.assign(process, { ready: await process.ask(task) });
}

/** Runs a script of this folder to its end: one task, one answer. */
export async function runProcess(script, task, execArgv) {
  const { ready, stop } = await startProcess(script, task, execArgv);
  stop();
  return ready;
}

/** In a started process: answers each message with what `answer` makes of it, and ends with the parent. */
export function serveParent(answer) {
  process.on('message', async (message) => process.send(await answer(message)));
  process.once('disconnect', () => process.exit());
}
