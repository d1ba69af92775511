/**
 * The id of one answer of a run, in dialects that name answers and not runs. A run that is resumed after a pause has
 * several answers: the first has the run's id after a prefix, the others have their number before it. An id identifies
 * exactly that answer.
 */

/**
 * An answer: the `answer`th of the run, from 1.
 *
 * @since 0.1.0
 * @category models
 */
export interface AnswerOf {
  readonly runId: string
  readonly answer: number
}

/**
 * `part`: names a part of the answer, such as an item.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (prefix: string, { answer, runId }: AnswerOf, part?: number): string =>
  `${prefix}${answer === 1 ? "" : `${answer}~`}${runId}${part === undefined ? "" : `_${part}`}`

/**
 * The answer that an id names. An id without the prefix names a run itself.
 *
 * @since 0.1.0
 * @category conversions
 */
export const parse = (prefix: string, id: string): AnswerOf => {
  const name = id.startsWith(prefix) ? id.slice(prefix.length) : id
  const [, answer = "1", runId = name] = /^([1-9]\d{0,8})~(.*)$/s.exec(name) ?? []
  return { runId, answer: Number(answer) }
}
