/** The settings of `reins serve`: one definition, which the documentation, the deployment files and the program share. */
import { assert, describe, it } from "@effect/vitest"
import { Settings } from "@reins/cli"
import { ConfigProvider, Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")
const text = (path: string) => readFileSync(join(root, path), "utf8")

const read = (env: { readonly [name: string]: string }) =>
  Effect.provideService(Settings.read, ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))

const secret = `whsec_${Buffer.alloc(24, 7).toString("base64")}`

describe("the settings of reins serve", () => {
  it("are listed in the documentation as the program defines them", () => {
    assert.include(text("docs/deploying.md"), `<!-- settings -->\n\n${Settings.table()}\n\n<!-- /settings -->`)
  })

  it("are the only ones that the deployment files set", () => {
    const used = ["compose.yaml", "kubernetes.yaml", "Dockerfile"].flatMap((file) =>
      Array.from(text(`deploy/${file}`).matchAll(/\bREINS_\w+/g), ([name]) => name)
    )
    assert.isAbove(used.length, 6)
    assert.deepStrictEqual(Settings.unknown(used), [])
  })

  it.effect("are absent where nothing or an empty text is set", () =>
    Effect.gen(function* () {
      const absent = yield* read({})
      assert.deepStrictEqual(absent, yield* read({ REINS_API_KEYS: "", REINS_LISTEN: " ", REINS_KEEP_RUNS: "" }))
      assert.isUndefined(absent.apiKeys)
      assert.isUndefined(absent.webhooks)
    })
  )

  it.effect("are read as what they mean", () =>
    Effect.gen(function* () {
      const settings = yield* read({
        REINS_LISTEN: "[::1]:8080",
        REINS_KEEP_RUNS: "30d",
        REINS_KEEP_COSTS: "104w",
        REINS_MAX_RUNS: "20",
        REINS_RECONCILE: "true",
        REINS_ORIGINS: "https://one.example, https://two.example",
        REINS_WEBHOOK_URLS: "https://one.example/a,http://pager.internal/b",
        REINS_WEBHOOK_SECRET: `${secret},${secret}`,
        REINS_WEBHOOK_EVENTS: "run.ended",
        REINS_WEBHOOK_CONTENT: "true"
      })
      assert.deepStrictEqual(settings.listen, { host: "::1", port: 8080 })
      assert.deepStrictEqual(settings.kept, { runs: 2_592_000_000, costs: 62_899_200_000, audit: undefined })
      assert.strictEqual(settings.maxRuns, 20)
      assert.isTrue(settings.reconcile)
      assert.deepStrictEqual(settings.origins, ["https://one.example", "https://two.example"])
      assert.deepStrictEqual(
        settings.webhooks?.map(({ content, events, secret, url }) => [url, secret.length, events, content]),
        [
          ["https://one.example/a", 2, ["run.ended"], true],
          ["http://pager.internal/b", 2, ["run.ended"], true]
        ]
      )
    })
  )

  it.effect("that are invalid are refused with one sentence, which names the variable and shows no secret", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<readonly [name: string, value: string, more?: { readonly [name: string]: string }]> = [
        ["REINS_LISTEN", "4111"],
        ["REINS_LISTEN", "0.0.0.0:70000"],
        ["REINS_API_KEYS", "hidden-key"],
        ["REINS_ORIGINS", "https://one.example/path"],
        ["REINS_KEEP_RUNS", "a month"],
        ["REINS_KEEP_COSTS", "-1d"],
        ["REINS_KEEP_AUDIT", "30"],
        ["REINS_MAX_BODY_BYTES", "4 MiB"],
        ["REINS_MAX_RUNS", "0"],
        ["REINS_WEBHOOK_URLS", "ftp://hidden.example", { REINS_WEBHOOK_SECRET: secret }],
        ["REINS_WEBHOOK_URLS", "https://hidden.example"],
        ["REINS_WEBHOOK_SECRET", "hidden"],
        ["REINS_WEBHOOK_SECRET", `${secret},${secret},${secret}`],
        ["REINS_WEBHOOK_EVENTS", "run.began"],
        ["REINS_WEBHOOK_CONTENT", "yes"],
        ["REINS_RECONCILE", "1"]
      ]
      for (const [name, value, more] of wrong) {
        const { message } = yield* Effect.flip(read({ [name]: value, ...more }))
        assert.match(message, new RegExp(`^${name}\\b.*\\.$`), message)
        assert.notMatch(message, /hidden|whsec_B/)
      }
    })
  )

  it("that are unknown are named, with the nearest one that is known, and those of others are passed over", () => {
    assert.deepStrictEqual(
      Settings.unknown([
        "REINS_ORIGIN",
        "REINS_COLOUR",
        "REINS_STORE",
        "REINS_API_KEY",
        "REINS_PORT_80_TCP_ADDR",
        "HOME"
      ]),
      [
        "REINS_COLOUR is no setting of reins serve and has no effect.",
        "REINS_ORIGIN is no setting of reins serve and has no effect. Did you mean REINS_ORIGINS?"
      ]
    )
  })
})
