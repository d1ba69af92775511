/** The dialects that can be checked, and how each is detected. */
import { protocol as a2a } from "./A2a.ts"
import { protocol as aap } from "./Aap.ts"
import { protocol as acp } from "./Acp.ts"
import { protocol as agUi } from "./AgUi.ts"
import { protocol as aiSdk } from "./AiSdk.ts"
import { protocol as anthropic } from "./Anthropic.ts"
import { protocol as kai } from "./Kai.ts"
import { protocol as karta } from "./Karta.ts"
import { protocol as native } from "./Native.ts"
import { protocol as openAiChat } from "./OpenAiChat.ts"
import { protocol as openAiResponses } from "./OpenAiResponses.ts"
import type { Captured, Protocol } from "./Reader.ts"
import { protocol as steerable } from "./Steerable.ts"

const protocols = {
  a2a,
  aap,
  acp,
  "ag-ui": agUi,
  "ai-sdk": aiSdk,
  anthropic,
  kai,
  karta,
  native,
  "openai-chat": openAiChat,
  "openai-responses": openAiResponses,
  steerable
}

/**
 * The name of a dialect, as in the path of its entry.
 *
 * @since 0.1.0
 * @category models
 */
export type Name = keyof typeof protocols

export const byName: { readonly [N in Name]: Protocol } = protocols

/**
 * True for the name of a dialect that can be checked.
 *
 * @since 0.1.0
 * @category guards
 */
export const isName = (name: string): name is Name => Object.hasOwn(protocols, name)

/**
 * The names of all dialects that can be checked.
 *
 * @since 0.1.0
 * @category constants
 */
export const names: ReadonlyArray<Name> = Object.keys(protocols).filter(isName)

/** The dialect that this frame is a sign of. */
export const signOf = (frame: Captured): Protocol | undefined =>
  names.map((name) => byName[name]).find((protocol) => protocol.isSign(frame))
