/**
 * Finds the real provider package that plays a recording: by its folder's name if it matches a package, else by the
 * form of its payloads.
 */
import type { LanguageModelV4 } from "@ai-sdk/provider"
import * as Effect from "effect/Effect"
import { known, type Provider } from "../Provider.ts"
import { modelOf, type Recording } from "./Recording.ts"

/** Folders whose name states both provider and API. */
const byFolder = (recording: Recording): Provider | undefined => {
  const { api, folder } = recording
  switch (api) {
    case "chat":
      // xAI's package has dropped its older API, which is OpenAI's.
      return folder.startsWith("xai") || folder.startsWith("openai-compatible")
        ? known.get("openai-compatible")
        : folder.startsWith("openai")
          ? known.get("openai-chat")
          : known.get(folder.replace(/-chat$/, ""))
    case "responses":
      return folder.startsWith("xai") ? known.get("xai") : known.get("openai-responses")
    default:
      return known.get(folder)
  }
}

const byApi = {
  chat: "openai-compatible",
  responses: "openai-responses",
  anthropic: "anthropic",
  google: "google",
  cohere: "cohere"
}

/**
 * The name of the provider that plays a recording.
 *
 * @since 0.1.0
 * @category operations
 */
export const nameOf = (recording: Recording): string => byFolder(recording)?.name ?? byApi[recording.api]

/** Provider names as price data use them, where the package has another. */
const billedBy = (recording: Recording): string =>
  recording.folder.startsWith("xai") ? "xai" : nameOf(recording).replace(/^openai-(chat|responses)$/, "openai")

/**
 * What plays a recording.
 *
 * @since 0.1.0
 * @category models
 */
export interface Player {
  readonly model: LanguageModelV4
  /** The provider's name for prices. */
  readonly provider: string
}

/**
 * The real package's model for a recording, talking to `url`. A missing package is a defect.
 *
 * @since 0.1.0
 * @category operations
 */
export const playerOf = (recording: Recording, url: string): Effect.Effect<Player> =>
  Effect.promise(() => {
    const provider = byFolder(recording) ?? known.get(byApi[recording.api])
    if (provider === undefined)
      return Promise.reject(new Error(`Unknown provider for recording folder ${recording.folder}`))
    return provider.load({ apiKey: "recorded", baseURL: url }).then((open) => ({
      model: open(modelOf(recording) ?? "unknown"),
      provider: billedBy(recording)
    }))
  })
