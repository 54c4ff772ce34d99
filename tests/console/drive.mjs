// Plays a person at the page: reads an order from standard input, and prints what the form then shows and sends.
//
//   {"page": URL, "chromium": path, "steps": [[verb, id, value?], …], "screenshot": path?}
//
// Steps: ["open", id] a group, ["add", id] an item of a list, ["fill", id, text], ["choose", id, option],
// ["switch", id], and ["everything", "root"], which opens all there is. What is closed around an input is opened first.
import { chromium } from 'playwright-core'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

const QUIET = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
]
const order = JSON.parse(await readFile('/dev/stdin', 'utf8'))
const profile = await mkdtemp(path.join(tmpdir(), 'console-form-'))
const errors = []

/** Opens what is closed around an element, from the outside in. */
async function reveal(page, id) {
  if (await page.locator(`[id="${id}"]`).isVisible()) return
  const names = id.split(/[_.]/)
  for (let length = 2; length < names.length; length += 1) {
    const outer = names.slice(0, length).join('_')
    const inner = names.slice(0, length + 1).join('_')
    const next = page.locator(`[id="${inner}"], [id^="${inner}_"], [id^="${inner}-"]`)
    const toggle = page.locator(`[id="${outer}-toggle"][aria-expanded=false]`)
    if (await toggle.count()) await toggle.dispatchEvent('click')
    const advanced = page.locator(`[id="${outer}-advanced"][aria-expanded=false]`)
    if (!(await next.count()) && (await advanced.count())) await advanced.dispatchEvent('click')
  }
}

/** In the page itself: hundreds of groups, one by one, would take half a minute. */
const openEverything = (page) =>
  page.evaluate(() => {
    const closed = () => [...document.querySelectorAll('[aria-expanded=false]')]
    for (let found = closed(); found.length; found = closed()) found.forEach((button) => button.click())
  })

/** What a person can see. Clicks are given to it at once: waiting for it to stand still would cost minutes in all. */
async function seen(page, id) {
  const found = page.locator(`[id="${id}"]`)
  if (!(await found.isVisible())) throw new Error(`${id} cannot be seen`)
  return found
}

const VERBS = {
  everything: openEverything,
  open: async (page, id) => {
    const toggle = await seen(page, `${id}-toggle`)
    if ((await toggle.getAttribute('aria-expanded')) === 'false') await toggle.dispatchEvent('click')
  },
  add: async (page, id) => {
    await VERBS.open(page, id)
    await (await seen(page, `${id}-add`)).dispatchEvent('click')
  },
  fill: async (page, id, text) => (await seen(page, id)).fill(text, { force: true }),
  choose: async (page, id, option) => (await seen(page, id)).selectOption(option, { force: true }),
  switch: async (page, id) => (await seen(page, id)).dispatchEvent('click'),
}

const context = await chromium.launchPersistentContext(profile, {
  executablePath: order.chromium,
  headless: true,
  args: QUIET,
  viewport: { width: 1180, height: 900 },
})
try {
  const page = context.pages()[0] ?? (await context.newPage())
  page.setDefaultTimeout(60_000)
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  await page.goto(order.page)
  for (const [verb, id, ...rest] of order.steps ?? []) {
    await reveal(page, id)
    await VERBS[verb](page, id, ...rest)
  }
  if (order.screenshot) await page.screenshot({ path: order.screenshot, fullPage: true })
  const shown = await page.locator('form').evaluate((form) => ({
    ids: [...form.querySelectorAll('[id]')].map(({ id }) => id),
    labels: [...form.querySelectorAll('.toggle, .field > label:not(.switch, .check), .advanced > .link')]
      .filter((each) => each.offsetParent)
      .map((each) => each.textContent),
  }))
  const sent = JSON.parse(await page.locator('#sent').textContent())
  const complaints = (await page.locator('#complaints').textContent()).split('\n').filter(Boolean)
  console.log(JSON.stringify({ sent, complaints, errors, ...shown }))
} finally {
  await context.close()
  await rm(profile, { recursive: true, force: true })
}
