/**
 * How runs and calls ended, where protocols tell apart what our events do not: a model that refuses the content has answered, one that
 * cannot read so long a conversation has reached a limit, and a call that runs into a limit was refused by nobody.
 */
import type { Events, Json } from "@reins/protocol"

const reasons: { readonly [code: string]: "length" | "content-filter" } = {
  E_CONTENT_REFUSED: "content-filter",
  E_CONTEXT_OVERFLOW: "length"
}

/** The reason to finish that stands for an error, in protocols that have a word for it; absent: it is a failure. */
export const reasonOf = ({ code }: Events.ErrorEvent["error"]): "length" | "content-filter" | undefined => reasons[code]

/** Whether a call was refused, by a person or by the agent's rules, and not by a limit. */
export const isDenied = (result: Json, status: string | undefined): boolean =>
  status === "denied" &&
  !(typeof result === "object" && result !== null && "error" in result && result["error"] === "BudgetExhausted")
