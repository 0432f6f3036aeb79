import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'node',
    // Vitest rewrites imports into lookups that cannot be inlined, which makes the phantom's loops five times as slow; Node loads it as it is.
    server: { deps: { external: [/\/demo\/src\/phantom\//] } },
    testTimeout: 60_000,
    hookTimeout: 180_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.{ts,tsx}'] } },
      { extends: true, test: { name: 'integration', include: ['test/integration/**/*.test.ts'], fileParallelism: false, testTimeout: 240_000 } },
      { extends: true, test: { name: 'e2e', globalSetup: ['test/support/one-system.ts'], include: ['test/e2e/**/*.test.ts'], fileParallelism: false, testTimeout: 300_000, hookTimeout: 600_000 } },
    ],
  },
});
