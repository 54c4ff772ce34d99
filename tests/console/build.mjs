// Usage: node build.mjs DIRECTORY. Writes form.js and form.css there.
import { build } from 'esbuild'
import path from 'node:path'

await build({
  absWorkingDir: import.meta.dirname,
  entryPoints: { form: 'src/main.jsx' },
  outdir: path.resolve(process.argv[2]),
  bundle: true,
  minify: true,
  target: 'es2022',
  define: { 'process.env.NODE_ENV': '"production"' },
  logLevel: 'warning',
})
