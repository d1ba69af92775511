/** Mounted in Next: a route handler for every path under `/ai`. */
import { toWebHandler } from "@reins/server/promise"
import { options, runtime } from "../../../desk.ts"

const { handler } = toWebHandler(runtime, options)

export const GET = handler
export const POST = handler
export const DELETE = handler
