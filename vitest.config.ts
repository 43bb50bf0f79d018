import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const source = { conditions: ['@gatewayworker/source'] };
// Long, because they only end what hangs: a machine with much else to do starts a cluster in a minute.
const processes = { globalSetup: 'test/build.ts', testTimeout: 240_000, hookTimeout: 240_000 };

// In a process of their own: others leave something in memory, which is none of their business.
const measuringMemory = [
  'test/integration/fuzz.test.ts',
  'test/integration/hostile-clients.test.ts',
];

export default defineConfig({
  resolve: source,
  ssr: { resolve: source },
  test: {
    // Most tests wait for other processes or for time to pass: three files for two cores at a time.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    // No test asserts how fast it is; this one only ends what hangs, on a busy machine too.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          isolate: false,
          name: 'unit',
          include: [
            'packages/*/src/**/*.test.ts',
            'examples/**/*.test.ts',
            'apps/*/{page,shared,src}/**/*.test.ts',
            'recipes/**/*.test.ts',
            'benchmark/src/**/*.test.ts',
          ],
        },
      },
      {
        extends: true,
        test: { isolate: false, name: 'architecture', include: ['test/architecture/**/*.test.ts'] },
      },
      {
        extends: true,
        test: {
          isolate: false,
          name: 'integration',
          include: ['{test,apps/*/test}/integration/**/*.test.ts'],
          exclude: measuringMemory,
        },
      },
      {
        extends: true,
        test: { name: 'memory', include: measuringMemory },
      },
      {
        extends: true,
        test: {
          ...processes,
          isolate: false,
          name: 'e2e',
          include: ['{test,apps/*/test}/e2e/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          ...processes,
          name: 'load',
          include: ['test/load/**/*.test.ts'],
        },
      },
    ],
  },
});
