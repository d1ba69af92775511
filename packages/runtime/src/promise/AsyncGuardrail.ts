/**
 * Guardrails as plain functions: checks of what users say and of what models answer.
 */
import * as Guardrails from "../hook/Guardrail.ts"
import type * as Hook from "../hook/Hook.ts"
import * as Rule from "../kernel/OptionRule.ts"
import { type Given, requireHook, said } from "./AsyncHook.ts"

/**
 * A check: returns why the text is not let through, or `undefined` if it is; or a promise of that. It may ask a model
 * (`ask`). Where it throws, rejects or is late, nothing is let through.
 *
 * @since 0.2.0
 * @category models
 */
export type Check<At extends Hook.Place> = (
  text: string,
  at: Given<At>
) => string | undefined | Promise<string | undefined>

/**
 * Options of a guardrail.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options<At extends Hook.Place> {
  readonly check: Check<At>
  /** How long the check may take, in milliseconds. Absent: 30 seconds. */
  readonly timeoutMs?: number | undefined
}

interface InputOptions extends Options<Hook.Step> {
  readonly onFailed?: "run" | "agent" | undefined
}

interface OutputOptions extends Options<Hook.Answer> {
  readonly holdsText?: boolean | undefined
  readonly onFailed?: "again" | "end" | undefined
}

const rules: Rule.Rules<Options<Hook.Place>> = {
  check: Rule.callable("Give a function that returns why a text is not let through, or undefined"),
  timeoutMs: Rule.optional(Rule.milliseconds)
}

const inputRule = Rule.fields<InputOptions>("Give an object such as { check: (text) => undefined }", {
  ...rules,
  onFailed: Rule.optional(Rule.oneOf("run", "agent"))
})

const outputRule = Rule.fields<OutputOptions>("Give an object such as { check: (text) => undefined }", {
  ...rules,
  holdsText: Rule.optional(Rule.flag),
  onFailed: Rule.optional(Rule.oneOf("again", "end"))
})

const settled =
  <At extends Hook.Place>(check: Check<At>): Guardrails.Check<At, never> =>
  (text, at) =>
    said((given) => check(text, { ...at, ...given(at) }))

/**
 * Checks what a user says, once, before the first request that has it: a query's prompt, and each message to a running
 * run. Where it is not let through, no model reads it, and the run ends with `HookEnded` and the reason. `onFailed:
 * "agent"`: only the agent ends; a coordinator's model reads the reason.
 *
 * @since 0.1.0
 * @category constructors
 */
export const input = (name: string, options: InputOptions): Hook.Hook => {
  requireHook("Guardrail.input", name, options, inputRule)
  const { check, onFailed, timeoutMs } = options
  return Guardrails.input(name, { check: settled(check), onFailed, timeout: timeoutMs })
}

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
export const output = (name: string, options: OutputOptions): Hook.Hook => {
  requireHook("Guardrail.output", name, options, outputRule)
  const { check, holdsText, onFailed, timeoutMs } = options
  return Guardrails.output(name, { check: settled(check), holdsText, onFailed, timeout: timeoutMs })
}
