/** The browser of the inspector's tests, and what is done with any page in it: axe, pictures, the end of a run. */
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { join } from "node:path"
import { chromium, type Page } from "playwright-core"

export const executable = process.env["CHROMIUM"] ?? "/usr/bin/chromium"
export const hasBrowser = existsSync(executable)

export const launch = () =>
  chromium.launch({
    executablePath: executable,
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
  })

/** The violations that axe finds in the current page. */
export const violations = async (page: Page): Promise<ReadonlyArray<string>> => {
  // The page lets no script in that is not its own.
  await page.evaluate(await axe())
  return page.evaluate(async () => {
    const { violations: found } = await (
      globalThis as unknown as {
        axe: {
          run: () => Promise<{ violations: ReadonlyArray<{ id: string; nodes: ReadonlyArray<{ html: string }> }> }>
        }
      }
    ).axe.run()
    return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`))
  })
}

const axe = (): Promise<string> => readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** Keeps a picture of the page, where `REINS_SCREENSHOTS` names a folder for it. */
export const picture = async (page: Page, name: string): Promise<void> => {
  const folder = process.env["REINS_SCREENSHOTS"]
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}

/** Waits until the page says how its run ended. */
export const ended = (page: Page, word: string) => page.getByText(word, { exact: true }).first().waitFor()
