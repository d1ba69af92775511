/**
 * Corrects estimated rows of ended runs by what their providers report later. Every process with lookups looks for such
 * runs and leases them; a run is asked about until all of its rows are corrected or given up. A row is booked once, by the
 * key of its line, also where a lease has run out meanwhile.
 */
import { Correction, type Entry, Money, Usage } from "@reins/protocol"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { LeasedRun, ReconciliationStore } from "../budget/CostStore.ts"
import type { Bill } from "../engine/RunHost.ts"
import * as Outline from "../kernel/Outline.ts"
import * as UsageLookup from "../model/UsageLookup.ts"
import * as Corrections from "./Corrections.ts"
import type { RuntimeParts } from "./RuntimeParts.ts"

/** How long a provider may take to answer. */
const patienceMs = 30_000

/** How many runs are leased together, and for how long. A lease is renewed before it could end during a request. */
const leasedRuns = 10
const leaseMs = 600_000
const renewMs = 2 * patienceMs

const firstDelayMs = 60_000
const longestDelayMs = 6 * 3_600_000

/** When a run is asked about again, after that many times: after a minute, then four times as long each, up to 6 hours. */
export const delayMs = (attempts: number): number =>
  Math.min(longestDelayMs, firstDelayMs * 4 ** Math.min(attempts, 10))

/** An attempt that is estimated, with the id by which its provider knows its response. */
interface Question {
  readonly estimated: Usage.Usage
  readonly responseId: string
}

/**
 * What to ask about a row: each of its estimated attempts. `undefined`: not all of it can be asked for, so that the row
 * cannot be corrected.
 */
export const questionsOf = ({ attempts }: Entry.ModelEntry): ReadonlyArray<Question> | undefined => {
  const asked: Array<Question> = []
  for (const { estimated, outcome, responseId } of attempts) {
    // A lost attempt of an earlier release does not say what was estimated for it.
    if (estimated === undefined && outcome === "lost") return undefined
    if (estimated === undefined) continue
    if (responseId === undefined) return undefined
    asked.push({ estimated, responseId })
  }
  return asked.length === 0 ? undefined : asked
}

type Reported = Extract<UsageLookup.Found, { readonly _tag: "Reported" }>

/** What the row comes to: the reported usage in place of what was estimated, and the cost if the provider told all of it. */
export const changeOf = (
  entry: Entry.ModelEntry,
  answers: ReadonlyArray<readonly [Question, Reported]>
): Correction.Change => {
  const usage = answers.reduce(
    (all, [{ estimated }, reported]) => Usage.replaced(all, estimated, reported.usage),
    entry.usage
  )
  const costs = answers.flatMap(([, { costUsd }]) => (costUsd === undefined ? [] : [Money.fromUsd(costUsd)]))
  const known = costs.filter((cost) => cost !== undefined)
  const isAll = known.length === entry.attempts.length && known.length === answers.length
  return Correction.of(entry, usage, isAll ? known.reduce((sum, cost) => sum + cost, 0) : undefined)
}

/** Whether a run has to be asked about again. `lost`: the lease is another process's, which asks. */
type Outcome = "done" | "again" | "lost"

/** Looks for runs with estimates, for as long as the runtime lives. */
export const run = (built: RuntimeParts): Effect.Effect<void> => {
  const { lookups } = built.settings
  const { reconciliations } = built.host
  if (lookups === undefined || lookups.all.length === 0 || reconciliations === undefined) return Effect.void
  const owner = built.ids.make("rec")
  const pass = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const since = Math.max(0, now - lookups.withinMs)
    const until = now + leaseMs
    const leased = yield* reconciliations.lease({ owner, now, until, since, limit: leasedRuns })
    for (const one of leased) yield* settle(built, lookups, new Lease(reconciliations, owner, one, until))
    return leased.length === leasedRuns
  })
  // A store that fails now may answer next time.
  const safe = Effect.catchCause(pass, (cause) =>
    Effect.as(warn("Estimated costs were not reconciled; this is tried again", cause), false)
  )
  const all: Effect.Effect<void> = Effect.flatMap(safe, (isMore) => (isMore ? Effect.suspend(() => all) : Effect.void))
  const step = Effect.andThen(Effect.sleep(lookups.everyMs), all)
  return Effect.withTracerEnabled(Effect.forever(step), false)
}

/** Logs `words` with the kind of the failure: its messages may quote keys or rows. */
const warn = (words: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.logWarning(`${words} (${Outline.of(Cause.squash(cause))})`)

/** A run that this process has leased. */
class Lease {
  readonly run: LeasedRun
  private readonly owner: string
  private readonly store: ReconciliationStore
  private until: number

  constructor(store: ReconciliationStore, owner: string, run: LeasedRun, until: number) {
    this.store = store
    this.owner = owner
    this.run = run
    this.until = until
  }

  /** Whether it lasts for one more request, which it is renewed for. False: another process may have the run. */
  readonly lasts: Effect.Effect<boolean> = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    if (this.until - now >= renewMs) return Effect.succeed(true)
    const until = now + leaseMs
    return Effect.map(this.store.renew(this.run.runId, this.owner, until), (isOwn) => {
      if (isOwn) this.until = until
      return isOwn
    })
  })

  /** Ends it. */
  end(nextAt: number | undefined): Effect.Effect<void> {
    return this.store.release(this.run.runId, this.owner, nextAt)
  }
}

/** Asks about a leased run, and ends the lease. */
const settle = Effect.fnUntraced(function* (built: RuntimeParts, lookups: UsageLookup.Lookups, lease: Lease) {
  const { attempts, runId } = lease.run
  // What fails here (a row that cannot be read) must not keep the other runs.
  const outcome = yield* Effect.catchCause(reconcile(built, lookups, lease), (cause) =>
    Effect.as(warn(`The estimated costs of run ${runId} were not reconciled`, cause), "again" as const)
  )
  if (outcome === "lost") return
  const now = yield* Clock.currentTimeMillis
  yield* lease.end(outcome === "done" ? undefined : now + delayMs(attempts))
})

const reconcile = Effect.fnUntraced(function* (
  built: RuntimeParts,
  lookups: UsageLookup.Lookups,
  lease: Lease
): Effect.fn.Return<Outcome> {
  const bill = yield* built.host.bill(lease.run.runId)
  if (bill === undefined) return "done"
  if (!bill.isOver) return "again"
  let outcome: Outcome = "done"
  for (const row of Corrections.placed(bill)) {
    if (!row.entry.estimated || row.isCorrected) continue
    const found = yield* correct(built, lookups, lease, bill, row)
    if (found === "lost") return found
    if (found === "again") outcome = found
  }
  return outcome
})

/** Asks about a row, and corrects it when all of it is known. */
const correct = Effect.fnUntraced(function* (
  built: RuntimeParts,
  lookups: UsageLookup.Lookups,
  lease: Lease,
  bill: Bill,
  row: Corrections.Placed
): Effect.fn.Return<Outcome> {
  const { entry } = row
  const questions = questionsOf(entry)
  const lookup = UsageLookup.of(lookups, entry)
  if (questions === undefined || lookup === undefined) return "done"
  const { keyed, principal, resourceId, runId } = bill.record
  const { model, provider, startedAt } = entry
  const finding = built.settings.keys.find({ runId, resourceId, principal, provider, model, brought: keyed })
  const key = finding === undefined ? undefined : yield* finding
  // A key that came with the query is not kept: nobody else's may ask in its place.
  if (key === "lost" || key === "missing") return "done"
  if (key === "unavailable") return "again"
  const own = key === undefined ? {} : { key: key.key, baseURL: key.baseURL }
  const answers: Array<readonly [Question, Reported]> = []
  for (const question of questions) {
    const { responseId } = question
    if (!(yield* lease.lasts)) return "lost"
    const about = { provider, model, responseId, requestedAt: startedAt, runId, resourceId, principal, ...own }
    const found = yield* asked(lookup, about)
    if (found._tag === "Never") return "done"
    if (found._tag === "NotYet") return "again"
    answers.push([question, found])
  }
  const booked = yield* Corrections.book(built.host, bill, row, changeOf(entry, answers))
  return booked === "busy" ? "again" : "done"
})

const asked = (lookup: UsageLookup.Lookup, about: UsageLookup.Asked): Effect.Effect<UsageLookup.Found> => {
  const words = (what: string) => `${about.provider} ${what} a response of run ${about.runId} used; it is asked again`
  return lookup.find(about).pipe(
    Effect.timeout(patienceMs),
    Effect.flatMap((found): Effect.Effect<UsageLookup.Found> => {
      const issue = UsageLookup.issueOf(found)
      return issue === undefined
        ? Effect.succeed(found)
        : Effect.as(Effect.logWarning(`${words("gave an invalid answer about what")} (${issue})`), notYet)
    }),
    Effect.catchCause((cause) => Effect.as(warn(words("did not say what"), cause), notYet))
  )
}

const notYet: UsageLookup.Found = { _tag: "NotYet" }
