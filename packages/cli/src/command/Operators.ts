/** The operator's commands with their flags; what they do is in `Operate`, which is loaded when one runs. */
import type { CostReport, ListedRun } from "@reins/protocol"
import type * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Flags from "./Flags.ts"
import { onScreen } from "./OnScreen.ts"

const place = {
  app: Flags.app,
  store: Flags.store,
  path: Flags.path,
  url: Flags.url,
  tenant: Flags.tenant,
  jsonOutput: Flags.jsonLines
}

const { text } = Flags

const by = text("by", "NAME", "Who answers, for the record of a local store; a server knows it by the key")

const limit = Flag.Int("limit").pipe(
  Flag.withDefault(50),
  Flag.withMetavar("N"),
  Flag.withDescription("How many at most (default 50)"),
  Flag.filter(
    (limit) => limit >= 1,
    () => "a number from 1"
  )
)

const runId = Argument.String("run").pipe(Argument.withDescription("The id of the run; reins runs lists them"))
const approvalId = Argument.String("approval").pipe(
  Argument.withDescription("The id of the approval; reins approvals lists them")
)

const principal = text("principal", "ID", "Only runs that this principal started")

/** A flag of one of these words; absent where it is not given. */
const chosen = <const Words extends ReadonlyArray<string>>(name: string, words: Words, description: string) =>
  Flag.Literals(name, words).pipe(Flag.withDescription(description), Flag.optional, Flag.map(Option.getOrUndefined))

/** The names are written here, so that help is shown without loading the protocol; the types hold that none is missing. */
const all = <Name extends string>(names: { readonly [N in Name]: N }): ReadonlyArray<Name> => Object.values(names)

const dimensions = all<CostReport.Dimension>({
  tenant: "tenant",
  principal: "principal",
  agent: "agent",
  root: "root",
  run: "run",
  model: "model",
  tool: "tool",
  provider: "provider",
  day: "day"
}).join(", ")

const endReasons = all<ListedRun.EndReason>({
  stop: "stop",
  length: "length",
  "content-filter": "content-filter",
  budget: "budget",
  cancelled: "cancelled",
  "repeated-calls": "repeated-calls",
  other: "other",
  failed: "failed",
  abandoned: "abandoned"
})

const load = () => import("./Operate.ts")
const loadFigures = () => import("./Figures.ts")

const run = <A, E, R>(body: (operate: Awaited<ReturnType<typeof load>>) => Effect.Effect<A, E, R>) =>
  onScreen(load, body)

/** The commands. */
export const commands = [
  Command.make(
    "runs",
    {
      ...place,
      limit,
      state: chosen("state", ["running", "waiting", "open", "ended"], "Only runs in this state; open: not ended"),
      ended: chosen("ended", endReasons, "Only runs that ended this way"),
      agent: text("agent", "NAME", "Only runs of this agent"),
      thread: text("thread", "ID", "Only runs of this thread"),
      principal,
      since: text("since", "TIME", "Only runs that began at this time or later: a date, or how long ago, such as 7d"),
      until: text("until", "TIME", "Only runs that began before this time"),
      minUsd: text("min-usd", "USD", "Only runs that cost at least this much"),
      maxUsd: text("max-usd", "USD", "Only runs that cost at most this much")
    },
    (given) => onScreen(loadFigures, (figures) => figures.runs(given))
  ).pipe(Command.withDescription("Lists runs, the latest first")),
  Command.make(
    "events",
    {
      runId,
      ...place,
      after: Flag.Int("after").pipe(
        Flag.withDefault(0),
        Flag.withMetavar("SEQ"),
        Flag.withDescription("Only events after this one (default: all)")
      ),
      follow: Flag.Boolean("follow").pipe(
        Flag.withAlias("f"),
        Flag.withDefault(false),
        Flag.withDescription("Go on until the run ends")
      )
    },
    (given) => run((operate) => operate.events(given))
  ).pipe(Command.withDescription("Shows the events of a run; with --json-output its envelopes")),
  Command.make("approvals", place, (given) => run((operate) => operate.approvals(given))).pipe(
    Command.withDescription("Lists open approvals, the oldest first")
  ),
  Command.make(
    "approve",
    {
      id: approvalId,
      ...place,
      by,
      scope: Flag.Literals("scope", ["call", "run", "thread", "subtree"]).pipe(
        Flag.withDefault("call"),
        Flag.withDescription("How far it reaches: this call, or all calls of the tool in the run, thread or subtree")
      )
    },
    (given) => run((operate) => operate.approve(given))
  ).pipe(Command.withDescription("Approves an open approval")),
  Command.make(
    "reject",
    { id: approvalId, ...place, by, reason: text("reason", "TEXT", "The reason, which the agent is told") },
    (given) => run((operate) => operate.reject(given))
  ).pipe(Command.withDescription("Rejects an open approval")),
  Command.make(
    "revise",
    {
      id: approvalId,
      edit: Argument.String("edit").pipe(Argument.withDescription("name=value, or an object of JSON; of a plan, text")),
      ...place,
      by
    },
    (given) => run((operate) => operate.revise(given))
  ).pipe(Command.withDescription("Approves an open approval with other arguments")),
  Command.make(
    "answer",
    {
      id: approvalId,
      value: Argument.String("value").pipe(
        Argument.withDescription("The answer: text, the number of an option, name=value; name=value, or JSON"),
        Argument.optional
      ),
      json: text("json", "JSON", "The answer as JSON, taken as it is"),
      ...place,
      by
    },
    (given) => run((operate) => operate.answer(given))
  ).pipe(Command.withDescription("Answers the question of an agent")),
  Command.make(
    "deliver",
    {
      id: Argument.String("ticket").pipe(Argument.withDescription("The id of the ticket, as the tool's call has it")),
      value: Argument.String("value").pipe(Argument.withDescription("The result as JSON")),
      failure: Flag.Boolean("failure").pipe(Flag.withDefault(false), Flag.withDescription("It is why the call failed")),
      cost: Flag.Finite("cost").pipe(
        Flag.withDescription("What it has cost, in US dollars, for the run's bill"),
        Flag.optional,
        Flag.map(Option.getOrUndefined)
      ),
      ...place
    },
    (given) => run((operate) => operate.deliver(given))
  ).pipe(Command.withDescription("Delivers the late result of a call that answered with a receipt")),
  Command.make("cancel", { runId, ...place }, (given) => run((operate) => operate.cancel(given))).pipe(
    Command.withDescription("Asks a run to end")
  ),
  Command.make(
    "raise",
    {
      runId,
      limits: Argument.String("limits").pipe(Argument.withDescription("New limits: steps=20,usd=0.5,time=10m,…")),
      ...place
    },
    (given) => run((operate) => operate.raise(given))
  ).pipe(Command.withDescription("Gives more budget to a run that waits for it")),
  Command.make(
    "cost",
    {
      ...place,
      tenant: Flags.anyTenant,
      runId: Argument.optional(runId).pipe(Argument.map(Option.getOrUndefined)),
      by: text("by", "NAMES", `What costs are summed by: ${dimensions} (default: day,model)`),
      since: text("since", "TIME", "Only runs that ended at this time or later: a date, or how long ago, such as 30d"),
      until: text("until", "TIME", "Only runs that ended before this time"),
      principal,
      agent: text("agent", "NAME", "Only what this agent spent"),
      csv: Flag.Boolean("csv").pipe(Flag.withDefault(false), Flag.withDescription("Print CSV"))
    },
    ({ by = "day,model", runId, tenant, ...given }) => {
      const meant = { ...given, tenant: tenant ?? "default" }
      return runId === undefined
        ? onScreen(loadFigures, (figures) => figures.costs({ ...meant, by, isOneTenant: tenant !== undefined }))
        : run((operate) => operate.cost({ ...meant, runId }))
    }
  ).pipe(Command.withDescription("Shows what a run cost and how long it took; without a run, sums what runs cost")),
  Command.make("grants", { ...place, revoke: text("revoke", "ID", "Take this grant back: calls ask again") }, (given) =>
    run((operate) => operate.grants(given))
  ).pipe(Command.withDescription("Lists approvals that are remembered, or takes one back")),
  Command.make("audit", { ...place, run: text("run", "RUN", "Only acts about this run"), limit }, (given) =>
    run((operate) => operate.audit(given))
  ).pipe(Command.withDescription("Shows who answered what, and when"))
] as const
