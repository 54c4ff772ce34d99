// What is sent: the form's data without its empty parts.

import isEmpty from 'lodash/isEmpty'

const isNothing = (value) => value === undefined || value === null || value === '' || Number.isNaN(value)
const isEmptyGroup = (value) => value instanceof Object && isEmpty(value)
// Numbers and booleans are «empty» too: the console keeps an empty input where the example has one of them.
const isKept = (example) => example !== undefined && example !== null && isEmpty(example)

/** A copy without empty texts, groups and lists, unless the example holds the same path, explicitly empty. */
export function prune(value, example) {
  if (!(value instanceof Object)) return value
  const kept = Object.entries(value)
    .map(([key, child]) => [key, prune(child, example?.[key]), example?.[key]])
    .filter(([, child, same]) => !(isNothing(child) || isEmptyGroup(child)) || isKept(same))
  return Array.isArray(value) ? kept.map(([, child]) => child) : Object.fromEntries(kept.map(([k, child]) => [k, child]))
}
