/**
 * The agent that reads invoices: a typed record as its answer, and for each step the choice of model and tools.
 */
import { Agent, type ModelPort } from "@reins/runtime"
import { Context, Effect, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

/** An invoice as a bookkeeping system takes it, in euros. */
export const Invoice = Schema.Struct({
  number: Schema.NonEmptyString,
  due: Schema.DateFromString,
  lines: Schema.NonEmptyArray(Schema.Struct({ text: Schema.String, totalEur: Schema.Finite })),
  totalEur: Schema.Finite
}).check(
  Schema.makeFilter(({ lines, totalEur }) => {
    const sum = lines.reduce((all, line) => all + line.totalEur, 0)
    return Math.abs(sum - totalEur) < 0.005 || `totalEur is ${totalEur}, and the lines add up to ${sum}`
  })
)

/** The day's exchange rates. A real one asks a bank. */
export class Rates extends Toolkit.make(
  Tool.make("exchange_rate", {
    description: "How many euros one unit of a currency is worth",
    parameters: Schema.Struct({ currency: Schema.String }),
    success: Schema.Finite,
    failure: Schema.Struct({ unknown: Schema.String }),
    failureMode: "return"
  })
) {
  static readonly layer = this.toLayer({
    exchange_rate: ({ currency }) => (currency === "USD" ? Effect.succeed(0.9) : Effect.fail({ unknown: currency }))
  })
}

/** The better and dearer model, for long invoices. */
export class Careful extends Context.Service<Careful, ModelPort>()("example/Careful") {}

/** Above so many characters an invoice is long. */
const long = 200

export const Reader = Agent.make("reader", {
  instructions: "You read invoices. Look up the rate of a currency that is not EUR, and give all amounts in euros.",
  toolkit: Rates,
  models: { careful: Careful },
  output: Invoice,
  resolve: ({ messages, results, step }) => {
    const isLong = JSON.stringify(messages[0]).length > long
    // A step without results before it follows an answer that did not fit.
    const isAskedAgain = step > 1 && results.length === 0
    return {
      // A rate is looked up first. What follows is the answer, and offers no tools.
      tools: step === 1 ? ["exchange_rate"] : [],
      ...(isLong || isAskedAgain ? { model: "careful" as const } : {})
    }
  }
})
