/** Mounted in Express, before anything that reads the body. */
import { toNodeHandler } from "@reins/server/node"
import express from "express"
import { options, runtime } from "./desk.ts"

// Express takes the path of a mount off the address, so the routes need no prefix.
const { prefix, ...rest } = options

export const app = express()
  .use(prefix, toNodeHandler(runtime, rest))
  .use(express.json())
  .get("/", (_, response) => void response.send("The shop"))
