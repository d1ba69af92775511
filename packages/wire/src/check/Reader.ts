/**
 * What a reader of a dialect is: it takes the frames of a stream one by one and says which of the protocol's rules they
 * break. Each dialect's reader is written from its protocol and knows nothing of how we encode it.
 */

/**
 * A frame as it was captured.
 *
 * **Details**
 * - `data`: the text of the frame. `value`: the JSON in it; absent where it is not JSON, as `[DONE]`.
 * - `event` and `id`: of an SSE frame. `isSse`: false for a line of JSON, which has neither.
 *
 * @since 0.1.0
 * @category models
 */
export interface Captured {
  readonly data: string
  readonly value?: unknown
  readonly event?: string
  readonly id?: string
  readonly isSse: boolean
}

/**
 * What a reader says about the frame that it reads.
 *
 * @since 0.1.0
 * @category models
 */
export interface Notes<Rule extends string = string> {
  /** The stream continues an earlier one that is not at hand: what it refers to and does not show may be in that. */
  readonly continues: boolean
  /** The frame breaks a rule. `found` says how, by names and ids, and never quotes texts, arguments and results. */
  readonly fault: (rule: Rule, found: string) => void
  /** A piece of the answer's text. `part`: what it belongs to; `replaces`: it takes the place of what the part had. */
  readonly text: (piece: string, part?: string, replaces?: boolean) => void
  /** The result of a call, as text. */
  readonly result: (callId: string, text: string) => void
}

/**
 * Reads one conversation: the frames of an answer, its end, the frames of the next answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reader {
  readonly read: (frame: Captured) => void
  /** The stream has ended. */
  readonly end: () => void
  /** True where the answer that has ended waits for its client: for an approval, or for the result of a call. */
  readonly isWaiting: boolean
}

/**
 * A dialect as `reins check` knows it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Protocol {
  readonly name: string
  readonly title: string
  /** What the protocol says, by the id of the rule. */
  readonly rules: { readonly [rule: string]: string }
  /** True for a frame that only this dialect has. */
  readonly isSign: (frame: Captured) => boolean
  readonly open: (notes: Notes) => Reader
}

/** Makes a protocol. The reader can only break rules that are listed. */
export const make = <const Rules extends { readonly [rule: string]: string }>(protocol: {
  readonly name: string
  readonly title: string
  readonly rules: Rules
  readonly isSign: (frame: Captured) => boolean
  readonly open: (notes: Notes<keyof Rules & string>) => Reader
}): Protocol => protocol
