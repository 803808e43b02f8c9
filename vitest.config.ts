import { existsSync } from 'node:fs';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const clientSetup = 'test/clients/setup.ts';
const minutes = 60_000;

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/{clients,package,faults,bench}/**'],
          // No test changes what modules hold, and loading them anew for each file takes half of the time.
          isolate: false,
          // On two cores Vitest would use one.
          maxWorkers: 2,
          // None takes a second by itself; a machine may be busy.
          testTimeout: 30_000,
          typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], ignoreSourceErrors: true },
        },
      },
      {
        // Needs a build in dist.
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          testTimeout: 2 * minutes,
          hookTimeout: 2 * minutes,
        },
      },
      {
        // Real clients against real servers on loopback.
        test: {
          name: 'clients',
          include: ['test/clients/**/*.test.ts'],
          globalSetup: existsSync(clientSetup) ? [clientSetup] : [],
          fileParallelism: false,
          testTimeout: 5 * minutes,
          hookTimeout: 5 * minutes,
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/core/**/*.ts', 'src/protocols/**/*.ts'],
      reporter: ['text', 'html'],
      thresholds: { lines: 100 },
    },
  },
});

export default config;
