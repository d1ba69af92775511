/**
 * What a text to remember and the options of memories must be. They are of code that may have no types, and a stored memory of
 * other types cannot be read again.
 */
import * as Rule from "../kernel/OptionRule.ts"

const { between, flag, list, oneOf, optional, text } = Rule

/** A text that is remembered. */
export const remembered = text("Give the text to remember")

/** The words that are looked for. */
export const sought = text("Give words to look for, or empty text for the latest")

const kind = optional(text("Name a kind of memories"))

/** How a text is remembered. */
export const remembering = {
  kind,
  tags: optional(list('Give a list of tags, such as ["travel"]', text("Give a tag"))),
  expiresIn: optional(Rule.time)
}

/** What is recalled. */
export const recalling = { kind, limit: optional(between(1, 100)) }

/** Whose memories of a run's tenant are meant. */
export const reach = {
  scope: optional(oneOf("principal", "tenant")),
  ownAgent: optional(flag)
}

/** Why a text cannot be remembered; `undefined` if it can. */
export const issueOf = (
  said: string,
  { expiresIn, kind, tags }: { readonly [name in keyof typeof remembering]?: unknown }
): string | undefined =>
  Rule.argumentIssue("remember", "text", said, remembered) ??
  Rule.issueOf("remember.kind", kind, remembering.kind) ??
  Rule.issueOf("remember.tags", tags, remembering.tags) ??
  Rule.issueOf("remember.expiresIn", expiresIn, remembering.expiresIn)

/** Why whose memories are meant cannot be told; `undefined` if it can. What is no scope must not count as the tenant's. */
export const reachIssue = (
  of: string,
  { ownAgent, scope }: { readonly [name in keyof typeof reach]?: unknown }
): string | undefined =>
  Rule.issueOf(`${of}.scope`, scope, reach.scope) ?? Rule.issueOf(`${of}.ownAgent`, ownAgent, reach.ownAgent)
