import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Bundles our own pages: a script and a style sheet for each, with all they need, and the parts that they share.
 * @param outDir is created where it is missing.
 */
export async function buildPages(outDir: string): Promise<void> {
  await build({
    entryPoints: { dashboard: here('src/dashboard/index.tsx'), 'work-list': here('src/work-list/index.tsx') },
    outdir: outDir,
    bundle: true,
    splitting: true,
    chunkNames: 'page-[hash]',
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    minify: true,
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'silent',
  });
}
