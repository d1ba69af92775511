/**
 * The stored answer that a decision makes of a question: checks that the decision fits the question's kind, and its
 * content the question: a revision the tool's schema, a raise what is used, an answer the question's own schema. Pure,
 * but for the schemas of tools.
 */
import { Budget, type Decision, type Grant, type Json, Question } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as AgentRegistry from "../agent/AgentRegistry.ts"
import { Answer } from "../approval/Quorum.ts"
import type { PendingApproval } from "../engine/RunHost.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as JsonSchema from "../tool/JsonSchema.ts"
import * as SchemaTree from "../tool/SchemaTree.ts"

/** An answer as JSON. */
export const encode: (answer: Answer) => Json = Schema.encodeSync(Answer)

/** The answer of a decision as JSON. That of a plain decision, which was validated, is JSON already. */
export const encodeFor = (decision: Decision, answer: Answer): Json =>
  isPlain(decision) ? { resolution: answer.resolution } : encode(answer)

/**
 * Whether a decision is plainly valid: it allows or rejects this call, with texts at most. The schema decides about
 * every other one.
 */
export const isPlain = (decision: Decision): boolean => {
  for (const [name, value] of Object.entries(decision)) {
    if ((name !== "type" && name !== "by" && name !== "feedback") || typeof value !== "string") return false
  }
  return decision.type === "approve" || decision.type === "reject"
}

/** The stored form of a decision. Fails with a message if the decision does not fit the question. */
export const answerTo = (
  tool: AgentRegistry.Callable | undefined,
  asked: PendingApproval,
  decision: Decision,
  grant: Grant.Grant | undefined
): Effect.Effect<Answer, string> => {
  const { id, kind, payload, target } = asked.request
  const said = {
    ...(decision.by === undefined ? {} : { by: decision.by }),
    ...(decision.feedback === undefined ? {} : { feedback: decision.feedback })
  }
  if (kind === "budget" && decision.type !== "reject") return raised(asked, decision, said)
  if (kind === "question" && decision.type !== "reject") return answered(asked, decision, said)
  switch (decision.type) {
    case "approve":
      if (decision.raise !== undefined)
        return Effect.fail("Decision.raise answers a budget approval only. Approve, revise or reject this call")
      return Effect.succeed({
        resolution: {
          id,
          outcome: { outcome: "approve" },
          ...said,
          ...(grant === undefined ? {} : { scope: grant.scope, grantId: grant.id })
        },
        ...(grant === undefined ? {} : { grant })
      })
    case "reject":
      return Effect.succeed({ resolution: { id, outcome: { outcome: "reject" }, ...said } })
    case "answer":
      return Effect.fail("Decision.answer answers a question only. Approve, revise or reject this request")
    case "revise": {
      const partial = PlainJson.copy(decision.partial) ?? null
      // The revision of a plan goes back to its planner unchanged.
      if (kind === "plan") {
        return Effect.succeed({
          resolution: { id, outcome: { outcome: "revise", partial }, ...said }
        })
      }
      const args = PlainJson.copy(revised(payload, partial)) ?? null
      if (tool === undefined)
        return Effect.fail(`Unknown tool ${JSON.stringify(target)}. Its agent no longer offers it`)
      // A model may write `null` for no arguments; a revision to `null` is a mistake.
      if (args === null) return Effect.fail("A revision must leave one JSON object as the arguments, not null")
      return Effect.flatMap(tool.decode(args), (decoded) => {
        const ignored = ignoredName(tool.definition.parameters, { decoded, partial, payload })
        if (ignored !== undefined) return Effect.fail(ignored)
        return Effect.succeed({ resolution: { id, outcome: { outcome: "revise", partial }, ...said }, args })
      })
    }
  }
}

/** A question is answered by a value that fits its schema. */
const answered = (
  { request }: PendingApproval,
  decision: Decision,
  said: { readonly by?: string; readonly feedback?: string }
): Effect.Effect<Answer, string> => {
  if (decision.type !== "answer") {
    return Effect.fail("Answer a question with Decision.answer(value), or decline with Decision.reject()")
  }
  const question = Question.of(request)
  const value = PlainJson.copy(decision.value)
  if (question === undefined) return Effect.fail("The stored question cannot be read. Decline it, or cancel its run")
  const wanted = `Answer with ${Question.expected(question.schema)}`
  if (value === undefined) return Effect.fail(`The answer is not JSON. ${wanted}`)
  const issue = JsonSchema.checker(question.schema)(value)
  if (issue !== undefined) return Effect.fail(`The answer does not fit the question: ${issue}. ${wanted}`)
  return Effect.succeed({ resolution: { id: request.id, outcome: { outcome: "answer", value }, ...said } })
}

/** A budget question is answered by new limits, including the exhausted one, which must be above its use. */
const raised = (
  { request }: PendingApproval,
  decision: Decision,
  said: { readonly by?: string; readonly feedback?: string }
): Effect.Effect<Answer, string> => {
  const raise = decision.type === "approve" ? decision.raise : undefined
  if (raise === undefined) {
    return Effect.fail(`Answer a budget approval with Decision.raise({ ${request.target}: … }) or Decision.reject()`)
  }
  const invalid = Budget.validateRaise(raise)
  if (invalid !== undefined) return Effect.fail(invalid.message)
  const used =
    Predicate.hasProperty(request.payload, "used") && typeof request.payload.used === "number"
      ? request.payload.used
      : 0
  const height = raise[request.target]
  if (height === undefined || !(height > used)) {
    return Effect.fail(`${request.target} must be raised above the ${used} that are used`)
  }
  const { id } = request
  return Effect.succeed({ resolution: { id, outcome: { outcome: "approve" }, ...said }, raise })
}

const isRecord = (value: unknown): value is { readonly [key: string]: Json } =>
  Predicate.isObject(value) && !Array.isArray(value)

/**
 * What is wrong with a revision of an argument that the tool's schema neither lists nor keeps: it would be dropped, and
 * the call would run as the model wrote it, although a person has changed it. An unknown argument that the model wrote
 * itself is left to the schema.
 */
const ignoredName = (
  parameters: Json,
  { decoded, partial, payload }: { readonly decoded: unknown; readonly partial: Json; readonly payload: Json }
): string | undefined => {
  if (!isRecord(partial) || !SchemaTree.isNode(parameters)) return undefined
  const { additionalProperties, properties } = parameters
  if (SchemaTree.isNode(additionalProperties) || !SchemaTree.isNode(properties)) return undefined
  const isRead = (name: string) =>
    [properties, payload, decoded].some((known) => Predicate.isObject(known) && Object.hasOwn(known, name))
  const ignored = Object.keys(partial).find((name) => !isRead(name))
  if (ignored === undefined) return undefined
  const names = Object.keys(properties).join(", ")
  return `Unknown argument ${JSON.stringify(ignored)}. ${names === "" ? "The tool has none" : `Arguments of the tool: ${names}`}`
}

/**
 * The arguments after the revision: an object's named members replaced, anything else replaced whole. Keys are copied
 * as data, so a `__proto__` among them is a member like any other, for the schema to refuse.
 */
const revised = (args: Json, partial: Json): Json =>
  isRecord(args) && isRecord(partial)
    ? Object.fromEntries([...Object.entries(args), ...Object.entries(partial)])
    : partial
