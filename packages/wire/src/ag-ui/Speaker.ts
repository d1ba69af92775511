/**
 * What one agent has open in an AG-UI stream: its step, its text or reasoning, and whether its sub-agent was announced.
 * The verifier rejects an end while anything is open; every step and message has a unique name.
 */
import type { AgentPath, Events } from "@reins/protocol"
import type { AgUiEvent } from "./AgUiEvent.ts"

type AgUiEvents = ReadonlyArray<AgUiEvent>

/** Generates names that are unique in the stream. */
export class Names {
  #made = 0
  readonly #runId: string

  constructor(runId: string) {
    this.#runId = runId
  }

  next(prefix: string): string {
    this.#made += 1
    return `${prefix}-${this.#runId}-${this.#made}`
  }
}

/** `subagentRunId` is absent for the root. Mutable; owned by one encoder. */
export class Speaker {
  readonly path: AgentPath.AgentPath
  readonly subagentRunId: string | undefined
  readonly #names: Names
  readonly #by: { readonly subagentRunId?: string }
  #open:
    | { readonly kind: "text" | "reasoning"; readonly part: string | undefined; readonly messageId: string }
    | undefined
  #stepName: string | undefined

  constructor(path: AgentPath.AgentPath, names: Names, subagentRunId: string | undefined) {
    this.path = path
    this.subagentRunId = subagentRunId
    this.#names = names
    this.#by = subagentRunId === undefined ? {} : { subagentRunId }
  }

  /** The field that identifies the speaking agent. */
  get by(): { readonly subagentRunId?: string } {
    return this.#by
  }

  say({ part, text: delta, type: kind }: Events.Text | Events.Reasoning): AgUiEvents {
    if (delta === "") return []
    const isOpen = this.#open?.kind === kind && this.#open.part === part
    const opening = isOpen ? [] : [...this.silence(), ...this.#start(kind, part)]
    const { messageId = "" } = this.#open ?? {}
    const type = kind === "text" ? "TEXT_MESSAGE_CONTENT" : "REASONING_MESSAGE_CONTENT"
    return [...opening, { type, messageId, delta, ...this.#by }]
  }

  #start(kind: "text" | "reasoning", part: string | undefined): AgUiEvents {
    const messageId = this.#names.next("message")
    this.#open = { kind, part, messageId }
    return kind === "text"
      ? [{ type: "TEXT_MESSAGE_START", messageId, role: "assistant", ...this.#by }]
      : [
          { type: "REASONING_START", messageId, ...this.#by },
          { type: "REASONING_MESSAGE_START", messageId, role: "reasoning", ...this.#by }
        ]
  }

  /** Ends the open text or reasoning. */
  silence(): AgUiEvents {
    if (this.#open === undefined) return []
    const { kind, messageId } = this.#open
    this.#open = undefined
    return kind === "text"
      ? [{ type: "TEXT_MESSAGE_END", messageId, ...this.#by }]
      : [
          { type: "REASONING_MESSAGE_END", messageId, ...this.#by },
          { type: "REASONING_END", messageId, ...this.#by }
        ]
  }

  startStep(): AgUiEvents {
    const ending = this.endStep()
    const stepName = this.#names.next("step")
    this.#stepName = stepName
    return [...ending, { type: "STEP_STARTED", stepName, ...this.#by }]
  }

  /** Ends the open text or reasoning, and the step. */
  endStep(): AgUiEvents {
    const silence = this.silence()
    if (this.#stepName === undefined) return silence
    const stepName = this.#stepName
    this.#stepName = undefined
    return [...silence, { type: "STEP_FINISHED", stepName, ...this.#by }]
  }
}
