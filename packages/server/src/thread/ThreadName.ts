/**
 * Maps a thread's name between client and runtime. With per-tenant names, two tenants may use the same name without
 * finding out; threads of a tenant that were begun at a terminal or by the program are found by their plain names.
 */
import { type Approval, Envelope, type Event } from "@reins/protocol"
import { type RuntimeShape, ThreadName } from "@reins/runtime"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

export interface Naming {
  /** The runtime's name of the tenant's thread, or the one that a new thread of this name gets. */
  readonly inner: (tenant: string, threadId: string) => Effect.Effect<string>
  /** The client's name of a thread of the tenant. */
  readonly outer: (tenant: string, inner: string) => string
  /** Notes that the server has just made this id for a thread of the tenant, so that no store is asked for it. */
  readonly made: (tenant: string, threadId: string) => void
}

/** The runtime's own names. */
export const shared: Naming = {
  inner: (_, threadId) => Effect.succeed(threadId),
  outer: (_, inner) => inner,
  made: () => undefined
}

/** How many names are remembered, and for how long those of threads that this server has not made, in milliseconds. */
const [most, briefly] = [1000, 2000]

/** Names prefixed with the tenant's, unless only a thread with the plain name is there. */
export const perTenant = ({ threads }: Pick<RuntimeShape, "threads">): Naming => {
  const known = new Map<string, { readonly inner: string; readonly until: number }>()
  const remember = (own: string, inner: string, until: number) => {
    known.delete(own)
    known.set(own, { inner, until })
    const [oldest] = known.keys()
    if (known.size > most && oldest !== undefined) known.delete(oldest)
  }
  const exists = (tenant: string) => (threadId: string) =>
    Effect.gen(function* () {
      if ((yield* threads.info(threadId, { resourceId: tenant })) !== undefined) return true
      return threads.notes !== undefined && (yield* threads.notes.version({ threadId, resourceId: tenant })) > 0
    })
  return {
    outer: ThreadName.shown,
    inner: Effect.fnUntraced(function* (tenant, threadId) {
      const own = ThreadName.qualified(tenant, threadId)
      const now = yield* Clock.currentTimeMillis
      const before = known.get(own)
      if (before !== undefined && now < before.until) return before.inner
      const found = yield* ThreadName.find(tenant, threadId, exists(tenant))
      remember(own, found ?? own, found === own ? Infinity : now + briefly)
      return found ?? own
    }),
    made(tenant, threadId) {
      const own = ThreadName.qualified(tenant, threadId)
      remember(own, own, Infinity)
    }
  }
}

/** A question with the thread as its tenant names it. */
export const question = (naming: Naming, request: Approval.Request): Approval.Request => {
  const threadId = naming.outer(request.resourceId, request.threadId)
  return threadId === request.threadId ? request : { ...request, threadId }
}

const event = (naming: Naming, said: Event): Event =>
  said.type === "approval-required" ? { ...said, data: question(naming, said.data) } : said

/** Envelopes with the thread as `tenant` names it. Create one per reader: it caches the name of the thread it reads. */
export const envelopes = (naming: Naming, tenant: string): ((envelope: Envelope.Envelope) => Envelope.Envelope) => {
  if (naming === shared) return (envelope) => envelope
  let inner: string | undefined
  let outer = ""
  return (envelope) => {
    const { agentPath, at, event: said, runId, seq, threadId } = envelope
    if (threadId !== inner) {
      inner = threadId
      outer = naming.outer(tenant, threadId)
    }
    return Envelope.make(seq, at, runId, outer, agentPath, event(naming, said))
  }
}
