/**
 * Who may run a tool without asking: nobody (`always` ask), anybody (`never` ask), or it depends (a predicate over the
 * decoded arguments; true means ask). Pure data and one choice; deciding about a call is `Gate`.
 */
import type * as Effect from "effect/Effect"
import type * as Prompt from "effect/ai/Prompt"
import type * as Erased from "../kernel/Erased.ts"

/** What a predicate is told besides the arguments. */
export interface PolicyContext {
  readonly runId: string
  readonly threadId: string
  readonly resourceId: string
  readonly toolName: string
  readonly toolCallId: string
  readonly agentPath: ReadonlyArray<string>
  /** The agent's conversation so far, as `effect/ai` has it. Made when it is read. */
  readonly messages: ReadonlyArray<Prompt.Message>
}

/** True means: ask a person. One that fails, dies or takes too long means ask, too. */
export type Predicate = (args: Erased.Any, context: PolicyContext) => boolean | Effect.Effect<boolean>

/** Who may run a tool without asking: `never` asks, `always` asks, or a predicate decides. */
export type Policy = "never" | "always" | Predicate

/**
 * The policy for one tool: the agent's own word for it, else the tool's declaration, else the runtime's floor for tools
 * that declare nothing.
 */
export const resolve = (
  agent: Policy | undefined,
  declared: boolean | Predicate | undefined,
  floor: Policy
): Policy => {
  if (agent !== undefined) return agent
  if (declared === undefined) return floor
  return typeof declared === "boolean" ? (declared ? "always" : "never") : declared
}
