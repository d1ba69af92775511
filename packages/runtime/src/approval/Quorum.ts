/**
 * Counts the answers to a question that names its approvers, each principal's once, until enough have approved or one
 * has rejected. Pure: an engine reads what is stored of the question, calls `cast` with a vote, and stores the result
 * in one transaction.
 *
 * Three kinds of names begin with the question's: a ballot for each level and principal, and, if there is a predicate,
 * the votes that were `tried` and `judged`. A vote is stored before it is judged, so that it also counts when the
 * process that executes the run is restarted later.
 */
import { Audit, type Json, Principal } from "@reins/protocol"
import * as Schema from "effect/Schema"
import { Answer, together } from "./Answer.ts"
import * as AuditStore from "./AuditStore.ts"

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
