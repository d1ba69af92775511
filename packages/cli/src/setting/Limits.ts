/** The budget of a run as text on the command line: `steps=12,usd=0.25,time=2m`. */
import { Budget } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type CommandFailed, ended, misused } from "./CommandFailed.ts"

/** Maps each name of `--budget` to its limit. */
const names = {
  steps: "maxSteps",
  calls: "maxToolCalls",
  tokens: "maxTotalTokens",
  input: "maxInputTokens",
  output: "maxOutputTokens",
  usd: "maxCostUsd",
  time: "maxDuration",
  depth: "maxDepth",
  agents: "maxAgents"
} as const satisfies { readonly [name: string]: keyof Budget.Options }

/** The names, for help. */
export const known: ReadonlyArray<string> = Object.keys(names)

const isName = (name: string): name is keyof typeof names => Object.hasOwn(names, name)

const isEnd = (value: string): value is Budget.OnExhausted =>
  value === "stop" || value === "wrap-up" || value === "pause"

const units: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000]
])

/** A time such as `90s`, `2m`, `1.5h`, `500ms`, in milliseconds; a number without a unit is in seconds. */
const timeOf = (text: string): number | undefined => {
  const [, amount, unit = "s"] = /^(\d+(?:\.\d+)?) ?([a-z]+)?$/.exec(text) ?? []
  const size = units.get(unit)
  return amount === undefined || size === undefined ? undefined : Math.round(Number(amount) * size)
}

/**
 * Reads a budget. Entries are separated by commas, each `name=number`; `end=stop|wrap-up|pause` says what happens at a limit (absent:
 * `wrap-up`). Fails with a sentence that names the entry.
 */
export const parse = (text: string): Result.Result<Budget.Budget, string> => {
  const limits: { -readonly [K in keyof Budget.Options]: Budget.Options[K] } = { onExhausted: "wrap-up" }
  for (const entry of text.split(",")) {
    const at = entry.indexOf("=")
    const [name, value] = [entry.slice(0, Math.max(0, at)).trim(), entry.slice(at + 1).trim()]
    if (at < 1 || value === "") return Result.fail(`--budget: ${JSON.stringify(entry.trim())} is not name=value`)
    if (name === "end") {
      if (!isEnd(value)) return Result.fail(`--budget: end=${value} is not one of stop, wrap-up, pause`)
      limits.onExhausted = value
    } else if (!isName(name)) {
      return Result.fail(
        `--budget: unknown limit ${JSON.stringify(name)}. Known limits: ${[...known, "end"].join(", ")}`
      )
    } else {
      const amount = name === "time" ? timeOf(value) : Number(value)
      if (amount === undefined || !Number.isFinite(amount) || amount < 0) {
        return Result.fail(
          `--budget: ${name}=${value} is not ${name === "time" ? "a time such as 90s or 2m" : "a number from 0"}`
        )
      }
      limits[names[name]] = amount
    }
  }
  const budget = Budget.make(limits)
  const problem = Budget.validate(budget)
  return problem === undefined ? Result.succeed(budget) : Result.fail(`--budget: ${problem.message}`)
}

/** As an exhausted budget names them; `maxDuration` in milliseconds. */
const written: ReadonlySet<string> = new Set(Object.values(names))

/**
 * Reads limits to raise a budget to: `steps=20,usd=0.5`, or by the names that a question uses, `maxSteps=20`. Fails with a sentence
 * that names the entry.
 */
export const parseRaise = (text: string): Result.Result<{ readonly [limit: string]: number }, string> => {
  const limits: Array<readonly [string, number]> = []
  for (const entry of text.split(/[\s,]+/).filter((each) => each !== "")) {
    const [, name = "", value = ""] = /^([^=]+)=(.+)$/.exec(entry) ?? []
    if (name === "") return Result.fail(`${JSON.stringify(entry)} is not a limit. Write NAME=NUMBER, such as steps=20`)
    // A question also names limits of a thread, and of calls of one tool.
    if (!isName(name) && !written.has(name.replace(/^thread\./, "")) && !/^(thread\.)?maxCallsPerTool\../.test(name)) {
      return Result.fail(`Unknown limit ${JSON.stringify(name)}. Known limits: ${known.join(", ")}`)
    }
    const amount = name === "time" ? timeOf(value) : Number(value)
    if (amount === undefined || !Number.isFinite(amount) || amount < 0) {
      return Result.fail(`${name}=${value} is not ${name === "time" ? "a time such as 90s or 2m" : "a number from 0"}`)
    }
    limits.push([isName(name) ? names[name] : name, amount])
  }
  return limits.length === 0
    ? Result.fail("No limit is named. Write NAME=NUMBER, such as steps=20")
    : Result.succeed(Object.fromEntries(limits))
}

/** What a run may use where the command line names no budget. */
export const usual = "steps=40,calls=100"

/** The budget of the command line. */
export const budgetOf = (text: string | undefined): Effect.Effect<Budget.Budget, CommandFailed> => {
  const budget = parse(text ?? usual)
  return Result.isFailure(budget) ? Effect.fail(misused(ended(budget.failure))) : Effect.succeed(budget.success)
}
