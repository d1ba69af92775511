import { dialect } from "@reins/wire/anthropic"
import { asText } from "../Play.ts"
import { suite } from "../Suite.ts"
import { read } from "./Reader.ts"

suite("Anthropic Messages", () => ({
  open: dialect.open,
  read,
  retracts: false,
  result: (settled) =>
    settled.type === "tool-invocation" && settled.execution === "client" ? undefined : asText(settled)
}))
