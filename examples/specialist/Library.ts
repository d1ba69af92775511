/** The specialist's tool: a searchable collection of notes. */
import { Effect, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const Note = Schema.Struct({ source: Schema.String, says: Schema.String })

const shelf: ReadonlyArray<typeof Note.Type> = [
  { source: "Annapolis Royal, 2019", says: "tidal power turned its turbine twice a day until 2019" },
  { source: "La Rance, 1966", says: "tidal power has come from its barrage since 1966" },
  { source: "Sihwa, 2011", says: "the largest station for tidal power opened in 2011" }
]

export const Search = Tool.make("search", {
  description: "Finds notes on a topic",
  parameters: Schema.Struct({ topic: Schema.NonEmptyString }),
  success: Schema.Array(Note)
}).annotate(Tool.Readonly, true)

export class Library extends Toolkit.make(Search) {
  static readonly layer = this.toLayer({
    search: ({ topic }) => Effect.succeed(shelf.filter(({ says }) => says.includes(topic.toLowerCase())))
  })
}
