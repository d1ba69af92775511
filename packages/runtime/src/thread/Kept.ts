/**
 * What runs leave with their thread besides messages: the total of what they have used, and summaries of the thread's
 * beginning.
 */
import { Budget } from "@reins/protocol"
import * as Schema from "effect/Schema"

const SummaryStruct = Schema.Struct({ strategy: Schema.String, covers: Schema.Natural, text: Schema.String })

/**
 * A summary of the first `covers` messages of a thread, made by the compaction strategy of this name.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Summary extends Schema.Schema.Type<typeof SummaryStruct> {}
export const Summary: Schema.Codec<Summary> = SummaryStruct

const SummariesRecord = Schema.Record(Schema.String, Summary)

/**
 * The latest summaries of a thread, by the names of their agents.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Summaries extends Schema.Schema.Type<typeof SummariesRecord> {}
export const Summaries: Schema.Codec<Summaries> = SummariesRecord

const KeptStruct = Schema.Struct({ spent: Budget.Spent, summaries: Summaries }).annotate({ identifier: "ThreadKept" })

/**
 * What runs store with their thread: the total of what they have used, and the latest summary by the name of its agent.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Kept extends Schema.Schema.Type<typeof KeptStruct> {}
export const Kept: Schema.Codec<Kept> = KeptStruct

/**
 * The part of `kept` that stays when a thread is cut to its first `version` messages: what was spent stays spent.
 *
 * @since 0.1.0
 * @category operations
 */
export const keptAt = ({ spent, summaries }: Kept, version: number): Kept => ({
  spent,
  summaries: Object.fromEntries(Object.entries(summaries).filter(([, { covers }]) => covers <= version))
})
