/** Every event of a run, only those on the screen drawn; the one that is chosen is shown whole. */
import { Text } from "@mantine/core"
import type { Envelope } from "@reins/protocol"
import { useVirtualizer } from "@tanstack/react-virtual"
import { useEffect, useRef } from "react"
import { brief } from "./Format.ts"
import { Json } from "./Parts.tsx"

/** What an event is about, in a few words. */
const summaryOf = ({ type: _type, ...rest }: Envelope.Envelope["event"]): string => brief(rest, 200)

export const EventList = ({
  envelopes,
  onChoose,
  seq,
  startedAt
}: {
  readonly envelopes: ReadonlyArray<Envelope.Envelope>
  readonly startedAt: number
  /** The chosen event. */
  readonly seq: number | undefined
  readonly onChoose: (seq: number) => void
}) => {
  const frame = useRef<HTMLDivElement>(null)
  const rows = useVirtualizer({
    count: envelopes.length,
    getScrollElement: () => frame.current,
    estimateSize: () => 24,
    overscan: 20
  })
  const isShown = useRef(false)
  const index = envelopes.findIndex((envelope) => envelope.seq === seq)
  useEffect(() => {
    if (index < 0 || isShown.current) return
    isShown.current = true
    rows.scrollToIndex(index, { align: "center" })
  }, [index, rows])
  return (
    <>
      <div ref={frame} className="events mono" role="list" aria-label="Events" tabIndex={0}>
        <div style={{ height: rows.getTotalSize(), position: "relative" }} role="presentation">
          {rows.getVirtualItems().map(({ index: at, start }) => {
            const envelope = envelopes[at]
            if (envelope === undefined) return null
            const { agentPath, event } = envelope
            return (
              <div
                key={envelope.seq}
                role="listitem"
                aria-setsize={envelopes.length}
                aria-posinset={at + 1}
                style={{ position: "absolute", insetInline: 0, transform: `translateY(${start}px)` }}
              >
                <button
                  type="button"
                  className="event"
                  aria-pressed={envelope.seq === seq}
                  onClick={() => onChoose(envelope.seq)}
                  style={{
                    border: 0,
                    font: "inherit",
                    color: "inherit",
                    cursor: "pointer",
                    background: envelope.seq === seq ? "var(--mantine-color-default-hover)" : "transparent"
                  }}
                >
                  <span>{envelope.seq}</span>
                  <span>+{((envelope.at - startedAt) / 1000).toFixed(2)} s</span>
                  <span>{[...agentPath, event.type].join(" › ")}</span>
                  <span>{summaryOf(event)}</span>
                </button>
              </div>
            )
          })}
        </div>
      </div>
      {index < 0 ? (
        <Text c="dimmed" size="sm" mt="xs">
          Choose an event to see all of it.
        </Text>
      ) : (
        <Json value={envelopes[index]} />
      )}
    </>
  )
}
