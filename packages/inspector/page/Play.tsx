/** Asks an agent, and leads to the run. */
import { Button, Select, Stack, Textarea, TextInput } from "@mantine/core"
import { useState } from "react"
import { api, useAsked } from "./Client.ts"
import { Loaded, Problem } from "./Parts.tsx"
import { go, link } from "./Place.ts"

export const Play = ({ query }: { readonly query: URLSearchParams }) => {
  const asked = useAsked(api.agents, [])
  const [agent, setAgent] = useState(query.get("agent"))
  const [threadId, setThreadId] = useState(query.get("thread") ?? "")
  const [prompt, setPrompt] = useState("")
  const [problem, setProblem] = useState<string>()
  const start = async () => {
    const body = { prompt, ...(agent === null ? {} : { agent }), ...(threadId === "" ? {} : { threadId }) }
    go(link("runs", await api.query(body)))
  }
  return (
    <Loaded asked={asked}>
      {({ agents }) => (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            start().catch(({ message }: Error) => setProblem(message))
          }}
        >
          <Stack maw={640}>
            <Select
              label="Agent"
              placeholder="the first"
              clearable
              data={agents.map(({ name }) => name)}
              value={agent}
              onChange={setAgent}
            />
            <TextInput
              label="Thread"
              description="Empty: a new one"
              value={threadId}
              onChange={(event) => setThreadId(event.currentTarget.value)}
            />
            <Textarea
              label="Prompt"
              autosize
              minRows={3}
              value={prompt}
              onChange={(event) => setPrompt(event.currentTarget.value)}
            />
            <Problem text={problem} />
            <Button type="submit" disabled={prompt.trim() === ""}>
              Start a run
            </Button>
          </Stack>
        </form>
      )}
    </Loaded>
  )
}
