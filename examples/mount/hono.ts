/** Mounted in Hono. Runs wherever Hono does: Node, Bun, Deno, workers. */
import { toWebHandler } from "@reins/server/promise"
import { Hono } from "hono"
import { options, runtime } from "./desk.ts"

const { handler } = toWebHandler(runtime, options)

export const app = new Hono()
  .get("/", (context) => context.text("The shop"))
  .all("/ai/*", (context) => handler(context.req.raw))
