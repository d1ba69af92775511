/**
 * What readers and server of the soak have agreed on.
 */

/** What a prompt asks for: so many words, so many milliseconds apart, each filled up to so many characters. */
export interface Wanted {
  readonly words: number
  readonly everyMs: number
  readonly characters: number
}
