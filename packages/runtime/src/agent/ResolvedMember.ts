/**
 * The agent of one step: an agent with what its `resolve` has chosen for the step. A choice narrows what the agent and
 * the query allow; it never widens it.
 */
import type { ModelSettings } from "../model/Model.ts"
import type { Member } from "./AgentRegistry.ts"
import * as QueryTools from "./QueryTools.ts"
import type { Chosen } from "./Resolution.ts"

/** What is wrong with a choice for this agent; `undefined` if it can be used. */
export const problemOf = (member: Member, { model, tools = [] }: Chosen): string | undefined => {
  if (model !== undefined && !member.models.has(model)) {
    const known = [...member.models.keys()].join(", ") || "none. List them in models"
    return `unknown model ${JSON.stringify(model)}. The agent's models: ${known}`
  }
  const names = member.resolver?.names
  const unknown = tools.find(
    (name) => names?.has(name) !== true && !member.tools.has(name) && !member.specialists.has(name)
  )
  return unknown === undefined ? undefined : `unknown tool ${JSON.stringify(unknown)}. Name the agent's own tools`
}

/** The agent of a step: `member` with the choice. `settings`: those of `member` for this step. */
export const apply = (member: Member, chosen: Chosen, settings: ModelSettings | undefined): Member => {
  const { instructions, maxOutputTokens = Number.POSITIVE_INFINITY, model, providerOptions, tools } = chosen
  const { definition, instructed } = member
  const most = Math.min(maxOutputTokens, definition.maxOutputTokens ?? Number.POSITIVE_INFINITY)
  const chosenTools = tools === undefined ? undefined : new Set(tools)
  const left = chosenTools === undefined ? member : QueryTools.only(member, (name) => chosenTools.has(name))
  return {
    ...left,
    model: (model === undefined ? undefined : member.models.get(model)) ?? member.model,
    definition: {
      ...definition,
      ...(instructions === undefined ? {} : { instructions: joined(instructions, instructed?.added) }),
      ...(providerOptions === undefined
        ? {}
        : { providerOptions: { ...definition.providerOptions, ...providerOptions } }),
      settings: chosen.settings === undefined ? settings : { ...settings, ...chosen.settings },
      maxOutputTokens: Number.isFinite(most) ? most : undefined
    }
  }
}

/** An agent's instructions with what a query adds to them. */
export const joined = (own: string | undefined, added: string | undefined): string | undefined =>
  own === undefined || added === undefined ? (own ?? added) : `${own}\n\n${added}`
