// Inputs of whole objects, and the field that decides whether there is an input at all.
import { utils } from '@rjsf/core'
import cloneDeep from 'lodash/cloneDeep'
import get from 'lodash/get'
import set from 'lodash/set'
import React from 'react'
import { hasInput } from './inputs.js'
import { Group, Help, Labelled } from './templates.jsx'
import { Choice } from './widgets.jsx'

const Default = utils.getDefaultRegistry().fields.SchemaField

function SchemaField(props) {
  const { schema, uiSchema, formData, registry } = props
  const resolved = utils.retrieveSchema(schema, registry.rootSchema, formData)
  return hasInput(resolved, uiSchema) ? <Default {...props} /> : null
}

const QUANTITIES = [['cpu', 'CPU cores', '500m'], ['memory', 'Memory', '50Mi'], ['ephemeral-storage', 'Storage', '50Mi']]

/** Limits and requests, with three quantities each. */
function ResourceRequirements({ formData, idSchema, name, onChange, required, schema, uiSchema }) {
  const put = (path, value) => onChange(set(cloneDeep(formData ?? {}), path, value))
  return (
    <Group id={idSchema.$id} name={name} required={required} schema={schema} uiSchema={uiSchema}>
      {['limits', 'requests'].map((part) => (
        <div key={part} id={idSchema.$id} className="quantities">
          <strong>{part === 'limits' ? 'Limits' : 'Requests'}</strong>
          {QUANTITIES.map(([key, label, placeholder]) => (
            <label key={key}>
              {label}
              <input id={`${idSchema.$id}.${part}.${key}`} className="control" placeholder={placeholder}
                value={get(formData, [part, key], '')} onChange={(event) => put([part, key], event.target.value)} />
            </label>
          ))}
        </div>
      ))}
    </Group>
  )
}

/** The console has an editor of its own for these, which is not played here. */
const Affinity = ({ idSchema, name, required, schema, uiSchema }) => (
  <Group id={idSchema.$id} name={name} required={required} schema={schema} uiSchema={uiSchema}>
    <em>Here the console shows its editor of required and preferred rules.</em>
  </Group>
)

const Dropdown = ({ formData, idSchema, uiSchema, onChange }) => {
  const { choices, title } = utils.getUiOptions(uiSchema)
  return <Choice id={idSchema.$id} value={formData} options={choices} placeholder={`Select ${title}`} onChange={onChange} />
}

const pairs = (text) => Object.fromEntries(text.split(/[\s,]+/).filter(Boolean).map((each) => each.split('=', 2)))

const Labels = ({ formData, idSchema, name, onChange, schema, uiSchema }) => (
  <Labelled id={idSchema.$id} name={name} schema={schema} uiSchema={uiSchema}>
    <input id={idSchema.$id} className="control" placeholder="app=frontend" onChange={(e) => onChange(pairs(e.target.value))}
      defaultValue={Object.entries(formData ?? {}).map((pair) => pair.join('=')).join(' ')} />
  </Labelled>
)

export default { Affinity, DescriptionField: Help, Dropdown, Labels, ResourceRequirements, SchemaField }
