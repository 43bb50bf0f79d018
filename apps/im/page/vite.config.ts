import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** The server serves `assets/` by the hashes in its names, and `index.html` under more than one path. */
export default defineConfig({
  base: '/',
  plugins: [react()],
  build: {
    target: ['chrome123', 'firefox128', 'safari18'],
    modulePreload: { polyfill: false },
    // Not a line of it may be inline: the policy of the page forbids that.
    assetsInlineLimit: 0,
  },
});
