import { assert, describe, it } from "@effect/vitest"
import { Output, Runtime } from "@reins/runtime"
import { Effect, Stream } from "effect"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import * as Desk from "./Desk.ts"
import * as Provider from "./Provider.ts"
import { Invoice, Reader } from "./Reader.ts"

const tea = "Invoice 17, due 2027-03-01, in EUR\n2 x Tea at 4.50\n1 x Pot at 18.00"
const shelf = `${tea.replace("17", "18").replace("EUR", "USD")}\n${"1 x A long line about shelves and lamps at 1.00\n".repeat(4)}`

describe("an invoice that is read", () => {
  it.effect("is a record of its schema, and is shown while it is written", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const run = yield* runtime.start(Reader, tea, { resourceId: "harbour-cafe" })
      const shown = yield* Stream.runCollect(Stream.map(Output.partials(run.events, Invoice), Desk.summary))
      const { output } = yield* run.result
      assert.includeMembers([...shown], ["invoice 17: 1 lines, total …", "invoice 17: 2 lines, total 27"])
      assert.deepStrictEqual(output.lines, [
        { text: "Tea", totalEur: 9 },
        { text: "Pot", totalEur: 18 }
      ])
      assert.strictEqual(output.due.toISOString().slice(0, 10), "2027-03-01")
    }).pipe(Effect.provide(Desk.RuntimeLive))
  )

  it.effect("goes to the model that its length asks for, with the tenant's key, and tools in its first step only", () =>
    Effect.gen(function* () {
      const before = Provider.bill.length
      const { totalEur } = yield* Desk.read("city-library", shelf)
      assert.strictEqual(totalEur, 27.9)
      assert.deepStrictEqual(Provider.bill.slice(before), [
        "careful model, charged to city-library",
        "careful model, charged to city-library"
      ])
    }).pipe(Effect.provide(Desk.RuntimeLive))
  )

  it.effect("whose sum is wrong is asked for once more, of the careful model", () =>
    Effect.gen(function* () {
      const before = Provider.bill.length
      const { totalEur } = yield* Desk.read("harbour-cafe", `${tea}\n1 x Tin at 2.00`)
      assert.strictEqual(totalEur, 29)
      assert.deepStrictEqual(Provider.bill.slice(before), [
        "small model, charged to harbour-cafe",
        "careful model, charged to harbour-cafe"
      ])
    }).pipe(Effect.provide(Desk.RuntimeLive))
  )

  it.effect("of a tenant without a key is refused before any model is asked", () =>
    Effect.gen(function* () {
      const before = Provider.bill.length
      const refused = yield* Effect.flip(Desk.read("night-bakery", tea))
      assert.strictEqual(refused.reason._tag, "CredentialsMissing")
      assert.lengthOf(Provider.bill, before)
    }).pipe(Effect.provide(Desk.RuntimeLive))
  )
})

describe("the program", () => {
  it("books three invoices, shows what it was charged, and ends", async () => {
    const { stderr, stdout } = await promisify(execFile)(process.execPath, [`${import.meta.dirname}/main.ts`])
    assert.strictEqual(stderr, "")
    for (const line of ["booked: 17, 27 EUR", "booked: C-9, 14 EUR", "booked: 2027/4, 522 EUR", "refused: "])
      assert.include(stdout, line)
    assert.notInclude(stdout, "key-of-the-cafe")
  }, 60_000)
})
