/**
 * A provider with two models that read invoices by rules, so that the example needs no key and no network. It keeps
 * a bill: who was charged for a request to which model, by the key that the request brought. The small model adds up
 * wrongly at first.
 */
import { Model, type ModelPort, type ModelRequest } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Layer } from "effect"
import * as Keys from "./Keys.ts"
import { Careful } from "./Reader.ts"

const lineOf = /^(\d+) x (.+) at ([\d.]+)$/

const textOf = (request: ModelRequest): string =>
  request.messages
    .flatMap(({ content, role }) => (role === "user" ? content : []))
    .map((part) => (part.type === "text" ? part.text : ""))
    .join("\n")

const rateOf = (request: ModelRequest): number | undefined => {
  const [rate] = request.messages.flatMap(({ content }) =>
    content.flatMap((part) => (part.type === "tool-result" && typeof part.result === "number" ? [part.result] : []))
  )
  return rate
}

const cents = (amount: number): number => Math.round(amount * 100) / 100

/** The answer as a model would write it, or the call that it needs first. */
const read = (model: string, request: ModelRequest): ScriptedModel.Reply => {
  const text = textOf(request)
  const [, number = "", due = "", currency = "EUR"] = /^Invoice (\S+), due (\S+), in (\w+)/.exec(text) ?? []
  const rate = currency === "EUR" ? 1 : rateOf(request)
  if (rate === undefined) return ScriptedModel.calls([{ id: "rate", name: "exchange_rate", args: { currency } }])
  const lines = text.split("\n").flatMap((line) => {
    const [, count, text, price] = lineOf.exec(line) ?? []
    return text === undefined ? [] : [{ text, totalEur: cents(Number(count) * Number(price) * rate) }]
  })
  const total = cents(lines.reduce((all, line) => all + line.totalEur, 0))
  const isCorrected = text.includes("does not match the required JSON schema")
  const totalEur = model === "small" && !isCorrected && lines.length > 2 ? cents(total + 1) : total
  return ScriptedModel.words(JSON.stringify({ number, due, lines, totalEur }, null, 1))
}

/** What was charged to whom, in order. */
export const bill: Array<string> = []

const port = (model: string): ModelPort =>
  ScriptedModel.make({
    provider: "example",
    model,
    respond: (request) => {
      bill.push(`${model} model, charged to ${Keys.tenantOf(request.key)}`)
      return read(model, request)
    }
  })

export const layer = Layer.merge(
  Layer.sync(Model, () => port("small")),
  Layer.sync(Careful, () => port("careful"))
)
