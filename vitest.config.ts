import { defineConfig } from 'vitest/config';

const source = { conditions: ['@gatewayworker/source'] };

export default defineConfig({
  resolve: source,
  ssr: { resolve: source },
  test: {
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['packages/*/src/**/*.test.ts', 'examples/*/**/*.test.ts'] },
      },
      {
        extends: true,
        test: { name: 'architecture', include: ['test/architecture/**/*.test.ts'] },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: 'test/e2e/build.ts',
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Each of these files starts a cluster of processes; one cluster at a time on two cores.
          fileParallelism: false,
        },
      },
    ],
  },
});
