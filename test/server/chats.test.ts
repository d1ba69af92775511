/**
 * Random people at the clients of chats: they ask, answer, answer in parts, late, twice and on two pages at once, write
 * instead of answering, stop, edit, ask again, branch, send a request again, write on two pages at once, send pictures. A
 * model of the thread says what the language model must have been given: nothing is dropped, nothing is doubled.
 */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chats } from "./Chats.ts"
import { Person } from "./Person.ts"
import * as Served from "./Served.ts"

describe.each(chats.map((chat) => [chat.dialect.name, chat] as const))("random people at %s", (_, chat) => {
  it.live.each([1, 2, 3])("give the model what they say, from seed %i", (seed) =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const person = new Person(served, chat, seed)
      yield* Effect.promise(async () => {
        await person.begin()
        for (let action = 0; action < 20; action += 1) await person.act()
      })
    })
  )
})
