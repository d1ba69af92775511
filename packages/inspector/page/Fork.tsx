/** Goes on from an event of a run in a new thread: with its own agent and prompt, or with others. */
import { Button, Group, Modal, Stack, Text, Textarea } from "@mantine/core"
import { useDisclosure } from "@mantine/hooks"
import { useState } from "react"
import { api, useAsked, type RunDetail } from "./Client.ts"
import { AgentSelect, Problem } from "./Parts.tsx"
import { go, link } from "./Place.ts"

export const Fork = ({
  label,
  run,
  seq
}: {
  readonly label: string
  readonly run: RunDetail
  /** The last event that the thread keeps; absent: all of the run. */
  readonly seq?: number
}) => {
  const [isOpen, { close, open }] = useDisclosure(false)
  const agents = useAsked(() => (isOpen ? api.agents() : Promise.resolve({ agents: [] })), [isOpen])
  const [agent, setAgent] = useState<string>(run.agent)
  const [prompt, setPrompt] = useState("")
  const [problem, setProblem] = useState<string>()
  const [isSending, setSending] = useState(false)
  const fork = async (isPlayed: boolean) => {
    const made = await api.forkRun(run.runId, seq)
    const asked = prompt.trim() === "" ? made.prompt : prompt
    if (!isPlayed || asked === undefined) return go(link("threads", made.threadId))
    return go(link("runs", await api.query({ prompt: asked, agent, threadId: made.threadId })))
  }
  const send = (isPlayed: boolean) => {
    setSending(true)
    setProblem(undefined)
    fork(isPlayed).catch(({ message }: Error) => {
      setProblem(message)
      setSending(false)
    })
  }
  return (
    <>
      <Button variant="default" mt="xs" onClick={open}>
        {label}
      </Button>
      <Modal opened={isOpen} onClose={close} title={label}>
        <Stack>
          <Text size="sm">
            A new thread has the conversation up to there, from the last step whose calls all have their results. The
            run itself is not changed.
          </Text>
          <AgentSelect agents={agents.value?.agents ?? []} chosen={agent} onChoose={setAgent} />
          <Textarea
            label="Prompt"
            description="Empty: the prompt that the run had yet to answer there. If there is none, the thread is shown."
            autosize
            minRows={3}
            value={prompt}
            onChange={(event) => setPrompt(event.currentTarget.value)}
          />
          <Problem text={problem} />
          <Group>
            <Button onClick={() => send(true)} loading={isSending}>
              Fork and run
            </Button>
            <Button variant="default" onClick={() => send(false)} disabled={isSending}>
              Fork only
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  )
}
