/**
 * The stored answers to a question, and how those of several principals are counted and combined.
 *
 * The answers to a question that names its approvers are counted, each principal's once, until enough have approved or one
 * has rejected. Pure: an engine reads what is stored of the question, calls `cast` with a vote, and stores the result
 * in one transaction.
 *
 * Three kinds of names begin with the question's: a ballot for each level and principal, and, if there is a predicate,
 * the votes that were `tried` and `judged`. A vote is stored before it is judged, so that it also counts when the
 * process that executes the run is restarted later.
 */
import { Approval, Audit, Grant, type Json, Principal } from "@reins/protocol"
import * as Schema from "effect/Schema"
import * as AuditStore from "./AuditStore.ts"

const AnswerStruct = Schema.Struct({
  resolution: Approval.Resolution,
  args: Schema.optionalKey(Schema.Json),
  raise: Schema.optionalKey(Schema.Record(Schema.String, Schema.Finite)),
  grant: Schema.optionalKey(Grant.Grant)
})

/**
 * The stored answer: the content of its event, the arguments after a revision, the limits after a raise, the grant of a
 * wider scope.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Answer extends Schema.Schema.Type<typeof AnswerStruct> {}
export const Answer: Schema.Codec<Answer> = AnswerStruct

const reach = ["subtree", "run", "thread"] as const

/**
 * Combines the approvals of several principals. The result allows what all of them allow: the lowest raise of each
 * limit; and a grant only if each of them gave one and their matchers agree, with the narrowest scope and the lowest
 * limits.
 */
const together = (answers: readonly [Answer, ...ReadonlyArray<Answer>]): Answer => {
  const [first, ...rest] = answers
  if (rest.length === 0) return first
  const names = answers.flatMap(({ resolution: { by } }) => (by === undefined ? [] : [by]))
  const feedback = answers.flatMap(({ resolution }) => resolution.feedback ?? []).filter((said) => said !== "")
  const by = names.join(", ")
  const grant = grantOf(answers, by)
  const raise = raiseOf(answers)
  return {
    resolution: {
      id: first.resolution.id,
      outcome: { outcome: "approve" },
      ...(feedback.length === 0 ? {} : { feedback: feedback.join("\n") }),
      by,
      approvers: names,
      ...(grant === undefined ? {} : { scope: grant.scope, grantId: grant.id })
    },
    ...(raise === undefined ? {} : { raise }),
    ...(grant === undefined ? {} : { grant })
  }
}

const raiseOf = (answers: ReadonlyArray<Answer>): Answer["raise"] => {
  const all = answers.flatMap(({ raise }) => (raise === undefined ? [] : [raise]))
  const [first, ...rest] = all
  if (first === undefined || all.length < answers.length) return undefined
  return Object.fromEntries(
    Object.entries(first).flatMap(([limit, height]) => {
      const others = rest.map((raise) => (Object.hasOwn(raise, limit) ? raise[limit] : undefined))
      const heights = others.flatMap((other) => (other === undefined ? [] : [other]))
      return heights.length < rest.length ? [] : [[limit, Math.min(height, ...heights)]]
    })
  )
}

const grantOf = (answers: ReadonlyArray<Answer>, by: string): Grant.Grant | undefined => {
  const grants = answers.flatMap(({ grant }) => (grant === undefined ? [] : [grant]))
  const last = grants.at(-1)
  if (last === undefined || grants.length < answers.length) return undefined
  const matchers = new Map(
    grants.flatMap(({ matcher }) => (matcher === undefined ? [] : [[JSON.stringify(matcher), matcher] as const]))
  )
  if (matchers.size > 1) return undefined
  const [matcher] = matchers.values()
  const scope = reach.find((each) => grants.some((grant) => grant.scope === each)) ?? last.scope
  const usesLeft = lowest(grants.map((grant) => grant.usesLeft))
  const nanoUsdLeft = lowest(grants.map((grant) => grant.nanoUsdLeft))
  const expiresAt = lowest(grants.map((grant) => grant.expiresAt))
  const { id, agentPath, grantedAt, resourceId, runId, threadId, toolHash, toolName } = last
  return {
    id,
    scope,
    resourceId,
    threadId,
    runId,
    agentPath,
    toolName,
    toolHash,
    grantedAt,
    by,
    ...(matcher === undefined ? {} : { matcher }),
    ...(usesLeft === undefined ? {} : { usesLeft }),
    ...(nanoUsdLeft === undefined ? {} : { nanoUsdLeft }),
    ...(expiresAt === undefined ? {} : { expiresAt })
  }
}

const lowest = (all: ReadonlyArray<number | undefined>): number | undefined => {
  const known = all.flatMap((one) => (one === undefined ? [] : [one]))
  return known.length === 0 ? undefined : Math.min(...known)
}

const VoteStruct = Schema.Struct({
  name: Schema.String,
  ballots: Schema.String,
  ballot: Schema.String,
  tried: Schema.String,
  judged: Schema.String,
  principal: Principal,
  level: Schema.Natural,
  quorum: Schema.Natural,
  at: Schema.Natural,
  answer: Answer,
  about: Audit.About
}).annotate({ identifier: "Vote" })

/**
 * One principal's answer.
 *
 * **Details**
 * - `name`: of the question's wait; everything stored of the question begins with it.
 * - `ballots`, `ballot`: the prefix of its level's ballots, and the principal's own ballot.
 * - `tried`, `judged`: the names of the vote before, and of the result after the predicate has decided. Unique to this
 *   vote.
 * - `level`, `quorum`: its level, and how many approvals that needs.
 * - `about`: the common fields of its acts.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Vote extends Schema.Schema.Type<typeof VoteStruct> {}
export const Vote: Schema.Codec<Vote> = VoteStruct

const VotedUnion = Schema.Union([
  Schema.Struct({ _tag: Schema.Literal("Taken"), given: Schema.Natural }),
  Schema.Struct({ _tag: Schema.Literal("Counted"), given: Schema.Natural }),
  Schema.Struct({ _tag: Schema.Literal("Resolved"), value: Schema.Json }),
  Schema.Struct({ _tag: Schema.Literal("Forbidden") }),
  Schema.Struct({ _tag: Schema.Literal("Unknown") }),
  Schema.Struct({ _tag: Schema.Literal("Unjudged") })
])

/**
 * The result of a vote: it was the last that was needed, or a rejection (`Taken`); it was counted as one of several;
 * the question was already answered; the principal may not answer; the run is unknown or has ended; or no process was
 * available to judge it, and it is stored.
 *
 * @since 0.1.0
 * @category schemas
 */
export type Voted = typeof VotedUnion.Type
export const Voted: Schema.Codec<Voted> = VotedUnion

/**
 * The effect of a vote on the stored answers: the answers to add, all or none, and the acts to write with them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Amendment<A> {
  readonly value: A
  readonly puts: ReadonlyArray<readonly [name: string, value: Json]>
  readonly acts: ReadonlyArray<Audit.Act>
}

const isVote = Schema.is(Vote)
const isVoted = Schema.is(Voted)
const encode = Schema.encodeSync(Vote)
const nothing = <A>(value: A): Amendment<A> => ({ value, puts: [], acts: [] })

/**
 * The vote as it is stored.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toJson = (vote: Vote): Json => encode(vote)

/** The votes among stored answers, the oldest first. */
const votesAt = (answers: ReadonlyMap<string, Json>, prefix: string): ReadonlyArray<Vote> =>
  Array.from(answers)
    .flatMap(([name, value]) => (name.startsWith(prefix) && isVote(value) ? [value] : []))
    .toSorted((a, b) => a.at - b.at || (a.ballot < b.ballot ? -1 : 1))

/**
 * The approvals that were counted under `ballots`, the oldest first.
 *
 * @since 0.1.0
 * @category operations
 */
export const counted = (answers: ReadonlyMap<string, Json>, ballots: string): ReadonlyArray<Vote> =>
  votesAt(answers, ballots)

/**
 * The votes that were tried and not judged, the oldest first.
 *
 * @since 0.1.0
 * @category operations
 */
export const untried = (answers: ReadonlyMap<string, Json>, prefix: string): ReadonlyArray<Vote> =>
  votesAt(answers, prefix).filter(({ judged }) => !answers.has(judged))

/**
 * The judgement of a vote; `undefined` before.
 *
 * @since 0.1.0
 * @category operations
 */
export const judgement = (stored: Json | undefined): Voted | undefined => (isVoted(stored) ? stored : undefined)

/**
 * The effect of the vote on the question's stored `answers`. `isAllowed`: whether its principal may give it. A
 * principal who has approved is counted once, and may still reject.
 *
 * @since 0.1.0
 * @category operations
 */
export const cast = (answers: ReadonlyMap<string, Json>, vote: Vote, isAllowed: boolean): Amendment<Voted> => {
  const before = judgement(answers.get(vote.judged))
  if (before !== undefined) return nothing(before)
  const amendment = decide(answers, vote, isAllowed)
  return answers.has(vote.tried)
    ? { ...amendment, puts: [...amendment.puts, [vote.judged, Schema.encodeSync(Voted)(amendment.value)]] }
    : amendment
}

const decide = (answers: ReadonlyMap<string, Json>, vote: Vote, isAllowed: boolean): Amendment<Voted> => {
  const { about, answer, at, ballot, ballots, level, name, principal, quorum } = vote
  if (!isAllowed) {
    const act = AuditStore.refused(about, { attempt: vote.tried, at, principal, reason: "Forbidden" })
    return { value: { _tag: "Forbidden" }, puts: [], acts: [act] }
  }
  const final = answers.get(name)
  if (final !== undefined) return nothing({ _tag: "Resolved", value: final })
  const { outcome } = answer.resolution
  const others = counted(answers, ballots)
  const isRepeated = others.some((other) => other.ballot === ballot)
  const told = (given: number) =>
    AuditStore.answered(about, { at, principal, outcome, args: answer.args, level, quorum, given })
  if (endsAlone(vote)) {
    return {
      value: { _tag: "Taken", given: others.length },
      puts: [[name, Schema.encodeSync(Answer)(answer)]],
      acts: [told(others.length)]
    }
  }
  if (isRepeated) return nothing({ _tag: "Counted", given: others.length })
  const given = others.length + 1
  const mine: readonly [string, Json] = [ballot, toJson(vote)]
  if (given < quorum) return { value: { _tag: "Counted", given }, puts: [mine], acts: [told(given)] }
  const [first = answer, ...rest] = [...others.map((other) => other.answer), answer]
  return {
    value: { _tag: "Taken", given },
    puts: [mine, [name, Schema.encodeSync(Answer)(together([first, ...rest]))]],
    acts: [told(given)]
  }
}

/** Whether the answer is final without others: a rejection, or a plan's revision, after which nothing runs. */
const endsAlone = ({ answer, quorum }: Vote): boolean => {
  const { outcome } = answer.resolution.outcome
  return outcome !== "approve" && ((outcome !== "revise" && outcome !== "answer") || quorum > 1)
}
