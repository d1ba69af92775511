/** Rows of a run's ledger that are estimated, and what they really were, once the provider has said. */
import { Button, Group, NumberInput, Stack, Text, Title } from "@mantine/core"
import type { Usage } from "@reins/protocol"
import { useState } from "react"
import { api, useAsked, type Estimate, type RunDetail } from "./Client.ts"
import { dollars } from "./Format.ts"
import { Loaded, Problem, Rows } from "./Parts.tsx"

/** Tokens by part: what is said and what is read, with what their sums are called. */
const parts: ReadonlyArray<readonly [keyof Usage.Usage, string]> = [
  ["inputUncached", "Tokens in"],
  ["inputCacheRead", "Read from a cache"],
  ["inputCacheWrite", "Written to a cache"],
  ["inputCacheWriteLong", "Written for long"],
  ["outputText", "Tokens out"],
  ["outputReasoning", "Of reasoning"]
]

const sum = (usage: Usage.Usage, kind: "input" | "output"): number =>
  parts.reduce((total, [part]) => total + (part.startsWith(kind) ? (usage[part] ?? 0) : 0), 0)

/** What tells a row from the others of its run. */
const placeOf = ({ agentPath, model, provider, purpose, step }: Estimate) => ({
  agentPath,
  step,
  provider,
  model,
  ...(purpose === undefined ? {} : { purpose })
})

const Correct = ({
  estimate,
  onDone,
  runId
}: {
  readonly estimate: Estimate
  readonly runId: string
  readonly onDone: () => void
}) => {
  const [usage, setUsage] = useState<Usage.Usage>(estimate.usage)
  const [costUsd, setCostUsd] = useState<number | string>("")
  const [problem, setProblem] = useState<string>()
  const [done, setDone] = useState<string>()
  const send = () =>
    api
      .correct(runId, {
        ...placeOf(estimate),
        usage,
        ...(costUsd === "" ? {} : { costUsd: Number(costUsd) })
      })
      .then(
        ({ costNanoUsd }) => {
          setProblem(undefined)
          setDone(`Corrected by ${costNanoUsd < 0 ? "-" : "+"}${dollars(Math.abs(costNanoUsd))}.`)
          onDone()
        },
        ({ message }: Error) => setProblem(message)
      )
  return (
    <Stack>
      <Group align="end">
        {parts.map(([part, label]) => (
          <NumberInput
            key={part}
            label={label}
            w={140}
            min={0}
            allowDecimal={false}
            value={usage[part] ?? ""}
            onChange={(value) => {
              const { [part]: _, ...others } = usage
              setUsage(value === "" ? others : { ...others, [part]: Number(value) })
            }}
          />
        ))}
        <NumberInput
          label="US dollars"
          placeholder="by the price table"
          min={0}
          value={costUsd}
          onChange={setCostUsd}
        />
        <Button onClick={send}>Correct, once</Button>
      </Group>
      <Problem text={problem} />
      <div role="status">{done ?? ""}</div>
    </Stack>
  )
}

export const Estimates = ({ hidesContent, run }: { readonly run: RunDetail; readonly hidesContent: boolean }) => {
  const asked = useAsked(() => api.estimates(run.runId), [run.runId, run.state])
  const [chosen, setChosen] = useState<number>()
  return (
    <Loaded asked={asked}>
      {({ estimates }) => {
        const estimate = chosen === undefined ? undefined : estimates[chosen]
        return estimates.length === 0 ? null : (
          <Stack mt="md">
            <Title order={3} size="h5">
              Estimated
            </Title>
            <Text size="sm">A provider had not reported what these used.</Text>
            <Rows
              caption="Estimates"
              columns={["Who", "Step", "Model", "Tokens in", "Tokens out", "Cost", "Do"]}
              rows={estimates.map((one, index) => ({
                key: `${index}`,
                cells: [
                  one.agentPath.join(" › ") || "the run",
                  `${one.step}${one.purpose === undefined ? "" : ` (${one.purpose})`}`,
                  `${one.provider}:${one.model}`,
                  `${sum(one.usage, "input")}`,
                  `${sum(one.usage, "output")}`,
                  dollars(one.costNanoUsd),
                  hidesContent || run.state !== "ended" ? (
                    ""
                  ) : (
                    <Button
                      key="correct"
                      size="compact-xs"
                      variant="default"
                      aria-pressed={chosen === index}
                      onClick={() => setChosen(chosen === index ? undefined : index)}
                    >
                      Correct
                    </Button>
                  )
                ]
              }))}
            />
            {estimate === undefined ? null : (
              <Correct key={chosen} estimate={estimate} runId={run.runId} onDone={asked.again} />
            )}
          </Stack>
        )
      }}
    </Loaded>
  )
}
