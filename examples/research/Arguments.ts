/**
 * The command line: what may be said there, and what it means.
 */
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
  /** Absent: the repository that this example stands in. */
  readonly path: string | undefined
  readonly question: string | undefined
  /** Where a report goes. Absent: the usual name in the current folder. */
  readonly out: string | undefined
  readonly json: boolean
  readonly mode: Mode
  readonly budget: Budget.Budget
}

/** The words of the command line do not go together. */
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
  approve: Flag.Boolean("approve").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Say yes to the report beforehand")
  ),
  deny: Flag.Boolean("deny").pipe(Flag.withDefault(false), Flag.withDescription("Say no to the report beforehand")),
  maxSteps: limit("max-steps", 20, "Model calls at most"),
  maxToolCalls: limit("max-tool-calls", 30, "Tool calls at most"),
  maxTokens: limit("max-tokens", 100_000, "Tokens at most, in and out"),
  maxUsd: Flag.Finite("max-usd").pipe(
    Flag.withDefault(0.25),
    Flag.withMetavar("USD"),
    Flag.withDescription("US dollars at most, by a made-up price table (default 0.25)")
  )
}

/** The command, which hands its arguments to `run`. Fails with `Misused` where they contradict each other. */
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
        ? Effect.fail(new Misused({ issue: "Say either --approve or --deny, not both." }))
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

/** Help goes to standard output when it was asked for; what is wrong with a command line goes to standard error. */
export const layerPresenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error([...event.errors.map((error) => error.message), seeHelp].join("\n"))
      : CliOutput.defaultPresenter.present(event)
})

export const seeHelp = "See --help for what may be said."
