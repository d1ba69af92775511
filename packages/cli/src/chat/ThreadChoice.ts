/**
 * Which thread of the store a name on the command line means: one that was begun at a terminal, or over HTTP by the same
 * tenant. Both are shown by the name that their users know.
 */
import { type RuntimeShape, ThreadName } from "@reins/runtime"
import * as Effect from "effect/Effect"

/** The tenant of runs that a terminal starts, and of a server without keys. */
export const tenant = "default"

/** The stored name of the thread that is shown as `name`; `name` itself where there is none, for a new one. */
export const stored = (
  { threads }: Pick<RuntimeShape, "threads">,
  name: string,
  resourceId = tenant
): Effect.Effect<string> =>
  Effect.map(
    ThreadName.find(resourceId, name, (stored) =>
      Effect.map(threads.info(stored, { resourceId }), (info) => info !== undefined)
    ),
    (found) => found ?? name
  )

/** A thread's name as it is shown. */
export const shown = (threadId: string, resourceId = tenant): string => ThreadName.shown(resourceId, threadId)
