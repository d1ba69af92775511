/** Reads three invoices of two tenants, and one of a tenant without a key. */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import * as Desk from "./Desk.ts"
import * as Provider from "./Provider.ts"

const invoices = [
  ["harbour-cafe", "Invoice 17, due 2027-03-01, in EUR\n2 x Tea at 4.50\n1 x Pot at 18.00"],
  ["harbour-cafe", "Invoice C-9, due 2027-03-09, in EUR\n1 x Cup at 3.00\n1 x Jug at 9.00\n1 x Tin at 2.00"],
  [
    "city-library",
    "Invoice 2027/4, due 2027-04-15, in USD\n10 x A reading lamp with a green glass shade at 20.00\n" +
      "2 x An oak shelf of five boards, delivered and put up at 150.00\n1 x Books about tides, used, in boxes at 80.00"
  ],
  ["night-bakery", "Invoice 1, due 2027-05-01, in EUR\n1 x Flour at 40.00"]
] as const

const program = Effect.gen(function* () {
  for (const [tenant, text] of invoices) {
    yield* Console.log(`${tenant}: ${text.split("\n")[0]}`)
    yield* Desk.read(tenant, text).pipe(
      Effect.flatMap(({ due, number, totalEur }) =>
        Console.log(`  booked: ${number}, ${totalEur} EUR, due ${due.toDateString()}`)
      ),
      Effect.catchTag("QueryRejected", ({ message }) => Console.log(`  refused: ${message}`)),
      Effect.catchTag("RunError", ({ message }) => Console.log(`  not read: ${message}`))
    )
  }
  yield* Console.log(`\n${Provider.bill.join("\n")}`)
})

program.pipe(Effect.provide(Desk.RuntimeLive), NodeRuntime.runMain)
