// The page: the form that the console would show, and what it would send.
import Form from '@rjsf/core'
import defaultsDeep from 'lodash/defaultsDeep'
import omit from 'lodash/omit'
import React, { useState } from 'react'
import { render } from 'react-dom'
import fields from './fields.jsx'
import { hasInput, obstacles } from './inputs.js'
import { prune } from './prune.js'
import './style.css'
import { ArrayFieldTemplate, FieldTemplate, ObjectFieldTemplate } from './templates.jsx'
import { uiSchemaOf } from './uischema.js'
import widgets from './widgets.jsx'

// The schema of a CRD says nothing of the metadata; the console adds this.
const METADATA = {
  type: 'object',
  properties: {
    metadata: {
      type: 'object',
      properties: {
        namespace: { type: 'string' },
        name: { type: 'string', default: 'example' },
        labels: { type: 'object', properties: {}, additionalProperties: { type: 'string' } },
      },
      required: ['name'],
    },
    spec: { type: 'object' },
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
  },
}

const { schema: given, descriptors, example, namespace, objects } = JSON.parse(
  document.getElementById('given').textContent,
)
const complaints = []
const unusable = obstacles(given).length || !hasInput(given.properties.spec)
if (unusable) complaints.push('the console would show no form of this schema')
const schema = defaultsDeep({}, METADATA, omit(given, 'properties.status'))
const uiSchema = uiSchemaOf(schema, descriptors, (text) => complaints.push(text))

function Page() {
  const [data, setData] = useState(example)
  const { apiVersion, kind, metadata, ...rest } = data
  const sent = prune({ apiVersion, kind, metadata: { ...metadata, namespace }, ...rest }, example)
  return (
    <main>
      <header>
        <h1>Create {kind}</h1>
        <p>Create by completing the form. Default values may be provided by the Operator authors.</p>
      </header>
      <div className="columns">
        <div>
          <p className="note">
            Some fields may not be represented in this form view. Please select "YAML view" for full control.
          </p>
          <Form
            schema={schema}
            uiSchema={uiSchema}
            formData={data}
            formContext={{ data, objects }}
            fields={fields}
            widgets={widgets}
            FieldTemplate={FieldTemplate}
            ObjectFieldTemplate={ObjectFieldTemplate}
            ArrayFieldTemplate={ArrayFieldTemplate}
            onChange={(next) => setData(next.formData)}
            noHtml5Validate
            noValidate
            showErrorList={false}
          >
            <div className="actions">
              <button type="submit" className="primary">Create</button>
              <button type="button" className="secondary">Cancel</button>
            </div>
          </Form>
        </div>
        <aside>
          <h2>What is sent</h2>
          <pre id="sent">{JSON.stringify(sent, null, 2)}</pre>
          <pre id="complaints">{complaints.join('\n')}</pre>
        </aside>
      </div>
    </main>
  )
}

render(<Page />, document.getElementById('page'))
