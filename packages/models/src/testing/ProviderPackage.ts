/**
 * Which real provider package plays a recording: by its folder's name where a package of that name is there, else by what its
 * payloads look like.
 */
import type { LanguageModelV4 } from "@ai-sdk/provider"
import * as Effect from "effect/Effect"
import { known, type Provider } from "../Provider.ts"
import { modelOf, type Recording } from "./Recording.ts"

/** The names of providers whose folder says both the provider and the API. */
const byFolder = (recording: Recording): Provider | undefined => {
  const { api, folder } = recording
  switch (api) {
    case "chat":
      // The package of xAI has left its older API, which is that of OpenAI.
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

/** The name of the provider that plays a recording. */
export const nameOf = (recording: Recording): string => byFolder(recording)?.name ?? byApi[recording.api]

/** The names that prices know providers by, where the package goes by another. */
const billedBy = (recording: Recording): string =>
  recording.folder.startsWith("xai") ? "xai" : nameOf(recording).replace(/^openai-(chat|responses)$/, "openai")

/** What plays a recording. */
export interface Player {
  readonly model: LanguageModelV4
  /** The provider's name for prices. */
  readonly provider: string
}

/** The real package's model for a recording, talking to `url`. A package that is missing is a defect. */
export const playerOf = (recording: Recording, url: string): Effect.Effect<Player> =>
  Effect.promise(() => {
    const provider = byFolder(recording) ?? known.get(byApi[recording.api])
    if (provider === undefined) return Promise.reject(new Error(`no provider package plays ${recording.folder}`))
    return provider.load({ apiKey: "recorded", baseURL: url }).then((open) => ({
      model: open(modelOf(recording) ?? "unknown"),
      provider: billedBy(recording)
    }))
  })
