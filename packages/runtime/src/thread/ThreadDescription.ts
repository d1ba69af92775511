/**
 * What people and programs say of a thread: its title, metadata, and votes on its messages. Kept with the thread; no model reads it.
 */
import type { Json } from "@reins/protocol"
import * as Schema from "effect/Schema"

const VoteStruct = Schema.Struct({ messageId: Schema.String, isUp: Schema.Boolean })

/** A vote on the message of this id, which is the client's. */
export interface ThreadVote extends Schema.Schema.Type<typeof VoteStruct> {}

const DescriptionStruct = Schema.Struct({
  title: Schema.optionalKey(Schema.String),
  metadata: Schema.optionalKey(Schema.Json),
  votes: Schema.optionalKey(Schema.Array(VoteStruct))
}).annotate({ identifier: "ThreadDescription" })

/** What is said of a thread. What is absent was not said; `votes` has at most one of each message. */
export interface ThreadDescription extends Schema.Schema.Type<typeof DescriptionStruct> {}
export const ThreadDescription: Schema.Codec<ThreadDescription> = DescriptionStruct

/**
 * What is said from now on: a member that is absent stays as it is, `undefined` removes it. Votes take the place of earlier ones on the same
 * messages; others stay.
 */
export interface DescriptionChange {
  readonly title?: string | undefined
  readonly metadata?: Json | undefined
  readonly votes?: ReadonlyArray<ThreadVote> | undefined
}

/** The description after a change. Pure. */
export const changed = (before: ThreadDescription, change: DescriptionChange): ThreadDescription => {
  const title = "title" in change ? change.title : before.title
  const metadata = "metadata" in change ? change.metadata : before.metadata
  const votes = "votes" in change ? voted(before.votes, change.votes) : before.votes
  return {
    ...(title === undefined ? {} : { title }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(votes === undefined || votes.length === 0 ? {} : { votes })
  }
}

const voted = (before: ReadonlyArray<ThreadVote> = [], given: ReadonlyArray<ThreadVote> | undefined) => {
  if (given === undefined) return undefined
  const all = new Map([...before, ...given].map((vote) => [vote.messageId, vote]))
  return [...all.values()]
}

/** Whether nothing is said. */
export const isEmpty = ({ metadata, title, votes }: ThreadDescription): boolean =>
  title === undefined && metadata === undefined && votes === undefined
