import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Bundles the extension and the mode as the ES modules that OHIF imports at run time:
 * `tumour-ext.js` (with Preact in React's place, a tenth of its size, since OHIF shares its own React with nobody) and `tumour-mode.js`.
 * @param outDir is created where it is missing.
 */
export async function buildPlugins(outDir: string): Promise<void> {
  await mkdir(outDir, { recursive: true });
  await build({
    entryPoints: { 'tumour-ext': here('src/index.ts'), 'tumour-mode': here('../mode/src/index.ts') },
    outdir: outDir,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    alias: { react: 'preact/compat', 'react-dom/client': 'preact/compat/client', 'react/jsx-runtime': 'preact/jsx-runtime' },
    minify: true,
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'silent',
  });
}
