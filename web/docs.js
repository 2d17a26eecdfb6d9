// Draws openapi.json: each path and method, its parameters, bodies and answers. Everything is set as text, never as HTML.
'use strict'

const METHODS = ['get', 'post', 'put', 'patch', 'delete']

function make(name, attributes, ...children) {
  const node = document.createElement(name)
  for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value)
  node.append(...children.filter(child => child !== null && child !== undefined))
  return node
}

// Text with what stands between backquotes as code.
function prose(text) {
  return make('span', {}, ...text.split('`').map((part, i) => i % 2 ? make('code', {}, part) : part))
}

// What a $ref leads to, and the name that it had.
function follow(api, value) {
  let name = null
  while (value && value.$ref) {
    name = value.$ref.split('/').pop()
    value = value.$ref.slice(2).split('/').reduce((at, part) => at[part], api)
  }
  return { name, value: value || {} }
}

function typeOf(api, schema) {
  const { name, value } = follow(api, schema)
  if (name && value.type === 'object') return name
  if (value.anyOf) return value.anyOf.map(one => typeOf(api, one)).join(' or ')
  if ('const' in value) return JSON.stringify(value.const)
  if (value.enum) return value.enum.map(one => JSON.stringify(one)).join(', ')
  const types = [].concat(value.type || 'anything')
  return types.map(type => type === 'array' ? 'list of ' + typeOf(api, value.items || {}) : value.format || type).join(' or ')
}

function table(heads, rows) {
  return make('table', {}, make('tr', {}, ...heads.map(head => make('th', {}, head))),
    ...rows.map(row => make('tr', {}, ...row.map(cell => make('td', {}, cell)))))
}

function fields(api, schema) {
  const { value } = follow(api, schema)
  const rows = Object.entries(value.properties || {}).map(([name, property]) => [
    make('code', {}, name + ((value.required || []).includes(name) ? ' *' : '')),
    make('span', { class: 'schema' }, typeOf(api, property)),
    prose(follow(api, property).value.description || '')])
  return rows.length ? table(['field', 'type', ''], rows) : make('span', { class: 'schema' }, typeOf(api, schema))
}

function content(api, title, about, body) {
  const parts = [make('h4', {}, title), about ? make('p', {}, prose(about)) : null]
  for (const [type, media] of Object.entries(body || {})) {
    const { name } = follow(api, media.schema)
    parts.push(make('p', {}, make('code', {}, type), name ? ' ' + name : ''), fields(api, media.schema))
  }
  return make('div', {}, ...parts.filter(part => part))
}

function operation(api, path, method, one, shared) {
  const parameters = [...(shared || []), ...(one.parameters || [])].map(p => follow(api, p).value)
  const details = make('details', { id: one.operationId },
    make('summary', {}, make('span', { class: `method ${method}` }, method), make('span', { class: 'path' }, path),
      make('span', { class: 'about' }, one.summary || '')),
    one.description ? make('p', {}, prose(one.description)) : null,
    parameters.length ? table(['parameter', 'in', 'type', ''], parameters.map(p => [
      make('code', {}, p.name + (p.required ? ' *' : '')), p.in,
      make('span', { class: 'schema' }, typeOf(api, p.schema)), prose(p.description || '')])) : null,
    one.requestBody ? content(api, 'Body', '', one.requestBody.content) : null)
  for (const [code, answer] of Object.entries(one.responses)) {
    const { value } = follow(api, answer)
    details.append(content(api, code === 'default' ? 'Otherwise' : code, value.description, value.content))
  }
  return details
}

function draw(api) {
  document.getElementById('title').textContent = `${api.info.title} API ${api.info.version}`
  document.getElementById('summary').replaceChildren(prose(api.info.description))
  const main = document.getElementById('main')
  main.replaceChildren()
  for (const tag of api.tags) {
    main.append(make('h2', {}, tag.name), make('p', {}, tag.description || ''))
    for (const [path, item] of Object.entries(api.paths)) {
      for (const method of METHODS) {
        if (item[method] && item[method].tags.includes(tag.name)) {
          main.append(operation(api, path, method, item[method], item.parameters))
        }
      }
    }
  }
  const wanted = document.getElementById(location.hash.slice(1))
  if (wanted) wanted.open = true
}

fetch('/openapi.json').then(answer => answer.json()).then(draw).catch(error => {
  document.getElementById('main').textContent = `openapi.json could not be read: ${error}`
})
