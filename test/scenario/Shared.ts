/**
 * Random scenarios of tenants that share a store: two tenants start, abort, fork, import, limit and delete on the same
 * few thread ids at the same time; then the process ends and the next one may define the tool in another way before
 * people answer. All drawn from a seed; `check` fails if an invariant is violated.
 */
import { assert } from "@effect/vitest"
import { type Envelope, type Message, Ordering } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"
import { Agent, Decision, Model, type QueryOptions, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Cause, Context, Effect, Exit, Fiber, Layer, References, Schema, Scope, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"

/** Where runs live. `restarts`: whether they outlive their process. */
export interface Place {
  readonly layer: () => Layer.Layer<never>
  readonly restarts: boolean
}

const tenants = ["A", "B"] as const
type Tenant = (typeof tenants)[number]
type Version = "drafts" | "wires"
type Service = Runtime["Service"]

/** What really happened, in all lives. */
interface World {
  readonly faults: Array<string>
}

const secret = (tenant: Tenant) => `of-${tenant}`

const parameters = Schema.Struct({ euros: Schema.Natural })
const toolOf = (version: Version) =>
  Tool.make("send", { description: `It ${version}`, parameters, success: Schema.String, needsApproval: true })

/** A process, whose tool is defined as `version` has it. */
const process = Effect.fnUntraced(function* (place: Place, world: World, version: Version) {
  const scope = yield* Scope.make()
  const kit = Toolkit.make(toolOf(version))
  const model = ScriptedModel.make({
    respond: (request) => {
      const said = JSON.stringify(request.messages)
      if (tenants.every((tenant) => said.includes(secret(tenant))))
        world.faults.push(`a model saw both tenants: ${said}`)
      const last = request.messages.at(-1)
      return last?.role === "user" && JSON.stringify(last).includes("send")
        ? ScriptedModel.calls([{ id: "c1", name: "send", args: { euros: 5 } }])
        : ScriptedModel.text("Done.")
    }
  })
  const agent = Agent.make("clerk", {
    toolkit: Effect.provide(kit, kit.toLayer({ send: () => Effect.succeed(version) }))
  })
  const live = Runtime.layer({ agents: [agent] }).pipe(Layer.provide([Layer.succeed(Model, model), place.layer()]))
  const runtime = Context.get(yield* Layer.buildWithScope(live, scope), Runtime)
  return { runtime, end: Scope.close(scope, Exit.void) }
})

interface Drawing {
  readonly random: () => number
  readonly below: (most: number) => number
  readonly of: <A>(all: ReadonlyArray<A>, otherwise: A) => A
}

const drawing = (seed: number): Drawing => {
  const random = Generated.seeded(seed)
  const below = (most: number) => Math.floor(random() * most)
  return { random, below, of: (all, otherwise) => all[below(all.length)] ?? otherwise }
}

const history = (tenant: Tenant): ReadonlyArray<Message.Message> => [
  { role: "user", content: [{ type: "text", text: `imported ${secret(tenant)}` }] },
  { role: "assistant", content: [{ type: "text", text: "yes" }] }
]

/** One thing that a tenant does; what is refused is refused with a typed error. */
const act = (runtime: Service, tenant: Tenant, runId: string, draw: Drawing): Effect.Effect<unknown, unknown> => {
  const threadId = `t${draw.below(3)}`
  const resourceId = tenant
  const onBusy = draw.of<NonNullable<QueryOptions["onBusy"]>>(["reject", "queue", "cancel-previous"], "reject")
  const options = { threadId, resourceId, runId }
  const words = `${draw.of(["hello", "send"], "hello")} ${secret(tenant)}`
  switch (draw.below(9)) {
    case 0:
    case 1:
      return runtime.start(words, { ...options, onBusy: onBusy === "queue" ? "reject" : onBusy })
    case 2:
      return runtime.complete(`hello ${secret(tenant)}`, { ...options, onBusy: "reject" })
    case 3:
    case 4: {
      // Somebody asks, and leaves at some moment between the question and the first answer.
      const turns = draw.below(12)
      return Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Stream.runDrain(runtime.query(words, { ...options, onBusy })))
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      })
    }
    case 5:
      return runtime.threads.import(history(tenant), { threadId, resourceId })
    case 6:
      return runtime.threads.fork(threadId, { threadId: `t${draw.below(3)}`, resourceId })
    case 7:
      return runtime.threads.limit(threadId, draw.random() < 0.5 ? { maxSteps: 50 } : undefined, { resourceId })
    default:
      return runtime.threads.delete(threadId, { resourceId })
  }
}

/** Answers all questions until no run is running: also what is asked again under another definition. */
const decideAll = Effect.fnUntraced(function* (runtime: Service, draw: Drawing, runs: ReadonlyArray<string>) {
  for (let round = 0; round < 1500; round++) {
    const asked = (yield* Effect.forEach(tenants, (resourceId) => runtime.pendingApprovals({ resourceId }))).flat()
    for (const { request } of asked) {
      const decision = draw.of(
        [
          Decision.approve(),
          Decision.approve({ scope: "thread", uses: 2 }),
          Decision.reject(),
          Decision.revise({ euros: 1 })
        ],
        Decision.approve()
      )
      yield* Effect.ignore(runtime.respondToApproval(request.id, decision, { resourceId: request.resourceId }))
    }
    const states = yield* Effect.forEach(runs, (runId) => Effect.map(runtime.status(runId), (status) => status?.state))
    if (!states.includes("running")) return
    yield* Effect.sleep(2)
  }
})

/**
 * Under which definition each call ran is in its result; under which it was asked about, in the question that allowed
 * it.
 */
const allowedBy = (
  log: ReadonlyArray<Envelope.Envelope>
): { readonly ran: string; readonly hash: string } | undefined => {
  let hash: string | undefined
  let asked: { readonly id: string; readonly hash: string | undefined } | undefined
  for (const { event } of log) {
    if (event.type === "approval-required") asked = { id: event.data.id, hash: event.data.toolHash }
    if (event.type === "approval-decision" && event.data.id === asked?.id) {
      hash = ["approve", "revise"].includes(event.data.outcome.outcome) ? asked.hash : undefined
    }
    if (
      event.type === "tool-invocation" &&
      event.state === "result" &&
      event.status === undefined &&
      hash !== undefined
    ) {
      return { ran: JSON.stringify(event.result), hash }
    }
  }
  return undefined
}

/** Executes the scenario of a seed, and fails if an invariant is violated. */
export const check = (place: Place, seed: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    const draw = drawing(seed)
    const world: World = { faults: [] }
    const runs: Array<string> = []
    let life = yield* process(place, world, "drafts")
    for (let round = 0; round < 2; round++) {
      const { runtime } = life
      yield* Effect.forEach(
        tenants,
        (tenant) => {
          const own = drawing(seed * 7 + round * 2 + tenants.indexOf(tenant))
          return Effect.forEach([0, 1, 2, 3, 4], (index) => {
            const runId = `${tenant}-${round}-${index}`
            runs.push(runId)
            return Effect.map(Effect.exit(Effect.timeout(act(runtime, tenant, runId, own), "300 millis")), (exit) => {
              if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) world.faults.push(Cause.pretty(exit.cause))
            })
          })
        },
        { concurrency: "unbounded" }
      )
      if (round === 0 && place.restarts) {
        yield* life.end
        life = yield* process(place, world, draw.of<Version>(["drafts", "wires"], "drafts"))
      }
      yield* decideAll(life.runtime, draw, runs)
    }
    const { runtime } = life
    const versions = new Map<string, string>()
    for (const runId of runs) {
      const status = yield* runtime.status(runId)
      if (status === undefined) continue
      const log = yield* Stream.runCollect(runtime.watch(runId)).pipe(Effect.timeout("5 seconds"))
      assert.deepStrictEqual(Ordering.check(log), [], runId)
      assert.strictEqual((yield* runtime.status(runId))?.state, "ended", runId)
      const allowed = allowedBy(log)
      if (allowed === undefined) continue
      assert.strictEqual(
        versions.get(allowed.hash) ?? allowed.ran,
        allowed.ran,
        `${runId} ran what nobody was asked about`
      )
      versions.set(allowed.hash, allowed.ran)
    }
    assert.strictEqual(new Set(versions.values()).size, versions.size, "one definition, two hashes")
    for (const resourceId of tenants) {
      const other = resourceId === "A" ? "B" : "A"
      for (const info of yield* runtime.threads.list({ resourceId })) {
        assert.strictEqual(info.runId, undefined, `${info.threadId} is held by a run that is over`)
        const said = JSON.stringify(yield* runtime.threads.get(info.threadId))
        assert.notInclude(said, secret(other), `${info.threadId} of ${resourceId}`)
        assert.deepStrictEqual(yield* runtime.threads.get(info.threadId, { resourceId: other }), [])
      }
    }
    assert.deepStrictEqual(world.faults, [])
    yield* life.end
  }).pipe(Effect.orDie, Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
