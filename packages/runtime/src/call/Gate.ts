/**
 * Decides whether one tool call may run now.
 *
 * A `Gate` never runs the call and never waits for a person: it answers allow, granted (a person allowed it before), ask, or
 * that the arguments are no use asking about. Waiting is `Asking`; running is `ToolStep`, which takes the `Permit` that only the gate makes.
 *
 * A predicate that fails, dies or takes too long means ask. Its answer is remembered, since it may say different things on
 * two calls.
 */
import type { Grant, Json, Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Names from "../run/Names.ts"
import type { Work } from "../engine/Engine.ts"
import type { AgentState } from "../run/AgentState.ts"
import type { Run } from "../run/Run.ts"
import type { Callable } from "../agent/AgentRegistry.ts"
import * as Interruptible from "../kernel/Interruptible.ts"
import { toPromptMessages } from "../model/PromptMessages.ts"
import * as Permit from "../approval/Permit.ts"
import type { PolicyContext, Predicate } from "../approval/Policy.ts"

export type Verdict =
  | { readonly verdict: "allow" }
  | { readonly verdict: "granted"; readonly grantId: string; readonly scope: Grant.Grant["scope"] }
  | { readonly verdict: "ask"; readonly expiresAt?: number }
  | { readonly verdict: "invalid"; readonly issue: string }
  | { readonly verdict: "cancelled" }

const VerdictSchema: Schema.Codec<Verdict> = Schema.Union([
  Schema.Struct({ verdict: Schema.Literal("allow") }),
  Schema.Struct({
    verdict: Schema.Literal("granted"),
    grantId: Schema.String,
    scope: Schema.Literals(["run", "thread", "subtree"])
  }),
  Schema.Struct({ verdict: Schema.Literal("ask"), expiresAt: Schema.optionalKey(Schema.Natural) }),
  Schema.Struct({ verdict: Schema.Literal("invalid"), issue: Schema.String }),
  Schema.Struct({ verdict: Schema.Literal("cancelled") })
])

const allow: Verdict = { verdict: "allow" }

/**
 * Judges one call. A tool that the runtime runs and that never asks is allowed at once, without an activity: it checks its arguments
 * itself. A caller's tool is judged always, so that no caller is asked for what its schema refuses.
 */
export const judge = (run: Run, agent: AgentState, call: Message.CallPart, tool: Callable): Effect.Effect<Verdict> =>
  tool.policy === "never" && tool.execution === "server"
    ? Effect.succeed(allow)
    : run.engine.activity(Names.gate(agent.prefix, call.id), VerdictSchema, (work) =>
        Effect.map(consider(run, work, agent, call, tool), (value) => ({
          value,
          path: agent.path,
          events: [],
          spent: []
        }))
      )

/** The right to run an allowed call with `args`. */
export const permit = (call: Message.CallPart, args: Json, grantId?: string): Permit.Permit =>
  Permit.issue(call, args, grantId)

const consider = Effect.fnUntraced(function* (
  run: Run,
  work: Work,
  agent: AgentState,
  call: Message.CallPart,
  tool: Callable
): Effect.fn.Return<Verdict> {
  if (work.cancel.requested) return { verdict: "cancelled" }
  const decoded = yield* Effect.result(tool.decode(call.args))
  if (Result.isFailure(decoded)) return { verdict: "invalid", issue: decoded.failure }
  if (tool.policy === "never") return allow
  if (tool.policy !== "always") {
    const asks = yield* predicate(run, work, agent, call, tool, tool.policy, decoded.success)
    // A run that was cancelled meanwhile has nobody to ask.
    if (work.cancel.requested) return { verdict: "cancelled" }
    if (!asks) return allow
  }
  const granted = yield* claim(run, work, agent, call, tool)
  if (granted !== undefined) return { verdict: "granted", grantId: granted.id, scope: granted.scope }
  const { approvalExpiryMs } = run.settings
  const ask: Verdict = {
    verdict: "ask",
    ...(approvalExpiryMs === undefined ? {} : { expiresAt: work.now() + approvalExpiryMs })
  }
  return ask
})

/** A use of a grant that covers the call. Taken once for the call, however often its gate is begun. */
const claim = (run: Run, work: Work, agent: AgentState, call: Message.CallPart, tool: Callable) => {
  const facts: Grant.Claim = {
    resourceId: work.resourceId,
    threadId: work.threadId,
    runId: work.runId,
    agentPath: agent.path,
    toolName: tool.name,
    toolHash: tool.hash,
    args: call.args
  }
  return run.grants.claim(Names.grantUse(work.runId, agent.path, call.id), facts, work.now())
}

const predicate = (
  run: Run,
  work: Work,
  agent: AgentState,
  call: Message.CallPart,
  tool: Callable,
  asks: Predicate,
  args: unknown
): Effect.Effect<boolean> => {
  const context: PolicyContext = {
    runId: work.runId,
    threadId: work.threadId,
    resourceId: work.resourceId,
    toolName: tool.name,
    toolCallId: call.id,
    agentPath: agent.path,
    get messages() {
      return toPromptMessages(agent.messages)
    }
  }
  const answer = Effect.suspend(() => {
    const said = asks(args, context)
    return typeof said === "boolean" ? Effect.succeed(said) : said
  })
  const startedAt = work.now()
  return Effect.map(
    Interruptible.hold(answer, {
      signal: work.cancel,
      alarm: run.alarm,
      graceMs: 0,
      remainingMs: () => run.settings.predicateMs - (work.now() - startedAt)
    }),
    // Only a clear no lets a call pass.
    (held) => !(held._tag === "Done" && Exit.isSuccess(held.exit) && held.exit.value === false)
  )
}
