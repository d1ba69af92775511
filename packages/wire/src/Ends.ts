/**
 * How runs and calls ended, for distinctions that protocols make and our events do not: a model that refuses the
 * content has answered, a conversation that is too long has reached a limit, and a call at a limit was not refused by a
 * person.
 */
import type { Events, Json } from "@reins/protocol"

const reasons: { readonly [code: string]: "length" | "content-filter" } = {
  E_CONTENT_REFUSED: "content-filter",
  E_CONTEXT_OVERFLOW: "length"
}

/** The finish reason for an error, in protocols that have one; absent: it is a failure. */
export const reasonOf = ({ code }: Events.ErrorEvent["error"]): "length" | "content-filter" | undefined => reasons[code]

/** Whether a call was refused, by a person or by the agent's rules, and not by a limit. */
export const isDenied = (result: Json, status: string | undefined): boolean =>
  status === "denied" &&
  !(typeof result === "object" && result !== null && "error" in result && result["error"] === "BudgetExhausted")
