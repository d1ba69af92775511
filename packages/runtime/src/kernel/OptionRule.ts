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
  /** The object at `path` has an option that does not exist, of this name; empty: of a name that is not shown. */
  readonly unknown?: string
}

/** Returns the first fault of a value; `undefined` if it fits. */
export type Rule = (value: unknown) => Fault | undefined

/** A rule for each option of `A`: an option without one does not compile. */
export type Rules<A> = { readonly [K in keyof A]-?: Rule }

/** A value must pass `test`. */
export const must =
  (cure: string, test: (value: unknown) => boolean): Rule =>
  (value) =>
    test(value) ? undefined : { path: "", value, cure }

/**
 * A value that may be or contain a secret, such as a key, a token, or an address with a password: a message names the option
 * and the cure, and shows nothing of the value, nor names in it that are not the runtime's.
 */
export const secret =
  (rule: Rule): Rule =>
  (value) => {
    const fault = rule(value)
    if (fault === undefined) return undefined
    const path = fault.path.replace(/\["[^]*/, "")
    return { ...fault, path, isSecret: true, ...(fault.unknown === undefined ? {} : { unknown: "" }) }
  }

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

/** An object that is written as such. An instance of a class may have more than it is asked for, but not nothing of it. */
const isLiteral = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** An object with values by name: not a `Map` or a `Date`, which have none. */
const isByName = (value: unknown): value is { readonly [key: string]: unknown } =>
  isObject(value) && (isLiteral(value) || Object.keys(value).length > 0)

const at = (place: string, fault: Fault): Fault => ({
  ...fault,
  path: `${place}${fault.path === "" || fault.path.startsWith("[") ? "" : "."}${fault.path}`
})

const isIdentifier = (name: string): boolean => /^[A-Za-z_$][\w$]*$/.test(name)

const placeOf = (name: string): string => (isIdentifier(name) ? name : `[${JSON.stringify(name)}]`)

/** A list of values that fit `rule`. */
export const list =
  (cure: string, rule: Rule): Rule =>
  (value) => {
    if (!Array.isArray(value)) return { path: "", value, cure }
    const values: ReadonlyArray<unknown> = value
    for (const [index, one] of values.entries()) {
      const fault = rule(one)
      if (fault !== undefined) return at(`[${index}]`, fault)
    }
    return undefined
  }

/** An object whose values all fit `rule`, by names of the program. */
export const record =
  (cure: string, rule: Rule): Rule =>
  (value) => {
    if (!isByName(value)) return { path: "", value, cure }
    for (const [name, one] of Object.entries(value)) {
      const fault = rule(one)
      if (fault !== undefined) return at(placeOf(name), fault)
    }
    return undefined
  }

/** An object with these fields and no others: a misspelt one would set nothing. */
export const fields = (cure: string, rules: { readonly [name: string]: Rule }): Rule => {
  const each = Object.entries(rules)
  const names = Object.keys(rules)
  return (value) => {
    if (!isObject(value)) return { path: "", value, cure }
    for (const [name, rule] of each) {
      const fault = rule(value[name])
      if (fault !== undefined) return at(name, fault)
    }
    if (!isLiteral(value)) return names.some((name) => name in value) ? undefined : { path: "", value, cure }
    const unknown = Object.keys(value).find((name) => value[name] !== undefined && !Object.hasOwn(rules, name))
    if (unknown === undefined) return undefined
    return {
      path: "",
      value: value[unknown],
      cure: `Available options: ${names.join(", ")}`,
      unknown: isIdentifier(unknown) ? unknown : "" // what is no identifier may be a value in the wrong place
    }
  }
}

/** The rule for values that pass `test`, and the rule for others. */
export const cases =
  (test: (value: unknown) => boolean, rule: Rule, others: Rule): Rule =>
  (value) =>
    test(value) ? rule(value) : others(value)

/** Any value: something else validates it. */
export const any: Rule = () => undefined

export const text = (cure = "Give a string"): Rule => must(cure, Predicate.isString)
export const name = (cure: string): Rule => must(cure, (value) => typeof value === "string" && value !== "")
export const flag: Rule = must("Use true or false", Predicate.isBoolean)
export const callable = (cure = "Give a function"): Rule => must(cure, Predicate.isFunction)
export const object = (cure: string): Rule => must(cure, isByName)

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

/** A whole number from `least` to `most`. */
export const between = (least: number, most: number): Rule =>
  must(
    `Use a whole number from ${least} to ${most}`,
    (value) => typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most
  )

/** A number of at least `least`. */
export const atLeast = (least: number): Rule =>
  must(`Use a number of at least ${least}`, (value) => typeof value === "number" && value >= least)

/** A whole number of at least `least`, or what stands for no limit. */
export const limit = (least: number, ...none: ReadonlyArray<unknown>): Rule =>
  either(
    count(least),
    must(`Use a whole number of at least ${least}, or ${none.map(String).join(" or ")} for no limit`, (value) =>
      none.includes(value)
    )
  )

/** A time as a number, above 0. */
export const milliseconds: Rule = must(
  "Use a number of milliseconds above 0",
  (value) => typeof value === "number" && value > 0
)

/** A time, which may be below 0, such as what is left until a moment. */
export const time: Rule = must(
  'Use milliseconds, or text such as "2 seconds"',
  (value) => !Number.isNaN(Budget.milliseconds(Erased.as<Duration.Input>(value)))
)

/** A time that is not below 0: milliseconds, text such as `"2 seconds"`, an object of units, or a `Duration`. */
export const duration: Rule = must(
  'Use milliseconds, or text such as "2 seconds"',
  (value) => Budget.milliseconds(Erased.as<Duration.Input>(value)) >= 0 // `NaN` for what is no duration
)

/** A word so long may be a key that was given to the wrong option. */
const longest = 16

const isShown = (text: string): boolean => text.length <= 60 && text.split(/\s/).every((word) => word.length < longest)

const shown = (value: unknown): string => {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list"
  switch (typeof value) {
    case "string":
      return isShown(value) ? JSON.stringify(value) : "a string"
    case "function":
      return "a function"
    case "object":
      return value === null ? "null" : "an object"
    case "symbol":
      return "a symbol"
    default:
      return String(value)
  }
}

/** The message about a fault. The value of an unknown option is not shown: it may be a key. */
export const sentence = ({ cure, isSecret, path, unknown, value }: Fault): string => {
  if (unknown === "") return `Unknown option in ${path}. ${cure}`
  if (unknown !== undefined) return `Unknown option ${path === "" ? "" : `${path}.`}${unknown}. ${cure}`
  return isSecret === true ? `Invalid option ${path}. ${cure}` : `Invalid option ${path}: ${shown(value)}. ${cure}`
}

/** The message about an invalid value of the option `path`; `undefined` if it is valid. */
export const issueOf = (path: string, value: unknown, rule: Rule): string | undefined => {
  const fault = rule(value)
  return fault === undefined ? undefined : sentence(at(path, fault))
}

/** The message about the first invalid option; `undefined` if all are valid. `what`: names the options as a whole. */
export const problemOf = (what: string, options: unknown, rule: Rule): string | undefined => {
  const fault = rule(options)
  if (fault === undefined) return undefined
  return sentence(fault.path === "" && (fault.unknown ?? "") === "" ? { ...fault, path: what } : fault)
}
