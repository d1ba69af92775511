/**
 * The files of `deploy/`: metrics that the dashboard uses are declared, and compose and Kubernetes have only fields that
 * they know, with settings that `reins serve` reads.
 */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parse, parseAllDocuments } from "yaml"

const root = join(import.meta.dirname, "../..")
const read = (path: string) => readFileSync(join(root, path), "utf8")

/** Names of metrics as the sources declare them. */
const declared = new Set(
  [
    "packages/runtime/src/run/RunMetrics.ts",
    "packages/server/src/http/Pages.ts",
    "packages/server/src/run/WebhookSender.ts"
  ].flatMap((path) => Array.from(read(path).matchAll(/"(reins_\w+)"/g), ([, name = ""]) => name))
)

const named = (text: string) =>
  new Set(Array.from(text.matchAll(/\breins_\w+/g), ([name]) => name.replace(/_(bucket|sum|count)$/, "")))

describe("metrics", () => {
  it("are all in the table of the page on operations, and nothing else is", () => {
    const [, section = ""] = read("docs/operations.md").split("\n## Metrics\n")
    const [table = ""] = section.split("\n## ")
    assert.deepStrictEqual([...named(table)].toSorted(), [...declared].toSorted())
  })

  it("that the dashboard and the alert rules use are declared", () => {
    const files = readdirSync(join(root, "deploy")).filter((file) => /\.(json|yaml)$/.test(file))
    const used = files.flatMap((file) => [...named(read(`deploy/${file}`))])
    assert.isAbove(used.length, 10)
    assert.deepStrictEqual(
      used.filter((name) => !declared.has(name)),
      []
    )
  })

  it("are all on the dashboard", () => {
    const shown = named(read("deploy/grafana-dashboard.json"))
    assert.deepStrictEqual(
      [...declared].filter((name) => !shown.has(name)),
      []
    )
  })
})

/** The fields of compose's and Kubernetes' schemas that these files may use, by the path of their parent. */
const fields: { readonly [path: string]: ReadonlyArray<string> } = {
  compose: ["services", "volumes"],
  service: ["image", "build", "depends_on", "environment", "volumes", "healthcheck", "ports", "stop_grace_period"],
  build: ["context", "dockerfile"],
  healthcheck: ["test", "interval", "retries"],
  resource: ["apiVersion", "kind", "metadata", "spec"],
  metadata: ["name", "labels"],
  deployment: ["replicas", "selector", "template"],
  pod: ["terminationGracePeriodSeconds", "enableServiceLinks", "securityContext", "containers"],
  container: [
    "name",
    "image",
    "args",
    "ports",
    "env",
    "readinessProbe",
    "livenessProbe",
    "resources",
    "securityContext"
  ],
  variable: ["name", "value", "valueFrom"],
  probe: ["httpGet", "periodSeconds"],
  balancer: ["selector", "ports"]
}

/** Fails when `value` has a field that is not one of `fields[of]`: Docker refuses it, and Kubernetes ignores it. */
const hasOnly = (of: string, value: object) => {
  assert.deepStrictEqual(
    Object.keys(value).filter((key) => !fields[of]?.includes(key)),
    [],
    of
  )
}

/** The settings that `reins serve` reads, by its own table, and the keys of providers. */
const settings = new Set([
  ...Array.from(read("docs/deploying.md").matchAll(/^\| `(REINS_\w+)` \|/gm), ([, name = ""]) => name),
  "OPENAI_API_KEY",
  "ANTHROPIC_API_KEY"
])

interface ComposeService {
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly depends_on?: { readonly [service: string]: unknown }
  readonly environment?: { readonly [name: string]: string }
  readonly healthcheck?: object
  readonly ports?: ReadonlyArray<string>
  readonly volumes?: ReadonlyArray<string>
}

interface Compose {
  readonly services: { readonly [name: string]: ComposeService }
  readonly volumes: object
}

describe("the compose file", () => {
  const { services, volumes, ...rest }: Compose = parse(read("deploy/compose.yaml"), { merge: true })

  it("has a database and two processes of the image, with fields that compose knows", () => {
    hasOnly("compose", { services, volumes, ...rest })
    const all = Object.values(services)
    for (const service of all) hasOnly("service", service)
    const built = all.filter(({ build }) => build !== undefined)
    assert.strictEqual(built.length, 2)
    for (const { build = { context: "", dockerfile: "" }, depends_on = {} } of built) {
      hasOnly("build", build)
      assert.isTrue(existsSync(join(root, "deploy", build.context, build.dockerfile)))
      assert.isNotEmpty(Object.keys(depends_on))
      for (const name of Object.keys(depends_on))
        hasOnly("healthcheck", services[name]?.healthcheck ?? { missing: name })
    }
    const mounted = all.flatMap((service) => service.volumes ?? []).map((volume) => volume.split(":")[0])
    assert.deepStrictEqual(mounted, Object.keys(volumes))
    const published = built.flatMap(({ ports = [] }) => ports.map((port) => port.split(":")))
    assert.strictEqual(new Set(published.map(([host]) => host)).size, 2)
    assert.include(read("deploy/Dockerfile"), `EXPOSE ${published[0]?.[1]}`)
  })

  it("sets only settings that the program reads", () => {
    const names = Object.values(services)
      .filter(({ build }) => build !== undefined)
      .flatMap(({ environment = {} }) => Object.keys(environment))
    assert.isAbove(names.length, 10)
    assert.deepStrictEqual(
      names.filter((name) => !settings.has(name)),
      []
    )
  })
})

describe("the Kubernetes example", () => {
  const [deployment, service] = parseAllDocuments(read("deploy/kubernetes.yaml")).map((one) => one.toJS())
  const { spec: pod } = deployment.spec.template
  const [container] = pod.containers

  it("is a deployment and its service, with fields that Kubernetes knows", () => {
    assert.deepStrictEqual([deployment.apiVersion, deployment.kind], ["apps/v1", "Deployment"])
    assert.deepStrictEqual([service.apiVersion, service.kind], ["v1", "Service"])
    for (const resource of [deployment, service]) {
      hasOnly("resource", resource)
      hasOnly("metadata", resource.metadata)
    }
    hasOnly("deployment", deployment.spec)
    hasOnly("balancer", service.spec)
    hasOnly("pod", pod)
    hasOnly("container", container)
    for (const probe of [container.readinessProbe, container.livenessProbe]) {
      hasOnly("probe", probe)
      assert.isTrue(container.ports.some(({ name }: { readonly name: string }) => name === probe.httpGet.port))
    }
  })

  it("routes requests to the processes that it starts, none of which is root", () => {
    const { labels } = deployment.spec.template.metadata
    assert.deepStrictEqual(deployment.spec.selector.matchLabels, labels)
    assert.deepStrictEqual(service.spec.selector, labels)
    assert.strictEqual(service.spec.ports[0].targetPort, container.ports[0].name)
    assert.isTrue(pod.securityContext.runAsNonRoot)
    assert.include(read("deploy/Dockerfile"), `:${container.ports[0].containerPort}`)
  })

  it("sets only settings that the program reads, each by a value or a secret", () => {
    for (const variable of container.env) {
      hasOnly("variable", variable)
      assert.isTrue(settings.has(variable.name), variable.name)
      const secret = variable.valueFrom?.secretKeyRef
      assert.isTrue((variable.value === undefined) !== (secret === undefined), variable.name)
      if (secret !== undefined) assert.strictEqual(secret.name, "reins")
    }
  })
})
