/**
 * The memory of the random scenarios: what a model remembers, looks for and forgets, what was remembered before the run,
 * and the check that a call remembers once and that what it remembered is there at the end.
 */
import { AgentPath, type Envelope, type Json } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { digestId } from "../kernel/Digest.ts"
import type { Memory } from "../memory/Memory.ts"
import type { ModelRequest } from "../model/Model.ts"

type Random = () => number

const names: ReadonlyArray<string> = ["remember", "recall", "forget"]

/**
 * What was remembered before the run starts: ids and texts.
 *
 * @since 0.2.0
 * @category constants
 */
export const given: ReadonlyArray<readonly [id: string, text: string]> = [
  ["given_1", "Rex likes tea."],
  ["given_2", "Rex pays by card."],
  // Calls remember it, too.
  ["given_3", "The order 0 is late."]
]

/** Whether a tool is one of them. */
export const has = (name: string): boolean => names.includes(name)

/** The names that a model calls: those of memory three times as often. */
export const weighted = (offered: ReadonlyArray<string>): ReadonlyArray<string> =>
  offered.flatMap((name) => (has(name) ? [name, name, name] : [name]))

const Called = Schema.Struct({ id: Schema.String, isNew: Schema.Boolean })
const isRemembered = Schema.is(Called)
const Found = Schema.Struct({ memories: Schema.Array(Schema.Struct({ id: Schema.String })) })
const isFound = Schema.is(Found)

/** The ids that results of this request show. */
const shownIn = ({ messages }: ModelRequest): ReadonlyArray<string> =>
  messages.flatMap((message) =>
    message.role !== "tool"
      ? []
      : message.content.flatMap(({ result }) =>
          isRemembered(result) ? [result.id] : isFound(result) ? result.memories.map(({ id }) => id) : []
        )
  )

/** The arguments of a model's call. */
export const args = (random: Random, name: string, request: ModelRequest): Json => {
  const fact = `The order ${Math.floor(random() * 3)} is late.`
  if (name === "recall") return { query: random() < 0.4 ? "" : random() < 0.5 ? "weather" : fact }
  if (name === "forget") {
    const ids = ["unknown", ...shownIn(request)]
    return { id: ids[Math.floor(random() * ids.length)] ?? "unknown" }
  }
  return random() < 0.1 ? { text: "" } : { text: fact, ...(random() < 0.3 ? { kind: "order" } : {}) }
}

const readText = Schema.decodeUnknownOption(Schema.Struct({ text: Schema.String }))
const readId = Schema.decodeUnknownOption(Schema.Struct({ id: Schema.String }))
const isForgotten = Schema.is(Schema.Struct({ forgotten: Schema.Literal(true) }))

/**
 * What is wrong with what a run has remembered. `memories`: those of its principal at the end.
 *
 * **Details**
 * - Each is given, or was remembered by one call of the run, under the id of that call, with its text. No two have the
 *   same text.
 * - What a call has remembered is there, unless a call to forget it was announced.
 * - What was forgotten after the call that remembered it had ended is gone.
 *
 * @since 0.2.0
 * @category operations
 */
export const check = (
  runId: string,
  stored: ReadonlyArray<Envelope.Envelope>,
  memories: ReadonlyArray<Memory>
): ReadonlyArray<string> => {
  const faults: Array<string> = []
  const held = new Map(memories.map(({ id, text }) => [id, text]))
  const texts = new Map(given)
  const remembered = new Set<string>()
  const forgetting = new Map<string, string>()
  const gone = new Set<string>()
  for (const { agentPath, event } of stored) {
    if (event.type !== "tool-invocation") continue
    const call = AgentPath.key(agentPath) + event.toolInvocationId
    const own = digestId("memory", `${runId}:${AgentPath.key(agentPath)}${event.toolInvocationId}\n1`)
    if (event.state === "call" && event.toolName === "remember") {
      Option.map(readText(event.args), ({ text }) => texts.set(own, text))
    } else if (event.state === "call" && event.toolName === "forget") {
      Option.map(readId(event.args), ({ id }) => forgetting.set(call, id))
    } else if (event.state === "result" && event.toolName === "remember" && isRemembered(event.result)) {
      const { id } = event.result
      remembered.add(id)
      if (texts.get(id) !== texts.get(own)) faults.push(`the result of ${call} is the memory of another text`)
    } else if (event.state === "result" && event.toolName === "forget" && isForgotten(event.result)) {
      const id = forgetting.get(call) ?? ""
      if (remembered.has(id) || id.startsWith("given")) gone.add(id)
    }
  }
  const named = new Set(forgetting.values())
  for (const id of [...remembered, ...given.map(([id]) => id)])
    if (!held.has(id) && !named.has(id)) faults.push(`${id} was remembered, and is not there at the end`)
  for (const [id, text] of held) {
    if (texts.get(id) !== text) faults.push(`${id} is there, and no call has remembered its text under this id`)
    if (gone.has(id)) faults.push(`${id} was forgotten, and is there at the end`)
  }
  if (held.size !== memories.length || new Set(held.values()).size !== held.size)
    faults.push("a memory is stored twice")
  return faults
}
