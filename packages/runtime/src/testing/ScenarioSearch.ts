/**
 * The searched tools of the random scenarios: more tools than a model is sent at once, what a model searches for and
 * which of them it calls, loaded or not; and the check that what was loaded stays loaded, in every life of the run.
 */
import { AgentPath, type Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as ToolSearch from "../agent/ToolSearch.ts"
import type { ModelRequest } from "../model/Model.ts"
import { ToolRun } from "../tool/ToolRun.ts"

type Random = () => number

const shelved = <Name extends string>(name: Name, description: string) =>
  Tool.make(name, {
    description,
    parameters: Schema.Struct({ count: Schema.Natural }),
    success: Schema.Struct({ done: Schema.String }),
    failure: Schema.Struct({ sorry: Schema.String }),
    dependencies: [ToolRun]
  })

/**
 * The tools that are searched.
 *
 * @since 0.2.0
 * @category models
 */
export class Tools extends Toolkit.make(
  shelved("invoice_create", "Creates an invoice"),
  shelved("invoice_cancel", "Cancels an invoice"),
  shelved("ticket_create", "Opens a ticket"),
  shelved("ticket_merge", "Merges two tickets"),
  shelved("refund_approve", "Approves a refund"),
  shelved("parcel_track", "Tracks a parcel")
) {}

const names = Object.keys(Tools.tools)
const searchName = "search_tools"

/** The setting of an agent with these other tools and specialists, which are not searched. */
export const options = (alwaysLoaded: ReadonlyArray<string>): ToolSearch.Options => ({
  above: 4,
  limit: 2,
  alwaysLoaded
})

/** The names that a model calls: those that it is offered, the search more often, and any of the tools that are searched. */
export const weighted = (offered: ReadonlyArray<string>): ReadonlyArray<string> =>
  offered.includes(searchName)
    ? [...offered, ...offered.filter((name) => names.includes(name)), searchName, searchName, ...names.slice(0, 3)]
    : offered

/** Whether a tool is the search, or one that is searched. */
export const has = (name: string): boolean => name === searchName || names.includes(name)

const queries = ["invoice", "create", "ticket merge", "refund", "parcels", "weather", ""]

/** The arguments of a model's call. */
export const args = (random: Random, name: string): Json => {
  if (name === searchName) return { query: queries[Math.floor(random() * queries.length)] ?? "" }
  return { count: random() < 0.1 ? "many" : Math.floor(random() * 4) }
}

/**
 * The handlers: a count of 0 fails, one of 3 takes a while.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer = (world: { readonly begun: Array<string> }) => {
  const handle = Effect.fnUntraced(function* ({ count }: { readonly count: number }) {
    const { idempotencyKey } = yield* ToolRun
    world.begun.push(idempotencyKey)
    if (count === 3) yield* Effect.sleep(400)
    return yield* count === 0 ? Effect.fail({ sorry: "there are none" }) : Effect.succeed({ done: `${count}` })
  })
  return Tools.toLayer({
    invoice_create: handle,
    invoice_cancel: handle,
    ticket_create: handle,
    ticket_merge: handle,
    refund_approve: handle,
    parcel_track: handle
  })
}

/**
 * A model request: which of the searched tools it offered, and which were loaded by the results that it shows.
 *
 * @since 0.2.0
 * @category models
 */
export interface Offer {
  readonly path: string
  readonly step: number
  readonly offered: ReadonlyArray<string>
  readonly loaded: ReadonlyArray<string>
}

/** What a request offered; `undefined` for one without any tools, such as that of a summary. */
export const offerOf = ({ messages, metadata, tools }: ModelRequest): Offer | undefined => {
  if (tools.length === 0) return undefined
  const results = messages.flatMap((message) => (message.role === "tool" ? message.content : []))
  return {
    path: AgentPath.key(metadata.agentPath),
    step: metadata.step,
    offered: tools.flatMap(({ name }) => (names.includes(name) ? [name] : [])),
    loaded: results.flatMap(({ name, result }) => (name === searchName ? ToolSearch.loadedBy(result) : [name]))
  }
}

/**
 * What is wrong with the tools that requests offered, over all owners of the run.
 *
 * @since 0.2.0
 * @category operations
 */
export const check = (offers: ReadonlyArray<Offer>): ReadonlyArray<string> => {
  const faults: Array<string> = []
  const byPath = Map.groupBy(offers, ({ path }) => path)
  for (const [path, own] of byPath) {
    let before: Offer | undefined
    for (const offer of own.toSorted((a, b) => a.step - b.step)) {
      const { loaded, offered, step } = offer
      const where = `${path === "" ? "root" : path}/${step}`
      const missing = loaded.filter((name) => names.includes(name) && !offered.includes(name))
      if (missing.length > 0) faults.push(`step ${where} does not offer ${missing.join(", ")}, which was loaded`)
      if (before !== undefined && before.offered.some((name, index) => offered[index] !== name))
        faults.push(`step ${where} offers ${offered.join(", ")}, and step ${before.step} ${before.offered.join(", ")}`)
      if (before?.step === step && offered.length !== before.offered.length)
        faults.push(`step ${where} offers other tools when it is repeated`)
      before = offer
    }
  }
  return faults
}
