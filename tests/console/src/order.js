// The order of fields on each level of the form.
import isEqual from 'lodash/isEqual'

const TIER = 1e6

/** The place of the first descriptor in or below a field. */
function place(ui, fallback) {
  if (ui?.['ui:sortOrder'] !== undefined) return ui['ui:sortOrder']
  const below = Object.entries(ui ?? {}).filter(([key, value]) => !key.includes(':') && value instanceof Object)
  return below.length ? Math.min(...below.map(([, value]) => place(value, fallback))) : fallback
}

/** Names of fields on the level `path` that decide whether something in `ui` is shown. */
function controls(ui, path) {
  if (!(ui instanceof Object) || Array.isArray(ui)) return []
  const dependency = ui['ui:dependency']
  const own = dependency && isEqual(dependency.path.slice(0, -1), path) ? [dependency.path.at(-1)] : []
  return [...own, ...Object.entries(ui).flatMap(([key, value]) => (key.includes(':') ? [] : controls(value, path)))]
}

/**
 * Required fields first, then those with a descriptor in the order of the descriptors, then the rest. What depends on
 * a field comes right after it, and fields that others depend on come last of their kind.
 */
function weight(name, schema, ui, path) {
  const described = ui?.[name] !== undefined
  const required = schema.required?.includes(name) ?? false
  const control = Object.values(ui ?? {}).some((each) => isEqual(each?.['ui:dependency']?.path, [...path, name]))
  const first = place(ui?.[name], Object.keys(schema.properties).length)
  const offset = first + (control ? first * 1000 : 0)
  const decisive = controls(ui?.[name], path).filter((each) => each !== name)
  if (decisive.length) return Math.max(...decisive.map((each) => weight(each, schema, ui, path))) + offset
  if (!described && !required && !control) return Infinity
  return offset - (required ? TIER * 1000 : 0) - (described ? TIER : 0)
}

/** `ui` with an `ui:order` on each level. */
export function ordered(schema, ui, path = []) {
  if (schema?.type === 'array') {
    const items = ordered(schema.items, ui?.items, [...path, 'items'])
    return items ? { ...ui, items } : ui
  }
  const names = schema?.type === 'object' ? Object.keys(schema.properties ?? {}) : []
  if (!names.length) return ui
  const weights = new Map(names.map((name) => [name, weight(name, schema, ui, path)]))
  // Two infinities have no difference; equal ones stay in the order of the schema.
  const sorted = [...names].sort((a, b) => (weights.get(a) === weights.get(b) ? 0 : weights.get(a) - weights.get(b)))
  const below = names.map((name) => [name, ordered(schema.properties[name], ui?.[name], [...path, name])])
  return { ...ui, ...Object.fromEntries(below.filter(([, each]) => each)), 'ui:order': sorted }
}
