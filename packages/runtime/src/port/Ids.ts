/**
 * Where the ids of new runs and threads come from. The only source of randomness in the runtime: everything below a run
 * derives its names from the run's id and its place, so that a run replays from its log.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"

/** Makes ids. */
export interface IdSource {
  /** A new id that starts with `prefix` and cannot be guessed. */
  readonly make: (prefix: string) => string
}

const alphabet = "0123456789abcdefghijklmnopqrstuv"

const random: IdSource = {
  make: (prefix) => {
    // oxlint-disable-next-line no-restricted-globals -- this is the service that randomness comes from
    const bytes = crypto.getRandomValues(new Uint8Array(20))
    // Joined at once: a string that grew letter by letter keeps all its pieces.
    return `${prefix}_${Array.from(bytes, (byte) => alphabet[byte & 31]).join("")}`
  }
}

/** The ids of a runtime: 100 random bits by default. */
export const Ids: Context.Reference<IdSource> = Context.Reference<IdSource>("@reins/runtime/Ids", {
  defaultValue: () => random
})

/** Ids that count up, `run_1`, `run_2`, for tests and recordings. */
export const layerCounting: Layer.Layer<never> = Layer.sync(Ids, () => {
  let count = 0
  return { make: (prefix: string) => `${prefix}_${++count}` }
})
