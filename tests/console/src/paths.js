// Paths of descriptors, and what a descriptor's path means in a schema.

/** `a.b[0].c` → `['a', 'b', 'items', 'c']`, the way down both a schema's and a uiSchema's tree. */
export const stepsOf = (path) => path.replace(/\[\d+\]/g, '.items').split('.')

/** The schema of a field, or undefined. */
export function schemaAt(schema, steps) {
  return steps.reduce(
    (node, step) => (node?.type === 'array' && step === 'items' ? node.items : node?.properties?.[step]),
    schema,
  )
}
