/**
 * Sends a request with the key that it needs: the caller's, its tenant's, or the model's own. One that needs a key that
 * is not there is not sent, and costs nothing.
 */
import { ModelFailure } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { Emit, ModelPort, ModelRequest } from "../model/Model.ts"
import type { Key, NoKey } from "../model/ProviderKeys.ts"
import type { AgentState } from "../run/AgentState.ts"
import type { Run } from "../run/Run.ts"

/** The key that a request is sent with, or why it is not sent. */
export type Needed = Key | NoKey | "taken by no model"

/** Sends a request to the agent's model. `key` absent: with the model's own. */
export const begin = (
  { agent, run }: { readonly agent: Pick<AgentState, "model">; readonly run: Pick<Run, "engine"> },
  request: ModelRequest,
  emit: Emit,
  key: Needed | undefined
): Effect.Effect<void, ModelFailure.ModelFailure> => {
  const { model, provider } = agent.model
  if (key === undefined) return agent.model.attempt(request, emit)
  switch (key) {
    case "missing":
    case "unavailable":
      return Effect.fail(
        new ModelFailure.CredentialsMissing({ provider, model, tenant: run.engine.resourceId, kind: key })
      )
    case "lost":
    case "taken by no model": {
      const description =
        key === "lost"
          ? "this process does not hold the key that the query brought"
          : "this model takes no keys of callers"
      return Effect.fail(new ModelFailure.AuthenticationFailed({ provider, model, key: "caller", description }))
    }
    default:
      return withKey(agent.model, request, emit, key)
  }
}

/** Whose key was rejected decides who can mend it. A tenant's that was rotated meanwhile is looked up again, once. */
const withKey = (
  port: ModelPort,
  request: ModelRequest,
  emit: Emit,
  { baseURL, key, of, renew }: Key
): Effect.Effect<void, ModelFailure.ModelFailure> => {
  const { model, provider } = port
  const sent = port.attempt(baseURL === undefined ? { ...request, key } : { ...request, key, baseURL }, emit)
  return Effect.catch(sent, (failure) => {
    if (failure._tag !== "AuthenticationFailed") return Effect.fail(failure)
    const rejected = Effect.fail(new ModelFailure.AuthenticationFailed({ provider, model, key: of }))
    return renew === undefined
      ? rejected
      : Effect.flatMap(renew, (other) => (other === undefined ? rejected : withKey(port, request, emit, other)))
  })
}
