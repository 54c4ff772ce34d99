// Whether the console makes an input of a field at all.

const UNSHOWABLE = ['allOf', 'anyOf', 'oneOf']
const PLAIN = ['boolean', 'integer', 'number', 'string']

/** What keeps the console from making a form of this schema; it then shows none at all. */
export const obstacles = (schema) =>
  Object.keys(schema).length ? UNSHOWABLE.filter((keyword) => keyword in schema) : ['empty']

/** A map, a value of any type and an unsupported schema give no input, unless a descriptor brings one. */
export function hasInput(schema = {}, ui = {}) {
  if (obstacles(schema).length) return false
  if (PLAIN.includes(schema.type)) return true
  if (ui['ui:field'] || ui['ui:widget']) return true
  if (schema.type === 'array') return hasInput(schema.items, ui.items)
  if (schema.type !== 'object') return false
  return Object.entries(schema.properties ?? {}).some(([name, property]) => hasInput(property, ui[name]))
}
