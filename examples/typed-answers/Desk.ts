/** The service that reads invoices for tenants: what it shows while one is read, and the record that it books. */
import { Output, Runtime } from "@reins/runtime"
import { Console, Effect, Layer, Stream } from "effect"
import * as Keys from "./Keys.ts"
import * as Provider from "./Provider.ts"
import { Invoice, Rates, Reader } from "./Reader.ts"

export const RuntimeLive = Runtime.layer({ agents: [Reader] }).pipe(
  Layer.provide([Rates.layer, Provider.layer, Keys.layer])
)

/** An invoice as far as it has been read. */
interface Draft {
  readonly number?: string | undefined
  readonly lines?: ReadonlyArray<unknown> | undefined
  readonly totalEur?: number | undefined
}

/** What a page would show of it. */
export const summary = ({ lines, number, totalEur }: Draft): string =>
  `invoice ${number ?? "…"}: ${lines?.length ?? 0} lines, total ${totalEur ?? "…"}`

/** Reads an invoice of a tenant's, and prints what is there so far. */
export const read = Effect.fn("Desk.read")(function* (tenant: string, text: string) {
  const runtime = yield* Runtime
  const run = yield* runtime.start(Reader, text, { resourceId: tenant })
  yield* Output.partials(run.events, Invoice).pipe(
    Stream.map(summary),
    Stream.changes,
    Stream.runForEach((line) => Console.log(`  ${line}`))
  )
  const { output } = yield* run.result
  return output
})
