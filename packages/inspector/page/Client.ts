/**
 * Requests to the native interface. The page lies at `…/inspector/`, so the interface is beside it; `?native=` of the
 * page's address names another path. The key is kept for this tab only.
 */
import type { Approval, Audit, CostReport, Decision, Envelope, Grant, ListedRun, Quota, Usage } from "@reins/protocol"
import { useCallback, useEffect, useState } from "react"

/** The path of the interface: on this server, whatever the page's address says, since the key is sent there. */
const baseOf = ({ pathname, search: given }: Location): string => {
  const named = new URLSearchParams(given).get("native")
  return named !== null && /^\/(?!\/)[\w./~-]*$/.test(named) ? named : pathname.replace(/\/inspector\/.*$/, "/native")
}

const base = baseOf(location)
const stored = "reins-inspector-key"

/** The key that requests are sent with. */
export const key = {
  get: (): string => sessionStorage.getItem(stored) ?? "",
  set: (value: string): void =>
    value === "" ? sessionStorage.removeItem(stored) : sessionStorage.setItem(stored, value)
}

/** What the server refused. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const messageOf = (text: string, status: number): string => {
  try {
    const { error } = JSON.parse(text)
    return typeof error?.message === "string" ? error.message : `The server answered ${status}`
  } catch {
    return `The server answered ${status}`
  }
}

/** A request; fails with what the server says. */
export const request = async (path: string, init: RequestInit = {}): Promise<Response> => {
  const headers = new Headers(init.headers)
  if (key.get() !== "") headers.set("authorization", `Bearer ${key.get()}`)
  const response = await fetch(`${base}${path}`, { ...init, headers })
  if (!response.ok) throw new Refused(response.status, messageOf(await response.text(), response.status))
  return response
}

const json = async <A>(path: string, init?: RequestInit): Promise<A> => {
  const response = await request(path, init)
  const text = await response.text()
  return text === "" ? ({} as A) : JSON.parse(text)
}

const post = <A>(path: string, body: unknown = {}) => json<A>(path, { method: "POST", body: JSON.stringify(body) })
const search = (query: { readonly [name: string]: string | number | undefined }): string => {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, `${value}`]]
  )
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`
}

/** A tool as the server describes it; `parameters` is JSON Schema. */
export interface Tool {
  readonly name: string
  readonly description?: string
  readonly parameters: unknown
}

export interface Agent {
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly tools: ReadonlyArray<Tool>
}

export interface RunDetail extends ListedRun.ListedRun {
  readonly text?: string
  readonly error?: { readonly message: string; readonly code: string }
  readonly approvals?: ReadonlyArray<Approval.Request>
}

export interface Thread {
  readonly threadId: string
  readonly agent: string
  readonly state: "idle" | "running"
  readonly createdAt: number
  readonly updatedAt: number
  readonly title?: string
  readonly runId?: string
}

export interface Said {
  readonly role: string
  readonly content: ReadonlyArray<{ readonly type: string; readonly [field: string]: unknown }>
}

/** How a replay went; see `POST /runs/:runId/replay`. */
export interface ReplayResult {
  readonly agent: string
  readonly events: number
  readonly identical: boolean
  readonly undigested?: number
  readonly others?: number
  readonly divergence?: {
    readonly seq: number
    readonly type?: string
    readonly agentPath: ReadonlyArray<string>
    readonly field: string
    readonly recorded?: unknown
    readonly replayed?: unknown
  }
}

/** The thread that goes on from an event of a run. `prompt`: what the run had yet to answer there. */
export interface RunForked {
  readonly threadId: string
  readonly prompt?: ReadonlyArray<{ readonly type: string; readonly [field: string]: unknown }>
}

/** A replaced end of a thread. */
export interface Branch {
  readonly branchId: string
  /** How many messages it shares with what it departs from. */
  readonly from: number
  readonly version: number
  readonly replacedAt: number
  readonly replacedBy?: string
}

export interface Self {
  readonly tenant: string
  readonly name?: string
  readonly roles?: ReadonlyArray<string>
  readonly sees: "all" | "order" | "own"
}

/** A web hook and how it does. `runId` and `dialect`: of one that a client has set for its run. */
export interface Webhook {
  readonly id: string
  readonly url: string
  readonly events: ReadonlyArray<string>
  readonly content: boolean
  readonly runId?: string
  readonly dialect?: string
  readonly waiting: number
  readonly failures: number
  readonly failingSince?: number
  readonly lastError?: string
  readonly acceptedAt?: number
  readonly lost: number
}

/** What a web hook has yet to be told. */
export interface Notice {
  readonly event: string
  readonly at: number
  readonly attempts: number
  readonly nextAt: number
  readonly run: { readonly runId: string; readonly threadId: string; readonly agent: string }
  readonly facts: { readonly [field: string]: unknown }
}

/** What agents remember. */
export interface Memory {
  readonly id: string
  readonly text: string
  readonly principal?: string
  readonly agent?: string
  readonly kind?: string
  readonly updatedAt: number
  readonly expiresAt?: number
  readonly runId?: string
}

/** A row of a run's ledger that is estimated. */
export interface Estimate {
  readonly agentPath: ReadonlyArray<string>
  readonly step: number
  readonly purpose?: string
  readonly provider: string
  readonly model: string
  readonly usage: Usage.Usage
  readonly costNanoUsd?: number
}

/** The requests that the views make. */
export const api = {
  self: () => json<Self>("/principal"),
  agents: () => json<{ readonly agents: ReadonlyArray<Agent> }>("/agents"),
  runs: (query: { readonly [name: string]: string | undefined }) => json<ListedRun.Page>(`/runs${search(query)}`),
  run: (runId: string) => json<RunDetail>(`/runs/${encodeURIComponent(runId)}`),
  cancel: (runId: string) => post(`/runs/${encodeURIComponent(runId)}/cancel`),
  raise: (runId: string, limits: { readonly [limit: string]: number }) =>
    post(`/runs/${encodeURIComponent(runId)}/budget`, { limits }),
  steer: (runId: string, content: string) => post(`/runs/${encodeURIComponent(runId)}/messages`, { message: content }),
  replay: (runId: string, agent: string | undefined) =>
    post<ReplayResult>(`/runs/${encodeURIComponent(runId)}/replay`, agent === undefined ? {} : { agent }),
  forkRun: (runId: string, seq: number | undefined) =>
    post<RunForked>(`/runs/${encodeURIComponent(runId)}/fork`, seq === undefined ? {} : { seq }),
  /** Starts a run, which goes on without this reader; returns its id. */
  query: async (body: { readonly prompt: unknown; readonly agent?: string; readonly threadId?: string }) => {
    const response = await request("/query", { method: "POST", body: JSON.stringify(body) })
    await response.body?.cancel()
    return response.headers.get("x-run-id") ?? ""
  },
  approvals: () => json<{ readonly approvals: ReadonlyArray<Approval.Request> }>("/approvals"),
  answer: (id: string, decision: Decision) => post(`/approvals/${encodeURIComponent(id)}`, decision),
  history: (query: { readonly [name: string]: string | undefined }) =>
    json<{ readonly acts: ReadonlyArray<Audit.Act>; readonly next?: string }>(`/approvals/history${search(query)}`),
  grants: () => json<{ readonly grants: ReadonlyArray<Grant.Grant> }>("/grants"),
  revoke: (id: string) => json(`/grants/${encodeURIComponent(id)}`, { method: "DELETE" }),
  deliver: (ticketId: string, result: { readonly value: unknown } | { readonly failure: unknown }) =>
    post(`/results/${encodeURIComponent(ticketId)}`, result),
  estimates: (runId: string) =>
    json<{ readonly estimates: ReadonlyArray<Estimate> }>(`/runs/${encodeURIComponent(runId)}/estimates`),
  correct: (runId: string, correction: { readonly [field: string]: unknown }) =>
    post<{ readonly costNanoUsd: number }>(`/runs/${encodeURIComponent(runId)}/corrections`, correction),
  memories: (query: { readonly [name: string]: string | undefined }) =>
    json<{ readonly memories: ReadonlyArray<Memory>; readonly next?: string }>(`/memories${search(query)}`),
  forget: (id: string) => json(`/memories/${encodeURIComponent(id)}`, { method: "DELETE" }),
  webhooks: () => json<{ readonly webhooks: ReadonlyArray<Webhook> }>("/webhooks"),
  addWebhook: (webhook: { readonly url: string; readonly events: ReadonlyArray<string>; readonly content: boolean }) =>
    post<Webhook & { readonly secret: string }>("/webhooks", webhook),
  rotateWebhook: (id: string) => post<{ readonly secret: string }>(`/webhooks/${encodeURIComponent(id)}/secret`),
  removeWebhook: (id: string) => json(`/webhooks/${encodeURIComponent(id)}`, { method: "DELETE" }),
  retryWebhook: (id: string) => post(`/webhooks/${encodeURIComponent(id)}/retry`),
  notices: (id: string) =>
    json<{ readonly notices: ReadonlyArray<Notice> }>(`/webhooks/${encodeURIComponent(id)}/notices`),
  quotas: () => json<{ readonly quotas: ReadonlyArray<Quota.Usage> }>("/quotas"),
  costs: (query: { readonly [name: string]: string | number | undefined }) =>
    json<CostReport.CostReport>(`/costs${search(query)}`),
  threads: (query: { readonly [name: string]: string | undefined }) =>
    json<{ readonly threads: ReadonlyArray<Thread>; readonly next?: string }>(`/threads${search(query)}`),
  thread: (threadId: string) =>
    json<Thread & { readonly messages: ReadonlyArray<Said> }>(`/threads/${encodeURIComponent(threadId)}`),
  deleteThread: (threadId: string) => json(`/threads/${encodeURIComponent(threadId)}`, { method: "DELETE" }),
  branches: (threadId: string) =>
    json<{ readonly branches: ReadonlyArray<Branch> }>(`/threads/${encodeURIComponent(threadId)}/branches`),
  branch: (threadId: string, branchId: string) =>
    json<{ readonly messages: ReadonlyArray<Said> }>(
      `/threads/${encodeURIComponent(threadId)}/branches/${encodeURIComponent(branchId)}`
    ),
  rewind: (threadId: string, to: number) => post(`/threads/${encodeURIComponent(threadId)}/rewind`, { to }),
  returnTo: (threadId: string, branchId: string) =>
    post(`/threads/${encodeURIComponent(threadId)}/branches/${encodeURIComponent(branchId)}/return`),
  fork: (threadId: string, of: { readonly at?: number; readonly branch?: string }) =>
    post<{ readonly threadId: string }>(`/threads/${encodeURIComponent(threadId)}/fork`, of)
}

/** Reads the lines of a stream of envelopes until it ends or `signal` aborts. */
const readLines = async (
  response: Response,
  onEnvelopes: (envelopes: ReadonlyArray<Envelope.Envelope>) => void
): Promise<void> => {
  const decoder = new TextDecoder()
  let rest = ""
  for await (const chunk of response.body ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n")
    rest = lines.pop() ?? ""
    const envelopes = lines.filter((line) => line.trim() !== "").map((line): Envelope.Envelope => JSON.parse(line))
    if (envelopes.length > 0) onEnvelopes(envelopes)
  }
}

/** Every event of a run, from `after` on, until it ends. Connects again where it breaks off. */
export const watch = async (
  runId: string,
  onEnvelopes: (envelopes: ReadonlyArray<Envelope.Envelope>) => void,
  signal: AbortSignal
): Promise<void> => {
  let after = 0
  const keep = (envelopes: ReadonlyArray<Envelope.Envelope>) => {
    after = envelopes.at(-1)?.seq ?? after
    onEnvelopes(envelopes)
  }
  for (let attempt = 0; !signal.aborted; attempt++) {
    const before = after
    try {
      const path = `/runs/${encodeURIComponent(runId)}/events?view=all&format=ndjson&after=${after}`
      await readLines(await request(path, { signal }), keep)
      return
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof Refused || attempt > 5) throw error
      if (after > before) attempt = 0
      await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** attempt))
    }
  }
}

/** What is asked, as it is now. */
export interface Asked<A> {
  readonly value: A | undefined
  readonly error: Error | undefined
  readonly isLoading: boolean
  readonly again: () => void
}

/** Asks when `ask` changes, on `again`, and every `everyMs` while the page is visible. */
export const useAsked = <A>(ask: () => Promise<A>, deps: ReadonlyArray<unknown>, everyMs?: number): Asked<A> => {
  const [state, setState] = useState<Omit<Asked<A>, "again">>({ value: undefined, error: undefined, isLoading: true })
  const [turn, setTurn] = useState(0)
  const again = useCallback(() => setTurn((before) => before + 1), [])
  useEffect(() => {
    let isCurrent = true
    setState((before) => ({ ...before, isLoading: true }))
    ask().then(
      (value) => isCurrent && setState({ value, error: undefined, isLoading: false }),
      (error: Error) => isCurrent && setState((before) => ({ value: before.value, error, isLoading: false }))
    )
    return () => {
      isCurrent = false
    }
    // `ask` is a new function each time; what it depends on is in `deps`.
  }, [...deps, turn])
  useEffect(() => {
    if (everyMs === undefined) return undefined
    const timer = setInterval(() => document.visibilityState === "visible" && again(), everyMs)
    return () => clearInterval(timer)
  }, [again, everyMs])
  return { ...state, again }
}
