/** The same app with its services. */
import type { Layer } from "effect"
import { Effect } from "effect"
import desk, { Rooms } from "./unhandled.ts"

export default desk
export const services: Layer.Layer<never> = Rooms.toLayer({
  book: ({ city }) => Effect.succeed(`a room in ${city}`)
}) as Layer.Layer<never>
