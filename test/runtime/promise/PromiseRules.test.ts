/** Options of `createRuntime` that do not fit: each is refused when the runtime is made, by a message that names it. */
import { assert, describe, it } from "@effect/vitest"
import { Compaction, Guardrail, createRuntime } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Logger } from "effect"
import { model, options, parameters, places, refusal } from "./EveryOption.ts"

const misfits = {
  null: null,
  NaN: Number.NaN,
  "-1": -1,
  "1.5": 1.5,
  "empty text": "",
  text: "some text",
  true: true,
  "{}": {},
  "[]": [],
  "[null]": [null],
  "[{}]": [{}],
  "{ x: null }": { x: null },
  "a function": () => undefined,
  "a symbol": Symbol("s"),
  "a date": new Date(0)
} as const

type Misfit = keyof typeof misfits

const texts = { "empty text": "any text, which a model reads", text: "any text, which a model reads" } as const
const none = { "{}": "no field of it is required" } as const
const empty = { "[]": "there may be none of them" } as const
const code = { "a function": "code, whose result is validated when it is called" } as const
const time = { "1.5": "milliseconds need not be whole" } as const
const anything = { "{}": "JSON Schema that anything fits" } as const
const yes = { true: "one of the two values" } as const

/** The misfits that an option takes, and why. It refuses all others. */
const accepted: { readonly [path: string]: { readonly [M in Misfit]?: string } } = {
  model: { text: "a name, for which `models` makes a model" },
  models: code,
  mcp: none,
  budget: none,
  quotas: empty,
  providerKeys: code,
  hooks: empty,
  quotaWait: time,
  metrics: yes,
  logs: yes,
  approvals: code,
  approvalExpiresIn: time,
  approvalWarnBefore: time,
  modelRetryEvents: yes,
  toolInputEvents: yes,
  modelRetryDelay: time,
  modelTimeout: time,
  modelIdleTimeout: time,
  cancelGrace: time,
  memory: none,
  fileUrl: code,
  captureContent: yes,
  "agents[0].name": { text: "a name" },
  "agents[0].description": texts,
  "agents[0].input": anything,
  "agents[0].output": anything,
  "agents[0].instructions": texts,
  "agents[0].mcp": empty,
  "agents[0].memory": { ...yes, ...none },
  "agents[0].specialists": empty,
  "agents[0].model": { text: "a name, for which `models` makes a model" },
  "agents[0].fallbacks": empty,
  "agents[0].models": none,
  "agents[0].resolve": code,
  "agents[0].approvals": none,
  "agents[0].approvers": none,
  "agents[0].budget": none,
  "agents[0].hooks": empty,
  "agents[0].toolSearch": none,
  "agents[0].recall": none,
  "agents[0].providerOptions": none,
  "tools.look.description": texts,
  "tools.look.parameters": anything,
  "tools.look.needsApproval": { ...yes, ...code },
  "tools.look.execute": code,
  "tools.look.timeoutMs": time,
  "tools.look.hooks": empty,
  "tools.look.isPlan": yes,
  "tools.look.mayRepeat": yes,
  "tools.look.maxCostUsd": { "1.5": "US dollars", ...code },
  "tools.look.approvers": none,
  "tools.look.asks": code
}

/** Of a message, the option that it is about. */
const namedIn = (message: string): string | undefined =>
  /^Error: (?:Invalid|Unknown) option (?:in )?(.+?)[.:] /.exec(message)?.[1]

describe("createRuntime", () => {
  it("takes the options that fit", () => {
    assert.isUndefined(refusal(options))
  })

  it("is tested with misfits for each of its options", () => {
    assert.includeMembers(
      places.map(([path]) => path),
      Object.keys(accepted)
    )
  })

  it.each(places)("refuses each misfit by the name of the option, or takes it for a reason: %s", (path, replaced) => {
    const taken = accepted[path] ?? {}
    for (const [name, misfit] of Object.entries(misfits)) {
      const message = refusal(replaced(misfit))
      if (Object.hasOwn(taken, name)) {
        assert.isUndefined(message, `${path} = ${name}`)
        continue
      }
      assert.isDefined(message, `${path} = ${name} is taken`)
      // What agents name is missing, which is said of the agent.
      if (path === "tools" && name === "{}") assert.include(message, 'uses tool "look", which is not among `tools`')
      else if (path === "agents[0].tools" && name === "[]") assert.include(message, 'the unknown tool "look"')
      else assert.isTrue(namedIn(message ?? "")?.startsWith(path), `${path} = ${name}: ${message}`)
    }
  })

  it("names the option, the value and the cure", () => {
    const of = (changed: object) => refusal({ model, agents: [{ name: "desk" }], ...changed })
    assert.match(of({ model: undefined }) ?? "", /Invalid option model: undefined\. Give a model, or the name of one/)
    assert.match(of({ agents: undefined }) ?? "", /Invalid option agents: undefined\. Give at least one agent/)
    assert.match(of({ agents: [] }) ?? "", /Invalid option agents: an empty list\. Give at least one agent/)
    assert.match(
      of({ hooks: [{ name: "plain", beforeStep: () => undefined }] }) ?? "",
      /Invalid option hooks\[0\]: an object\. Make it with hook\(/
    )
    assert.match(of({ modelRetries: "3" }) ?? "", /Invalid option modelRetries: "3"\. Use a whole number of at least 0/)
    assert.match(
      of({ tools: { "look up": { parameters, timeoutMs: -1 } } }) ?? "",
      /tools\["look up"\]\.timeoutMs: -1\./
    )
    assert.match(refusal(undefined) ?? "", /Invalid option of createRuntime: undefined\. Give an object of options/)
  })

  it("refuses options that do not exist, at any depth, and shows those that do", () => {
    const of = (changed: object) => refusal({ model, agents: [{ name: "desk" }], ...changed }) ?? ""
    assert.match(
      of({ agents: [{ name: "desk", compaction: { name: "mine", above: 5 } }] }),
      /Invalid option agents\[0\]\.compaction: an object\. Make it with .* as in Compaction\.slidingWindow\(\{ above: /
    )
    assert.throws(
      () => Compaction.slidingWindow({ over: 5 } as never),
      /Unknown option slidingWindow\(\)\.over\. Available options: above, keep/
    )
    assert.match(of({ apiKey: "sk" }), /^Error: Unknown option apiKey\. Available options: .*\bproviderKeys\b/)
    assert.match(
      of({ agents: [{ name: "desk", tool: [] }] }),
      /Unknown option agents\[0\]\.tool\. Available .*\btools\b/
    )
    assert.match(
      of({ tools: { look: { parameters, run: () => 1 } } }),
      /Unknown option tools\.look\.run\. .*\bexecute\b/
    )
    assert.match(of({ budget: { maxStep: 5 } }), /Unknown option budget\.maxStep\. Available options: .*\bmaxSteps\b/)
    assert.match(
      of({ memory: { memory: 5 } }),
      /Unknown option memory\.memory\. Available options: memories, bytes, textBytes/
    )
    assert.match(
      of({ modelTimeout: { second: 5 } }),
      /Invalid option modelTimeout: an object\. Use milliseconds, or text/
    )
    assert.match(
      of({
        agents: [{ name: "desk", approvers: { roles: ["lead"], escalate: { after: "1 hour", to: { role: "head" } } } }]
      }),
      /Unknown option agents\[0\]\.approvers\.escalate\.to\.role\. Available options: roles, /
    )
  })

  it("refuses an invalid budget of the runtime at once, also where all agents have one of their own", () => {
    const of = (budget: unknown) =>
      refusal({ model, agents: [{ name: "desk", budget: { maxSteps: 1 } }], budget }) ?? ""
    assert.match(
      of({ maxSteps: -1 }),
      /^Error: Invalid option budget\.maxSteps: -1\. It must be a whole number of at least 0/
    )
    assert.match(of({ maxSteps: "12" }), /^Error: Invalid option budget\.maxSteps: "12"\. It must be a whole number/)
    assert.match(
      of({ maxCostUsd: "0.25" }),
      /^Error: Invalid option budget\.maxCostUsd: "0\.25"\. It must be US dollars/
    )
    assert.match(
      of({ maxDuration: "30s" }),
      /^Error: Invalid option budget\.maxDuration: "30s"\. It must be a duration/
    )
    assert.match(of({ warnAt: 80 }), /^Error: Invalid option budget\.warnAt: 80\. It must be from 0 to 1/)
    assert.match(
      of({ onExhausted: "wrapup" }),
      /^Error: Invalid option budget\.onExhausted: "wrapup"\. It must be one of stop/
    )
    assert.match(
      of({ maxCallsPerTool: { look: -1 } }),
      /^Error: Invalid option budget\.maxCallsPerTool\.look: -1\. It must be a whole number of at least 0$/
    )
    assert.match(
      of({ onExhausted: "a, but is b" }),
      /^Error: Invalid option budget\.onExhausted: "a, but is b"\. It must/
    )
    assert.match(of({ maxCallsPerTool: 3 }), /^Error: Invalid option budget\.maxCallsPerTool: 3\. It must be an object/)
  })

  it("refuses agents at once where what the runtime needs is not there at once", () => {
    const services = Layer.effectDiscard(Effect.promise(() => Promise.resolve()))
    const tools = { look: { parameters, execute: () => "seen" } }
    const of = (desk: object, more: object = {}) =>
      refusal({ model, services, tools, agents: [{ name: "desk", tools: ["look"], ...desk }], ...more }) ?? ""
    assert.strictEqual(of({}), "")
    assert.match(
      of({ approvals: { lok: "always" } }),
      /desk": approvals names the unknown tool "lok"\. Its tools: look$/
    )
    assert.match(
      of({ budget: { maxCallsPerTool: { lok: 1 } } }),
      /maxCallsPerTool\.lok names an unknown tool\. .* look$/
    )
    assert.match(of({ toolSearch: { alwaysLoaded: ["lok"] } }), /toolSearch\.alwaysLoaded names "lok"/)
    assert.match(
      of({}, { tools: { look: { parameters: { type: "string" }, execute: () => 1 } } }),
      /"look" are of type string/
    )
    assert.match(
      refusal({ model, services, agents: [{ name: "desk", specialists: ["clerk"] }, { name: "clerk" }] }) ?? "",
      /^Error: Agent "desk" has the specialist "clerk", which has no description\. Give it one/
    )
  })

  it("takes an instance of a class for an object of functions", async () => {
    class Vault {
      readonly keys = new Map([["acme", "sk-vault"]])
      find({ resourceId }: { readonly resourceId: string }) {
        return this.keys.has(resourceId) ? undefined : ("shared" as const)
      }
    }
    class Bound {
      readonly keys = new Map([["acme", "sk-vault"]])
      readonly find = ({ resourceId }: { readonly resourceId: string }) =>
        this.keys.has(resourceId) ? undefined : ("shared" as const)
    }
    for (const credentials of [new Vault(), new Bound()]) {
      await using runtime = createRuntime({ model, agents: [{ name: "desk" }], credentials })
      await runtime.ready()
    }
  })

  it("takes options in an instance of a class, and refuses a misspelt one among them", async () => {
    class Limits {
      readonly memories = 10
    }
    class Misspelt extends Limits {
      readonly byte = 1000
    }
    class Wrong {
      readonly memory = 10
    }
    /** An accessor of a class is not copied with its fields. */
    class Asked {
      readonly id = "2"
      get threadId() {
        return `thread-${this.id}`
      }
    }
    class Query {
      readonly threadId = "t1"
    }
    class MisspeltQuery extends Query {
      readonly resuorceId = "acme"
    }
    const agents = [{ name: "desk" }]
    const answering = ScriptedModel.make({ respond: () => ScriptedModel.text("hi") })
    await using runtime = createRuntime({ model: answering, agents, memory: new Limits() })
    const available = "Available options: memories, bytes, textBytes"
    assert.strictEqual(
      refusal({ model, agents, memory: new Misspelt() }),
      `Error: Unknown option memory.byte. ${available}`
    )
    assert.strictEqual(
      refusal({ model, agents, memory: new Wrong() }),
      `Error: Unknown option memory.memory. ${available}`
    )
    assert.match(refusal({ model, agents, memory: new Date(0) }) ?? "", /Invalid option memory: an object/)
    assert.strictEqual((await runtime.complete("hi", new Query())).threadId, "t1")
    const lost: unknown = await runtime.complete("hi", new Asked()).catch(String)
    assert.match(String(lost), /Invalid option threadId: "thread-2"\. Make it a field of the object itself/)
    const refused: unknown = await runtime.complete("hi", new MisspeltQuery()).catch(String)
    assert.match(String(refused), /Unknown option resuorceId\. Available options: /)
  })
})

describe("a guardrail of the promise front", () => {
  const { text } = ScriptedModel

  it("takes functions that return a reason, or a promise of one, and may ask a model", async () => {
    await using runtime = createRuntime({
      model: ScriptedModel.make({
        respond: (request) =>
          text(
            ScriptedModel.lastPrompt(request).startsWith("Is it rude?")
              ? "no"
              : request.messages.length > 1
                ? "Gladly."
                : "I promise."
          )
      }),
      agents: [{ name: "desk" }],
      hooks: [
        Guardrail.input("polite", {
          check: async (said, { ask }) => ((await ask({ prompt: `Is it rude? ${said}` })) === "no" ? undefined : "rude")
        }),
        Guardrail.output("no-promises", { check: (said) => (said.includes("promise") ? "Promise nothing" : undefined) })
      ]
    })
    assert.strictEqual((await runtime.complete("Help me")).output, "Gladly.")
  })

  it("lets nothing through when the check rejects, and says in the log how to see why", async () => {
    const said: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void said.push(`${logLevel} ${String(message)}`))
    let requests = 0
    await using runtime = createRuntime({
      model: ScriptedModel.make({
        respond: () => {
          requests++
          return text("never")
        }
      }),
      agents: [{ name: "desk" }],
      hooks: [Guardrail.input("broken", { check: () => Promise.reject(new Error("no connection")) })],
      services: Logger.layer([logger])
    })
    const failure: unknown = await runtime.complete("Go").catch((error: unknown) => error)
    assert.match(String(failure), /broken/)
    assert.strictEqual(requests, 0)
    assert.deepStrictEqual(said, [
      'Error Hook "broken" (beforeStep) failed; nothing is let through. To log the cause, set captureContent: true on the runtime'
    ])
  })
})
