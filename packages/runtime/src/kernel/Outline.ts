/**
 * What may be logged of a failure with messages that may quote prompts, keys or rows: its tags and codes, those of its
 * causes, and its stack frames, without any message.
 */
import * as Predicate from "effect/Predicate"

/** The maximum number of causes to follow. */
const deepest = 8

/**
 * The failure in one line for each of its causes, then its stack.
 *
 * @since 0.1.0
 * @category constructors
 */
export const of = (failure: unknown): string => {
  const lines: Array<string> = []
  let stack: string | undefined
  let each = failure
  for (let depth = 0; depth < deepest && Predicate.isObject(each); depth++) {
    const names = ["_tag", "name", "code", "errcode", "errno"].flatMap((member) =>
      word(Reflect.get(Object(each), member))
    )
    if (names.length > 0) lines.push([...new Set(names)].join(" "))
    stack = framesOf(each) ?? stack
    each = Reflect.get(Object(each), "reason") ?? Reflect.get(Object(each), "cause")
  }
  const head = lines.length === 0 ? typeof failure : lines.join(", by ")
  return stack === undefined ? head : `${head}\n${stack}`
}

/** The value if it is a name or a code; not anything that could be a sentence or a key. */
const word = (value: unknown): ReadonlyArray<string> => {
  if (typeof value === "number") return [String(value)]
  return typeof value === "string" &&
    /^[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*$|^[0-9][0-9A-Z]{4}$/.test(value) &&
    value.length <= 40
    ? [value]
    : []
}

/** The frames of a stack, without the message above them. */
const framesOf = (value: object): string | undefined => {
  const stack: unknown = Reflect.get(value, "stack")
  if (typeof stack !== "string") return undefined
  // A message may have lines that look like frames.
  const message: unknown = Reflect.get(value, "message")
  const from = typeof message === "string" && message !== "" ? stack.indexOf(message) + message.length : 0
  const frames = stack
    .slice(from)
    .split("\n")
    .filter((line) => /^ +at [^\n]*(:\d+:\d+\)?|<anonymous>\)?)$/.test(line))
  return frames.length === 0 ? undefined : frames.slice(0, 10).join("\n")
}
