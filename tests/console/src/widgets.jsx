// Inputs of single values. react-jsonschema-form finds them by their names.
import React from 'react'

const isNumber = (schema) => ['integer', 'number'].includes(schema.type)

function TextWidget(props) {
  const { id, value, onChange, schema } = props
  if (isNumber(schema)) return <NumberWidget {...props} />
  return <input id={id} className="control" value={value ?? ''} onChange={(event) => onChange(event.target.value)} />
}

function NumberWidget({ id, value, onChange }) {
  const changed = ({ target }) => onChange(target.value === '' ? '' : Number(target.value))
  return <input id={id} type="number" className="control" value={value ?? ''} onChange={changed} />
}

const PasswordWidget = ({ id, value, onChange }) => (
  <input id={id} type="password" className="control" value={value ?? ''} onChange={(e) => onChange(e.target.value)} />
)

const CheckboxWidget = ({ id, value, label, onChange }) => (
  <label className="check">
    <input id={id} type="checkbox" checked={value ?? false} onChange={(event) => onChange(event.target.checked)} />
    {label}
  </label>
)

const SwitchWidget = ({ id, value, onChange }) => (
  <label className="switch">
    <input id={id} type="checkbox" checked={value ?? false} onChange={(event) => onChange(event.target.checked)} />
    <span className="slider" />
    <span>true</span>
  </label>
)

function PodCountWidget({ id, value, onChange }) {
  const count = Math.trunc(Number(value)) || 0
  return (
    <span className="spinner">
      <button type="button" aria-label="Decrease" onClick={() => onChange(count - 1)}>−</button>
      <input id={id} type="number" className="control" value={value ?? ''}
        onChange={(event) => onChange(Math.trunc(Number(event.target.value)) || 0)} />
      <button type="button" aria-label="Increase" onClick={() => onChange(count + 1)}>+</button>
    </span>
  )
}

/** A choice without an entry for «nothing», as in the console: what was chosen can only be changed. */
export const Choice = ({ id, value, options, placeholder, onChange }) => (
  <select id={id} className="control" value={value ?? ''} onChange={(event) => onChange(event.target.value)}>
    <option value="" disabled hidden>{placeholder}</option>
    {options.map((option) => <option key={option} value={option}>{option}</option>)}
  </select>
)

const SelectWidget = ({ id, value, label, options, onChange }) => (
  <Choice id={id} value={value} onChange={onChange} placeholder={`Select ${options.title ?? label}`}
    options={options.enumOptions.map((option) => option.value)} />
)

/** Objects of the namespace (or cluster) to choose from. */
function PickerWidget({ id, value, options, formContext, onChange }) {
  const kind = options.kind.split(':').at(-1)
  return (
    <Choice id={id} value={value} onChange={onChange} placeholder={`Select ${kind}`}
      options={formContext.objects[kind] ?? []} />
  )
}

export default {
  BaseInput: TextWidget,
  CheckboxWidget,
  NumberWidget,
  PasswordWidget,
  PickerWidget,
  PodCountWidget,
  SelectWidget,
  SwitchWidget,
  TextWidget,
  int32: NumberWidget,
  int64: NumberWidget,
}
