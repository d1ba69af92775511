import { assert, describe, it } from "@effect/vitest"
import { Budget } from "@reins/protocol"
import { Duration, Schema } from "effect"

const json = Schema.fromJsonString(Budget.Budget)
const viaJson = (budget: Budget.Budget) => Schema.decodeUnknownSync(json)(Schema.encodeSync(json)(budget))

describe("Budget.make", () => {
  it("keeps limits as they were given, and time in milliseconds", () => {
    const options: Budget.Options = {
      maxSteps: 12,
      maxToolCalls: 20,
      maxCallsPerTool: { search: 3 },
      maxInputTokens: 100_000,
      maxOutputTokens: 5000,
      maxTotalTokens: 101_000,
      maxCostUsd: 0.25,
      maxDepth: 2,
      maxAgents: 4,
      warnAt: 0.8,
      onExhausted: "wrap-up"
    }
    assert.deepStrictEqual<object>(Budget.make({ ...options, maxDuration: "2 minutes" }), {
      ...options,
      maxDurationMs: 120_000
    })
  })

  it("leaves out absent limits and Infinity", () => {
    assert.deepStrictEqual(Budget.make({}), {})
    const none = { maxSteps: Infinity, maxCostUsd: undefined, maxDuration: "Infinity", warnAt: undefined } as const
    assert.deepStrictEqual(Budget.make(none), {})
    assert.deepStrictEqual(Budget.make({ maxDuration: Infinity, maxCallsPerTool: { a: Infinity, b: 0 } }), {
      maxCallsPerTool: { b: 0 }
    })
  })

  it("accepts any duration", () => {
    assert.strictEqual(Budget.make({ maxDuration: 1500 }).maxDurationMs, 1500)
    assert.strictEqual(Budget.make({ maxDuration: Duration.hours(1) }).maxDurationMs, 3_600_000)
    assert.strictEqual(Budget.make({ maxDuration: { minutes: 1, seconds: 30 } }).maxDurationMs, 90_000)
  })

  it("survives being stored with a run", () => {
    const budgets = [
      Budget.make({}),
      Budget.make({ maxSteps: 0, maxCostUsd: 1e-9, maxDuration: "90 seconds", maxCallsPerTool: { ["__proto__"]: 2 } }),
      Budget.make({ maxSteps: Infinity, maxTotalTokens: Number.MAX_SAFE_INTEGER, onExhausted: "pause" })
    ]
    for (const budget of budgets) assert.deepStrictEqual(viaJson(budget), budget)
  })
})

/** Values that code without types may pass as a duration: `Duration` reads some of them as 0. */
const noDurations: ReadonlyArray<unknown> = [
  NaN,
  null,
  true,
  "",
  "30s",
  [],
  [1],
  [1, NaN],
  ["1", "2"],
  {},
  { x: null },
  { second: 5 },
  { seconds: "5" },
  { seconds: NaN },
  { seconds: undefined },
  { minutes: 1, second: 5 },
  { seconds: Infinity, minutes: -Infinity },
  [Infinity, -Infinity],
  { months: 1, days: 1 },
  () => 5,
  Symbol("s")
]

describe("Budget.milliseconds", () => {
  it("reads every form of a duration", () => {
    const { milliseconds } = Budget
    assert.strictEqual(milliseconds(1500), 1500)
    assert.strictEqual(milliseconds("2 seconds"), 2000)
    assert.strictEqual(milliseconds("Infinity"), Infinity)
    assert.strictEqual(milliseconds(2_000_000n), 2)
    assert.strictEqual(milliseconds([1, 500_000_000]), 1500)
    assert.strictEqual(milliseconds({ minutes: 1, seconds: 30 }), 90_000)
    assert.strictEqual(milliseconds({ seconds: 0 }), 0)
    assert.strictEqual(milliseconds(Duration.hours(1)), 3_600_000)
    assert.strictEqual(milliseconds(Duration.zero), 0)
  })

  it("reads the units of an object by name, whoever has them", () => {
    /** As `Temporal.Duration`: all units are inherited and computed. */
    class Time {
      readonly #months: number
      constructor(months = 0) {
        this.#months = months
      }
      get months() {
        return this.#months
      }
      get hours() {
        return 1
      }
      get seconds() {
        return 30
      }
      get blank() {
        return false
      }
    }
    assert.strictEqual(Budget.milliseconds(new Time()), 3_630_000)
    assert.isNaN(Budget.milliseconds(new Time(1)))
    assert.strictEqual(Budget.milliseconds(Object.create({ minutes: 1 })), 60_000)
    assert.isNaN(Budget.milliseconds(Object.assign(new Time(), { second: 5 })))
  })

  it("counts a fraction of a millisecond as a whole one", () => {
    const { milliseconds } = Budget
    assert.strictEqual(milliseconds(86_400_000 / 7), 12_342_858)
    assert.strictEqual(milliseconds(1_500_000n), 2)
    assert.strictEqual(milliseconds("1 nano"), 1)
    assert.strictEqual(milliseconds({ nanoseconds: 1 }), 1)
    assert.strictEqual(milliseconds(1e-9), 1)
    assert.strictEqual(milliseconds(-0.5), -1)
    assert.strictEqual(milliseconds("1.1 hours"), 3_960_000)
    assert.strictEqual(milliseconds(1e15 + 0.5), 1e15 + 1)
    assert.isUndefined(Budget.validate(Budget.make({ maxDuration: 86_400_000 / 7 })))
  })

  it.each(noDurations.map((value) => [value] as const))("takes nothing else for a time: %o", (value) => {
    assert.isNaN(Budget.milliseconds(value as Duration.Input))
    const options = { maxDuration: value } as Budget.Options
    assert.strictEqual(Budget.validate(Budget.make(options))?.limit, "maxDuration")
  })
})

describe("Budget.validate", () => {
  const refused = (options: Budget.Options) => Budget.validate(Budget.make(options))?.limit

  it("accepts no limits, 0 and Infinity", () => {
    assert.isUndefined(refused({}))
    assert.isUndefined(refused({ maxSteps: 0, maxCostUsd: 0, maxDuration: 0, maxDepth: 0, warnAt: 0 }))
    assert.isUndefined(Budget.validate({ maxSteps: Infinity, maxCostUsd: Infinity, maxDurationMs: Infinity }))
    assert.isUndefined(Budget.validate({ maxCallsPerTool: { search: Infinity } }))
  })

  it("rejects counts that are negative, NaN, fractional, or beyond exact arithmetic", () => {
    const names = [
      "maxSteps",
      "maxToolCalls",
      "maxInputTokens",
      "maxOutputTokens",
      "maxTotalTokens",
      "maxDepth",
      "maxAgents"
    ] as const
    for (const name of names) {
      for (const value of [-1, NaN, 1.5, -Infinity, 2 ** 53]) {
        assert.strictEqual(refused({ [name]: value }), name, `${name}=${value}`)
      }
      assert.isUndefined(refused({ [name]: Number.MAX_SAFE_INTEGER }), name)
    }
  })

  it("names the tool of an invalid limit", () => {
    assert.strictEqual(refused({ maxCallsPerTool: { ok: 1, search: -1 } }), "maxCallsPerTool.search")
  })

  it("rejects invalid amounts of money, and accepts fractions of a dollar", () => {
    for (const maxCostUsd of [-0.01, NaN, 2 ** 53, 9_007_200]) {
      assert.strictEqual(refused({ maxCostUsd }), "maxCostUsd", String(maxCostUsd))
    }
    assert.isUndefined(refused({ maxCostUsd: 0.0075 }))
  })

  it("rejects time that is negative or not a duration", () => {
    assert.strictEqual(refused({ maxDuration: -1 }), "maxDuration")
    assert.strictEqual(refused({ maxDuration: NaN }), "maxDuration")
    assert.strictEqual(refused({ maxDuration: "-Infinity" }), "maxDuration")
    // @ts-expect-error: a user without types
    assert.strictEqual(refused({ maxDuration: "a while" }), "maxDuration")
  })

  it("rejects a warnAt outside 0 to 1 and an unknown onExhausted", () => {
    for (const warnAt of [-0.1, 1.1, NaN]) assert.strictEqual(refused({ warnAt }), "warnAt", String(warnAt))
    // @ts-expect-error: a user without types
    assert.strictEqual(refused({ onExhausted: "explode" }), "onExhausted")
  })

  it.each([[null], ["5"], [true], [{}], [[]], [Symbol("s")], [() => 5]])("rejects what is no number: %o", (value) => {
    for (const name of ["maxSteps", "maxTotalTokens", "maxCostUsd", "warnAt", "maxDurationMs"]) {
      const options = { [name]: value } as Budget.Options
      assert.match(Budget.validate(Budget.make(options))?.limit ?? "", /^max|^warnAt/, name)
    }
  })

  it.each([[null], [5], ["5"], [[]], [[["search", 1]]]])(
    "rejects calls that are not given by tool: %o",
    (maxCallsPerTool) => {
      const options = { maxCallsPerTool } as object
      assert.strictEqual(Budget.validate(Budget.make(options))?.limit, "maxCallsPerTool")
    }
  )

  it("describes the problem in a sentence", () => {
    const invalid = Budget.validate({ maxSteps: -1 })
    assert.strictEqual(invalid?._tag, "InvalidBudget")
    assert.strictEqual(invalid?.message, "Invalid budget: maxSteps must be a whole number of at least 0, but is -1")
  })
})

describe("Budget.narrow", () => {
  it("takes of each entry the narrower one, and removes none", () => {
    assert.deepStrictEqual(
      Budget.narrow(
        { maxSteps: 3, maxCostUsd: 1, maxCallsPerTool: { a: 2, b: 1 }, onExhausted: "wrap-up" },
        { maxSteps: 9, maxCostUsd: 0.5, maxDurationMs: 5, maxCallsPerTool: { b: 9, c: 4 }, onExhausted: "pause" }
      ),
      {
        maxSteps: 3,
        maxCostUsd: 0.5,
        maxCallsPerTool: { a: 2, b: 1, c: 4 },
        onExhausted: "wrap-up",
        maxDurationMs: 5
      }
    )
    assert.deepStrictEqual(Budget.narrow({ maxSteps: 3 }, {}), { maxSteps: 3 })
    assert.deepStrictEqual(Budget.narrow({ onExhausted: "pause" }, { onExhausted: "stop" }), { onExhausted: "stop" })
  })
})
