/** What can be done to a run that has not ended: cancel it, raise a limit, send it a message. */
import { Button, Group, Modal, NumberInput, Select, Stack, TextInput } from "@mantine/core"
import { useDisclosure } from "@mantine/hooks"
import { useState } from "react"
import { api, type RunDetail } from "./Client.ts"
import { Problem } from "./Parts.tsx"

const limits = ["maxSteps", "maxToolCalls", "maxTotalTokens", "maxCostUsd", "maxDuration", "maxAgents"]

const Raise = ({ onDone, runId }: { readonly runId: string; readonly onDone: () => void }) => {
  const [isOpen, { close, open }] = useDisclosure(false)
  const [limit, setLimit] = useState("maxCostUsd")
  const [value, setValue] = useState<number | string>("")
  const [problem, setProblem] = useState<string>()
  const send = () =>
    api.raise(runId, { [limit]: Number(value) }).then(
      () => {
        close()
        onDone()
      },
      ({ message }: Error) => setProblem(message)
    )
  return (
    <>
      <Button variant="default" onClick={open}>
        Raise a limit
      </Button>
      <Modal opened={isOpen} onClose={close} title="Raise a limit">
        <Stack>
          <Select
            label="Limit"
            data={limits}
            value={limit}
            onChange={(name) => setLimit(name ?? limit)}
            allowDeselect={false}
          />
          <NumberInput
            label="New limit"
            description="US dollars, milliseconds, or a count"
            min={0}
            value={value}
            onChange={setValue}
          />
          <Problem text={problem} />
          <Button onClick={send} disabled={value === ""}>
            Raise
          </Button>
        </Stack>
      </Modal>
    </>
  )
}

export const Actions = ({ again, run }: { readonly run: RunDetail; readonly again: () => void }) => {
  const [words, setWords] = useState("")
  const [problem, setProblem] = useState<string>()
  const act = (done: Promise<unknown>) =>
    done.then(
      () => {
        setProblem(undefined)
        again()
      },
      ({ message }: Error) => setProblem(message)
    )
  if (run.state === "ended") return null
  return (
    <Stack gap="xs" my="sm">
      <Group align="end">
        <Button color="red.8" onClick={() => act(api.cancel(run.runId))}>
          Cancel the run
        </Button>
        <Raise runId={run.runId} onDone={again} />
        <form
          onSubmit={(event) => {
            event.preventDefault()
            void act(api.steer(run.runId, words).then(() => setWords("")))
          }}
        >
          <Group align="end">
            <TextInput
              label="Message to the agent"
              value={words}
              onChange={(event) => setWords(event.currentTarget.value)}
            />
            <Button type="submit" variant="default" disabled={words.trim() === ""}>
              Send
            </Button>
          </Group>
        </form>
      </Group>
      <Problem text={problem} />
    </Stack>
  )
}
