/**
 * The model of a chat: it can be changed between two requests, and tells what its requests have cost so far, before the run's own
 * summary does.
 */
import { Money, type Usage } from "@reins/protocol"
import type { ModelPort, ModelRequest, Prices } from "@reins/runtime"

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

type Used = Usage.Usage

export class LiveModel implements ModelPort {
  private current: ModelPort | undefined
  private prices: Prices.PriceBook | undefined
  /** What was spent since the last summary, in nano-dollars. */
  spent = 0
  /** Whether a price was unknown: then more was spent than that. */
  isUnpriced = false

  /** Sets the model of further requests, and the prices to charge them by. */
  set(model: ModelPort, prices: Prices.PriceBook | undefined = this.prices): void {
    this.current = model
    this.prices = prices
  }

  /** What was spent is in a summary now. */
  settle(): void {
    this.spent = 0
  }

  get provider(): string {
    return this.current?.provider ?? "none"
  }

  get model(): string {
    return this.current?.model ?? "none"
  }

  get describesSafely(): boolean {
    return this.current?.describesSafely ?? false
  }

  readonly attempt: ModelPort["attempt"] = (request: ModelRequest, emit) => {
    const { current } = this
    if (current === undefined) return Effect.die(new Error("The chat has no model yet"))
    let used: Used | undefined
    const attempt = current.attempt(request, (parts) => {
      for (const part of parts) {
        if (part.type === "usage" || (part.type === "finish" && part.usage !== undefined)) used = part.usage
      }
      return emit(parts)
    })
    const charge = Effect.map(Clock.currentTimeMillis, (at) => this.charge(current, used, at))
    return Effect.ensuring(attempt, charge)
  }

  private charge({ model, provider }: ModelPort, used: Used | undefined, at: number): void {
    if (used === undefined) return
    const price = this.prices?.find(provider, model, at)
    if (price === undefined) this.isUnpriced = true
    else this.spent = Money.add(this.spent, Money.costOf(used, price).nanoUsd)
  }
}
