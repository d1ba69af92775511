/** Grants that are valid, and the record of who asked, answered, granted and revoked what. */
import { Button, Group, Text, TextInput, Title } from "@mantine/core"
import { useState } from "react"
import { api, useAsked } from "./Client.ts"
import { brief, dollars, time } from "./Format.ts"
import { Loaded, Problem, Rows, RunLink } from "./Parts.tsx"
import { go, link } from "./Place.ts"

const Grants = () => {
  const asked = useAsked(api.grants, [], 5000)
  const [problem, setProblem] = useState<string>()
  return (
    <Loaded asked={asked}>
      {({ grants }) => (
        <>
          <Problem text={problem} />
          <Rows
            caption="Grants"
            columns={["Tool", "Scope", "Only for", "Left", "Expires", "By", "Action"]}
            rows={grants.map((grant) => ({
              key: grant.id,
              cells: [
                grant.toolName,
                grant.scope === "thread" ? `thread ${grant.threadId}` : `${grant.scope} ${grant.runId}`,
                grant.matcher === undefined ? "any arguments" : brief(grant.matcher),
                [
                  grant.usesLeft === undefined ? "any number" : `${grant.usesLeft} uses`,
                  grant.nanoUsdLeft === undefined ? "" : dollars(grant.nanoUsdLeft)
                ]
                  .filter(Boolean)
                  .join(", "),
                grant.expiresAt === undefined ? "never" : time(grant.expiresAt),
                grant.by ?? "",
                <Button
                  key="revoke"
                  size="compact-sm"
                  variant="default"
                  aria-label={`Revoke the grant for ${grant.toolName}`}
                  onClick={() => api.revoke(grant.id).then(asked.again, ({ message }: Error) => setProblem(message))}
                >
                  Revoke
                </Button>
              ]
            }))}
          />
        </>
      )}
    </Loaded>
  )
}

export const Audit = ({ query }: { readonly query: URLSearchParams }) => {
  const filter = Object.fromEntries(query)
  const asked = useAsked(() => api.history({ limit: "100", ...filter }), [query.toString()])
  const self = useAsked(api.self, [])
  const [runId, setRunId] = useState(filter["runId"] ?? "")
  return (
    <>
      <Title order={3} size="h5">
        Grants
      </Title>
      {self.value === undefined ? null : self.value.sees === "order" ? (
        <Text c="dimmed">This key does not see grants.</Text>
      ) : (
        <Grants />
      )}
      <Title order={3} size="h5" mt="lg">
        Record
      </Title>
      <form
        aria-label="Filter"
        onSubmit={(event) => {
          event.preventDefault()
          go(link("audit", undefined, { runId }))
        }}
      >
        <Group align="end" mb="sm">
          <TextInput label="Run" value={runId} onChange={(event) => setRunId(event.currentTarget.value)} />
          <Button type="submit">Filter</Button>
        </Group>
      </form>
      <Loaded asked={asked}>
        {({ acts, next }) => (
          <>
            <Rows
              caption="The audit record"
              columns={["When", "Act", "About", "Outcome", "By", "Run"]}
              rows={acts.map((act) => ({
                key: act.id,
                cells: [
                  time(act.at),
                  act.kind,
                  [act.about, act.target].filter(Boolean).join(" "),
                  [act.outcome, act.reason, act.quorum === undefined ? "" : `${act.given ?? 0} of ${act.quorum}`]
                    .filter(Boolean)
                    .join(", "),
                  act.by ?? "",
                  <RunLink key="run" runId={act.runId} />
                ]
              }))}
            />
            {next === undefined ? null : (
              <Button variant="default" onClick={() => go(link("audit", undefined, { ...filter, after: next }))}>
                Later
              </Button>
            )}
          </>
        )}
      </Loaded>
    </>
  )
}
