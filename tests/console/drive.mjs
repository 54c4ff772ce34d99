// Operates the form in one browser: reads orders from standard input, one a line, and prints an answer to each, a line.
//
//   {"page": URL, "chromium": path, "steps": [[verb, id, value?], …], "screenshot": path?}
//
// Steps: ["open", id] a group, ["add", id] an item of a list, ["fill", id, text], ["choose", id, option],
// ["switch", id], and ["everything", "root"], which opens all there is. What is closed around an input is opened first.
// The answer is what the form then shows and sends, or {"failed": message}. The browser ends with the input.
import { chromium } from 'playwright-core'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'

const QUIET = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
]

/** Runs in the page: a message to the browser for each of hundreds of steps would cost more than the steps. */
async function operate(steps) {
  const find = (id) => document.getElementById(id)
  const isVisible = (found) =>
    found && found.getClientRects().length > 0 && getComputedStyle(found).visibility === 'visible'
  const closed = (id) => {
    const found = find(id)
    return found?.getAttribute('aria-expanded') === 'false' ? found : null
  }
  /** Lets the page show what an input has changed. */
  const rendered = () => new Promise((resolve) => setTimeout(resolve))

  async function click(element) {
    element.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, composed: true }))
    await rendered()
  }

  /** Types or chooses a value; React sees only what goes through the setter of the element's class. */
  async function set(element, value, event) {
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(element), 'value').set.call(element, value)
    element.dispatchEvent(new Event(event, { bubbles: true }))
    await rendered()
  }

  /** Opens what is closed around an element, from the outside in. */
  async function reveal(id) {
    if (isVisible(find(id))) return
    const names = id.split(/[_.]/)
    for (let length = 2; length < names.length; length += 1) {
      const outer = names.slice(0, length).join('_')
      const inner = names.slice(0, length + 1).join('_')
      const next = `[id="${inner}"], [id^="${inner}_"], [id^="${inner}-"]`
      if (closed(`${outer}-toggle`)) await click(find(`${outer}-toggle`))
      const advanced = closed(`${outer}-advanced`)
      if (advanced && !document.querySelector(next)) await click(advanced)
    }
  }

  /** What a person can see and use. */
  function seen(id) {
    const found = find(id)
    if (!isVisible(found)) throw new Error(`${id} cannot be seen`)
    if (found.disabled || found.readOnly) throw new Error(`${id} cannot be changed`)
    return found
  }

  const verbs = {
    everything: async () => {
      const all = () => [...document.querySelectorAll('[aria-expanded=false]')]
      for (let found = all(); found.length; found = all()) {
        found.forEach((button) => button.click())
        await rendered()
      }
    },
    open: async (id) => {
      seen(`${id}-toggle`)
      if (closed(`${id}-toggle`)) await click(find(`${id}-toggle`))
    },
    add: async (id) => {
      await verbs.open(id)
      await click(seen(`${id}-add`))
    },
    fill: (id, text) => set(seen(id), text, 'input'),
    choose: async (id, option) => {
      const list = seen(id)
      const found = [...list.options].find((each) => each.value === option || each.label === option)
      if (!found) throw new Error(`${id} has no option ${option}`)
      await set(list, found.value, 'change')
    },
    switch: (id) => click(seen(id)),
  }

  for (const [verb, id, ...rest] of steps) {
    await reveal(id)
    await verbs[verb](id, ...rest)
  }
}

async function play(context, order) {
  const errors = []
  const page = await context.newPage()
  try {
    page.setDefaultTimeout(60_000)
    page.on('pageerror', (error) => errors.push(String(error)))
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
    await page.goto(order.page)
    await page.evaluate(operate, order.steps ?? [])
    if (order.screenshot) await page.screenshot({ path: order.screenshot, fullPage: true })
    const shown = await page.locator('form').evaluate((form) => ({
      ids: [...form.querySelectorAll('[id]')].map(({ id }) => id),
      labels: [...form.querySelectorAll('.toggle, .field > label:not(.switch, .check), .advanced > .link')]
        .filter((each) => each.offsetParent)
        .map((each) => each.textContent),
    }))
    const sent = JSON.parse(await page.locator('#sent').textContent())
    const complaints = (await page.locator('#complaints').textContent()).split('\n').filter(Boolean)
    return { sent, complaints, errors, ...shown }
  } finally {
    await page.close()
  }
}

const profile = await mkdtemp(path.join(tmpdir(), 'console-form-'))
let context
try {
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line)
    context ??= await chromium.launchPersistentContext(profile, {
      executablePath: order.chromium,
      headless: true,
      args: QUIET,
      viewport: { width: 1180, height: 900 },
    })
    const answer = await play(context, order).catch((error) => ({ failed: String(error) }))
    process.stdout.write(`${JSON.stringify(answer)}\n`)
  }
} finally {
  await context?.close()
  await rm(profile, { recursive: true, force: true })
}
