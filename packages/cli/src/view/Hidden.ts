/** Events that a person hides, by name: our own, and the names of `--json-output`. Pure. */
import type { Event } from "@reins/protocol"
import * as Effect from "effect/Effect"
import { type CommandFailed, misused } from "../setting/CommandFailed.ts"

/** All of our own; a new one is missed by the compiler. */
const ours: { readonly [type in Event["type"]]: true } = {
  text: true,
  reasoning: true,
  "step-start": true,
  "step-retracted": true,
  "message-received": true,
  "late-result": true,
  "tool-input-delta": true,
  source: true,
  "tool-invocation": true,
  "tool-agent": true,
  "tool-progress": true,
  "data-tool-agent": true,
  "approval-required": true,
  "approval-decision": true,
  "plan-status-change": true,
  "data-file-registered": true,
  "data-flow-ui": true,
  budget_exhausted: true,
  custom: true,
  finish: true,
  "data-cost-summary": true,
  "data-latency-summary": true,
  error: true
}

/** What only lines of JSON are called. */
const lines = ["tool-call", "tool-output-error"]

/** The names. */
export const known: ReadonlyArray<string> = [...Object.keys(ours), ...lines]

/** The names of `--hide`; fails with a sentence if one of them is not an event. */
export const check = (names: ReadonlySet<string>): Effect.Effect<void, CommandFailed> => {
  const unknown = [...names].find((name) => !known.includes(name))
  return unknown === undefined
    ? Effect.void
    : Effect.fail(misused(`--hide: unknown event ${JSON.stringify(unknown)}. Events: ${known.join(", ")}.`))
}
