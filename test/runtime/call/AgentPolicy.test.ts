import { assert, describe, it } from "@effect/vitest"
import { Agent, Model, Runtime, Specialist } from "@reins/runtime"
import type { Policy } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Story from "../../support/Story.ts"

const shape = { parameters: Schema.Struct({}), success: Schema.String }
const Kit = Toolkit.make(
  Tool.make("read", shape),
  Tool.make("write", { ...shape, needsApproval: true }),
  Tool.make("open", { ...shape, needsApproval: false })
)
const KitLive = Kit.toLayer({
  read: () => Effect.succeed("read"),
  write: () => Effect.succeed("written"),
  open: () => Effect.succeed("opened")
})

type Own = {
  readonly approvalFloor?: Policy
  readonly approvals?: { readonly [tool: string]: Policy }
  readonly unattended?: "wait" | "deny" | "approve"
}

/** A coordinator that has its helper call `tool` and calls it itself, under rules of its own and of its helper's. */
const run = Effect.fnUntraced(function* (
  tool: string,
  lead: Own,
  helper: Own,
  runtime: { readonly approvals?: Policy; readonly unattended?: "wait" | "deny" | "approve" } = {}
) {
  const model = ScriptedModel.make({
    respond: (request) => {
      if (ScriptedModel.lastResults(request).length > 0) return ScriptedModel.text("done")
      const own = { id: "own", name: tool, args: {} }
      return ScriptedModel.calls(
        request.metadata.agent === "helper" ? [own] : [own, { id: "s", name: "helper", args: { prompt: "help" } }]
      )
    }
  })
  const Helper = Specialist.make("helper", { description: "Helps", toolkit: Kit, ...helper })
  const Lead = Agent.make("lead", { toolkit: Kit, specialists: [Helper], ...lead })
  const layer = Runtime.layer({ agents: [Lead], unattended: "deny", ...runtime }).pipe(
    Layer.provide([KitLive, Layer.succeed(Model, model)])
  )
  const service = Context.get(yield* Layer.build(layer), Runtime)
  yield* service.start("go", { runId: "run" })
  const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, service)
  yield* probe.end
  Story.isWhole(probe.envelopes)
  const results = probe.envelopes.flatMap(({ agentPath, event }) =>
    event.type === "tool-invocation" && event.state === "result"
      ? [[agentPath.length === 0 ? "lead" : "helper", event.status ?? "ran"] as const]
      : []
  )
  return Object.fromEntries(results)
})

describe("the default approval policy of an agent", () => {
  it.effect("applies to its own tools that declare nothing, and not to its specialists'", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* run("read", { approvalFloor: "always" }, {}), { lead: "denied", helper: "ran" })
      assert.deepStrictEqual(yield* run("read", {}, { approvalFloor: "always" }), { lead: "ran", helper: "denied" })
    })
  )

  it.effect("overrides the runtime's, and is overridden by what a tool or the agent says of a tool", () =>
    Effect.gen(function* () {
      const strict = { approvals: "always" } as const
      assert.deepStrictEqual(yield* run("read", { approvalFloor: "never" }, {}, strict), {
        lead: "ran",
        helper: "denied"
      })
      assert.deepStrictEqual(yield* run("write", { approvalFloor: "never" }, {}), { lead: "denied", helper: "denied" })
      assert.deepStrictEqual(yield* run("open", { approvalFloor: "always" }, {}), { lead: "ran", helper: "ran" })
      assert.deepStrictEqual(yield* run("read", { approvalFloor: "always", approvals: { read: "never" } }, {}), {
        lead: "ran",
        helper: "ran"
      })
    })
  )
})

describe("an unattended agent", () => {
  it.effect("has its approvals answered by its own policy, others by the runtime's", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* run("write", { unattended: "approve" }, {}), { lead: "ran", helper: "denied" })
      assert.deepStrictEqual(yield* run("write", {}, { unattended: "approve" }), { lead: "denied", helper: "ran" })
    })
  )
})
