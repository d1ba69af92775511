/** Threads, and one thread with its conversation and its runs. */
import { Anchor, Button, Group, Stack, Title } from "@mantine/core"
import { useState } from "react"
import { type Branch, api, useAsked } from "./Client.ts"
import { Conversation } from "./Conversation.tsx"
import { dollars, time } from "./Format.ts"
import { Facts, Loaded, Pager, Problem, Rows, RunLink, State } from "./Parts.tsx"
import { go, link } from "./Place.ts"

export const ThreadList = () => {
  const [after, setAfter] = useState<string>()
  const asked = useAsked(() => api.threads({ limit: "50", after }), [after], 5000)
  return (
    <Loaded asked={asked}>
      {({ next, threads }) => (
        <>
          <Rows
            caption="Threads"
            columns={["Thread", "Title", "Agent", "State", "Written"]}
            rows={threads.map((thread) => ({
              key: thread.threadId,
              cells: [
                <Anchor key="thread" href={link("threads", thread.threadId)} className="mono">
                  {thread.threadId}
                </Anchor>,
                thread.title ?? "",
                thread.agent,
                <State key="state" state={thread.state} />,
                time(thread.updatedAt)
              ]
            }))}
          />
          <Pager after={after} next={next} show={setAfter} />
        </>
      )}
    </Loaded>
  )
}

/** What was replaced of a thread: each branch can be read, returned to and forked. */
const Branches = ({
  act,
  branches,
  threadId
}: {
  readonly act: (work: Promise<unknown>) => void
  readonly branches: ReadonlyArray<Branch>
  readonly threadId: string
}) => {
  const [shown, setShown] = useState<string>()
  const asked = useAsked(
    () => (shown === undefined ? Promise.resolve(undefined) : api.branch(threadId, shown)),
    [threadId, shown]
  )
  return (
    <>
      <Rows
        caption="Branches of the thread"
        columns={["Branch", "Departs after", "Messages", "Replaced", "By", "Do"]}
        none="Nothing of this thread was replaced."
        rows={branches.map(({ branchId, from, replacedAt, replacedBy, version }) => ({
          key: branchId,
          cells: [
            <span key="branch" className="mono">
              {branchId}
            </span>,
            `${from}`,
            `${version}`,
            time(replacedAt),
            replacedBy === undefined ? "" : <RunLink key="run" runId={replacedBy} />,
            <Group key="do" gap="xs" wrap="nowrap">
              <Button
                size="compact-xs"
                variant="default"
                aria-pressed={shown === branchId}
                onClick={() => setShown(shown === branchId ? undefined : branchId)}
              >
                {shown === branchId ? "Hide" : "Read"}
              </Button>
              <Button size="compact-xs" variant="default" onClick={() => act(api.returnTo(threadId, branchId))}>
                Return to it
              </Button>
              <Button
                size="compact-xs"
                variant="default"
                onClick={() =>
                  act(api.fork(threadId, { branch: branchId }).then((made) => go(link("threads", made.threadId))))
                }
              >
                Fork
              </Button>
            </Group>
          ]
        }))}
      />
      {shown === undefined || !branches.some(({ branchId }) => branchId === shown) ? null : (
        <Loaded asked={asked}>{(found) => <Conversation label="Branch" messages={found?.messages ?? []} />}</Loaded>
      )}
    </>
  )
}

export const Thread = ({ threadId }: { readonly threadId: string }) => {
  const asked = useAsked(() => api.thread(threadId), [threadId], 5000)
  const runs = useAsked(() => api.runs({ threadId, limit: "50" }), [threadId], 5000)
  const branches = useAsked(() => api.branches(threadId), [threadId], 5000)
  const [problem, setProblem] = useState<string>()
  /** Shows what has changed, or why nothing has. */
  const act = (work: Promise<unknown>) => {
    setProblem(undefined)
    work.then(
      () => {
        asked.again()
        branches.again()
      },
      ({ message }: Error) => setProblem(message)
    )
  }
  return (
    <Loaded asked={asked}>
      {(thread) => (
        <Stack>
          <Facts
            facts={[
              [
                "Thread",
                <span key="thread" className="mono">
                  {thread.threadId}
                </span>
              ],
              ["Title", thread.title ?? "none"],
              ["Agent", thread.agent],
              ["Created", time(thread.createdAt)],
              ["Written", time(thread.updatedAt)]
            ]}
          />
          <Group>
            <Button
              component="a"
              href={link("play", undefined, { thread: threadId, agent: thread.agent })}
              variant="default"
            >
              Write to it
            </Button>
            <Button
              color="red.8"
              onClick={() =>
                window.confirm(`Delete thread ${threadId} and its messages?`) &&
                api.deleteThread(threadId).then(
                  () => go(link("threads")),
                  ({ message }: Error) => setProblem(message)
                )
              }
            >
              Delete
            </Button>
            <Problem text={problem} />
          </Group>
          <Title order={3} size="h5">
            Runs
          </Title>
          <Loaded asked={runs}>
            {(page) => (
              <Rows
                caption="Runs of the thread"
                columns={["Run", "State", "Started", "Cost"]}
                rows={page.runs.map((run) => ({
                  key: run.runId,
                  cells: [
                    <RunLink key="run" runId={run.runId} />,
                    <State key="state" state={run.state} endReason={run.endReason} waitsFor={run.waitsFor} />,
                    time(run.startedAt),
                    run.state === "ended" ? dollars(run.costNanoUsd) : ""
                  ]
                }))}
              />
            )}
          </Loaded>
          <Title order={3} size="h5">
            Conversation
          </Title>
          <Conversation
            messages={thread.messages}
            actions={(index) => (
              <>
                <Button size="compact-xs" variant="default" onClick={() => act(api.rewind(threadId, index))}>
                  Rewind to before this
                </Button>
                <Button
                  size="compact-xs"
                  variant="default"
                  onClick={() =>
                    act(api.fork(threadId, { at: index }).then((made) => go(link("threads", made.threadId))))
                  }
                >
                  Fork before this
                </Button>
              </>
            )}
          />
          <Title order={3} size="h5">
            Branches
          </Title>
          <Loaded asked={branches}>
            {(found) => <Branches act={act} branches={found.branches} threadId={threadId} />}
          </Loaded>
        </Stack>
      )}
    </Loaded>
  )
}
