/** What a message to a task answers: by its data parts, which name it, or by its words. */
import { Decision } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Answer, DecisionFor, ResultFor } from "../Command.ts"
import type * as Task from "./Task.ts"

const Text = Schema.String
const Maybe = Schema.optionalKey

const Answering = Schema.Struct({
  approvalId: Maybe(Text),
  toolCallId: Maybe(Text),
  decision: Maybe(Schema.Union([Schema.Literals(["approve", "reject"]), Decision])),
  result: Maybe(Schema.Json),
  answer: Maybe(Schema.Json),
  isFailure: Maybe(Schema.Boolean)
})
const readAnswering = Schema.decodeUnknownOption(Answering)

const decisionOf = (told: "approve" | "reject" | Decision): Decision =>
  told === "approve" ? Decision.approve() : told === "reject" ? Decision.reject() : told

/** What a message to a task answers. Words count where no part names what it answers. */
export const answerOf = (runId: string, { parts }: Task.Message): Answer => {
  const decisions: Array<DecisionFor> = []
  const results: Array<ResultFor> = []
  for (const { data } of parts) {
    const given = data === undefined ? undefined : Option.getOrUndefined(readAnswering(data))
    if (given === undefined) continue
    const { answer, approvalId, isFailure, result, toolCallId } = given
    const decision = answer === undefined ? given.decision : Decision.answer(answer)
    if (decision !== undefined) {
      decisions.push({
        ...(approvalId === undefined ? {} : { approvalId }),
        ...(toolCallId === undefined ? {} : { toolCallId }),
        decision: decisionOf(decision)
      })
    } else if (result !== undefined && toolCallId !== undefined) {
      results.push({ toolCallId, result, ...(isFailure === undefined ? {} : { isFailure }) })
    }
  }
  const words = parts.flatMap(({ text }) => (text === undefined ? [] : [text])).join("\n")
  const isNamed = decisions.length + results.length > 0
  return {
    _tag: "Answer",
    address: { runId },
    decisions,
    results,
    ...(isNamed || words.trim() === "" ? {} : { said: words })
  }
}
