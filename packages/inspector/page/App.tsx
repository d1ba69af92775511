/** The frame of the page: navigation, the key, and the view that the address names. */
import {
  ActionIcon,
  Alert,
  AppShell,
  Badge,
  Burger,
  Button,
  Container,
  Group,
  NavLink,
  PasswordInput,
  Popover,
  Stack,
  Title,
  useComputedColorScheme,
  useMantineColorScheme
} from "@mantine/core"
import { useDisclosure } from "@mantine/hooks"
import { lazy, Suspense, useState } from "react"
import { Approvals } from "./Approvals.tsx"
import { Audit } from "./Audit.tsx"
import { api, key, useAsked } from "./Client.ts"
import { Loaded } from "./Parts.tsx"
import { Memories } from "./Memories.tsx"
import { Play } from "./Play.tsx"
import { link, usePlace, type Place } from "./Place.ts"
import { Quotas } from "./Quotas.tsx"
import { RunList } from "./RunList.tsx"
import { Run } from "./Run.tsx"
import { ThreadList, Thread } from "./Threads.tsx"
import { Webhooks } from "./Webhooks.tsx"

// Charts and the readers of every dialect are the larger part of the page, and seldom looked at.
const Costs = lazy(() => import("./Costs.tsx"))
const Check = lazy(() => import("./Check.tsx"))

const views: ReadonlyArray<readonly [string, string]> = [
  ["runs", "Runs"],
  ["approvals", "Approvals"],
  ["costs", "Costs"],
  ["quotas", "Quotas"],
  ["threads", "Threads"],
  ["memories", "Memories"],
  ["audit", "Audit and grants"],
  ["webhooks", "Web hooks"],
  ["play", "Play"],
  ["check", "Check a stream"]
]

const View = ({ place: { id, query, view } }: { readonly place: Place }) => {
  switch (view) {
    case "runs":
      return id === undefined ? (
        <RunList query={query} />
      ) : (
        <Run key={id} runId={id} seq={query.get("seq")} tab={query.get("tab")} />
      )
    case "approvals":
      return <Approvals id={id} />
    case "costs":
      return <Costs query={query} />
    case "quotas":
      return <Quotas />
    case "threads":
      return id === undefined ? <ThreadList /> : <Thread key={id} threadId={id} />
    case "memories":
      return <Memories query={query} />
    case "audit":
      return <Audit query={query} />
    case "webhooks":
      return <Webhooks id={id} />
    case "play":
      return <Play query={query} />
    case "check":
      return <Check />
    default:
      return <Alert title="There is no such page">Choose one on the left.</Alert>
  }
}

const KeyForm = ({ onSet }: { readonly onSet: () => void }) => {
  const [value, setValue] = useState(key.get())
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        key.set(value.trim())
        onSet()
      }}
    >
      <Stack gap="xs">
        <PasswordInput
          label="API key"
          description="Kept in this tab only. A key with the role operator sees every run of its tenant."
          value={value}
          onChange={(event) => setValue(event.currentTarget.value)}
        />
        <Button type="submit">Use this key</Button>
      </Stack>
    </form>
  )
}

export const App = () => {
  const place = usePlace()
  const [isOpen, { close, toggle }] = useDisclosure(false)
  const [turn, setTurn] = useState(0)
  const { setColorScheme } = useMantineColorScheme()
  const scheme = useComputedColorScheme("light")
  const self = useAsked(api.self, [turn])
  const title = views.find(([view]) => view === place.view)?.[1] ?? "Inspector"
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 200, breakpoint: "sm", collapsed: { mobile: !isOpen } }}
      padding="md"
    >
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group wrap="nowrap">
            <Burger opened={isOpen} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Navigation" />
            <Title order={1} size="h4">
              Reins inspector
            </Title>
          </Group>
          <Group wrap="nowrap" gap="xs">
            {self.value === undefined ? null : (
              <Badge color="gray.7" tt="none" visibleFrom="sm">
                {[self.value.tenant, self.value.name, ...(self.value.roles ?? [])].filter(Boolean).join(" · ")}
              </Badge>
            )}
            <Popover width={320} position="bottom-end" trapFocus>
              <Popover.Target>
                <Button variant="default" size="xs">
                  Key
                </Button>
              </Popover.Target>
              <Popover.Dropdown>
                <KeyForm onSet={() => setTurn(turn + 1)} />
              </Popover.Dropdown>
            </Popover>
            <ActionIcon
              variant="default"
              size="md"
              aria-label={scheme === "dark" ? "Use the light scheme" : "Use the dark scheme"}
              onClick={() => setColorScheme(scheme === "dark" ? "light" : "dark")}
            >
              {scheme === "dark" ? "☀" : "☾"}
            </ActionIcon>
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label="Pages">
        {views.map(([view, label]) => (
          <NavLink key={view} href={link(view)} label={label} active={place.view === view} onClick={close} />
        ))}
      </AppShell.Navbar>
      <AppShell.Main>
        <Container size="xl" px={0}>
          <Title order={2} size="h3" mb="md">
            {title}
          </Title>
          {self.error === undefined ? (
            <Loaded asked={self}>
              {() => (
                <Suspense fallback={null}>
                  <View key={turn} place={place} />
                </Suspense>
              )}
            </Loaded>
          ) : (
            <Stack maw={420}>
              <Alert color="red" title="The server refused" role="alert">
                {self.error.message}
              </Alert>
              <KeyForm onSet={() => setTurn(turn + 1)} />
            </Stack>
          )}
        </Container>
      </AppShell.Main>
    </AppShell>
  )
}
