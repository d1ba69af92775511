/** What is found as personal data, and what is not. */
import { assert, describe, it } from "@effect/vitest"
import { PersonalData } from "@reins/runtime"
import { Schema } from "effect"

const redact = (text: string, kinds = PersonalData.kinds) =>
  PersonalData.redact(text, { kinds, own: [], replacement: (kind) => `[${kind}]` })

describe("personal data", () => {
  it("is found in sentences, by kind", () => {
    const found: ReadonlyArray<readonly [string, string]> = [
      ["Write to mia.o'hara+x@mail.example.co.uk.", "Write to mia.o'[email]."],
      ["<mia@example.org>, bob@example.org", "<[email]>, [email]"],
      ["Card 4111 1111 1111 1111, please", "Card [card], please"],
      ["5500-0000-0000-0004 until 12/29", "[card] until 12/29"],
      ["378282246310005", "[card]"],
      ["IBAN DE89 3704 0044 0532 0130 00 and more", "IBAN [iban] and more"],
      ["gb82west12345698765432", "[iban]"],
      ["from 192.168.0.1 to 10.0.0.255:8080", "from [ip] to [ip]:8080"],
      ["at 2001:db8::8a2e:370:7334, or ::1", "at [ip], or [ip]"],
      ["fe80:0:0:0:200:f8ff:fe21:67cf", "[ip]"],
      ["Call +49 (30) 901820 or 030 / 901 820 21", "Call [phone] or [phone]"],
      ["(415) 555-2671 and 415.555.2671", "[phone] and [phone]"]
    ]
    for (const [text, expected] of found) assert.strictEqual(redact(text), expected)
  })

  it("is not found in amounts, dates, times, versions, hashes and ids", () => {
    const plain = [
      "It costs 1,234,567.89 EUR, or 12.50.",
      "On 2026-07-14 at 12:30:45, order 1234567890.",
      "Version 4.1.0, and 300.300.300.300",
      "sha 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
      "Card 4111 1111 1111 1112 has a wrong digit, as has DE88 3704 0044 0532 0130 00",
      "std::vector and a::b, 0000000000000000",
      "run_01K0ABCDEF and apr_77"
    ]
    for (const text of plain) assert.strictEqual(redact(text), text)
  })

  it("is looked for by the kinds that are wanted, and own patterns come first", () => {
    assert.strictEqual(redact("mia@example.org, 192.168.0.1", ["ip"]), "mia@example.org, [ip]")
    const own = [["order", /\bO-\d+\b/g]] as const
    assert.strictEqual(
      PersonalData.redact("O-12 of mia@example.org", { kinds: ["email"], own, replacement: () => "•" }),
      "• of •"
    )
  })

  const digit = Schema.Literals(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])
  const digits = (count: number) => Schema.Array(digit).check(Schema.isMinLength(count), Schema.isMaxLength(count))

  /** With its check digit. */
  const cardOf = (body: string): string => {
    for (let check = 0; check < 10; check++) {
      let sum = 0
      for (const [index, one] of [...`${body}${check}`].toReversed().entries()) {
        const twice = Number(one) * 2
        sum += index % 2 === 0 ? Number(one) : Math.floor(twice / 10) + (twice % 10)
      }
      if (sum % 10 === 0) return `${body}${check}`
    }
    return body
  }

  it.prop("hides every card with a valid check digit, in groups or not", { body: digits(14) }, ({ body }) => {
    const card = cardOf(`4${body.join("")}`)
    const grouped = card.replace(/(.{4})(?=.)/g, "$1 ")
    for (const text of [card, grouped]) assert.strictEqual(redact(`pay ${text}!`, ["card"]), "pay [card]!")
  })

  it.prop("hides every IBAN of Germany with valid check digits", { bban: digits(18) }, ({ bban }) => {
    const number = bban.join("")
    // D is 13, E is 14.
    const check = String(98n - (BigInt(`${number}131400`) % 97n)).padStart(2, "0")
    assert.strictEqual(redact(`to DE${check}${number}.`), "to [iban].")
  })

  it.prop("changes nothing a second time", { text: Schema.String }, ({ text }) => {
    const once = redact(`${text} mia@example.org +4930901820 ${text}`)
    assert.strictEqual(redact(once), once)
  })

  it("takes no longer than its text is long", () => {
    for (const one of ["a", "1", "1 ", "a.", "0:", "+1", "AB12 ", "@"]) {
      const text = one.repeat(20_000)
      assert.isString(redact(text))
    }
  }, 2000)
})
