/**
 * Rules for options that a program without types may get wrong: what a value must be, and the message that names the
 * option, its value and the cure. A rule is about the kind of a value; whoever uses it validates what it means.
 */
import { Budget } from "@reins/protocol"
import type * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Erased from "./Erased.ts"
import * as PlainDate from "./PlainDate.ts"

/**
 * What is wrong: where, with which value, and the cure. `isSecret`: the value is not shown.
 *
 * **Details**
 * - `knownPath`: the part of `path` before the first name that the program gave, such as a key of `record`. Absent: all of it.
 * - `unknown`: the object at `path` has an option that does not exist, of this name; empty: of a name that is not shown.
 *
 * @since 0.2.0
 * @category models
 */
export interface Fault {
  readonly path: string
  readonly knownPath?: string
  readonly value: unknown
  readonly cure: string
  readonly isSecret?: boolean
  readonly unknown?: string
}

/**
 * Returns the first fault of a value; `undefined` if it fits.
 *
 * @since 0.2.0
 * @category models
 */
export type Rule = (value: unknown) => Fault | undefined

/** The names of the options of `A`; of a union, of all its members. */
type NamesOf<A> = A extends unknown ? keyof A : never

/**
 * A rule for each option of `A`; of a union, for those of all its members. An option without one does not compile, and
 * nor does one of no type.
 *
 * @since 0.2.0
 * @category models
 */
export type Rules<A> = [A] extends [never] ? never : { readonly [K in NamesOf<A>]-?: Rule }

/**
 * A value must pass `test`.
 *
 * @since 0.2.0
 * @category constructors
 */
export const must =
  (cure: string, test: (value: unknown) => boolean): Rule =>
  (value) =>
    test(value) ? undefined : { path: "", value, cure }

/**
 * A value that may be or contain a secret, such as a key, a token, or an address with a password: a message names the option
 * and the cure, and shows nothing of the value, nor names in it that the program gave.
 *
 * @since 0.2.0
 * @category combinators
 */
export const secret =
  (rule: Rule): Rule =>
  (value) => {
    const fault = rule(value)
    if (fault === undefined) return undefined
    return {
      ...fault,
      path: fault.knownPath ?? fault.path,
      isSecret: true,
      ...(fault.unknown === undefined ? {} : { unknown: "" })
    }
  }

/**
 * A value that may be absent.
 *
 * @since 0.2.0
 * @category combinators
 */
export const optional =
  (rule: Rule): Rule =>
  (value) =>
    value === undefined ? undefined : rule(value)

/**
 * A value that fits one of two rules; the fault is the second's.
 *
 * @since 0.2.0
 * @category combinators
 */
export const either =
  (first: Rule, second: Rule): Rule =>
  (value) =>
    first(value) === undefined ? undefined : second(value)

const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** An object that is written as such, also in another realm, not an instance of a class. */
const isLiteral = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** An object with values by name: not a `Map` or a `Date`, which have none. */
const isByName = (value: unknown): value is { readonly [key: string]: unknown } =>
  isObject(value) && (isLiteral(value) || Object.keys(value).length > 0)

const joined = (place: string, path: string): string =>
  `${place}${place === "" || path === "" || path.startsWith("[") ? "" : "."}${path}`

/**
 * A fault of what is at `place`, as one of the whole.
 *
 * @since 0.2.0
 * @category operations
 */
export const at = (place: string, fault: Fault): Fault => ({
  ...fault,
  path: joined(place, fault.path),
  ...(fault.knownPath === undefined ? {} : { knownPath: joined(place, fault.knownPath) })
})

/**
 * The same at a name that the program gave.
 *
 * @since 0.2.0
 * @category operations
 */
export const atName = (name: string, fault: Fault): Fault => ({ ...at(placeOf(name), fault), knownPath: "" })

/** A word so long may be a key that was given to the wrong option. */
const longest = 16

const isIdentifier = (name: string): boolean => /^[A-Za-z_$][\w$]*$/.test(name)

const placeOf = (name: string): string => (isIdentifier(name) ? name : `[${JSON.stringify(name)}]`)

/**
 * A list of values that fit `rule`.
 *
 * @since 0.2.0
 * @category combinators
 */
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

/**
 * An object whose values all fit `rule`, by names of the program.
 *
 * @since 0.2.0
 * @category combinators
 */
export const record =
  (cure: string, rule: Rule): Rule =>
  (value) => {
    if (!isByName(value)) return { path: "", value, cure }
    for (const [name, one] of Object.entries(value)) {
      const fault = rule(one)
      if (fault !== undefined) return atName(name, fault)
    }
    return undefined
  }

/**
 * Whether an object is an instance of a class with code among the options `names`: a method, or a function of its own, as of a
 * vault with `find`. Its other fields are its state.
 */
const isService = (value: { readonly [key: string]: unknown }, names: ReadonlyArray<string>): boolean =>
  !isLiteral(value) && names.some((name) => Predicate.isFunction(value[name]))

/** An option that an object has from its class, as an accessor, or from another object: a copy of the options has it not. */
const inherited = (value: { readonly [key: string]: unknown }, names: ReadonlyArray<string>): Fault | undefined => {
  const name = names.find((each) => value[each] !== undefined && !Object.hasOwn(value, each))
  if (name === undefined) return undefined
  return { path: name, value: value[name], cure: "Make it a field of the object itself, not one of its class" }
}

/**
 * An object with the fields of `A` and no others: a misspelt one would set nothing. Without `A` it does not compile. An
 * instance of a class must have one of the fields itself, and may have others only where one of those is code: its state.
 *
 * @since 0.2.0
 * @category combinators
 */
export const fields = <A = never>(cure: string, rules: Rules<A>): Rule => {
  const each = Object.entries<Rule>(rules)
  const names = Object.keys(rules)
  return (value) => {
    if (!isObject(value)) return { path: "", value, cure }
    // One that is missing may be misspelt: then its wrong name is told.
    let missing: Fault | undefined
    for (const [name, rule] of each) {
      const fault = rule(value[name])
      if (fault === undefined) continue
      if (value[name] !== undefined) return at(name, fault)
      missing ??= at(name, fault)
    }
    if (isService(value, names)) return missing
    const foreign = inherited(value, names)
    if (foreign !== undefined) return foreign
    const unknown = Object.keys(value).find((name) => value[name] !== undefined && !Object.hasOwn(rules, name))
    if (unknown !== undefined) return unknownOption(unknown, names)
    if (missing !== undefined) return missing
    return isLiteral(value) || names.some((name) => Object.hasOwn(value, name)) ? undefined : { path: "", value, cure }
  }
}

/**
 * An object with the fields of `A`, and maybe others: data, which a program may keep together with what is its own.
 *
 * @since 0.2.0
 * @category combinators
 */
export const data = <A = never>(cure: string, rules: Rules<A>): Rule => {
  const each = Object.entries<Rule>(rules)
  return (value) => {
    if (!isObject(value)) return { path: "", value, cure }
    for (const [name, rule] of each) {
      const fault = rule(value[name])
      if (fault !== undefined) return at(name, fault)
    }
    return undefined
  }
}

/**
 * The fault of an object with an option `name` where only `names` exist. What looks like no name is not shown: it may be a
 * value in the wrong place, or a key.
 *
 * @since 0.2.0
 * @category operations
 */
export const unknownOption = (name: string, names: ReadonlyArray<string>): Fault => ({
  path: "",
  value: undefined,
  cure: `Available options: ${names.join(", ")}`,
  unknown: isIdentifier(name) && (name.length < longest || !/\d/.test(name)) ? name : ""
})

/**
 * The rule for values that pass `test`, and the rule for others.
 *
 * @since 0.2.0
 * @category combinators
 */
export const cases =
  (test: (value: unknown) => boolean, rule: Rule, others: Rule): Rule =>
  (value) =>
    test(value) ? rule(value) : others(value)

/**
 * Any value: something else validates it.
 *
 * @since 0.2.0
 * @category rules
 */
export const any: Rule = () => undefined

/**
 * Text, which may be empty.
 *
 * @since 0.2.0
 * @category rules
 */
export const text = (cure = "Give a string"): Rule => must(cure, Predicate.isString)
/**
 * Text that is not empty.
 *
 * @since 0.2.0
 * @category rules
 */
export const name = (cure: string): Rule => must(cure, (value) => typeof value === "string" && value !== "")
/**
 * `true` or `false`.
 *
 * @since 0.2.0
 * @category rules
 */
export const flag: Rule = must("Use true or false", Predicate.isBoolean)
/**
 * A function.
 *
 * @since 0.2.0
 * @category rules
 */
export const callable = (cure = "Give a function"): Rule => must(cure, Predicate.isFunction)
/**
 * An object with values by name, which something else validates: not a `Map` or a `Date`, which have none.
 *
 * @since 0.2.0
 * @category rules
 */
export const object = (cure: string): Rule => must(cure, isByName)

/**
 * One of these texts.
 *
 * @since 0.2.0
 * @category rules
 */
export const oneOf = (...values: ReadonlyArray<string>): Rule =>
  must(`Use ${values.map((value) => JSON.stringify(value)).join(" or ")}`, (value) =>
    values.some((one) => one === value)
  )

/**
 * A whole number of at least `least`.
 *
 * @since 0.2.0
 * @category rules
 */
export const count = (least = 0): Rule =>
  must(
    `Use a whole number of at least ${least}`,
    (value) => typeof value === "number" && Number.isSafeInteger(value) && value >= least
  )

/**
 * A whole number from `least` to `most`.
 *
 * @since 0.2.0
 * @category rules
 */
export const between = (least: number, most: number): Rule =>
  must(
    `Use a whole number from ${least} to ${most}`,
    (value) => typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most
  )

/**
 * A number of at least `least`.
 *
 * @since 0.2.0
 * @category rules
 */
export const atLeast = (least: number): Rule =>
  must(`Use a number of at least ${least}`, (value) => typeof value === "number" && value >= least)

/**
 * A whole number of at least `least`, or what stands for no limit.
 *
 * @since 0.2.0
 * @category rules
 */
export const limit = (least: number, ...none: ReadonlyArray<unknown>): Rule =>
  either(
    count(least),
    must(`Use a whole number of at least ${least}, or ${none.map(String).join(" or ")} for no limit`, (value) =>
      none.includes(value)
    )
  )

/**
 * A time as a number, above 0.
 *
 * @since 0.2.0
 * @category rules
 */
export const milliseconds: Rule = must(
  "Use a number of milliseconds above 0",
  (value) => typeof value === "number" && value > 0
)

/**
 * A time, which may be below 0, such as what is left until a moment.
 *
 * @since 0.2.0
 * @category rules
 */
export const time: Rule = must(
  'Use milliseconds, or text such as "2 seconds"',
  (value) => !Number.isNaN(Budget.milliseconds(Erased.as<Duration.Input>(value)))
)

/**
 * A time that is not below 0: milliseconds, text such as `"2 seconds"`, an object of units, or a `Duration`.
 *
 * @since 0.2.0
 * @category rules
 */
export const duration: Rule = must(
  'Use milliseconds, or text such as "2 seconds"',
  (value) => Budget.milliseconds(Erased.as<Duration.Input>(value)) >= 0 // `NaN` for what is no duration
)

/**
 * A time above 0, for what is repeated: with 0 it would be repeated without a pause. Forms as in `duration`.
 *
 * @since 0.2.0
 * @category rules
 */
export const interval: Rule = must(
  'Use milliseconds above 0, or text such as "2 seconds"',
  (value) => Budget.milliseconds(Erased.as<Duration.Input>(value)) > 0
)

const isShown = (text: string): boolean => text.length <= 60 && text.split(/\s/).every((word) => word.length < longest)

const shown = (value: unknown): string => {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list"
  switch (typeof value) {
    case "string":
      return isShown(value) ? JSON.stringify(value) : "a string"
    case "function":
      return "a function"
    case "object":
      if (value === null) return "null"
      return PlainDate.is(value) && Number.isNaN(value.getTime()) ? "an invalid date" : "an object"
    case "symbol":
      return "a symbol"
    default:
      return String(value)
  }
}

/**
 * The message about a fault. The value of an unknown option is not shown: it may be a key.
 *
 * @since 0.2.0
 * @category operations
 */
export const sentence = ({ cure, isSecret, path, unknown, value }: Fault, what = `option ${path}`): string => {
  if (unknown === "") return `Unknown option in ${path}. ${cure}`
  if (unknown !== undefined) return `Unknown option ${path === "" ? "" : `${path}.`}${unknown}. ${cure}`
  return isSecret === true ? `Invalid ${what}. ${cure}` : `Invalid ${what}: ${shown(value)}. ${cure}`
}

/**
 * The message about an invalid argument `name` of the function `of`; `undefined` if it is valid.
 *
 * @since 0.2.0
 * @category operations
 */
export const argumentIssue = (of: string, name: string, value: unknown, rule: Rule): string | undefined => {
  const fault = rule(value)
  if (fault === undefined) return undefined
  const placed = at(name, fault)
  return sentence(placed, `argument ${placed.path} of ${of}()`)
}

/**
 * The message about an invalid value of the option `path`; `undefined` if it is valid.
 *
 * @since 0.2.0
 * @category operations
 */
export const issueOf = (path: string, value: unknown, rule: Rule): string | undefined => {
  const fault = rule(value)
  return fault === undefined ? undefined : sentence(at(path, fault))
}

/**
 * Throws where the value of the option `path` is invalid, for constructors that return no effect.
 *
 * @since 0.2.0
 * @category operations
 */
export const requireValid = (path: string, value: unknown, rule: Rule): void => {
  const issue = issueOf(path, value, rule)
  if (issue !== undefined) throw new Error(issue)
}

/**
 * The message about the first invalid option; `undefined` if all are valid. `what`: names the options as a whole.
 *
 * @since 0.2.0
 * @category operations
 */
export const problemOf = (what: string, options: unknown, rule: Rule): string | undefined => {
  const fault = rule(options)
  if (fault === undefined) return undefined
  if (fault.path !== "" || (fault.unknown ?? "") !== "") return sentence(fault)
  return fault.unknown === undefined ? sentence({ ...fault, path: what }) : `Unknown option ${what}. ${fault.cure}`
}
