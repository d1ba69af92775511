/** The messages of the page: the AI SDK's own parts, and those of Reins, typed. Pure. */
import type { UIMessage } from "ai"

export interface Progress {
  readonly label: string
  readonly phaseIndex: number
  readonly totalPhases: number
  readonly toolCallId?: string
}

export type HarbourMessage = UIMessage<
  { readonly runId?: string },
  {
    readonly "tool-progress": Progress
    readonly "cost-summary": { readonly costUsd?: number; readonly estimated: boolean }
    readonly "latency-summary": { readonly machineMs: number; readonly humanWaitMs: number }
    readonly steering: { readonly text: string }
  },
  {
    readonly find_tides: { input: { readonly harbour: string }; output: { readonly highWater: ReadonlyArray<string> } }
    readonly send_mail: { input: { readonly to: string; readonly subject: string }; output: { readonly sent: string } }
  }
>

type Part = HarbourMessage["parts"][number]

/** What a person wrote meanwhile as a data part, which every component library passes on to its renderer. */
export const shown = (message: HarbourMessage): HarbourMessage =>
  message.parts.every(({ type }) => type !== "steering-message")
    ? message
    : { ...message, parts: message.parts.map(steering) }

const steering = (part: Part): Part =>
  part.type === "steering-message"
    ? {
        type: "data-steering",
        data: { text: part.parts.map((said) => (said.type === "text" ? said.text : "")).join("") }
      }
    : part

/** The last progress of each call, by the call's id. */
export const progressOf = (messages: ReadonlyArray<HarbourMessage>): ReadonlyMap<string, Progress> => {
  const found = new Map<string, Progress>()
  for (const { parts } of messages) {
    for (const part of parts) {
      if (part.type === "data-tool-progress" && part.data.toolCallId !== undefined) {
        found.set(part.data.toolCallId, part.data)
      }
    }
  }
  return found
}

/** Whether a question waits for the person. */
export const isAsked = (messages: ReadonlyArray<HarbourMessage>): boolean =>
  messages.at(-1)?.parts.some((part) => "state" in part && part.state === "approval-requested") ?? false

/** A run's cost and times in a line; absent until the run has ended. */
export const billOf = ({ parts }: Pick<HarbourMessage, "parts">): string | undefined => {
  const cost = parts.findLast((part) => part.type === "data-cost-summary")
  const latency = parts.findLast((part) => part.type === "data-latency-summary")
  if (cost?.type !== "data-cost-summary" || latency?.type !== "data-latency-summary") return undefined
  const { humanWaitMs, machineMs } = latency.data
  const price = cost.data.costUsd === undefined ? "cost unknown" : `$${cost.data.costUsd.toFixed(6)}`
  const waited = humanWaitMs > 0 ? ` and ${seconds(humanWaitMs)} of waiting for you` : ""
  return `${price} · ${seconds(machineMs)}${waited}`
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
