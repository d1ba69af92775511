/** What the page asks the server for besides the chat itself: its messages at the start, and the run that is there. */
import type { HarbourMessage } from "./HarbourMessage.ts"

/** The page contains this key, so it is not secret: use your users' sessions in your own app. */
export const headers = { authorization: "Bearer page-key" }

const post = (path: string, body: unknown = {}) =>
  fetch(`/api/${path}`, { method: "POST", headers, body: JSON.stringify(body) })

/**
 * The chat as the server keeps it; empty where it has none. The answer of an active run is not in it: its stream is
 * resumed.
 */
export const history = async (id: string): Promise<Array<HarbourMessage>> => {
  const response = await fetch(`/api/ai-sdk/chat/${id}/messages`, { headers })
  return response.ok ? response.json() : []
}

/** Ends the run. A disconnect does not, since it belongs to the server. */
export const stop = (id: string) => post(`ai-sdk/chat/${id}/stop`)

/** Sends what is written while the desk works to its run: it comes back in the stream, where it entered. */
export const steer = (runId: string, message: string) =>
  post(`native/runs/${runId}/messages`, { message, messageId: crypto.randomUUID() })

/** What was replaced of the chat, by asking again or by an edit. */
export interface Branch {
  readonly branchId: string
}

export const branches = async (id: string): Promise<ReadonlyArray<Branch>> => {
  const response = await fetch(`/api/native/threads/${id}/branches`, { headers })
  return response.ok ? (await response.json()).branches : []
}

/** Gives the chat the messages of a branch again; what they replace is a branch then. */
export const returnTo = (id: string, branchId: string) => post(`native/threads/${id}/branches/${branchId}/return`)

/** Approves a call with other arguments. Throws with the server's words where they do not fit. */
export const revise = async (approvalId: string, partial: Readonly<Record<string, unknown>>): Promise<void> => {
  const response = await post(`native/approvals/${approvalId}`, { type: "revise", partial })
  if (!response.ok) throw new Error(await response.text())
}
