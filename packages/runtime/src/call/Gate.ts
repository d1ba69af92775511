/**
 * Decides whether one tool call may run now.
 *
 * A `Gate` never runs the call and never waits for a person: its verdict is allow, granted (a person allowed it
 * before), ask, the question that the call itself asks, deny, or that the arguments are invalid. `Question` waits;
 * `ToolStep` runs the call, with the `Permit` that only the gate makes.
 *
 * A predicate that fails, dies or takes too long means ask. The verdict is stored, since the predicate may return
 * another one next time.
 */
import { Approval, type Grant, type Json, type Message, Question as Asked } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Callable } from "../agent/AgentRegistry.ts"
import {
  type Allowance,
  isDenial,
  issuePermit,
  type Permit,
  type PolicyContext,
  type Predicate,
  type Ruled,
  type Ruling
} from "../approval/Policy.ts"
import { silent, type Work } from "../engine/Engine.ts"
import * as Interruptible from "../kernel/Interruptible.ts"
import * as StoredForm from "../kernel/StoredForm.ts"
import { toPromptMessages } from "../model/PromptMessages.ts"
import type { AgentState } from "../run/AgentState.ts"
import * as Names from "../run/Names.ts"
import type { Asks } from "../tool/ToolSettings.ts"
import type { Shown, CallContext } from "./Call.ts"
import * as Question from "./Question.ts"
import * as ToolAdmission from "./ToolAdmission.ts"
import * as Task from "../kernel/Task.ts"

/**
 * The gate's decision about a call. `expiresAt`: when its question expires, in epoch milliseconds. `toolHash`: of the
 * definition that it applies to; absent if that does not matter, and on verdicts of an earlier release.
 */
export type Verdict =
  | { readonly _tag: "Allow"; readonly toolHash?: string | undefined }
  | {
      readonly _tag: "Granted"
      readonly grantId: string
      readonly scope: Grant.Grant["scope"]
      readonly isMetered: boolean
      readonly toolHash: string | undefined
    }
  | ({ readonly _tag: "Ask" } & Shown)
  | ({ readonly _tag: "Question"; readonly question: Asked.Question } & Shown)
  | { readonly _tag: "Denied"; readonly reason: string }
  | { readonly _tag: "Invalid"; readonly issue: string }
  | { readonly _tag: "Cancelled" }

const Stored = Schema.Union([
  Schema.Struct({ verdict: Schema.Literal("allow"), toolHash: Schema.optionalKey(Schema.String) }),
  Schema.Struct({
    verdict: Schema.Literal("granted"),
    grantId: Schema.String,
    scope: Schema.Literals(["run", "thread", "subtree"]),
    metered: Schema.optionalKey(Schema.Boolean),
    toolHash: Schema.optionalKey(Schema.String)
  }),
  Schema.Struct({
    verdict: Schema.Literal("ask"),
    toolHash: Schema.optionalKey(Schema.String),
    ...Question.Terms.fields
  }),
  Schema.Struct({
    verdict: Schema.Literal("question"),
    question: Asked.Question,
    ...Question.Terms.fields
  }),
  Schema.Struct({ verdict: Schema.Literal("denied"), reason: Schema.String }),
  Schema.Struct({ verdict: Schema.Literal("invalid"), issue: Schema.String }),
  Schema.Struct({ verdict: Schema.Literal("cancelled") })
])

const read = (stored: typeof Stored.Type): Verdict => {
  switch (stored.verdict) {
    case "allow":
      return { _tag: "Allow", toolHash: stored.toolHash }
    case "granted":
      return {
        _tag: "Granted",
        grantId: stored.grantId,
        scope: stored.scope,
        isMetered: stored.metered === true,
        toolHash: stored.toolHash
      }
    case "ask":
      return { _tag: "Ask", expiresAt: stored.expiresAt, toolHash: stored.toolHash, approvals: stored.approvals }
    case "question":
      return {
        _tag: "Question",
        question: stored.question,
        expiresAt: stored.expiresAt,
        approvals: stored.approvals
      }
    case "denied":
      return { _tag: "Denied", reason: stored.reason }
    case "invalid":
      return { _tag: "Invalid", issue: stored.issue }
    case "cancelled":
      return cancelled
  }
}

const hashed = ({ toolHash }: { readonly toolHash?: string | undefined }): { readonly toolHash?: string } =>
  toolHash === undefined ? {} : { toolHash }

const write = (verdict: Verdict): typeof Stored.Type => {
  switch (verdict._tag) {
    case "Allow":
      return { verdict: "allow", ...hashed(verdict) }
    case "Granted":
      return {
        verdict: "granted",
        grantId: verdict.grantId,
        scope: verdict.scope,
        ...(verdict.isMetered ? { metered: true } : {}),
        ...hashed(verdict)
      }
    case "Ask":
      return { verdict: "ask", ...Question.shownIn(verdict) }
    case "Question":
      return { verdict: "question", question: verdict.question, ...Question.shownIn(verdict) }
    case "Denied":
      return { verdict: "denied", reason: verdict.reason }
    case "Invalid":
      return { verdict: "invalid", issue: verdict.issue }
    case "Cancelled":
      return { verdict: "cancelled" }
  }
}

const VerdictCodec: Schema.Codec<Verdict, Json> = StoredForm.of(Stored, { read, write })

const allow: Verdict = { _tag: "Allow" }
const cancelled: Verdict = { _tag: "Cancelled" }

/** A call, and how often the definition of its tool has changed since it was first allowed or asked about. */
export interface Round {
  readonly subject: Names.Subject
  readonly changes: number
}

/**
 * Judges one call. After a change of definition a person is asked unless the policy denies, since the model made the
 * call for the old one. A tool that the runtime runs and that never needs approval is allowed at once, without an
 * activity: it validates its arguments itself. A client tool is always judged, so that no caller gets invalid
 * arguments.
 */
export const judge = (context: CallContext, { changes, subject }: Round): Effect.Effect<Verdict> => {
  const { agent, run, tool } = context
  const isAnew = changes > 0
  if (tool.policy === "never" && tool.execution === "server" && !isAnew) return Effect.succeed(allow)
  const considered = (work: Work) => Task.map(consider(context, work, isAnew), (verdict) => silent(verdict, agent.path))
  // The continuation may wait for days and must not keep the verdict's fiber.
  return run.engine.direct === undefined
    ? run.engine.activity(Names.gate(agent.prefix, subject), VerdictCodec, considered)
    : Task.of(run.engine.direct(considered))
}

/** The right to run an allowed call with `args`. */
export const permit = (call: Message.CallPart, args: Json, allowance: Allowance): Permit =>
  issuePermit(call, args, allowance)

/** Whether a call allowed under the definition `allowed` may run with the tool's current one. */
export const holds = ({ tool }: CallContext, allowed: string | undefined): boolean =>
  allowed === undefined || allowed === tool.hash

/** The tool-related data of a question that is asked now. */
export const shown = (
  { run, tool }: CallContext,
  work: Work
): { readonly toolHash: string } & ReturnType<typeof Question.termsOf> => ({
  toolHash: tool.hash,
  ...Question.termsOf(run, tool.approvers, work.now())
})

const consider = (context: CallContext, work: Work, isAnew: boolean): Effect.Effect<Verdict> => {
  if (work.cancel.requested) return Effect.succeed(cancelled)
  const { call, tool } = context
  const judged = (args: unknown) => decide(context, work, args, isAnew)
  const decoded = tool.decode(call.args)
  if (Task.isDone(decoded)) return judged(decoded.value)
  return Effect.matchEffect(decoded, {
    onFailure: (issue) => Effect.succeed<Verdict>({ _tag: "Invalid", issue }),
    onSuccess: judged
  })
}

const decide = (context: CallContext, work: Work, args: unknown, isAnew: boolean): Effect.Effect<Verdict> =>
  Task.flatMap(rulingOf(context, work, context.tool.policy, args), (ruling): Effect.Effect<Verdict> => {
    // A cancelled run does not ask.
    if (work.cancel.requested) return Effect.succeed(cancelled)
    if (typeof ruling !== "boolean") return Effect.succeed({ _tag: "Denied", reason: ruling.deny })
    if (context.tool.asks !== undefined) return Effect.succeed(questionIn(context, work, context.tool.asks, args))
    if (isAnew) return Effect.succeed({ _tag: "Ask", ...shown(context, work) })
    if (ruling) return claimOrAsk(context, work)
    return Effect.succeed(isRuled(context) ? { _tag: "Allow", toolHash: context.tool.hash } : allow)
  })

/** The question that the call asks: one answer is sufficient. */
const questionIn = ({ run, tool }: CallContext, work: Work, asks: Asks, args: unknown): Verdict => {
  const found = Result.try(() => asks(args))
  if (Result.isFailure(found))
    return { _tag: "Invalid", issue: `${tool.name} could not make a question of its arguments` }
  return Result.match(found.success, {
    onFailure: (issue): Verdict => ({ _tag: "Invalid", issue }),
    onSuccess: (question): Verdict => {
      const { approvals, expiresAt } = Question.termsOf(run, tool.approvers, work.now())
      return {
        _tag: "Question",
        question,
        ...(expiresAt === undefined ? {} : { expiresAt }),
        ...(approvals === undefined ? {} : { approvals: Approval.single(approvals) })
      }
    }
  })
}

/** Whether code decided by the arguments: its verdict applies to the current definition only. */
const isRuled = ({ tool }: CallContext): boolean => typeof tool.policy === "function"

const rulingOf = (context: CallContext, work: Work, policy: Ruled, args: unknown): Effect.Effect<Ruling> => {
  if (policy === "never") return Effect.succeed(false)
  if (policy === "always") return Effect.succeed(true)
  return typeof policy === "function" ? ask(context, work, policy, args) : Effect.succeed(policy)
}

/**
 * Takes a use of a grant that covers the call, once per call, however often its gate is executed; else asks a person.
 */
const claimOrAsk = (context: CallContext, work: Work): Effect.Effect<Verdict> => {
  const { call, tool } = context
  // A client tool has no cost.
  if (tool.execution === "client") return claimFor(context, work, 0)
  return Task.flatMap(ToolAdmission.mostOf(tool, call.args), (most) =>
    // A call of unknown cost cannot use a grant with a money limit.
    claimFor(context, work, most._tag === "NoAmount" ? Number.POSITIVE_INFINITY : most.amount.nanoUsd)
  )
}

/** `nanoUsd`: the maximum cost of the call. */
const claimFor = (context: CallContext, work: Work, nanoUsd: number | undefined): Effect.Effect<Verdict> => {
  const { agent, call, run, tool } = context
  const facts: Grant.Claim = {
    resourceId: work.resourceId,
    threadId: work.threadId,
    runId: work.runId,
    agentPath: agent.path,
    toolName: tool.name,
    toolHash: tool.hash,
    args: call.args,
    toolInvocationId: call.id,
    nanoUsd
  }
  const claimed = run.grants.claim(Names.grantUse(work.runId, agent.path, call.id), facts, work.now())
  return Task.map(claimed, (grant): Verdict =>
    grant === undefined
      ? { _tag: "Ask", ...shown(context, work) }
      : {
          _tag: "Granted",
          grantId: grant.id,
          scope: grant.scope,
          isMetered: grant.nanoUsdHeld !== undefined,
          toolHash: tool.hash
        }
  )
}

/** Runs the predicate. Only `false` allows the call, and only a denial refuses it. */
const ask = (
  { agent, call, run, tool }: CallContext,
  work: Work,
  predicate: Predicate,
  args: unknown
): Effect.Effect<Ruling> => {
  const answer = Effect.suspend(() => {
    const said = predicate(args, contextOf(work, agent, call, tool))
    return Effect.isEffect(said) ? said : Effect.succeed(said)
  })
  const startedAt = work.now()
  return Effect.map(
    Interruptible.hold(answer, {
      signal: work.cancel,
      alarm: run.alarm,
      graceMs: 0,
      remainingMs: () => run.settings.predicateMs - (work.now() - startedAt)
    }),
    (held): Ruling => {
      const said = held._tag === "Done" && Exit.isSuccess(held.exit) ? held.exit.value : true
      return said === false || isDenial(said) ? said : true
    }
  )
}

const contextOf = (work: Work, agent: AgentState, call: Message.CallPart, tool: Callable): PolicyContext => ({
  runId: work.runId,
  threadId: work.threadId,
  resourceId: work.resourceId,
  toolName: tool.name,
  toolCallId: call.id,
  agentPath: agent.path,
  get messages() {
    return toPromptMessages(agent.messages)
  }
})
