/**
 * Redaction of personal data (`PersonalData`): in what models are sent, in results before anything keeps them, and, where
 * it is asked for, in answers before they are shown. The thread keeps what a user wrote.
 */
import type { Json, Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Rule from "../kernel/OptionRule.ts"
import * as Hook from "./Hook.ts"
import * as PersonalData from "./PersonalData.ts"

/**
 * Options of a redaction.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The kinds of data. Absent: all of them. */
  readonly kinds?: ReadonlyArray<PersonalData.Kind> | undefined
  /** Patterns of the program's own, by name; looked for first, each with the flag `g`. */
  readonly patterns?: { readonly [name: string]: RegExp } | undefined
  /** What is put in place of a find. Absent: its kind or name in brackets, as in `[email]`. */
  readonly replacement?: ((kind: string) => string) | undefined
  /** Whether messages are redacted in requests to models. Absent: true. */
  readonly requests?: boolean | undefined
  /** Whether the results of calls are redacted. Absent: true. */
  readonly results?: boolean | undefined
  /** Whether answers are held and redacted (`holdsText`): text and reasoning, and not the arguments of calls. Absent: false. */
  readonly text?: boolean | undefined
  /** The tools and specialists with results that are redacted. Absent: all. */
  readonly tools?: ReadonlyArray<string> | undefined
}

/** JSON with each text in it redacted; the same value if nothing was found. */
const inJson = (value: Json, redact: (text: string) => string): Json => {
  if (typeof value === "string") return redact(value)
  if (typeof value !== "object" || value === null) return value
  if (isArray(value)) {
    const made = value.map((item) => inJson(item, redact))
    return made.some((item, index) => item !== value[index]) ? made : value
  }
  let isChanged = false
  const made: { [name: string]: Json } = {}
  for (const [name, member] of Object.entries(value)) {
    const next = inJson(member, redact)
    let key = redact(name)
    for (let count = 2; key !== name && Object.hasOwn(made, key); count++) key = `${redact(name)} ${count}`
    isChanged ||= next !== member || key !== name
    Object.defineProperty(made, key, { value: next, enumerable: true, configurable: true, writable: true })
  }
  return isChanged ? made : value
}

const isArray: (value: unknown) => value is ReadonlyArray<Json> = Array.isArray

const inParts = <P extends Message.AssistantPart>(
  parts: ReadonlyArray<P>,
  change: (part: P) => P
): ReadonlyArray<P> => {
  const made = parts.map(change)
  return made.some((part, index) => part !== parts[index]) ? made : parts
}

/** A part as a model is sent it. Reasoning stays: providers accept it only as it was. */
const inPart =
  (redact: (text: string) => string) =>
  <P extends Message.AssistantPart>(part: P): P => {
    switch (part.type) {
      case "text": {
        const text = redact(part.text)
        return text === part.text ? part : { ...part, text }
      }
      case "tool-call": {
        const args = inJson(part.args, redact)
        return args === part.args ? part : { ...part, args }
      }
      case "tool-result": {
        const result = inJson(part.result, redact)
        const content = part.content === undefined ? undefined : inParts(part.content, inPart(redact))
        return result === part.result && content === part.content
          ? part
          : { ...part, result, ...(content === undefined ? {} : { content }) }
      }
      case "file":
      case "reasoning":
        return part
    }
  }

const inMessage = (message: Message.Message, redact: (text: string) => string): Message.Message => {
  switch (message.role) {
    case "user": {
      const content = inParts(message.content, inPart(redact))
      return content === message.content ? message : { ...message, content }
    }
    case "assistant": {
      const content = inParts(message.content, inPart(redact))
      return content === message.content ? message : { ...message, content }
    }
    case "tool": {
      const content = inParts(message.content, inPart(redact))
      return content === message.content ? message : { ...message, content }
    }
  }
}

const rule = Rule.fields<Options>('Give an object such as { kinds: ["email"] }', {
  kinds: Rule.optional(Rule.list('Give a list of kinds, such as ["email"]', Rule.oneOf(...PersonalData.kinds))),
  patterns: Rule.optional(
    Rule.record(
      "Give an object of patterns by name",
      Rule.must("Give a regular expression, such as /C-[0-9]{6}/", (value) => value instanceof RegExp)
    )
  ),
  replacement: Rule.optional(Rule.callable("Give a function from a kind to the text in its place")),
  requests: Rule.optional(Rule.flag),
  results: Rule.optional(Rule.flag),
  text: Rule.optional(Rule.flag),
  tools: Rule.optional(Rule.list("Give a list of names of tools and specialists", Rule.name("Name a tool")))
})

/**
 * The hook. **Errors**: invalid options are `InvalidAgents` when the runtime's layer is built: an unknown kind would redact nothing.
 *
 * **Example** (No address and no card number leaves the program)
 *
 * ```ts
 * import { Agent, Redaction } from "@reins/runtime"
 *
 * export const Desk = Agent.make("desk", {
 *   hooks: [Redaction.make({ patterns: { customer: /\bC-\d{6}\b/g }, text: true })]
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Hook.Hook => {
  const issue = Rule.issueOf("Redaction.make()", options, rule)
  return issue === undefined ? redacting(options) : { ...Hook.make("redaction", {}), issue }
}

const redacting = (options: Options): Hook.Hook => {
  const { kinds = PersonalData.kinds, patterns = {}, replacement = (kind: string) => `[${kind}]` } = options
  const own = Object.entries(patterns).map(([name, pattern]) => {
    const flags = pattern.flags.includes("g") ? pattern.flags : `${pattern.flags}g`
    return [name, new RegExp(pattern.source, flags)] as const
  })
  const redact = (text: string) => PersonalData.redact(text, { kinds, own, replacement })
  // Messages do not change, and each step sends all of them again.
  const known = new WeakMap<Message.Message, Message.Message>()
  const once = (message: Message.Message): Message.Message => {
    const found = known.get(message)
    if (found !== undefined) return found
    const made = inMessage(message, redact)
    known.set(message, made)
    return made
  }
  const { requests = true, results = true, text = false } = options
  return Hook.make("redaction", {
    tools: options.tools,
    holdsText: text,
    ...(requests
      ? {
          beforeStep: ({ request }) => {
            const messages = request.messages.map(once)
            const isChanged = messages.some((message, index) => message !== request.messages[index])
            return Effect.succeed<Hook.Verdicts["beforeStep"]>(isChanged ? Hook.withRequest({ messages }) : Hook.pass)
          }
        }
      : {}),
    ...(results
      ? {
          afterCall: ({ content, result, status }) => {
            const made = inJson(result, redact)
            const shown = content === undefined ? undefined : inParts(content, inPart(redact))
            const isSame = made === result && shown === content
            const kept = status === "cancelled" ? "failed" : status
            return Effect.succeed<Hook.Verdicts["afterCall"]>(
              isSame ? Hook.pass : Hook.withResult(made, { status: kept, content: shown })
            )
          }
        }
      : {}),
    ...(text
      ? {
          afterStep: ({ content }) => {
            const made = inParts(content, (part) => {
              if (part.type !== "text" && part.type !== "reasoning") return part
              const left = redact(part.text)
              // A provider's data belong to the text as it was.
              return left === part.text ? part : { type: part.type, text: left }
            })
            return Effect.succeed<Hook.Verdicts["afterStep"]>(made === content ? Hook.pass : Hook.withContent(made))
          }
        }
      : {})
  })
}
