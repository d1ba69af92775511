/**
 * The people and the client of a random scenario: they send messages to the run, answer its questions and run its
 * calls, with delays.
 */
import { type AgentPath, type Approval, Decision, type Json } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { RuntimeShape } from "../runtime/RuntimeShape.ts"
import * as Scenario from "./Scenario.ts"
import * as ScenarioQuestions from "./ScenarioQuestions.ts"
import * as ScenarioAgents from "./ScenarioAgents.ts"

/** The run of a scenario, and its thread. */
export const runId = "run"
export const threadId = "thread"

/** Sends a message to the run. The next owner's watcher sends it again; a run that is ending refuses it. */
export const send = (
  runtime: RuntimeShape,
  { messageId, text, withdraws }: Scenario.SentMessage,
  accepted: Map<string, number>
): Effect.Effect<void> =>
  Effect.ignore(
    Effect.map(runtime.steer(runId, text, { messageId, questions: withdraws ? "withdraw" : "keep" }), ({ position }) =>
      accepted.set(messageId, position)
    )
  )

/** A call that the client has to run. */
export interface ClientCall {
  readonly agentPath: AgentPath.AgentPath
  readonly id: string
}

/** Plays the client: submits each call's result when it is due, until it is accepted. `due`: the time, by call. */
export const answerCalls = Effect.fnUntraced(function* (
  runtime: RuntimeShape,
  scenario: Scenario.Scenario,
  calls: ReadonlyArray<ClientCall>,
  due: Map<string, number>
) {
  const now = yield* Clock.currentTimeMillis
  for (const { agentPath, id } of calls) {
    const place = `${agentPath.join("/")} ${id}`
    const drawn = Scenario.clientAnswer(scenario, place)
    const at = due.get(place) ?? now + (drawn?.afterMs ?? Number.POSITIVE_INFINITY)
    due.set(place, at)
    if (drawn === undefined || now < at) continue
    // Refused with a typed error, which is ignored, before a person allows the call and after it is closed.
    yield* Effect.ignore(
      runtime.submitToolResult(runId, id, { result: { seen: "a cat" }, isFailure: drawn.isFailure, agentPath })
    )
  }
})

const limitOf = (payload: Json): number =>
  Predicate.hasProperty(payload, "max") && typeof payload.max === "number" ? payload.max : 0

/**
 * Plays the people: answers questions; `schedule`: when and how, by question. `runtime`: of the process that executes the
 * run; `undefined`: there is none at the moment. `elsewhere`: of one that does not, by which some are answered.
 */
export const answer = Effect.fnUntraced(function* (
  runtime: RuntimeShape | undefined,
  elsewhere: RuntimeShape | undefined,
  scenario: Scenario.Scenario,
  schedule: Map<
    string,
    { readonly at: number; readonly decision: Decision | undefined; readonly isWrongFirst: boolean }
  >
) {
  const now = yield* Clock.currentTimeMillis
  const asked = runtime ?? elsewhere
  if (asked === undefined) return
  for (const { agentPath, request } of yield* asked.pendingApprovals()) {
    const planned = schedule.get(request.id)
    if (planned === undefined) {
      const isAgain = request.begunBefore !== undefined
      // A call asks several questions while it runs, and several times whether it is repeated.
      const isOne = isAgain || (request.kind === "question" && ScenarioQuestions.isOfRunning(request.target))
      const about = `${agentPath.join("/")} ${request.toolInvocationId ?? request.id}${isOne ? ` ${request.id}` : ""}`
      const drawn =
        isAgain && !scenario.refusals
          ? ({ afterMs: 0, says: "approve", scope: "call" } as const)
          : Scenario.answer(scenario, about)
      schedule.set(request.id, {
        at: now + (drawn?.afterMs ?? 0),
        isWrongFirst: drawn?.says === "revise",
        decision: decision(request, drawn, scenario.grantUsd)
      })
    } else if (planned.decision !== undefined && now >= planned.at) {
      // Refused with a typed error, which is ignored, when another answer came first: expiry or cancel.
      if (request.approvals === undefined) {
        const by = elsewhere !== undefined && Math.floor(planned.at) % 3 === 0 ? elsewhere : runtime
        if (by === undefined) continue
        if (request.kind === "question" && planned.isWrongFirst) {
          yield* Effect.ignore(by.respondToApproval(request.id, ScenarioQuestions.wrong))
        }
        yield* Effect.ignore(by.respondToApproval(request.id, planned.decision))
        continue
      }
      // Votes are judged where the run is executed.
      if (runtime === undefined) continue
      // Approvals by principals who may not answer must have no effect.
      const { decision = planned.decision } = planned.decision.type === "revise" ? { decision: Decision.approve() } : {}
      for (const principal of Scenario.people) {
        yield* Effect.ignore(runtime.respondToApproval(request.id, decision, { principal }))
      }
    }
  }
})

const decision = (
  request: Approval.Request,
  drawn: ReturnType<typeof Scenario.answer>,
  maxCostUsd: number | undefined
): Decision | undefined => {
  const says = drawn?.says
  if (request.kind === "question") return says === undefined ? undefined : ScenarioQuestions.decision(request, says)
  if (request.kind === "budget" && says !== undefined && says !== "reject") {
    return Decision.raise({ [request.target]: 2 * limitOf(request.payload) + 1 })
  }
  switch (says) {
    case "approve":
      return drawn === undefined ||
        drawn.scope === "call" ||
        request.kind !== "tool" ||
        request.begunBefore !== undefined
        ? Decision.approve({ by: "mia" })
        : Decision.approve({ by: "mia", scope: drawn.scope, uses: Scenario.grantUses, maxCostUsd })
    case "reject":
      return Decision.reject({ feedback: "not today" })
    case "revise":
      return Decision.revise(ScenarioAgents.revision)
    case undefined:
      return undefined
  }
}
