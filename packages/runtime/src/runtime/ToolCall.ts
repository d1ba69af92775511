/** Makes the record of a run of one call that the caller makes (`RuntimeShape.callTool`). Rejections happen here. */
import { QueryRejected, QueryRejections } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as Names from "../run/Names.ts"
import * as RunStart from "./RunStart.ts"
import type { RuntimeParts } from "./RuntimeParts.ts"
import type { ToolCallOptions } from "./RuntimeVerbs.ts"

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
