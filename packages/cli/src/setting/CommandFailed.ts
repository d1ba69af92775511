/** Why a command failed: one sentence that names the cure, and the exit code. */
import * as Cause from "effect/Cause"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** The exit codes that scripts may rely on. */
export const codes = { failed: 1, misused: 2, budget: 3, differs: 4, cancelled: 130 } as const

/** A command failed. `cause` is shown at log level debug only. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  issue: Schema.String,
  /** The process's exit code. */
  code: Schema.Natural,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return this.issue
  }
}

/** Nothing was done, or what was begun failed. */
export const failed = (issue: string, cause?: unknown): CommandFailed =>
  new CommandFailed({ issue, code: codes.failed, ...(cause === undefined ? {} : { cause }) })

/** The command line is invalid. */
export const misused = (issue: string): CommandFailed => new CommandFailed({ issue, code: codes.misused })

/** Whether an error is one of ours: it has a tag, and its message is written for people. */
const isTold = (error: unknown): error is Error => error instanceof Error && Predicate.hasProperty(error, "_tag")

/**
 * The sentence for whatever went wrong with `subject`: the message of an error that was meant for people. Of anything
 * else only its kind, since its message may quote what was said; the rest is in the cause.
 */
export const sentenceOf = (subject: string, cause: Cause.Cause<unknown>): string => {
  const found = Cause.findError(cause)
  const error = Result.isSuccess(found) ? found.success : Cause.squash(cause)
  if (isTold(error)) return ended(error.message)
  const missing = error instanceof Error ? /^Service not found: (\S+)/.exec(error.message)?.[1] : undefined
  if (missing !== undefined) {
    return `${subject} needs the service ${missing}. Provide it: export a layer named "services" that has it.`
  }
  const kind =
    error instanceof Error ? `${error.name}${firstLine(error.message)}` : "a thrown value that is not an Error"
  return `${subject} failed with ${kind}. Add --log-level debug to see where.`
}

const firstLine = (message: string): string => {
  const [line = ""] = message.split("\n")
  return line === "" ? "" : `: ${line.slice(0, 200).replace(/[.:]$/, "")}`
}

/** With a full stop. */
export const ended = (sentence: string): string => (/[.!?]$/.test(sentence) ? sentence : `${sentence}.`)
