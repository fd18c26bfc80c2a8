import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Integration and browser tests boot the whole template; a busy 2-core machine needs the room.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Each file that boots the template takes the processors for itself; more than two at once only slows all.
    maxWorkers: 2,
  },
});
