/**
 * The port for web hooks and their outbox. A store writes a notice for each web hook in the commit
 * of its event, so that none is lost with a process. A sender leases a web hook, so that several
 * processes share the work; sending itself is in `@reins/server`. `MemoryWebhooks` keeps both in memory.
 */
import { type AgentPath, type Approval, type Envelope, ListedRun } from "@reins/protocol"
import * as Effect from "effect/Effect"
import {
  type NewNotice,
  type Notice,
  noticeOfEnd,
  noticeOfQuestion,
  recovering,
  type StoredWebhook
} from "./Webhook.ts"

/**
 * A web hook and how it does. Times are epoch milliseconds.
 *
 * **Details**
 * - `waiting`: how many notices it has yet to be told, the oldest of `oldestAt`.
 * - `failures`, `failingSince`, `lastError`: of the attempts since the last accepted one; 0 and absent: none failed.
 * - `acceptedAt`: when something was accepted last; absent: nothing was yet.
 * - `lost`: how many notices were given up.
 *
 * @since 0.2.0
 * @category models
 */
export interface WebhookStanding {
  readonly webhook: StoredWebhook
  readonly waiting: number
  readonly oldestAt?: number | undefined
  readonly failures: number
  readonly failingSince?: number | undefined
  readonly lastError?: string | undefined
  readonly acceptedAt?: number | undefined
  readonly lost: number
}

/**
 * How many web hooks and notices there are, of all tenants.
 *
 * **Details**
 * - `waiting`: notices that web hooks have yet to be told, the oldest of `oldestAt` (epoch milliseconds).
 * - `failing`: web hooks whose last attempt failed, without those of runs.
 * - `ofRuns`, `ofRunsFailing`: web hooks of runs, and those of them whose last attempt failed.
 *
 * @since 0.2.0
 * @category models
 */
export interface WebhookCount {
  readonly waiting: number
  readonly oldestAt?: number | undefined
  readonly failing: number
  readonly ofRuns: number
  readonly ofRunsFailing: number
}

/**
 * A leased web hook. `toldSeq`: the last event of its run that was sent to it (of `push`).
 *
 * @since 0.2.0
 * @category models
 */
export interface LeasedWebhook {
  readonly webhook: StoredWebhook
  readonly toldSeq: number
  readonly failures: number
  readonly failingSince?: number | undefined
}

/**
 * Who leases web hooks, and until when. `known`: the ids of web hooks of settings that this process can sign for.
 * `protocols`: whether it sends to those that clients of protocols have set.
 *
 * @since 0.2.0
 * @category models
 */
export interface WebhookLease {
  readonly owner: string
  readonly now: number
  readonly until: number
  readonly known: ReadonlyArray<string>
  readonly protocols: boolean
  readonly limit: number
}

/**
 * How the work of a lease ended. `failure`: why the last attempt failed; absent: none did. `nextAt`: the web hook is
 * not leased before; absent: at once, if there is anything to tell.
 *
 * @since 0.2.0
 * @category models
 */
export interface WebhookOutcome {
  readonly at: number
  readonly nextAt?: number | undefined
  readonly failure?: string | undefined
  /** Whether anything was accepted. */
  readonly accepted: boolean
}

/**
 * Stores web hooks and notices; see the header of this file. A failure of the store is a defect.
 *
 * @since 0.2.0
 * @category models
 */
export interface WebhookStore {
  /** Stores a web hook, or replaces the one of its id, which keeps its notices and its standing. */
  readonly put: (webhook: StoredWebhook, toldSeq?: number) => Effect.Effect<void>
  /**
   * Stores a web hook as a new one, in place of one of its id, unless `most` others are there: of its run, or, for one of no
   * run, those of its tenant that callers have added. False when they are, and nothing was changed. Adds at the same time, in
   * any process, store no more than that.
   */
  readonly add: (webhook: StoredWebhook, most: number, toldSeq?: number) => Effect.Effect<boolean>
  /**
   * Makes `secret` the current one, and keeps the one before beside it. Ends a lease, so that what is sent next is signed
   * with both. False when there is no such web hook, or it has no secrets of its own.
   */
  readonly rotate: (id: string, secret: string, resourceId?: string) => Effect.Effect<boolean>
  /**
   * Deletes a web hook with its notices. With `resourceId`, only that tenant's, and none of the settings. False when
   * there is none.
   */
  readonly remove: (id: string, resourceId?: string) => Effect.Effect<boolean>
  /**
   * Web hooks in order of creation: of a tenant, or of every tenant and those of all; of one run, with `isOfRun` those
   * of any run, otherwise those of none. `id`: the one of that id, of a run or none. `limit`: the most of them; absent:
   * all.
   */
  readonly list: (query: {
    readonly resourceId?: string | undefined
    readonly id?: string | undefined
    readonly runId?: string | undefined
    readonly isOfRun?: boolean | undefined
    readonly limit?: number | undefined
  }) => Effect.Effect<ReadonlyArray<WebhookStanding>>
  /** Counts web hooks and notices. It reads no rows into the process, so that it may be called every few seconds. */
  readonly count: Effect.Effect<WebhookCount>
  /**
   * Makes all notices of the web hook due at `now`, however often they have failed. With `resourceId`, only that
   * tenant's, and none of the settings. False when there is none.
   */
  readonly retry: (id: string, now: number, resourceId?: string) => Effect.Effect<boolean>
  /** Leases web hooks that are not leased and have due notices. */
  readonly lease: (lease: WebhookLease) => Effect.Effect<ReadonlyArray<LeasedWebhook>>
  /** Extends a lease. False when another process has it, or the web hook is gone. */
  readonly extend: (id: string, owner: string, until: number) => Effect.Effect<boolean>
  /** Ends a lease, if `owner` still has it. */
  readonly release: (id: string, owner: string, outcome: WebhookOutcome) => Effect.Effect<void>
  /** Notices of a web hook that are due at `now`, the longest due first. */
  readonly due: (id: string, now: number, limit: number) => Effect.Effect<ReadonlyArray<Notice>>
  /** The notice was accepted: it is deleted. */
  readonly accepted: (notice: Notice) => Effect.Effect<void>
  /** The attempt to send the notice failed. `nextAt`: when it is sent again; absent: it is given up and deleted. */
  readonly refused: (notice: Notice, nextAt: number | undefined) => Effect.Effect<void>
  /** What was sent to the run's web hook. */
  readonly told: (id: string, seq: number) => Effect.Effect<void>
}

interface Row {
  webhook: StoredWebhook
  toldSeq: number
  failures: number
  failingSince: number | undefined
  lastError: string | undefined
  acceptedAt: number | undefined
  lost: number
  nextAt: number
  owner: string | undefined
  until: number
  readonly notices: Map<string, Notice>
}

const keyOf = ({ name, run }: Notice): string => JSON.stringify([run.runId, name])

/** Whether two web hooks count together where their number is limited. */
const isBeside = ({ id, resourceId, runId, source }: StoredWebhook, other: StoredWebhook): boolean =>
  other.id !== id &&
  other.runId === runId &&
  (runId !== undefined || (other.resourceId === resourceId && other.source === source))

/** Whether web hooks of `query` include it. */
const isListed = (
  webhook: StoredWebhook,
  { id, isOfRun = false, resourceId, runId }: Parameters<WebhookStore["list"]>[0]
): boolean => {
  if (resourceId !== undefined && webhook.resourceId !== resourceId) return false
  if (id !== undefined) return webhook.id === id
  return isOfRun && runId === undefined ? webhook.runId !== undefined : webhook.runId === runId
}

/**
 * Web hooks in memory, with their outbox: lost with the process.
 *
 * @since 0.2.0
 * @category models
 */
export class MemoryWebhooks implements WebhookStore {
  private readonly rows = new Map<string, Row>()

  /** A run asks, synchronously. */
  asked(run: Notice["run"] | undefined, request: Approval.Request, path: AgentPath.AgentPath, at: number): void {
    if (run !== undefined && this.rows.size > 0) this.tell(run, noticeOfQuestion(request, path, at))
  }

  /** A run has ended, with these last events, synchronously. */
  ended(run: Notice["run"] | undefined, last: ReadonlyArray<Envelope.Envelope>): void {
    if (run === undefined || this.rows.size === 0) return
    const end = ListedRun.endOf(last)
    if (end !== undefined) this.tell(run, noticeOfEnd(end))
  }

  /** Adds a notice of a run, synchronously. */
  tell(run: Notice["run"], told: NewNotice): void {
    for (const { notices, webhook } of this.rows.values()) {
      if (webhook.resourceId !== undefined && webhook.resourceId !== run.resourceId) continue
      if (webhook.runId !== undefined || !webhook.events.includes(told.event)) continue
      const { agent, principal, resourceId, runId, startedAt, threadId } = run
      const about = { runId, threadId, resourceId, agent, ...(principal === undefined ? {} : { principal }), startedAt }
      const notice: Notice = { ...told, webhookId: webhook.id, attempts: 0, nextAt: told.at, run: about }
      if (!notices.has(keyOf(notice))) notices.set(keyOf(notice), notice)
    }
  }

  /** Deletes web hooks and notices of runs; returns how many there were. */
  forget(runs: ReadonlySet<string>): number {
    let count = 0
    for (const { notices, webhook } of this.rows.values()) {
      for (const [key, notice] of notices) if (runs.has(notice.run.runId) && notices.delete(key)) count++
      if (webhook.runId !== undefined && runs.has(webhook.runId) && this.rows.delete(webhook.id)) count++
    }
    return count
  }

  readonly put = (webhook: StoredWebhook, toldSeq = 0): Effect.Effect<void> =>
    Effect.sync(() => {
      const row = this.rows.get(webhook.id)
      if (row !== undefined) row.webhook = { ...webhook, createdAt: row.webhook.createdAt }
      else {
        this.rows.set(webhook.id, {
          webhook,
          toldSeq,
          failures: 0,
          failingSince: undefined,
          lastError: undefined,
          acceptedAt: undefined,
          lost: 0,
          nextAt: 0,
          owner: undefined,
          until: 0,
          notices: new Map()
        })
      }
    })

  readonly add = (webhook: StoredWebhook, most: number, toldSeq = 0): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      const others = Array.from(this.rows.values()).filter((row) => isBeside(webhook, row.webhook))
      if (others.length >= most) return Effect.succeed(false)
      this.rows.delete(webhook.id)
      return Effect.as(this.put(webhook, toldSeq), true)
    })

  readonly rotate = (id: string, secret: string, resourceId?: string): Effect.Effect<boolean> =>
    Effect.sync(() => {
      const row = this.of(id, resourceId)
      if (row?.webhook.source !== "api") return false
      row.webhook = { ...row.webhook, secrets: [secret, ...row.webhook.secrets.slice(0, 1)] }
      row.owner = undefined
      row.until = 0
      return true
    })

  readonly remove = (id: string, resourceId?: string): Effect.Effect<boolean> =>
    Effect.sync(() => {
      return this.managed(id, resourceId) !== undefined && this.rows.delete(id)
    })

  readonly list: WebhookStore["list"] = (query) =>
    Effect.sync(() =>
      Array.from(this.rows.values())
        .filter(({ webhook }) => isListed(webhook, query))
        .toSorted((a, b) => a.webhook.createdAt - b.webhook.createdAt || (a.webhook.id < b.webhook.id ? -1 : 1))
        .slice(0, query.limit ?? Infinity)
        .map(({ acceptedAt, failingSince, failures, lastError, lost, notices, webhook }) => ({
          webhook,
          waiting: notices.size,
          ...(notices.size === 0 ? {} : { oldestAt: Math.min(...Array.from(notices.values(), ({ at }) => at)) }),
          failures,
          ...(failingSince === undefined ? {} : { failingSince }),
          ...(lastError === undefined ? {} : { lastError }),
          ...(acceptedAt === undefined ? {} : { acceptedAt }),
          lost
        }))
    )

  readonly count: Effect.Effect<WebhookCount> = Effect.sync(() => {
    let [waiting, oldestAt, failing, ofRuns, ofRunsFailing] = [0, Infinity, 0, 0, 0]
    for (const { failures, notices, webhook } of this.rows.values()) {
      waiting += notices.size
      for (const { at } of notices.values()) oldestAt = Math.min(oldestAt, at)
      if (webhook.runId !== undefined) ofRuns++
      if (failures > 0 && webhook.runId === undefined) failing++
      if (failures > 0 && webhook.runId !== undefined) ofRunsFailing++
    }
    return { waiting, ...(waiting === 0 ? {} : { oldestAt }), failing, ofRuns, ofRunsFailing }
  })

  readonly lease = ({
    known,
    limit,
    now,
    owner,
    protocols,
    until
  }: WebhookLease): Effect.Effect<ReadonlyArray<LeasedWebhook>> =>
    Effect.sync(() => {
      const isDue = ({ nextAt, notices, until, webhook }: Row) =>
        nextAt <= now &&
        until <= now &&
        (webhook.source !== "settings" || known.includes(webhook.id)) &&
        (webhook.source !== "protocol" || protocols) &&
        (webhook.runId !== undefined || Array.from(notices.values()).some((one) => one.nextAt <= now))
      const taken = Array.from(this.rows.values())
        .filter(isDue)
        .toSorted((a, b) => a.nextAt - b.nextAt)
        .slice(0, limit)
      return taken.map((row) => {
        row.owner = owner
        row.until = until
        const { failingSince, failures, toldSeq, webhook } = row
        return { webhook, toldSeq, failures, ...(failingSince === undefined ? {} : { failingSince }) }
      })
    })

  readonly extend = (id: string, owner: string, until: number): Effect.Effect<boolean> =>
    Effect.sync(() => {
      const row = this.rows.get(id)
      if (row?.owner !== owner) return false
      row.until = until
      return true
    })

  readonly release = (id: string, owner: string, outcome: WebhookOutcome): Effect.Effect<void> =>
    Effect.sync(() => {
      const row = this.rows.get(id)
      if (row?.owner !== owner) return
      const { accepted, at, failure, nextAt = 0 } = outcome
      row.owner = undefined
      row.until = 0
      row.nextAt = nextAt
      if (accepted) row.acceptedAt = at
      if (accepted && row.failures >= recovering) this.dueAt(row, at)
      const before = accepted ? 0 : row.failures
      row.failures = failure === undefined ? before : before + 1
      if (accepted) row.failingSince = row.lastError = undefined
      if (failure !== undefined) {
        row.failingSince ??= at
        row.lastError = failure
      }
    })

  readonly due = (id: string, now: number, limit: number): Effect.Effect<ReadonlyArray<Notice>> =>
    Effect.sync(() =>
      Array.from(this.rows.get(id)?.notices.values() ?? [])
        .filter(({ nextAt }) => nextAt <= now)
        .toSorted((a, b) => a.nextAt - b.nextAt || a.at - b.at)
        .slice(0, limit)
    )

  readonly accepted = (notice: Notice): Effect.Effect<void> =>
    Effect.sync(() => void this.rows.get(notice.webhookId)?.notices.delete(keyOf(notice)))

  readonly refused = (notice: Notice, nextAt: number | undefined): Effect.Effect<void> =>
    Effect.sync(() => {
      const row = this.rows.get(notice.webhookId)
      const one = row?.notices.get(keyOf(notice))
      if (row === undefined || one === undefined) return
      if (nextAt === undefined) {
        row.notices.delete(keyOf(notice))
        row.lost++
      } else {
        row.notices.set(keyOf(notice), { ...one, attempts: one.attempts + 1, nextAt })
      }
    })

  readonly told = (id: string, seq: number): Effect.Effect<void> =>
    Effect.sync(() => {
      const row = this.rows.get(id)
      if (row !== undefined) row.toldSeq = Math.max(row.toldSeq, seq)
    })

  readonly retry = (id: string, now: number, resourceId?: string): Effect.Effect<boolean> =>
    Effect.sync(() => {
      const row = this.managed(id, resourceId)
      if (row === undefined) return false
      row.nextAt = now
      this.dueAt(row, now)
      return true
    })

  private dueAt({ notices }: Row, at: number): void {
    for (const [key, notice] of notices) notices.set(key, { ...notice, nextAt: at })
  }

  /** The same, if the tenant manages it: one of the settings is the program's. */
  private managed(id: string, resourceId: string | undefined): Row | undefined {
    const row = this.of(id, resourceId)
    return resourceId !== undefined && row?.webhook.source === "settings" ? undefined : row
  }

  /** The web hook of that id, if it belongs to the tenant. */
  private of(id: string, resourceId: string | undefined): Row | undefined {
    const row = this.rows.get(id)
    return row !== undefined && (resourceId === undefined || row.webhook.resourceId === resourceId) ? row : undefined
  }
}
