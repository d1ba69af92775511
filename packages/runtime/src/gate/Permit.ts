/**
 * The right to run one call, once the gate has allowed it. Executing a tool takes a `Permit`, and only the gate makes them,
 * so that no path through the code runs a tool that was not let through.
 */
import type { Json, Message } from "@reins/protocol"

const made = new WeakSet<Permit>()

export interface Permit {
  readonly call: Message.CallPart
  /** The arguments it may run with: the model's, or those a person put in their place. */
  readonly args: Json
  /** The grant it runs on, where it did not need to be asked about. */
  readonly grantId: string | undefined
}

/** For `Gate` alone. */
export const issue = (call: Message.CallPart, args: Json, grantId: string | undefined): Permit => {
  const permit = Object.freeze({ call, args, grantId })
  made.add(permit)
  return permit
}

/** True only for what `issue` made. */
export const isGenuine = (permit: Permit): boolean => made.has(permit)
