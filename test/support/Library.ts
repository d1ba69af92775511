/**
 * The toolkit that the runtime's tests share: a tool that returns at once, one that reports progress, and one that
 * needs approval. Loans are recorded, so that a test can count what really ran.
 */
import { ToolRun } from "@reins/runtime"
import { Context, Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

/** What the library has lent, by idempotency key, in order. */
export class Loans extends Context.Service<Loans, { readonly lent: Array<string> }>()("test/support/Loans") {
  static readonly layer = Layer.sync(Loans, () => ({ lent: [] }))
}

export class NoCopies extends Schema.TaggedError<NoCopies>()("NoCopies", { book: Schema.String }) {
  override get message() {
    return `no copy of ${this.book} is left`
  }
}

export const Search = Tool.make("search", {
  description: "Find books on a topic",
  parameters: Schema.Struct({ topic: Schema.NonEmptyString }),
  success: Schema.Array(Schema.String)
})

export const Index = Tool.make("index", {
  description: "Read a shelf, book by book",
  parameters: Schema.Struct({ shelf: Schema.NonEmptyString }),
  success: Schema.Struct({ books: Schema.Natural }),
  dependencies: [ToolRun]
})

export const Lend = Tool.make("lend", {
  description: "Lend a book out",
  parameters: Schema.Struct({ book: Schema.NonEmptyString, copies: Schema.optionalKey(Schema.Natural) }),
  success: Schema.Struct({ lent: Schema.Natural }),
  failure: NoCopies,
  failureMode: "return",
  dependencies: [ToolRun],
  needsApproval: true
})

/** `lend` fails for the book `"Gone"`; `index` makes three steps of progress, and yields between them. */
export class Library extends Toolkit.make(Search, Index, Lend) {
  static readonly layer = this.toLayer(
    Effect.gen(function* () {
      const { lent } = yield* Loans
      return Library.of({
        search: ({ topic }) => Effect.succeed([`All about ${topic}`]),
        index: Effect.fnUntraced(function* ({ shelf }) {
          const run = yield* ToolRun
          for (const phaseIndex of [1, 2, 3]) {
            yield* run.progress({ label: `${shelf} ${phaseIndex}`, phaseIndex, totalPhases: 3 })
            yield* Effect.yieldNow
          }
          return { books: 3 }
        }),
        lend: Effect.fnUntraced(function* ({ book, copies = 1 }) {
          const run = yield* ToolRun
          lent.push(run.idempotencyKey)
          return book === "Gone" ? yield* new NoCopies({ book }) : { lent: copies }
        })
      })
    })
  )
}
