/** What runs cost: a chart by day, and sums by the chosen dimensions. */
import { Button, Group, MultiSelect, Select, Stack, Title, useComputedColorScheme } from "@mantine/core"
import { Bar, BarChart, CartesianGrid, Tooltip, XAxis, YAxis, ResponsiveContainer } from "recharts"
import { api, request, useAsked } from "./Client.ts"
import { dollars } from "./Format.ts"
import { Facts, Loaded, Rows } from "./Parts.tsx"
import { go, link } from "./Place.ts"

const dimensions = ["day", "principal", "agent", "root", "run", "model", "tool", "provider"]
const days = 86_400_000
const spans: ReadonlyArray<readonly [string, number]> = [
  ["1", 1],
  ["7", 7],
  ["30", 30],
  ["365", 365]
]

/** Beginning of the day in UTC, some days ago. */
const sinceOf = (count: string): number => (Math.floor(Date.now() / days) - Number(count) + 1) * days

/** Stands where a group has no value of a dimension. What has no model is of tools, and what has no tool is of models. */
const absent = (dimension: string, among: ReadonlyArray<string>): string => {
  const both = among.includes("tool") && (among.includes("model") || among.includes("provider"))
  if (both) return "none"
  return dimension === "tool" ? "(models)" : dimension === "model" || dimension === "provider" ? "(tools)" : "none"
}

const download = async (query: string): Promise<void> => {
  const blob = await (await request(`/costs?${query}&format=csv`)).blob()
  const anchor = document.createElement("a")
  anchor.href = URL.createObjectURL(blob)
  anchor.download = "costs.csv"
  anchor.click()
  URL.revokeObjectURL(anchor.href)
}

const Costs = ({ query }: { readonly query: URLSearchParams }) => {
  const by = query.get("by") ?? "model"
  const span = query.get("days") ?? "30"
  const since = sinceOf(span)
  const scheme = useComputedColorScheme("light")
  const daily = useAsked(() => api.costs({ by: "day", since }), [span])
  const grouped = useAsked(() => api.costs({ by, since, limit: 500 }), [by, span])
  const show = (change: { readonly by?: string; readonly days?: string }) =>
    go(link("costs", undefined, { by, days: span, ...change }))
  const ink = scheme === "dark" ? "#c9c9c9" : "#424242"
  return (
    <Stack>
      <Group align="end">
        <Select
          label="Last days"
          data={spans.map(([value, count]) => ({ value, label: count === 1 ? "today" : `${count} days` }))}
          value={span}
          onChange={(next) => show({ days: next ?? span })}
          allowDeselect={false}
        />
        <MultiSelect
          label="Sum by"
          data={dimensions}
          value={by.split(",")}
          onChange={(next) => show({ by: next.length === 0 ? "model" : next.join(",") })}
        />
        <Button
          variant="default"
          onClick={() => void download(new URLSearchParams({ by, since: `${since}` }).toString())}
        >
          Download as CSV
        </Button>
      </Group>
      <Loaded asked={daily}>
        {({ sum, totals }) => (
          <>
            <Facts
              facts={[
                ["Cost", `${sum.unpriced > 0 ? "≥ " : ""}${dollars(sum.costNanoUsd)}`],
                ["Runs", `${sum.runs}`],
                ["Calls", `${sum.calls}`],
                ["Tokens", `${sum.promptTokens} in, ${sum.completionTokens} out`],
                ["Calls without a known price", `${sum.unpriced}`]
              ]}
            />
            <Title order={3} size="h5">
              US dollars by day
            </Title>
            <div aria-hidden style={{ height: 220 }}>
              <ResponsiveContainer width="100%" height="100%">
                <BarChart
                  data={totals.map(({ costNanoUsd, day = "" }) => ({ day, usd: costNanoUsd / 1e9 }))}
                  accessibilityLayer={false}
                >
                  <CartesianGrid
                    strokeDasharray="3 3"
                    vertical={false}
                    stroke={scheme === "dark" ? "#424242" : "#dddddd"}
                  />
                  <XAxis dataKey="day" stroke={ink} fontSize={12} />
                  <YAxis stroke={ink} fontSize={12} width={60} />
                  <Tooltip contentStyle={{ background: scheme === "dark" ? "#242424" : "#ffffff", color: ink }} />
                  <Bar
                    dataKey="usd"
                    name="US dollars"
                    fill={scheme === "dark" ? "#748ffc" : "#3b5bdb"}
                    isAnimationActive={false}
                  />
                </BarChart>
              </ResponsiveContainer>
            </div>
            <details>
              <summary>The same as a table</summary>
              <Rows
                caption="US dollars by day"
                columns={["Day", "Runs", "Cost"]}
                rows={totals.map(({ costNanoUsd, day = "", runs }) => ({
                  key: day,
                  cells: [day, `${runs}`, dollars(costNanoUsd)]
                }))}
              />
            </details>
          </>
        )}
      </Loaded>
      <Title order={3} size="h5">
        By {by.replaceAll(",", ", ")}
      </Title>
      <Loaded asked={grouped}>
        {(report) => (
          <Rows
            caption={`Costs by ${by}`}
            columns={[...report.dimensions, "Runs", "Calls", "Tokens in", "Tokens out", "Cost"]}
            rows={report.totals.map((total) => ({
              key: report.dimensions.map((dimension) => total[dimension] ?? "").join("\n"),
              cells: [
                ...report.dimensions.map((dimension) => total[dimension] ?? absent(dimension, report.dimensions)),
                `${total.runs}`,
                `${total.calls}`,
                `${total.promptTokens}`,
                `${total.completionTokens}`,
                `${total.unpriced > 0 ? "≥ " : ""}${dollars(total.costNanoUsd)}`
              ]
            }))}
          />
        )}
      </Loaded>
    </Stack>
  )
}

export default Costs
