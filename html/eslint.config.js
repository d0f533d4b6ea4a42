import tseslint from 'typescript-eslint'

export default tseslint.config(
  // run from the folder above, so that t/browser is checked too
  { ignores: ['**/dist', '**/node_modules'] },
  ...tseslint.configs.strict,
  {
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      'max-lines': ['error', { max: 250, skipComments: true }],
      'max-lines-per-function': ['error', 50],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'name what you export' },
        { selector: "MemberExpression[property.name='innerHTML']", message: 'make nodes, not HTML' },
        { selector: "MemberExpression[property.name='outerHTML']", message: 'make nodes, not HTML' },
      ],
    },
  },
  { files: ['**/*.test.ts', '**/t/browser/**'], rules: { 'max-lines-per-function': 'off' } },
  { files: ['**/*.mjs'], rules: { '@typescript-eslint/explicit-module-boundary-types': 'off' } },
  { files: ['**/*.config.*'], rules: { 'no-restricted-syntax': 'off' } },
)
