/** `reins retain`: deletes from a local store what is older than it is to be kept. */
import * as Effect from "effect/Effect"
import { resolve } from "node:path"
import * as StoreArchive from "../desk/StoreArchive.ts"
import { failed, misused } from "../setting/CommandFailed.ts"
import * as Moment from "../setting/Moment.ts"
import * as Retention from "../setting/Retention.ts"
import * as StoreChoice from "../setting/StoreChoice.ts"
import { Screen } from "../terminal/Screen.ts"
import * as Text from "../text/Text.ts"

/** The options of the command line: how long each is kept, such as `30d`; absent: it is not deleted. */
export interface Given {
  readonly store: string | undefined
  readonly path: string | undefined
  readonly runs: string | undefined
  readonly costs: string | undefined
  readonly audit: string | undefined
  readonly yes: boolean
  readonly jsonOutput: boolean
}

const ageOf = (flag: string, text: string | undefined) => {
  if (text === undefined) return Effect.undefined
  const ms = Moment.span(text)
  return ms === undefined
    ? Effect.fail(misused(`--${flag}: ${JSON.stringify(text)} is no length of time. Write it as 30d, 12h or 4w.`))
    : Effect.succeed(ms)
}

const told = (kept: Retention.Kept, given: Given): string =>
  [
    ...(kept.runs === undefined ? [] : [`the events of runs that ended more than ${given.runs} ago`]),
    ...(kept.costs === undefined ? [] : [`lines of the cost ledger of more than ${given.costs} ago`]),
    ...(kept.audit === undefined ? [] : [`acts of the audit record of more than ${given.audit} ago`])
  ].join(", ")

export const retain = Effect.fnUntraced(function* (given: Given) {
  const kept: Retention.Kept = {
    runs: yield* ageOf("runs", given.runs),
    costs: yield* ageOf("costs", given.costs),
    audit: yield* ageOf("audit", given.audit)
  }
  if (!Retention.isSet(kept)) {
    return yield* misused("Say what is kept for how long: --runs 30d, --costs 104w or --audit 52w.")
  }
  const store = yield* StoreChoice.chosen(given.store, resolve(given.path ?? "."))
  yield* StoreArchive.isThere(store)
  const screen = yield* Screen
  if (!given.yes) {
    const question = `Delete ${told(kept, given)}, of every tenant? It cannot be undone.`
    const { ask } = screen
    if (ask === undefined) {
      return yield* failed(`${question} Nobody is at a terminal to be asked. Add --yes to do it.`)
    }
    const answer = yield* ask(`${question} [y/N] `)
    if (!/^\s*y(es)?\s*$/i.test(answer ?? "")) return yield* failed("Nothing was deleted.")
  }
  const archive = yield* StoreArchive.make(store)
  const deleted = yield* StoreArchive.telling(Retention.apply(archive, kept))
  // The deletion has been done; the space comes back with the next rewriting of the file.
  yield* Effect.ignore(archive.compact)
  const { acts, costs, runs } = deleted
  yield* screen.print(
    given.jsonOutput
      ? `${JSON.stringify(deleted)}\n`
      : `Deleted the events of ${Text.counted(runs, "run")}, ${Text.counted(costs, "line")} of the cost ledger and ${Text.counted(acts, "act")} of the audit record.\nThreads keep their messages, and ids of runs stay reserved.\n`
  )
}, Effect.scoped)
