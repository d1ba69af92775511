/** What agents remember across threads, by principal and agent; a memory can be forgotten. */
import { Button, Group, TextInput } from "@mantine/core"
import { useState } from "react"
import { api, useAsked } from "./Client.ts"
import { time } from "./Format.ts"
import { Loaded, Pager, Problem, Rows, RunLink } from "./Parts.tsx"
import { go, link } from "./Place.ts"

export const Memories = ({ query }: { readonly query: URLSearchParams }) => {
  const filter = Object.fromEntries(query)
  const asked = useAsked(() => api.memories({ limit: "50", ...filter }), [query.toString()])
  const [draft, setDraft] = useState(filter)
  const [problem, setProblem] = useState<string>()
  const show = (change: { readonly [name: string]: string | undefined }) =>
    go(link("memories", undefined, { ...filter, after: undefined, ...change }))
  const text = (name: string, label: string) => (
    <TextInput
      label={label}
      value={draft[name] ?? ""}
      onChange={(event) => setDraft({ ...draft, [name]: event.currentTarget.value })}
    />
  )
  const forget = (id: string) =>
    api.forget(id).then(
      () => {
        setProblem(undefined)
        asked.again()
      },
      ({ message }: Error) => setProblem(message)
    )
  return (
    <>
      <form
        aria-label="Filter"
        onSubmit={(event) => {
          event.preventDefault()
          show(draft)
        }}
      >
        <Group align="end" mb="md">
          {text("principal", "Principal")}
          {text("agent", "Agent")}
          <Button type="submit">Filter</Button>
        </Group>
      </form>
      <Problem text={problem} />
      <Loaded asked={asked}>
        {({ memories, next }) => (
          <>
            <Rows
              caption="Memories"
              columns={["Text", "Principal", "Agent", "Kind", "Written", "By run", "Do"]}
              none="Agents remember nothing of this kind."
              rows={memories.map(({ agent, expiresAt, id, kind, principal, runId, text, updatedAt }) => ({
                key: id,
                cells: [
                  text,
                  principal ?? "all",
                  agent ?? "all",
                  kind ?? "",
                  `${time(updatedAt)}${expiresAt === undefined ? "" : `, until ${time(expiresAt)}`}`,
                  runId === undefined ? "" : <RunLink key="run" runId={runId} />,
                  <Button
                    key="forget"
                    size="compact-xs"
                    variant="default"
                    onClick={() => window.confirm("Forget this memory? It cannot be undone.") && void forget(id)}
                  >
                    Forget
                  </Button>
                ]
              }))}
            />
            <Pager after={filter["after"]} next={next} show={(after) => show({ after })} />
          </>
        )}
      </Loaded>
    </>
  )
}
