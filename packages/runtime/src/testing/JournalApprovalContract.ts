/**
 * The part of the journal contract about votes and the audit record, also of grants. An act is stored once, in order, for its
 * tenant, if and only if what it records was stored.
 */
import type { Audit } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type * as AuditStore from "../approval/AuditStore.ts"
import type { JournalStore } from "../host/journal/JournalStore.ts"
import { answer, begin, type Clause, clause, commit, same, tagOf } from "./JournalSamples.ts"
import { claim, failure, grant, text } from "./JournalSamples.ts"

const act = (id: string, over: Partial<Audit.Act> = {}): Audit.Act => ({
  id,
  kind: "answered",
  at: 1000,
  resourceId: "tenant",
  threadId: "thread",
  runId: "run",
  by: "ana",
  ...over
})

const everything = 1000

const history = (store: JournalStore, query: Partial<AuditStore.AuditQuery> = {}) =>
  store.audit.read({ resourceId: "tenant", limit: everything, ...query })

const ids = (store: JournalStore, query?: Partial<AuditStore.AuditQuery>) =>
  Effect.map(history(store, query), ({ acts }) => acts.map(({ id }) => id))

const kinds = (store: JournalStore) =>
  Effect.map(history(store), ({ acts }) => acts.map(({ grantId, kind }) => `${kind} ${grantId}`))

/** Adds a vote, and the answer once there are `quorum` votes. */
const ballot = (store: JournalStore, name: string, quorum: number) =>
  Effect.orDie(
    store.amend("run", "approval/a1", 3000, (answers) => {
      const given = [...answers.keys()].filter((each) => each.startsWith("approval/a1/by/")).length + 1
      const final = given === quorum ? [["approval/a1", given] as const] : []
      return {
        value: answers.has("approval/a1") ? -1 : given,
        puts: answers.has("approval/a1") ? [] : [[`approval/a1/by/${name}`, name], ...final],
        acts: answers.has("approval/a1") ? [] : [act(`by ${name}`, { at: 3000, given })]
      }
    })
  )

/** Approvals and their acts. */
export const approvals: ReadonlyArray<Clause> = [
  clause("votes are counted one after the other, also when many arrive at once", (store) =>
    Effect.gen(function* () {
      yield* begin(store)
      const names = Array.from({ length: 8 }, (_, index) => `p${index}`)
      const given = yield* Effect.all(
        names.map((name) => ballot(store, name, 5)),
        { concurrency: "unbounded" }
      )
      yield* same(
        given.map((one) => one ?? 0).toSorted((a, b) => a - b),
        [-1, -1, -1, 1, 2, 3, 4, 5],
        "the count after each vote"
      )
      yield* same((yield* Effect.orDie(store.find("run", "approval/a1")))?.value, 5, "the answer")
      const stored = yield* Effect.orDie(store.answers("run", "approval/a1/by/"))
      yield* same(stored.size, 5, "the number of stored ballots")
      yield* same((yield* ids(store)).length, 5, "the number of acts")
    })
  ),
  clause("an amendment sees concurrent answers, and stores all of its changes or none", (store) =>
    Effect.gen(function* () {
      yield* begin(store)
      const amended = Effect.orDie(
        store.amend("run", "approval/a2", 3000, (answers) => ({
          value: answers.has("approval/a2") ? "late" : "first",
          puts: answers.has("approval/a2")
            ? []
            : [
                ["approval/a2/by/x", "x"],
                ["approval/a2", "amended"]
              ],
          acts: []
        }))
      )
      const [voted, answered] = yield* Effect.all([amended, answer(store, "approval/a2", "plain")], {
        concurrency: "unbounded"
      })
      const isFirst = voted === "first"
      yield* same(answered._tag, isFirst ? "Resolved" : "Taken", "the result of the other answer")
      const stored = yield* Effect.orDie(store.answers("run", "approval/a2"))
      yield* same(stored.get("approval/a2"), isFirst ? "amended" : "plain", "the answer")
      yield* same(stored.has("approval/a2/by/x"), isFirst, "that the ballot is stored only with its answer")
    })
  ),
  clause("an unknown or ended run cannot be amended, and its answers stay readable", (store) =>
    Effect.gen(function* () {
      const change = () => ({ value: "done", puts: [["approval/a1/by/x", "x"] as const], acts: [act("a")] })
      const amend = Effect.orDie(store.amend("run", "approval/a1", 3000, change))
      yield* same(yield* amend, undefined, "of an unknown run")
      const { epoch } = yield* begin(store)
      yield* same(yield* amend, "done", "of an open run")
      yield* commit(store, epoch, failure(1))
      const after = Effect.orDie(store.amend("run", "approval/a2", 3000, () => ({ ...change(), acts: [act("b")] })))
      yield* same(yield* after, undefined, "of a run that has ended")
      yield* same(
        [...(yield* Effect.orDie(store.answers("run", "approval/a"))).keys()],
        ["approval/a1/by/x"],
        "answers"
      )
      yield* same([...(yield* Effect.orDie(store.answers("run", "approval/a1/x"))).keys()], [], "under another prefix")
      yield* same(yield* ids(store), ["a"], "acts")
    })
  ),
  clause("an act is stored with its answer or its commit, and not when those are refused", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      const tell = (name: string, id: string) =>
        Effect.orDie(store.answer("run", name, "yes", 2000, [act(id, { at: 2000 })]))
      yield* tell("x", "first")
      yield* tell("x", "second")
      yield* commit(store, epoch, [text(1)], { acts: [act("third", { at: 3000 })] })
      const overtaken = store.commit({
        runId: "run",
        epoch: epoch - 1,
        envelopes: [],
        marks: [],
        acts: [act("fourth")]
      })
      yield* same(yield* tagOf(overtaken), "Fenced", "a commit of a fenced owner")
      yield* same(yield* ids(store), ["first", "third"], "the acts")
    })
  ),
  clause("an act is stored once, unchanged, and outlives its thread", (store) =>
    Effect.gen(function* () {
      const whole = act("a", {
        agentPath: ["planner#1"],
        approvalId: "apr",
        about: "tool",
        target: "refund",
        toolInvocationId: "c1",
        toolHash: "h",
        argsHash: "0",
        roles: ["x"],
        outcome: "approve",
        level: 1,
        quorum: 2,
        given: 1
      })
      yield* store.threads.begin("thread", "tenant", [])
      yield* store.audit.record([whole, act("a", { by: "somebody else" })])
      yield* store.audit.record([whole])
      yield* store.threads.remove("thread", "tenant")
      yield* same((yield* history(store)).acts, [whole], "the acts")
    })
  ),
  clause("the record is read by tenant, thread, run, principal and time, in order and in pages", (store) =>
    Effect.gen(function* () {
      const acts = [
        act("a", { at: 3000 }),
        act("b", { at: 1000, kind: "decided" }),
        act("c", { at: 1000, kind: "asked" }),
        act("d", { at: 2000, runId: "other", by: "ben" }),
        act("e", { at: 2000, threadId: "other" }),
        act("f", { at: 2000, resourceId: "foreign", by: "cy" })
      ]
      yield* store.audit.record(acts)
      const all = ["c", "b", "d", "e", "a"]
      yield* same(yield* ids(store), all, "a tenant's acts")
      yield* same(yield* ids(store, { resourceId: "foreign" }), ["f"], "another tenant's")
      yield* same(yield* ids(store, { principal: "cy" }), [], "the acts of another tenant's principal")
      yield* same(yield* ids(store, { threadId: "other" }), ["e"], "a thread's")
      yield* same(yield* ids(store, { runId: "other" }), ["d"], "a run's")
      yield* same(yield* ids(store, { principal: "ben" }), ["d"], "a principal's")
      yield* same(yield* ids(store, { since: 2000, until: 3000 }), ["d", "e"], "the acts within a time range")
      for (const limit of [1, 2, 5]) {
        const read: Array<string> = []
        let after: string | undefined
        do {
          const page: Audit.Page = yield* history(store, { limit, after })
          read.push(...page.acts.map(({ id }) => id))
          after = page.next
        } while (after !== undefined)
        yield* same(read, all, `the acts in pages of ${limit}`)
      }
      yield* same(yield* ids(store, { after: "no such place" }), all, "the acts after an invalid cursor")
    })
  ),
  clause("giving, using, exhausting and revoking a grant are each recorded once", (store) =>
    Effect.gen(function* () {
      const kept = store.grants
      if (kept === undefined) return
      yield* kept.add(grant("g1", { usesLeft: 2, by: "ana" }))
      yield* kept.add(grant("g1", { usesLeft: 2 }))
      yield* kept.claim("k1", { ...claim, toolInvocationId: "c1" }, 5000)
      yield* kept.claim("k1", { ...claim, toolInvocationId: "c1" }, 5001)
      yield* same(yield* kinds(store), ["granted g1", "used g1"], "after one use")
      const used = (yield* history(store)).acts[1]
      yield* same(
        [used?.by, used?.toolInvocationId, used?.toolHash, used?.at],
        ["ana", "c1", "h", 5000],
        "the fields of the acts"
      )
      yield* kept.claim("k2", claim, 6000)
      yield* kept.settle("k2", "g1", 0, 6000)
      yield* kept.add(grant("g2", { grantedAt: 6500, nanoUsdLeft: 5 }))
      yield* kept.settle("k3", "g2", 9, 7000)
      yield* kept.add(grant("g3", { grantedAt: 7500 }))
      yield* kept.revoke("g3", { at: 8000, by: "ben" })
      yield* kept.revoke("g3", { at: 9000, by: "cy" })
      yield* same(
        (yield* kinds(store)).slice(2),
        ["used g1", "exhausted g1", "granted g2", "exhausted g2", "granted g3", "revoked g3"],
        "the later acts"
      )
      yield* same(
        (yield* history(store, { principal: "ben" })).acts.map(({ kind }) => kind),
        ["revoked"],
        "by whom"
      )
    })
  )
]
