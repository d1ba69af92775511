/** Quotas of the key's tenant and principal: what is used, reserved and left. */
import { Paper, Progress, Text, Title } from "@mantine/core"
import { api, useAsked } from "./Client.ts"
import { time } from "./Format.ts"
import { Loaded } from "./Parts.tsx"

interface Counted {
  readonly used: number
  readonly reserved: number
  readonly limit?: number | undefined
}

const Limit = ({ counted, name }: { readonly name: string; readonly counted: Counted }) => {
  const { limit, reserved, used } = counted
  if (limit === undefined) return null
  const share = (value: number) => (limit === 0 ? 100 : Math.min(100, (value / limit) * 100))
  return (
    <div>
      <Text size="sm" mt="xs">
        {name}: {used} used, {reserved} reserved of {limit}
      </Text>
      <Progress.Root size="lg" aria-hidden>
        <Progress.Section value={share(used)} color="indigo.8" />
        <Progress.Section value={share(reserved)} color="orange.6" />
      </Progress.Root>
    </div>
  )
}

export const Quotas = () => {
  const asked = useAsked(api.quotas, [], 5000)
  return (
    <Loaded asked={asked}>
      {({ quotas }) =>
        quotas.length === 0 ? (
          <Text c="dimmed">There are no quotas. The program that makes the runtime defines them.</Text>
        ) : (
          quotas.map((quota) => (
            <Paper key={quota.name} withBorder p="md" mb="sm">
              <Title order={3} size="h5">
                {quota.name}
              </Title>
              <Text size="sm" c="dimmed">
                Per {quota.per},{" "}
                {typeof quota.window === "number" ? `over ${quota.window / 3_600_000} hours` : `per ${quota.window}`}
                {quota.resetsAt === undefined ? "" : `, resets ${time(quota.resetsAt)}`}
              </Text>
              <Limit name="US dollars" counted={quota.costUsd} />
              <Limit name="Tokens" counted={quota.totalTokens} />
              <Limit name="Runs" counted={quota.runs} />
            </Paper>
          ))
        )
      }
    </Loaded>
  )
}
