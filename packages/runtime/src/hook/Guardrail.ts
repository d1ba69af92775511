/**
 * Guardrails: checks of what users say and of what models answer, as hooks around model steps.
 */
import type { Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Hook from "./Hook.ts"

/**
 * A check: returns why the text is refused, or `undefined` if it passes. It may ask a model (`ask`), or fail: then
 * nothing is let through.
 *
 * @since 0.1.0
 * @category models
 */
export type Check<At, R> = (text: string, at: At) => Effect.Effect<string | undefined, unknown, R>

/**
 * Options of a guardrail.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<At, R> {
  readonly check: Check<At, R>
  /** How long the check may take. Absent: 30 seconds. */
  readonly timeout?: Hook.Options<never, never, never, never>["timeout"] | undefined
}

const said = (content: ReadonlyArray<Message.AssistantPart>): string =>
  content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n")

/**
 * Checks what a user says, once, before the first request that has it: a query's prompt, and each message to a running
 * run. Where it is not let through, no model reads it, and the run ends with `HookEnded` and the reason. `onFailed:
 * "agent"`: only the agent ends; a coordinator's model reads the reason.
 *
 * @since 0.1.0
 * @category constructors
 */
export const input = <R = never>(
  name: string,
  { check, onFailed = "run", timeout }: Options<Hook.Step, R> & { readonly onFailed?: "run" | "agent" | undefined }
): Hook.Hook<R> =>
  Hook.make(name, {
    timeout,
    beforeStep: (step) => {
      const text = step.input.map(({ content }) => said(content)).join("\n")
      if (text === "") return Effect.succeed<Hook.Verdicts["beforeStep"]>(Hook.pass)
      return Effect.map(check(text, step), (reason): Hook.Verdicts["beforeStep"] =>
        reason === undefined ? Hook.pass : onFailed === "run" ? Hook.end(reason) : Hook.refuse(reason)
      )
    }
  })

/**
 * Checks the text of each answer. Where it is not let through, the model reads the reason and answers again
 * (`onFailed: "again"`, the default), or the run ends.
 *
 * **Details**
 * - `holdsText`: readers get an answer when it was let through. Absent: true. False: they get it while the model writes
 *   it, and it is retracted where it is not let through, so that a client may have shown it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const output = <R = never>(
  name: string,
  {
    check,
    holdsText = true,
    onFailed = "again",
    timeout
  }: Options<Hook.Answer, R> & {
    readonly holdsText?: boolean | undefined
    readonly onFailed?: "again" | "end" | undefined
  }
): Hook.Hook<R> =>
  Hook.make(name, {
    timeout,
    holdsText,
    afterStep: (answer) => {
      if (answer.text === "") return Effect.succeed<Hook.Verdicts["afterStep"]>(Hook.pass)
      return Effect.map(check(answer.text, answer), (reason): Hook.Verdicts["afterStep"] =>
        reason === undefined ? Hook.pass : onFailed === "again" ? Hook.refuse(reason) : Hook.end(reason)
      )
    }
  })
