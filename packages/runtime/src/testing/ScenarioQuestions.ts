/**
 * The questions of the random scenarios: what a model asks a person, right or wrong, and what the person answers, which
 * may not fit at first. Pure draws, and the check that each answer fits its question and is the result of its call.
 */
import { AgentPath, type Approval, Decision, type Envelope, type Json, Question } from "@reins/protocol"
import * as JsonSchema from "../tool/JsonSchema.ts"

/** The name of the tool that asks. */
export const toolName = "AskPerson"

const asks: ReadonlyArray<Json> = [
  { question: "What is it?" },
  { question: "Which?", options: ["this", "that"] },
  { question: "Which ones?", options: ["this", "that"], multiple: true },
  { question: "Which, or what else?", options: ["this", "that"], other: true },
  {
    question: "How many, and which?",
    fields: [
      { name: "count", type: "integer" },
      { name: "which", type: "choice", options: ["this", "that"], optional: true }
    ]
  },
  // No question: the model reads what is wrong.
  { question: "Which?", options: [] },
  { question: "" }
]

/** The arguments of a model's call. */
export const args = (random: () => number): Json => asks[Math.floor(random() * asks.length)] ?? {}

/** An answer that fits the question. */
const fitting = ({ options: [first = "this"] = [], schema }: Question.Question): Json => {
  const type = Object.entries(schema ?? {}).find(([name]) => name === "type")?.[1]
  return type === "array" ? [first] : type === "object" ? { count: 3 } : first
}

/** An answer that fits no question. */
export const wrong: Decision = Decision.answer({ nothing: null })

/** A person's decision; a rejection declines to answer. */
export const decision = (request: Approval.Request, says: "approve" | "reject" | "revise"): Decision => {
  const asked = Question.of(request)
  return asked === undefined || says === "reject"
    ? Decision.reject({ feedback: "ask somebody else" })
    : Decision.answer(fitting(asked), { by: "mia" })
}

/** A call asks once; its answer fits the question, and is its result. */
export const check = (log: ReadonlyArray<Envelope.Envelope>): ReadonlyArray<string> => {
  const faults: Array<string> = []
  const asked = new Map<string, { readonly key: string; readonly question: Question.Question | undefined }>()
  const values = new Map<string, Json>()
  for (const { agentPath, event } of log) {
    if (event.type === "approval-required" && event.data.kind === "question") {
      const key = AgentPath.key(agentPath) + (event.data.toolInvocationId ?? "")
      if ([...asked.values()].some((one) => one.key === key)) faults.push(`${key} asked more than once`)
      asked.set(event.data.id, { key, question: Question.of(event.data) })
    } else if (event.type === "approval-decision" && event.data.outcome.outcome === "answer") {
      const one = asked.get(event.data.id)
      const { value } = event.data.outcome
      const issue = one?.question === undefined ? "no question" : JsonSchema.checker(one.question.schema)(value)
      if (issue !== undefined) faults.push(`the answer to ${event.data.id} does not fit: ${issue}`)
      if (one !== undefined) values.set(one.key, value)
    } else if (event.type === "tool-invocation" && event.state === "result" && event.toolName === toolName) {
      const value = values.get(AgentPath.key(agentPath) + event.toolInvocationId)
      if (value === undefined && event.status === undefined) faults.push(`${event.toolInvocationId} has no answer`)
      if (value !== undefined && JSON.stringify(value) !== JSON.stringify(event.result)) {
        faults.push(`the result of ${event.toolInvocationId} is not its answer`)
      }
    }
  }
  return faults
}
