/** The part of Karta's configuration file that a server honours, with the file's own names. */
import type { Decision } from "@reins/protocol"
import type { Options } from "./Turn.ts"
import type { KartaType } from "./KartaEvent.ts"
import * as Policy from "./Policy.ts"

/**
 * **Details**
 * - `cli.hidden_event_types`: events of these types are not sent. A question that is hidden is answered by
 *   `cli.input_required_hidden_policy`; absent: it is denied.
 * - `cli.input_required_policy`: answers every question; absent: as `runtime.permission_mode` says.
 * - `runtime.permission_mode`: `interactive` asks a person (the default), `autonomous` approves for the session.
 *
 * A request can hide more types, and its own policies take precedence.
 *
 * @since 0.1.0
 * @category models
 */
export interface Configuration {
  readonly cli?: {
    readonly hidden_event_types?: ReadonlyArray<KartaType> | undefined
    readonly input_required_policy?: Policy.InputPolicy | undefined
    readonly input_required_hidden_policy?: Policy.InputPolicy | undefined
  }
  readonly runtime?: { readonly permission_mode?: PermissionMode | undefined }
}

export type PermissionMode = "interactive" | "autonomous"

export const modeOf = ({ runtime }: Configuration): PermissionMode => runtime?.permission_mode ?? "interactive"

/** A request's own configuration. */
export type Own = NonNullable<Configuration["cli"]>

/**
 * How a request is answered: what its stream shows, and the decision that every question gets; `undefined`: a person
 * decides.
 */
export const settle = (
  configuration: Configuration,
  own: Own,
  thinking: boolean
): { readonly options: Options; readonly automatic: Decision | undefined } => {
  const { cli = {} } = configuration
  const hidden = new Set([...(cli.hidden_event_types ?? []), ...(own.hidden_event_types ?? [])])
  const automatic = Policy.automatic({
    policy:
      own.input_required_policy ??
      cli.input_required_policy ??
      (modeOf(configuration) === "autonomous" ? "approve_session" : undefined),
    hiddenPolicy: own.input_required_hidden_policy ?? cli.input_required_hidden_policy,
    isHidden: hidden.has("input_required")
  })
  return { options: { thinking, hidden, automatic: automatic !== undefined }, automatic }
}
