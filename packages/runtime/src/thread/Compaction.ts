/**
 * Strategies for conversations that are too long for a model: what is left out, and what replaces it. Set one on an
 * agent: `compaction: Compaction.slidingWindow({ above: 100_000, keep: 60_000 })`.
 *
 * A strategy only decides; `CompactionStep` applies its decision. The thread keeps every message; what is compacted is
 * what a model is sent, from then on in this run. A summary is kept with the thread, and the next run of the same agent
 * goes on with it, as long as the conversation is too long without. It is asked between steps, when every call has its
 * result, and can leave out whole steps only. When it fails, the conversation stays as it is.
 */
import type { Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** Why a conversation was not compacted. The run continues with all of it. */
export class CompactionFailed extends Schema.TaggedError<CompactionFailed>()("CompactionFailed", {
  issue: Schema.String
}) {
  override get message() {
    return `Compaction failed: ${this.issue}`
  }
}

/** A question to the agent's own model. Its usage is the run's, reserved and paid for like a step's. */
export interface Question {
  readonly instructions?: string | undefined
  readonly messages: ReadonlyArray<Message.Message>
  /** Most tokens of the answer. */
  readonly maxOutputTokens: number
}

/** A conversation, as a strategy sees it. */
export interface CompactionContext {
  /** What the model would be sent. Pair-complete. */
  readonly messages: ReadonlyArray<Message.Message>
  /**
   * How many messages may be left out at the front so that every call keeps its result and its company; rising, never
   * 0.
   */
  readonly cuts: ReadonlyArray<number>
  /** Estimated tokens of messages. */
  readonly tokens: (messages: ReadonlyArray<Message.Message>) => number
  /** Asks the agent's model. */
  readonly ask: (question: Question) => Effect.Effect<string, CompactionFailed>
}

/** What is left out: the first `dropped` messages, one of `cuts`. The run's prompt stays in any case. */
export interface Compacted {
  readonly dropped: number
  /** What stands in their place, as a user's message. Absent: nothing. */
  readonly summary?: string | undefined
}

/** A way to compact conversations. */
export interface Strategy {
  readonly name: string
  /** It is asked when a conversation is estimated above so many tokens. */
  readonly above: number
  /** `undefined` leaves the conversation as it is. */
  readonly compact: (context: CompactionContext) => Effect.Effect<Compacted | undefined, CompactionFailed>
}

/** When and how far, in estimated tokens. */
export interface Window {
  /** Compacts a conversation that is above. */
  readonly above: number
  /** How much of it stays, at most; the newest messages do. Well below `above`, or it is compacted at every step. */
  readonly keep: number
}

/** Leaves the oldest steps out. Costs nothing; the model does not see them any more. */
export const slidingWindow = ({ above, keep }: Window): Strategy => ({
  name: "sliding-window",
  above,
  compact: (context) =>
    Effect.sync(() => {
      const dropped = cutFor(context, keep)
      return dropped === undefined ? undefined : { dropped }
    })
})

/**
 * Leaves the oldest steps out and puts a summary in their place, which the agent's own model writes. It is kept with
 * the thread: the next run begins with it, and asks for another when the conversation has grown too long again.
 */
export const summarise = (
  options: Window & {
    /** What the model is told to do. Absent: to keep facts, decisions, names, numbers and what is open. */
    readonly instructions?: string | undefined
    /** Most tokens of the summary. Default 1,000. */
    readonly maxOutputTokens?: number | undefined
  }
): Strategy => ({
  name: "summary",
  above: options.above,
  compact: (context) => {
    const dropped = cutFor(context, options.keep)
    if (dropped === undefined) return Effect.succeed(undefined)
    const asked = context.ask({
      instructions: options.instructions ?? usualInstructions,
      messages: [...context.messages.slice(0, dropped), please],
      maxOutputTokens: options.maxOutputTokens ?? 1000
    })
    return Effect.flatMap(asked, (summary) =>
      summary.trim() === ""
        ? Effect.fail(new CompactionFailed({ issue: "the summary is empty" }))
        : Effect.succeed({ dropped, summary: summary.trim() })
    )
  }
})

const usualInstructions =
  "You shorten a conversation between a user and an assistant, so that the assistant can go on without it. " +
  "Keep facts, decisions, names, numbers, what tools found, and what is still open. Write nothing else."

const please: Message.User = {
  role: "user",
  content: [{ type: "text", text: "Write the conversation up to here in short." }]
}

/** The smallest cut behind which no more than `keep` tokens are left; the largest there is, where none is enough. */
export const cutFor = ({ cuts, messages, tokens }: CompactionContext, keep: number): number | undefined =>
  cuts.find((cut) => tokens(messages.slice(cut)) <= keep) ?? cuts.at(-1)

/**
 * Where a conversation may be cut: before a user's message, and behind the run's prompt, which stays, before a step;
 * never while a call is open. `prompt` is the place of that prompt.
 */
export const cutsOf = (messages: ReadonlyArray<Message.Message>, prompt: number): ReadonlyArray<number> => {
  const cuts: Array<number> = []
  const open = new Set<string>()
  for (const [index, message] of messages.entries()) {
    const isStart = message.role === "user" || (message.role === "assistant" && index > prompt)
    if (index > 0 && open.size === 0 && isStart) cuts.push(index)
    for (const part of message.content) {
      if (part.type === "tool-call") open.add(part.id)
      if (part.type === "tool-result") open.delete(part.id)
    }
  }
  return cuts
}
