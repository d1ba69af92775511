/** The server: the native interface and every dialect, each under its own path; two keys, two tenants. */
import { Runtime } from "@reins/runtime"
import { Authenticator, Server } from "@reins/server"
import type { ServerOptions } from "@reins/server"
import * as A2a from "@reins/wire/a2a"
import * as Aap from "@reins/wire/aap"
import * as AgUi from "@reins/wire/ag-ui"
import * as AiSdk from "@reins/wire/ai-sdk"
import * as Anthropic from "@reins/wire/anthropic"
import * as Kai from "@reins/wire/kai"
import * as Karta from "@reins/wire/karta"
import * as OpenaiChat from "@reins/wire/openai-chat"
import * as OpenaiResponses from "@reins/wire/openai-responses"
import * as Steerable from "@reins/wire/steerable"
import { Layer } from "effect"
import { Assistant, Researcher } from "./Agents.ts"
import * as Scenarios from "./Scenarios.ts"
import { Desk } from "./Tools.ts"

export const options: ServerOptions = {
  agents: [Assistant, Researcher],
  dialects: [
    { dialect: Karta.dialect },
    { dialect: Aap.dialect },
    { dialect: Aap.dialectV2 },
    { dialect: Aap.dialectV1 },
    { dialect: Kai.dialect },
    { dialect: Steerable.dialect },
    { dialect: AiSdk.dialect },
    { dialect: OpenaiChat.dialect, path: "/openai-chat/v1", anyAgent: true },
    { dialect: OpenaiResponses.dialect, path: "/openai-responses/v1", anyAgent: true },
    { dialect: Anthropic.dialect, anyAgent: true },
    { dialect: AgUi.dialect },
    { dialect: A2a.dialect }
  ]
}

export const RuntimeLive = Runtime.layer({
  agents: [Assistant, Researcher],
  // Clients of Steerable show that a request is made again.
  modelRetryEvents: true,
  // Where this server serves files that tools have stored.
  fileUrl: (fileId) => `/native/files/${fileId}`
}).pipe(Layer.provide([Desk.layer, Scenarios.layer]))

export const KeysLive = Authenticator.layerKeys({ "dev-key": "dev", "other-key": "other" })

export const ServerLive = Server.serve(options).pipe(Layer.provide([RuntimeLive, KeysLive]))

export const places = Server.places(options)
