/**
 * The interface of a contestant: it executes a scripted run to its end, consumed as its documentation recommends.
 */
import type { Script } from "./Script.ts"

export interface Contestant {
  /** Makes what is needed once per process or service: an agent, a runtime. Its cost is not measured. */
  readonly open: (script: Script, options: { readonly gated: boolean }) => Promise<Opened>
  /** Serves runs over HTTP on a free port. Absent: this contestant is not measured as a server. */
  readonly serve?: ((script: Script) => Promise<Served>) | undefined
}

/** The contestant's server, in this process, which streams one run per request as Server-Sent Events. */
export interface Served {
  readonly url: string
  readonly headers: { readonly [name: string]: string }
  /** The body of the request that starts a run and streams it. */
  readonly body: string
  /** The beginning of a frame with a text delta, which readers count. */
  readonly mark: string
  readonly close: () => Promise<void>
}

export interface Opened {
  /** Executes one run to its end and calls back with each text as the consumer's loop gets it. */
  readonly run: (onText: (text: string) => void) => Promise<void>
  /** Starts `count` runs with a tool that needs approval; resolves when all wait for it. Absent: not supported. */
  readonly park?: ((count: number) => Promise<Parked>) | undefined
}

export interface Parked {
  /** Allows all calls; resolves when all runs have ended. */
  readonly resume: () => Promise<void>
}
