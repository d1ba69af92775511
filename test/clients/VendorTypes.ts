/**
 * The types of the vendors' official clients that `Vendors` makes schemas of, apart where two have types of one name.
 */
import type { BetaMessage, BetaRawMessageStreamEvent } from "@anthropic-ai/sdk/resources/beta/messages/messages"
import type * as Anthropic from "@anthropic-ai/sdk/resources/messages/messages"
import type { ModelInfo } from "@anthropic-ai/sdk/resources/models"
import type { ChatCompletion, ChatCompletionChunk } from "openai/resources/chat/completions/completions"
import type * as Models from "openai/resources/models"
import type * as Responses from "openai/resources/responses/responses"

export interface VendorChat {
  readonly Chunk: ChatCompletionChunk
  readonly Completion: ChatCompletion
}

export interface VendorResponses {
  readonly Response: Responses.Response
  readonly ResponseEvent: Responses.ResponseStreamEvent
  readonly Item: Responses.ResponseItem
}

export interface VendorModels {
  readonly Model: Models.Model
  readonly ModelInfo: ModelInfo
}

export interface VendorMessages {
  readonly Message: Anthropic.Message
  readonly MessageEvent: Anthropic.RawMessageStreamEvent
  readonly TokensCount: Anthropic.MessageTokensCount
}

export interface VendorBetaMessages {
  readonly BetaMessage: BetaMessage
  readonly BetaMessageEvent: BetaRawMessageStreamEvent
}
