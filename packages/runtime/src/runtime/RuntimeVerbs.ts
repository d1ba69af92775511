/**
 * The three verbs of a runtime, each for a query, an agent's value or a specialist's value: `query` streams the events,
 * `complete` returns the answer, `start` starts the run in the background. A query runs the default agent, or the one
 * in its options, or the agent that is passed first. With a specialist passed first, its typed input follows: a run
 * with its own history and a typed answer. The signature of a plain query is last, because `Parameters` and compiler
 * messages use the last one.
 */
import type { Budget, Envelope, Event, Json, Message, QueryRejected, Quota, RunError } from "@reins/protocol"
import type * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Stream from "effect/Stream"
import * as Agent from "../agent/Agent.ts"
import type { QueryModel, QueryTools } from "../agent/NarrowedMember.ts"
import * as Specialist from "../agent/Specialist.ts"
import type { Place } from "../thread/ThreadChange.ts"
import * as Erased from "../kernel/Erased.ts"
import type { Completion, Typed } from "./Completion.ts"
import type { ModelKey } from "../model/Model.ts"
import type * as ProviderKeys from "../model/ProviderKeys.ts"

/**
 * Options of every run.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunOptions {
  /** The conversation it belongs to. Absent: a new one. */
  readonly threadId?: string | undefined
  /** The tenant it belongs to; approvals can be answered for this tenant only. Absent: `"default"`. */
  readonly resourceId?: string | undefined
  /** An id of the caller's own, so that starting twice starts once. Absent: a new one. */
  readonly runId?: string | undefined
  /**
   * Limits in addition to the agent's own: of each entry the narrower one applies (`Budget.narrow`). An entry that is
   * not a limit, and one of `maxCallsPerTool` that names no tool of the runtime or the query, is refused with
   * `InvalidBudget`. Absent: the agent's own.
   */
  readonly budget?: Budget.Budget | undefined
  /**
   * How often in a row the run's agent may make the same call; also for specialists below it without a limit of their
   * own. An invalid limit is refused with `InvalidInput`. Absent: the agent's limit, else the runtime's.
   */
  readonly repeatedCallLimit?: Agent.CallLimit | undefined
  /** As the agent's option of this name, for all agents of the run. Absent: as each agent says. */
  readonly onOpenResults?: "wait" | "end" | undefined
  /**
   * The id of the requesting principal, stored with the run: `Approvers.excludeRequester` excludes it, and quotas per
   * principal count its runs. Absent: not given.
   */
  readonly principal?: string | undefined
  /**
   * Quotas that the run is charged to in addition to the runtime's, such as those of a key. An invalid quota, or a name
   * that is used twice, is refused with `InvalidQuota`. Absent: none.
   */
  readonly quotas?: ReadonlyArray<Quota.Quota> | undefined
  /**
   * The caller's own keys, by provider (`openai`), for the models of this run whose `ModelPort` takes keys
   * (`takesKeys`); others fail. They are kept in this process's memory until the run ends, and not stored: a run that
   * continues in another process, or after a restart, fails with `AuthenticationFailed` at its next request. Absent:
   * the tenant's key, else the model's.
   */
  readonly providerKeys?: ProviderKeys.Given | undefined
}

/**
 * Options of a query.
 *
 * @since 0.1.0
 * @category models
 */
export interface QueryOptions extends RunOptions {
  /**
   * What to do while the thread has another run: `reject` with `ThreadBusy` (the default), `queue` behind it and those
   * that wait already, `cancel-previous` and start when it has ended, or `steer` it: the prompt becomes a message of
   * that run, as by `steer`, with the query's `runId` as its id and `questions: "withdraw"`, and the result is the rest
   * of that run: its events from there on, or its end. It continues when that reader disconnects. The run keeps its own
   * budget and tools. If it accepts no more messages, or has another agent, the query waits for its end.
   *
   * **Gotchas**: repeated with the same `runId` after that run has ended, such a query starts a new run.
   */
  readonly onBusy?: "reject" | "queue" | "cancel-previous" | "steer" | undefined
  /**
   * The messages of a new thread before the prompt: a history from a client or another system. It is made pair-complete
   * first (`Transcript.adopt`); nothing in it answers a question or allows a call. Absent: a new thread is empty. If it
   * ends with the results of calls, a prompt without parts (`[]`) continues from there.
   */
  readonly history?: ReadonlyArray<Message.Message> | undefined
  /**
   * The effect of `history` on an existing thread: none (`"ignore"`, the default); it is appended (`"append"`); or it
   * replaces the thread's messages from the first turn that differs (`"replace"`, see `Transcript.align`), which are
   * kept as a branch. Applied in the transaction that starts the run: a refused query changes nothing.
   */
  readonly onThread?: "ignore" | "append" | "replace" | undefined
  /**
   * What of its thread the query replaces: everything from this message on, which is kept as a branch
   * (`threads.branches`). The index of a message in `threads.get`, or the id of a run, for the first message that it
   * added: the run's prompt is asked again, or edited. Decided and made in the transaction that starts the run. The cut
   * is moved to the front of a call whose result would be missing. Absent: the query continues its thread.
   *
   * **Gotchas**: needs `threadId`, and no `history`. A query with it never becomes a message of a running run: with
   * `onBusy: "steer"` it waits for that run's end. **Errors**: `PlaceNotFound` if the thread has no such message or
   * run.
   */
  readonly replaces?: Place | undefined
  /**
   * The branch of its thread (`threads.branches`) that the query continues: the thread gets the messages of the branch
   * again, as by `threads.returnTo`, and with `replaces`, the index of a message in the branch, only those before it. What
   * the thread had instead is kept as a branch. Decided and made in the transaction that starts the run: a refused query
   * changes nothing. Absent: the query continues the thread as it is.
   *
   * **Gotchas**: needs `threadId`, and no `history`. As with `replaces`, such a query never becomes a message of a running
   * run. **Errors**: `PlaceNotFound` if the thread has no such branch, or the branch no such message.
   */
  readonly branch?: string | undefined
  /**
   * Which events the stream of `query` has: `root`, those of the root agent and the approvals of all agents (the
   * default), or `progress`, also the progress of specialists (`tool-progress`, `custom`, `budget_exhausted`). `watch`
   * shows every event.
   */
  readonly view?: "root" | "progress" | undefined
  /** Added to the agent's own instructions, after them, for this query. Specialists below the agent do not get it. */
  readonly instructions?: string | undefined
  /** Which agent: its value or its name. Absent: the first that the runtime was made with. */
  readonly agent?: string | Agent.Any | undefined
  /**
   * Changes to the agent's tools for this query: tools to remove, tools that ask first, and tools that the caller adds
   * and runs itself. Clashing names are refused with `InvalidInput`. Absent: no changes.
   */
  readonly tools?: QueryTools | undefined
  /**
   * Which of the agent's `models` answers this query, and settings for it: the format and size of its output, and
   * sampling. A string is the model's name, or `provider:model`; a key is one of `models`. Specialists keep theirs, and
   * what an agent chooses for a step (`resolve`) comes before it. A model that the agent does not have is refused with
   * `UnknownModel`, unsupported settings, such as an output for an agent that has its own, with `InvalidInput`. Absent:
   * the agent's own, without settings.
   */
  readonly model?: QueryModel | string | ModelKey | undefined
}

/**
 * A call of a tool that no model makes.
 *
 * **Details**
 * - `name`, `args`: the tool and its arguments, which are validated as a model's.
 * - `id`: the call's id. Absent: a new one.
 * - `agent`: whose tool it is: its value or its name. Absent: the first that the runtime was made with.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolCallOptions extends RunOptions {
  readonly name: string
  readonly args: Json
  readonly id?: string | undefined
  readonly agent?: string | Agent.Any | undefined
}

/**
 * A message that a run has accepted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Steered {
  readonly runId: string
  readonly messageId: string
  /** Its position among the run's messages, from 1: they enter in this order. */
  readonly position: number
  /** The number of an event before the message enters: pass it to `watch` as `after` to see everything from there. */
  readonly after: number
  /** The ids of the questions that were withdrawn for it. */
  readonly withdrawn: ReadonlyArray<string>
}

/**
 * A started run: it continues when readers disconnect.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunHandle<out Out = string> {
  readonly runId: string
  readonly threadId: string
  /** The root view, from the first event, for any number of readers. */
  readonly events: Stream.Stream<Event>
  /** Every envelope, from the first. */
  readonly envelopes: Stream.Stream<Envelope.Envelope>
  /**
   * A typed answer as it is written, as JSON that is not checked yet, and then the checked one (`Output.partials`).
   * Each reader derives it for itself. Without a typed answer: what the text says as far as it is JSON.
   */
  readonly partialOutput: Stream.Stream<Json>
  /** Waits for the end. */
  readonly result: Effect.Effect<Completion<Out>, RunError>
  /** Cancels the run; false when it has ended. */
  readonly cancel: Effect.Effect<boolean>
  /** Present if the query became a message of an existing run (`onBusy: "steer"`); absent: it started this run. */
  readonly steered?: Steered | undefined
}

/**
 * An agent that is not a specialist.
 *
 * @since 0.1.0
 * @category models
 */
export type PlainAgent<Out = unknown> = Agent.Agent<Erased.Any, Erased.Any, Out> & {
  readonly [Specialist.TypeId]?: never
}

/**
 * The answer that a query asks for.
 *
 * **Details**
 * - `output`: the schema of the answer, for an agent without one of its own; others are refused with `InvalidInput`. The
 *   model gets it in its request, the answer is checked by what its JSON Schema says, and decoded by it for the caller. An invalid
 *   answer is asked for once more; see `Agent.make`. What JSON Schema cannot say, such as a filter of your own, is only
 *   checked for the caller: the record of a run has the JSON Schema. Give it to an agent to have it repaired.
 *
 * @since 0.2.0
 * @category models
 */
export interface OutputOptions<Out = unknown> {
  readonly output: Erased.CodecOf<Out>
}

/**
 * Options of a query with its agent as the first argument.
 *
 * @since 0.1.0
 * @category models
 */
export type AgentOptions = Omit<QueryOptions, "agent">

/**
 * The events of a run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Query {
  (
    agent: PlainAgent,
    prompt: Message.Prompt,
    options?: AgentOptions & Partial<OutputOptions>
  ): Stream.Stream<Event, QueryRejected>
  <In, Out>(
    specialist: Specialist.Of<In, Out>,
    input: NoInfer<In>,
    options?: RunOptions
  ): Stream.Stream<Event, QueryRejected>
  (prompt: Message.Prompt, options?: QueryOptions & Partial<OutputOptions>): Stream.Stream<Event, QueryRejected>
}

/**
 * The answer of a run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Complete {
  <Out>(
    agent: PlainAgent,
    prompt: Message.Prompt,
    options: AgentOptions & OutputOptions<Out>
  ): Effect.Effect<Completion<Out>, QueryRejected | RunError>
  <Out>(
    agent: PlainAgent<Out>,
    prompt: Message.Prompt,
    options?: AgentOptions
  ): Effect.Effect<Completion<Out>, QueryRejected | RunError>
  <In, Out>(
    specialist: Specialist.Of<In, Out>,
    input: NoInfer<In>,
    options?: RunOptions
  ): Effect.Effect<Completion<Out>, QueryRejected | RunError>
  <Out>(
    prompt: Message.Prompt,
    options: QueryOptions & OutputOptions<Out>
  ): Effect.Effect<Completion<Out>, QueryRejected | RunError>
  (prompt: Message.Prompt, options?: QueryOptions): Effect.Effect<Completion<string>, QueryRejected | RunError>
}

/**
 * Starts a run that continues without readers.
 *
 * @since 0.1.0
 * @category models
 */
export interface Start {
  <Out>(
    agent: PlainAgent,
    prompt: Message.Prompt,
    options: AgentOptions & OutputOptions<Out>
  ): Effect.Effect<RunHandle<Out>, QueryRejected>
  <Out>(
    agent: PlainAgent<Out>,
    prompt: Message.Prompt,
    options?: AgentOptions
  ): Effect.Effect<RunHandle<Out>, QueryRejected>
  <In, Out>(
    specialist: Specialist.Of<In, Out>,
    input: NoInfer<In>,
    options?: RunOptions
  ): Effect.Effect<RunHandle<Out>, QueryRejected>
  <Out>(
    prompt: Message.Prompt,
    options: QueryOptions & OutputOptions<Out>
  ): Effect.Effect<RunHandle<Out>, QueryRejected>
  (prompt: Message.Prompt, options?: QueryOptions): Effect.Effect<RunHandle, QueryRejected>
}

/** The options of a query, with the answer that it asks for. */
export type Asks = QueryOptions & Partial<OutputOptions>

/** The arguments of a verb: a prompt and options, or an agent, its input, and options. */
export type Given = readonly [first: Message.Prompt | Agent.Any, second?: unknown, third?: Asks]

/** The parsed arguments of a verb. `agent`: the value that was passed first, which types the answer. */
export type Asked =
  | {
      readonly _tag: "Query"
      readonly prompt: Message.Prompt
      readonly options: Asks | undefined
      readonly agent?: Agent.Any
    }
  | {
      readonly _tag: "Specialist"
      readonly specialist: Specialist.Any
      readonly input: unknown
      readonly options: RunOptions | undefined
    }

const isAgent = (value: unknown): value is Agent.Any => Predicate.hasProperty(value, Agent.TypeId)

const isSpecialist = (value: unknown): value is Specialist.Any => Predicate.hasProperty(value, Specialist.TypeId)

/** Parses the arguments of a verb, which the verbs' types define. */
export const asked = ([first, second, options]: Given): Asked => {
  if (isSpecialist(first)) return { _tag: "Specialist", specialist: first, input: second, options }
  if (isAgent(first)) {
    const prompt = Erased.as<Message.Prompt>(second)
    return { _tag: "Query", prompt, options: { ...options, agent: first }, agent: first }
  }
  return { _tag: "Query", prompt: first, options: Erased.as<Asks | undefined>(second) }
}

/** What decodes the answer of a run: the schema of its query, or of the agent that was passed first. */
export const typedOf = (asked: Asked): Typed | undefined => {
  const agent = asked._tag === "Specialist" ? asked.specialist : asked.agent
  const output = (asked._tag === "Query" ? asked.options?.output : undefined) ?? agent?.definition.output
  return output === undefined ? undefined : { agent: agent?.name, output }
}
