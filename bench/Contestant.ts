/**
 * What every contestant can do: carry a scripted run to its end, in the way its documentation tells people to consume
 * it.
 */
import type { Script } from "./Script.ts"

export interface Contestant {
  /** Whatever is made once per process or service: an agent, a runtime. Its cost is not measured. */
  readonly open: (script: Script, options: { readonly gated: boolean }) => Promise<Opened>
  /** Serves runs over HTTP on a port of the system's choosing. Absent: this contestant is not measured as a server. */
  readonly serve?: ((script: Script) => Promise<Served>) | undefined
}

/** A server of the contestant's, in this process, that streams one run per request as Server-Sent Events. */
export interface Served {
  readonly url: string
  readonly headers: { readonly [name: string]: string }
  /** The body of the request that starts a run and streams it. */
  readonly body: string
  /** How a frame with one text delta begins: what readers count. */
  readonly mark: string
  readonly close: () => Promise<void>
}

export interface Opened {
  /** Carries one run to its end and hands over each text as the consumer's loop gets it. */
  readonly run: (onText: (text: string) => void) => Promise<void>
  /** Starts `count` runs whose tool asks first; resolves when all wait for a person. Absent: this contestant cannot. */
  readonly park?: ((count: number) => Promise<Parked>) | undefined
}

export interface Parked {
  /** Allows all calls; resolves when all runs have ended. */
  readonly resume: () => Promise<void>
}
