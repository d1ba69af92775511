/**
 * Rules for options that a program without types may get wrong: what a value must be, and the message that names the
 * option, its value and the cure. A rule is about the kind of a value; whoever uses it validates what it means.
 */
import { Budget } from "@reins/protocol"
import type * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Erased from "./Erased.ts"

/** What is wrong: where, with which value, and the cure. `isSecret`: the value is not shown. */
export interface Fault {
  readonly path: string
  readonly value: unknown
  readonly cure: string
  readonly isSecret?: boolean
}

/** Returns the first fault of a value; `undefined` if it fits. */
export type Rule = (value: unknown) => Fault | undefined

/** A rule for each option of `A`: an option without one does not compile. */
export type Rules<A> = { readonly [K in keyof A]-?: Rule }

/** A value must pass `test`. `isSecret`: messages do not show it. */
export const must =
  (cure: string, test: (value: unknown) => boolean, isSecret = false): Rule =>
  (value) =>
    test(value) ? undefined : { path: "", value, cure, ...(isSecret ? { isSecret } : {}) }

/** A value that may be absent. */
export const optional =
  (rule: Rule): Rule =>
  (value) =>
    value === undefined ? undefined : rule(value)

/** A value that fits one of two rules; the fault is the second's. */
export const either =
  (first: Rule, second: Rule): Rule =>
  (value) =>
    first(value) === undefined ? undefined : second(value)

const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const at = (place: string, fault: Fault | undefined): Fault | undefined =>
  fault === undefined
    ? undefined
    : { ...fault, path: `${place}${fault.path === "" || fault.path.startsWith("[") ? "" : "."}${fault.path}` }

/** A list of values that fit `rule`. */
export const list =
  (cure: string, rule: Rule): Rule =>
  (value) => {
    if (!Array.isArray(value)) return { path: "", value, cure }
    const values: ReadonlyArray<unknown> = value
    for (const [index, one] of values.entries()) {
      const fault = at(`[${index}]`, rule(one))
      if (fault !== undefined) return fault
    }
    return undefined
  }

/** An object whose values all fit `rule`, by names of the program. */
export const record =
  (cure: string, rule: Rule): Rule =>
  (value) => {
    if (!isObject(value)) return { path: "", value, cure }
    for (const [name, one] of Object.entries(value)) {
      const fault = at(/^[A-Za-z_$][\w$]*$/.test(name) ? name : `[${JSON.stringify(name)}]`, rule(one))
      if (fault !== undefined) return fault
    }
    return undefined
  }

/** An object with these fields. Others are not looked at. */
export const fields =
  (cure: string, rules: { readonly [name: string]: Rule }): Rule =>
  (value) => {
    if (!isObject(value)) return { path: "", value, cure }
    for (const [name, rule] of Object.entries(rules)) {
      const fault = at(name, rule(value[name]))
      if (fault !== undefined) return fault
    }
    return undefined
  }

export const text = (cure = "Give a string"): Rule => must(cure, Predicate.isString)
export const name = (cure: string): Rule => must(cure, (value) => typeof value === "string" && value !== "")
export const flag: Rule = must("Use true or false", Predicate.isBoolean)
export const callable = (cure = "Give a function"): Rule => must(cure, Predicate.isFunction)
export const object = (cure: string): Rule => must(cure, isObject)

export const oneOf = (...values: ReadonlyArray<string>): Rule =>
  must(`Use ${values.map((value) => JSON.stringify(value)).join(" or ")}`, (value) =>
    values.some((one) => one === value)
  )

/** A whole number of at least `least`. */
export const count = (least = 0): Rule =>
  must(
    `Use a whole number of at least ${least}`,
    (value) => typeof value === "number" && Number.isSafeInteger(value) && value >= least
  )

/** The same, or what stands for no limit. */
export const limit = (least: number, ...none: ReadonlyArray<unknown>): Rule =>
  either(
    count(least),
    must(`Use a whole number of at least ${least}, or ${none.map(String).join(" or ")} for no limit`, (value) =>
      none.includes(value)
    )
  )

/** A time that is not below 0: milliseconds, text such as `"2 seconds"`, an object of units, or a `Duration`. */
export const duration: Rule = must(
  'Use milliseconds, or text such as "2 seconds"',
  (value) => Budget.milliseconds(Erased.as<Duration.Input>(value)) >= 0 // `NaN` for what is no duration
)

const shown = (value: unknown): string => {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list"
  switch (typeof value) {
    case "string":
      return value.length > 60 ? "a string" : JSON.stringify(value)
    case "function":
      return "a function"
    case "object":
      return value === null ? "null" : "an object"
    default:
      return String(value)
  }
}

/** The message about a fault. */
export const sentence = ({ cure, isSecret, path, value }: Fault): string =>
  isSecret === true ? `Invalid option ${path}. ${cure}` : `Invalid option ${path}: ${shown(value)}. ${cure}`

/** The message about the first invalid option; `undefined` if all are valid. `what`: names the options as a whole. */
export const problemOf = (
  what: string,
  options: unknown,
  rules: { readonly [name: string]: Rule }
): string | undefined => {
  const fault = fields("Give an object of options", rules)(options)
  if (fault === undefined) return undefined
  return sentence(fault.path === "" ? { ...fault, path: what } : fault)
}
