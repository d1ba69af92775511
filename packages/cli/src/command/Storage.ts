/** The commands on a local store itself, with their flags; what they do is in `Keep`, which is loaded when one runs. */
import type * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Flags from "./Flags.ts"
import { onScreen } from "./OnScreen.ts"

const place = { store: Flags.store, path: Flags.path, jsonOutput: Flags.jsonLines }

const yes = Flag.Boolean("yes").pipe(
  Flag.withAlias("y"),
  Flag.withDefault(false),
  Flag.withDescription("Do it without being asked")
)

const asked = { ...place, tenant: Flags.tenant, yes }

const before = Flags.text(
  "before",
  "TIME",
  "Runs that ended before: how long ago, such as 30d or 12h, or a date in UTC"
)

const file = (description: string) => Argument.String("file").pipe(Argument.withDescription(description))

const load = () => import("./Keep.ts")

const run = <A, E, R>(body: (keep: Awaited<ReturnType<typeof load>>) => Effect.Effect<A, E, R>) => onScreen(load, body)

/** The commands. */
export const commands = [
  Command.make(
    "erase",
    {
      thread: Argument.String("thread").pipe(
        Argument.withDescription("The thread, with its messages, files, grants and runs"),
        Argument.optional,
        Argument.map(Option.getOrUndefined)
      ),
      run: Flags.text("run", "RUN", "The data of one run in place of a thread, which keeps its messages"),
      before,
      principal: Flags.text("principal", "ID", "All that is kept of who started runs, in place of a thread"),
      keepAudit: Flag.Boolean("keep-audit").pipe(
        Flag.withDefault(false),
        Flag.withDescription("With --principal: keep the audit record of its runs, under a pseudonym")
      ),
      principals: Flag.Boolean("principals").pipe(
        Flag.withDefault(false),
        Flag.withDescription("Remove who started its runs from lists and from the cost ledger, too")
      ),
      audit: Flag.Boolean("audit").pipe(
        Flag.withDefault(false),
        Flag.withDescription("Erase what the audit record has of it, too")
      ),
      ...asked
    },
    (given) =>
      onScreen(
        () => import("./Erase.ts"),
        ({ erase }) => erase(given)
      )
  ).pipe(Command.withDescription("Erases a thread, a run, a principal, or what ended long ago from a local store")),
  Command.make(
    "archive",
    {
      file: file("The new file of JSON lines"),
      runs: Argument.String("run").pipe(
        Argument.withDescription("Runs that have ended (default: all)"),
        Argument.variadic()
      ),
      thread: Flags.text("thread", "ID", "Only runs of this thread"),
      before,
      forget: Flag.Boolean("forget").pipe(
        Flag.withDefault(false),
        Flag.withDescription("Delete the data of these runs from the store once the file is written")
      ),
      ...asked
    },
    (given) => run((keep) => keep.archive(given))
  ).pipe(Command.withDescription("Writes runs that have ended to a file, and deletes them on request")),
  Command.make(
    "retain",
    {
      runs: Flags.text("runs", "AGE", "Delete the events of runs that ended longer ago, such as 30d"),
      costs: Flags.text("costs", "AGE", "Delete lines of the cost ledger of longer ago, such as 104w"),
      audit: Flags.text("audit", "AGE", "Delete acts of the audit record of longer ago, such as 52w"),
      yes,
      ...place
    },
    (given) =>
      onScreen(
        () => import("./Retain.ts"),
        ({ retain }) => retain(given)
      )
  ).pipe(Command.withDescription("Deletes from a local store what is older than it is to be kept, of every tenant")),
  Command.make("backup", { file: file("The new file"), ...place }, (given) => run((keep) => keep.backup(given))).pipe(
    Command.withDescription("Copies a SQLite store as it is at one moment, while others write")
  ),
  Command.make("restore", { file: file("A file of reins backup or reins archive"), ...place }, (given) =>
    run((keep) => keep.restore(given))
  ).pipe(Command.withDescription("Makes a store of a backup, or takes the runs of an archive into one"))
] as const
