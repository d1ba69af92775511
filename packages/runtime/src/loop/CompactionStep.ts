/**
 * Applies a compaction strategy between two steps, as an activity of the engine: its decision is stored, so that a
 * replayed run sends the same messages. Its request to the model is reserved, settled and in the ledger, and passes the
 * hooks before the agent's steps. If a strategy fails, crashes or is too expensive, the conversation is unchanged and
 * an event reports it.
 */
import { type Entry, type Event, type Json, Usage } from "@reins/protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as RunLog from "../run/RunLog.ts"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Names from "../run/Names.ts"
import type { Settled, Work } from "../engine/Engine.ts"
import type * as Hook from "../hook/Hook.ts"
import type { AgentState } from "../run/AgentState.ts"
import type { Run } from "../run/Run.ts"
import { HookRun } from "../step/HookRun.ts"
import * as SideRequest from "../step/SideRequest.ts"
import * as StepHooks from "../step/StepHooks.ts"
import {
  CompactionFailed,
  type Compacted,
  type CompactionContext,
  cutsOf,
  type Question,
  type Strategy
} from "../thread/Compaction.ts"

const ValueStruct = Schema.Struct({
  dropped: Schema.Natural,
  summary: Schema.optionalKey(Schema.String),
  usage: Usage.Usage
})

/** The stored result: how many messages are left out, what replaces them, and the usage. */
interface Value extends Schema.Schema.Type<typeof ValueStruct> {}
const Value: Schema.Codec<Value, Json> = ValueStruct

/** Compacts the conversation of `agent` before its `step`, if it has a strategy; returns the usage. */
export const compact = (run: Run, agent: AgentState, step: number): Effect.Effect<Usage.Usage> => {
  const strategy = agent.member.definition.compaction
  const fits = () => strategy === undefined || agent.inputTokens(run.settings.estimator) <= strategy.above
  if (strategy === undefined || fits() || (agent.resume(strategy.name) && fits())) return Effect.succeed(Usage.empty)
  const name = Names.compaction(agent.prefix, step)
  return Effect.map(
    run.engine.activity(name, Value, (work) => runStrategy(run, work, agent, step, strategy, name)),
    (value) => {
      if (value.dropped > 0) agent.shorten(value.dropped, value.summary, strategy.name)
      return value.usage
    }
  )
}

const runStrategy = Effect.fnUntraced(function* (
  run: Run,
  work: Work,
  agent: AgentState,
  step: number,
  strategy: Strategy,
  name: string
) {
  const bill = new HookedBill(new HookRun(run, work, agent, step, name, true))
  work.spending.begin(bill)
  const cuts = cutsOf(agent.messages, agent.promptIndex)
  const tokens = SideRequest.tokensOf(run, agent)
  const context: CompactionContext = {
    messages: agent.messages.slice(),
    cuts,
    tokens,
    ask: (question) => ask(run, work, agent, step, name, question, bill)
  }
  const exit = yield* Effect.exit(Effect.suspend(() => strategy.compact(context)))
  const decided = Exit.isSuccess(exit) ? sound(exit.value, cuts) : failureOf(exit.cause)
  const about = { strategy: strategy.name }
  if (decided instanceof CompactionFailed) {
    const { issue } = decided
    if (!(Exit.isFailure(exit) && Cause.hasDies(exit.cause))) return settled(agent, bill, 0, { ...about, issue })
    yield* RunLog.error(run.settings, `Compaction strategy ${strategy.name} crashed`, exit.cause)
    return settled(agent, bill, 0, { ...about, issue })
  }
  if (decided === undefined) return settled(agent, bill, 0)
  const { dropped, summary } = decided
  const before = tokens(agent.messages)
  const left = tokens(agent.messages.slice(dropped))
  return settled(
    agent,
    bill,
    dropped,
    { ...about, droppedMessages: dropped, tokensBefore: before, tokensLeft: left },
    summary
  )
})

const settled = (
  { path }: AgentState,
  bill: HookedBill,
  dropped: number,
  told?: { readonly [key: string]: string | number },
  summary?: string
): Settled<Value> => {
  const event: Event | undefined =
    told === undefined
      ? undefined
      : { type: "custom", event_type: dropped === 0 ? "compaction_failed" : "compacted", data: told }
  return {
    value: { dropped, usage: bill.all, ...(summary === undefined ? {} : { summary }) },
    path,
    events: event === undefined ? [] : [event],
    spent: [...bill.rows, ...bill.hooks.end()],
    by: bill
  }
}

/** Validates a decision: it must leave out whole steps. */
const sound = (decided: Compacted | undefined, cuts: ReadonlyArray<number>): Compacted | CompactionFailed | undefined =>
  decided === undefined || cuts.includes(decided.dropped)
    ? decided
    : new CompactionFailed({
        issue: `the strategy dropped ${decided.dropped} messages, which splits a step. Drop one of the given cuts`
      })

const failureOf = (cause: Cause.Cause<CompactionFailed>): CompactionFailed => {
  const error = Cause.findErrorOption(cause)
  return error._tag === "Some" ? error.value : new CompactionFailed({ issue: "the strategy crashed" })
}

/** What a compaction has used, and the hooks before its requests. */
class HookedBill extends SideRequest.Bill {
  readonly hooks: HookRun

  constructor(hooks: HookRun) {
    super()
    this.hooks = hooks
  }

  /** The usage, that of the hooks' questions included. */
  get all(): Usage.Usage {
    const { bill } = this.hooks
    return bill === undefined ? this.usage : Usage.add(this.usage, bill.usage)
  }

  override spent(): ReadonlyArray<Entry.ModelEntry> {
    return [...super.spent(), ...(this.hooks.bill?.spent() ?? [])]
  }
}

/**
 * One request to the agent's model, as the hooks before its steps leave it: what they hide from a model is hidden here,
 * too. An answer that was cut, filtered or interrupted is not a summary.
 */
const ask = (
  run: Run,
  work: Work,
  agent: AgentState,
  step: number,
  name: string,
  { instructions, maxOutputTokens, messages }: Question,
  bill: HookedBill
): Effect.Effect<string, CompactionFailed> => {
  const failed = (issue: string) => new CompactionFailed({ issue })
  const send = ({ instructions, messages }: Pick<Hook.Request, "instructions" | "messages">) => {
    const about = { run, work, agent, step, purpose: "compaction", name } as const
    return Effect.mapError(SideRequest.send(bill, { ...about, instructions, messages, maxOutputTokens }), failed)
  }
  const hooks = agent.member.hooks?.steps
  if (hooks === undefined) return send({ instructions, messages })
  const asked = {
    instructions,
    messages,
    tools: [],
    output: undefined,
    providerOptions: undefined,
    settings: undefined
  }
  return Effect.flatMap(StepHooks.before(bill.hooks, hooks, asked, 0, "compaction"), (before) =>
    before._tag === "Go"
      ? send(before.request)
      : Effect.fail(
          failed(before._tag === "Failed" ? before.failure.message : "it was cut while hooks saw the request")
        )
  )
}
