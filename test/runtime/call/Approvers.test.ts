/**
 * Who may answer a question: roles, a predicate, the requester excluded, a quorum, and other approvers after a while;
 * in memory, and on a journal whose process ends between any two answers.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Approval, Ordering, type Principal } from "@reins/protocol"
import { Agent, type Approvers, Decision, Deployment, Model, Runtime, ToolSettings } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Fiber, Layer, Schema, Scope, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"

const parameters = Schema.Struct({ euros: Schema.Natural })
const Pay = Tool.make("pay", { parameters, success: Schema.String, needsApproval: true })
const Kit = Toolkit.make(Pay)

/** Pays once, or as often as it is said. */
const respond =
  (times: number): ScriptedModel.Responder =>
  (request) => {
    const paid = request.metadata.step - 1
    return paid >= times
      ? ScriptedModel.text("Done.")
      : ScriptedModel.calls([{ id: `c${paid + 1}`, name: "pay", args: { euros: 5 } }])
  }

interface WorldOptions {
  readonly approvers: Approvers
  readonly times?: number
  readonly expiresIn?: "1 hour"
  readonly unattended?: "approve"
  readonly agent?: "desk" | "other"
}

/** A place where runs live, and processes over it. `ran`: what was paid. */
const world = (kind: "memory" | "journal", options: WorldOptions) => {
  const journal = MemoryJournal.make()
  const ran: Array<number> = []
  const process = Effect.fnUntraced(function* (approvers: Approvers = options.approvers, carries = true) {
    const scope = yield* Scope.make()
    const desk = Agent.make("desk", { toolkit: Kit, approvals: { pay: { approvers } } })
    const layer = Runtime.layer({
      agents: [desk],
      approvalExpiresIn: options.expiresIn,
      unattended: options.unattended
    }).pipe(
      Layer.provide([
        Kit.toLayer({
          pay: ({ euros }) =>
            Effect.sync(() => {
              ran.push(euros)
              return "paid"
            })
        }),
        Layer.succeed(Model, ScriptedModel.make({ respond: respond(options.times ?? 1) })),
        kind === "memory"
          ? Layer.succeed(Deployment.Deployment, Deployment.memoryHost())
          : Layer.succeed(
              Deployment.Deployment,
              journalHost(journal, { gatherMs: 0, pollMs: carries ? Number.POSITIVE_INFINITY : 100, carries })
            )
      ])
    )
    const runtime = Context.get(yield* Scope.provide(Layer.build(layer), scope), Runtime)
    yield* TestClock.adjust("1 second")
    return { runtime, end: Scope.close(scope, Exit.void) }
  })
  /** Another process in place of this one, where runs survive it. */
  const again = Effect.fnUntraced(function* (before: {
    readonly runtime: Runtime["Service"]
    readonly end: Effect.Effect<void>
  }) {
    if (kind === "memory") return before
    yield* before.end
    return yield* process()
  })
  return { journal, ran, process, again }
}

type Service = Runtime["Service"]

const start = (runtime: Service, principal?: Principal) =>
  Effect.andThen(
    runtime.start("Go.", {
      runId: "run",
      threadId: "thread",
      ...(principal === undefined ? {} : { principal: principal.id })
    }),
    TestClock.adjust("1 second")
  )

const question = Effect.fnUntraced(function* (runtime: Service) {
  const [asked] = yield* runtime.pendingApprovals()
  assert.isDefined(asked)
  return asked.request
})

const says = (
  runtime: Service,
  { id }: Approval.Request,
  principal: Principal | undefined,
  decision: Decision = Decision.approve()
) =>
  runtime.respondToApproval(id, decision, principal === undefined ? {} : { principal }).pipe(
    Effect.map(({ decided, given }) => (decided ? "decided" : `${given} given`)),
    Effect.catch(({ reason }) => Effect.succeed(reason._tag)),
    Effect.tap(() => TestClock.adjust("1 second"))
  )

const log = (runtime: Service) =>
  Effect.map(Effect.orDie(Stream.runCollect(runtime.watch("run"))), (all) => {
    assert.deepStrictEqual(Ordering.check(all), [])
    return all
  })

const history = (runtime: Service) => Effect.map(runtime.approvals.history(), ({ acts }) => acts)

const told = (runtime: Service) =>
  Effect.map(history(runtime), (acts) =>
    acts.map(({ by, kind, outcome, reason }) =>
      [kind, outcome ?? reason, by].filter((part) => part !== undefined).join(" ")
    )
  )

const ana: Principal = { id: "ana", roles: ["treasurer"] }
const ben: Principal = { id: "ben", roles: ["treasurer", "clerk"] }
const cy: Principal = { id: "cy", roles: ["clerk"] }
const two: Approvers = { roles: ["treasurer"], quorum: 2, excludeRequester: true }

describe.each(["memory", "journal"] as const)("who may answer, on a %s engine", (kind) => {
  it.effect("two different principals of a role, and not the requester; each counts once", () =>
    Effect.gen(function* () {
      const { again, process, ran } = world(kind, { approvers: two })
      let { end, runtime } = yield* process()
      yield* start(runtime, ben)
      const asked = yield* question(runtime)
      assert.deepStrictEqual(asked.approvals, { quorum: 2, roles: ["treasurer"], excludesRequester: true, given: 0 })
      assert.strictEqual(asked.requestedBy, "ben")
      assert.strictEqual(yield* says(runtime, asked, undefined), "Forbidden")
      assert.strictEqual(yield* says(runtime, asked, cy), "Forbidden")
      assert.strictEqual(yield* says(runtime, asked, ben), "Forbidden")
      assert.strictEqual(yield* says(runtime, asked, ana), "1 given")
      ;({ end, runtime } = yield* again({ end, runtime }))
      assert.strictEqual((yield* question(runtime)).approvals?.given, 1)
      assert.strictEqual(yield* says(runtime, asked, ana), "1 given")
      assert.deepStrictEqual(ran, [])
      ;({ end, runtime } = yield* again({ end, runtime }))
      assert.strictEqual(yield* says(runtime, asked, { id: "dan", roles: ["treasurer"] }), "decided")
      assert.deepStrictEqual(ran, [5])
      assert.strictEqual(yield* says(runtime, asked, ana), "ApprovalResolved")
      const events = yield* log(runtime)
      const decisions = events.flatMap(({ event }) => (event.type === "approval-decision" ? [event.data] : []))
      assert.deepInclude(decisions[0], { by: "ana, dan", approvers: ["ana", "dan"] })
      const given = events.flatMap(({ event }) =>
        event.type === "custom" && event.event_type === "approval_given" ? [event.data] : []
      )
      assert.deepStrictEqual(given, [{ id: asked.id, by: "ana", given: 1, quorum: 2, level: 0 }])
      assert.deepStrictEqual((yield* told(runtime)).toSorted(), [
        "answered approve ana",
        "answered approve dan",
        "asked ben",
        "decided approve ana, dan",
        "refused ApprovalResolved ana",
        "refused Forbidden",
        "refused Forbidden ben",
        "refused Forbidden cy"
      ])
      yield* end
    })
  )

  it.effect("one rejection ends it, also by a principal who approved before", () =>
    Effect.gen(function* () {
      const { process, ran } = world(kind, { approvers: two })
      const { end, runtime } = yield* process()
      yield* start(runtime)
      const asked = yield* question(runtime)
      assert.strictEqual(yield* says(runtime, asked, ana), "1 given")
      assert.strictEqual(yield* says(runtime, asked, ana, Decision.reject()), "decided")
      assert.strictEqual(yield* says(runtime, asked, ben), "ApprovalResolved")
      assert.deepStrictEqual(ran, [])
      yield* log(runtime)
      yield* end
    })
  )

  it.effect("no change of the arguments is approved by one of several", () =>
    Effect.gen(function* () {
      const { process, ran } = world(kind, { approvers: two })
      const { end, runtime } = yield* process()
      yield* start(runtime)
      const asked = yield* question(runtime)
      assert.strictEqual(yield* says(runtime, asked, ana, Decision.revise({ euros: 1 })), "InvalidArguments")
      assert.strictEqual(yield* says(runtime, asked, ana), "1 given")
      assert.strictEqual(yield* says(runtime, asked, ben), "decided")
      assert.deepStrictEqual(ran, [5])
      yield* end
    })
  )

  it.effect("a grant is made when the quorum is reached, of what all of them allow", () =>
    Effect.gen(function* () {
      const { again, process, ran } = world(kind, { approvers: two, times: 3 })
      let { end, runtime } = yield* process()
      yield* start(runtime)
      const asked = yield* question(runtime)
      yield* says(runtime, asked, ana, Decision.approve({ scope: "thread", uses: 5 }))
      assert.deepStrictEqual(yield* runtime.grants.list(), [])
      ;({ end, runtime } = yield* again({ end, runtime }))
      yield* says(runtime, asked, ben, Decision.approve({ scope: "run", uses: 1 }))
      // One use was all that both allow: the third call is asked about.
      assert.deepStrictEqual(ran, [5, 5])
      const next = yield* question(runtime)
      assert.strictEqual(next.toolInvocationId, "c3")
      const acts = yield* history(runtime)
      const granted = acts.find((act) => act.kind === "granted")
      assert.deepInclude(granted, { by: "ana, ben", scope: "run", target: "pay", toolHash: asked.toolHash ?? "" })
      assert.deepInclude(
        acts.find((act) => act.kind === "used"),
        { grantId: granted?.grantId ?? "", toolInvocationId: "c2", toolHash: asked.toolHash ?? "" }
      )
      assert.strictEqual(acts.filter((act) => act.kind === "exhausted").length, 1)
      // One that gives a grant and one that does not allow this call only.
      yield* says(runtime, next, ana, Decision.approve({ scope: "thread" }))
      yield* says(runtime, next, ben)
      assert.deepStrictEqual(ran, [5, 5, 5])
      assert.deepStrictEqual(yield* runtime.grants.list(), [])
      yield* end
    })
  )

  it.effect("a predicate over principal and question decides; one that fails means no", () =>
    Effect.gen(function* () {
      const asked: Array<Approval.Request> = []
      const approvers: Approvers = {
        who: (principal, question) => {
          asked.push(question)
          if (principal.id === "cy") throw new Error("a predicate that throws")
          if (principal.id === "dan") return Promise.reject(new Error("no"))
          return Effect.succeed(principal.id === "ben")
        }
      }
      const { again, process, ran } = world(kind, { approvers })
      let { end, runtime } = yield* process()
      yield* start(runtime, ana)
      const one = yield* question(runtime)
      assert.deepStrictEqual(one.approvals, { quorum: 1, judged: true, given: 0 })
      assert.strictEqual(yield* says(runtime, one, ana), "Forbidden")
      assert.strictEqual(yield* says(runtime, one, cy), "Forbidden")
      assert.strictEqual(yield* says(runtime, one, { id: "dan" }), "Forbidden")
      ;({ end, runtime } = yield* again({ end, runtime }))
      assert.strictEqual(yield* says(runtime, one, ben), "decided")
      assert.deepStrictEqual(ran, [5])
      assert.deepInclude(asked[0], { id: one.id, payload: { euros: 5 }, requestedBy: "ana" })
      assert.isTrue(Object.isFrozen(asked[0]?.payload))
      const refusals = (yield* history(runtime)).filter((act) => act.kind === "refused")
      assert.deepStrictEqual(
        refusals.map(({ by, reason, toolHash }) => [by, reason, toolHash]).toSorted(),
        ["ana", "cy", "dan"].map((by) => [by, "Forbidden", one.toolHash])
      )
      yield* end
    })
  )

  it.effect("after a while the question is escalated, and its expiry is extended", () =>
    Effect.gen(function* () {
      const approvers: Approvers = {
        roles: ["clerk"],
        quorum: 2,
        escalate: { after: "10 minutes", to: { roles: ["treasurer"] } }
      }
      const { again, process, ran } = world(kind, { approvers, expiresIn: "1 hour" })
      let { end, runtime } = yield* process()
      yield* start(runtime)
      const asked = yield* question(runtime)
      assert.strictEqual((asked.expiresAt ?? 0) - (asked.approvals?.escalations?.[0]?.at ?? 0), 3_600_000)
      assert.strictEqual(yield* says(runtime, asked, ana), "Forbidden")
      assert.strictEqual(yield* says(runtime, asked, cy), "1 given")
      ;({ end, runtime } = yield* again({ end, runtime }))
      yield* TestClock.adjust("20 minutes")
      assert.deepInclude((yield* question(runtime)).approvals, { quorum: 1, roles: ["treasurer"], given: 0 })
      assert.strictEqual(yield* says(runtime, asked, { id: "dan", roles: ["clerk"] }), "Forbidden")
      assert.strictEqual(yield* says(runtime, asked, ana), "decided")
      assert.deepStrictEqual(ran, [5])
      const events = yield* log(runtime)
      const custom = events.flatMap(({ event }) => (event.type === "custom" ? [event.event_type] : []))
      assert.deepStrictEqual(custom, ["approval_given", "approval_escalated"])
      assert.include(yield* told(runtime), "escalated")
      yield* end
    })
  )

  it.effect("it expires when the others do not answer either", () =>
    Effect.gen(function* () {
      const approvers: Approvers = { roles: ["clerk"], escalate: { after: "10 minutes", to: { roles: ["treasurer"] } } }
      const { process, ran } = world(kind, { approvers, expiresIn: "1 hour" })
      const { end, runtime } = yield* process()
      yield* start(runtime)
      yield* question(runtime)
      yield* TestClock.adjust("69 minutes")
      yield* question(runtime)
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* runtime.pendingApprovals(), [])
      assert.deepStrictEqual(ran, [])
      assert.include(yield* told(runtime), "decided expired")
      yield* log(runtime)
      yield* end
    })
  )

  it.effect("an unattended runtime does not replace them", () =>
    Effect.gen(function* () {
      const { process, ran } = world(kind, { approvers: two, unattended: "approve" })
      const { end, runtime } = yield* process()
      yield* start(runtime)
      assert.deepStrictEqual(ran, [])
      assert.include(yield* told(runtime), "decided reject unattended")
      yield* end
    })
  )
})

describe("an answer that arrives at another process than the one that executes the run", () => {
  const onlyBen: Approvers = { who: ({ id }) => id === "ben" }
  const anybody: Approvers = { who: () => true }

  it.effect("is judged by the policy of the executing process", () =>
    Effect.gen(function* () {
      const { journal, process, ran } = world("journal", { approvers: onlyBen })
      const owner = yield* process(onlyBen)
      const other = yield* process(anybody, false)
      yield* start(owner.runtime)
      const asked = yield* question(other.runtime)
      const given = yield* Effect.forkChild(says(other.runtime, asked, ana))
      // The owner hears of it when it looks: this journal has no wakes.
      yield* TestClock.adjust("1 second")
      yield* owner.end
      const next = yield* process(onlyBen)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(given), "Forbidden")
      assert.deepStrictEqual(ran, [])
      assert.strictEqual(yield* says(next.runtime, asked, ben), "decided")
      assert.deepStrictEqual(ran, [5])
      assert.deepStrictEqual(Ordering.check(journal.log("run")), [])
      yield* Effect.andThen(next.end, other.end)
    })
  )

  it.effect("is stored while no process executes the run, and counts when one does", () =>
    Effect.gen(function* () {
      const { process, ran } = world("journal", { approvers: onlyBen })
      const owner = yield* process()
      yield* start(owner.runtime)
      const asked = yield* question(owner.runtime)
      yield* owner.end
      const client = yield* process(anybody, false)
      const given = yield* Effect.forkChild(says(client.runtime, asked, ben))
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* Fiber.join(given), "ApprovalUnjudged")
      assert.deepStrictEqual(ran, [])
      const next = yield* process()
      assert.deepStrictEqual(ran, [5])
      assert.include(yield* told(next.runtime), "answered approve ben")
      yield* Effect.andThen(next.end, client.end)
    })
  )
})

describe("approvers", () => {
  it.effect("are named by the tool, by its agent for the tool, or by its agent for all", () =>
    Effect.gen(function* () {
      const quorumOf = Effect.fnUntraced(function* (
        tool: Approvers | undefined,
        agent: Parameters<typeof Agent.make>[1]
      ) {
        const mine = tool === undefined ? Pay : Pay.annotate(ToolSettings.Approvers, tool)
        const kit = Toolkit.make(mine)
        const layer = Runtime.layer({ agents: [Agent.make("desk", { ...agent, toolkit: kit })] }).pipe(
          Layer.provide([
            kit.toLayer({ pay: () => Effect.succeed("paid") }),
            Layer.succeed(Model, ScriptedModel.make({ respond: respond(1) }))
          ])
        )
        return yield* Effect.scoped(
          Effect.gen(function* () {
            const runtime = Context.get(yield* Layer.build(layer), Runtime)
            yield* start(runtime)
            return (yield* question(runtime)).approvals?.quorum
          })
        )
      })
      const approvals = { pay: { approvers: { quorum: 4 } } }
      assert.strictEqual(yield* quorumOf({ quorum: 3 }, { approvals, approvers: { quorum: 2 } }), 4)
      assert.strictEqual(yield* quorumOf({ quorum: 3 }, { approvers: { quorum: 2 } }), 3)
      assert.strictEqual(yield* quorumOf(undefined, { approvers: { quorum: 2 } }), 2)
      assert.isUndefined(yield* quorumOf(undefined, {}))
    })
  )

  it.effect("that are invalid are refused when the layer is built", () =>
    Effect.gen(function* () {
      const endless: { quorum: number; escalate?: Approvers["escalate"] } = { quorum: 1 }
      endless.escalate = { after: 1, to: endless }
      const wrong: ReadonlyArray<Approvers> = [
        { quorum: 0 },
        { quorum: 1.5 },
        { escalate: { after: 0, to: {} } },
        { escalate: { after: Number.POSITIVE_INFINITY, to: {} } },
        endless
      ]
      for (const approvers of wrong) {
        const layer = Runtime.layer({ agents: [Agent.make("desk", { toolkit: Kit, approvers })] }).pipe(
          Layer.provide([
            Kit.toLayer({ pay: () => Effect.succeed("paid") }),
            Layer.succeed(Model, ScriptedModel.make({ replies: [] }))
          ])
        )
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(layer)))
        assert.include(String(Exit.isFailure(exit) ? exit.cause : ""), "the approvers of agent")
      }
    })
  )
})
