// Plays a person at the page: reads an order from standard input, and prints what the form then shows and sends.
//
//   {"page": URL, "chromium": path, "steps": [[verb, id, value?], …], "all": bool, "screenshot": path?}
//
// Steps: ["open", id] a group, ["add", id] an item of a list, ["fill", id, text], ["choose", id, option],
// ["switch", id]. Groups and «Advanced configuration» around an input are opened first. With "all", everything is opened.
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
  const names = id.split(/[_.]/)
  for (let length = 2; length < names.length; length += 1) {
    const outer = names.slice(0, length).join('_')
    const next = page.locator(`[id="${names.slice(0, length + 1).join('_')}"], [id^="${names.slice(0, length + 1).join('_')}_"]`)
    const toggle = page.locator(`[id="${outer}_toggle"][aria-expanded=false]`)
    if (await toggle.count()) await toggle.click()
    const advanced = page.locator(`[id="${outer}_advanced"][aria-expanded=false]`)
    if (!(await next.count()) && (await advanced.count())) await advanced.click()
  }
}

const VERBS = {
  open: (page, id) => page.locator(`[id="${id}_toggle"][aria-expanded=false]`).click(),
  add: async (page, id) => {
    await VERBS.open(page, id)
    await page.locator(`[id="${id}_add"]`).click()
  },
  fill: (page, id, text) => page.locator(`[id="${id}"]`).fill(text),
  choose: (page, id, option) => page.locator(`[id="${id}"]`).selectOption(option),
  switch: (page, id) => page.locator(`[id="${id}"] + .slider`).click(),
}

/** In the page itself: hundreds of groups, one by one, would take half a minute. */
const openEverything = (page) =>
  page.evaluate(() => {
    const closed = () => [...document.querySelectorAll('[aria-expanded=false]')]
    for (let found = closed(); found.length; found = closed()) found.forEach((button) => button.click())
  })

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
  if (order.all) await openEverything(page)
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
