import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** `base` is absolute, because the server returns `index.html` at several paths. */
export default defineConfig({
  base: '/',
  plugins: [react()],
  build: {
    target: ['chrome123', 'firefox128', 'safari18'],
    modulePreload: { polyfill: false },
    // The Content-Security-Policy forbids inline assets.
    assetsInlineLimit: 0,
  },
});
