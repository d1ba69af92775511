/** Decodes rows of logs. */
import type { Envelope } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { Row } from "./Database.ts"
import * as Packing from "./Packing.ts"
import * as StoredJson from "./StoredJson.ts"

type Piece = Pick<Envelope.Envelope, "agentPath" | "at" | "event" | "seq">

/** The events of each row, which has the columns `seq`, `at`, `path`, `event`, `packed`. */
export const unpacked = (
  rows: ReadonlyArray<Row>
): Effect.Effect<ReadonlyArray<ReadonlyArray<Piece>>, StoredJson.CorruptRow> =>
  Effect.flatMap(
    StoredJson.events(rows.map((row) => [row["path"], row["event"], row["packed"] ?? "null"])),
    (parts) => {
      const all: Array<ReadonlyArray<Piece>> = []
      for (const [index, [agentPath, event, cuts]] of parts.entries()) {
        const [seq, at] = [Number(rows[index]?.["seq"]), Number(rows[index]?.["at"])]
        const pieces = Packing.unpack({ agentPath, event, cuts: cuts ?? undefined, seq, at })
        if (pieces === undefined || !Number.isSafeInteger(seq) || !Number.isSafeInteger(at))
          return Effect.fail(new StoredJson.CorruptRow({ table: "reins_events" }))
        all.push(pieces)
      }
      return Effect.succeed(all)
    }
  )
