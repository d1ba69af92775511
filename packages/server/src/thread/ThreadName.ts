/**
 * Maps a thread's name between client and runtime. With per-tenant names, two tenants may use the same name without
 * finding out.
 */
import { type Approval, Envelope, type Event } from "@reins/protocol"

export interface Naming {
  readonly inner: (tenant: string, threadId: string) => string
  /** The client's name; `undefined` for another tenant's thread. */
  readonly outer: (tenant: string, inner: string) => string | undefined
}

/** The runtime's own names. */
export const shared: Naming = { inner: (_, threadId) => threadId, outer: (_, inner) => inner }

const prefix = (tenant: string): string => `${encodeURIComponent(tenant)}/`

/** Names prefixed with the tenant's. */
export const perTenant: Naming = {
  inner: (tenant, threadId) => prefix(tenant) + threadId,
  outer: (tenant, inner) => {
    const start = prefix(tenant)
    return inner.startsWith(start) ? inner.slice(start.length) : undefined
  }
}

/** A question with the thread as its tenant names it. */
export const question = (naming: Naming, request: Approval.Request): Approval.Request => {
  const threadId = naming.outer(request.resourceId, request.threadId)
  return threadId === undefined || threadId === request.threadId ? request : { ...request, threadId }
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
      outer = naming.outer(tenant, threadId) ?? threadId
    }
    return Envelope.make(seq, at, runId, outer, agentPath, event(naming, said))
  }
}
