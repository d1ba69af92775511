/**
 * Makes the ids of new runs and threads. This is the only source of randomness in the runtime: everything below a run
 * derives its names from the run's id and its position, so that a run can be replayed from its log.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"

/**
 * Makes ids.
 *
 * @since 0.1.0
 * @category models
 */
export interface IdSource {
  /** A new id that starts with `prefix` and cannot be guessed. */
  readonly make: (prefix: string) => string
}

const alphabet = "0123456789abcdefghijklmnopqrstuv"

/** Letters of an id, of five random bits each. */
const letters = 20

/**
 * Letters for the next ids as character codes, drawn for many ids at once: one draw costs as much as the rest of a
 * short run.
 */
const drawn = new Uint8Array(letters * 128)
let next = drawn.length

/**
 * The character codes of the next id. A string built letter by letter would keep all its pieces in memory, and passing
 * a plain array is ten times faster than passing a part of a typed one.
 */
const id = Array.from({ length: letters }, () => 0)

const draw = (): void => {
  // oxlint-disable-next-line no-restricted-globals -- this is the service that randomness comes from
  crypto.getRandomValues(drawn)
  for (let index = 0; index < drawn.length; index++) drawn[index] = alphabet.charCodeAt((drawn[index] ?? 0) & 31)
  next = 0
}

const random: IdSource = {
  make: (prefix) => {
    if (next >= drawn.length) draw()
    for (let index = 0; index < letters; index++) id[index] = drawn[next++] ?? 0
    return `${prefix}_${String.fromCharCode(...id)}`
  }
}

/**
 * The ids of a runtime: 100 random bits by default.
 *
 * @since 0.1.0
 * @category services
 */
export const Ids: Context.Reference<IdSource> = Context.Reference<IdSource>("@reins/runtime/Ids", {
  defaultValue: () => random
})

/**
 * Ids that count up, `run_1`, `run_2`, for tests and recordings.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerCounting: Layer.Layer<never> = Layer.sync(Ids, () => {
  let count = 0
  return { make: (prefix: string) => `${prefix}_${++count}` }
})
