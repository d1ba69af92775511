/**
 * The agents of the golden runs and their tools. A stored run finds its agent, tools and specialists by name, and a
 * grant holds for the definition that its tool had: so what is here stays as it is for as long as there are golden
 * files.
 *
 * Only public exports are used, since this file outlives what is behind them.
 */
import { Agent, Budget, Compaction, Model, Prices, Runtime, Specialist, ToolRun, ToolSettings } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Script from "./Script.ts"
import type { World } from "./World.ts"

const shape = { parameters: Schema.Struct({ n: Schema.Natural }), success: Schema.String, dependencies: [ToolRun] }

const Look = Tool.make("look", { description: "Looks; changes nothing", ...shape }).annotate(Tool.Readonly, true)
const Dig = Tool.make("dig", { description: "Digs in three phases", ...shape }).annotate(Tool.Idempotent, true)
const Send = Tool.make("send", { description: "Sends, each time it is called", ...shape, needsApproval: false })
const Pay = Tool.make("pay", { description: "Pays, once a person has agreed", ...shape, needsApproval: true })
const Flaky = Tool.make("flaky", { description: "Fails at first", ...shape })
  .annotate(Tool.Idempotent, true)
  .annotate(ToolSettings.Retries, 2)
const Print = Tool.make("print", { description: "Makes files", ...shape })

export class SoldOut extends Schema.TaggedError<SoldOut>()("SoldOut", { n: Schema.Natural }) {
  override get message() {
    return `number ${this.n} is sold out`
  }
}

const Order = Tool.make("order", {
  description: "Orders, where there is any left",
  ...shape,
  failure: SoldOut,
  failureMode: "return"
})

const Trip = Tool.make("trip", {
  description: "Carries out a trip as planned",
  parameters: Schema.Struct({ stops: Schema.Array(Schema.String) }),
  success: Schema.String,
  dependencies: [ToolRun]
}).annotate(ToolSettings.IsPlan, true)

const Locate = Tool.make("locate", {
  description: "Where the caller is",
  parameters: Schema.Struct({ exact: Schema.Boolean }),
  success: Schema.Struct({ place: Schema.String })
})

class Tools extends Toolkit.make(Look, Dig, Send, Pay, Flaky, Print, Order, Trip) {}
class Few extends Toolkit.make(Look, Dig) {}
class Purse extends Toolkit.make(Pay, Look) {}
class Glass extends Toolkit.make(Look) {}
const Caller = Toolkit.make(Locate)

const clerk = Specialist.make("clerk", { description: "Pays what is due", instructions: "You pay.", toolkit: Purse })

const reader = Specialist.make("reader", {
  description: "Reads up on one topic",
  instructions: "You read.",
  toolkit: Few,
  specialists: [clerk]
})

/** Takes and gives typed values. */
export const surveyor = Specialist.make("surveyor", {
  description: "Measures a place",
  instructions: "You measure.",
  toolkit: Purse,
  input: Schema.Struct({ script: Schema.String, place: Schema.String }),
  output: Schema.Struct({ metres: Schema.Finite })
})

const desk = Agent.make("desk", {
  instructions: "You answer at the desk.",
  toolkit: Tools,
  clientTools: Caller,
  specialists: [reader, clerk, surveyor],
  budget: Budget.make({ maxSteps: 40, maxCostUsd: 5, maxCallsPerTool: { pay: 30 }, warnAt: 0.9 })
})

const saver = Agent.make("saver", {
  instructions: "You spend little.",
  toolkit: Tools,
  budget: Budget.make({ maxSteps: 2, onExhausted: "pause" })
})

const stopper = Agent.make("stopper", { toolkit: Glass, budget: Budget.make({ maxSteps: 1 }) })

const wrapper = Agent.make("wrapper", {
  toolkit: Glass,
  budget: Budget.make({ maxSteps: 2, onExhausted: "wrap-up" })
})

const keeper = Agent.make("keeper", {
  instructions: "You keep the whole of it in mind.",
  toolkit: Purse,
  compaction: Compaction.summarise({ above: 400, keep: 160, maxOutputTokens: 100 })
})

const robot = Agent.make("robot", { toolkit: Purse, unattended: "deny" })

const handlers = (world: World) => {
  const begin = Effect.fnUntraced(function* (name: string, n: number) {
    const run = yield* ToolRun
    const what = `${name} ${n}`
    world.calls.push({ runId: run.runId, what, key: run.idempotencyKey })
    world.tick(7)
    return { run, hangs: world.hangs.has(what) ? Effect.never : Effect.void }
  })
  const plain = (name: string) =>
    Effect.fnUntraced(function* ({ n }: { readonly n: number }) {
      const { hangs, run } = yield* begin(name, n)
      yield* run.reportCost(0.0001)
      yield* hangs
      return `${name} ${n} is done`
    })
  const look = plain("look")
  const pay = plain("pay")
  const dig = Effect.fnUntraced(function* ({ n }: { readonly n: number }) {
    const { hangs, run } = yield* begin("dig", n)
    for (const phaseIndex of [1, 2, 3]) {
      yield* run.progress({
        label: `phase ${phaseIndex}`,
        phaseIndex,
        totalPhases: 3,
        milestone: { depth: phaseIndex }
      })
    }
    yield* hangs
    return `dug ${n}`
  })
  return Layer.mergeAll(
    Tools.toLayer({
      look,
      dig,
      pay,
      send: plain("send"),
      flaky: Effect.fnUntraced(function* ({ n }) {
        const { run } = yield* begin("flaky", n)
        const isFirst = world.calls.filter(({ key }) => key === run.idempotencyKey).length === 1
        return isFirst ? yield* Effect.die(new Error("not yet")) : `flaky ${n} has done it`
      }),
      print: Effect.fnUntraced(function* ({ n }) {
        const { run } = yield* begin("print", n)
        const stored = yield* Effect.orDie(
          run.storeFile({ filename: `page-${n}.txt`, mediaType: "text/plain", content: `Page ${n}: grüße, 世界.\n` })
        )
        yield* run.registerFile({ fileId: `elsewhere-${n}`, filename: "map.png", mediaType: "image/png", sizeBytes: 9 })
        yield* run.emit("printed", { pages: [n], sheet: null })
        yield* run.flowUi({ view: "page", n })
        yield* run.hint("a page is coming")
        return stored
      }),
      order: Effect.fnUntraced(function* ({ n }) {
        yield* begin("order", n)
        return n > 9 ? yield* new SoldOut({ n }) : `ordered ${n}`
      }),
      trip: Effect.fnUntraced(function* ({ stops }) {
        const { hangs } = yield* begin("trip", stops.length)
        yield* hangs
        return `went to ${stops.join(", ")}`
      })
    }),
    Few.toLayer({ look, dig }),
    Purse.toLayer({ pay, look }),
    Glass.toLayer({ look })
  )
}

export interface Options {
  /** How long a question waits, in milliseconds. Absent: for ever. */
  readonly approvalExpiresIn?: number | undefined
}

/** The runtime of the golden runs in `world`, over whatever deployment is provided. */
export const layer = (world: World, options: Options = {}): Layer.Layer<Runtime> =>
  Runtime.layer({
    agents: [desk, saver, stopper, wrapper, keeper, robot, surveyor],
    approvalExpiresIn: options.approvalExpiresIn,
    modelRetryDelay: 1,
    midStreamFailure: "retract",
    fileUrl: (fileId) => `/files/${fileId}`
  }).pipe(
    Layer.provide([
      handlers(world),
      Layer.succeed(
        Model,
        ScriptedModel.make({
          respond: Script.respond(world.hangs),
          onRequest: (request) => {
            world.requests.push({ ...request, messages: [...request.messages] })
            world.tick(40)
          }
        })
      ),
      Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 3, outputPerMillionUsd: 15 } })
    ])
  )
