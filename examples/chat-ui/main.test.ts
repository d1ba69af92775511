/**
 * Tests the page in a real browser, if there is one: asks, watches a tool's progress, approves, rejects, stops,
 * reloads.
 */
import { assert, describe, it } from "@effect/vitest"
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { type BrowserContext, chromium, type Page } from "playwright-core"

const main = join(import.meta.dirname, "main.ts")
const browser = process.env["CHROMIUM"] ?? "/usr/bin/chromium"
const hasBrowser = existsSync(browser)
if (!hasBrowser) process.stdout.write(`No Chromium at ${browser}: skipping the browser tests of the chat page.\n`)

/** Starts the server on a port that the system chooses; resolves to its address. */
const serve = (): Promise<{ readonly child: ChildProcess; readonly url: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [main, "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] })
    child.stdout.on("data", (chunk: Buffer) => {
      const url = /http:\S+/.exec(chunk.toString())?.[0]
      if (url !== undefined) resolve({ child, url })
    })
  })

const withPage = async (use: (page: Page, url: string) => Promise<void>): Promise<void> => {
  const profile = mkdtempSync(join(tmpdir(), "reins-chat-"))
  const { child, url } = await serve()
  let context: BrowserContext | undefined
  try {
    context = await chromium.launchPersistentContext(profile, {
      executablePath: browser,
      headless: true,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync"
      ]
    })
    const page = context.pages()[0] ?? (await context.newPage())
    const errors: Array<string> = []
    page.on("pageerror", ({ message }) => errors.push(message))
    await page.goto(url)
    await use(page, url)
    assert.deepStrictEqual(errors, [])
  } finally {
    await context?.close()
    child.kill()
    rmSync(profile, { recursive: true, force: true })
  }
}

const ask = async (page: Page, words: string): Promise<void> => {
  await page.getByLabel("Your question").fill(words)
  await page.getByRole("button", { name: "Ask" }).click()
}

const seconds = 20_000

describe("the chat page", () => {
  it("is built and served", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [main])
    assert.match(stdout, /The page answers 200/)
  }, 60_000)

  it.runIf(hasBrowser)(
    "shows streamed text, a tool's progress, and the cost",
    () =>
      withPage(async (page) => {
        await page.getByRole("button", { name: "When is high water?" }).click()
        await page.getByText("finding the moon").waitFor({ timeout: seconds })
        await page.getByText("Sail with the first.").waitFor({ timeout: seconds })
        await page.getByText('{"highWater":["05:40","18:05"]}').waitFor({ timeout: seconds })
        assert.match(await page.locator("article footer").innerText(), /^\$0\.\d{6} · \d+\.\d s$/)
        if (process.env["REINS_SCREENSHOT"] !== undefined)
          await page.screenshot({ path: process.env["REINS_SCREENSHOT"] })
      }),
    60_000
  )

  it.runIf(hasBrowser)(
    "asks before it sends a mail, and follows the answer",
    () =>
      withPage(async (page) => {
        await ask(page, "Write to the crew.")
        await page.getByRole("button", { name: "Approve" }).click({ timeout: seconds })
        await page.getByText("The crew has its mail.").waitFor({ timeout: seconds })
        await page.getByText('{"sent":true}').waitFor({ timeout: seconds })
        assert.match(await page.locator("article footer").innerText(), /of waiting for you$/)
        await ask(page, "Write to the crew once more.")
        await page.getByRole("button", { name: "Reject" }).click({ timeout: seconds })
        await page.getByText("Then I leave it unsent.").waitFor({ timeout: seconds })
        await page.getByText("not allowed").waitFor({ timeout: seconds })
        assert.strictEqual(await page.getByText('{"sent":true}').count(), 1)
      }),
    60_000
  )

  it.runIf(hasBrowser)(
    "takes what is written while a tool works into the same answer",
    () =>
      withPage(async (page) => {
        await ask(page, "When is high water?")
        await page.getByText("opening the almanac").waitFor({ timeout: seconds })
        await page.getByLabel("Your question").fill("And write to the crew.")
        await page.getByRole("button", { name: "Add" }).click()
        await page.locator("q", { hasText: "And write to the crew." }).waitFor({ timeout: seconds })
        await page.getByRole("button", { name: "Approve" }).click({ timeout: seconds })
        await page.getByText("The crew has its mail.").waitFor({ timeout: seconds })
        assert.strictEqual(await page.locator("article.assistant").count(), 1)
      }),
    60_000
  )

  it.runIf(hasBrowser)(
    "stops on request, and resumes after a reload",
    () =>
      withPage(async (page) => {
        await ask(page, "When is high water? The tides, please.")
        await page.getByText("opening the almanac").waitFor({ timeout: seconds })
        await page.getByRole("button", { name: "Stop" }).click()
        await page.getByRole("button", { name: "Ask" }).waitFor({ timeout: seconds })
        assert.strictEqual(await page.getByText("Sail with the first.").count(), 0)

        await ask(page, "The tides again.")
        await page.getByText("opening the almanac").last().waitFor({ timeout: seconds })
        await page.reload()
        await page.getByText("Sail with the first.").waitFor({ timeout: seconds })
      }),
    60_000
  )
})
