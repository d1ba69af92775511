/** Reads Karta's stream (source 000): one envelope for all events, steps one after the other, and the end of a turn. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  Any,
  asText,
  type Captured,
  Count,
  decoderOf,
  hasField,
  Is,
  make,
  Maybe,
  quote,
  Text,
  textAt
} from "./Reader.ts"

const Said = <const Type extends string, Data extends Schema.Constraint>(type: Type, data: Data) =>
  Schema.Struct({ type: Is(type), session_id: Text, data })
const part = <const Type extends string>(type: Type) =>
  Schema.Struct({ part: Schema.Struct({ type: Is(type), text: Text }) })

const Event = Schema.Union([
  Said("text", part("text")),
  Said("reasoning", Any),
  Said("tool_use", Schema.Struct({ tool_name: Text, tool_input: Any, tool_use_id: Text })),
  Said("step_start", Schema.Struct({ step_index: Count, description: Maybe(Text) })),
  Said("step_finish", Schema.Struct({ step_index: Maybe(Count), result: Maybe(Any) })),
  Said(
    "input_required",
    Schema.Struct({ request_id: Text, kind: Text, tool: Text, message: Text, options: Schema.Array(Text) })
  ),
  Said("error", Schema.Struct({ message: Text, code: Maybe(Text), type: Maybe(Text) })),
  Said(
    "done",
    Schema.Struct({
      usage: Schema.Struct({ input_tokens: Count, output_tokens: Count, total_tokens: Count }),
      message: Any
    })
  ),
  Said("system", Any)
])
type Event = typeof Event.Type

const decode = decoderOf(Event)
const Results = Schema.Struct({ tool_results: Schema.Array(Schema.Struct({ tool_use_id: Text, result: Any })) })
const readResults = Schema.decodeUnknownOption(Results)

const rules = {
  shape: "An event has the one envelope of type, session and data, and its type's data",
  named: "A frame is named by the type of its event",
  "session-same": "Every event names the same session",
  "step-next": "A step starts when the one before has finished, under the next index",
  "step-open": "The step that finishes is the one that is open",
  "call-new": "A call stands once",
  "result-known": "A step's results are of calls that were made, one each",
  "nothing-open": "`done` leaves no step open",
  "end-last": "Nothing follows `done`; after an `error` only `done` follows, with what there is",
  ended: "A stream ends with `done` or `error`, or where the turn waits for an answer to `input_required`"
}

const types = new Set([
  "tool_use",
  "step_start",
  "step_finish",
  "input_required",
  "text",
  "reasoning",
  "done",
  "system",
  "error"
])

export const protocol = make({
  name: "karta",
  title: "Karta",
  rules,
  isSign: ({ value }) =>
    hasField(value, "session_id") && hasField(value, "data") && types.has(textAt(value, "type") ?? ""),
  open: (notes) => {
    const called = new Set<string>()
    const settled = new Set<string>()
    let session: string | undefined
    let step: number | undefined
    let next: number | undefined = notes.continues ? undefined : 0
    let phase: "open" | "failed" | "done" = "open"
    /** Questions that are not answered: each stream that follows answers at least one. */
    let questions = notes.continues ? 1 : 0

    let hasEnded = false

    const settle = (result: unknown): void => {
      const found = readResults(result)
      if (found._tag === "None") return
      for (const { result: value, tool_use_id: id } of found.value.tool_results) {
        const isKnown = called.has(id) || notes.continues
        if (!isKnown || settled.has(id))
          notes.fault("result-known", `a result of ${quote(id)}, which ${isKnown ? "has one" : "was not called"}`)
        else notes.result(id, asText(value))
        settled.add(id)
      }
    }

    const take = (event: Event): void => {
      switch (event.type) {
        case "text":
          return notes.text(event.data.part.text)
        case "step_start": {
          const { step_index: index } = event.data
          if (step !== undefined) notes.fault("step-next", `the step ${index} starts within the step ${step}`)
          else if (next !== undefined && index !== next)
            notes.fault("step-next", `the step ${index} starts, and ${next} is next`)
          step = index
          next = index + 1
          return
        }
        case "step_finish": {
          const index = event.data.step_index ?? step
          if (step === undefined && notes.continues && next === undefined)
            next = index === undefined ? undefined : index + 1
          else if (step === undefined || index !== step)
            notes.fault("step-open", `the step ${index ?? "without an index"} finishes, and ${step ?? "none"} is open`)
          step = undefined
          return settle(event.data.result)
        }
        case "tool_use":
          if (called.has(event.data.tool_use_id))
            notes.fault("call-new", `the call ${quote(event.data.tool_use_id)} stands again`)
          called.add(event.data.tool_use_id)
          return
        case "input_required":
          questions += 1
          return
        case "error":
          phase = "failed"
          return
        case "done":
          if (step !== undefined) notes.fault("nothing-open", `the step ${step} is open`)
          phase = "done"
          return
        default:
      }
    }

    const placed = (event: Event): void => {
      if (event.type === "system") return
      if (phase === "done" || (phase === "failed" && event.type !== "done"))
        notes.fault("end-last", `${quote(event.type)} follows \`${phase === "done" ? "done" : "error"}\``)
    }

    return {
      get isWaiting() {
        return phase === "open" && questions > 0
      },
      read: ({ event: name, isSse, value }: Captured) => {
        const event = decode(value)
        const type = textAt(value, "type")
        if (isSse && type !== undefined && name !== type)
          notes.fault(
            "named",
            `the name is ${name === undefined ? "missing" : quote(name)}, and the type ${quote(type)}`
          )
        if (Result.isFailure(event))
          return notes.fault("shape", type === undefined ? event.failure : `event ${quote(type)}: ${event.failure}`)
        if (hasEnded) {
          questions = Math.max(questions - 1, 0)
          phase = "open"
          hasEnded = false
        }
        if (session !== undefined && session !== event.success.session_id)
          notes.fault("session-same", `it is ${quote(event.success.session_id)} after ${quote(session)}`)
        session = session ?? event.success.session_id
        placed(event.success)
        take(event.success)
      },
      end: () => {
        if (phase === "open" && questions === 0) notes.fault("ended", "the stream ends without one")
        hasEnded = true
      }
    }
  }
})
