/**
 * The stored answer to a question, and the combination of several approvals of one question. Pure.
 */
import { Approval, Grant } from "@reins/protocol"
import * as Schema from "effect/Schema"

const AnswerStruct = Schema.Struct({
  resolution: Approval.Resolution,
  args: Schema.optionalKey(Schema.Json),
  raise: Schema.optionalKey(Schema.Record(Schema.String, Schema.Finite)),
  grant: Schema.optionalKey(Grant.Grant)
})

/**
 * The stored answer: the content of its event, the arguments after a revision, the limits after a raise, the grant of a
 * wider scope.
 */
export interface Answer extends Schema.Schema.Type<typeof AnswerStruct> {}
export const Answer: Schema.Codec<Answer> = AnswerStruct

const reach = ["subtree", "run", "thread"] as const

/**
 * Combines the approvals of several principals. The result allows what all of them allow: the lowest raise of each
 * limit; and a grant only if each of them gave one and their matchers agree, with the narrowest scope and the lowest
 * limits.
 */
export const together = (answers: readonly [Answer, ...ReadonlyArray<Answer>]): Answer => {
  const [first, ...rest] = answers
  if (rest.length === 0) return first
  const names = answers.flatMap(({ resolution: { by } }) => (by === undefined ? [] : [by]))
  const feedback = answers.flatMap(({ resolution }) => resolution.feedback ?? []).filter((said) => said !== "")
  const by = names.join(", ")
  const grant = grantOf(answers, by)
  const raise = raiseOf(answers)
  return {
    resolution: {
      id: first.resolution.id,
      outcome: { outcome: "approve" },
      ...(feedback.length === 0 ? {} : { feedback: feedback.join("\n") }),
      by,
      approvers: names,
      ...(grant === undefined ? {} : { scope: grant.scope, grantId: grant.id })
    },
    ...(raise === undefined ? {} : { raise }),
    ...(grant === undefined ? {} : { grant })
  }
}

const raiseOf = (answers: ReadonlyArray<Answer>): Answer["raise"] => {
  const all = answers.flatMap(({ raise }) => (raise === undefined ? [] : [raise]))
  const [first, ...rest] = all
  if (first === undefined || all.length < answers.length) return undefined
  return Object.fromEntries(
    Object.entries(first).flatMap(([limit, height]) => {
      const others = rest.map((raise) => (Object.hasOwn(raise, limit) ? raise[limit] : undefined))
      const heights = others.flatMap((other) => (other === undefined ? [] : [other]))
      return heights.length < rest.length ? [] : [[limit, Math.min(height, ...heights)]]
    })
  )
}

const grantOf = (answers: ReadonlyArray<Answer>, by: string): Grant.Grant | undefined => {
  const grants = answers.flatMap(({ grant }) => (grant === undefined ? [] : [grant]))
  const last = grants.at(-1)
  if (last === undefined || grants.length < answers.length) return undefined
  const matchers = new Map(
    grants.flatMap(({ matcher }) => (matcher === undefined ? [] : [[JSON.stringify(matcher), matcher] as const]))
  )
  if (matchers.size > 1) return undefined
  const [matcher] = matchers.values()
  const scope = reach.find((each) => grants.some((grant) => grant.scope === each)) ?? last.scope
  const usesLeft = lowest(grants.map((grant) => grant.usesLeft))
  const nanoUsdLeft = lowest(grants.map((grant) => grant.nanoUsdLeft))
  const expiresAt = lowest(grants.map((grant) => grant.expiresAt))
  const { id, agentPath, grantedAt, resourceId, runId, threadId, toolHash, toolName } = last
  return {
    id,
    scope,
    resourceId,
    threadId,
    runId,
    agentPath,
    toolName,
    toolHash,
    grantedAt,
    by,
    ...(matcher === undefined ? {} : { matcher }),
    ...(usesLeft === undefined ? {} : { usesLeft }),
    ...(nanoUsdLeft === undefined ? {} : { nanoUsdLeft }),
    ...(expiresAt === undefined ? {} : { expiresAt })
  }
}

const lowest = (all: ReadonlyArray<number | undefined>): number | undefined => {
  const known = all.flatMap((one) => (one === undefined ? [] : [one]))
  return known.length === 0 ? undefined : Math.min(...known)
}
