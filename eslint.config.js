import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

const src = './inference-server/src';
const layer = (target, ...from) => ({ target: `${src}/${target}`, from: from.map(f => `${src}/${f}`), message: 'imports point down: main → context, app → http → flow → steps, dicom → domain; adapters → dicom, domain' });

export default tseslint.config(
  { ignores: ['node_modules', '.cerebloom', 'dist', 'test-output', 'coverage'] },
  ...tseslint.configs.recommended,
  {
    plugins: { 'import-x': importX },
    rules: {
      'import-x/no-default-export': 'error',
      'import-x/no-restricted-paths': ['error', {
        zones: [
          layer('domain', 'steps', 'dicom', 'adapters', 'flow', 'http', 'contract', 'context.ts', 'app.ts', 'main.ts'),
          layer('steps', 'dicom', 'adapters', 'flow', 'http', 'contract', 'context.ts', 'app.ts', 'main.ts'),
          layer('dicom', 'steps', 'adapters', 'flow', 'http', 'contract', 'context.ts', 'app.ts', 'main.ts'),
          layer('contract', 'steps', 'dicom', 'adapters', 'flow', 'http', 'context.ts', 'app.ts', 'main.ts'),
          layer('adapters', 'flow/!(ports).ts', 'http/**', '{context,app,main}.ts'),
          layer('flow', 'http', 'context.ts', 'app.ts', 'main.ts'),
          layer('http', 'context.ts', 'app.ts', 'main.ts'),
        ],
      }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-restricted-properties': ['error', { object: 'console', property: 'warn', message: 'throw, or log through the logger' }],
    },
  },
  { files: [`inference-server/src/**/*.ts`], ignores: [`inference-server/src/main.ts`, 'inference-server/src/worker.ts', 'inference-server/src/cli/**', 'inference-server/src/compute.ts'],
    rules: { 'no-restricted-globals': ['error', { name: 'process', message: 'only main.ts, worker.ts and the commands read process.*' }] } },
  { files: ['extension/src/index.ts', 'mode/src/index.ts', '*.config.*', '**/*.d.ts'], rules: { 'import-x/no-default-export': 'off' } },
);
