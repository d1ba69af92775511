export { Authenticator } from "./access/Authenticator.ts"
export * as NetworkAddress from "./access/NetworkAddress.ts"
export { NameLookup } from "./webhook/Delivery.ts"
export type { Credentials } from "./access/Authenticator.ts"
export type { KeyRecord } from "./access/Authenticator.ts"
export type { Principal } from "./access/Authenticator.ts"
export * as Api from "./rest/Api.ts"
export * as Server from "./Server.ts"
export type { WebHandler, WebHandlerOptions } from "./Server.ts"
export type {
  Limits,
  Mount,
  OnDisconnect,
  Rate,
  ServerOptions,
  ServerSettings,
  StaticFile,
  StaticFiles
} from "./options/ServerOptions.ts"
export * as ThreadBook from "./thread/ThreadBook.ts"
export * as WebhookRetry from "./webhook/Retry.ts"
export * as WebhookSignature from "./webhook/Signature.ts"
export type { OwnWebhook, WebhookOptions } from "./options/ServerOptions.ts"
export type { ThreadBookShape, ThreadNote } from "./thread/ThreadBook.ts"
