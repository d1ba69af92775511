/**
 * Asks an agent's `resolve` what its next step uses, as an activity of the engine: the choice is stored, so that a
 * replayed run takes the same way, and the function is not called again for a step whose choice is stored. The agent is
 * then what was chosen until its next step.
 */
import { AgentPath, Entry, type Json, Money, RunErrors, Usage } from "@reins/protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as RunLog from "../run/RunLog.ts"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Resolution from "../agent/Resolution.ts"
import { choiceProblem, withChoice } from "../agent/NarrowedMember.ts"
import { silent, type Work } from "../engine/Engine.ts"
import * as Interruptible from "../kernel/Interruptible.ts"
import * as StoredForm from "../kernel/StoredForm.ts"
import type { AgentState } from "../run/AgentState.ts"
import * as Names from "../run/Names.ts"
import type { Run } from "../run/Run.ts"
import * as Attempt from "../step/Attempt.ts"
import { settingsOf } from "../step/ModelStep.ts"

type Failed = Pick<RunErrors.ResolveFailed, "issue" | "kind">

/** `isCut`: nothing was chosen, since a cancel or a time limit came first. */
type Value =
  | { readonly _tag: "Chosen"; readonly chosen: Resolution.Chosen; readonly isCut?: true | undefined }
  | ({ readonly _tag: "Failed" } & Failed)

const Stored = Schema.Union([
  Schema.Struct({
    outcome: Schema.Literal("chosen"),
    chosen: Resolution.Chosen,
    isCut: Schema.optionalKey(Schema.Literal(true))
  }),
  Schema.Struct({
    outcome: Schema.Literal("failed"),
    kind: Schema.Literals(["failed", "crashed", "invalid"]),
    issue: Schema.String
  })
])

const Value: Schema.Codec<Value, Json> = StoredForm.of<Value, typeof Stored.Type>(Stored, {
  read: (stored) =>
    stored.outcome === "chosen"
      ? { _tag: "Chosen", chosen: stored.chosen }
      : { _tag: "Failed", kind: stored.kind, issue: stored.issue },
  write: (value) =>
    value._tag === "Chosen"
      ? { outcome: "chosen", chosen: value.chosen, ...(value.isCut === true ? { isCut: true } : {}) }
      : { outcome: "failed", kind: value.kind, issue: value.issue }
})

/** Makes `agent` what it chooses for `step`. Returns why it has no choice, if it has none. */
export const resolve = (
  run: Run,
  agent: AgentState,
  step: number,
  resolver: Resolution.Resolver
): Effect.Effect<RunErrors.ResolveFailed | undefined> =>
  Effect.map(
    run.engine.activity(Names.resolved(agent.prefix, step), Value, (work) =>
      Effect.map(choose(run, work, agent, step, resolver), (value) => silent(value, agent.path))
    ),
    (value) => {
      const failed = value._tag === "Failed" ? value : become(agent, step, value.chosen)
      if (failed === undefined) return undefined
      const { issue, kind } = failed
      return new RunErrors.ResolveFailed({ agent: agent.member.name, step, kind, issue })
    }
  )

/** The program may have changed since the choice was stored. */
const become = (agent: AgentState, step: number, chosen: Resolution.Chosen): Failed | undefined => {
  const { own } = agent
  const issue = choiceProblem(own, chosen)
  if (issue !== undefined) return { kind: "invalid", issue }
  if (Object.keys(chosen).length === 0) agent.become(own)
  else agent.become(withChoice(own, chosen, settingsOf(own.definition.settings, step)))
  return undefined
}

/** Calls the function. A cancel or a time limit that cuts it ends the step itself, which then chooses nothing. */
const choose = Effect.fnUntraced(function* (
  run: Run,
  work: Work,
  agent: AgentState,
  step: number,
  resolver: Resolution.Resolver
): Effect.fn.Return<Value> {
  const { own } = agent
  const held = yield* Interruptible.hold(resolver.choose(contextOf(run, work, agent, step)), {
    signal: work.cancel,
    alarm: run.alarm,
    graceMs: run.settings.cancelGraceMs,
    remainingMs: Attempt.timeLeft(work, agent)
  })
  if (held._tag === "Cut") return { _tag: "Chosen", chosen: {}, isCut: true }
  if (Exit.isSuccess(held.exit)) {
    const chosen = Resolution.read(held.exit.value)
    if (typeof chosen === "string") return { _tag: "Failed", kind: "invalid", issue: chosen }
    const issue = choiceProblem(own, chosen)
    return issue === undefined ? { _tag: "Chosen", chosen } : { _tag: "Failed", kind: "invalid", issue }
  }
  const { cause } = held.exit
  yield* RunLog.error(run.settings, `The resolve of ${own.name} failed`, cause)
  const failure = Cause.findErrorOption(cause)
  return failure._tag === "Some"
    ? { _tag: "Failed", kind: "failed", issue: tagOf(failure.value) }
    : { _tag: "Failed", kind: "crashed", issue: "it crashed. Its cause is in the log if content is captured" }
})

/** A failure's own message may quote the conversation. */
const tagOf = (failure: unknown): string =>
  Predicate.hasProperty(failure, "_tag") && typeof failure._tag === "string" ? failure._tag : "it failed"

const contextOf = (run: Run, work: Work, agent: AgentState, step: number): Resolution.ResolveContext => {
  const { own, path } = agent
  const { model, provider } = own.model
  const instructions = own.instructed === undefined ? own.definition.instructions : own.instructed.own
  return {
    runId: work.runId,
    threadId: work.threadId,
    resourceId: work.resourceId,
    ...(run.requestedBy === undefined ? {} : { principal: run.requestedBy }),
    agent: own.name,
    agentPath: path,
    step,
    model: { provider, model },
    ...(instructions === undefined ? {} : { instructions }),
    messages: agent.messages.slice(),
    results: agent.lastResults,
    spent: spentBy(work.ledger(), path),
    left: leftOf(work, path)
  }
}

/** What the agent at `path` and those below it have spent. */
const spentBy = (entries: ReadonlyArray<Entry.Entry>, path: AgentPath.AgentPath): Resolution.Spent => {
  let nanoUsd = 0
  let inputTokens = 0
  let outputTokens = 0
  let toolCalls = 0
  for (const entry of entries) {
    if (!AgentPath.isWithin(entry.path, path)) continue
    if (entry.kind === "model") {
      nanoUsd = Money.add(nanoUsd, Money.add(entry.costNanoUsd ?? 0, Entry.feesOf(entry)))
      inputTokens += Usage.inputTokens(entry.usage)
      outputTokens += Usage.outputTokens(entry.usage)
    } else if (entry.kind === "tool") {
      nanoUsd = Money.add(nanoUsd, entry.costNanoUsd ?? 0)
      if (Entry.isCall(entry)) toolCalls++
    }
  }
  return { costUsd: Money.toUsd(nanoUsd), inputTokens, outputTokens, toolCalls }
}

const leftOf = ({ tree }: Work, path: AgentPath.AgentPath): Resolution.Left => {
  if (!tree.isLimited(path)) return {}
  const { inputTokens, nanoUsd, outputTokens, steps, toolCalls } = tree.left(path)
  const all = { costUsd: Money.toUsd(nanoUsd), inputTokens, outputTokens, steps, toolCalls }
  const left: { -readonly [Name in keyof typeof all]?: number } = {}
  for (const name of names) if (Number.isFinite(all[name])) left[name] = all[name]
  return left
}

const names = ["costUsd", "inputTokens", "outputTokens", "steps", "toolCalls"] as const
