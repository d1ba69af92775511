/** A tool's result for text-only dialects: a string unchanged, everything else as JSON, so that nothing is lost. */
import type { Json } from "@reins/protocol"

export const make = (result: Json): string => (typeof result === "string" ? result : JSON.stringify(result))
