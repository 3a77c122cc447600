import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2023",
    // Files of their own and no data: URLs, which the page's CSP doesn't allow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      onwarn(warning, warn) {
        // "use client" means something to servers that render React, and nothing here.
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
    },
  },
});
