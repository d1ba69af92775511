/**
 * The right to run one call that the gate has allowed. Running a tool requires a `Permit`, and only the gate makes
 * them, so that no code path runs a call that was not allowed.
 */
import type { Json, Message } from "@reins/protocol"

/** The right to run one call. */
export interface Permit {
  readonly call: Message.CallPart
  /** The arguments it may run with: the model's, or those of a revision. */
  readonly args: Json
  /** The grant it uses, if nobody was asked. */
  readonly grant: GrantUse | undefined
  /** The hash of the allowed definition; absent if nobody was asked, or an earlier release asked. */
  readonly toolHash: string | undefined
  /** The subject of the names under which its execution is stored. */
  readonly subject: string
}

/** How a call was allowed, apart from its arguments. */
export interface Allowance {
  readonly grant?: GrantUse | undefined
  readonly toolHash?: string | undefined
  readonly subject: string
}

/** A use of a grant. `isMetered`: the grant limits what its calls may cost, and holds money for this one. */
export interface GrantUse {
  readonly id: string
  readonly isMetered: boolean
}

class Issued implements Permit {
  readonly call: Message.CallPart
  readonly args: Json
  readonly grant: GrantUse | undefined
  readonly toolHash: string | undefined
  readonly subject: string

  constructor(call: Message.CallPart, args: Json, { grant, subject, toolHash }: Allowance) {
    this.call = call
    this.args = args
    this.grant = grant
    this.toolHash = toolHash
    this.subject = subject
  }
}

/** Makes a permit. Only `Gate` calls it. */
export const issue = (call: Message.CallPart, args: Json, allowance: Allowance): Permit =>
  new Issued(call, args, allowance)

/** True only for what `issue` made. */
export const isGenuine = (permit: Permit): boolean => permit instanceof Issued
