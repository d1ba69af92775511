/** Tests the page in a real browser, if there is one. `REINS_SCREENSHOTS` names a folder for pictures of it. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { createRequire } from "node:module"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { type Browser, chromium, type Page } from "playwright-core"

const main = join(import.meta.dirname, "main.ts")
const executable = process.env["CHROMIUM"] ?? "/usr/bin/chromium"
const hasBrowser = existsSync(executable)
if (!hasBrowser) process.stdout.write(`No Chromium at ${executable}: skipping the browser tests of the chat page.\n`)

/** Starts the server on a port that the system chooses; resolves to its address. */
const serve = (): Promise<{ readonly child: ChildProcess; readonly url: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [main, "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] })
    child.stdout.on("data", (chunk: Buffer) => {
      const url = /http:\S+/.exec(chunk.toString())?.[0]
      if (url !== undefined) resolve({ child, url })
    })
  })

let served: Awaited<ReturnType<typeof serve>> | undefined
let browser: Browser | undefined

beforeAll(async () => {
  if (!hasBrowser) return
  served = await serve()
  browser = await chromium.launch({
    executablePath: executable,
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
  })
  // The first page of a browser takes longer than a tool here works.
  await withPage((page) => page.getByLabel("Your question").waitFor({ timeout: seconds }))
}, 60_000)

afterAll(async () => {
  await browser?.close()
  served?.child.kill()
})

/** The page in a window of its own, with a conversation of its own. */
const withPage = async (use: (page: Page) => Promise<void>): Promise<void> => {
  const context = await browser?.newContext()
  const page = await context?.newPage()
  if (page === undefined || served === undefined) return assert.fail("no browser")
  try {
    const errors: Array<string> = []
    page.on("pageerror", ({ message }) => errors.push(message))
    await page.goto(served.url)
    await use(page)
    assert.deepStrictEqual(errors, [])
  } finally {
    await context?.close()
  }
}

const ask = async (page: Page, words: string): Promise<void> => {
  await page.getByLabel("Your question").fill(words)
  await page.getByRole("button", { name: "Ask" }).click()
}

const seconds = 20_000

/** Waits until a tool shows how far it is. */
const working = (page: Page) => page.locator("details.call[open] progress").last().waitFor({ timeout: seconds })

/** The violations that axe finds in the current page. */
const violations = async (page: Page): Promise<ReadonlyArray<string>> => {
  await page.addScriptTag({ path: createRequire(import.meta.url).resolve("axe-core/axe.min.js") })
  return page.evaluate(async () => {
    const { violations: found } = await (
      globalThis as unknown as {
        axe: {
          run: () => Promise<{ violations: ReadonlyArray<{ id: string; nodes: ReadonlyArray<{ html: string }> }> }>
        }
      }
    ).axe.run()
    return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
  })
}

const hasFocus = (page: Page, selector: string) =>
  page.waitForFunction((wanted) => document.activeElement?.matches(wanted) ?? false, selector, { timeout: seconds })

describe("the chat page", () => {
  it("is built and served", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [main])
    assert.match(stdout, /The page answers 200/)
  }, 60_000)

  it.runIf(hasBrowser)(
    "shows streamed text as Markdown, a tool's progress until it is done, and the cost",
    () =>
      withPage(async (page) => {
        await page.getByRole("button", { name: "When is high water?" }).click()
        await working(page)
        await page.getByText("Sail with the first.").waitFor({ timeout: seconds })
        assert.strictEqual(await page.locator(".words strong").first().innerText(), "05:40")
        const call = page.locator("details.call")
        assert.isNull(await call.getAttribute("open"))
        await call.locator("summary").click()
        await page.getByText("adding the wind").waitFor({ timeout: seconds })
        await page.getByText('{"highWater":["05:40","18:05"]}').waitFor({ timeout: seconds })
        assert.match(await page.locator(".message footer").innerText(), /^\$0\.\d{6} · \d+\.\d s$/)
        // Asked differently in its place; and the first answer is returned to.
        await page.getByRole("button", { name: "Edit the question" }).click()
        await hasFocus(page, ".composer textarea")
        await page.getByText("It is asked in place of your last question.").waitFor()
        await ask(page, "Write to the crew.")
        await page.getByRole("button", { name: "Approve" }).click({ timeout: seconds })
        await page.getByText("The crew has its mail.").waitFor({ timeout: seconds })
        assert.strictEqual(await page.locator(".message").count(), 2)
        await page.getByRole("button", { name: "Return to 1" }).click({ timeout: seconds })
        await page.getByText("Sail with the first.").waitFor({ timeout: seconds })
        assert.strictEqual(await page.locator(".message").count(), 2)
        await page.getByRole("button", { name: "Regenerate" }).click()
        await page.getByRole("button", { name: "Return to 2" }).waitFor({ timeout: seconds })
        await page.getByText("Sail with the first.").waitFor({ timeout: seconds })
        assert.strictEqual(await page.locator(".message").count(), 2)
      }),
    60_000
  )

  it.runIf(hasBrowser)(
    "asks before it sends a mail, moves focus to the question and back, and gives the desk the reason for a no",
    () =>
      withPage(async (page) => {
        await ask(page, "Write to the crew.")
        await hasFocus(page, ".question")
        assert.isTrue(await page.getByRole("button", { name: "Ask" }).isDisabled())
        await page.getByText("Answer the question above first.").waitFor()
        await page.getByRole("button", { name: "Approve" }).click()
        await page.getByText("The crew has its mail.").waitFor({ timeout: seconds })
        await hasFocus(page, ".composer textarea")
        assert.match(await page.locator(".message footer").innerText(), /of waiting for you$/)
        await ask(page, "Write to the crew once more.")
        await page.getByRole("button", { name: "Reject" }).click({ timeout: seconds })
        await page.getByLabel("reason").fill("they are asleep")
        await page.getByRole("button", { name: "Reject" }).click()
        await page.getByText(/Then I leave it unsent.*they are asleep/).waitFor({ timeout: seconds })
        await page.getByText("not allowed").waitFor({ timeout: seconds })
      }),
    60_000
  )

  it.runIf(hasBrowser)(
    "approves a call as it was edited, shows it once, and has it all after a reload",
    () =>
      withPage(async (page) => {
        await ask(page, "Write to the crew.")
        await page.getByLabel("subject").fill("We sail at noon")
        await page.getByRole("button", { name: "Approve as edited" }).click()
        await page.getByText("The crew has its mail.").waitFor({ timeout: seconds })
        assert.strictEqual(await page.getByText("I have a mail for the crew.").count(), 1)
        await page.locator("details.call summary").click()
        await page.getByText("We sail at noon").first().waitFor({ timeout: seconds })
        await page.reload()
        await page.getByText("The crew has its mail.").waitFor({ timeout: seconds })
        assert.strictEqual(await page.locator(".message").count(), 2)
        await ask(page, "When is high water?")
        await page.getByText("Sail with the first.").waitFor({ timeout: seconds })
        assert.strictEqual(await page.locator(".message").count(), 4)
      }),
    60_000
  )

  it.runIf(hasBrowser)(
    "takes what is written while a tool works into the same answer",
    () =>
      withPage(async (page) => {
        await ask(page, "When is high water?")
        await working(page)
        await page.getByLabel("Your question").fill("And write to the crew.")
        await page.getByRole("button", { name: "Add" }).click()
        await page.locator("q", { hasText: "And write to the crew." }).waitFor({ timeout: seconds })
        await page.getByRole("button", { name: "Approve" }).click({ timeout: seconds })
        await page.getByText("The crew has its mail.").waitFor({ timeout: seconds })
        assert.strictEqual(await page.locator(".message.assistant").count(), 1)
      }),
    60_000
  )

  it.runIf(hasBrowser)(
    "stops on request, and resumes after a reload",
    () =>
      withPage(async (page) => {
        await ask(page, "When is high water? The tides, please.")
        await working(page)
        await page.getByRole("button", { name: "Stop" }).click()
        await page.locator("main[data-status=ready]").waitFor({ timeout: seconds })
        assert.strictEqual(await page.getByText("Sail with the first.").count(), 0)

        await ask(page, "The tides again.")
        await working(page)
        await page.reload()
        await page.getByText("Sail with the first.").waitFor({ timeout: seconds })
        assert.strictEqual(await page.getByText("The tides again.").count(), 1)
      }),
    60_000
  )

  it.runIf(hasBrowser)(
    "has no violation of accessibility rules, wide and narrow, light and dark, and nothing wider than itself",
    () =>
      withPage(async (page) => {
        await ask(page, `Write to the crew. ${"verylongword".repeat(30)}`)
        await page.getByRole("button", { name: "Approve" }).waitFor({ timeout: seconds })
        for (const width of [1280, 390]) {
          for (const colorScheme of ["light", "dark"] as const) {
            await page.setViewportSize({ width, height: 800 })
            await page.emulateMedia({ colorScheme })
            assert.deepStrictEqual(await violations(page), [], `${width} ${colorScheme}`)
            assert.isAtMost(await page.evaluate(() => document.documentElement.scrollWidth), width)
            const folder = process.env["REINS_SCREENSHOTS"]
            if (folder !== undefined) await page.screenshot({ path: join(folder, `chat-${width}-${colorScheme}.png`) })
          }
        }
        await page.getByRole("button", { name: "Approve" }).click()
        await page.getByText("The crew has its mail.").waitFor({ timeout: seconds })
        assert.deepStrictEqual(await violations(page), [])
      }),
    60_000
  )
})
