/** Drives the inspector in a real browser, if there is one. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { createServer } from "node:http"
import type { Browser, Page } from "playwright-core"
import { ended, executable, hasBrowser, launch, picture, violations } from "./Browser.ts"
import * as Office from "./Office.ts"

if (!hasBrowser) process.stdout.write(`No Chromium at ${executable}: skipping the browser tests of the inspector.\n`)

const timeout = 20_000
let browser: Browser | undefined
let office: Awaited<ReturnType<typeof Office.open>> | undefined

beforeAll(async () => {
  if (!hasBrowser) return
  office = await Office.open()
  browser = await launch()
  // The first request builds the page.
  assert.strictEqual((await fetch(`${office.url}/`)).status, 200)
}, 120_000)

afterAll(async () => {
  await browser?.close()
  await office?.close()
})

interface Window {
  readonly page: Page
  readonly office: Awaited<ReturnType<typeof Office.open>>
}

const withPage = async (
  place: string,
  use: (window: Window) => Promise<void>,
  {
    key = "operator-key",
    scheme = "light",
    width = 1280
  }: { key?: string; scheme?: "light" | "dark"; width?: number } = {}
): Promise<void> => {
  const context = await browser?.newContext({ colorScheme: scheme, viewport: { width, height: 900 } })
  const page = await context?.newPage()
  if (context === undefined || page === undefined || office === undefined) return assert.fail("no browser")
  try {
    const errors: Array<string> = []
    const foreign: Array<string> = []
    const origin = new URL(office.url).origin
    page.setDefaultTimeout(timeout)
    page.on("pageerror", ({ message }) => errors.push(message))
    page.on("request", (request) => {
      if (/^https?:/.test(request.url()) && !request.url().startsWith(origin)) foreign.push(request.url())
    })
    await page.addInitScript((value) => sessionStorage.setItem("reins-inspector-key", value), key)
    await page.goto(`${office.url}/#/${place}`)
    await use({ page, office })
    assert.deepStrictEqual({ errors, foreign }, { errors: [], foreign: [] })
  } finally {
    await context.close()
  }
}

const titles: { readonly [view: string]: string } = {
  runs: "Runs",
  approvals: "Approvals",
  costs: "Costs",
  quotas: "Quotas",
  threads: "Threads",
  audit: "Audit and grants",
  memories: "Memories",
  webhooks: "Web hooks",
  play: "Play",
  check: "Check a stream"
}

describe("the inspector", () => {
  it.runIf(hasBrowser)(
    "lists runs, follows one to its end after its call was approved with edited arguments, and shows its cost",
    () =>
      withPage("runs", async ({ office: { start }, page }) => {
        const runId = await start("pay the bill")
        await page.getByRole("link", { name: runId }).click()
        await page.getByRole("heading", { name: "May pay run?" }).waitFor()
        await page.getByLabel("amountUsd").fill("35")
        await page.getByRole("button", { name: "Run with these changes" }).click()
        await ended(page, "stop")
        await page.getByRole("tab", { name: /^Events/ }).click()
        await page.getByText("paid 35 USD to Paper & Co").first().waitFor()
        await page.getByRole("tab", { name: "Cost" }).click()
        await page.getByText("model scripted").first().waitFor()
        // A link leads to the same view.
        assert.match(page.url(), /\?tab=cost$/)
        await page.reload()
        await page.getByText("model scripted").first().waitFor()
        await page.getByRole("tab", { name: "Timeline" }).click()
        assert.isAtLeast(await page.locator(".timeline-row").count(), 4)
        await picture(page, "run")
      }),
    60_000
  )

  it.runIf(hasBrowser)(
    "answers from the inbox: rejects with a remark that the model reads, and raises a limit so that the run goes on",
    () =>
      withPage("approvals", async ({ office: { start }, page }) => {
        const rejected = await start("pay the other bill")
        const question = page.getByRole("article", { name: "Question about pay" }).first()
        await question.waitFor()
        await picture(page, "approvals")
        await question.getByLabel("Remark").fill("too early")
        await question.getByRole("button", { name: "Reject" }).click()
        await page.getByText("1 answered").waitFor()
        await page.goto(page.url().replace(/#.*/, `#/runs/${rejected}?seq=1`))
        await page.getByText("too early").first().waitFor()
        const paused = await start("limit", { agent: "frugal" })
        await page.goto(page.url().replace(/#.*/, `#/runs/${paused}`))
        await page.getByLabel("New maxSteps").fill("5")
        await page.getByRole("button", { name: "Raise and go on" }).click()
        await ended(page, "stop")
      }),
    60_000
  )

  it.runIf(hasBrowser)(
    "sends a plan back with its steps moved, removed and edited, approves what its planner proposes then, and shows a sleep",
    () =>
      withPage("runs", async ({ office: { start }, page }) => {
        const runId = await start("move")
        await page.goto(page.url().replace(/#.*/, `#/runs/${runId}`))
        const plan = page.getByRole("article", { name: "Question about a plan" })
        await plan.getByRole("button", { name: "Approve" }).waitFor()
        await plan.getByRole("button", { name: "Remove stages 3" }).click()
        await plan.getByRole("button", { name: "Move stages 2 up" }).click()
        const first = plan.getByRole("listitem", { name: "stages 1" })
        // An emptied field stays.
        await first.getByLabel("downtimeMinutes").fill("")
        await first.getByLabel("downtimeMinutes").fill("5")
        await plan.getByLabel("reason").fill("new lease")
        await plan.getByLabel("Remark").fill("mail first")
        assert.deepStrictEqual(await violations(page), [])
        await picture(page, "plan")
        await plan.getByRole("button", { name: "Send back with these changes" }).click()
        await plan.getByRole("button", { name: "Approve" }).click()
        await ended(page, "stop")
        await page.getByRole("tab", { name: /^Events/ }).click()
        await page.getByText("moved mail in 5, billing in 30").first().waitFor()
        await page.getByText("approval-decision").first().click()
        await page.getByText('"feedback": "mail first"').waitFor()
        const nap = await start("nap")
        await page.goto(page.url().replace(/#.*/, `#/runs/${nap}`))
        await page.getByText("waiting: a time").waitFor()
        await page
          .getByRole("listitem")
          .filter({ hasText: /^nap, sleeps until .*asleep$/ })
          .waitFor()
        await page.getByRole("button", { name: "Cancel the run" }).click()
        await ended(page, "cancelled")
      }),
    60_000
  )

  it.runIf(hasBrowser)(
    "starts a run of a specialist, cancels another, and shows the conversation of a thread",
    () =>
      withPage("play", async ({ office: { start }, page }) => {
        await page.getByLabel("Prompt").fill("study")
        await page.getByRole("button", { name: "Start a run" }).click()
        await ended(page, "stop")
        await page.getByText("reader", { exact: true }).first().waitFor()
        await page.getByRole("link", { name: /^thread_/ }).click()
        await page.getByText("Call of reader").waitFor()
        await page.getByText("Nothing of this thread was replaced.").waitFor()
        await page.getByRole("button", { name: "Rewind to before this" }).click()
        await page.getByText("Nothing was said.").waitFor()
        await page.getByRole("button", { name: "Read" }).click()
        await page.getByRole("region", { name: "Branch" }).getByText("Call of reader").waitFor()
        await picture(page, "thread")
        await page.getByRole("button", { name: "Return to it" }).click()
        await page.getByText("Nothing of this thread was replaced.").waitFor()
        await page.getByRole("region", { name: "Conversation" }).getByText("Call of reader").waitFor()
        const thread = page.url()
        await page.getByRole("button", { name: "Fork before this" }).click()
        await page.waitForURL((url) => url.href !== thread)
        await page.getByText("Nothing was said.").waitFor()
        const open = await start("pay later")
        await page.goto(page.url().replace(/#.*/, `#/runs/${open}`))
        await page.getByRole("button", { name: "Cancel the run" }).click()
        await ended(page, "cancelled")
      }),
    60_000
  )

  it.runIf(hasBrowser)(
    "replays a run, shows where another agent would go another way, and forks it from there into a run of its own",
    () =>
      withPage("runs", async ({ office: { start }, page }) => {
        const runId = await start("look")
        await page.goto(page.url().replace(/#.*/, `#/runs/${runId}?tab=replay`))
        await page.getByRole("button", { name: "Replay", exact: true }).click()
        await page.getByText(/^The run goes the same way with clerk: \d+ events$/).waitFor()
        await page.getByRole("combobox", { name: "Agent" }).click()
        await page.getByRole("option", { name: "frugal" }).click()
        await page.getByRole("button", { name: "Replay", exact: true }).click()
        await page.getByText(/^The run goes another way with frugal at event 1 of \d+$/).waitFor()
        await page.getByText("tool reader").waitFor()
        await picture(page, "replay")
        await page.getByRole("button", { name: "Fork before event 1" }).click()
        const dialog = page.getByRole("dialog", { name: "Fork before event 1" })
        await dialog.getByRole("button", { name: "Fork and run" }).click()
        await page.waitForURL((url) => !url.href.includes(runId))
        await ended(page, "stop")
        assert.match(page.url(), /#\/runs\/run_/)
        // From an event of one's choice, with another prompt.
        await page.goto(page.url().replace(/#.*/, `#/runs/${runId}?seq=4&tab=events`))
        await page.getByRole("button", { name: "Fork after event 4" }).click()
        await page.getByRole("dialog").getByLabel("Prompt").fill("long 3")
        await picture(page, "fork")
        await page.getByRole("dialog").getByRole("button", { name: "Fork and run" }).click()
        await page.waitForURL((url) => !url.href.includes(runId))
        await page.getByRole("tab", { name: "Answer" }).click()
        await page.getByText("word0 word1 word2").waitFor()
      }),
    60_000
  )

  it.runIf(hasBrowser)(
    "adds a web hook, shows what its receiver does not accept and why, sends it again when it is mended, and removes it",
    async () => {
      let status = 503
      let received = 0
      const receiver = createServer((_, response) => {
        received++
        response.writeHead(status).end()
      })
      await new Promise<void>((resolve) => void receiver.listen(0, "127.0.0.1", resolve))
      const address = receiver.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      try {
        await withPage("webhooks", async ({ office: { clientHook, start }, page }) => {
          await page.getByText("No client has set one").waitFor()
          await page.getByLabel("Address").fill("https://127.0.0.2/told")
          await page.getByRole("button", { name: "Add" }).click()
          await page.getByText("Web hooks are not sent to this url").waitFor()
          await page.getByLabel("Address").fill(`http://127.0.0.1:${port}/told`)
          await page.getByRole("button", { name: "Add" }).click()
          await page.getByText(/^whsec_/).waitFor()
          const runId = await start("hello")
          const open = await start("pay the client's bill")
          await clientHook(open)
          await page.getByRole("table", { name: "Web hooks of runs" }).getByRole("link", { name: open }).waitFor()
          assert.notInclude(await page.locator("main").innerText(), "client.example/secret")
          await page.getByText(/^fails since .*: status 503$/).waitFor()
          await picture(page, "webhooks")
          await page.getByRole("link", { name: `http://127.0.0.1:${port}/told` }).click()
          await page.getByRole("table", { name: "Notices" }).getByRole("link", { name: runId }).first().waitFor()
          await picture(page, "webhook")
          status = 204
          await page.getByRole("button", { name: "Send again now" }).click()
          await page.getByText("All was accepted.").waitFor()
          assert.isAtLeast(received, 2)
          page.on("dialog", (dialog) => dialog.accept())
          await page.getByRole("button", { name: "Remove" }).click()
          await page.getByText("There are none. One that is added").waitFor()
          await page.getByRole("button", { name: "Remove" }).click()
          await page.getByText("No client has set one").waitFor()
        })
      } finally {
        receiver.closeAllConnections()
        receiver.close()
      }
    },
    60_000
  )

  it.runIf(hasBrowser)(
    "delivers a late result, corrects an estimated cost once, and forgets what an agent remembers",
    () =>
      withPage("runs", async ({ office: { remember, start }, page }) => {
        const at = (place: string) => page.goto(page.url().replace(/#.*/, `#/${place}`))
        const late = await start("build")
        await at(`runs/${late}`)
        const ticket = page.getByRole("article", { name: "Late result of build" })
        await ticket.getByLabel("Result").fill("done")
        await ticket.getByRole("button", { name: "Deliver", exact: true }).click()
        await ticket.getByText("This is not JSON").waitFor()
        await ticket.getByLabel("Result").fill("7")
        await ticket.getByRole("button", { name: "Deliver", exact: true }).click()
        await ticket.getByRole("alert").getByText("is invalid").waitFor()
        await picture(page, "ticket")
        await ticket.getByLabel("Result").fill('"it is built"')
        await ticket.getByRole("button", { name: "Deliver", exact: true }).click()
        await ended(page, "stop")
        await page.getByText("waits: late result of build").waitFor()
        const held = await start("held")
        await at(`runs/${held}?tab=cost`)
        await page.getByRole("tab", { name: "Events (2)" }).waitFor()
        await page.getByRole("button", { name: "Cancel the run" }).click()
        await page.getByRole("button", { name: "Correct", exact: true }).click()
        assert.match(await page.getByLabel("Tokens in", { exact: true }).inputValue(), /^\d+$/)
        await page.getByLabel("US dollars").fill("0.5")
        await page.getByRole("button", { name: "Correct, once" }).click()
        await page.getByText(/^Corrected by \+\$0\.49/).waitFor()
        await picture(page, "estimates")
        await page.getByRole("button", { name: "Correct, once" }).click()
        await page.getByText("already").waitFor()
        await remember("Ana prefers invoices in French.")
        await at("memories?principal=ana")
        await page.getByText("Ana prefers invoices in French.").waitFor()
        await picture(page, "memories")
        page.on("dialog", (dialog) => dialog.accept())
        await page.getByRole("button", { name: "Forget" }).click()
        await page.getByText("Agents remember nothing of this kind.").waitFor()
      }),
    90_000
  )

  it.runIf(hasBrowser)(
    "shows 10,000 events with only those on the screen in the document",
    () =>
      withPage("runs", async ({ office: { start }, page }) => {
        const runId = await start("long 10000")
        await page.goto(page.url().replace(/#.*/, `#/runs/${runId}?seq=5000`))
        await page.getByRole("tab", { name: /^Events \(100\d\d\)$/ }).waitFor()
        await page.getByText("word4998", { exact: false }).first().waitFor()
        assert.isBelow(await page.locator(".event").count(), 120)
        // Reported, and not asserted: it says as much of the machine as of the page.
        const began = performance.now()
        await page.reload()
        await page.getByText("word4998", { exact: false }).first().waitFor()
        const shown = performance.now()
        await page.getByRole("tab", { name: "Cost" }).click()
        await page.getByRole("tab", { name: "Cost", selected: true }).waitFor()
        const [shownMs, interactiveMs] = [shown, performance.now()].map((at) => Math.round(at - began))
        console.info(`a run of 10,000 events is shown after ${shownMs} ms, and interactive after ${interactiveMs} ms`)
      }),
    60_000
  )

  it.runIf(hasBrowser)(
    "checks a pasted stream, and says which line is wrong",
    () =>
      withPage("check", async ({ page }) => {
        const line = (seq: number, event: unknown) =>
          JSON.stringify({ seq, at: seq, runId: "r", threadId: "t", agentPath: [], event })
        await page
          .getByLabel("Stream")
          .fill([line(1, { type: "step-start" }), line(1, { type: "step-start" })].join("\n"))
        await page.getByRole("button", { name: "Check", exact: true }).click()
        await page.getByRole("table", { name: "Violations" }).waitFor()
        assert.include(await page.getByRole("table", { name: "Violations" }).innerText(), "2")
      }),
    60_000
  )

  it.runIf(hasBrowser)(
    "shows an auditor money and order and no content, and an operator nothing of another tenant",
    async () => {
      const runId = await office?.start("pay the secret supplier")
      await withPage(
        `runs/${runId}`,
        async ({ page }) => {
          await page.getByText("no content").waitFor()
          await page.getByRole("tab", { name: /^Events/ }).click()
          await page.getByText("approval-required").first().waitFor()
          assert.notInclude(await page.locator("main").innerText(), "Paper & Co")
        },
        { key: "auditor-key" }
      )
      await withPage(
        "runs",
        async ({ page }) => {
          await page.getByText("There are none.").waitFor()
          assert.notInclude(await page.locator("main").innerText(), `${runId}`)
        },
        { key: "other-key" }
      )
      await withPage("runs", async ({ page }) => page.getByText("Missing or invalid API key").waitFor(), {
        key: "wrong"
      })
    },
    60_000
  )

  for (const scheme of ["light", "dark"] as const) {
    for (const width of [1280, 390]) {
      it.runIf(hasBrowser)(
        `has no violation of accessibility at ${width} pixels, ${scheme}`,
        async () => {
          const runId = await office?.start("pay once more")
          const done = await office?.start("hello")
          const places = [
            "runs",
            `runs/${runId}`,
            `runs/${done}?tab=replay`,
            "approvals",
            "costs",
            "quotas",
            "threads",
            "memories",
            "audit",
            "webhooks",
            "play",
            "check"
          ]
          await withPage(
            "runs",
            async ({ page }) => {
              for (const place of places) {
                await page.goto(page.url().replace(/#.*/, `#/${place}`))
                await page.getByRole("heading", { level: 2, name: titles[place.split("/")[0] ?? ""] ?? "" }).waitFor()
                await page.waitForFunction(() => document.querySelector('[aria-label="Loading"]') === null)
                const name = place.includes("tab=") ? "replay" : place.includes("/") ? "run" : place
                await picture(page, `${name}-${width}-${scheme}`)
                assert.deepStrictEqual(await violations(page), [], place)
              }
            },
            { scheme, width }
          )
        },
        240_000
      )
    }
  }
})
