/** What the compiler must say and must not say. The bodies hardly run: `tsc` is the judge. */
// What the compiler must refuse here, Effect's diagnostics would report once more.
// @effect-diagnostics missingLayerContext:off
import { describe, it } from "@effect/vitest"
import { Agent, Budget, Event, Output, Runtime, Specialist, ToolRun } from "@reins/runtime"
import type { Completion, Model, ModelPort, QueryOptions, QueryRejected, RunError, RunHandle } from "@reins/runtime"
import { Context, Effect, type Layer, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { expectTypeOf } from "vitest"
import * as Desk from "../support/Desk.ts"
import { Library, type Loans } from "../support/Library.ts"

class Fast extends Context.Service<Fast, ModelPort>()("test/Fast") {}
class Tenant extends Context.Service<Tenant, { readonly name: string }>()("test/Tenant") {}
class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {}) {}

const Refund = Tool.make("refund", { success: Schema.Boolean, dependencies: [ToolRun, Tenant] })
class Refunds extends Toolkit.make(Refund) {
  static readonly layer = this.toLayer({ refund: () => Effect.as(ToolRun, true) })
}

const Finding = Schema.Struct({ text: Schema.String, found: Schema.DateFromString })
const Researcher = Specialist.make("researcher", {
  description: "Researches",
  model: Fast,
  input: Schema.Struct({ topic: Schema.NonEmptyString }),
  output: Finding
})
const Reader = Agent.make("reader", { output: Finding })
const Teller = Specialist.make("teller", { description: "Tells" })

type Handlers = Tool.Handler<"search"> | Tool.Handler<"index"> | Tool.Handler<"lend">

describe("what an agent needs", () => {
  it("is its handlers and its model, without the service of each call", () => {
    expectTypeOf<Agent.Services<typeof Desk.Desk>>().toEqualTypeOf<Handlers | Model>()
    expectTypeOf<Agent.Errors<typeof Desk.Desk>>().toEqualTypeOf<never>()
  })

  it("is its own model instead of the shared one", () => {
    expectTypeOf<Agent.Services<typeof Researcher>>().toEqualTypeOf<Fast>()
    expectTypeOf<Agent.Services<typeof Teller>>().toEqualTypeOf<Model>()
  })

  it("is what its tools need besides the service of each call", () => {
    const refunder = Agent.make("refunder", { toolkit: Refunds })
    expectTypeOf<Agent.Services<typeof refunder>>().toEqualTypeOf<Tool.Handler<"refund"> | Tenant | Model>()
  })

  it("is what its specialists need, however deep", () => {
    const middle = Agent.make("middle", { specialists: [Researcher], model: Fast })
    const top = Agent.make("top", { toolkit: Library, specialists: [middle, Teller] })
    expectTypeOf<Agent.Services<typeof top>>().toEqualTypeOf<Handlers | Fast | Model>()
  })

  it("is what each of its toolkits needs, bound and unbound", () => {
    const several = Agent.make("several", { toolkit: [Refunds, Agent.bind(Library, Library.layer)] })
    expectTypeOf<Agent.Services<typeof several>>().toEqualTypeOf<Tool.Handler<"refund"> | Tenant | Loans | Model>()
    expectTypeOf<Agent.Errors<typeof several>>().toEqualTypeOf<never>()
  })

  it("is nothing of a toolkit that is bound to its handlers", () => {
    const bound = Agent.make("bound", { toolkit: Agent.bind(Library, Library.layer) })
    expectTypeOf<Agent.Services<typeof bound>>().toEqualTypeOf<Loans | Model>()
    const provided = Agent.make("provided", { toolkit: Effect.provide(Refunds, Refunds.layer) })
    expectTypeOf<Agent.Services<typeof provided>>().toEqualTypeOf<Tenant | Model>()
  })
})

describe("a runtime's layer", () => {
  it("needs exactly what its agents need, and fails as building them may", () => {
    const toolkit = Effect.flatMap(Effect.fail(new Unreachable({})), () => Refunds)
    const far = Agent.make("far", { toolkit })
    const layer = Runtime.layer({ agents: [Desk.Desk, Researcher, far] })
    expectTypeOf<Layer.Services<typeof layer>>().toEqualTypeOf<
      Handlers | Tool.Handler<"refund"> | Tenant | Fast | Model
    >()
    expectTypeOf<Layer.Error<typeof layer>>().toEqualTypeOf<Unreachable>()
    expectTypeOf<Layer.Success<typeof layer>>().toEqualTypeOf<Runtime>()
  })

  it("needs nothing once everything is provided", () => {
    const layer = Desk.layer(Desk.nobody)
    expectTypeOf<Layer.Services<typeof layer>>().toEqualTypeOf<never>()
  })

  it("cannot be run without a handler", () => {
    const layer = Runtime.layer({ agents: [Desk.Desk] })
    // @ts-expect-error -- handlers and a model are missing
    const whole: Layer.Layer<Runtime> = layer
    expectTypeOf(whole).not.toBeNever()
  })
})

describe("a runtime", () => {
  const check = (runtime: Runtime["Service"]) => {
    expectTypeOf(runtime.query("hi")).toEqualTypeOf<Stream.Stream<Event, QueryRejected>>()
    expectTypeOf(runtime.completeSpecialist(Researcher, { topic: "tides" })).toEqualTypeOf<
      Effect.Effect<Completion<{ readonly text: string; readonly found: Date }>, QueryRejected | RunError>
    >()
    expectTypeOf(runtime.complete(Reader, "read")).toEqualTypeOf<
      Effect.Effect<Completion<{ readonly text: string; readonly found: Date }>, QueryRejected | RunError>
    >()
    expectTypeOf(runtime.complete("read", { output: Schema.Struct({ n: Schema.Number }) })).toEqualTypeOf<
      Effect.Effect<Completion<{ readonly n: number }>, QueryRejected | RunError>
    >()
    expectTypeOf(runtime.complete(Desk.Desk, "read", { output: Schema.Date })).toEqualTypeOf<
      Effect.Effect<Completion<Date>, QueryRejected | RunError>
    >()
    expectTypeOf(runtime.complete(Desk.Desk, "read")).toEqualTypeOf<
      Effect.Effect<Completion<string>, QueryRejected | RunError>
    >()
    expectTypeOf(runtime.start(Reader, "read")).toEqualTypeOf<
      Effect.Effect<RunHandle<{ readonly text: string; readonly found: Date }>, QueryRejected>
    >()
    expectTypeOf(Output.partials(runtime.query("read"), Finding)).toEqualTypeOf<
      Stream.Stream<Output.Partial<{ readonly text: string; readonly found: string }>, QueryRejected>
    >()
    expectTypeOf(runtime.completeSpecialist(Teller, "a tale")).toEqualTypeOf<
      Effect.Effect<Completion<string>, QueryRejected | RunError>
    >()
    return [
      // @ts-expect-error -- it takes a topic, not a string
      runtime.completeSpecialist(Researcher, "tides"),
      // @ts-expect-error -- it takes a string, not a topic
      runtime.runSpecialist(Teller, { topic: "tides" }),
      // @ts-expect-error -- a misspelt member
      runtime.runSpecialist(Researcher, { topics: "tides" }),
      // @ts-expect-error -- a plain agent is no specialist
      runtime.runSpecialist(Desk.Desk, "tides"),
      // @ts-expect-error -- a prompt is words or parts
      runtime.query(5)
    ]
  }

  it("accepts the input of a specialist, and returns its output", () => {
    expectTypeOf(check).returns.toBeArray()
  })

  it("accepts optional options that are undefined", () => {
    const forwarded = (options: { readonly threadId?: string | undefined }): QueryOptions => ({
      threadId: options.threadId,
      budget: undefined,
      agent: undefined
    })
    expectTypeOf(forwarded).returns.toEqualTypeOf<QueryOptions>()
    expectTypeOf(Budget.make({ maxSteps: undefined })).toEqualTypeOf<Budget.Budget>()
  })
})

describe("an agent's options", () => {
  it("reject misspelt and misplaced names", () => {
    // @ts-expect-error -- `instructions`
    Agent.make("a", { instruction: "You are." })
    // @ts-expect-error -- a specialist is described
    Specialist.make("a", { instructions: "You are." })
    // @ts-expect-error -- a model is named by a service key
    Agent.make("a", { model: "gpt" })
    // @ts-expect-error -- a policy is one of two words or a predicate
    Agent.make("a", { approvals: { search: "sometimes" } })
  })
})

describe("an event", () => {
  it("narrows by its type and by its state", () => {
    const of = (event: Event) => {
      if (event.type === "text") expectTypeOf(event.text).toEqualTypeOf<string>()
      if (event.type === "tool-invocation" && event.state === "result") expectTypeOf(event).toHaveProperty("result")
      // @ts-expect-error -- a call has no result
      if (event.type === "tool-invocation" && event.state === "call") return event.result
      return undefined
    }
    const texts = Stream.fromIterable<Event>([]).pipe(Stream.filter(Event.is("text", "reasoning")))
    expectTypeOf<Stream.Success<typeof texts>["type"]>().toEqualTypeOf<"text" | "reasoning">()
    expectTypeOf(of).parameter(0).toEqualTypeOf<Event>()
  })
})
