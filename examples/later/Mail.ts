/** The mail that the shop sends. */
import { Context, Effect, Layer } from "effect"

export interface Letter {
  readonly key: string
  readonly text: string
}

export class Mail extends Context.Service<
  Mail,
  { readonly send: (letter: Letter) => Effect.Effect<void>; readonly sent: Effect.Effect<ReadonlyArray<Letter>> }
>()("@reins/example-later/Mail") {
  static make(): Mail["Service"] {
    const letters: Array<Letter> = []
    return {
      send: (letter) => Effect.sync(() => void letters.push(letter)),
      sent: Effect.sync(() => letters.slice())
    }
  }

  static readonly layer = Layer.sync(Mail, () => Mail.make())
}
