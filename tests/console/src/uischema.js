// From descriptors to what react-jsonschema-form understands: the uiSchema.
import get from 'lodash/get'
import set from 'lodash/set'
import { ordered } from './order.js'
import { schemaAt, stepsOf } from './paths.js'

const URN = 'urn:alm:descriptor:'
const UI = `${URN}com.tectonic.ui:`
const KUBERNETES = `${URN}io.kubernetes:`

const FIELDS = {
  resourceRequirements: 'ResourceRequirements',
  nodeAffinity: 'Affinity',
  podAffinity: 'Affinity',
  podAntiAffinity: 'Affinity',
}
const WIDGETS = {
  booleanSwitch: 'SwitchWidget',
  checkbox: 'CheckboxWidget',
  hidden: 'hidden',
  number: 'NumberWidget',
  password: 'PasswordWidget',
  podCount: 'PodCountWidget',
  text: 'TextWidget',
}
const ANYWHERE = ['advanced', 'fieldDependency', 'hidden']
const FITTING = {
  object: [...ANYWHERE, ...Object.keys(FIELDS)],
  array: ANYWHERE,
}
const PRIMITIVE = [...ANYWHERE, ...Object.keys(WIDGETS), 'select', 'kubernetes']
const HIDDEN = { 'ui:widget': 'hidden', 'ui:options': { label: false } }

/** `{ kind, value }` of an x-descriptor: `select` and its option, `kubernetes` and the kind to choose from. */
function parsed(text) {
  if (text.startsWith(KUBERNETES)) {
    return { kind: 'kubernetes', value: text.slice(KUBERNETES.length).replace(/^core:v1:/, '') }
  }
  const [kind, ...rest] = text.slice(UI.length).split(':')
  return text.startsWith(UI) ? { kind, value: rest.join(':') } : { kind: text, value: '' }
}

function inputOf(capabilities) {
  const picker = capabilities.find(({ kind }) => kind === 'kubernetes')
  if (picker) return { 'ui:widget': 'PickerWidget', 'ui:options': { kind: picker.value } }
  const choices = capabilities.filter(({ kind }) => kind === 'select').map(({ value }) => value)
  if (choices.length) return { 'ui:field': 'Dropdown', 'ui:options': { choices } }
  const field = capabilities.map(({ kind }) => FIELDS[kind]).find(Boolean)
  const widget = capabilities.map(({ kind }) => WIDGETS[kind]).find(Boolean)
  return { ...(field && { 'ui:field': field }), ...(widget && { 'ui:widget': widget }) }
}

function dependencyOf(capabilities) {
  const found = capabilities.find(({ kind }) => kind === 'fieldDependency')
  if (!found) return {}
  const [path, value] = found.value.split(':')
  return { 'ui:dependency': { path: stepsOf(path), value } }
}

/** The uiSchema of `spec`. Calls `complain` with what the console would ignore. */
export function uiSchemaOfSpec(schema, descriptors, complain) {
  const ui = {}
  descriptors.forEach(({ path, displayName, description, 'x-descriptors': texts = [] }, index) => {
    const steps = stepsOf(path)
    const target = schemaAt(schema, steps)
    if (!target) return complain(`${path}: no such field`)
    const fitting = FITTING[target.type] ?? PRIMITIVE
    const capabilities = texts.map(parsed).filter(({ kind }) => {
      if (!fitting.includes(kind)) complain(`${path}: ${kind} has no effect on ${target.type}`)
      return fitting.includes(kind)
    })
    if (capabilities.some(({ kind }) => kind === 'advanced')) {
      const list = [...steps.slice(0, -1), 'ui:advanced']
      set(ui, list, [...get(ui, list, []), steps.at(-1)])
    }
    // As in the console, what was said below this path before is gone now.
    set(ui, steps, {
      'ui:title': displayName,
      'ui:description': description,
      'ui:sortOrder': index + 1,
      ...inputOf(capabilities),
      ...dependencyOf(capabilities),
    })
  })
  return ordered(schema, ui) ?? {}
}

/** The uiSchema of a whole object: of the metadata, only name and labels are shown. */
export function uiSchemaOf(schema, descriptors, complain) {
  const metadata = Object.keys(schema.properties.metadata.properties).map((name) => [name, HIDDEN])
  const flat = { 'ui:options': { label: false } }
  return {
    apiVersion: HIDDEN,
    kind: HIDDEN,
    metadata: {
      ...Object.fromEntries(metadata),
      name: { 'ui:title': 'Name', 'ui:widget': 'TextWidget' },
      labels: { 'ui:title': 'Labels', 'ui:field': 'Labels' },
      'ui:order': ['name', 'labels', '*'],
      ...flat,
    },
    spec: { ...uiSchemaOfSpec(schema.properties.spec, descriptors, complain), ...flat },
    'ui:order': ['metadata', 'spec', '*'],
  }
}
