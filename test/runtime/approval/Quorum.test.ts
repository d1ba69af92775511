/** The result of votes, in any order. */
import { assert, describe, it } from "@effect/vitest"
import type { Grant, Json } from "@reins/protocol"
import { Names, Quorum } from "@reins/runtime/journal"
import { Schema } from "effect"

const about = { resourceId: "tenant", threadId: "thread", runId: "run", approvalId: "q" }

type Says = "approve" | "reject"

const principals = ["ana", "ben", "cy", "dan"] as const

const vote = (
  who: string,
  says: Says,
  level: number,
  quorum: number,
  index: number,
  grant?: Grant.Grant
): Quorum.Vote => ({
  ...Names.vote("q", level, who, `t${index}`),
  principal: { id: who },
  level,
  quorum,
  at: index,
  answer: {
    resolution: { id: "q", outcome: { outcome: says }, by: who },
    ...(grant === undefined ? {} : { grant })
  },
  about
})

const apply = (answers: Map<string, Json>, one: Quorum.Vote, isAllowed: boolean) => {
  const { acts, puts, value } = Quorum.cast(answers, one, isAllowed)
  for (const [name, stored] of puts) {
    assert.isFalse(answers.has(name), "an answer is never replaced")
    answers.set(name, stored)
  }
  return { acts, value }
}

const step = Schema.Struct({
  who: Schema.Literals(principals),
  says: Schema.Literals(["approve", "Approve", "reject"]),
  level: Schema.Literals([0, 1]),
  isAllowed: Schema.Boolean,
  isSurely: Schema.Boolean,
  isTried: Schema.Boolean
})

const small = Schema.Natural.check(Schema.isLessThanOrEqualTo(9))
const limit = Schema.NullOr(small)
const drawnGrant = Schema.Struct({
  scope: Schema.Literals(["run", "thread", "subtree"]),
  uses: limit,
  money: limit,
  expiresAt: limit,
  matcher: Schema.Literals(["any", "anything", "five", "six"]),
  isGiven: Schema.Literals([true, true, true, false])
})

const matcherOf = (drawn: typeof drawnGrant.Type.matcher): Json | undefined =>
  drawn === "five" ? { euros: 5 } : drawn === "six" ? { euros: 6 } : undefined

describe("votes", () => {
  it.prop(
    "are decided exactly when enough different principals of one level have approved, or one has rejected",
    { steps: Schema.Array(step).check(Schema.isMaxLength(12)), quorum: Schema.Literals([1, 2, 3, 4]) },
    ({ quorum, steps }) => {
      const answers = new Map<string, Json>()
      const approved = new Map<number, Set<string>>()
      let isDecided = false
      for (const [index, { isSurely, isTried, level, who, ...drawn }] of steps.entries()) {
        const isAllowed = isSurely || drawn.isAllowed
        const says = drawn.says === "reject" ? "reject" : "approve"
        const one = vote(who, says, level, quorum, index)
        if (isTried) answers.set(one.tried, Quorum.toJson(one))
        const { acts, value } = apply(answers, one, isAllowed)
        // Judged once: the same vote again changes nothing.
        if (isTried) assert.deepStrictEqual(apply(answers, one, !isAllowed), { acts: [], value })
        if (!isAllowed) {
          assert.strictEqual(value._tag, "Forbidden")
          assert.deepInclude(acts[0], { kind: "refused", reason: "Forbidden", by: who })
          continue
        }
        if (isDecided) {
          assert.strictEqual(value._tag, "Resolved")
          continue
        }
        const mine = approved.get(level) ?? new Set()
        const isNew = !mine.has(who)
        if (says === "approve") approved.set(level, mine.add(who))
        isDecided = says === "reject" || mine.size >= quorum
        assert.strictEqual(value._tag, isDecided ? "Taken" : "Counted")
        assert.lengthOf(acts, says === "reject" || isNew ? 1 : 0)
        assert.strictEqual(answers.has("approval/q"), isDecided)
      }
    }
  )

  it.prop(
    "give a grant that allows only what all of them allow",
    { drawn: Schema.Array(drawnGrant).check(Schema.isMinLength(2), Schema.isMaxLength(4)) },
    ({ drawn }) => {
      const answers = new Map<string, Json>()
      const given = drawn.map((each, index): Grant.Grant | undefined =>
        !each.isGiven
          ? undefined
          : {
              id: `g${index}`,
              scope: each.scope,
              resourceId: "tenant",
              threadId: "thread",
              runId: "run",
              agentPath: [],
              toolName: "pay",
              toolHash: "h",
              grantedAt: index,
              ...(each.uses === null ? {} : { usesLeft: each.uses }),
              ...(each.money === null ? {} : { nanoUsdLeft: each.money }),
              ...(each.expiresAt === null ? {} : { expiresAt: each.expiresAt }),
              ...(matcherOf(each.matcher) === undefined ? {} : { matcher: matcherOf(each.matcher) ?? null })
            }
      )
      for (const [index, grant] of given.entries()) {
        apply(answers, vote(principals[index] ?? "x", "approve", 0, drawn.length, index, grant), true)
      }
      const final = answers.get("approval/q")
      assert.isTrue(typeof final === "object" && final !== null && "resolution" in final)
      const made = "grant" in Object(final) ? Object(final).grant : undefined
      const matchers = new Set(drawn.map(({ matcher }) => matcher).filter((each) => matcherOf(each) !== undefined))
      const isMade = drawn.every(({ isGiven }) => isGiven) && matchers.size <= 1
      assert.strictEqual(made !== undefined, isMade)
      if (made === undefined) return
      const reach = ["subtree", "run", "thread"]
      for (const each of given) {
        assert.isAtMost(reach.indexOf(made.scope), reach.indexOf(each?.scope ?? "subtree"))
        assert.isAtMost(made.usesLeft ?? Infinity, each?.usesLeft ?? Infinity)
        assert.isAtMost(made.nanoUsdLeft ?? Infinity, each?.nanoUsdLeft ?? Infinity)
        assert.isAtMost(made.expiresAt ?? Infinity, each?.expiresAt ?? Infinity)
        if (each?.matcher !== undefined) assert.deepStrictEqual(made.matcher, each.matcher)
      }
    }
  )
})
