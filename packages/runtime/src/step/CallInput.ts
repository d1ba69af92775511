/**
 * The input of an answer's calls while the model writes it: which id each call will be announced under, and whether
 * what was streamed is what the call says.
 *
 * An id is given at a call's first input, so that a client sees one call from its first character to its result. Input
 * that turns out not to be the call's (its adapter says other arguments, or another tool) stays without a call, and the
 * call is announced under an id of its own. One per attempt whose answer is shown.
 */
import { Event, type Json } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { AgentState } from "../run/AgentState.ts"
import type { ModelPart } from "../model/Model.ts"
import * as Names from "../run/Names.ts"

type Part = Extract<ModelPart, { readonly type: "tool-input" }>
type Call = Extract<ModelPart, { readonly type: "tool-call" }>

/** The input of one call so far. */
interface Input {
  readonly id: string
  readonly name: string
  readonly execution: "client" | "agent" | undefined
  text: string
}

export class CallInputs {
  /** The ids under which input was streamed. */
  readonly ids = new Set<string>()
  /** Characters, for estimates. */
  said = 0
  private readonly agent: AgentState
  /** By the model's id, in the order in which they began: a model may give several calls one id. */
  private readonly open = new Map<string, Array<Input>>()
  /** Ids of provider-run calls that are announced under another one, by the model's. */
  private renamed: Map<string, string> | undefined
  private isLimited = false

  constructor(agent: AgentState) {
    this.agent = agent
  }

  /** The event of an increment; `undefined` where it says nothing, or the call will not be announced. */
  take(part: Part, isTaken: (id: string) => boolean): Event | undefined {
    const text = part.text.toWellFormed()
    this.said += text.length
    const inputs = this.open.get(part.id)
    const begun = inputs?.at(-1)
    const isNew = begun === undefined || part.begins === true
    const input = isNew ? this.begin(part, isTaken) : begun
    if (input === undefined || (text === "" && !isNew)) return undefined
    input.text += text
    return Event.toolInputDelta(input, text, input.execution)
  }

  /** The id of a call whose input was streamed; `undefined` where none was, or it was other input. */
  close({ args, execution, id, name }: Call): string | undefined {
    const input = this.open.get(id)?.shift()
    if (input === undefined || input.name !== name.toWellFormed() || !isOf(args, input.text)) return undefined
    if (execution === "provider" && input.id !== id) (this.renamed ??= new Map()).set(id, input.id)
    return input.id
  }

  /** The id of a provider-run call's result. */
  resultId(id: string): string {
    return this.renamed?.get(id) ?? id
  }

  private begin({ execution, id: given, name: called }: Part, isTaken: (id: string) => boolean): Input | undefined {
    const name = called.toWellFormed()
    const { definition, specialists, tools } = this.agent.member
    // Where one call at a time was asked for, the others are not announced.
    const isOwn = execution !== "provider" && definition.settings?.parallelToolCalls === false
    if (isOwn && this.isLimited) return undefined
    this.isLimited ||= isOwn
    const wanted = Names.callId(given.toWellFormed())
    let id = wanted
    for (let count = 2; this.agent.hasCall(id) || this.ids.has(id) || isTaken(id); count++) id = `${wanted}_${count}`
    this.ids.add(id)
    const isClient = tools.get(name)?.execution === "client"
    const ran = specialists.has(name) ? "agent" : isClient ? "client" : undefined
    const input: Input = { id, name, execution: execution === "provider" ? undefined : ran, text: "" }
    const others = this.open.get(given)
    if (others === undefined) this.open.set(given, [input])
    else others.push(input)
    return input
  }
}

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))

/**
 * Whether arguments are what the text says: members in the order of the text. No text says nothing of them: some
 * providers send it empty and the call whole, or nothing for a call without arguments.
 */
const isOf = (args: Json, text: string): boolean => {
  const said = JSON.stringify(args)
  if (said === text || args === text || text.trim() === "") return true
  const parsed = parse(text)
  return Option.isSome(parsed) && JSON.stringify(parsed.value ?? {}) === said
}
