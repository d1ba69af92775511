/** Makes the record of a run of one call that the caller makes (`RuntimeShape.callTool`). Rejections happen here. */
import { type Json, QueryRejected, QueryRejections } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Agent from "../agent/Agent.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as Names from "../run/Names.ts"
import * as RunStart from "./RunStart.ts"
import type { RuntimeParts } from "./RuntimeParts.ts"
import type { RunOptions } from "./RuntimeVerbs.ts"

/**
 * A call of a tool that no model makes.
 *
 * **Details**
 * - `name`, `args`: the tool and its arguments, which are validated as a model's.
 * - `id`: the call's id. Absent: a new one.
 * - `agent`: whose tool it is: its value or its name. Absent: the first that the runtime was made with.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolCallOptions extends RunOptions {
  readonly name: string
  readonly args: Json
  readonly id?: string | undefined
  readonly agent?: string | Agent.Any | undefined
}

export const record = Effect.fnUntraced(function* (
  built: RuntimeParts,
  { agent, args, id, name, ...options }: ToolCallOptions
) {
  const member = agent === undefined ? built.roster.first : yield* RunStart.find(built, agent)
  const refused = (issue: string) =>
    Effect.fail(new QueryRejected({ reason: new QueryRejections.InvalidInput({ agent: member.name, issue }) }))
  const own = [...member.tools.values()].filter(({ invoke }) => invoke !== undefined).map((tool) => tool.name)
  if (!own.includes(name)) {
    return yield* refused(`Unknown tool ${JSON.stringify(name)}. Available tools: ${own.join(", ")}`)
  }
  const copied = PlainJson.copy(args)
  if (copied === undefined) return yield* refused("The arguments are not valid JSON")
  const now = yield* Clock.currentTimeMillis
  const run = yield* RunStart.record(built, member, [], now, { ...options, isolated: true })
  const made: RunStart.NewRun = {
    ...run,
    call: { type: "tool-call", id: Names.callId(id ?? built.ids.make("call")), name, args: copied }
  }
  return made
})
