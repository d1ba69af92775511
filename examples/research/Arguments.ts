/** The command line: its flags and their meaning. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { Budget } from "@reins/runtime"
import * as Console from "effect/Console"
import type { Mode } from "./Asking.ts"

export interface Arguments {
  /** Absent: the repository that contains this example. */
  readonly path: string | undefined
  readonly question: string | undefined
  /** Where a report is written. Absent: the default name in the current folder. */
  readonly out: string | undefined
  readonly json: boolean
  readonly mode: Mode
  readonly budget: Budget.Budget
}

/** The flags of the command line contradict each other. */
export class Misused extends Schema.TaggedError<Misused>()("Misused", { issue: Schema.String }) {
  override get message() {
    return this.issue
  }
}

const limit = (name: string, usual: number, what: string) =>
  Flag.Int(name).pipe(
    Flag.withDefault(usual),
    Flag.withMetavar("N"),
    Flag.withDescription(`${what} (default ${usual})`)
  )

const flags = {
  path: Flag.String("path").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("The folder to research (default: this repository)"),
    Flag.optional
  ),
  question: Flag.String("question").pipe(
    Flag.withAlias("q"),
    Flag.withMetavar("TEXT"),
    Flag.withDescription("What you want to know about it"),
    Flag.optional
  ),
  out: Flag.String("out").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Where a report goes (default: reins-report.md, here)"),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Print every envelope as a JSON line, and nothing else, to standard output")
  ),
  approve: Flag.Boolean("approve").pipe(Flag.withDefault(false), Flag.withDescription("Approve the report in advance")),
  deny: Flag.Boolean("deny").pipe(Flag.withDefault(false), Flag.withDescription("Reject the report in advance")),
  maxSteps: limit("max-steps", 20, "The most model calls"),
  maxToolCalls: limit("max-tool-calls", 30, "The most tool calls"),
  maxTokens: limit("max-tokens", 100_000, "The most tokens, input and output"),
  maxUsd: Flag.Finite("max-usd").pipe(
    Flag.withDefault(0.25),
    Flag.withMetavar("USD"),
    Flag.withDescription("The most US dollars, by an invented price table (default 0.25)")
  )
}

/** The command, which passes its arguments to `run`. Fails with `Misused` when they contradict each other. */
export const command = <E, R>(run: (given: Arguments) => Effect.Effect<void, E, R>) =>
  Command.make(
    "research",
    flags,
    ({
      approve,
      deny,
      json,
      maxSteps,
      maxTokens,
      maxToolCalls,
      maxUsd,
      ...given
    }): Effect.Effect<void, E | Misused, R> =>
      approve && deny
        ? Effect.fail(new Misused({ issue: "Use either --approve or --deny, not both." }))
        : run({
            path: Option.getOrUndefined(given.path),
            question: Option.getOrUndefined(given.question),
            out: Option.getOrUndefined(given.out),
            json,
            mode: approve ? "approve" : deny ? "deny" : "ask",
            budget: Budget.make({
              maxSteps,
              maxToolCalls,
              maxTotalTokens: maxTokens,
              maxCostUsd: maxUsd,
              onExhausted: "wrap-up"
            })
          })
  ).pipe(
    Command.withDescription(
      "Answers a question about a folder: a surveyor and a reader work on it in parallel, and a report is written if you allow it."
    )
  )

/** Requested help goes to standard output; errors in the command line go to standard error. */
export const layerPresenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error([...event.errors.map((error) => error.message), seeHelp].join("\n"))
      : CliOutput.defaultPresenter.present(event)
})

export const seeHelp = "See --help for the available flags."
