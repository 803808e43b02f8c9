import { runChecked } from '../lab/command.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

const FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update', '--virtual-time-budget=10000'],
];

/** Opens a page in Chromium, lets its scripts come to their end, and gives the document as HTML. */
export async function openPage(url: string, ...flags: string[]): Promise<string> {
  const folder = await createTemporaryFolder();
  try {
    const data = `--user-data-dir=${folder.path}`;
    return await runChecked('chromium', [...FLAGS, data, ...flags, '--dump-dom', url]);
  } finally {
    await folder.stop();
  }
}
