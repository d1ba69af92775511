/**
 * A thread's title, metadata, and votes on its messages. Stored with the thread; not sent to models.
 */
import type { Json } from "@reins/protocol"
import * as Schema from "effect/Schema"

const VoteStruct = Schema.Struct({ messageId: Schema.String, isUp: Schema.Boolean })

/**
 * A vote on the message of this id, which is the client's.
 *
 * @since 0.1.0
 * @category models
 */
export interface ThreadVote extends Schema.Schema.Type<typeof VoteStruct> {}

const DescriptionStruct = Schema.Struct({
  title: Schema.optionalKey(Schema.String),
  metadata: Schema.optionalKey(Schema.Json),
  votes: Schema.optionalKey(Schema.Array(VoteStruct))
}).annotate({ identifier: "ThreadDescription" })

/**
 * The description of a thread. `votes` has at most one per message.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface ThreadDescription extends Schema.Schema.Type<typeof DescriptionStruct> {}
export const ThreadDescription: Schema.Codec<ThreadDescription> = DescriptionStruct

/**
 * A change: an absent member is unchanged, `undefined` removes it. Votes replace earlier ones on the same messages;
 * others stay.
 *
 * @since 0.1.0
 * @category models
 */
export interface DescriptionChange {
  readonly title?: string | undefined
  readonly metadata?: Json | undefined
  readonly votes?: ReadonlyArray<ThreadVote> | undefined
}

/**
 * The description after a change. Pure.
 *
 * @since 0.1.0
 * @category operations
 */
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

/**
 * Whether the description is empty.
 *
 * @since 0.1.0
 * @category guards
 */
export const isEmpty = ({ metadata, title, votes }: ThreadDescription): boolean =>
  title === undefined && metadata === undefined && votes === undefined
