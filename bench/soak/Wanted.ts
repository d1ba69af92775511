/**
 * The agreement between readers and server of the soak.
 */

/**
 * The content of a prompt: the number of words, their distance in milliseconds, and the length that each is padded to.
 */
export interface Wanted {
  readonly words: number
  readonly everyMs: number
  readonly characters: number
}
