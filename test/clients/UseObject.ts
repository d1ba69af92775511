/** AI SDK's `useObject` without a browser: the hook of `@ai-sdk/react` in a component that renders nothing. */
import { experimental_useObject as useObject } from "@ai-sdk/react"
import { createElement } from "react"
import { flushSync } from "react-dom"
import { createRoot } from "react-dom/client"
import { vi } from "vitest"
import type { z } from "zod"

/** What the hook has shown at one time. */
export interface Shown {
  readonly object: unknown
  readonly error: Error | undefined
  readonly isLoading: boolean
}

/** What React asks of a browser where nothing is rendered. */
const browser = { event: undefined, HTMLIFrameElement: Array }
const listening = { addEventListener: () => {}, removeEventListener: () => {} }
const page = { ...listening, nodeType: 9, defaultView: browser, activeElement: null, body: null }
/** Where React renders it. */
export const container = () => ({
  ...listening,
  nodeType: 1,
  tagName: "DIV",
  namespaceURI: null,
  ownerDocument: page,
  textContent: ""
})

/** Gives React that browser until the end of a test file. */
export const open = () => vi.stubGlobal("window", browser)

export class Page {
  readonly shown: Array<Shown> = []
  /** What `onFinish` was given. */
  readonly finished: Array<{ readonly object: unknown; readonly error: Error | undefined }> = []
  /** The ids of its runs, which the server names in a header. */
  readonly runIds: Array<string> = []
  readonly #waiting = new Set<() => void>()
  #hook: { readonly submit: (input: unknown) => void; readonly stop: () => void } | undefined
  readonly #unmount: () => void

  constructor(options: {
    readonly api: string
    readonly key: string
    readonly schema: z.ZodType
    readonly id: string
  }) {
    const root = createRoot(container() as never)
    root.render(
      createElement(() => {
        const hook = useObject({
          api: options.api,
          id: options.id,
          schema: options.schema,
          headers: { authorization: `Bearer ${options.key}` },
          fetch: async (...asked) => {
            const response = await fetch(...asked)
            this.runIds.push(response.headers.get("x-run-id") ?? "")
            return response
          },
          onFinish: (finished) => {
            this.finished.push(finished)
            this.#wake()
          }
        })
        this.#hook = hook
        this.shown.push({ object: hook.object, error: hook.error, isLoading: hook.isLoading })
        this.#wake()
        return null
      })
    )
    this.#unmount = () => flushSync(() => root.unmount())
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
  }

  /** Resolves when the hook shows what passes. */
  when(test: (last: Shown) => boolean): Promise<Shown> {
    return new Promise((resolve) => {
      const look = () => {
        const last = this.shown.at(-1)
        if (last === undefined || this.#hook === undefined || !test(last)) return
        this.#waiting.delete(look)
        resolve(last)
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** Submits, and resolves when the answer has ended. */
  async submit(input: unknown): Promise<Shown> {
    await this.when(() => true)
    const { length } = this.shown
    this.#hook?.submit(input)
    await this.when(({ isLoading }) => isLoading)
    return this.when(({ isLoading }) => !isLoading && this.shown.length > length + 1)
  }

  stop(): void {
    this.#hook?.stop()
  }

  [Symbol.dispose](): void {
    this.#unmount()
  }
}
