/**
 * Strategies for conversations that are too long for a model: what is left out, and what replaces it. Set one on an
 * agent: `compaction: Compaction.slidingWindow({ above: 100_000, keep: 60_000 })`.
 *
 * A strategy only decides; `CompactionStep` applies its decision. The thread keeps every message; compaction changes
 * what the model is sent, from then on in this run. A summary is stored with the thread, and the next run of the same
 * agent uses it while the conversation is too long without it. A strategy is called between steps, when every call has
 * its result, and can only leave out whole steps. If it fails, the conversation is unchanged.
 */
import type { Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Rule from "../kernel/OptionRule.ts"

/**
 * Why a conversation was not compacted. The run continues with all of it.
 *
 * @since 0.1.0
 * @category errors
 */
export class CompactionFailed extends Schema.TaggedError<CompactionFailed>()("CompactionFailed", {
  issue: Schema.String
}) {
  override get message() {
    return `Compaction failed: ${this.issue}`
  }
}

/**
 * A request to the agent's own model. Its usage counts for the run, and is reserved and settled like a step's.
 *
 * @since 0.1.0
 * @category models
 */
export interface Question {
  readonly instructions?: string | undefined
  readonly messages: ReadonlyArray<Message.Message>
  /** The maximum number of tokens of the answer. */
  readonly maxOutputTokens: number
}

/**
 * A conversation, as a strategy sees it.
 *
 * @since 0.1.0
 * @category models
 */
export interface CompactionContext {
  /** The messages that the model would be sent. Pair-complete. */
  readonly messages: ReadonlyArray<Message.Message>
  /**
   * The possible numbers of messages to leave out at the front, ascending and above 0: each keeps the calls of a step
   * and their results together.
   */
  readonly cuts: ReadonlyArray<number>
  /** Estimated tokens of messages. */
  readonly tokens: (messages: ReadonlyArray<Message.Message>) => number
  /** Asks the agent's model. */
  readonly ask: (question: Question) => Effect.Effect<string, CompactionFailed>
}

/**
 * How many of the first messages are left out, one of `cuts`. The run's prompt always stays.
 *
 * @since 0.1.0
 * @category models
 */
export interface Compacted {
  readonly dropped: number
  /** The text that replaces them, as a user's message. Absent: none. */
  readonly summary?: string | undefined
}

/**
 * A way to compact conversations.
 *
 * @since 0.1.0
 * @category models
 */
export interface Strategy {
  readonly name: string
  /** The strategy is called when a conversation is estimated above this number of tokens. */
  readonly above: number
  /** `undefined` leaves the conversation unchanged. */
  readonly compact: (context: CompactionContext) => Effect.Effect<Compacted | undefined, CompactionFailed>
}

/**
 * When to compact, and how far, in estimated tokens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Window {
  /** Compacts a conversation above this size. */
  readonly above: number
  /** The maximum size of the newest messages that stay. Choose it well below `above`; otherwise every step compacts. */
  readonly keep: number
}

const windowCure = "Give an object such as { above: 60_000, keep: 50_000 }"
const window = { above: Rule.atLeast(0), keep: Rule.atLeast(0) }
const slidingRule = Rule.fields<Window>(windowCure, window)

/**
 * Leaves the oldest steps out, without a request. The model does not see them any more. Throws where an option is invalid.
 *
 * **Example** (The last 50,000 tokens)
 *
 * ```ts
 * import { Agent, Compaction } from "@reins/runtime"
 *
 * export const Desk = Agent.make("desk", { compaction: Compaction.slidingWindow({ above: 60_000, keep: 50_000 }) })
 * ```
 *
 * @since 0.1.0
 * @category operations
 */
export const slidingWindow = (options: Window): Strategy => {
  Rule.requireValid("slidingWindow()", options, slidingRule)
  const { above, keep } = options
  return {
    name: "sliding-window",
    above,
    compact: (context) =>
      Effect.sync(() => {
        const dropped = cutFor(context, keep)
        return dropped === undefined ? undefined : { dropped }
      })
  }
}

/**
 * How conversations are summarised.
 *
 * @since 0.2.0
 * @category models
 */
export interface Summary extends Window {
  /** The instructions for the summary. Absent: keep facts, decisions, names, numbers and open points. */
  readonly instructions?: string | undefined
  /** The maximum number of tokens of the summary. Default 1,000. */
  readonly maxOutputTokens?: number | undefined
}

const summaryRule = Rule.fields<Summary>(windowCure, {
  ...window,
  instructions: Rule.secret(Rule.optional(Rule.text())),
  maxOutputTokens: Rule.optional(Rule.count(1))
})

/**
 * Replaces the oldest steps by a summary that the agent's own model writes. It is stored with the thread: the next run
 * begins with it, and requests another when the conversation is too long again. Throws where an option is invalid.
 *
 * @since 0.1.0
 * @category operations
 */
export const summarise = (options: Summary): Strategy => {
  Rule.requireValid("summarise()", options, summaryRule)
  const { above, instructions = usualInstructions, keep, maxOutputTokens = 1000 } = options
  return {
    name: "summary",
    above,
    compact: (context) => {
      const dropped = cutFor(context, keep)
      if (dropped === undefined) return Effect.succeed(undefined)
      const messages = [...context.messages.slice(0, dropped), please]
      return Effect.flatMap(context.ask({ instructions, messages, maxOutputTokens }), (summary) =>
        summary.trim() === ""
          ? Effect.fail(new CompactionFailed({ issue: "the summary is empty" }))
          : Effect.succeed({ dropped, summary: summary.trim() })
      )
    }
  }
}

const usualInstructions =
  "You shorten a conversation between a user and an assistant, so that the assistant can go on without it. " +
  "Keep facts, decisions, names, numbers, what tools found, and what is still open. Write nothing else."

const please: Message.User = {
  role: "user",
  content: [{ type: "text", text: "Write the conversation up to here in short." }]
}

/**
 * The smallest cut that leaves at most `keep` tokens; the largest one if none does.
 *
 * @since 0.1.0
 * @category operations
 */
export const cutFor = ({ cuts, messages, tokens }: CompactionContext, keep: number): number | undefined =>
  cuts.find((cut) => tokens(messages.slice(cut)) <= keep) ?? cuts.at(-1)

/**
 * Where a conversation may be cut: before a user's message, and after the run's prompt, which stays, before a step;
 * never while a call is open. `prompt` is the index of that prompt.
 *
 * @since 0.1.0
 * @category operations
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
