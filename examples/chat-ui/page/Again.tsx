/**
 * Below the conversation: ask for the last answer again, ask something else in its place, and return to what was replaced.
 * `useChat` does the first two by itself; the branches that they leave are the server's.
 */
import { useCallback, useEffect, useState } from "react"
import * as Server from "./Server.ts"

export const Again = ({
  edit,
  id,
  isResting,
  regenerate,
  returned
}: {
  /** Takes the last question to where it can be edited. */
  readonly edit: () => void
  readonly id: string
  /** Whether the desk works on nothing, and asks nothing. */
  readonly isResting: boolean
  readonly regenerate: () => void
  /** Called when the thread has other messages than the page shows. */
  readonly returned: () => Promise<void>
}) => {
  const [branches, setBranches] = useState<ReadonlyArray<Server.Branch>>([])
  const look = useCallback(async () => setBranches(await Server.branches(id)), [id])
  useEffect(() => {
    if (isResting) void look()
  }, [isResting, look])
  const back = async (branchId: string) => {
    await Server.returnTo(id, branchId)
    await returned()
    await look()
  }
  if (!isResting) return null
  return (
    <nav className="again" aria-label="The last answer">
      <button type="button" className="plain" onClick={regenerate}>
        Regenerate
      </button>
      <button type="button" className="plain" onClick={edit}>
        Edit the question
      </button>
      {branches.map(({ branchId }, index) => (
        <button key={branchId} type="button" className="plain" onClick={() => void back(branchId)}>
          Return to {index + 1}
        </button>
      ))}
    </nav>
  )
}
