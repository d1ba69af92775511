/**
 * A tool's result for dialects that know only text: a text as it is, everything else as JSON, so that nothing is lost.
 */
import type { Json } from "@reins/protocol"

export const make = (result: Json): string => (typeof result === "string" ? result : JSON.stringify(result))
