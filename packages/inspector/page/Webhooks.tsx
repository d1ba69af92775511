/** Web hooks of the tenant: add, remove, give another secret; what each has yet to be told, and why it was not. */
import { Alert, Anchor, Button, Checkbox, Code, Group, Paper, Stack, Text, TextInput, Title } from "@mantine/core"
import { useState } from "react"
import { api, useAsked, type Webhook } from "./Client.ts"
import { duration, time } from "./Format.ts"
import { Facts, Loaded, Problem, Rows, RunLink } from "./Parts.tsx"
import { go, link } from "./Place.ts"

const events = [
  { event: "approval.required", label: "when a person is asked" },
  { event: "run.ended", label: "when a run has ended" }
]

const Add = ({ onAdded }: { readonly onAdded: (secret: string) => void }) => {
  const [url, setUrl] = useState("")
  const [chosen, setChosen] = useState(events.map(({ event }) => event))
  const [content, setContent] = useState(false)
  const [problem, setProblem] = useState<string>()
  const send = () =>
    api.addWebhook({ url: url.trim(), events: chosen, content }).then(
      ({ secret }) => {
        setProblem(undefined)
        setUrl("")
        onAdded(secret)
      },
      ({ message }: Error) => setProblem(message)
    )
  return (
    <Paper
      component="form"
      withBorder
      p="md"
      aria-label="Add a web hook"
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
    >
      <Stack>
        <TextInput
          label="Address"
          description="https, with a name whose addresses are public, unless the server allows others."
          value={url}
          onChange={(event) => setUrl(event.currentTarget.value)}
        />
        <Checkbox.Group label="Told" value={chosen} onChange={setChosen}>
          <Group mt="xs">
            {events.map(({ event, label }) => (
              <Checkbox key={event} value={event} label={label} />
            ))}
          </Group>
        </Checkbox.Group>
        <Checkbox
          label="Also what is asked and what was answered"
          checked={content}
          onChange={(event) => setContent(event.currentTarget.checked)}
        />
        <Problem text={problem} />
        <Group>
          <Button type="submit" disabled={url.trim() === "" || chosen.length === 0}>
            Add
          </Button>
        </Group>
      </Stack>
    </Paper>
  )
}

const Secret = ({ secret }: { readonly secret: string }) => (
  <Alert title="The secret that its receiver verifies with">
    <Text size="sm">Copy it now: it is not shown again.</Text>
    <Code block className="mono" tabIndex={0}>
      {secret}
    </Code>
  </Alert>
)

/** How a web hook does, in a few words. */
const standing = ({ acceptedAt, failingSince, failures, lastError }: Webhook): string =>
  failures > 0
    ? `fails since ${failingSince === undefined ? "now" : time(failingSince)}: ${lastError ?? "unknown"}`
    : acceptedAt === undefined
      ? "nothing was sent yet"
      : `accepted ${time(acceptedAt)}`

const columns = ["Address", "Told", "Standing", "Waits", "Given up"]

const List = ({ webhooks }: { readonly webhooks: ReadonlyArray<Webhook> }) => (
  <Rows
    caption="Web hooks"
    columns={columns}
    none="There are none. One that is added is told of what happens from then on."
    rows={webhooks.map((webhook) => ({
      key: webhook.id,
      cells: [
        <Anchor key="id" inherit href={link("webhooks", webhook.id)} style={{ overflowWrap: "anywhere" }}>
          {webhook.url}
        </Anchor>,
        [...webhook.events, ...(webhook.content ? ["content"] : [])].join(", "),
        standing(webhook),
        `${webhook.waiting}`,
        `${webhook.lost}`
      ]
    }))}
  />
)

const OfRuns = ({
  act,
  webhooks
}: {
  readonly webhooks: ReadonlyArray<Webhook>
  readonly act: (work: Promise<unknown>) => void
}) => (
  <Rows
    caption="Web hooks of runs"
    columns={["Run", "Protocol", "Sent to", "Standing", "Do"]}
    none="No client has set one for a run that goes on."
    rows={webhooks.map((webhook) => ({
      key: webhook.id,
      cells: [
        <RunLink key="run" runId={webhook.runId ?? ""} />,
        webhook.dialect ?? "",
        webhook.url,
        standing(webhook),
        <Button
          key="remove"
          size="compact-xs"
          variant="default"
          onClick={() =>
            window.confirm(`Tell run ${webhook.runId} to ${webhook.url} no more?`) && act(api.removeWebhook(webhook.id))
          }
        >
          Remove
        </Button>
      ]
    }))}
  />
)

/** When a notice is sent next. */
const next = (at: number): string => (at <= Date.now() ? "now" : `in ${duration(at - Date.now())}`)

const One = ({ act, webhook }: { readonly webhook: Webhook; readonly act: (work: Promise<unknown>) => void }) => {
  const { id } = webhook
  const asked = useAsked(() => api.notices(id), [id], 2000)
  const [secret, setSecret] = useState<string>()
  return (
    <Stack>
      <Facts
        facts={[
          [
            "Address",
            <span key="url" style={{ overflowWrap: "anywhere" }}>
              {webhook.url}
            </span>
          ],
          ["Told", webhook.events.join(", ")],
          ["Content", webhook.content ? "what is asked and answered" : "none"],
          ["Standing", standing(webhook)],
          ["Failures in a row", `${webhook.failures}`],
          ["Waits", `${webhook.waiting}`],
          ["Given up", `${webhook.lost}`]
        ]}
      />
      <Group>
        <Button onClick={() => act(api.retryWebhook(id).then(asked.again))} disabled={webhook.waiting === 0}>
          Send again now
        </Button>
        <Button variant="default" onClick={() => act(api.rotateWebhook(id).then((made) => setSecret(made.secret)))}>
          New secret
        </Button>
        <Button
          color="red.8"
          onClick={() =>
            window.confirm(`Remove the web hook to ${webhook.url}, and what it was not told yet?`) &&
            act(api.removeWebhook(id).then(() => go(link("webhooks"))))
          }
        >
          Remove
        </Button>
      </Group>
      {secret === undefined ? null : <Secret secret={secret} />}
      <Title order={3} size="h5">
        Not accepted yet
      </Title>
      <Loaded asked={asked}>
        {({ notices }) => (
          <Rows
            caption="Notices"
            columns={["What", "Run", "Agent", "Happened", "Attempts", "Sent next"]}
            none="All was accepted."
            rows={notices.map(({ at, attempts, event, facts, nextAt, run }, index) => ({
              key: `${run.runId} ${index}`,
              cells: [
                [event, facts["target"] ?? facts["endReason"] ?? ""].join(" "),
                <RunLink key="run" runId={run.runId} />,
                run.agent,
                time(at),
                `${attempts}`,
                next(nextAt)
              ]
            }))}
          />
        )}
      </Loaded>
    </Stack>
  )
}

export const Webhooks = ({ id }: { readonly id: string | undefined }) => {
  const asked = useAsked(api.webhooks, [], 2000)
  const [secret, setSecret] = useState<string>()
  const [problem, setProblem] = useState<string>()
  const act = (work: Promise<unknown>) => {
    setProblem(undefined)
    work.then(asked.again, ({ message }: Error) => setProblem(message))
  }
  return (
    <Loaded asked={asked}>
      {({ webhooks }) => {
        const one = webhooks.find((webhook) => webhook.id === id && webhook.runId === undefined)
        if (id !== undefined) {
          return (
            <>
              <Problem text={problem} />
              {one === undefined ? <Text>There is no such web hook.</Text> : <One key={id} webhook={one} act={act} />}
            </>
          )
        }
        return (
          <Stack>
            <Problem text={problem} />
            <List webhooks={webhooks.filter(({ runId }) => runId === undefined)} />
            {secret === undefined ? null : <Secret secret={secret} />}
            <Add
              onAdded={(made) => {
                setSecret(made)
                asked.again()
              }}
            />
            <Title order={3} size="h5">
              Of runs
            </Title>
            <Text size="sm">Set by clients of A2A for one run each. They are removed when it has ended.</Text>
            <OfRuns webhooks={webhooks.filter(({ runId }) => runId !== undefined)} act={act} />
          </Stack>
        )
      }}
    </Loaded>
  )
}
