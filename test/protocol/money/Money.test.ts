import { assert, describe, it } from "@effect/vitest"
import type { Entry } from "@reins/protocol"
import { Money } from "@reins/protocol"
import { Result, Schema } from "effect"

const whole = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

/** A price as its digits say it: `mantissa / 10 ** places`. */
const Rate = Schema.Struct({ mantissa: whole(30_000_000), places: whole(9) })
type Rate = typeof Rate.Type

const Tokens = whole(3_000_000)

const number = ({ mantissa, places }: Rate): number => Number(`${mantissa}e-${places}`)

/** tokens × rate, as a numerator over 10 ** 12 of a US dollar and a further 10 ** 3 for the price's own places. */
const exact = (parts: ReadonlyArray<readonly [tokens: number, rate: Rate]>): bigint => {
  let nanoTimesBillion = 0n
  for (const [tokens, { mantissa, places }] of parts) {
    // USD per million tokens × 1000 is nano-USD per token
    nanoTimesBillion += BigInt(tokens) * BigInt(mantissa) * 10n ** BigInt(9 - places) * 1000n
  }
  return (nanoTimesBillion + 500_000_000n) / 1_000_000_000n
}

const row = (rates: Partial<Entry.Price>): Entry.Price => ({
  model: "m",
  match: "exact",
  source: "test",
  inputPerMillionUsd: 0,
  outputPerMillionUsd: 0,
  ...rates
})

describe("Money.costOf", () => {
  it.prop(
    "is the exact sum of all parts, rounded half up once",
    {
      rates: Schema.Tuple([Rate, Rate, Rate, Rate, Rate, Rate]),
      tokens: Schema.Tuple([Tokens, Tokens, Tokens, Tokens, Tokens, Tokens])
    },
    ({ rates: [input, output, read, write, long, reasoning], tokens: [a, b, c, d, e, f] }) => {
      const { nanoUsd } = Money.costOf(
        {
          inputUncached: a,
          inputCacheRead: b,
          inputCacheWrite: c,
          inputCacheWriteLong: d,
          outputText: e,
          outputReasoning: f
        },
        row({
          inputPerMillionUsd: number(input),
          outputPerMillionUsd: number(output),
          cacheReadPerMillionUsd: number(read),
          cacheWritePerMillionUsd: number(write),
          cacheWriteLongPerMillionUsd: number(long),
          reasoningPerMillionUsd: number(reasoning)
        })
      )
      const expected = exact([
        [a, input],
        [b, read],
        [c, write],
        [d, long],
        [e, output],
        [f, reasoning]
      ])
      assert.strictEqual(BigInt(nanoUsd), expected < BigInt(Money.max) ? expected : BigInt(Money.max))
    },
    { arbitrary: { runs: 2000 } }
  )

  it("uses a price's exact decimal value", () => {
    // 3 × 0.075 is 0.22499999999999998 in binary fractions, 1000 tokens at 0.0125 is 12.5 nano-dollars × 1000
    assert.strictEqual(
      Money.costOf({ inputUncached: 3_000_000 }, row({ inputPerMillionUsd: 0.075 })).nanoUsd,
      225_000_000
    )
    assert.strictEqual(Money.costOf({ inputUncached: 1000 }, row({ inputPerMillionUsd: 0.0125 })).nanoUsd, 12_500)
    assert.strictEqual(Money.costOf({ inputUncached: 100_000 }, row({ inputPerMillionUsd: 1e-7 })).nanoUsd, 10)
  })

  it("rounds half a nano-dollar up, and rounds the sum, not its parts", () => {
    const price = row({ inputPerMillionUsd: 0.0005, outputPerMillionUsd: 0.0004 })
    assert.strictEqual(Money.costOf({ inputUncached: 1 }, price).nanoUsd, 1)
    assert.strictEqual(Money.costOf({ outputText: 1 }, price).nanoUsd, 0)
    assert.strictEqual(Money.costOf({ inputUncached: 1, outputText: 1 }, price).nanoUsd, 1)
    assert.strictEqual(Money.costOf({ inputUncached: 3, inputCacheRead: 2 }, price).nanoUsd, 3)
  })

  it("prices cache parts as input and reasoning as output when the row has no price of their own", () => {
    const price = row({ inputPerMillionUsd: 3, outputPerMillionUsd: 15 })
    const input = { inputCacheRead: 10, inputCacheWrite: 10, inputCacheWriteLong: 10 }
    assert.strictEqual(Money.costOf(input, price).nanoUsd, 30 * 3000)
    assert.strictEqual(Money.costOf({ outputReasoning: 10 }, price).nanoUsd, 10 * 15_000)
    assert.strictEqual(Money.costOf(input, { ...price, cacheReadPerMillionUsd: 0 }).nanoUsd, 20 * 3000)
  })

  it("is 0 when no usage is known, and for a free model", () => {
    assert.strictEqual(Money.costOf({}, row({ inputPerMillionUsd: 3 })).nanoUsd, 0)
    assert.strictEqual(Money.costOf({ inputUncached: 1e9, outputText: 1e9 }, row({})).nanoUsd, 0)
  })

  it("returns an integer amount for invalid numbers", () => {
    const price = row({ inputPerMillionUsd: 3, outputPerMillionUsd: NaN, reasoningPerMillionUsd: -5 })
    assert.strictEqual(Money.costOf({ inputUncached: -5, outputText: 7, outputReasoning: 9 }, price).nanoUsd, 0)
    assert.strictEqual(Money.costOf({ inputUncached: NaN }, price).nanoUsd, Money.max)
    assert.strictEqual(Money.costOf({ inputUncached: 0.2 }, price).nanoUsd, 3000)
  })

  it("stops at the largest exact amount", () => {
    const price = row({ inputPerMillionUsd: 1e9 })
    assert.strictEqual(Money.costOf({ inputUncached: 1e12 }, price).nanoUsd, Money.max)
  })
})

describe("Money.parseUsd", () => {
  it("rejects amounts that cannot be represented, with the field, the amount and the cure", () => {
    for (const amount of [-1, -1e-12, Number.NaN, Infinity, -Infinity, 1e7]) {
      const refused = Money.parseUsd("maxCostUsd", amount)
      assert.isTrue(Result.isFailure(refused), String(amount))
      if (!Result.isFailure(refused)) continue
      assert.instanceOf(refused.failure, Money.InvalidAmount)
      assert.strictEqual(
        refused.failure.message,
        `Invalid maxCostUsd: ${amount}. Use US dollars from 0 to 9007199.254740991`
      )
    }
  })

  it("rejects what is no number, which code without types may give", () => {
    for (const [amount, shown] of [
      [null, "null"],
      [undefined, "undefined"],
      ["1", '"1"'],
      ["a dollar", "a value of type string"],
      [[], "a value of type object"],
      [1n, "a value of type bigint"]
    ]) {
      const refused = Money.parseUsd("reportCost", amount as never)
      assert.isTrue(Result.isFailure(refused), String(shown))
      if (Result.isFailure(refused))
        assert.include(refused.failure.message, `Invalid reportCost: ${String(shown)}. Use US`)
    }
  })

  it.prop("accepts every amount that nano-dollars can represent", { amount: whole(Money.max) }, ({ amount }) => {
    const usd = Money.toUsd(amount)
    if (Money.fromUsd(usd) === undefined) return assert.isAbove(usd, 8e6)
    assert.strictEqual(Result.getOrThrow(Money.parseUsd("x", usd)), Money.fromUsd(usd))
  })

  it.prop(
    "adds and multiplies to integer amounts that stop at the largest",
    { a: whole(Money.max), n: whole(1e6) },
    ({ a, n }) => {
      const product = BigInt(a) * BigInt(n)
      assert.strictEqual(Money.times(a, n), product < BigInt(Money.max) ? Number(product) : Money.max)
      assert.strictEqual(Money.add(a, n), Math.min(a + n, Money.max))
    }
  )
})

describe("Money.isPrice", () => {
  it("separates valid price rows from invalid ones", () => {
    assert.isTrue(Money.isPrice(row({ cacheReadPerMillionUsd: 0 })))
    assert.isFalse(Money.isPrice(row({ inputPerMillionUsd: -1 })))
    assert.isFalse(Money.isPrice(row({ reasoningPerMillionUsd: NaN })))
    assert.isFalse(Money.isPrice(row({ outputPerMillionUsd: Infinity })))
  })
})

describe("Money.mostFor and Money.outputTokensFor", () => {
  const price = row({
    inputPerMillionUsd: 3,
    outputPerMillionUsd: 15,
    cacheReadPerMillionUsd: 0.3,
    cacheWritePerMillionUsd: 3.75,
    cacheWriteLongPerMillionUsd: 6,
    reasoningPerMillionUsd: 20
  })

  it.prop(
    "mostFor is never less than the cost of any split of the tokens",
    { input: Schema.Tuple([Tokens, Tokens, Tokens, Tokens]), output: Schema.Tuple([Tokens, Tokens]) },
    ({ input: [a, b, c, d], output: [e, f] }) => {
      const usage = {
        inputUncached: a,
        inputCacheRead: b,
        inputCacheWrite: c,
        inputCacheWriteLong: d,
        outputText: e,
        outputReasoning: f
      }
      const { nanoUsd } = Money.costOf(usage, price)
      assert.isAtMost(nanoUsd, Money.mostFor(price, a + b + c + d, e + f))
    }
  )

  it.prop(
    "outputTokensFor is the largest count that stays within the amount",
    { amount: whole(5_000_000_000), tokens: whole(100_000), input: Rate, output: Rate },
    ({ amount, input, output, tokens }) => {
      const price = row({ inputPerMillionUsd: number(input), outputPerMillionUsd: number(output) })
      const most = Money.outputTokensFor(price, tokens, amount)
      if (most === Infinity) assert.strictEqual(output.mantissa, 0)
      else if (most <= 1e9) {
        if (most > 0) assert.isAtMost(Money.mostFor(price, tokens, most), amount)
        assert.isAbove(Money.mostFor(price, tokens, most + 1), amount)
      }
    },
    { arbitrary: { runs: 1000 } }
  )

  it("is 0 when the input alone is too expensive, also for free output", () => {
    assert.strictEqual(Money.outputTokensFor(price, 1_000_000, 1_000_000_000), 0)
    assert.strictEqual(Money.outputTokensFor(row({ inputPerMillionUsd: 1 }), 1001, 1_000_000), 0)
    assert.strictEqual(Money.outputTokensFor(row({ inputPerMillionUsd: 1 }), 1000, 1_000_000), Infinity)
  })
})

describe("Money in US dollars", () => {
  it.prop(
    "reads a displayed amount back as the same amount",
    { amount: whole(Number.MAX_SAFE_INTEGER) },
    ({ amount }) => {
      const shown = Money.format(amount)
      assert.match(shown, /^\$\d+\.\d{2,9}$/)
      const [dollars = "", decimals = ""] = shown.slice(1).split(".")
      assert.strictEqual(BigInt(dollars + decimals.padEnd(9, "0")), BigInt(amount))
    },
    { arbitrary: { runs: 1000 } }
  )

  it.prop(
    "converts to dollars and back without loss up to eight million dollars",
    { amount: whole(8_000_000_000_000_000) },
    ({ amount }) => assert.strictEqual(Money.fromUsd(Money.toUsd(amount)), amount),
    { arbitrary: { runs: 1000 } }
  )

  it("shows small amounts in full", () => {
    assert.strictEqual(Money.format(1_234_000), "$0.001234")
    assert.strictEqual(Money.format(1), "$0.000000001")
    assert.strictEqual(Money.format(0), "$0.00")
    assert.strictEqual(Money.format(1_500_000_000), "$1.50")
    assert.strictEqual(Money.format(Money.max), "$9007199.254740991")
  })

  it("reads a decimal exactly, and rounds half a nano-dollar up", () => {
    assert.strictEqual(Money.fromUsd(0.1 + 0.2), 300_000_000)
    assert.strictEqual(Money.fromUsd(1.005), 1_005_000_000)
    assert.strictEqual(Money.fromUsd(5e-10), 1)
    assert.strictEqual(Money.fromUsd(4e-10), 0)
    assert.strictEqual(Money.fromUsd(5e-324), 0)
  })

  it("recognizes invalid amounts", () => {
    for (const usd of [-1, -1e-12, NaN, Infinity, -Infinity, 9_007_200, 1e300]) {
      assert.isUndefined(Money.fromUsd(usd), String(usd))
    }
    assert.strictEqual(Money.fromUsd(-0), 0)
  })

  it("adds up to the largest exact amount and no further", () => {
    assert.strictEqual(Money.add(1, 2), 3)
    assert.strictEqual(Money.add(Money.max, 1), Money.max)
  })
})

describe("rates for long inputs", () => {
  const long = row({
    inputPerMillionUsd: 1,
    outputPerMillionUsd: 10,
    tiers: [
      { aboveInputTokens: 500, inputPerMillionUsd: 3, outputPerMillionUsd: 30 },
      { aboveInputTokens: 100, inputPerMillionUsd: 2, outputPerMillionUsd: 20, cacheReadPerMillionUsd: 1 }
    ]
  })

  it("apply to the whole call, cached input included", () => {
    const cost = (inputUncached: number, inputCacheRead: number) =>
      Money.costOf({ inputUncached, inputCacheRead, outputText: 1 }, long).nanoUsd
    assert.deepStrictEqual([cost(100, 0), cost(100, 1), cost(501, 0)], [110_000, 221_000, 1_533_000])
  })

  it("are reserved by the expected input", () => {
    assert.strictEqual(Money.mostFor(long, 100, 1), 110_000)
    assert.strictEqual(Money.mostFor(long, 101, 1), 222_000)
    assert.strictEqual(Money.outputTokensFor(long, 101, 222_000), 1)
  })

  it("are validated like other prices", () => {
    assert.isTrue(Money.isPrice(long))
    const broken = { aboveInputTokens: 1, inputPerMillionUsd: -1, outputPerMillionUsd: 1 }
    assert.isFalse(Money.isPrice({ ...long, tiers: [broken] }))
  })
})
