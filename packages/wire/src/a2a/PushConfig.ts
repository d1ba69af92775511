/** Where a task's changes are sent, as A2A's clients say it. */
import * as Schema from "effect/Schema"
import type { PushTo } from "../Command.ts"

const Text = Schema.String
const Maybe = Schema.optionalKey

export const PushConfig = Schema.Struct({
  id: Maybe(Text),
  taskId: Maybe(Text),
  url: Text,
  token: Maybe(Text),
  authentication: Maybe(Schema.Struct({ scheme: Text, credentials: Maybe(Text) }))
})

export const toOurs = ({ authentication, id = "default", token, url }: typeof PushConfig.Type): PushTo => ({
  id,
  url,
  ...(token === undefined ? {} : { token }),
  ...(authentication === undefined
    ? {}
    : { authorization: [authentication.scheme, authentication.credentials ?? ""].join(" ").trim() })
})

export const fromOurs = (taskId: string, { authorization, id, token, url }: PushTo): object => {
  const [scheme = "", ...credentials] = (authorization ?? "").split(" ")
  return {
    taskId,
    id,
    url,
    ...(token === undefined ? {} : { token }),
    // What is sent with a hook is its receiver's secret.
    ...(authorization === undefined
      ? {}
      : { authentication: { scheme, credentials: credentials.length === 0 ? "" : "***" } })
  }
}
