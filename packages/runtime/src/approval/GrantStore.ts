/**
 * Where grants are kept, and uses taken from them. Taking is atomic, and the same call takes its use once however often it is
 * begun.
 */
import type { Grant } from "@reins/protocol"
import type * as Effect from "effect/Effect"

/** Keeps grants; see the header of this file. */
export interface GrantStore {
  /** Keeps a grant, unless one of its id is there. */
  readonly add: (grant: Grant.Grant) => Effect.Effect<void>
  /**
   * Takes a use for the call named `key` from a grant that covers it, the oldest first; `undefined` where there is none. A grant that
   * limits money holds for the call what it may cost at the most, or all that is left: `nanoUsdHeld` of the answer.
   */
  readonly claim: (key: string, claim: Grant.Claim, now: number) => Effect.Effect<Grant.Grant | undefined>
  /** Takes what the call named `key` has cost on the grant `id`, and gives back, once, what the grant still held for it. */
  readonly settle: (key: string, id: string, nanoUsd: number) => Effect.Effect<void>
  /** A tenant's grants that are not used up, oldest first; expired ones too, until they are revoked. */
  readonly list: (resourceId: string) => Effect.Effect<ReadonlyArray<Grant.Grant>>
  /** Takes a grant back. False when there is none. */
  readonly revoke: (id: string) => Effect.Effect<boolean>
}
