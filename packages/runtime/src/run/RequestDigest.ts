/**
 * The digest of a step's request: what a replay compares to find a changed prompt, tool or setting, since a log has the
 * answers of models and not what they were sent. Only a durable engine stores it, with the step's value.
 *
 * The part that is the same in all steps of an agent is digested once, and each message once; only a step's new
 * messages cost something. Values are digested with sorted members, so that what was read from a store has the same
 * digest as what was written.
 */
import type { Message } from "@reins/protocol"
import * as Schema from "effect/Schema"
import type * as Agent from "../agent/Agent.ts"
import type { Member } from "../agent/AgentRegistry.ts"
import { fingerprint } from "../kernel/Digest.ts"
import type { ModelRequest, ToolDefinition } from "../model/Model.ts"

const RequestDigestStruct = Schema.Struct({
  instructions: Schema.String,
  tools: Schema.String,
  settings: Schema.String,
  messages: Schema.String,
  each: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
})

/**
 * One digest for each part of a request. `settings`: how to sample, the output's schema and the provider's options.
 * `each`: of each tool, only in an agent's first step; `tools` is that of all together.
 */
export interface RequestDigest extends Schema.Schema.Type<typeof RequestDigestStruct> {}
export const RequestDigest: Schema.Codec<RequestDigest> = RequestDigestStruct

type Fixed = Pick<RequestDigest, "instructions" | "tools" | "settings">

/** What is the same in all steps. */
type Parts = Required<Omit<RequestDigest, "messages">>

/** By agent, for all its runs. */
const known = new WeakMap<Member, Parts>()

const fixedParts = (member: Member): Parts => {
  const found = known.get(member)
  if (found !== undefined) return found
  const { definition, offered, output } = member
  const parts = { ...fixedOf({ ...definition, tools: offered, output }), each: eachOf(offered) }
  known.set(member, parts)
  return parts
}

/** The digests of one agent's requests, in the order of its steps. */
export class RequestDigests {
  private member: Member
  private fixed: Parts | undefined
  private chain = ""
  private counted = 0
  /** The tools of the last request, where they are not all that the agent has. */
  private some:
    | { readonly tools: ReadonlyArray<ToolDefinition>; readonly parts: Pick<Parts, "tools" | "each"> }
    | undefined

  constructor(member: Member) {
    this.member = member
  }

  /**
   * The digest of a request with `messages`. `offersTools`: false in a last step without tools. `sent`: the definitions
   * that are sent, if any.
   */
  of(
    messages: ReadonlyArray<Message.Message>,
    step: number,
    offersTools: boolean,
    sent: ReadonlyArray<ToolDefinition>
  ): RequestDigest {
    this.fixed ??= fixedParts(this.member)
    for (; this.counted < messages.length; this.counted++) {
      this.chain = next(this.chain, messages[this.counted])
    }
    const { instructions, settings } = this.fixed
    const { each, tools } = sent === this.member.offered ? this.fixed : this.partsOf(sent)
    const digest = { instructions, tools: offersTools ? tools : noTools, settings, messages: this.chain }
    return step === 1 && offersTools ? { ...digest, each } : digest
  }

  private partsOf(tools: ReadonlyArray<ToolDefinition>): Pick<Parts, "tools" | "each"> {
    if (this.some?.tools !== tools) {
      this.some = { tools, parts: { tools: fingerprint(canonical(tools)), each: eachOf(tools) } }
    }
    return this.some.parts
  }

  /** Call when the agent is another one in its next step. */
  use(member: Member): void {
    this.member = member
    this.fixed = undefined
  }

  /** Call when the conversation was shortened: all of it is digested again. */
  restart(): void {
    this.chain = ""
    this.counted = 0
  }
}

/**
 * The digests of requests that are known as requests only. What an agent's next request has in common with its last one
 * is not digested again.
 */
export class SentDigests {
  private last: ModelRequest | undefined
  private fixed: Fixed | undefined
  private chain = ""

  of(request: ModelRequest): RequestDigest {
    const { last } = this
    const { messages, metadata, tools } = request
    const isSame =
      last?.instructions === request.instructions &&
      last?.tools === tools &&
      last?.output === request.output &&
      last?.providerOptions === request.providerOptions &&
      last?.settings === request.settings
    if (!isSame || this.fixed === undefined) this.fixed = fixedOf(request)
    const known = last !== undefined && begins(last.messages, messages) ? last.messages.length : 0
    this.chain = messages.slice(known).reduce(next, known === 0 ? "" : this.chain)
    this.last = request
    const digest = { ...this.fixed, messages: this.chain }
    return metadata.step === 1 ? { ...digest, each: eachOf(tools) } : digest
  }
}

const begins = (some: ModelRequest["messages"], all: ModelRequest["messages"]): boolean =>
  some.length <= all.length && some.every((message, index) => message === all[index])

const next = (chain: string, message: Message.Message | undefined): string => fingerprint(chain + canonical(message))

const noTools = fingerprint("[]")

/** `toolChoice` is left out: it is that of a step. */
const fixedOf = (
  request: Pick<Agent.Definition, "instructions" | "providerOptions" | "settings"> &
    Pick<ModelRequest, "tools" | "output">
): Fixed => {
  const { instructions, output, providerOptions, settings, tools } = request
  const { toolChoice: _, ...sampling } = settings ?? {}
  return {
    instructions: fingerprint(instructions ?? ""),
    tools: fingerprint(canonical(tools)),
    settings: fingerprint(canonical([sampling, output, providerOptions]))
  }
}

const eachOf = (tools: ReadonlyArray<ToolDefinition>): { readonly [name: string]: string } =>
  Object.fromEntries(tools.map((tool) => [tool.name, fingerprint(canonical(tool))]))

/** JSON with sorted members; absent ones are left out. */
const canonical = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null"
  let out = ""
  if (Array.isArray(value)) {
    for (const item of value) out += `,${canonical(item)}`
    return `[${out}]`
  }
  for (const [key, member] of Object.entries(value).sort(byKey)) {
    if (member !== undefined) out += `,${key}:${canonical(member)}`
  }
  return `{${out}}`
}

const byKey = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number => (one < other ? -1 : 1)
