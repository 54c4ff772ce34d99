// The frame around inputs: groups to open, lists, labels and help.
import { utils } from '@rjsf/core'
import get from 'lodash/get'
import startCase from 'lodash/startCase'
import React, { useState } from 'react'

function labelOf(schema, ui, name) {
  const { label = true, title } = utils.getUiOptions(ui ?? {})
  return label ? title || schema.title || startCase(name) : ''
}

export const Help = ({ id, description }) => (description ? <div id={id} className="help">{description}</div> : null)

/** A group that is closed at first; without a label its content stands by itself. */
export function Group({ id, name, required, schema, uiSchema, children }) {
  const [open, setOpen] = useState(false)
  const label = labelOf(schema, uiSchema, name)
  if (!label) return children
  const description = utils.getUiOptions(uiSchema ?? {}).description || schema.description
  return (
    <section id={`${id}-group`} className="group">
      <button type="button" id={`${id}-toggle`} className="toggle" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span className={required ? 'required' : ''}>{label}</span>
      </button>
      <Help id={`${id}-help`} description={description} />
      <div className="content" hidden={!open}>{children}</div>
    </section>
  )
}

export const Labelled = ({ id, name, required, schema, uiSchema, children }) => {
  const label = labelOf(schema, uiSchema, name || 'Value')
  return (
    <div id={`${id}-field`} className="field">
      {label && <label htmlFor={id} className={required ? 'required' : ''}>{label}</label>}
      {children}
    </div>
  )
}

export function FieldTemplate(props) {
  const { id, label, hidden, required, schema, uiSchema, description, rawErrors, formContext, children } = props
  const { dependency } = utils.getUiOptions(uiSchema ?? {})
  const value = dependency && String(get(formContext.data, ['spec', ...dependency.path], ''))
  if (hidden || (dependency && value !== dependency.value)) return null
  if (['object', 'array'].includes(schema.type)) return children
  return (
    <Labelled id={id} name={label} required={required} schema={schema} uiSchema={uiSchema}>
      {children}
      {description}
      {(rawErrors ?? []).map((error) => <div key={error} className="error">{error}</div>)}
    </Labelled>
  )
}

function Advanced({ id, children }) {
  const [open, setOpen] = useState(false)
  return (
    <div className="advanced">
      <button type="button" id={`${id}-advanced`} className="link" aria-expanded={open} onClick={() => setOpen(!open)}>
        Advanced configuration
      </button>
      {open && <div className="content">{children}</div>}
    </div>
  )
}

export function ObjectFieldTemplate({ idSchema, properties, required, schema, title, uiSchema }) {
  const later = uiSchema?.['ui:advanced'] ?? []
  const part = (wanted) => properties.filter(({ name }) => later.includes(name) === wanted).map((each) => each.content)
  if (!properties.length) return null
  return (
    <Group id={idSchema.$id} name={title} required={required} schema={schema} uiSchema={uiSchema}>
      {part(false)}
      {part(true).length > 0 && <Advanced id={idSchema.$id}>{part(true)}</Advanced>}
    </Group>
  )
}

export function ArrayFieldTemplate({ idSchema, items, onAddClick, required, schema, title, uiSchema }) {
  const label = labelOf(schema, uiSchema, title ?? 'Items')
  return (
    <Group id={idSchema.$id} name={label} required={required} schema={schema} uiSchema={uiSchema}>
      {items.map((item) => (
        <div key={item.key} className="item">
          {item.children}
          <button type="button" className="link remove" onClick={item.onDropIndexClick(item.index)}>
            − Remove {label}
          </button>
        </div>
      ))}
      <button type="button" id={`${idSchema.$id}-add`} className="link" onClick={onAddClick}>+ Add {label}</button>
    </Group>
  )
}
