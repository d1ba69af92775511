/** assistant-ui's runtime over AI SDK's `useChat`, without a browser: both hooks in a component that renders nothing. */
import { useChat } from "@ai-sdk/react"
import { AssistantChatTransport, useAISDKRuntime } from "@assistant-ui/ai-sdk"
import type { UIMessage } from "ai"
import { createElement } from "react"
import { createRoot } from "react-dom/client"
import { flushSync } from "react-dom"
import * as UseObject from "./UseObject.ts"

type AssistantRuntime = ReturnType<typeof useAISDKRuntime>

export class Page {
  /** The messages as `useChat` has them. */
  messages: ReadonlyArray<UIMessage> = []
  #runtime: AssistantRuntime | undefined
  readonly #waiting = new Set<() => void>()
  readonly #unmount: () => void

  /** `messages`: what it begins with, as another page has it. */
  constructor(options: {
    readonly api: string
    readonly key: string
    readonly id: string
    readonly messages?: Array<UIMessage>
  }) {
    const transport = new AssistantChatTransport<UIMessage>({
      api: options.api,
      headers: { authorization: `Bearer ${options.key}` }
    })
    const root = createRoot(UseObject.container() as never)
    root.render(
      createElement(() => {
        const { id, messages = [] } = options
        const chat = useChat<UIMessage>({ id, transport, messages })
        this.messages = chat.messages
        const runtime = useAISDKRuntime(chat)
        if (this.#runtime === undefined) runtime.thread.subscribe(this.#wake)
        this.#runtime = runtime
        this.#wake()
        return null
      })
    )
    this.#unmount = () => flushSync(() => root.unmount())
  }

  /** Its thread, once it is rendered. */
  get thread(): AssistantRuntime["thread"] {
    if (this.#runtime === undefined) throw new Error("The page is not rendered")
    return this.#runtime.thread
  }

  /** What it shows: roles and texts. */
  get shown(): ReadonlyArray<string> {
    return this.thread
      .getState()
      .messages.map(
        ({ content, role }) =>
          `${role}: ${content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("")}`
      )
  }

  /** Acts on the thread, and resolves when the answer to that has ended. */
  async do(act: (thread: AssistantRuntime["thread"]) => void): Promise<void> {
    await this.when(() => this.#runtime !== undefined)
    act(this.thread)
    await this.when(() => this.thread.getState().isRunning)
    await this.when(() => !this.thread.getState().isRunning)
  }

  readonly #wake = (): void => {
    for (const wake of this.#waiting) wake()
  }

  /** Resolves when its thread is in a state that passes. */
  when(test: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!test()) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }

  [Symbol.dispose](): void {
    this.#unmount()
  }
}
